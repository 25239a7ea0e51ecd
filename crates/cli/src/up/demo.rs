//! `sluice up --demo`: a small project with a history, built commit by commit.

use super::{Args, Session, free, fresh_dir, listen, named, plan};
use crate::exit::Exit;
use crate::out;
use crate::target::state_dir;
use anyhow::Context;
use master::base::BaseDir;
use model::scheduler::ChangeFilter;
use model::{
    ChangeSourceSpec, Config, Follow, ForceSpec, GitPollerSpec, Match, ProjectSpec, Results, SchedulerKind, Span, Time,
};
use plan::Plan;
use std::time::{SystemTime, UNIX_EPOCH};
use vcs::demo::{self, Demo};
use vcs::git::LocalBranch;

/// How often the repository is looked at: a demo should not keep anybody waiting.
const LOOK: Span = Span::millis(300);

/// The worker that builds it.
const WORKER: &str = "here";

pub(super) async fn run(args: Args, ended: impl Future<Output = ()>) -> anyhow::Result<Exit> {
    let basedir = args.basedir.clone().map_or_else(|| Ok(state_dir()?.join("demo")), anyhow::Ok)?;
    // Git works in directories of its own, where a relative path would lead elsewhere.
    let basedir = std::path::absolute(basedir)?;
    free::check(&BaseDir::at(basedir.join("ci")), &listen(&args))?;
    // Each demo begins anew: what an earlier one left would be taken for its history.
    fresh_dir(&basedir)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let demo = demo::create(&basedir.join("project"), Time(i64::try_from(now.as_micros()).unwrap_or(0)))
        .context("the demo cannot be made; it needs git on this machine")?;
    out::line(format!("  a small C library with {} commits; two builders build each of them", demo.revisions.len()))?;
    let session = Session::open(&basedir.join("ci"), Plan::given(config(&demo, &listen(&args)))).await?;
    tokio::select! {
        exit = play(&session, &demo, args.once) => {
            session.close().await;
            exit
        }
        () = ended => session.interrupted().await,
    }
}

/// Pushes one commit after the other and shows what comes of it, then leaves the pages to look at.
async fn play(session: &Session, demo: &Demo, once: bool) -> anyhow::Result<Exit> {
    let mut last = Results::Skipped;
    let mut shown = session.newest_request().await?;
    for number in 0..demo.revisions.len() {
        if number > 0 {
            demo.advance(number)?;
        }
        let branch = LocalBranch::look(&demo.repository, Some(&demo.branch))?;
        out::line(format!("  {}", named(&plan::change_of(&branch))))?;
        let requests = session.next_requests(shown).await?;
        shown = requests.last().map_or(shown, |r| r.0);
        last = session.show(requests).await?;
        out::line("")?;
    }
    if once {
        return Ok(last.into());
    }
    out::line(format!("  that was all; the pages are at {}", session.hosted.master.url()))?;
    out::line("  your own repository: sluice up ~/src/project")?;
    out::line("  Ctrl-C ends it")?;
    std::future::pending().await
}

fn config(demo: &Demo, listen: &str) -> Config {
    let repository = demo.repository.display().to_string();
    let mut builders = demo::builders(&repository, WORKER);
    builders.iter_mut().for_each(|b| plan::quiet(&mut b.steps));
    let names: Vec<String> = builders.iter().map(|b| b.name.clone()).collect();
    let filter = ChangeFilter { branch: Match::is(demo.branch.as_str()), ..ChangeFilter::default() };
    let follow = Follow { filter, ..Follow::default() };
    Config {
        project: ProjectSpec { title: "Demo".to_owned(), ..ProjectSpec::default() },
        web: plan::web(listen),
        workers: vec![plan::here(builders.len())],
        builders,
        schedulers: vec![
            plan::scheduler("push", SchedulerKind::SingleBranch(follow), &names),
            plan::scheduler("force", SchedulerKind::Force(ForceSpec::new("Build")), &names),
        ],
        sources: vec![ChangeSourceSpec::GitPoller(GitPollerSpec {
            name: repository.clone(),
            repository,
            branches: vec![demo.branch.clone()],
            every: LOOK,
            project: String::new(),
            category: None,
            codebase: String::new(),
            build_existing: true,
            defined_at: None,
        })],
        ..Config::default()
    }
}
