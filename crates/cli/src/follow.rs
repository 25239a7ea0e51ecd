//! Watching requests until they have their result.

use crate::exit::Exit;
use crate::live::LiveLines;
use crate::out;
use crate::patience::{LIMIT, Patience, wake};
use crate::show::{self, Paper};
use api::story::Story;
use client::Client;
use model::{Results, Span};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long nothing may be heard before the present is looked at all the same.
const SWEEP: Duration = Duration::from_secs(1);

/// Shows the builds of these requests live, one after the other as they are asked for, and gives the worst result.
pub(crate) async fn requests(client: &Client, ids: Vec<i64>, json: bool) -> anyhow::Result<Exit> {
    let mut worst = Results::Skipped;
    for id in ids {
        let mut follower = Follower::new(client.clone(), id, json);
        worst = worst.worst(follower.run().await?);
    }
    Ok(worst.into())
}

/// Shows the build of one request.
pub(crate) struct Follower {
    client: Client,
    request: i64,
    json: bool,
    paper: Paper,
    live: LiveLines,
    told: BTreeSet<i64>,
    /// The kinds of reasons why it waits that were told.
    reasons: BTreeSet<String>,
    build: Option<i64>,
}

impl Follower {
    pub(crate) fn new(client: Client, request: i64, json: bool) -> Self {
        let paper = Paper::of_stdout();
        let live = LiveLines::new(paper);
        Self { client, request, json, paper, live, told: BTreeSet::new(), reasons: BTreeSet::new(), build: None }
    }

    /// Until the request has its result.
    pub(crate) async fn run(&mut self) -> anyhow::Result<Results> {
        let mut listeners = [self.client.listen("*/*/*"), self.client.listen("builds/*/steps/*/*")];
        let mut patience = Patience::new(LIMIT);
        loop {
            let look = self.look().await;
            let Some(results) = patience.bear(look, &mut self.live).await? else { continue };
            if let Some(results) = results {
                return Ok(results);
            }
            // A wake-up is a hint; the look above finds what a lost one hid.
            wake(&mut listeners, self.sweep()).await?;
        }
    }

    fn sweep(&self) -> Duration {
        match self.paper {
            Paper::Terminal => Duration::from_millis(250),
            Paper::Plain => SWEEP,
        }
    }

    async fn look(&mut self) -> anyhow::Result<Option<Results>> {
        let request = self.client.request(self.request).await?;
        let newest = self.client.builds_of_request(self.request).await?.rows.into_iter().map(|b| b.buildid).max();
        if newest != self.build {
            self.build = newest;
            self.told.clear();
        }
        match self.build {
            None => self.wait().await?,
            Some(build) => {
                let story = self.client.story(build).await?;
                self.show(&story)?;
            }
        }
        Ok(Results::from_code(request.results))
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        let why = self.client.why(self.request).await?;
        if self.json || !why.waits {
            return Ok(());
        }
        let head = format!("  ○ request {} waits: ", self.request);
        match self.paper {
            Paper::Terminal => {
                let room = show::WIDTH.saturating_sub(head.chars().count());
                self.live.float(&[head + &show::cut(&why.sentence, room)])?;
            }
            Paper::Plain if self.reasons.insert(kind(&why.sentence).to_owned()) => out::line(head + &why.sentence)?,
            Paper::Plain => {}
        }
        Ok(())
    }

    fn show(&mut self, story: &Story) -> anyhow::Result<()> {
        if self.json {
            if story.results.is_some() && self.told.insert(-1) {
                out::json(story)?;
            }
            return Ok(());
        }
        let width = name_width(story);
        let mut settled = Vec::new();
        let mut floating = Vec::new();
        for step in &story.steps {
            let line = show::step_line(self.paper, step, width, &remark(story, &step.name));
            match step.results {
                Some(_) if self.told.insert(step.stepid) => settled.push(line),
                Some(_) => {}
                None => floating.push(line),
            }
        }
        if story.results.is_some() && self.told.insert(-1) {
            settled.push(String::new());
            settled.extend(show::ended(self.paper, story));
        }
        if !settled.is_empty() {
            self.live.settle(&settled)?;
        }
        Ok(self.live.float(&floating)?)
    }
}

/// What of a reason stays the same while its numbers change: "its worker here is busy, free in about 3 min".
fn kind(reason: &str) -> &str {
    reason.split(',').next().unwrap_or(reason)
}

/// Names are aligned over the whole build, steps to come included.
fn name_width(story: &Story) -> usize {
    let names = story.steps.iter().map(|s| s.name.as_str()).chain(story.to_come.iter().map(String::as_str));
    names.map(|n| n.chars().count()).max().unwrap_or(0).clamp(4, 30)
}

/// What a checkout got.
fn remark(story: &Story, step: &str) -> String {
    let first = story.steps.first().is_some_and(|s| s.name == step);
    match (&story.revision, first) {
        (Some(revision), true) => {
            let short: String = model::change::short_revision(revision).chars().take(7).collect();
            format!("{} {short}", story.branch.as_deref().unwrap_or("")).trim().to_owned()
        }
        _ => String::new(),
    }
}

/// A span for people, or nothing.
pub(crate) fn usually(usual: Option<Span>) -> String {
    usual.map(|u| format!("usually {u}")).unwrap_or_default()
}
