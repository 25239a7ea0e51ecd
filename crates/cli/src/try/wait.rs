//! Waiting for what was tried: until the first failure or the last success is known.

use crate::exit::{Exit, Trouble};
use crate::follow::Follower;
use crate::live::LiveLines;
use crate::out;
use crate::patience::{LIMIT, Patience, wake};
use crate::show::{self, Paper};
use client::{Client, Filter};
use model::Results;
use std::time::{Duration, Instant};

/// How long nothing may be heard before the present is looked at all the same.
const SWEEP: Duration = Duration::from_secs(1);

/// After so long a word tells that it still goes on.
const WORD: Duration = Duration::from_secs(60);

/// How long a job that was handed in as a file may need to become a set.
const TAKEN: Duration = Duration::from_secs(60);

/// The set that a job has become.
pub(super) async fn set_of_job(client: &Client, id: &str) -> anyhow::Result<api::Forced> {
    let begun = Instant::now();
    let mut listeners = [client.listen("buildsets/*/*")];
    loop {
        let mine = Filter::all().with("external_idstring", id);
        if let Some(set) = client.list::<api::BuildSet>("buildsets", &mine).await?.rows.into_iter().next() {
            let requests = Filter::all().with("buildsetid", set.bsid);
            let requests = client.requests(&requests).await?.rows;
            return Ok(api::Forced(set.bsid, requests.iter().map(|r| (r.builderid, r.buildrequestid)).collect()));
        }
        if begun.elapsed() > TAKEN {
            return Err(Trouble(format!("the master has not taken the job {id}; its log says why")).into());
        }
        wake(&mut listeners, SWEEP).await?;
    }
}

/// Shows the builds and gives their result.
pub(super) async fn result(client: &Client, forced: &api::Forced, json: bool, quiet: bool) -> anyhow::Result<Exit> {
    let requests: Vec<i64> = forced.1.values().copied().collect();
    let mut worst = Results::Skipped;
    for id in requests.iter().copied() {
        let others: Vec<i64> = requests.iter().copied().filter(|other| *other != id).collect();
        let ended = tokio::select! {
            biased;
            results = shown(client, id, json, quiet) => (results?, None),
            failed = first_failure(client, &others, json || quiet) => (Results::Failure, Some(failed?)),
        };
        match ended {
            (results, None) if results.is_good() => worst = worst.worst(results),
            (results, None) => return Ok(results.into()),
            (_, Some(failed)) => return Ok(shown(client, failed, json, quiet).await?.into()),
        }
    }
    Ok(worst.into())
}

/// Shows one request until its end.
async fn shown(client: &Client, id: i64, json: bool, quiet: bool) -> anyhow::Result<Results> {
    if json || !quiet {
        return Follower::new(client.clone(), id, json).run().await;
    }
    let results = ended(client, id).await?;
    let newest = client.builds_of_request(id).await?.rows.into_iter().map(|b| b.buildid).max();
    if let Some(build) = newest {
        let story = client.story(build).await?;
        out::lines(show::ended(Paper::of_stdout(), &story))?;
    }
    Ok(results)
}

/// The first of these requests that does not end well. Pending for ever when all do.
async fn first_failure(client: &Client, ids: &[i64], silent: bool) -> anyhow::Result<i64> {
    let mut open = ids.to_vec();
    let mut listeners = [client.listen("buildrequests/*/*")];
    let mut patience = Patience::new(LIMIT);
    let mut live = LiveLines::new(Paper::Plain);
    let mut words = Words { said: Instant::now() };
    loop {
        let look = look(client, &mut open).await;
        if let Some(Some(failed)) = patience.bear(look, &mut live).await? {
            return Ok(failed);
        }
        if !silent && Paper::of_stdout() == Paper::Plain && words.due(Instant::now()) {
            // The one that is shown is none of these.
            out::line(format!("  … {} more to come", open.len() + 1))?;
        }
        wake(&mut listeners, SWEEP).await?;
    }
}

/// When it was last said that it still goes on.
struct Words {
    said: Instant,
}

impl Words {
    /// Whether it is time to say so again.
    fn due(&mut self, now: Instant) -> bool {
        let due = now.saturating_duration_since(self.said) >= WORD;
        if due {
            self.said = now;
        }
        due
    }
}

async fn look(client: &Client, open: &mut Vec<i64>) -> anyhow::Result<Option<i64>> {
    let mut still = Vec::new();
    for id in open.iter().copied() {
        match Results::from_code(client.request(id).await?.results) {
            Some(results) if !results.is_good() => return Ok(Some(id)),
            Some(_) => {}
            None => still.push(id),
        }
    }
    *open = still;
    Ok(None)
}

async fn ended(client: &Client, id: i64) -> anyhow::Result<Results> {
    let mut listeners = [client.listen("buildrequests/*/*")];
    let mut patience = Patience::new(LIMIT);
    let mut live = LiveLines::new(Paper::Plain);
    loop {
        let look = async { Ok(Results::from_code(client.request(id).await?.results)) }.await;
        if let Some(Some(results)) = patience.bear(look, &mut live).await? {
            return Ok(results);
        }
        wake(&mut listeners, SWEEP).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_comes_each_minute() {
        let begun = Instant::now();
        let mut words = Words { said: begun };
        let said: Vec<u64> = (0..=200).filter(|s| words.due(begun + Duration::from_secs(*s))).collect();
        assert_eq!(said, [60, 120, 180]);
    }
}
