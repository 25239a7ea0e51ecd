//! Acts: what needs a token.

use crate::read::segment;
use crate::{Client, ClientError};
use api::rpc;
use api::{AddChange, ForceParams, Forced, Reply};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A scheduler that takes patches from outside.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct TryScheduler {
    /// Its name.
    pub name: String,
    /// `try_userpass` or `try_jobdir`.
    pub kind: String,
    /// Builders that it may ask.
    pub builder_names: Vec<String>,
    /// It takes patches.
    pub enabled: bool,
}

impl Client {
    /// Files a build set through a force scheduler; `None` takes the first that has all the builders.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::Refused`] names each field that is not right.
    pub async fn force(&self, scheduler: Option<&str>, params: &ForceParams) -> Result<Forced, ClientError> {
        let path = match scheduler {
            Some(name) => format!("forceschedulers/{}", segment(name)),
            None => "forceschedulers".to_owned(),
        };
        self.call(&path, "force", params.to_json()).await
    }

    /// Hands a patch in: `job` is a try job as an object, `login` a name and a password of a try scheduler; `None`: the
    /// client's own token.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::Refused`] names each part that is not right.
    pub async fn try_patch(&self, job: &Value, login: Option<(&str, &str)>) -> Result<Forced, ClientError> {
        match login {
            None => self.call("sluice/try", "try", job.clone()).await,
            Some((name, password)) => {
                let open = self.clone().with_token(None);
                open.call_as("sluice/try", "try", job.clone(), |r| r.basic_auth(name, Some(password))).await
            }
        }
    }

    /// The try schedulers: each with its builders.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn try_schedulers(&self) -> Result<Vec<TryScheduler>, ClientError> {
        #[derive(serde::Deserialize)]
        struct All {
            tryschedulers: Vec<TryScheduler>,
        }
        self.get::<All>("sluice/try").await.map(|all| all.tryschedulers)
    }

    /// Ends a running build.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stop(&self, build: i64, reason: &str) -> Result<(), ClientError> {
        self.call::<Value>(&format!("builds/{build}"), "stop", json!({ "reason": reason })).await.map(drop)
    }

    /// Files a new set with the source and the properties of an old build.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rebuild(&self, build: i64, reason: &str) -> Result<Forced, ClientError> {
        self.call(&format!("builds/{build}"), "rebuild", json!({ "reason": reason })).await
    }

    /// Takes a request out of the queue, or stops its build.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cancel(&self, request: i64, reason: &str) -> Result<(), ClientError> {
        self.call::<Value>(&format!("buildrequests/{request}"), "cancel", json!({ "reason": reason })).await.map(drop)
    }

    /// Cancels every open request of a set.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn cancel_set(&self, set: i64, reason: &str) -> Result<(), ClientError> {
        self.call::<Value>(&format!("buildsets/{set}"), "cancel", json!({ "reason": reason })).await.map(drop)
    }

    /// A worker takes no new builds.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn pause(&self, worker: &str, reason: &str) -> Result<(), ClientError> {
        self.call::<Value>(&format!("workers/{}", segment(worker)), "pause", json!({ "reason": reason }))
            .await
            .map(drop)
    }

    /// A worker takes builds again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn unpause(&self, worker: &str) -> Result<(), ClientError> {
        self.call::<Value>(&format!("workers/{}", segment(worker)), "unpause", json!({})).await.map(drop)
    }

    /// Tells of a change. `None`: it was known already.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn add_change(&self, change: &AddChange) -> Result<Option<i64>, ClientError> {
        let params = serde_json::to_value(change).unwrap_or_default();
        self.call("changes", "add", params).await
    }

    /// The master reads its configuration again; a line for each thing that changed.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::Refused`] says what is wrong with the configuration.
    pub async fn reload(&self) -> Result<Vec<String>, ClientError> {
        self.call("masters/1", "reload", json!({})).await
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        method: &str,
        params: Value,
    ) -> Result<T, ClientError> {
        self.call_as(path, method, params, |request| request).await
    }

    pub(crate) async fn call_as<T: DeserializeOwned>(
        &self,
        path: &str,
        method: &str,
        params: Value,
        signed: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<T, ClientError> {
        let strange = |what: String| ClientError::Strange { url: self.url.clone(), what };
        let body = serde_json::to_vec(&rpc::call(method, &params)).map_err(|e| strange(e.to_string()))?;
        let request = self
            .http
            .post(format!("{}/api/v2/{path}", self.url))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(body);
        let response = self.send(signed(request)).await?;
        let reply: Reply = self.document(response).await?;
        if let Some(error) = reply.error {
            return Err(ClientError::Refused { status: 200, what: error.text() });
        }
        serde_json::from_value(reply.result.unwrap_or_default()).map_err(|e| strange(e.to_string()))
    }
}
