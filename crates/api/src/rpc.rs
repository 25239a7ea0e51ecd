//! Acts: JSON-RPC 2.0, one call per request, parameters by name.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A call that is well-formed.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What to do.
    pub method: String,
    /// Comes back in the reply: text, a number or `null`.
    pub id: Value,
    /// Parameters by name.
    pub params: Map<String, Value>,
}

/// Why a call was not answered with a result. The numbers are those of JSON-RPC 2.0, section 5.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RpcError {
    /// What kind of mistake.
    pub code: i64,
    /// Words; or, for a form, words by field.
    pub message: Value,
}

/// The reply to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// The id of the call.
    #[serde(default)]
    pub id: Value,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<Value>,
    /// Why nothing came of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<RpcError>,
}

impl RpcError {
    /// The body is no JSON.
    pub const PARSE: i64 = -32700;
    /// The body is JSON but no call, or the path does not exist, or it is not allowed.
    pub const INVALID_REQUEST: i64 = -32600;
    /// There is no such method at this path.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// A parameter is not right.
    pub const INVALID_PARAMS: i64 = -32602;
    /// Not the caller's fault.
    pub const INTERNAL: i64 = -32603;

    /// An error in words.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: Value::String(message.into()) }
    }

    /// Fields of a form that are not right.
    pub fn fields(wrong: &[(String, String)]) -> Self {
        let message = wrong.iter().map(|(name, what)| (name.clone(), Value::from(what.as_str()))).collect();
        Self { code: Self::INVALID_PARAMS, message: Value::Object(message) }
    }

    /// What a person reads: a form's fields one after the other.
    pub fn text(&self) -> String {
        match &self.message {
            Value::String(text) => text.clone(),
            Value::Object(fields) => {
                let part = |(name, what): (&String, &Value)| match what.as_str() {
                    Some(what) => format!("{name}: {what}"),
                    None => format!("{name}: {what}"),
                };
                fields.iter().map(part).collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        }
    }
}

impl Reply {
    /// A reply with a result.
    pub fn result(id: Value, result: impl Into<Value>) -> Self {
        Self { jsonrpc: "2.0".to_owned(), id, result: Some(result.into()), error: None }
    }

    /// A reply with an error.
    pub fn error(id: Value, error: RpcError) -> Self {
        Self { jsonrpc: "2.0".to_owned(), id, result: None, error: Some(error) }
    }
}

/// The call in the body of a request.
///
/// # Errors
/// When it is no JSON, a batch, or lacks a part; the text says which.
pub fn parse(body: &[u8]) -> Result<Call, RpcError> {
    let invalid = |text: &str| RpcError::new(RpcError::INVALID_REQUEST, text);
    let value = serde_json::from_slice(body)
        .map_err(|e| RpcError::new(RpcError::PARSE, format!("the body is no JSON: {e}")))?;
    let mut map = match value {
        Value::Object(map) => map,
        Value::Array(_) => return Err(invalid("several calls in one request are not supported")),
        _ => return Err(invalid("the body must be an object")),
    };
    if map.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(invalid("'jsonrpc' must be \"2.0\""));
    }
    let Some(Value::String(method)) = map.remove("method") else {
        return Err(invalid("'method' must be a string"));
    };
    let id = match map.remove("id") {
        Some(id @ (Value::String(_) | Value::Number(_) | Value::Null)) => id,
        Some(_) => return Err(invalid("'id' must be a string, a number or null")),
        None => return Err(invalid("'id' is missing")),
    };
    match map.remove("params") {
        Some(Value::Object(params)) => Ok(Call { method, id, params }),
        Some(_) => Err(invalid("'params' must be an object")),
        None => Err(invalid("'params' is missing")),
    }
}

/// The body of a call.
pub fn call(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "id": 1, "params": params })
}

impl Call {
    /// A parameter as text; absent, `null` and empty are `None`.
    ///
    /// # Errors
    /// When it is there and no text.
    pub fn text(&self, name: &str) -> Result<Option<String>, RpcError> {
        match self.params.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok((!text.is_empty()).then(|| text.clone())),
            Some(_) => Err(RpcError::fields(&[(name.to_owned(), "must be text".to_owned())])),
        }
    }

    /// A parameter as text of so many characters at most; absent, `null` and empty are `None`.
    ///
    /// # Errors
    /// When it is there and no text, or longer.
    pub fn short_text(&self, name: &str, most: usize) -> Result<Option<String>, RpcError> {
        let text = self.text(name)?;
        let kept = text.as_deref().map_or(Ok(()), |text| crate::limit::text(text, most));
        kept.map_err(|what| RpcError::fields(&[(name.to_owned(), what)]))?;
        Ok(text)
    }

    /// A parameter that must be there, as a truth value.
    ///
    /// # Errors
    /// When it is absent or neither true nor false.
    pub fn truth(&self, name: &str) -> Result<bool, RpcError> {
        self.params
            .get(name)
            .and_then(Value::as_bool)
            .ok_or_else(|| RpcError::fields(&[(name.to_owned(), "must be true or false".to_owned())]))
    }

    /// The parameters as a whole, in a form of their own.
    ///
    /// # Errors
    /// When a field is unknown or of the wrong type; the text names it.
    pub fn form<T: for<'de> Deserialize<'de>>(&self) -> Result<T, RpcError> {
        serde_json::from_value(Value::Object(self.params.clone()))
            .map_err(|e| RpcError::new(RpcError::INVALID_PARAMS, e.to_string()))
    }
}

/// Words by field, for the client.
pub fn fields(error: &RpcError) -> BTreeMap<String, String> {
    let Value::Object(map) = &error.message else { return BTreeMap::new() };
    map.iter().map(|(name, what)| (name.clone(), what.as_str().unwrap_or_default().to_owned())).collect()
}
