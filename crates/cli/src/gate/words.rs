//! What the gate says of tasks and commits.

use api::story::Story;
use model::TaskSpec;

/// Why a task was ended that took too long.
pub(super) fn took_too_long(task: &TaskSpec) -> String {
    match task.max_time {
        Some(most) => format!("it took longer than {most}"),
        None => "it took too long".to_owned(),
    }
}

/// What a build says of one of its steps: `failed with exit code 2`.
pub(super) fn of_stage(story: Option<&Story>, stage: Option<&str>) -> Option<String> {
    let step = story?.steps.iter().find(|s| Some(s.name.as_str()) == stage)?;
    Some(step.state.clone())
}

/// The first seven digits of a hash.
pub(super) fn short(hash: &str) -> String {
    hash.chars().take(7).collect()
}

/// This machine's name.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
