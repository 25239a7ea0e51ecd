//! A plausible project with a past: five builders, some two hundred builds, failures, what runs, what waits, and
//! names and messages by somebody who means harm.

use crate::fake::{Clock, Fake};
use bytes::Bytes;
use model::property::property;
use model::worker::{Secret, WorkerAccess};
use model::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use web::Web;
use web::control::{Control, Live, LiveBuild, LiveRequest, LiveSource};
use web::rest::auth::{Anonymous, Auth};

/// A name, a title and a branch by somebody who means harm.
pub(crate) const HOSTILE: &str = "<img src=x onerror=alert(1)>\u{202e}gpj\0\x1b[31m\"'&";

const BUILDERS: [(&str, &str, &[&str], &[&str]); 5] = [
    ("linux", "Every commit, with gcc, on Debian", &["unix"], &["here"]),
    ("linux-arm64", "The same on the small board in the corner", &["unix"], &["pi"]),
    ("mac", "clang on the Mac mini", &["unix"], &["mac-mini", "attic"]),
    ("docs", "The manual as pages", &[], &["here"]),
    ("fuzz <b>&\u{202e}", HOSTILE, &["slow"], &["here"]),
];

const TITLES: [&str; 12] = [
    "Fix deflate stored when the window is full",
    "inflate: keep the window on a failed copy",
    "Use a faster CRC on machines that have one",
    "configure: find the shared library suffix on Darwin",
    "Add a test for gzseek beyond the end",
    "Mend a typo in the manual",
    "crc32: combine without a table",
    "minigzip: say which file cannot be opened",
    "Do not read past the end of the header",
    "Remove K&R prototypes",
    "CMake: install the pkg-config file",
    "Speed up slide_hash",
];
const AUTHORS: [&str; 4] =
    ["Mark Adler <madler@example.org>", "Ann Onymous <ann@example.org>", "Jürgen Groß <jg@example.org>", "K. <k@x>"];

/// Small numbers that look like chance and are always the same.
pub(crate) struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides) as i64
    }
}

fn steps_of(builder: i64) -> &'static [(&'static str, i64)] {
    match builder {
        4 => &[("git", 2), ("pages", 14)],
        5 => &[("git", 3), ("compile", 40), ("fuzz", 600)],
        3 => &[("git", 2), ("configure", 4), ("compile", 31), ("test", 48)],
        _ => &[("git", 1), ("configure", 3), ("compile", 22), ("test", 41)],
    }
}

pub(crate) fn config() -> Config {
    let shell = |words: &[&str]| StepAction::Shell(ShellSpec::new(CommandLine::words(words.iter().copied())));
    let place = |line| Some(Place { file: "master.star".to_owned(), line, column: 1 });
    let builders = BUILDERS.iter().zip(1_i64..).map(|((name, description, tags, workers), id)| BuilderSpec {
        description: (*description).to_owned(),
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
        steps: steps_of(id)
            .iter()
            .map(|(name, _)| StepSpec {
                flags: StepFlags::HALTING,
                defined_at: place(20),
                ..StepSpec::new(*name, shell(&["make", name]))
            })
            .collect(),
        builddir: format!("b{id}"),
        env: BTreeMap::from([("CFLAGS".to_owned(), "-O2 -Wall".into())]),
        properties: if id == 3 { Properties::from([property("owner", "Ann", "mac")]) } else { Properties::new() },
        defined_at: place(12 + u32::try_from(id).unwrap_or(0) * 9),
        ..BuilderSpec::new(*name, workers.iter().map(|w| (*w).to_owned()).collect())
    });
    let worker = |name: &str, access| WorkerSpec {
        name: name.to_owned(),
        max_builds: 2,
        access,
        lost_after: Span::seconds(60),
        defined_at: None,
    };
    let remote = || WorkerAccess::Remote { password: Secret::new("x") };
    Config {
        project: ProjectSpec { title: "zlib".to_owned(), ..ProjectSpec::default() },
        workers: vec![
            worker("here", WorkerAccess::Local),
            worker("pi", remote()),
            worker("mac-mini", remote()),
            worker("attic", remote()),
        ],
        schedulers: vec![SchedulerSpec {
            name: "force".to_owned(),
            kind: SchedulerKind::Force(ForceSpec::new("Force build")),
            builders: BUILDERS.iter().map(|b| b.0.to_owned()).collect(),
            properties: Properties::new(),
            reason: None,
            priority: 0,
            codebases: Default::default(),
            defined_at: None,
        }],
        builders: builders.collect(),
        gates: vec![crate::train::spec()],
        ..Config::default()
    }
}

fn known(now: Time) -> Vec<Transition> {
    let mut out = vec![crate::facts::scheduler()];
    for ((name, description, tags, _), id) in BUILDERS.iter().zip(1_i64..) {
        let steps = steps_of(id).iter().map(|(n, s)| ((*n).to_owned(), Span::seconds(*s))).collect();
        let usual = steps_of(id).iter().map(|s| s.1).sum();
        out.push(Transition::BuilderKnown(Builder {
            id: BuilderId(id),
            name: (*name).to_owned(),
            description: (*description).to_owned(),
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            configured: true,
            next_number: 1,
            usual: model::builder::Usual { build: Some(Span::seconds(usual)), steps, ..Default::default() },
            defined_at: Some(Place { file: "master.star".to_owned(), line: 12 + 9 * id as u32, column: 1 }),
        }));
    }
    let info = |system: &str, admin: &str, cpus| WorkerInfo {
        admin: admin.to_owned(),
        host: "A machine under a desk\nwith a fan".to_owned(),
        version: "0.1.0".to_owned(),
        system: system.to_owned(),
        cpus,
    };
    let workers = [
        ("here", true, None, info("Linux 6.12 x86_64", "the people of zlib", 8)),
        ("pi", false, None, info("Linux 6.6 aarch64", HOSTILE, 4)),
        ("mac-mini", true, None, info("Darwin 24.1 arm64", "Ann <ann@example.org>", 10)),
        ("attic", true, Some("the fan is loud; back on Monday".to_owned()), info("Darwin 19 x86_64", "K.", 2)),
    ];
    for ((name, connected, paused, info), id) in workers.into_iter().zip(1_i64..) {
        let changed_at = Some(now - Span::seconds(if connected { 400_000 } else { 9_300 }));
        let worker =
            Worker { id: WorkerId(id), name: name.to_owned(), configured: true, connected, changed_at, paused, info };
        out.push(Transition::WorkerKnown(worker));
    }
    out
}

fn change(id: i64, at: Time) -> Change {
    let mut dice = Dice(id as u64);
    let revision: String = (0..40).map(|_| char::from(b"0123456789abcdef"[dice.roll(16) as usize])).collect();
    let (author, comments, branch) = match id % 37 {
        36 => (HOSTILE.to_owned(), HOSTILE.to_owned(), "b".repeat(10_000)),
        _ => (
            AUTHORS[id as usize % 4].to_owned(),
            format!("{}\n\nA longer text that says why.\n", TITLES[id as usize % 12]),
            "develop".to_owned(),
        ),
    };
    Change {
        id: ChangeId(id),
        received_at: at,
        facts: NewChange {
            author,
            comments,
            revision: Some(revision),
            branch: Some(branch),
            repository: "https://github.com/madler/zlib".to_owned(),
            files: vec!["deflate.c".to_owned(), "test/example.c".to_owned()],
            revlink: Some(format!("https://example.org/zlib/{id}")),
            when: at - Span::seconds(600),
            ..NewChange::default()
        },
    }
}

/// A build to be written down.
struct Plan {
    builder: i64,
    number: i64,
    change: i64,
    from: Time,
    /// The step that goes wrong, how, and what it says.
    wrong: Option<(usize, Results, String)>,
    /// It runs still: so many steps are done.
    running: Option<usize>,
}

/// Ids that have been used.
#[derive(Default)]
struct Ids {
    build: i64,
    step: i64,
}

struct Writer<'a> {
    web: &'a Web,
    ids: Ids,
    dice: Dice,
    config: Config,
    changes: Vec<Change>,
}

fn say(step: &str, lines: i64) -> String {
    let mut out = String::new();
    for i in 0..lines {
        match step {
            "compile" => out.push_str(&format!("gcc -O2 -Wall -D_LARGEFILE64_SOURCE=1 -c -o obj{i}.o src{i}.c\n")),
            "configure" => out.push_str(&format!("checking for function{i}... \x1b[32myes\x1b[0m\n")),
            "test" => out.push_str(&format!("ok {} - inflate_{i}\n", i + 1)),
            _ => out.push_str(&format!("{step} {i}\n")),
        }
    }
    out
}

impl Writer<'_> {
    fn set(&self, id: i64, plan: &Plan, at: Time) -> Transition {
        let change = &self.changes[plan.change as usize - 1];
        let stamp = SourceStamp {
            id: SourceStampId(id),
            repository: change.facts.repository.clone(),
            branch: change.facts.branch.clone(),
            revision: change.facts.revision.clone(),
            project: String::new(),
            codebase: String::new(),
            patch: None,
            created_at: at,
            changes: vec![change.id],
        };
        let set = BuildSet {
            id: BuildSetId(id),
            reason: "a change on develop".to_owned(),
            scheduler: "quick".to_owned(),
            external_id: None,
            submitted_at: at,
            stamps: vec![stamp],
            requests: vec![RequestId(id)],
            properties: Properties::new(),
            rebuilt: None,
            parent: None,
            status: BuildSetStatus::Open,
        };
        let request = Request {
            id: RequestId(id),
            set: BuildSetId(id),
            builder: BuilderId(plan.builder),
            priority: 0,
            submitted_at: at,
            waited_for: false,
            retries: 0,
            cancel: None,
            status: RequestStatus::Waiting,
        };
        Transition::SetFiled { set, requests: vec![request] }
    }

    async fn write(&mut self, plan: Plan) {
        self.ids.build += 1;
        let id = self.ids.build;
        let spec = self.config.builders[plan.builder as usize - 1].steps.clone();
        let change = self.changes[plan.change as usize - 1].facts.clone();
        let build = Build {
            id: BuildId(id),
            number: plan.number,
            builder: BuilderId(plan.builder),
            request: RequestId(id),
            worker: WorkerId(match plan.builder {
                2 => 2,
                3 => 3,
                _ => 1,
            }),
            lease: Lease { epoch: 1, until: None },
            started_at: plan.from,
            state: "running".to_owned(),
            properties: Properties::from([
                property("branch", change.branch.clone().unwrap_or_default(), "Build"),
                property("got_revision", change.revision.clone().unwrap_or_default(), "git"),
            ]),
            status: BuildStatus::Running,
        };
        let mut batch = vec![
            self.set(id, &plan, plan.from - Span::seconds(12)),
            Transition::BuildLeased { build, also: Vec::new(), plan: spec },
        ];
        let mut at = plan.from + Span::millis(120);
        let mut results = Results::Success;
        let steps = steps_of(plan.builder);
        for (i, (name, usual)) in steps.iter().enumerate() {
            let wrong = plan.wrong.as_ref().filter(|w| w.0 == i);
            let took = Span::millis(usual * (800 + self.dice.roll(400)) / if wrong.is_some() { 2 } else { 1 });
            let open = plan.running == Some(i);
            if plan.running.is_some_and(|n| i > n) {
                break;
            }
            self.step(&mut batch, id, i, name, at, took, wrong, open).await;
            at += took;
            if let Some((_, r, _)) = wrong {
                results = *r;
                if !r.is_good() {
                    break;
                }
            }
        }
        if plan.running.is_none() {
            let state = if results == Results::Success { "build successful" } else { "failed test" };
            batch.extend([
                Transition::BuildFinished { build: BuildId(id), epoch: 1, at, results, state: state.to_owned() },
                Transition::RequestFinished { request: RequestId(id), at, results },
                Transition::SetFinished { set: BuildSetId(id), at, results },
            ]);
        }
        self.web.store.commit(batch).await.unwrap();
        if plan.running.is_none() {
            self.web.logs.finish(BuildId(id)).await.unwrap();
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a test's own pen")]
    async fn step(
        &mut self,
        batch: &mut Vec<Transition>,
        build: i64,
        number: usize,
        name: &str,
        at: Time,
        took: Span,
        wrong: Option<&(usize, Results, String)>,
        open: bool,
    ) {
        self.ids.step += 1;
        let id = self.ids.step;
        let step = Step {
            id: StepId(id),
            build: BuildId(build),
            number: number as i64,
            name: name.to_owned(),
            started_at: at,
            state: name.to_owned(),
            facts: Default::default(),
            status: StepStatus::Running,
        };
        let log = LogFacts {
            id: LogId(id),
            step: StepId(id),
            number: 0,
            name: "stdio".to_owned(),
            slug: "stdio".to_owned(),
            status: LogStatus::Open,
        };
        batch.push(Transition::StepStarted { step, epoch: 1, logs: vec![log] });
        let (build, log) = (BuildId(build), LogId(id));
        let mut offset = self.web.logs.begin(build, log).await.unwrap();
        let many = if wrong.is_some() { 160 } else { 24 };
        let pieces = [
            (Stream::Header, format!("make {name}\n in /srv/sluice/b\n")),
            (Stream::Stdout, say(name, many)),
            (Stream::Stderr, wrong.map_or_else(String::new, |w| w.2.clone())),
            (Stream::Header, if open { String::new() } else { format!("exit code {}\n", i64::from(wrong.is_some())) }),
        ];
        for (stream, text) in pieces {
            let data = Bytes::from(text);
            let length = data.len() as u64;
            self.web.logs.append(build, log, offset, stream, data).await.unwrap();
            offset += length;
        }
        if open {
            return;
        }
        let sealed = self.web.logs.seal(build, log).await.unwrap();
        let results = wrong.map_or(Results::Success, |w| w.1);
        let state = if results.is_good() { name.to_owned() } else { format!("{name} failed (exit 2)") };
        batch.push(Transition::LogSealed { log, lines: sealed.lines, bytes: sealed.bytes, crc32: sealed.crc32 });
        batch.push(Transition::StepFinished {
            step: StepId(id),
            at: at + took,
            results,
            state,
            facts: crate::facts::of(name, results),
        });
    }
}

const TEST_SAYS: &str = "test.c:212: inflate_window: \x1b[1;31mexpected 32768, got 0\x1b[0m\nnot ok 161 - inflate_window\n\
                         # 1 of 161 tests failed\nmake: *** [Makefile:141: teststatic] Error 1\n";
const COMPILE_SAYS: &str = "deflate.c: In function 'deflate_stored':\n\
                            deflate.c:1673:18: error: 'used' undeclared (first use in this function)\n \
                            1673 |         if (len > used)\n      |                   ^~~~\nmake: *** [Makefile:89: deflate.o] Error 1\n";

/// The project with its past, in a folder.
pub(crate) async fn project(dir: &Path, clock: Clock, anonymous: Anonymous) -> (Web, Arc<Fake>) {
    let now = clock();
    let store = store::Store::open(&store::Location::Sqlite(dir.join("state.sqlite"))).await.unwrap();
    let logs = logs::Logs::open(dir.join("logs")).unwrap();
    let fake = Arc::new(Fake {
        config: Arc::new(config()),
        live: Mutex::default(),
        now: clock,
        asked: Mutex::default(),
        gates: Mutex::new(vec![crate::train::view(now)]),
    });
    let users = [("ann".to_owned(), Secret::new("secret"))];
    let web = Web {
        store,
        logs,
        control: Arc::clone(&fake) as Arc<dyn Control>,
        events: broadcast::channel(64).0,
        shutdown: CancellationToken::new(),
        auth: Arc::new(Auth::new(None, &users, anonymous)),
        version: Arc::new(AtomicU64::new(1)),
        rest: Arc::default(),
    };
    web.store.commit(known(now)).await.unwrap();
    web.store.commit(vec![crate::train::past(now)]).await.unwrap();
    let changes: Vec<Change> = (1..=60).map(|i| change(i, moment(now, i))).collect();
    web.store.commit(changes.iter().cloned().map(Transition::ChangeAdded).collect()).await.unwrap();
    let mut writer = Writer { web: &web, ids: Ids::default(), dice: Dice(7), config: config(), changes };
    let mut next = [1_i64; 6];
    for c in 1..=60 {
        for builder in 1..=5_i64 {
            // The fuzzer takes its time, and the manual is not always built.
            if (builder == 5 && c % 4 != 3) || (builder == 4 && c % 2 == 1) {
                continue;
            }
            let number = next[builder as usize];
            next[builder as usize] += 1;
            let from = moment(now, c) + Span::seconds(20 + builder);
            let wrong = wrong(builder, c);
            let running = (c == 60 && matches!(builder, 1 | 3)).then_some(if builder == 1 { 3 } else { 2 });
            writer.write(Plan { builder, number, change: c, from, wrong, running }).await;
        }
    }
    let last = writer.ids.build;
    let open: Vec<Build> = web.store.builds(&Query::default().eq("complete", false)).await.unwrap().rows;
    *fake.live.lock().unwrap() = live(&open, last, now);
    let Writer { ids, .. } = writer;
    for (i, builder) in [(1, 2), (2, 2), (3, 5)] {
        let plan = Plan { builder, number: 0, change: 60, from: now, wrong: None, running: None };
        let filed = Writer {
            web: &web,
            ids: Ids::default(),
            dice: Dice(1),
            config: config(),
            changes: vec![change(60, now); 60],
        }
        .set(ids.build + i, &plan, now - Span::seconds(200 - i * 60));
        web.store.commit(vec![filed]).await.unwrap();
    }
    (web, fake)
}

/// Many more builders, each with a build that passed and every tenth with one that failed.
pub(crate) async fn crowd(web: &Web, builders: i64, now: Time) {
    let config = config();
    let changes = vec![change(60, now); 60];
    let mut batch = Vec::new();
    for i in 0..builders {
        let builder = 1000 + i;
        batch.push(Transition::BuilderKnown(Builder {
            id: BuilderId(builder),
            name: format!("crowd-{i}"),
            description: String::new(),
            tags: vec![format!("group-{}", i % 7)],
            configured: true,
            next_number: 1,
            usual: model::builder::Usual::default(),
            defined_at: None,
        }));
        let id = 100_000 + i;
        let at = now - Span::seconds(300 + i);
        let plan = Plan { builder, number: 1, change: 60, from: at, wrong: None, running: None };
        let writer =
            Writer { web, ids: Ids::default(), dice: Dice(1), config: config.clone(), changes: changes.clone() };
        batch.push(writer.set(id, &plan, at));
        let build = Build {
            id: BuildId(id),
            number: 1,
            builder: BuilderId(builder),
            request: RequestId(id),
            worker: WorkerId(1),
            lease: Lease { epoch: 1, until: None },
            started_at: at,
            state: "running".to_owned(),
            properties: Properties::new(),
            status: BuildStatus::Running,
        };
        let results = if i % 10 == 0 { Results::Failure } else { Results::Success };
        let at = at + Span::seconds(200);
        batch.push(Transition::BuildLeased { build, also: Vec::new(), plan: Vec::new() });
        batch.push(Transition::BuildFinished { build: BuildId(id), epoch: 1, at, results, state: String::new() });
    }
    web.store.commit(batch).await.unwrap();
}

/// When a change came: bursts, nights, and the last one a minute ago.
fn moment(now: Time, c: i64) -> Time {
    let back = 60 - c;
    now - Span::seconds(48 + back * 2_700 + back / 4 * 21_000 + back / 9 * 90_000)
}

fn wrong(builder: i64, c: i64) -> Option<(usize, Results, String)> {
    match (builder, c) {
        (1, 58..=59) => Some((3, Results::Failure, TEST_SAYS.to_owned())),
        (3, 47..=59) => Some((2, Results::Failure, COMPILE_SAYS.to_owned())),
        (5, 56..=60) => {
            Some((2, Results::Exception, "the worker's disk is full: No space left on device\n".to_owned()))
        }
        (4, c) if c % 10 == 4 => Some((1, Results::Warnings, "warning: the word teh is not known\n".to_owned())),
        (_, c) if c % 17 == 5 => Some((2, Results::Failure, COMPILE_SAYS.to_owned())),
        (2, 31) => Some((1, Results::Cancelled, String::new())),
        _ => None,
    }
}

fn live(open: &[Build], last: i64, now: Time) -> Live {
    let running = open.iter().map(|b| LiveBuild {
        build: b.id,
        builder: b.builder,
        worker: b.worker,
        started_at: b.started_at,
        step: Some((StepId(1), if b.builder == BuilderId(1) { "test" } else { "compile" }.to_owned(), now)),
        step_usual: Some(Span::seconds(41)),
        ends: Some((b.started_at + Span::seconds(64), b.started_at + Span::seconds(90))),
        to_come: if b.builder == BuilderId(1) { Vec::new() } else { vec!["test".to_owned()] },
        worker_away: None,
    });
    let busy = Why::WorkersBusy {
        workers: vec!["here".to_owned()],
        builds: Vec::new(),
        free_at: Some(now + Span::seconds(75)),
        ahead: 1,
    };
    let away = || Why::WorkersAway { workers: vec!["pi".to_owned()] };
    let waits = [(1, 2, away()), (2, 2, away()), (3, 5, busy)];
    let waiting = waits.into_iter().map(|(i, builder, why)| LiveRequest {
        request: RequestId(last + i),
        builder: BuilderId(builder),
        submitted_at: now - Span::seconds(200 - i * 60),
        why,
    });
    Live {
        running: running.collect(),
        waiting: waiting.collect(),
        waiting_total: 3,
        sources: vec![
            LiveSource {
                name: "https://github.com/madler/zlib".to_owned(),
                state: "last look 12 s ago, develop at 90c677b".to_owned(),
                failing: false,
                looked_at: Some(now - Span::seconds(12)),
                next_at: Some(now + Span::seconds(18)),
            },
            LiveSource {
                name: "https://git.example.org/zlib-tests".to_owned(),
                state: "could not resolve host git.example.org".to_owned(),
                failing: true,
                looked_at: Some(now - Span::seconds(40)),
                next_at: Some(now + Span::seconds(80)),
            },
        ],
        locks: crate::facts::locks(now),
        upcoming: Vec::new(),
        obstacles: Vec::new(),
    }
}
