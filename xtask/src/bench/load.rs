//! Eight clients at once.

use super::api::Api;
use anyhow::bail;
use std::thread;
use std::time::{Duration, Instant};

const CLIENTS: usize = 8;

/// Files `number` requests for a builder; the last one's id.
pub(crate) fn force(api: &Api, builder: i64, number: usize) -> anyhow::Result<i64> {
    let share = |client: usize| number / CLIENTS + usize::from(client < number % CLIENTS);
    let last = at_once(api, |api, client| {
        let mut last = 0;
        for _ in 0..share(client) {
            last = api.force(builder)?;
        }
        Ok(last)
    })?;
    Ok(last.into_iter().max().unwrap_or_default())
}

/// Reads a path for so long; the seconds that each answer took.
pub(crate) fn read(api: &Api, path: &str, during: Duration) -> anyhow::Result<Vec<f64>> {
    let until = Instant::now() + during;
    let taken = at_once(api, |api, _| {
        let mut taken = Vec::new();
        loop {
            let begun = Instant::now();
            api.bytes(path)?;
            if Instant::now() > until {
                return Ok(taken);
            }
            taken.push(begun.elapsed().as_secs_f64());
        }
    })?;
    Ok(taken.concat())
}

fn at_once<T: Send>(api: &Api, work: impl Fn(&mut Api, usize) -> anyhow::Result<T> + Sync) -> anyhow::Result<Vec<T>> {
    let work = &work;
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut api = api.another();
                scope.spawn(move || work(&mut api, client))
            })
            .collect();
        clients
            .into_iter()
            .map(|client| match client.join() {
                Ok(done) => done,
                Err(_) => bail!("a client has panicked"),
            })
            .collect()
    })
}
