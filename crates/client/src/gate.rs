//! Gates: their lines, and what may be done with what waits in them.

use crate::read::segment;
use crate::{Client, ClientError, Filter};
use api::Answer;
use serde_json::{Value, json};

/// A wish to land a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The commit, by its full name.
    pub commit: String,
    /// Under which name it is in the gate's repository; `None`: the repository is asked for the commit itself.
    pub reference: Option<String>,
    /// Who wants it; empty: whoever the token belongs to.
    pub owner: String,
    /// Higher goes first.
    pub priority: i64,
    /// Candidates that must land before it.
    pub needs: Vec<i64>,
}

impl Client {
    /// The gates, as they are now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn gates(&self) -> Result<Vec<api::Gate>, ClientError> {
        Ok(self.list("gates", &Filter::all()).await?.rows)
    }

    /// Candidates of a gate.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn candidates(&self, gate: &str, filter: &Filter) -> Result<Answer<api::GateCandidate>, ClientError> {
        self.list(&format!("gates/{}/candidates", segment(gate)), filter).await
    }

    /// A candidate of a gate.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::NotFound`] when there is none.
    pub async fn candidate(&self, gate: &str, candidate: i64) -> Result<api::GateCandidate, ClientError> {
        self.one(&format!("gates/{}/candidates/{candidate}", segment(gate))).await
    }

    /// A trial of a gate.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::NotFound`] when there is none.
    pub async fn trial(&self, gate: &str, trial: i64) -> Result<api::GateTrial, ClientError> {
        self.one(&format!("gates/{}/trials/{trial}", segment(gate))).await
    }

    /// What a gate heard and decided.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn decisions(&self, gate: &str, filter: &Filter) -> Result<Answer<api::GateDecision>, ClientError> {
        self.list(&format!("gates/{}/decisions", segment(gate)), filter).await
    }

    /// Hands a commit in. One that is in the line already is answered with its candidate.
    ///
    /// # Errors
    /// See [`ClientError`]; [`ClientError::Refused`] says why it may not land.
    pub async fn land(&self, gate: &str, wish: &Wish) -> Result<api::GateCandidate, ClientError> {
        let mut params = json!({ "commit": wish.commit, "priority": wish.priority, "needs": wish.needs });
        if let Some(reference) = &wish.reference {
            params["reference"] = Value::from(reference.as_str());
        }
        self.call(&format!("gates/{}", segment(gate)), "land", owned(params, &wish.owner)).await
    }

    /// Lets a gate go on that was halted. A sentence about what came of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn resume_gate(&self, gate: &str, owner: &str) -> Result<String, ClientError> {
        self.call(&format!("gates/{}", segment(gate)), "resume", owned(json!({}), owner)).await
    }

    /// Approves a candidate. A sentence about what came of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approve(&self, gate: &str, candidate: i64, owner: &str) -> Result<String, ClientError> {
        self.of_candidate(gate, candidate, "approve", owned(json!({}), owner)).await
    }

    /// Takes a candidate back. A sentence about what came of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn withdraw(&self, gate: &str, candidate: i64, owner: &str) -> Result<String, ClientError> {
        self.of_candidate(gate, candidate, "withdraw", owned(json!({}), owner)).await
    }

    /// Gives a candidate another priority. A sentence about what came of it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn prioritise(
        &self,
        gate: &str,
        candidate: i64,
        priority: i64,
        owner: &str,
    ) -> Result<String, ClientError> {
        self.of_candidate(gate, candidate, "prioritise", owned(json!({ "priority": priority }), owner)).await
    }

    async fn of_candidate(&self, gate: &str, id: i64, method: &str, params: Value) -> Result<String, ClientError> {
        self.call(&format!("gates/{}/candidates/{id}", segment(gate)), method, params).await
    }
}

fn owned(mut params: Value, owner: &str) -> Value {
    if !owner.is_empty() {
        params["owner"] = Value::from(owner);
    }
    params
}
