//! Questions: lists, single documents, and the text of logs.

use crate::{Client, ClientError, error};
use api::{Answer, Document};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;

/// Parts of a query string, encoded as they are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    text: String,
}

impl Filter {
    /// All.
    pub fn all() -> Self {
        Self::default()
    }

    /// `name=value`: a filter (`complete`, `results__ne`), `limit`, `offset`, `order`, `field` or `property`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        encode(name, &mut self.text);
        self.text.push('=');
        encode(&value.to_string(), &mut self.text);
        self
    }

    /// The newest `count`, by `field`.
    #[must_use]
    pub fn newest(self, field: &str, count: u64) -> Self {
        self.with("order", format!("-{field}")).with("limit", count)
    }
}

/// Percent-encodes all but letters, digits and `-._~`.
pub(crate) fn encode(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

pub(crate) use api::route::segment;

impl Client {
    /// Documents at a path below `/api/v2/` (`builds`, `builders/linux/builds`).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list<T: Document>(&self, path: &str, filter: &Filter) -> Result<Answer<T>, ClientError> {
        let mark = if filter.text.is_empty() { "" } else { "?" };
        self.get(&format!("{path}{mark}{}", filter.text)).await
    }

    /// The document at a path below `/api/v2/` (`builds/12`).
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::NotFound`] when there is none.
    pub async fn one<T: Document>(&self, path: &str) -> Result<T, ClientError> {
        let answer: Answer<T> = self.get(path).await?;
        let what = format!("{} has nothing at {path}", self.url);
        answer.rows.into_iter().next().ok_or(ClientError::NotFound { what })
    }

    /// Builders.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn builders(&self, filter: &Filter) -> Result<Answer<api::Builder>, ClientError> {
        self.list("builders", filter).await
    }

    /// A builder, by name or id.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn builder(&self, name: &str) -> Result<api::Builder, ClientError> {
        self.one(&format!("builders/{}", segment(name))).await
    }

    /// Builds.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn builds(&self, filter: &Filter) -> Result<Answer<api::Build>, ClientError> {
        self.list("builds", filter).await
    }

    /// A build, by id.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn build(&self, build: i64) -> Result<api::Build, ClientError> {
        self.one(&format!("builds/{build}")).await
    }

    /// A builder's build, by number.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn build_by_number(&self, builder: &str, number: i64) -> Result<api::Build, ClientError> {
        self.one(&format!("builders/{}/builds/{number}", segment(builder))).await
    }

    /// The builds of a request.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn builds_of_request(&self, request: i64) -> Result<Answer<api::Build>, ClientError> {
        self.list(&format!("buildrequests/{request}/builds"), &Filter::all()).await
    }

    /// The steps of a build.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn steps(&self, build: i64) -> Result<Answer<api::Step>, ClientError> {
        self.list(&format!("builds/{build}/steps"), &Filter::all()).await
    }

    /// The changes of a build.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn changes_of_build(&self, build: i64) -> Result<Answer<api::Change>, ClientError> {
        self.list(&format!("builds/{build}/changes"), &Filter::all()).await
    }

    /// The logs of a step.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn logs(&self, step: i64) -> Result<Answer<api::Log>, ClientError> {
        self.list(&format!("steps/{step}/logs"), &Filter::all()).await
    }

    /// A log.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn log(&self, log: i64) -> Result<api::Log, ClientError> {
        self.one(&format!("logs/{log}")).await
    }

    /// Requests.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn requests(&self, filter: &Filter) -> Result<Answer<api::BuildRequest>, ClientError> {
        self.list("buildrequests", filter).await
    }

    /// A request.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn request(&self, request: i64) -> Result<api::BuildRequest, ClientError> {
        self.one(&format!("buildrequests/{request}")).await
    }

    /// Build sets.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn sets(&self, filter: &Filter) -> Result<Answer<api::BuildSet>, ClientError> {
        self.list("buildsets", filter).await
    }

    /// A build set.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn set(&self, set: i64) -> Result<api::BuildSet, ClientError> {
        self.one(&format!("buildsets/{set}")).await
    }

    /// Changes.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn changes(&self, filter: &Filter) -> Result<Answer<api::Change>, ClientError> {
        self.list("changes", filter).await
    }

    /// Workers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn workers(&self, filter: &Filter) -> Result<Answer<api::Worker>, ClientError> {
        self.list("workers", filter).await
    }

    /// Schedulers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn schedulers(&self, filter: &Filter) -> Result<Answer<api::Scheduler>, ClientError> {
        self.list("schedulers", filter).await
    }

    /// Force schedulers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn force_schedulers(&self) -> Result<Answer<api::ForceScheduler>, ClientError> {
        self.list("forceschedulers", &Filter::all()).await
    }

    /// What runs and what waits, at this moment.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn live(&self) -> Result<api::Live, ClientError> {
        self.get("sluice/live").await
    }

    /// A build as a person wants it told.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn story(&self, build: i64) -> Result<api::story::Story, ClientError> {
        self.get(&format!("sluice/builds/{build}")).await
    }

    /// Why a request waits.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn why(&self, request: i64) -> Result<api::WhyAnswer, ClientError> {
        self.get(&format!("sluice/why/{request}")).await
    }

    /// Lines of a log from line `first` on, at most `count`; fewer when the log ends or the answer is full, which
    /// its `next_offset` tells. `None`: the log has no line `first` yet.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn log_lines(&self, log: i64, first: u64, count: u64) -> Result<Option<api::LogChunk>, ClientError> {
        let path = format!("logs/{log}/contents?offset={first}&limit={count}");
        match self.get::<Answer<api::LogChunk>>(&path).await {
            Ok(answer) => Ok(answer.rows.into_iter().next().filter(|c| !c.content.is_empty())),
            Err(e) => Err(e),
        }
    }

    /// The bytes of a log as they are by now, from byte `offset` on.
    ///
    /// # Errors
    /// See [`ClientError`]; within the stream: the connection broke.
    pub async fn raw_log(
        &self,
        log: i64,
        offset: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, ClientError>> + Unpin + use<>, ClientError> {
        let url = self.url.clone();
        let response = self.send(self.http.get(format!("{}/api/v2/logs/{log}/raw?offset={offset}", self.url))).await?;
        Ok(response.bytes_stream().map(move |piece| piece.map_err(|e| error::connection(&url, &e))))
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.http.get(format!("{}/api/v2/{path}", self.url)).header("accept", "application/json");
        let response = self.send(request).await?;
        self.document(response).await
    }
}
