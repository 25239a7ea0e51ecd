//! What a durable transition means outside: words to workers, and logs to be closed.

use engine::World;
use model::{BuildId, LogId, LogStatus, StepId, Transition, WorkerId};
use wire::{Assignment, CommandId, GitWork, ShellWork, Work};

/// Something to be done after the commit. Doing it twice does no harm.
pub(crate) enum Effect {
    /// A worker is to begin a step's command.
    Start { worker: WorkerId, command: CommandId, logs: Vec<LogId>, assignment: Box<Assignment> },
    /// A worker is to end a command.
    Interrupt { worker: WorkerId, command: CommandId, reason: String },
    /// The end of a command is durable: its worker need not keep it.
    Forget { worker: WorkerId, command: CommandId },
    /// Nobody wants to hear of a command any more.
    Drop { worker: WorkerId, command: CommandId, reason: String },
    /// A build is over, and all its logs are sealed.
    FinishLogs { build: BuildId },
    /// A build is over, and these logs are still open.
    SealLost { build: BuildId, logs: Vec<LogId> },
}

/// What follows from a transition, seen from the world before it.
pub(crate) fn before(world: &World, transition: &Transition, effects: &mut Vec<Effect>) {
    match transition {
        Transition::StopAsked { build, reason } => {
            if let Some(running) = world.build(*build)
                && let Some(step) = running.current()
            {
                let command = command_id(*build, running.build.lease.epoch, step.id);
                let worker = running.build.worker;
                effects.push(Effect::Interrupt { worker, command, reason: reason.clone() });
            }
        }
        Transition::StepFinished { step, .. } => {
            let running = world.builds().find(|b| b.current().is_some_and(|s| s.id == *step));
            // A step that ends while its worker is away was not ended by it.
            if let Some(running) = running.filter(|b| b.build.lease.until.is_some()) {
                let command = command_id(running.build.id, running.build.lease.epoch, *step);
                let reason = "the build was given up".to_owned();
                effects.push(Effect::Drop { worker: running.build.worker, command, reason });
            }
        }
        Transition::BuildFinished { build, .. } => {
            let Some(running) = world.build(*build) else { return };
            let open: Vec<LogId> = running.logs.iter().filter(|l| l.status == LogStatus::Open).map(|l| l.id).collect();
            effects.push(match open.is_empty() {
                true => Effect::FinishLogs { build: *build },
                false => Effect::SealLost { build: *build, logs: open },
            });
        }
        _ => {}
    }
}

/// What follows from a transition, seen from the world after it.
pub(crate) fn after(world: &World, transition: &Transition, effects: &mut Vec<Effect>) {
    if let Transition::StepStarted { step, epoch, logs } = transition
        && let Some(assignment) = assignment(world, step.build)
        && let Some(running) = world.build(step.build)
    {
        let command = command_id(step.build, *epoch, step.id);
        let (worker, logs) = (running.build.worker, logs.iter().map(|l| l.id).collect());
        effects.push(Effect::Start { worker, command, logs, assignment: Box::new(assignment) });
    }
}

/// The name under which a step's command is known to its worker.
pub(crate) fn command_id(build: BuildId, epoch: i64, step: StepId) -> CommandId {
    CommandId { build: build.0, epoch, step: step.0 }
}

/// What the running step of a build asks of its worker, with the source of its set put in.
pub(crate) fn assignment(world: &World, build: BuildId) -> Option<Assignment> {
    let running = world.build(build)?;
    let step = running.current()?;
    let spec = running.plan.get(usize::try_from(step.number).ok()?)?;
    let sight = engine::build::sight(world, running);
    let rendered = model::render::action(&spec.action, &sight).ok()?;
    // The plan carries the builder's environment already.
    let env = std::collections::BTreeMap::new();
    let work = match &rendered.action {
        model::StepAction::Shell(shell) => Work::Shell(ShellWork::of(shell, &env)),
        model::StepAction::Git(git) => {
            let stamp = sight.stamps.iter().find(|stamp| stamp.codebase == git.codebase);
            Work::Git(GitWork::of(git, stamp, &env))
        }
        _ => return None,
    };
    let builddir = running.build.properties.get("builddir").and_then(|p| p.value.as_text());
    let mask = rendered.secrets.clone();
    Some(Assignment { mask, ..Assignment::new(builddir.unwrap_or_default(), work) })
}
