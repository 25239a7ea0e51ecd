//! What a configuration file says after reading: ordered sections of ordered values, each with its place.

use crate::problem::Spot;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The key.
    pub key: String,
    /// The effective text. Of a late value: what the file says.
    pub text: String,
    /// Where the key stands.
    pub spot: Spot,
    /// Whether its `#{…}` and `[system …]` wait until it is needed.
    pub late: bool,
    /// Whether the text is what a command of `[system …]` wrote.
    pub output: bool,
}

impl Value {
    /// Where the value itself stands, as far as it stands there as it is.
    pub fn said(&self) -> Spot {
        let first = self.text.lines().next().unwrap_or_default();
        let after = self.spot.source.find(&self.key).map_or(0, |at| at + self.key.len());
        match self.spot.source.get(after..).and_then(|rest| rest.find(first)) {
            Some(at) if !first.is_empty() => self.spot.at(after + at, first.len()),
            _ => self.spot.clone(),
        }
    }
}

/// One section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    values: Vec<Value>,
    index: std::collections::HashMap<String, usize>,
}

impl Section {
    /// The values, in order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        // A value that was said again leaves a hole: it stands where it was said last.
        self.values.iter().enumerate().filter(|(at, v)| self.index.get(&v.key) == Some(at)).map(|(_, v)| v)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.index.get(key).and_then(|at| self.values.get(*at))
    }

    /// Sets a value: the last one wins and moves to the end.
    pub(crate) fn set(&mut self, value: Value) {
        self.index.insert(value.key.clone(), self.values.len());
        self.values.push(value);
    }

    /// The value that was set last, for continuation lines.
    pub(crate) fn last_mut(&mut self) -> Option<&mut Value> {
        self.values.last_mut()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

/// All sections of a reading, in the order of their first mention. Keys before any header are in `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    sections: Vec<Section>,
    index: std::collections::HashMap<String, usize>,
}

impl Settings {
    /// The sections, in order.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    /// A section.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.index.get(name).and_then(|at| self.sections.get(*at))
    }

    /// The values of a section, in order; none if there is no such section.
    pub fn values<'a>(&'a self, section: &str) -> impl Iterator<Item = &'a Value> {
        self.section(section).into_iter().flat_map(Section::values)
    }

    /// A value.
    pub fn get(&self, section: &str, key: &str) -> Option<&Value> {
        self.section(section)?.get(key)
    }

    /// A section, made when it is mentioned first.
    pub(crate) fn section_mut(&mut self, name: &str) -> &mut Section {
        let at = *self.index.entry(name.to_owned()).or_insert_with(|| {
            self.sections.push(Section { name: name.to_owned(), ..Section::default() });
            self.sections.len() - 1
        });
        &mut self.sections[at]
    }

    /// Takes a section out.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Section> {
        let at = self.index.remove(name)?;
        for later in self.index.values_mut().filter(|later| **later > at) {
            *later -= 1;
        }
        Some(self.sections.remove(at))
    }
}
