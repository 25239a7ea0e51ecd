//! What a durable transition means outside: words to workers, and logs to be closed.

use crate::admission::OWN;
use crate::order::{self, Order};
use engine::{RunningBuild, World};
use model::worker::Secret;
use model::{BuildId, FileSpec, LogId, LogStatus, Step, StepAction, StepId, Transition, WorkerId, changed_files};
use wire::{Assignment, CommandId, GitWork, SequenceWork, ShellWork, TransferWork, VcsWork, Work};

/// Something to be done after the commit. Doing it twice does no harm.
pub(crate) enum Effect {
    /// A worker is to begin a step's command.
    Start { worker: WorkerId, command: CommandId, order: Box<Order>, assignment: Box<Assignment> },
    /// A worker is to begin a step's command, in which the names of changed files are still to be put.
    Gather { command: CommandId, step: Box<Step> },
    /// A step's command cannot be put together, for this reason.
    Fail { command: CommandId, why: String },
    /// A worker is to end a command.
    Interrupt { worker: WorkerId, command: CommandId, reason: String },
    /// The end of a command is durable: its worker need not keep it.
    Forget { worker: WorkerId, command: CommandId },
    /// Nobody wants to hear of a command any more.
    Drop { worker: WorkerId, command: CommandId, reason: String },
    /// A build is over, and all its logs are sealed.
    FinishLogs { build: BuildId },
    /// A step is over, and these logs of it are still open; so is its build, if `over`.
    SealLost { build: BuildId, logs: Vec<LogId>, over: bool },
}

/// What follows from a transition, seen from the world before it.
pub(crate) fn before(world: &World, transition: &Transition, effects: &mut Vec<Effect>) {
    match transition {
        Transition::StopAsked { build, reason } => {
            if let Some(running) = world.build(*build)
                && let Some(step) = running.current().filter(|step| is_command(running, step))
            {
                let command = command_id(*build, running.build.lease.epoch, step.id);
                let worker = place(running);
                effects.push(Effect::Interrupt { worker, command, reason: reason.clone() });
            }
        }
        Transition::StepFinished { step, .. } => {
            let running = world.builds().find(|b| b.current().is_some_and(|s| s.id == *step));
            // What its end did not bring, nobody will.
            let open = |b: &RunningBuild| b.logs.iter().filter(|l| l.status == LogStatus::Open).map(|l| l.id).collect();
            let open: Vec<LogId> = running.map(open).unwrap_or_default();
            if let Some(running) = running.filter(|_| !open.is_empty()) {
                effects.push(Effect::SealLost { build: running.build.id, logs: open, over: false });
            }
            // A step that ends while its worker is away was not ended by it.
            if let Some(running) = running.filter(|b| b.build.lease.until.is_some()) {
                let command = command_id(running.build.id, running.build.lease.epoch, *step);
                let reason = "the build was given up".to_owned();
                effects.push(Effect::Drop { worker: place(running), command, reason });
            }
        }
        Transition::BuildFinished { build, .. } => {
            let sealing = effects.iter_mut().rev().find_map(|effect| match effect {
                Effect::SealLost { build: of, over, .. } if of == build => Some(over),
                _ => None,
            });
            match sealing {
                Some(over) => *over = true,
                None => effects.push(Effect::FinishLogs { build: *build }),
            }
        }
        _ => {}
    }
}

/// What follows from a transition, seen from the world after it.
pub(crate) fn after(world: &World, transition: &Transition, effects: &mut Vec<Effect>) {
    if let Transition::StepStarted { step, epoch, .. } = transition
        && let Some(running) = world.build(step.build)
        && let Some(action) = action(running, step).filter(|action| has_command(action))
    {
        let command = command_id(step.build, *epoch, step.id);
        effects.push(match changed_files::is_wanted(action) {
            true => Effect::Gather { command, step: Box::new(step.clone()) },
            false => start(world, running, step, &[]),
        });
    }
}

/// The beginning of a step's command, with the files that were changed in place.
pub(crate) fn start(world: &World, running: &RunningBuild, step: &Step, files: &[String]) -> Effect {
    let command = command_id(step.build, running.build.lease.epoch, step.id);
    match assignment(world, running, step, files) {
        Ok(assignment) => {
            let (order, assignment) = (Box::new(Order::of(world, running, step)), Box::new(assignment));
            Effect::Start { worker: place(running), command, order, assignment }
        }
        Err(why) => Effect::Fail { command, why },
    }
}

/// Whether a step's command has the names of changed files in it.
pub(crate) fn wants_files(running: &RunningBuild, step: &Step) -> bool {
    action(running, step).is_some_and(changed_files::is_wanted)
}

/// Whether an effect still means something in the world after the whole batch. A step that is skipped, or that cannot
/// be put together, begins and ends within one: its command must never reach a worker.
pub(crate) fn is_meant(world: &World, effect: &Effect) -> bool {
    let (Effect::Start { command, .. } | Effect::Gather { command, .. } | Effect::Fail { command, .. }) = effect else {
        return true;
    };
    world.build(BuildId(command.build)).is_some_and(|running| {
        running.build.lease.epoch == command.epoch && running.current().is_some_and(|s| s.id == StepId(command.step))
    })
}

fn action<'a>(running: &'a RunningBuild, step: &Step) -> Option<&'a StepAction> {
    usize::try_from(step.number).ok().and_then(|n| running.plan.get(n)).map(|spec| &spec.action)
}

/// Whether a command does this; the engine itself does the rest.
fn has_command(action: &StepAction) -> bool {
    !matches!(action, StepAction::SetProperties(_) | StepAction::Assert { .. } | StepAction::Trigger(_))
}

/// Whether the running step of a build has a command.
pub(crate) fn is_command(running: &RunningBuild, step: &Step) -> bool {
    action(running, step).is_some_and(has_command)
}

/// Where the command of a build's running step runs: on the build's worker, or on the master's own.
pub(crate) fn place(running: &RunningBuild) -> WorkerId {
    match running.steps.last().and_then(|step| action(running, step)) {
        Some(action) => place_of(running, action),
        None => running.build.worker,
    }
}

fn place_of(running: &RunningBuild, action: &StepAction) -> WorkerId {
    match action {
        StepAction::MasterShell(_) | StepAction::Http(_) => OWN,
        _ => running.build.worker,
    }
}

/// The moment that stands for a revision where a system has none.
fn moment(world: &World, running: &RunningBuild, spec: &model::VcsSpec<String>) -> Option<String> {
    let wanted = spec.vcs.goes_by_moments() && !spec.always_use_latest;
    let at = engine::moment::of_build(world, running, &spec.codebase, spec.checkout_delay).filter(|_| wanted)?;
    Some(at.as_seconds().to_string())
}

/// The name under which a step's command is known to its worker.
pub(crate) fn command_id(build: BuildId, epoch: i64, step: StepId) -> CommandId {
    CommandId { build: build.0, epoch, step: step.0 }
}

/// What the running step of a build asks of its worker, with everything put in. The token of a transfer is not.
///
/// # Errors
/// A sentence: something cannot be put in.
pub(crate) fn assignment(
    world: &World,
    running: &RunningBuild,
    step: &Step,
    files: &[String],
) -> Result<Assignment, String> {
    let written = action(running, step).ok_or("its plan has no such step")?;
    let written = changed_files::put_in(written, files)?;
    let sight = engine::build::sight(world, running);
    let rendered = model::render::action(&written, &sight)?;
    // The plan carries the builder's environment already.
    let env = std::collections::BTreeMap::new();
    let work = match &rendered.action {
        StepAction::Shell(shell) | StepAction::MasterShell(shell) => Work::Shell(ShellWork::of(shell, &env)),
        StepAction::Git(git) => {
            let stamp = sight.stamps.iter().find(|stamp| stamp.codebase == git.codebase);
            Work::Git(GitWork::of(git, stamp, &env))
        }
        StepAction::Vcs(spec) => {
            let stamp = sight.stamps.iter().find(|stamp| stamp.codebase == spec.codebase);
            let mut tree = VcsWork::of(spec, stamp, &env);
            tree.revision = tree.revision.or_else(|| moment(world, running, spec));
            Work::Vcs(tree)
        }
        StepAction::Sequence(sequence) => Work::Sequence(SequenceWork::of(sequence, &env)),
        StepAction::File(file) => Work::File(file.clone()),
        StepAction::Transfer(transfer) => {
            Work::Transfer(TransferWork { transfer: transfer.clone(), token: Secret::new("") })
        }
        StepAction::Http(http) => Work::Http(http.clone()),
        StepAction::Pipeline(spec) => Work::File(FileSpec::Exists { path: order::pipeline_file(running, step, spec) }),
        StepAction::SetProperties(_) | StepAction::Assert { .. } | StepAction::Trigger(_) => {
            return Err("no command does this".to_owned());
        }
    };
    let builddir = running.build.properties.get("builddir").and_then(|p| p.value.as_text());
    let collect = order::collected(running, step, &rendered.action);
    Ok(Assignment { mask: rendered.secrets, collect, ..Assignment::new(builddir.unwrap_or_default(), work) })
}
