//! Who hears of which transition, and that it does not matter whether the nouns are from before or after it.

use api::event::{self, MasterVerb};
use api::{Lookup, events};
use model::*;

const T0: Time = Time(1_700_000_000_000_000);

struct Town {
    build: Build,
    step: Step,
    log: LogFacts,
    request: Request,
    set: BuildSet,
    worker: Worker,
    scheduler: Scheduler,
}

impl Lookup for Town {
    fn build(&self, id: BuildId) -> Option<&Build> {
        (self.build.id == id).then_some(&self.build)
    }
    fn step(&self, id: StepId) -> Option<&Step> {
        (self.step.id == id).then_some(&self.step)
    }
    fn log(&self, id: LogId) -> Option<&LogFacts> {
        (self.log.id == id).then_some(&self.log)
    }
    fn request(&self, id: RequestId) -> Option<&Request> {
        (self.request.id == id).then_some(&self.request)
    }
    fn set(&self, id: BuildSetId) -> Option<&BuildSet> {
        (self.set.id == id).then_some(&self.set)
    }
    fn builder(&self, _: BuilderId) -> Option<&Builder> {
        None
    }
    fn worker(&self, id: WorkerId) -> Option<&Worker> {
        (self.worker.id == id).then_some(&self.worker)
    }
    fn scheduler(&self, id: SchedulerId) -> Option<&Scheduler> {
        (self.scheduler.id == id).then_some(&self.scheduler)
    }
    fn builders_of(&self, _: WorkerId) -> Vec<BuilderId> {
        vec![BuilderId(1)]
    }
    fn now(&self) -> Time {
        T0
    }
}

fn town() -> Town {
    Town {
        build: Build {
            id: BuildId(9),
            number: 7,
            builder: BuilderId(1),
            request: RequestId(4),
            worker: WorkerId(2),
            lease: Lease { epoch: 1, until: None },
            started_at: T0,
            state: "starting".to_owned(),
            properties: Properties::from([property::property("secretive", "x", "Build")]),
            status: BuildStatus::Running,
        },
        step: Step {
            id: StepId(5),
            build: BuildId(9),
            number: 0,
            name: "git".to_owned(),
            started_at: T0,
            state: "git".to_owned(),
            facts: Default::default(),
            status: StepStatus::Running,
        },
        log: LogFacts {
            id: LogId(6),
            step: StepId(5),
            number: 0,
            name: "stdio".to_owned(),
            slug: "stdio".to_owned(),
            status: LogStatus::Open,
        },
        request: Request {
            id: RequestId(4),
            set: BuildSetId(3),
            builder: BuilderId(1),
            priority: 0,
            submitted_at: T0,
            waited_for: false,
            retries: 0,
            cancel: None,
            status: RequestStatus::Waiting,
        },
        set: BuildSet {
            id: BuildSetId(3),
            reason: "x".to_owned(),
            scheduler: "quick".to_owned(),
            external_id: None,
            submitted_at: T0,
            stamps: Vec::new(),
            requests: vec![RequestId(4)],
            properties: Properties::new(),
            rebuilt: None,
            parent: None,
            status: BuildSetStatus::Open,
        },
        worker: Worker {
            id: WorkerId(2),
            name: "here".to_owned(),
            configured: true,
            connected: false,
            changed_at: None,
            paused: None,
            info: WorkerInfo::default(),
        },
        scheduler: Scheduler {
            id: SchedulerId(1),
            name: "quick".to_owned(),
            configured: true,
            state: SchedulerState::default(),
        },
    }
}

fn life(town: &Town) -> Vec<Transition> {
    let (at, results) = (Time(T0.0 + 5_000_000), Results::Success);
    vec![
        Transition::SetFiled { set: town.set.clone(), requests: vec![town.request.clone()] },
        Transition::WorkerConnected { worker: WorkerId(2), at: T0, info: WorkerInfo::default() },
        Transition::BuildLeased { build: town.build.clone(), also: Vec::new(), plan: Vec::new() },
        Transition::BuildState { build: BuildId(9), state: "running git".to_owned() },
        Transition::StepStarted { step: town.step.clone(), epoch: 1, logs: vec![town.log.clone()] },
        Transition::LogSealed { log: LogId(6), lines: 3, bytes: 40, crc32: 1 },
        Transition::StepFinished {
            step: StepId(5),
            at,
            results,
            state: "git develop".to_owned(),
            facts: Default::default(),
        },
        Transition::BuildFinished { build: BuildId(9), epoch: 1, at, results, state: "passed".to_owned() },
        Transition::RequestFinished { request: RequestId(4), at, results },
        Transition::SetFinished { set: BuildSetId(3), at, results },
        Transition::WorkerPaused { worker: WorkerId(2), reason: Some("disk".to_owned()) },
        Transition::WorkerDisconnected { worker: WorkerId(2), at },
        Transition::SchedulerRemembers { scheduler: SchedulerId(1), state: SchedulerState::default() },
    ]
}

fn keys(events: &[Event]) -> String {
    events.iter().map(|e| e.key.join("/")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_life_of_a_build() {
    let town = town();
    let all: Vec<Event> = life(&town).iter().flat_map(|t| events(t, &town)).collect();
    insta::assert_snapshot!(keys(&all), @r#"
    buildsets/3/new
    buildrequests/4/new
    builders/1/buildrequests/4/new
    buildsets/3/builders/1/buildrequests/4/new
    workers/2/connected
    buildrequests/4/claimed
    builders/1/buildrequests/4/claimed
    buildsets/3/builders/1/buildrequests/4/claimed
    builds/9/new
    builders/1/builds/7/new
    workers/2/builds/9/new
    builds/9/update
    builders/1/builds/7/update
    workers/2/builds/9/update
    steps/5/new
    builds/9/steps/0/new
    builders/1/builds/7/steps/0/new
    steps/5/started
    builds/9/steps/0/started
    builders/1/builds/7/steps/0/started
    logs/6/new
    steps/5/logs/stdio/new
    logs/6/finished
    steps/5/logs/stdio/finished
    steps/5/finished
    builds/9/steps/0/finished
    builders/1/builds/7/steps/0/finished
    builds/9/finished
    builders/1/builds/7/finished
    workers/2/builds/9/finished
    buildrequests/4/complete
    builders/1/buildrequests/4/complete
    buildsets/3/builders/1/buildrequests/4/complete
    buildsets/3/complete
    workers/2/state_updated
    workers/2/disconnected
    schedulers/1/updated
    "#);
    for event in &all {
        serde_json::from_str::<serde_json::Value>(&event.message).unwrap();
        assert!(!event.message.contains("secretive"), "{}", event.message);
    }
}

#[test]
fn messages_tell_how_it_is_after_the_transition() {
    let town = town();
    let transitions = life(&town);
    let message = |n: usize| events(&transitions[n], &town)[0].message.clone();
    let finished: api::Build = serde_json::from_str(&message(7)).unwrap();
    assert_eq!(
        (finished.complete, finished.results, finished.state_string.as_str()),
        (true, Some(Results::Success), "passed")
    );
    let log: api::Log = serde_json::from_str(&message(5)).unwrap();
    assert_eq!((log.complete, log.num_lines), (true, 3));
    let set: api::BuildSet = serde_json::from_str(&message(9)).unwrap();
    assert_eq!((set.complete, set.results), (true, 0));
    let worker: api::Worker = serde_json::from_str(&message(1)).unwrap();
    assert!(worker.is_connected());
}

#[test]
fn nouns_from_after_the_transition_give_the_same_events() {
    let before = town();
    let mut after = town();
    let at = Time(T0.0 + 5_000_000);
    after.build.status = BuildStatus::Complete { at, results: Results::Success };
    after.build.state = "passed".to_owned();
    after.step.status = StepStatus::Complete { at, results: Results::Success };
    after.step.state = "git develop".to_owned();
    after.request.status = RequestStatus::Complete { at, results: Results::Success };
    after.set.status = BuildSetStatus::Complete { at, results: Results::Success };
    after.worker.paused = Some("disk".to_owned());
    let transitions = life(&before);
    for transition in &transitions[5..11] {
        assert_eq!(events(transition, &before), events(transition, &after), "{transition:?}");
    }
}

#[test]
fn what_is_not_known_is_not_told() {
    let town = town();
    let gone = [
        Transition::BuildState { build: BuildId(1), state: String::new() },
        Transition::StepFinished {
            step: StepId(1),
            at: T0,
            results: Results::Success,
            state: String::new(),
            facts: Default::default(),
        },
        Transition::LogSealed { log: LogId(1), lines: 0, bytes: 0, crc32: 0 },
        Transition::WorkerPaused { worker: WorkerId(1), reason: None },
    ];
    for transition in gone {
        assert_eq!(events(&transition, &town), Vec::new());
    }
}

#[test]
fn logs_and_masters_tell_of_themselves() {
    let grew = event::log_grew(&town().log, 12);
    assert_eq!(keys(&grew), "logs/6/append\nsteps/5/logs/stdio/append");
    assert!(grew[0].message.contains(r#""num_lines":12"#), "{}", grew[0].message);
    assert_eq!(event::master(T0, MasterVerb::Started).key, ["masters", "1", "started"]);
}

#[test]
fn a_set_that_will_fail_is_told_at_once() {
    let town = town();
    let told: Vec<String> = api::event::set_failed(&town.set).iter().map(|e| e.key.join("/")).collect();
    assert_eq!(told, ["buildsets/3/failed"]);
}

#[test]
fn a_run_of_tests_is_told_of_once_for_many_items() {
    let town = town();
    let item = |run, path| model::TestItem::new(model::TestRunId(run), "build", path);
    let many = Transition::TestItemsSaved(vec![item(3, "a"), item(4, "a"), item(3, "b")]);
    assert_eq!(keys(&events(&many, &town)), "testruns/3/moved\ntestruns/4/moved");
    let removed = Transition::TestRunRemoved(model::TestRunId(3));
    assert_eq!(keys(&events(&removed, &town)), "testruns/3/moved");
}
