//! Landing by compare-and-swap, asking after a push of which nobody knows, and watching the branch.

use super::runner::{Open, Runner, Trouble, blocking, commit};
use gate::{CandidateId, Commit, Event, Footprint, Push, Remote};
use killpoint::fail_point;
use vcs::git::{Fault, GitError, Landing, Pushed, RebaseError, Target};

/// What became of a push, and what is on top of it from outside.
type Outcome = (Push, Option<(String, Vec<String>)>);

impl Runner {
    /// Pushes a commit where the branch is expected; with members, they are replayed there first.
    pub(super) async fn land(
        &mut self,
        open: &mut Open,
        tested: Commit,
        expected: Commit,
        members: Option<Vec<CandidateId>>,
    ) -> Result<Vec<Event>, Trouble> {
        fail_point!("gate-pushing");
        let commits = members.map(|members| commits_of(open, &members));
        let (shop, target, push) = (open.shop.clone(), self.target(), self.spec.push.clone());
        let push_it = move || {
            let landing = shop.landing();
            let pushes = Target { repository: push, branch: target.branch.clone() };
            let made = match commits {
                None => tested.0,
                Some(commits) => match shop.replay(&expected.0, &commits) {
                    Ok(made) => made,
                    Err(RebaseError::Conflict(_)) => return Ok((Push::NotReplayed, None)),
                    Err(RebaseError::Git(e)) => return Err(e),
                },
            };
            push_one(&landing, &pushes, &made, &expected.0)
        };
        let pushed = self.meanwhile(open, push_it).await?;
        fail_point!("gate-pushed");
        let (push, above) = pushed.unwrap_or_else(|e| (Push::Doubtful(e.to_string()), None));
        match &push {
            // Whoever did not take it just now will not a moment later either.
            Push::Doubtful(why) => self.fails(format!("nobody knows whether the push arrived: {why}")),
            _ => self.works(),
        }
        let mut events = vec![match push {
            Push::Moved { to, .. } => {
                let footprint = self.moved_by(open, &to.0).await?;
                Event::Pushed(Push::Moved { to, footprint })
            }
            other => Event::Pushed(other),
        }];
        if let Some((tip, changed)) = above {
            events.push(Event::Moved { to: commit(tip), footprint: self.footprint(&changed) });
        }
        Ok(events)
    }

    /// Asks where the branch is, after a push of which nobody knows.
    pub(super) async fn ask_remote(&mut self, open: &mut Open) -> Result<Vec<Event>, Trouble> {
        let Some(landing) = open.kept.queue.landing().cloned() else { return Ok(Vec::new()) };
        let commits = landing.replay.then(|| commits_of(open, &landing.members));
        let (shop, target) = (open.shop.clone(), Target { repository: self.spec.push.clone(), ..self.target() });
        let expected = landing.expected.0.clone();
        let found = blocking(move || {
            let git = shop.landing();
            let ours = match commits {
                None => landing.commit.0,
                Some(commits) => match shop.replay(&expected, &commits) {
                    Ok(made) => made,
                    // What cannot be made was not pushed either.
                    Err(RebaseError::Conflict(_)) => expected.clone(),
                    Err(RebaseError::Git(e)) => return Err(e),
                },
            };
            let Some(tip) = git.fetch(&target)? else { return Ok(Found::Nowhere) };
            if ours != expected && git.contains(&tip, &ours)? {
                let changed = if tip == ours { Vec::new() } else { git.changed(&ours, &tip)? };
                return Ok(Found::Ours { ours, tip, changed });
            }
            Ok(if tip == expected { Found::Before } else { Found::Elsewhere(tip) })
        })
        .await?;
        let replayed = landing.replay;
        let remote = match found {
            Ok(Found::Ours { ours, tip, changed }) => {
                let above = match (tip == ours, replayed) {
                    (true, false) => None,
                    // The queue knows the commit that was tested; the branch has the one that was made of it.
                    (true, true) => Some((commit(tip), Footprint::NONE)),
                    (false, _) => Some((commit(tip), self.footprint(&changed))),
                };
                Remote::Ours { same_tree: true, above }
            }
            Ok(Found::Before) => Remote::Before,
            Ok(Found::Elsewhere(tip)) => {
                let footprint = self.moved_by(open, &tip).await?;
                Remote::Elsewhere { to: commit(tip), footprint }
            }
            Ok(Found::Nowhere) => {
                self.fails(format!("the repository has no branch {}", self.spec.branch));
                Remote::Silent
            }
            Err(e) => {
                self.fails(e.to_string());
                Remote::Silent
            }
        };
        // Where it was before, what kept the push from arriving may be there still.
        if !matches!(remote, Remote::Silent | Remote::Before) {
            self.works();
        }
        Ok(vec![Event::Found(remote)])
    }

    /// Looks where the branch is, unless a push is under way.
    pub(super) async fn watch(&mut self, open: &mut Open) -> Result<(), Trouble> {
        if open.kept.queue.landing().is_some() {
            return Ok(());
        }
        let (shop, target) = (open.shop.clone(), self.target());
        let known = open.kept.queue.trunk().tip.0.clone();
        let tip = blocking(move || {
            let landing = shop.landing();
            match landing.ask(&target)? {
                Some(tip) if tip != known => landing.fetch(&target),
                tip => Ok(tip),
            }
        })
        .await?;
        match tip {
            Ok(Some(tip)) if tip != open.kept.queue.trunk().tip.0 => {
                let footprint = self.moved_by(open, &tip).await?;
                self.advance(open, vec![Event::Moved { to: commit(tip), footprint }]).await
            }
            Ok(Some(_)) => {
                if self.not_before.is_none() {
                    self.trouble = None;
                }
                self.show(open);
                Ok(())
            }
            Ok(None) => self.told(open, format!("the repository has no branch {}", self.spec.branch)),
            Err(e) => self.told(open, e.to_string()),
        }
    }

    /// That the branch is elsewhere than it was known to be, if whoever handed something in found it there: what stands on
    /// that would not fit on what it was. A push that is under way tells it by itself.
    pub(super) async fn news(&mut self, open: &Open) -> Result<Vec<Event>, Trouble> {
        let known = &open.kept.queue.trunk().tip.0;
        let Some(tip) = self.seen.take().filter(|tip| tip != known && open.kept.queue.landing().is_none()) else {
            return Ok(Vec::new());
        };
        let footprint = self.moved_by(open, &tip).await?;
        Ok(vec![Event::Moved { to: commit(tip), footprint }])
    }

    fn told(&mut self, open: &Open, trouble: String) -> Result<(), Trouble> {
        tracing::warn!("the gate {} cannot look at its branch: {trouble}", self.spec.name);
        self.trouble = Some(trouble);
        self.show(open);
        Ok(())
    }

    /// What the branch was changed by since it was known.
    async fn moved_by(&self, open: &Open, tip: &str) -> Result<Footprint, Trouble> {
        let (shop, tip, known) = (open.shop.clone(), tip.to_owned(), open.kept.queue.trunk().tip.0.clone());
        let changed = blocking(move || {
            let landing = shop.landing();
            // One that went back, or elsewhere, says nothing by a comparison.
            if landing.contains(&tip, &known)? { landing.changed(&known, &tip) } else { Ok(Vec::new()) }
        })
        .await?;
        Ok(changed.map_or(Footprint::ALL, |changed| self.footprint(&changed)))
    }
}

/// Where the branch was found.
enum Found {
    Ours { ours: String, tip: String, changed: Vec<String> },
    Before,
    Elsewhere(String),
    Nowhere,
}

fn commits_of(open: &Open, members: &[CandidateId]) -> Vec<String> {
    let known = &open.kept.candidates;
    members.iter().filter_map(|m| known.get(m)).flat_map(|own| own.commits.iter().cloned()).collect()
}

fn push_one(landing: &Landing, target: &Target, made: &str, expected: &str) -> Result<Outcome, GitError> {
    match landing.push(target, made, Some(expected))? {
        Pushed::Landed => {
            let tip = landing.fetch(target)?.unwrap_or_else(|| made.to_owned());
            let same_tree = tip != made || landing.tree(&tip)? == landing.tree(made)?;
            let above = if tip == made { None } else { Some((tip.clone(), landing.changed(made, &tip)?)) };
            Ok((Push::Done { commit: commit(made), same_tree }, above))
        }
        Pushed::Moved(Some(to)) => Ok((Push::Moved { to: commit(to), footprint: Footprint::ALL }, None)),
        Pushed::Moved(None) => Ok((Push::Refused(format!("the branch {} is gone", target.branch)), None)),
        Pushed::Refused(e) if e.fault == Fault::Refused => Ok((Push::Refused(e.reason), None)),
        Pushed::Refused(e) => Ok((Push::Doubtful(e.reason), None)),
    }
}
