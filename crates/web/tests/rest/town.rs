//! A small town: two builders, two workers, a build that failed, one that runs, and a request that waits.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request as Ask, StatusCode};
use bytes::Bytes;
use model::property::property;
use model::worker::{Secret, WorkerAccess};
use model::*;
use serde_json::Value as Json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use web::Web;
use web::control::{Answer, Control, ControlError, Enabled, Force, Forced, Live, LiveBuild, LiveRequest};
use web::rest::auth::{Anonymous, Auth, sum};
use web::tried::Try;

pub(crate) const T0: Time = Time(1_700_000_000_000_000);
pub(crate) const TOKEN: &str = "the-token-of-the-town";
pub(crate) const URL: &str = "http://sluice.test/";

/// A master that notes what it is asked, and says yes.
pub(crate) struct Notes {
    config: Arc<Config>,
    lines: Mutex<Vec<String>>,
    /// Where attempts of test runs are kept.
    pub(crate) attempts: std::path::PathBuf,
}

impl Notes {
    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    /// What was asked since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }

    fn filed() -> Forced {
        Forced { set: BuildSetId(30), requests: vec![(BuilderId(1), RequestId(40)), (BuilderId(2), RequestId(41))] }
    }
}

fn answer<'a, T: Send + 'a>(value: Result<T, ControlError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Control for Notes {
    fn force(&self, force: Force) -> Answer<'_, Forced> {
        if force.branch.as_deref() == Some("nowhere") {
            let wrong = vec![("branch".to_owned(), "there is no branch 'nowhere'".to_owned())];
            return answer(Err(ControlError::Fields(wrong)));
        }
        let builders: Vec<String> = force.builders.iter().map(ToString::to_string).collect();
        let properties: Vec<&String> = force.properties.keys().collect();
        self.note(format!(
            "force {:?} builders {} for {}: {} branch {:?} priority {} properties {properties:?}",
            force.scheduler.as_deref().unwrap_or("any"),
            builders.join(","),
            force.owner,
            force.reason,
            force.branch.as_deref().unwrap_or("default"),
            force.priority,
        ));
        answer(Ok(Self::filed()))
    }
    fn try_patch(&self, tried: Try) -> Answer<'_, Forced> {
        let what = &tried.what;
        self.note(format!(
            "try {} {:?} for {}: {} branch {:?} at {:?} patch {:?}",
            tried.scheduler,
            tried.builders,
            what.owner,
            what.reason,
            what.branch,
            what.revision,
            tried.patch.as_ref().map(|p| (p.level, p.body.len())),
        ));
        answer(Ok(Forced { set: model::BuildSetId(7), requests: vec![(BuilderId(1), model::RequestId(9))] }))
    }
    fn stop_build(&self, build: BuildId, reason: String) -> Answer<'_, ()> {
        if build == BuildId(1) {
            return answer(Err(ControlError::Refused("build 1 has ended already".to_owned())));
        }
        self.note(format!("stop {build}: {reason}"));
        answer(Ok(()))
    }
    fn rebuild(&self, build: BuildId, reason: String) -> Answer<'_, Forced> {
        self.note(format!("rebuild {build}: {reason}"));
        answer(Ok(Self::filed()))
    }
    fn cancel_request(&self, request: RequestId, reason: String) -> Answer<'_, ()> {
        self.note(format!("cancel {request}: {reason}"));
        answer(Ok(()))
    }
    fn cancel_set(&self, set: BuildSetId, reason: String) -> Answer<'_, ()> {
        self.note(format!("cancel set {set}: {reason}"));
        answer(Ok(()))
    }
    fn pause_worker(&self, worker: WorkerId, reason: Option<String>) -> Answer<'_, ()> {
        self.note(format!("pause {worker}: {}", reason.as_deref().unwrap_or("no more")));
        answer(Ok(()))
    }
    fn enable_scheduler(&self, scheduler: SchedulerId, enabled: Enabled) -> Answer<'_, ()> {
        self.note(format!("scheduler {scheduler} {enabled:?}"));
        answer(Ok(()))
    }
    fn add_change(&self, change: NewChange) -> Answer<'_, Option<ChangeId>> {
        self.note(format!("change by {} of {}", change.author, change.files.join(" ")));
        answer(Ok((change.revision.as_deref() != Some("known")).then_some(ChangeId(9))))
    }
    fn reload(&self) -> Answer<'_, Vec<String>> {
        self.note("reload".to_owned());
        answer(Ok(vec!["nothing changed".to_owned()]))
    }
    fn live(&self) -> Answer<'_, Live> {
        answer(Ok(Live {
            running: vec![LiveBuild {
                build: BuildId(2),
                builder: BuilderId(1),
                worker: WorkerId(1),
                started_at: T0,
                step: Some((StepId(3), "make".to_owned(), T0)),
                step_usual: Some(Span::millis(1500)),
                ends: Some((T0 + Span::seconds(10), T0 + Span::seconds(20))),
                to_come: vec!["test".to_owned()],
                worker_away: None,
            }],
            waiting: vec![LiveRequest {
                request: RequestId(3),
                builder: BuilderId(2),
                submitted_at: T0,
                why: Why::WorkersAway { workers: vec!["mac-mini".to_owned()] },
            }],
            waiting_total: 1,
            ..Live::default()
        }))
    }
    fn why(&self, request: RequestId) -> Answer<'_, Option<Why>> {
        answer(Ok((request == RequestId(3)).then(|| Why::WorkersAway { workers: vec!["mac-mini".to_owned()] })))
    }
    fn attempts(&self) -> Option<std::path::PathBuf> {
        Some(self.attempts.clone())
    }
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }
    fn now(&self) -> Time {
        T0
    }
    fn public_url(&self) -> String {
        URL.to_owned()
    }
}

/// The town, its web, and what keeps them alive.
pub(crate) struct Town {
    pub(crate) web: Web,
    pub(crate) notes: Arc<Notes>,
    router: Router,
    _dir: TempDir,
}

/// What came back.
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Said {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::with(Anonymous::Reads).await
    }

    pub(crate) async fn with(anonymous: Anonymous) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store::Store::open(&store::Location::Sqlite(dir.path().join("state.sqlite"))).await.unwrap();
        let logs = logs::Logs::open(dir.path().join("logs")).unwrap();
        settle(&store, &logs).await;
        let notes = Arc::new(Notes {
            config: Arc::new(config()),
            lines: Mutex::default(),
            attempts: dir.path().join("attempts"),
        });
        let users = [("ann".to_owned(), Secret::new("secret"))];
        let web = Web {
            store,
            logs,
            control: Arc::clone(&notes) as Arc<dyn Control>,
            events: broadcast::channel(16).0,
            shutdown: CancellationToken::new(),
            auth: Arc::new(Auth::new(Some(sum(TOKEN)), &users, anonymous)),
            version: Arc::new(AtomicU64::new(1)),
            rest: Arc::default(),
        };
        Self { router: web::router(web.clone()), web, notes, _dir: dir }
    }

    /// Sends a request and hands back what comes, headers first.
    pub(crate) async fn send(&self, ask: Ask<Body>) -> axum::response::Response {
        self.router.clone().oneshot(ask).await.unwrap()
    }

    pub(crate) async fn ask(&self, ask: Ask<Body>) -> Said {
        let (parts, body) = self.send(ask).await.into_parts();
        let body = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap();
        Said { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        let ask = Ask::get(path).header("accept", "application/json").body(Body::empty()).unwrap();
        self.ask(ask).await
    }

    /// A GET that must go well, as JSON.
    pub(crate) async fn json(&self, path: &str) -> Json {
        let said = self.get(path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}: {}", said.text());
        said.json()
    }

    /// A call with headers.
    pub(crate) async fn call(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Said {
        let mut ask = Ask::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            ask = ask.header(*name, *value);
        }
        self.ask(ask.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// A call with the token.
    pub(crate) async fn act(&self, path: &str, method: &str, params: Json) -> Said {
        let bearer = format!("Bearer {TOKEN}");
        let body = api::rpc::call(method, &params).to_string();
        self.call(path, &body, &[("content-type", "application/json"), ("authorization", &bearer)]).await
    }

    /// Something was committed.
    pub(crate) fn changed(&self) {
        self.web.version.fetch_add(1, Ordering::Release);
    }
}

fn config() -> Config {
    let attempt = TransferSpec::Attempt { key: "".into(), max_size: 1000, max_time: None };
    let builder = |name: &str, workers: &[&str]| BuilderSpec {
        steps: match name {
            "linux" => vec![StepSpec::new("test", StepAction::Transfer(attempt.clone()))],
            _ => Vec::new(),
        },
        ..BuilderSpec::new(name, workers.iter().map(|w| (*w).to_owned()).collect())
    };
    let worker = |name: &str, access| WorkerSpec {
        name: name.to_owned(),
        max_builds: 1,
        access,
        lost_after: Span::seconds(60),
        defined_at: None,
    };
    let scheduler = |name: &str, kind, builders: &[&str]| SchedulerSpec {
        name: name.to_owned(),
        kind,
        builders: builders.iter().map(|b| (*b).to_owned()).collect(),
        properties: Properties::new(),
        reason: None,
        priority: 0,
        codebases: Default::default(),
        defined_at: None,
    };
    Config {
        workers: vec![
            worker("here", WorkerAccess::Local),
            worker("mac-mini", WorkerAccess::Remote { password: Secret::new("x") }),
        ],
        builders: vec![builder("linux", &["here", "mac-mini"]), builder("mac os", &["mac-mini"])],
        schedulers: vec![
            scheduler("force", SchedulerKind::Force(ForceSpec::new("Force")), &["linux", "mac os"]),
            scheduler(
                "nightly",
                SchedulerKind::Periodic { every: Span::seconds(9), branch: None, if_changed: None },
                &["linux"],
            ),
            scheduler(
                "tries",
                SchedulerKind::Try(TrySpec::Userpass { users: vec![("ann".to_owned(), Secret::new("sesame"))] }),
                &["linux"],
            ),
        ],
        sources: vec![ChangeSourceSpec::GitPoller(GitPollerSpec {
            name: "zlib".to_owned(),
            repository: "https://github.com/madler/zlib".to_owned(),
            branches: Vec::new(),
            every: Span::seconds(30),
            project: String::new(),
            category: None,
            codebase: String::new(),
            build_existing: false,
            defined_at: None,
        })],
        ..Config::default()
    }
}

pub(crate) fn build(id: i64, number: i64) -> Build {
    Build {
        id: BuildId(id),
        number,
        builder: BuilderId(1),
        request: RequestId(id),
        worker: WorkerId(1),
        lease: Lease { epoch: 1, until: None },
        started_at: T0 + Span::seconds(10 * id),
        state: "running".to_owned(),
        properties: Properties::from([property("jobs", 4, "linux"), property("branch", "develop", "Build")]),
        status: BuildStatus::Running,
    }
}

pub(crate) fn set(id: i64, builder: i64, changes: &[i64]) -> Transition {
    let stamp = SourceStamp {
        id: SourceStampId(id),
        repository: "https://github.com/madler/zlib".to_owned(),
        branch: Some("develop".to_owned()),
        revision: Some(format!("rev{id}")),
        project: String::new(),
        codebase: String::new(),
        patch: None,
        created_at: T0,
        changes: changes.iter().copied().map(ChangeId).collect(),
    };
    let set = BuildSet {
        id: BuildSetId(id),
        reason: format!("reason {id}"),
        scheduler: "force".to_owned(),
        external_id: None,
        submitted_at: T0 + Span::seconds(id),
        stamps: vec![stamp],
        requests: vec![RequestId(id)],
        properties: Properties::from([property("owner", "ann", "Force Build Form")]),
        rebuilt: None,
        parent: None,
        status: BuildSetStatus::Open,
    };
    let request = Request {
        id: RequestId(id),
        set: BuildSetId(id),
        builder: BuilderId(builder),
        priority: 0,
        submitted_at: T0 + Span::seconds(id),
        waited_for: false,
        retries: 0,
        cancel: None,
        status: RequestStatus::Waiting,
    };
    Transition::SetFiled { set, requests: vec![request] }
}

fn step(id: i64, build: i64, number: i64, name: &str) -> Transition {
    let step = Step {
        id: StepId(id),
        build: BuildId(build),
        number,
        name: name.to_owned(),
        started_at: T0 + Span::seconds(id),
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
    Transition::StepStarted { step, epoch: 1, logs: vec![log] }
}

fn known() -> Vec<Transition> {
    let builder = |id: i64, name: &str, tags: &[&str]| {
        Transition::BuilderKnown(Builder {
            id: BuilderId(id),
            name: name.to_owned(),
            description: String::new(),
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            configured: true,
            next_number: 1,
            usual: model::builder::Usual::default(),
            defined_at: None,
        })
    };
    let worker = |id: i64, name: &str, connected| {
        Transition::WorkerKnown(Worker {
            id: WorkerId(id),
            name: name.to_owned(),
            configured: true,
            connected,
            changed_at: None,
            paused: None,
            info: WorkerInfo::default(),
        })
    };
    let scheduler = |id: i64, name: &str| {
        let state = SchedulerState::default();
        Transition::SchedulerKnown(Scheduler { id: SchedulerId(id), name: name.to_owned(), configured: true, state })
    };
    let change = |id: i64, author: &str, files: &[&str]| {
        Transition::ChangeAdded(Change {
            id: ChangeId(id),
            received_at: T0,
            facts: NewChange {
                author: author.to_owned(),
                comments: format!("Change {id} <script>alert(1)</script>"),
                revision: Some(format!("rev{id}")),
                branch: Some("develop".to_owned()),
                repository: "https://github.com/madler/zlib".to_owned(),
                files: files.iter().map(|f| (*f).to_owned()).collect(),
                when: T0 + Span::seconds(id),
                ..NewChange::default()
            },
        })
    };
    vec![
        builder(1, "linux", &["quick"]),
        builder(2, "mac os", &[]),
        worker(1, "here", true),
        worker(2, "mac-mini", false),
        scheduler(1, "force"),
        scheduler(2, "nightly"),
        change(1, "Ann <ann@example.org>", &["deflate.c"]),
        change(2, "Bob <bob@example.org>", &["inflate.c", "README"]),
    ]
}

/// Writes the town's history: build 1 failed in its second step, build 2 runs, request 3 waits.
async fn settle(store: &store::Store, logs: &logs::Logs) {
    store.commit(known()).await.unwrap();
    let mut batch = vec![set(1, 1, &[1]), set(2, 1, &[2]), set(3, 2, &[])];
    batch.push(Transition::BuildLeased { build: build(1, 1), also: Vec::new(), plan: Vec::new() });
    batch.push(step(1, 1, 0, "git"));
    store.commit(batch).await.unwrap();

    let write = async |id: i64, build: i64, pieces: &[(Stream, &str)]| {
        let (build, log) = (BuildId(build), LogId(id));
        let mut offset = logs.begin(build, log).await.unwrap();
        for (stream, text) in pieces {
            let data = Bytes::copy_from_slice(text.as_bytes());
            offset += u64::try_from(data.len()).unwrap();
            logs.append(build, log, offset - u64::try_from(data.len()).unwrap(), *stream, data).await.unwrap();
        }
    };
    let seal = async |id: i64, build: i64| {
        let sealed = logs.seal(BuildId(build), LogId(id)).await.unwrap();
        let logs::Sealed { lines, bytes, crc32 } = sealed;
        Transition::LogSealed { log: LogId(id), lines, bytes, crc32 }
    };
    let at = T0 + Span::seconds(30);
    let ended = |id: i64, results, state: &str| Transition::StepFinished {
        step: StepId(id),
        at,
        results,
        state: state.to_owned(),
        facts: Default::default(),
    };
    write(1, 1, &[(Stream::Header, "git fetch\n"), (Stream::Stdout, "one\ntwo\n"), (Stream::Stderr, "hint\n")]).await;
    let first = seal(1, 1).await;
    store.commit(vec![first, ended(1, Results::Success, "git"), step(2, 1, 1, "make")]).await.unwrap();
    write(2, 1, &[(Stream::Stdout, "deflate.c:3: error: <b>boom</b>\n")]).await;
    let second = seal(2, 1).await;
    let (results, build_id) = (Results::Failure, BuildId(1));
    store
        .commit(vec![
            second,
            ended(2, results, "make failed"),
            Transition::BuildFinished { build: build_id, epoch: 1, at, results, state: "failed make".to_owned() },
            Transition::RequestFinished { request: RequestId(1), at, results },
            Transition::SetFinished { set: BuildSetId(1), at, results },
        ])
        .await
        .unwrap();
    logs.finish(build_id).await.unwrap();

    let leased = Transition::BuildLeased { build: build(2, 2), also: Vec::new(), plan: Vec::new() };
    store.commit(vec![leased, step(3, 2, 0, "make")]).await.unwrap();
    write(3, 2, &[(Stream::Stdout, "cc deflate.c\nunfinished")]).await;
}
