//! How fast the store is: transitions committed, the snapshot with many waiting requests, pages of builds.
//!
//! `cargo run --release -p store --example commit_rate [ADDRESS]`: SQLite in the present directory's `target`, or the
//! (empty) PostgreSQL database at ADDRESS.

use model::builder::Usual;
use model::property::property;
use model::{
    Build, BuildId, BuildSet, BuildSetId, BuildSetStatus, BuildStatus, Builder, BuilderId, CommandLine, Lease,
    LogFacts, LogId, LogStatus, Properties, Query, Request, RequestId, RequestStatus, Results, ShellSpec, SourceStamp,
    SourceStampId, Step, StepAction, StepId, StepSpec, StepStatus, Time, Transition, WorkerId,
};
use std::error::Error;
use std::time::Instant;
use store::{Location, Store};

const BUILDERS: i64 = 1000;
const BUILDS: i64 = 40_000;
const WAITING: i64 = 25_000;
const WRITERS: i64 = 64;
const PAGES: usize = 4000;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome {
    let directory = tempfile::tempdir_in("/tmp")?;
    let location = match std::env::args().nth(1) {
        Some(address) => Location::Postgres(address),
        None => Location::Sqlite(directory.path().join("state.sqlite")),
    };
    let store = Store::open(&location).await?;
    store.commit((1..=BUILDERS).map(|id| Transition::BuilderKnown(builder(id))).collect()).await?;
    commits(&store).await?;
    lone_commits(&store).await?;
    waiting(&store).await?;
    snapshot(&store, &location).await?;
    pages(&store).await
}

/// One-step builds from filing to end, by many writers, each with three builds at a time; a batch is a third of their
/// lives, ten transitions on the average.
async fn commits(store: &Store) -> Outcome {
    let begin = Instant::now();
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut count = 0;
            let ids: Vec<_> = (1..=BUILDS).filter(|id| id % WRITERS == writer).collect();
            for ids in ids.chunks(3) {
                let lives: Vec<_> = ids.iter().map(|id| life(*id)).collect();
                for third in 0..3 {
                    let batch: Vec<_> = lives.iter().flat_map(|life| life[third].clone()).collect();
                    count += batch.len();
                    store.commit(batch).await?;
                }
            }
            Ok::<_, store::CommitError>(count)
        }));
    }
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!("{count} transitions of {BUILDS} builds in {seconds:.2} s: {:.0} a second", count as f64 / seconds);
    Ok(())
}

/// One writer that waits for each batch: what a commit takes by itself.
async fn lone_commits(store: &Store) -> Outcome {
    let begin = Instant::now();
    for n in 0..2000 {
        let state = format!("state {n}");
        store.commit(vec![Transition::BuildState { build: BuildId(1 + n), state }]).await?;
    }
    println!("2000 commits one after the other: {:.0} µs each", begin.elapsed().as_secs_f64() / 2000.0 * 1e6);
    Ok(())
}

async fn waiting(store: &Store) -> Outcome {
    let begin = Instant::now();
    let ids: Vec<_> = (BUILDS + 1..=BUILDS + WAITING).collect();
    for ids in ids.chunks(500) {
        store.commit(ids.iter().map(|id| filed(*id)).collect()).await?;
    }
    println!("{WAITING} sets filed in {:.2} s", begin.elapsed().as_secs_f64());
    Ok(())
}

async fn snapshot(store: &Store, location: &Location) -> Outcome {
    for _ in 0..3 {
        let begin = Instant::now();
        let snapshot = store.snapshot().await?;
        let ms = begin.elapsed().as_secs_f64() * 1e3;
        println!("snapshot with {} waiting requests in {ms:.0} ms", snapshot.requests.len());
    }
    if matches!(location, Location::Sqlite(_)) {
        let begin = Instant::now();
        let again = Store::open(location).await?;
        again.snapshot().await?;
        println!("opened anew, with a snapshot, in {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

async fn pages(store: &Store) -> Outcome {
    let newest = Query::default().newest_first("buildid").limit(100);
    for (name, bare) in [("builds(limit 100)", false), ("builds_bare(limit 100)", true)] {
        let begin = Instant::now();
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let (store, query) = (store.clone(), newest.clone());
            tasks.push(tokio::spawn(async move {
                for _ in 0..PAGES / 8 {
                    let page = if bare { store.builds_bare(&query).await? } else { store.builds(&query).await? };
                    assert_eq!(page.rows.len(), 100);
                }
                Ok::<_, store::StoreError>(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        println!("{name}, 8 askers: {:.0} a second", PAGES as f64 / begin.elapsed().as_secs_f64());
    }
    let begin = Instant::now();
    let (latest, last, broken) = (store.latest_builds(5).await?, store.last_finished().await?, store.broken().await?);
    let ms = begin.elapsed().as_secs_f64() * 1e3;
    println!("{} latest, {} last finished, {} broken in {ms:.0} ms", latest.len(), last.len(), broken.len());
    let begin = Instant::now();
    let between = store.builds_between(Time(0), Time(BUILDS), 1000).await?;
    println!("{} builds of a time range in {:.1} ms", between.len(), begin.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn builder(id: i64) -> Builder {
    Builder {
        id: BuilderId(id),
        name: format!("builder-{id}"),
        description: String::new(),
        tags: vec!["tag".to_owned()],
        configured: true,
        next_number: 1,
        usual: Usual::default(),
        defined_at: None,
    }
}

fn properties(id: i64) -> Properties {
    Properties::from([
        property("branch", "main", "Build"),
        property("builddir", "/var/lib/sluice/worker/linux", "Worker"),
        property("buildername", "linux", "Builder"),
        property("buildnumber", id, "Build"),
        property("project", "zlib", "Build"),
        property("repository", "https://example.org/zlib.git", "Build"),
        property("scheduler", "quick", "Scheduler"),
        property("workername", "here", "Worker"),
    ])
}

fn filed(id: i64) -> Transition {
    let stamp = SourceStamp {
        id: SourceStampId(id),
        repository: "https://example.org/zlib.git".to_owned(),
        branch: Some("main".to_owned()),
        revision: Some(format!("{id:040x}")),
        project: "zlib".to_owned(),
        codebase: String::new(),
        patch: None,
        created_at: Time(id),
        changes: Vec::new(),
    };
    let set = BuildSet {
        id: BuildSetId(id),
        reason: "forced".to_owned(),
        scheduler: "force".to_owned(),
        external_id: None,
        submitted_at: Time(id),
        stamps: vec![stamp],
        requests: vec![RequestId(id)],
        properties: Properties::from([property("owner", "ada", "Force")]),
        rebuilt: None,
        parent: None,
        status: BuildSetStatus::Open,
    };
    let request = Request {
        id: RequestId(id),
        set: BuildSetId(id),
        builder: BuilderId(1 + id % BUILDERS),
        priority: 0,
        submitted_at: Time(id),
        waited_for: false,
        retries: 0,
        cancel: None,
        status: RequestStatus::Waiting,
    };
    Transition::SetFiled { set, requests: vec![request] }
}

fn leased(id: i64) -> Transition {
    let build = Build {
        id: BuildId(id),
        number: 1 + (id - 1) / BUILDERS,
        builder: BuilderId(1 + id % BUILDERS),
        request: RequestId(id),
        worker: WorkerId(1),
        lease: Lease { epoch: 1, until: None },
        started_at: Time(id),
        state: "starting".to_owned(),
        properties: properties(id),
        status: BuildStatus::Running,
    };
    let plan = StepSpec::new("make", StepAction::Shell(ShellSpec::new(CommandLine::script("make"))));
    Transition::BuildLeased { build, also: Vec::new(), plan: vec![plan] }
}

/// A build in three batches: filed and leased, its step begun, everything ended.
fn life(id: i64) -> [Vec<Transition>; 3] {
    let (build, at, results, state) = (BuildId(id), Time(id), Results::Success, "done".to_owned());
    let step = Step {
        id: StepId(id),
        build,
        number: 0,
        name: "make".to_owned(),
        started_at: at,
        state: "running".to_owned(),
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
    let (name, value) = property("got_revision", "0123456789", "git");
    [
        vec![filed(id), leased(id), Transition::BuildState { build, state: "making".to_owned() }],
        vec![
            Transition::StepStarted { step, epoch: 1, logs: vec![log] },
            Transition::PropertySet { build, name, property: value },
        ],
        vec![
            Transition::LogSealed { log: LogId(id), lines: 9, bytes: 99, crc32: 1 },
            Transition::StepFinished { step: StepId(id), at, results, state: state.clone(), facts: Default::default() },
            Transition::BuildFinished { build, epoch: 1, at, results, state },
            Transition::RequestFinished { request: RequestId(id), at, results },
            Transition::SetFinished { set: BuildSetId(id), at, results },
        ],
    ]
}
