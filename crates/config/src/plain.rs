//! Arguments that are plain values: properties, and secrets of those who connect.

use crate::call::{Call, Wrong};
use crate::value::Secret;
use crate::{given, names};
use model::property::Value as Plain;
use starlark::values::Value;
use std::collections::BTreeMap;

impl<'v> Call<'v, '_> {
    /// Properties, with who set them.
    pub(crate) fn properties(&self, name: &str, source: &str) -> Result<model::Properties, Wrong> {
        let mut properties = model::Properties::new();
        for (key, value) in self.entries(name, "a dict of properties")? {
            if key.is_empty() {
                return Err(self.wrong_value(name, format!("{name} of {} has an empty name", self.def.path)).boxed());
            }
            let value = self.plain(name, key, value, 0)?;
            properties.insert(self.keep(key)?, model::Property { value, source: source.to_owned() });
        }
        Ok(properties)
    }

    /// A value that can be stored.
    pub(crate) fn plain(&self, name: &str, key: &str, value: Value<'v>, depth: usize) -> Result<Plain, Wrong> {
        if !self.registry.take(16) {
            return Err(self.too_much());
        }
        if let Some(text) = value.unpack_str() {
            return Ok(Plain::Text(self.keep(text)?));
        }
        if value.is_none() {
            return Ok(Plain::Null);
        }
        if let Some(truth) = value.unpack_bool() {
            return Ok(Plain::Bool(truth));
        }
        if let Some(number) = given::integer(value) {
            return Ok(Plain::Int(number));
        }
        // A list may contain itself.
        if depth < DEEPEST_PROPERTY {
            if let Some(items) = given::items(value) {
                let items = items.into_iter().map(|item| self.plain(name, key, item, depth + 1));
                return items.collect::<Result<_, _>>().map(Plain::List);
            }
            if let Some(Ok(entries)) = given::entries(value) {
                let mut map = BTreeMap::new();
                for (k, v) in entries {
                    map.insert(self.keep(k)?, self.plain(name, key, v, depth + 1)?);
                }
                return Ok(Plain::Map(map));
            }
        }
        let what = if depth < DEEPEST_PROPERTY { given::describe(value) } else { "something so deep".to_owned() };
        let message = format!("property {} cannot be {what}", names::quoted(key));
        let help = "a property is a text, a whole number, True, False, None, or a list or dict of such";
        Err(self.wrong_value(name, message).help(help))
    }

    /// A text that is better kept secret: `secret("name")`, or the text itself.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<model::worker::Secret>, Wrong> {
        let Some(value) = self.some(name) else { return Ok(None) };
        self.to_secret(name, value).map(Some)
    }

    /// One value as a secret.
    pub(crate) fn to_secret(&self, name: &str, value: Value<'v>) -> Result<model::worker::Secret, Wrong> {
        if let Some(secret) = Secret::from_value(value) {
            let secrets = self.registry.secrets.borrow();
            return secrets.get(secret.index as usize).map(|(_, s)| s.clone()).ok_or_else(|| self.too_much());
        }
        match value.unpack_str() {
            Some("") => Err(self.wrong_value(name, format!("{name} of {} is empty", self.def.path)).boxed()),
            Some(text) => Ok(model::worker::Secret::new(self.keep(text)?)),
            None => Err(self.wants(name, "secret(\"…\") or a text", value).boxed()),
        }
    }
}

/// How deep lists and dicts of a property may be.
pub(crate) const DEEPEST_PROPERTY: usize = 10;
