//! Nouns with everything filled in, and the usual lives of builds.

use model::builder::Usual;
use model::property::property;
use model::scheduler::SchedulerState;
use model::{
    Build, BuildId, BuildSet, BuildSetId, BuildSetStatus, BuildStatus, Builder, BuilderId, Change, ChangeId,
    CommandLine, Lane, Lease, LogFacts, LogId, LogStatus, NewChange, Patch, Place, Properties, Request, RequestId,
    RequestStatus, Results, Scheduler, SchedulerId, ShellSpec, SourceStamp, SourceStampId, Span, Step, StepAction,
    StepFlags, StepId, StepSpec, StepStatus, Time, Transition, Worker, WorkerId, WorkerInfo,
};
use std::collections::BTreeMap;

/// The moment `n` seconds and some after a day in 2026.
pub(crate) fn at(n: i64) -> Time {
    Time(1_790_000_000_000_000 + n * 1_000_000 + 250_000)
}

pub(crate) fn place(line: u32) -> Place {
    Place { file: "master.star".to_owned(), line, column: 1 }
}

pub(crate) fn builder(id: i64) -> Builder {
    Builder {
        id: BuilderId(id),
        name: format!("builder-{id}"),
        description: "what it is for".to_owned(),
        tags: vec!["fast".to_owned(), format!("tag-{id}")],
        configured: true,
        next_number: 1,
        usual: Usual {
            build: Some(Span::seconds(9)),
            steps: BTreeMap::from([("make".to_owned(), Span::seconds(7))]),
            ..Usual::default()
        },
        defined_at: Some(place(3)),
    }
}

pub(crate) fn worker(id: i64) -> Worker {
    Worker {
        id: WorkerId(id),
        name: format!("worker-{id}"),
        configured: true,
        connected: false,
        changed_at: None,
        paused: None,
        info: info(),
    }
}

pub(crate) fn info() -> WorkerInfo {
    WorkerInfo {
        admin: "Ada <ada@example.org>".to_owned(),
        host: "a box".to_owned(),
        version: "0.1.0".to_owned(),
        system: "linux x86_64".to_owned(),
        cpus: 2,
    }
}

pub(crate) fn scheduler(id: i64) -> Scheduler {
    Scheduler {
        id: SchedulerId(id),
        name: format!("scheduler-{id}"),
        configured: true,
        state: SchedulerState::default(),
    }
}

pub(crate) fn lane(changes: &[i64]) -> Lane {
    Lane { changes: changes.iter().map(|id| ChangeId(*id)).collect(), fire_at: Some(at(60)) }
}

pub(crate) fn properties(value: i64) -> Properties {
    Properties::from([property("branch", "main", "Build"), property("count", value, "Scheduler")])
}

pub(crate) fn change(id: i64) -> Change {
    Change {
        id: ChangeId(id),
        received_at: at(id),
        facts: NewChange {
            author: "Ada <ada@example.org>".to_owned(),
            committer: Some("Bob".to_owned()),
            comments: format!("Change number {id}\n\nIn two parts."),
            revision: Some(format!("{id:040x}")),
            branch: Some("main".to_owned()),
            repository: "https://example.org/r.git".to_owned(),
            project: "p".to_owned(),
            codebase: String::new(),
            category: Some("c".to_owned()),
            revlink: Some("https://example.org/c".to_owned()),
            files: vec!["src/a.c".to_owned(), format!("doc/{id}.txt")],
            when: at(id - 5),
            properties: properties(id),
        },
    }
}

pub(crate) fn stamp(id: i64, changes: &[i64]) -> SourceStamp {
    SourceStamp {
        id: SourceStampId(id),
        repository: "https://example.org/r.git".to_owned(),
        branch: Some("main".to_owned()),
        revision: None,
        project: "p".to_owned(),
        codebase: format!("codebase-{id}"),
        patch: None,
        created_at: at(id),
        changes: changes.iter().map(|id| ChangeId(*id)).collect(),
    }
}

pub(crate) fn patch() -> Patch {
    Patch {
        level: 1,
        subdir: "sub".to_owned(),
        author: "Ada".to_owned(),
        comment: "try it".to_owned(),
        body: b"--- a\n+++ b\n\xff\x00\n".to_vec(),
    }
}

pub(crate) fn set(id: i64, stamps: Vec<SourceStamp>, requests: &[i64]) -> BuildSet {
    BuildSet {
        id: BuildSetId(id),
        reason: format!("because of {id}"),
        scheduler: "quick".to_owned(),
        external_id: Some(format!("external-{id}")),
        submitted_at: at(id),
        stamps,
        requests: requests.iter().map(|id| RequestId(*id)).collect(),
        properties: properties(id),
        rebuilt: None,
        parent: None,
        status: BuildSetStatus::Open,
    }
}

pub(crate) fn request(id: i64, set: i64, builder: i64) -> Request {
    Request {
        id: RequestId(id),
        set: BuildSetId(set),
        builder: BuilderId(builder),
        priority: id % 3,
        submitted_at: at(id),
        waited_for: id % 2 == 0,
        retries: 0,
        cancel: None,
        status: RequestStatus::Waiting,
    }
}

pub(crate) fn build(id: i64, number: i64, builder: i64, request: i64) -> Build {
    Build {
        id: BuildId(id),
        number,
        builder: BuilderId(builder),
        request: RequestId(request),
        worker: WorkerId(1),
        lease: Lease { epoch: 1, until: None },
        started_at: at(100 + id),
        state: "starting".to_owned(),
        properties: properties(number),
        status: BuildStatus::Running,
    }
}

pub(crate) fn plan() -> Vec<StepSpec> {
    let step = |name: &str, action| StepSpec {
        flags: StepFlags::HALTING,
        description: Some("working".into()),
        defined_at: Some(place(8)),
        ..StepSpec::new(name, action)
    };
    let words = CommandLine::words(["make", "-j2"]);
    vec![
        step("make", StepAction::Shell(ShellSpec::new(words))),
        step("test", StepAction::Shell(ShellSpec::new(CommandLine::script("make test")))),
    ]
}

pub(crate) fn step(id: i64, build: i64, number: i64) -> Step {
    Step {
        id: StepId(id),
        build: BuildId(build),
        number,
        name: format!("step-{number}"),
        started_at: at(200 + id),
        state: "running".to_owned(),
        facts: Default::default(),
        status: StepStatus::Running,
    }
}

pub(crate) fn log(id: i64, step: i64, number: u16) -> LogFacts {
    LogFacts {
        id: LogId(id),
        step: StepId(step),
        number,
        name: format!("log-{number}"),
        slug: format!("log_{number}"),
        status: LogStatus::Open,
    }
}

/// Two builders, two workers, a scheduler.
pub(crate) fn configuration() -> Vec<Transition> {
    vec![
        Transition::BuilderKnown(builder(1)),
        Transition::BuilderKnown(builder(2)),
        Transition::WorkerKnown(worker(1)),
        Transition::WorkerKnown(worker(2)),
        Transition::SchedulerKnown(scheduler(1)),
    ]
}

/// A set of one stamp and one request, all of the same id.
pub(crate) fn filed(id: i64, builder: i64) -> Transition {
    let set = set(id, vec![stamp(id, &[])], &[id]);
    Transition::SetFiled { set, requests: vec![request(id, id, builder)] }
}

/// The lease of a build for the request of its id.
pub(crate) fn leased(id: i64, number: i64, builder: i64) -> Transition {
    Transition::BuildLeased { build: build(id, number, builder, id), also: Vec::new(), plan: plan() }
}

/// The end of a build, of its request and of its set, all of the same id.
pub(crate) fn ended(id: i64, end: Time, results: Results) -> Vec<Transition> {
    vec![
        Transition::BuildFinished { build: BuildId(id), epoch: 1, at: end, results, state: "done".to_owned() },
        Transition::RequestFinished { request: RequestId(id), at: end, results },
        Transition::SetFinished { set: BuildSetId(id), at: end, results },
    ]
}
