//! `/api/v2`, as both systems have it.

use super::http::{Answer, Http};
use super::system::{FORCE, Post};
use super::wait;
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::time::Duration;

/// A client of one master.
pub(crate) struct Api {
    http: Http,
    port: u16,
}

impl Api {
    pub(crate) fn new(port: u16) -> Self {
        Self { http: Http::new(port), port }
    }

    /// Another connection to the same master.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.port)
    }

    pub(crate) fn answers(&mut self) -> bool {
        self.http.get("/api/v2/masters").is_ok_and(|a| a.status == 200)
    }

    /// The bytes of an answer.
    pub(crate) fn bytes(&mut self, path: &str) -> anyhow::Result<Vec<u8>> {
        good(self.http.get(&format!("/api/v2/{path}"))?, path)
    }

    /// The things of a collection.
    pub(crate) fn list(&mut self, path: &str, plural: &str) -> anyhow::Result<Vec<Value>> {
        let answer: Value = serde_json::from_slice(&self.bytes(path)?).with_context(|| format!("{path} is no JSON"))?;
        let list = answer[plural].as_array().with_context(|| format!("{path} has no {plural}"))?;
        Ok(list.clone())
    }

    fn first(&mut self, path: &str, plural: &str) -> anyhow::Result<Value> {
        self.list(path, plural)?.into_iter().next().with_context(|| format!("{path} is empty"))
    }

    pub(crate) fn is_connected(&mut self, worker: &str) -> anyhow::Result<bool> {
        let worker = self.first(&format!("workers?name={worker}"), "workers")?;
        Ok(worker["connected_to"].as_array().is_some_and(|c| !c.is_empty()))
    }

    pub(crate) fn builder(&mut self, name: &str) -> anyhow::Result<i64> {
        let builder = self.first(&format!("builders?name={name}"), "builders")?;
        builder["builderid"].as_i64().context("a builder has no id")
    }

    /// Asks for a build; the request's id.
    pub(crate) fn force(&mut self, builder: i64) -> anyhow::Result<i64> {
        let params =
            json!({ "builderid": builder.to_string(), "username": "Bench <bench@example.org>", "reason": "bench" });
        let result = self.call(&format!("forceschedulers/{FORCE}"), "force", &params)?;
        let ids = result[1].as_object().and_then(|ids| ids.values().next()).and_then(Value::as_i64);
        ids.with_context(|| format!("a forced build has no request: {result}"))
    }

    pub(crate) fn call(&mut self, path: &str, method: &str, params: &Value) -> anyhow::Result<Value> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let answer = self.http.post(&format!("/api/v2/{path}"), "application/json", &body)?;
        let mut reply: Value = serde_json::from_slice(&good(answer, path)?)?;
        match reply["error"].is_null() {
            true => Ok(reply["result"].take()),
            false => bail!("{method} of {path} is refused: {}", reply["error"]),
        }
    }

    /// Sends a request of the system's own.
    pub(crate) fn post(&mut self, post: &Post) -> anyhow::Result<()> {
        good(self.http.post(post.path, post.kind, &post.body)?, post.path).map(drop)
    }

    /// Waits until a request is done.
    pub(crate) fn done(&mut self, request: i64, patience: Duration, beat: Duration) -> anyhow::Result<()> {
        let path = format!("buildrequests/{request}");
        wait::until(patience, &format!("the end of request {request}"), beat, || {
            let request = self.first(&path, "buildrequests")?;
            Ok(request["complete"].as_bool().unwrap_or_default().then_some(()))
        })
    }

    /// Waits until no request of a builder is open, then makes sure that all its builds passed.
    pub(crate) fn all_done(&mut self, builder: i64, patience: Duration, beat: Duration) -> anyhow::Result<()> {
        let path = format!("builders/{builder}/buildrequests?complete=false&limit=1");
        wait::until(patience, "the end of the last builds", beat, || {
            Ok(self.list(&path, "buildrequests")?.is_empty().then_some(()))
        })
    }

    /// An error when a build of the builder did not pass.
    pub(crate) fn all_passed(&mut self, builder: i64) -> anyhow::Result<()> {
        let path = format!("builders/{builder}/builds?complete=true&results__ne=0&limit=1");
        match self.list(&path, "builds")?.first() {
            None => Ok(()),
            Some(build) => bail!("a build did not pass: {build}"),
        }
    }

    /// The build of a request, once there is one.
    pub(crate) fn build_of(&mut self, request: i64) -> anyhow::Result<Option<i64>> {
        let builds = self.list(&format!("builds?buildrequestid={request}&limit=1"), "builds")?;
        Ok(builds.first().and_then(|b| b["buildid"].as_i64()))
    }

    /// The first log of a build's steps.
    pub(crate) fn log_of(&mut self, build: i64) -> anyhow::Result<Value> {
        for step in self.list(&format!("builds/{build}/steps"), "steps")? {
            let logs = self.list(&format!("steps/{}/logs", step["stepid"]), "logs")?;
            if let Some(log) = logs.into_iter().next() {
                return Ok(log);
            }
        }
        bail!("build {build} has no log");
    }

    pub(crate) fn log(&mut self, id: i64) -> anyhow::Result<Value> {
        self.first(&format!("logs/{id}"), "logs")
    }
}

fn good(answer: Answer, path: &str) -> anyhow::Result<Vec<u8>> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(600)]).into_owned();
    bail!("{path} answers {}: {}", answer.status, text.trim());
}
