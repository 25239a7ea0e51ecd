//! What is known of a build that has ended, gathered for those who tell of it.

use logs::Logs;
use model::{Build, BuildId, LogFacts, ProjectSpec, Results, Step, Stream};
use report::{Earlier, History, Story, Tail};
use store::{Store, StoreError};

/// How many earlier builds of the builder are searched for those of the same branch.
const MOST_EARLIER: u64 = 1000;
/// How many of them are read at once.
const PAGE: u64 = 50;
/// How much of the failing step's log is told.
const LINES: u64 = 30;
/// The same in bytes.
const BYTES: usize = 16 << 10;

/// The story of a build. `None`: it is gone, or has not ended.
pub(super) async fn tell(
    store: &Store,
    logs: &Logs,
    project: ProjectSpec,
    id: BuildId,
) -> Result<Option<Story>, StoreError> {
    let Some(build) = store.build(id).await? else { return Ok(None) };
    let model::BuildStatus::Complete { at: ended_at, results } = build.status else { return Ok(None) };
    let Some(builder) = store.builder(build.builder).await? else { return Ok(None) };
    let request = store.request(build.request).await?;
    let set = match &request {
        Some(request) => store.set(request.set).await?,
        None => None,
    };
    let steps = store.steps_of_build(id).await?;
    let own_logs = store.logs_of_build(id).await?;
    let mut story = Story {
        project,
        builder,
        results,
        ended_at,
        worker: store.worker(build.worker).await?.map(|w| w.name).unwrap_or_default(),
        reason: set.map(|s| s.reason).unwrap_or_default(),
        changes: store.changes_of_build(id).await?,
        tail: tail(logs, id, results, &steps, &own_logs).await,
        steps,
        logs: own_logs,
        history: History::default(),
        build,
    };
    story.history = history(store, &story).await?;
    Ok(Some(story))
}

/// What the earlier builds of the same branch say.
async fn history(store: &Store, story: &Story) -> Result<History, StoreError> {
    let mut same = Vec::new();
    let mut before = story.build.number;
    for _ in 0..MOST_EARLIER / PAGE {
        let page = store.verdicts_before(story.build.builder, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = last.number;
        same.extend(page.iter().filter(|b| branch(b) == story.branch()).filter_map(earlier));
        if same.iter().any(|e: &Earlier| e.results != Results::Failure) {
            break;
        }
    }
    Ok(History::of(same))
}

fn branch(build: &Build) -> &str {
    build.properties.get("branch").and_then(|p| p.value.as_text()).unwrap_or_default()
}

fn earlier(build: &Build) -> Option<Earlier> {
    let (at, results) = (build.status.complete_at()?, build.status.results()?);
    Some(Earlier { build: build.id, number: build.number, results, at })
}

/// The end of the log of the step that decided.
async fn tail(logs: &Logs, build: BuildId, results: Results, steps: &[Step], all: &[LogFacts]) -> Option<Tail> {
    let step = steps.iter().find(|s| s.status.results() == Some(results) && !results.is_good())?;
    let log = all.iter().find(|log| log.step == step.id)?;
    let lines = logs.tail(build, log.id, LINES, BYTES).await.ok()?;
    let said = lines.iter().filter(|line| line.stream != Stream::Header);
    let lines: Vec<String> = said.map(|line| formats::ansi::text(&line.bytes)).collect();
    let tail = Tail { step: step.name.clone(), slug: log.slug.clone(), lines };
    Some(tail).filter(|tail| !tail.lines.is_empty())
}
