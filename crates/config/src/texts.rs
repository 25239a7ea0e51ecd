//! Arguments that are texts with something to be put in, and questions that are answered later.

use crate::call::{Call, Wrong};
use crate::names::quoted;
use crate::registry::Mode;
use crate::sites;
use crate::value::{Secret, Words};
use crate::{given, names};
use model::{Condition, Lookup, Piece, Text};
use starlark::values::Value;
use std::collections::BTreeMap;

/// Whether a value can be a text.
pub(crate) fn is_text(value: Value<'_>) -> bool {
    value.unpack_str().is_some() || Words::from_value(value).is_some() || Secret::from_value(value).is_some()
}

impl<'v> Call<'v, '_> {
    /// One value as a text; `None` when it is none. A NUL in it is the caller's to refuse.
    pub(crate) fn as_text(&self, value: Value<'v>) -> Result<Option<Text>, Wrong> {
        if let Some(text) = value.unpack_str() {
            return self.keep(text).map(|t| Some(Text::Plain(t)));
        }
        if let Some(words) = Words::from_value(value) {
            let text = self.registry.texts.borrow().get(words.index as usize).cloned();
            let weight = text.as_ref().map_or(0, |t| t.written().len() * 2);
            return match self.registry.take(weight) {
                true => Ok(text),
                false => Err(self.too_much()),
            };
        }
        let Some(secret) = Secret::from_value(value) else { return Ok(None) };
        let secrets = self.registry.secrets.borrow();
        let Some((name, text)) = secrets.get(secret.index as usize) else { return Ok(None) };
        self.registry.needed.borrow_mut().insert(name.clone(), text.clone());
        let of = Lookup::Secret(name.clone());
        Ok(Some(Text::Pieces(vec![Piece::Lookup { of, form: model::Form::Value }])))
    }

    /// One value of an argument as a text.
    pub(crate) fn to_text(&self, name: &str, value: Value<'v>) -> Result<Text, Wrong> {
        let Some(text) = self.as_text(value)? else {
            return Err(self.wants(name, "a text", value).boxed());
        };
        if text.plain().is_some_and(|t| t.contains('\0')) {
            return Err(self.wrong_value(name, format!("{name} of {} contains a NUL", self.def.path)).boxed());
        }
        Ok(text)
    }

    /// An optional text with something to be put in.
    pub(crate) fn rich(&self, name: &str) -> Result<Option<Text>, Wrong> {
        self.some(name).map(|value| self.to_text(name, value)).transpose()
    }

    /// The same, of a form that is checked where nothing is to be put in.
    pub(crate) fn rich_formed(
        &self,
        name: &str,
        form: fn(&str) -> Result<(), &'static str>,
    ) -> Result<Option<Text>, Wrong> {
        let text = self.rich(name)?;
        if let (Some(plain), Some(value)) = (text.as_ref().and_then(Text::plain), self.value(name)) {
            form(plain).map_err(|wanted| self.wants(name, wanted, value).boxed())?;
        }
        Ok(text)
    }

    /// A text that must be there, and not be empty.
    pub(crate) fn required_rich(&self, name: &str) -> Result<Text, Wrong> {
        match self.rich(name)? {
            None => {
                let message = format!("{} needs {name}", self.def.path);
                Err(self.wrong(sites::Part::Whole, message).boxed())
            }
            Some(text) if text.plain().is_some_and(|t| t.trim().is_empty()) => {
                Err(self.wrong_value(name, format!("{name} of {} is empty", self.def.path)).boxed())
            }
            Some(text) => Ok(text),
        }
    }

    /// A list of texts with something to be put in; nested lists become one.
    pub(crate) fn rich_texts(&self, name: &str, wanted: &str) -> Result<Option<Vec<Text>>, Wrong> {
        let Some(value) = self.some(name) else { return Ok(None) };
        let Some(items) = given::flat_items(value) else {
            let help = value.unpack_str().map(|one| format!("write [{}]", quoted(one)));
            return Err(self.wants(name, wanted, value).maybe_help(help));
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            if !is_text(item) {
                let what = given::describe(item);
                let message = format!("{name} of {} has {what} in it; it must be {wanted}", self.def.path);
                let help = given::integer(item).map(|n| format!("write \"{n}\""));
                return Err(self.wrong_value(name, message).maybe_help(help));
            }
            texts.push(self.to_text(name, item)?);
        }
        Ok(Some(texts))
    }

    /// Texts by name.
    pub(crate) fn rich_entries(&self, name: &str, wanted: &str) -> Result<BTreeMap<String, Text>, Wrong> {
        let mut texts = BTreeMap::new();
        for (key, value) in self.entries(name, wanted)? {
            let wrong = || {
                let what = given::describe(value);
                let message = format!("{key} in {name} of {} must be a text, not {what}", self.def.path);
                let help = given::integer(value).map(|n| format!("write \"{n}\""));
                self.wrong_value(name, message).maybe_help(help)
            };
            let text = self.as_text(value)?.filter(|t| t.plain().is_none_or(|t| !t.contains('\0')));
            texts.insert(self.keep(key)?, text.ok_or_else(wrong)?);
        }
        Ok(texts)
    }

    /// Environment variables.
    pub(crate) fn env(&self, name: &str) -> Result<BTreeMap<String, Text>, Wrong> {
        let env = self.rich_entries(name, "a dict of variables")?;
        match env.keys().find(|key| key.is_empty() || key.contains(['=', '\0'])) {
            None => Ok(env),
            Some(key) => {
                let message = format!("{name} of {} has a variable named {}", self.def.path, quoted(key));
                Err(self.wrong_value(name, message).boxed())
            }
        }
    }

    /// A text, or a list of words.
    pub(crate) fn rich_words(&self, name: &str) -> Result<Option<Text>, Wrong> {
        match self.some(name) {
            Some(value) if !is_text(value) => {
                let words = self.texts(name, "a text or a list of words")?;
                Ok(words.map(|w| Text::Plain(w.join(" "))))
            }
            _ => self.rich(name),
        }
    }

    /// A question that is answered later.
    pub(crate) fn condition(&self, name: &str) -> Result<Option<Condition>, Wrong> {
        const WANTED: &str = "True, False, interpolate(…), prop(…) or a function";
        let Some(value) = self.some(name) else { return Ok(None) };
        if let Some(truth) = value.unpack_bool() {
            return Ok(Some(Condition::Fixed(truth)));
        }
        if Words::from_value(value).is_some() {
            return self.to_text(name, value).map(|t| Some(Condition::Text(t)));
        }
        if given::is_function(value) {
            return self.to_function(name, value).map(|f| Some(Condition::Function(f)));
        }
        let help = value.unpack_str().map(|text| format!("write interpolate({})", quoted(text)));
        Err(self.wants(name, WANTED, value).maybe_help(help))
    }

    /// Notes that texts name a secret, which must be there. A pipeline's are looked up by whoever grants them.
    pub(crate) fn need_secret(&self, name: &str) -> Result<(), String> {
        if self.registry.mode != Mode::Master || self.registry.needed.borrow().contains_key(name) {
            return Ok(());
        }
        let known = self.registry.secrets.borrow().iter().find(|(n, _)| n == name).map(|(_, s)| s.clone());
        let secret = match known {
            Some(secret) => secret,
            None => crate::functions::read_secret(self.registry.loader, name)?,
        };
        match self.registry.take(secret.reveal().len()) {
            true => self.registry.needed.borrow_mut().insert(name.to_owned(), secret),
            false => return Err("the configuration takes too much memory".to_owned()),
        };
        Ok(())
    }

    /// A choice of several words.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)], default: T) -> Result<T, Wrong> {
        let Some(value) = self.some(name) else { return Ok(default) };
        let Some(text) = value.unpack_str() else { return Err(self.wants(name, "a text", value).boxed()) };
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Ok(*choice);
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let help = match names::nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => format!("it takes {}", words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", ")),
        };
        let message = format!("{name} of {} cannot be {}", self.def.path, quoted(text));
        Err(self.wrong_value(name, message).help(help))
    }
}
