//! Attempts of test runs that workers of the master carry out: see `/api/v2/sluice/attempts`.

use crate::{Client, ClientError, error};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use reqwest::{Body, RequestBuilder};
use serde_json::{Value, json};
use std::io;

/// Who asks for attempts: whoever may try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// The client's own token.
    Token,
    /// A name and a password of a try scheduler.
    User {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
}

/// What a master has for attempts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct AttemptPlaces {
    /// Builders that carry them out.
    pub builders: Vec<AttemptBuilder>,
    /// Bytes that an attempt may need.
    pub max_order: u64,
}

/// A builder that carries attempts out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct AttemptBuilder {
    /// Its name.
    pub name: String,
    /// The try schedulers that may ask it.
    pub schedulers: Vec<String>,
    /// Bytes of an attempt's directory that come back.
    pub max_came: u64,
}

impl Client {
    fn signed(&self, request: RequestBuilder, login: &Login) -> (Client, RequestBuilder) {
        match login {
            Login::Token => (self.clone(), request),
            Login::User { name, password } => (self.clone().with_token(None), request.basic_auth(name, Some(password))),
        }
    }

    fn attempt(&self, key: &str) -> String {
        format!("{}/api/v2/sluice/attempts/{}", self.url, crate::read::segment(key))
    }

    /// The builders that carry attempts out.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn attempt_places(&self) -> Result<AttemptPlaces, ClientError> {
        self.get("sluice/attempts").await
    }

    /// Lays down what an attempt needs.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn put_attempt(
        &self,
        login: &Login,
        key: &str,
        tar: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), ClientError> {
        let request = self.http.put(self.attempt(key)).header("content-type", "application/x-tar");
        let (client, request) = self.signed(request.body(Body::wrap_stream(tar)), login);
        client.send(request).await.map(drop)
    }

    /// What came of an attempt.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::NotFound`] when nothing did. Within the stream: the connection broke.
    pub async fn attempt_came(
        &self,
        login: &Login,
        key: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, ClientError>> + Unpin + use<>, ClientError> {
        let url = self.url.clone();
        let (client, request) = self.signed(self.http.get(format!("{}/came", self.attempt(key))), login);
        let response = client.send(request).await?;
        Ok(response.bytes_stream().map(move |piece| piece.map_err(|e| error::connection(&url, &e))))
    }

    /// Ends the build of an attempt, or takes it out of the queue. One that has ended is no error.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stop_attempt(&self, login: &Login, key: &str, reason: &str) -> Result<(), ClientError> {
        let path = format!("sluice/attempts/{}", crate::read::segment(key));
        let params = json!({ "reason": reason });
        let answer: Result<Value, ClientError> = match login {
            Login::Token => self.call(&path, "stop", params).await,
            Login::User { name, password } => {
                let open = self.clone().with_token(None);
                open.call_as(&path, "stop", params, |r| r.basic_auth(name, Some(password))).await
            }
        };
        answer.map(drop)
    }

    /// The master need not keep anything of an attempt.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn forget_attempt(&self, login: &Login, key: &str) -> Result<(), ClientError> {
        let (client, request) = self.signed(self.http.delete(self.attempt(key)), login);
        client.send(request).await.map(drop)
    }
}
