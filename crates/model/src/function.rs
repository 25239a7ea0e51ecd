//! Functions that the configuration gives: called later, with plain values.

use crate::{Place, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A function of the configuration, by which it is found again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionRef {
    /// Its name, or `lambda`.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// Of its own text, if it stands in no other function; else of the text of its file, since there are values around
    /// it. What it calls does not count.
    pub digest: String,
}

/// Calls functions of the configuration in force, each within limits of time and memory. Pure: the same function with
/// the same values answers the same.
pub trait Functions: Send + Sync + fmt::Debug {
    /// Calls one.
    ///
    /// # Errors
    /// It raised an error, took too long or too much, answered something that is no plain value, or belongs to a
    /// configuration that is not in force any more.
    fn call(&self, function: &FunctionRef, arguments: &[Value]) -> Result<Value, CallError>;
}

/// Why a function of the configuration gave no answer: one sentence, with the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// What went wrong.
    pub message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CallError {}

/// For configurations without functions: every call is an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFunctions;

impl Functions for NoFunctions {
    fn call(&self, function: &FunctionRef, _: &[Value]) -> Result<Value, CallError> {
        let FunctionRef { name, place, .. } = function;
        Err(CallError { message: format!("the function {name} ({place}) is not in the configuration any more") })
    }
}

/// A question that is answered when it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The answer is known.
    Fixed(bool),
    /// A text that is finished first; empty, `0`, `false`, `no` and `off` mean no.
    Text(crate::Text),
    /// A function of the configuration.
    Function(FunctionRef),
}
