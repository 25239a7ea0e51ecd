//! `runconfigs.config`: the variables of a target.

use crate::area::Var;
use crate::problem::{Problem, Spot};
use crate::reader::{Context, Kind, Reader};
use crate::settings::Settings;

/// What `runconfigs.config` says of a target.
#[derive(Clone, Debug, Default)]
pub struct RunConfigs {
    /// The variables of the target: those of `[default]`, then its own, which win.
    pub vars: Vec<Var>,
    /// The targets that have a section.
    pub targets: Vec<String>,
    /// Everything that was said.
    pub settings: Settings,
    /// What is wrong or worth knowing.
    pub problems: Vec<Problem>,
    /// The files that were read.
    pub files: Vec<String>,
}

impl RunConfigs {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.vars.iter().find(|v| v.name == name).map(|v| v.value.as_str())
    }
}

/// Reads `runconfigs.config` of the area for the context's target. An area may have none.
pub fn read(context: &Context<'_>) -> RunConfigs {
    let mut reader = Reader::new(context, Kind::RunConfigs);
    if !reader.file("runconfigs.config", &Spot::nowhere("runconfigs.config")) {
        return RunConfigs::default();
    }
    reader.end_of_section();
    let target = context.target.as_deref().unwrap_or_default();
    let sections = ["default", target];
    let values: Vec<_> = sections.iter().flat_map(|s| reader.settings.values(s)).cloned().collect();
    let mut vars: Vec<Var> = Vec::new();
    for value in values {
        if let Some(var) = reader.shell_var(value) {
            vars.retain(|before| before.name != var.name);
            vars.push(var);
        }
    }
    // The wanted target is there in any case; it counts when something was said of it.
    let named = |s: &&crate::settings::Section| s.name != "default" && !s.is_empty();
    let targets = reader.settings.sections().filter(named).map(|s| s.name.clone()).collect();
    let reading = reader.done();
    RunConfigs { vars, targets, settings: reading.settings, problems: reading.problems, files: reading.files }
}
