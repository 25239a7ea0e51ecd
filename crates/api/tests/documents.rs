//! The documents as clients see them: names, types and order of every field.

use api::answer::{self, Answer, Document, Layout};
use model::property::property;
use model::*;

const T0: Time = Time(1_700_000_000_900_000);

fn show<T: Document>(row: T) -> String {
    let text = answer::text(&row, Layout::Indented).expect("a document is JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

fn build() -> Build {
    Build {
        id: BuildId(9),
        number: 7,
        builder: BuilderId(1),
        request: RequestId(4),
        worker: WorkerId(2),
        lease: Lease { epoch: 1, until: None },
        started_at: T0,
        state: "running test".to_owned(),
        properties: Properties::from([
            property("branch", "develop", "Build"),
            property("jobs", 4, "linux"),
            property("got_revision", Value::Null, "Git"),
        ]),
        status: BuildStatus::Running,
    }
}

fn stamp() -> SourceStamp {
    SourceStamp {
        id: SourceStampId(3),
        repository: "https://github.com/madler/zlib".to_owned(),
        branch: Some("develop".to_owned()),
        revision: None,
        project: String::new(),
        codebase: String::new(),
        patch: None,
        created_at: T0,
        changes: vec![ChangeId(8)],
    }
}

#[test]
fn a_running_build() {
    insta::assert_snapshot!(show(api::Build::of(&build())), @r#"
    {
      "buildid": 9,
      "number": 7,
      "builderid": 1,
      "buildrequestid": 4,
      "workerid": 2,
      "masterid": 1,
      "started_at": 1700000000,
      "complete": false,
      "complete_at": null,
      "locks_duration_s": 0,
      "results": null,
      "state_string": "running test",
      "properties": {}
    }
    "#);
}

#[test]
fn a_build_that_ended_with_the_properties_that_were_asked_for() {
    let mut build = build();
    build.status = BuildStatus::Complete { at: Time(T0.0 + 41_000_000), results: Results::Failure };
    build.state = "failed test".to_owned();
    let names = ["jobs".to_owned(), "got_revision".to_owned(), "nothing".to_owned()];
    insta::assert_snapshot!(show(api::Build::with_properties(&build, &names)), @r#"
    {
      "buildid": 9,
      "number": 7,
      "builderid": 1,
      "buildrequestid": 4,
      "workerid": 2,
      "masterid": 1,
      "started_at": 1700000000,
      "complete": true,
      "complete_at": 1700000041,
      "locks_duration_s": 0,
      "results": 2,
      "state_string": "failed test",
      "properties": {
        "got_revision": [
          null,
          "Git"
        ],
        "jobs": [
          4,
          "linux"
        ]
      }
    }
    "#);
    let all = api::Build::with_properties(&build, &["*".to_owned()]);
    assert_eq!(all.properties.keys().collect::<Vec<_>>(), ["branch", "got_revision", "jobs"]);
}

#[test]
fn requests_and_sets_are_minus_one_while_they_are_open() {
    let mut request = Request {
        id: RequestId(4),
        set: BuildSetId(3),
        builder: BuilderId(1),
        priority: 0,
        submitted_at: T0,
        waited_for: false,
        retries: 0,
        cancel: None,
        status: RequestStatus::Waiting,
    };
    insta::assert_snapshot!(show(api::BuildRequest::of(&request)), @r#"
    {
      "buildrequestid": 4,
      "buildsetid": 3,
      "builderid": 1,
      "priority": 0,
      "claimed": false,
      "claimed_at": null,
      "claimed_by_masterid": null,
      "complete": false,
      "complete_at": null,
      "results": -1,
      "submitted_at": 1700000000,
      "waited_for": false,
      "cancel": null,
      "properties": {}
    }
    "#);
    request.status = RequestStatus::Claimed { at: T0, build: BuildId(9) };
    let claimed = api::BuildRequest::of(&request);
    assert_eq!((claimed.claimed, claimed.claimed_at, claimed.results), (true, Some(1_700_000_000), -1));
    request.status = RequestStatus::Complete { at: T0, results: Results::Cancelled };
    let done = api::BuildRequest::of(&request);
    assert_eq!((done.claimed, done.complete, done.results, done.ended()), (true, true, 6, Some(Results::Cancelled)));

    let set = BuildSet {
        id: BuildSetId(3),
        reason: "The SingleBranchScheduler scheduler named 'quick' triggered this build".to_owned(),
        scheduler: "quick".to_owned(),
        external_id: None,
        submitted_at: T0,
        stamps: vec![stamp()],
        requests: vec![RequestId(4)],
        properties: Properties::new(),
        rebuilt: None,
        parent: None,
        status: BuildSetStatus::Open,
    };
    insta::assert_snapshot!(show(api::BuildSet::of(&set)), @r#"
    {
      "bsid": 3,
      "external_idstring": null,
      "reason": "The SingleBranchScheduler scheduler named 'quick' triggered this build",
      "rebuilt_buildid": null,
      "submitted_at": 1700000000,
      "complete": false,
      "complete_at": null,
      "results": -1,
      "sourcestamps": [
        {
          "ssid": 3,
          "revision": null,
          "branch": "develop",
          "repository": "https://github.com/madler/zlib",
          "project": "",
          "codebase": "",
          "patch": null,
          "created_at": 1700000000
        }
      ],
      "parent_buildid": null,
      "parent_relationship": null
    }
    "#);
}

#[test]
fn a_stamp_with_a_patch_that_is_no_text() {
    let patch = Patch {
        level: 1,
        subdir: ".".to_owned(),
        author: "me".to_owned(),
        comment: "try".to_owned(),
        body: b"--- a\n\xff\n".to_vec(),
    };
    insta::assert_snapshot!(show(api::SourceStamp::of(&SourceStamp { patch: Some(patch), ..stamp() })), @r#"
    {
      "ssid": 3,
      "revision": null,
      "branch": "develop",
      "repository": "https://github.com/madler/zlib",
      "project": "",
      "codebase": "",
      "patch": {
        "patchid": 3,
        "level": 1,
        "subdir": ".",
        "author": "me",
        "comment": "try",
        "body": "--- a\n�\n"
      },
      "created_at": 1700000000
    }
    "#);
}

#[test]
fn a_change() {
    let facts = NewChange {
        author: "M. Adler <m@example.org>".to_owned(),
        comments: "Fix <b>it</b>\n".to_owned(),
        revision: Some("90c677b".to_owned()),
        branch: Some("develop".to_owned()),
        repository: "https://github.com/madler/zlib".to_owned(),
        files: vec!["deflate.c".to_owned(), "new\nline".to_owned()],
        when: T0,
        properties: Properties::from([property("event", "push", "Change")]),
        ..NewChange::default()
    };
    insta::assert_snapshot!(show(api::Change::of(&Change { id: ChangeId(8), received_at: T0, facts })), @r#"
    {
      "changeid": 8,
      "parent_changeids": [],
      "author": "M. Adler <m@example.org>",
      "committer": null,
      "files": [
        "deflate.c",
        "new\nline"
      ],
      "comments": "Fix <b>it</b>\n",
      "revision": "90c677b",
      "when_timestamp": 1700000000,
      "branch": "develop",
      "category": null,
      "revlink": null,
      "properties": {
        "event": [
          "push",
          "Change"
        ]
      },
      "repository": "https://github.com/madler/zlib",
      "project": "",
      "codebase": "",
      "sourcestamp": {
        "ssid": null,
        "revision": "90c677b",
        "branch": "develop",
        "repository": "https://github.com/madler/zlib",
        "project": "",
        "codebase": "",
        "patch": null,
        "created_at": 1700000000
      }
    }
    "#);
}

#[test]
fn a_step_and_its_log() {
    let step = Step {
        id: StepId(5),
        build: BuildId(9),
        number: 0,
        name: "git".to_owned(),
        started_at: T0,
        state: "git develop".to_owned(),
        facts: Default::default(),
        status: StepStatus::Complete { at: T0, results: Results::Success },
    };
    insta::assert_snapshot!(show(api::Step::of(&step)), @r#"
    {
      "stepid": 5,
      "number": 0,
      "name": "git",
      "buildid": 9,
      "started_at": 1700000000,
      "locks_acquired_at": 1700000000,
      "complete": true,
      "complete_at": 1700000000,
      "results": 0,
      "state_string": "git develop",
      "urls": [],
      "hidden": false,
      "warnings": null,
      "tests": null
    }
    "#);
    let mut log = LogFacts {
        id: LogId(6),
        step: StepId(5),
        number: 0,
        name: "stdio".to_owned(),
        slug: "stdio".to_owned(),
        status: LogStatus::Open,
    };
    insta::assert_snapshot!(show(api::Log::of(&log, 12)), @r#"
    {
      "logid": 6,
      "name": "stdio",
      "slug": "stdio",
      "stepid": 5,
      "complete": false,
      "num_lines": 12,
      "type": "s"
    }
    "#);
    log.status = LogStatus::Sealed { lines: 40, bytes: 900, crc32: 1 };
    let sealed = api::Log::of(&log, 12);
    assert_eq!((sealed.complete, sealed.num_lines), (true, 40));
    let chunk = api::LogChunk { logid: 6, firstline: 3, content: "omake\newarn\n".to_owned(), next_offset: None };
    assert_eq!(serde_json::to_string(&chunk).unwrap(), r#"{"logid":6,"firstline":3,"content":"omake\newarn\n"}"#);
}

#[test]
fn a_builder_and_a_scheduler() {
    let builder = Builder {
        id: BuilderId(1),
        name: "linux".to_owned(),
        description: String::new(),
        tags: vec!["quick".to_owned()],
        configured: true,
        next_number: 8,
        usual: model::builder::Usual::default(),
        defined_at: None,
    };
    insta::assert_snapshot!(show(api::Builder::of(&builder)), @r#"
    {
      "builderid": 1,
      "name": "linux",
      "masterids": [
        1
      ],
      "description": null,
      "description_format": null,
      "description_html": null,
      "projectid": null,
      "tags": [
        "quick"
      ]
    }
    "#);
    let scheduler = Scheduler {
        id: SchedulerId(1),
        name: "quick".to_owned(),
        configured: true,
        state: model::scheduler::SchedulerState::default(),
    };
    insta::assert_snapshot!(show(api::Scheduler::of(&scheduler, &api::Master::here(T0))), @r#"
    {
      "schedulerid": 1,
      "name": "quick",
      "enabled": true,
      "master": {
        "masterid": 1,
        "name": "sluice",
        "active": true,
        "last_active": 1700000000
      }
    }
    "#);
}

#[test]
fn a_worker_is_connected_to_the_master_or_to_none() {
    let worker = Worker {
        id: WorkerId(2),
        name: "mac-mini".to_owned(),
        configured: true,
        connected: true,
        changed_at: Some(T0),
        paused: Some("new disk".to_owned()),
        info: WorkerInfo { admin: "Ann <ann@example.org>".to_owned(), cpus: 8, ..WorkerInfo::default() },
    };
    insta::assert_snapshot!(show(api::Worker::of(&worker, &[BuilderId(1)])), @r#"
    {
      "workerid": 2,
      "name": "mac-mini",
      "connected_to": [
        {
          "masterid": 1
        }
      ],
      "configured_on": [
        {
          "masterid": 1,
          "builderid": 1
        }
      ],
      "workerinfo": {
        "admin": "Ann <ann@example.org>",
        "host": null,
        "access_uri": null,
        "version": null,
        "cpus": 8
      },
      "paused": true,
      "pause_reason": "new disk",
      "graceful": false
    }
    "#);
    let away = api::Worker::of(&Worker { connected: false, ..worker }, &[]);
    assert!(!away.is_connected());
}

#[test]
fn a_force_scheduler_says_what_may_be_filled_in() {
    let spec = SchedulerSpec {
        name: "force".to_owned(),
        kind: SchedulerKind::Force(ForceSpec::new("Force")),
        builders: vec!["linux".to_owned()],
        properties: Properties::new(),
        reason: None,
        priority: 0,
        codebases: Default::default(),
        defined_at: None,
    };
    let mut document = api::ForceScheduler::of(&spec, true).unwrap();
    assert_eq!(document.all_fields.len(), 7);
    document.all_fields.truncate(1);
    insta::assert_snapshot!(show(document), @r#"
    {
      "name": "force",
      "button_name": "Force",
      "label": "force",
      "builder_names": [
        "linux"
      ],
      "enabled": true,
      "all_fields": [
        {
          "name": "username",
          "fullName": "username",
          "label": "Your name:",
          "type": "username",
          "default": "",
          "required": false
        }
      ]
    }
    "#);
    let other = SchedulerKind::Periodic { every: Span::seconds(60), branch: None, if_changed: None };
    assert_eq!(api::ForceScheduler::of(&SchedulerSpec { kind: other, ..spec }, true), None);
}

#[test]
fn answers_have_a_list_and_meta() {
    let rows = vec![api::Build::of(&build())];
    let fields = ["buildid".to_owned(), "results".to_owned()];
    let many = Answer { rows: rows.clone(), total: Some(12) };
    let text = |fields: &[String], answer: &Answer<api::Build>| {
        String::from_utf8(answer::write(answer, fields, Layout::Compact).unwrap()).unwrap()
    };
    assert_eq!(text(&fields, &many), r#"{"builds":[{"buildid":9,"results":null}],"meta":{"total":12}}"#);
    let one = Answer { rows, total: None };
    assert!(text(&[], &one).ends_with(r#""meta":{}}"#), "{}", text(&[], &one));
    for answer in [many, one] {
        let back: Answer<api::Build> = serde_json::from_str(&text(&[], &answer)).unwrap();
        assert_eq!(back, answer);
    }
    assert!(serde_json::from_str::<Answer<api::Build>>(r#"{"steps":[],"meta":{}}"#).is_err());
}

#[test]
fn documents_have_the_fields_that_queries_may_name() {
    fn check<T: Document>(row: T) {
        let value = serde_json::to_value(row).expect("a document is JSON");
        let written: Vec<&str> =
            value.as_object().expect("a document is an object").keys().map(String::as_str).collect();
        let mut named: Vec<&str> = T::FIELDS.iter().map(|f| f.name).collect();
        named.sort_unstable();
        assert_eq!(written, named, "{}", T::PLURAL);
    }
    check(api::Build::of(&build()));
    check(api::SourceStamp::of(&stamp()));
    check(api::Master::here(T0));
    check(api::LogChunk { logid: 1, firstline: 0, content: String::new(), next_offset: Some(3) });
}

#[test]
fn the_spec_lists_what_there_is() {
    let spec = api::spec::document();
    assert_eq!(spec["specs"].as_array().unwrap().len(), 15);
    assert_eq!(spec["paths"].as_array().unwrap().len(), api::route::PATHS.len());
    assert_eq!(spec["specs"][2]["fields"][0], serde_json::json!({ "name": "buildid", "type": "integer" }));
}
