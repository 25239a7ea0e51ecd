//! Tests: each has a name of its own, and names tests and fixtures that there are. What waits for what is checked where
//! a run is made of them.

use super::Check;
use crate::error::ConfigError;
use crate::names::{quoted, suggestion};
use crate::registry::Draft;
use model::area::{Need, Scope, Until};

pub(super) fn check(check: &Check<'_, '_>, draft: &Draft) -> Result<(), ConfigError> {
    check.names("test", "test", draft.tests.iter().map(|t| (t.spec.name.as_str(), &t.site)))?;
    check.names("fixture", "tests.fixture", draft.fixtures.iter().map(|f| (f.spec.name.as_str(), &f.site)))?;
    let tests: Vec<&str> = draft.tests.iter().map(|t| t.spec.name.as_str()).collect();
    let fixtures: Vec<&str> = draft.fixtures.iter().map(|f| f.spec.name.as_str()).collect();
    for made in &draft.tests {
        let name = quoted(&made.spec.name);
        if let Some(need) = made.spec.needs.iter().find(|need| !tests.contains(&need.test.as_str())) {
            let message = format!("test {name} waits for {}, which is not defined", quoted(&need.test));
            let error = check.wrong(&made.site, "test", argument(need), message);
            return Err(ConfigError { help: suggestion(&need.test, "test", &tests), ..error });
        }
        if let Some(unknown) = made.spec.fixtures.iter().find(|f| !fixtures.contains(&f.as_str())) {
            let message = format!("test {name} needs the fixture {}, which is not defined", quoted(unknown));
            let error = check.wrong(&made.site, "test", "fixtures", message);
            return Err(ConfigError { help: suggestion(unknown, "tests.fixture", &fixtures), ..error });
        }
    }
    for made in &draft.fixtures {
        let both = [("setup", &made.spec.setup), ("cleanup", &made.spec.cleanup)];
        let named = both.iter().filter_map(|(argument, test)| Some((argument, test.as_deref()?)));
        if let Some((argument, unknown)) = named.into_iter().find(|(_, test)| !tests.contains(test)) {
            let message =
                format!("fixture {} names {}, which is not defined", quoted(&made.spec.name), quoted(unknown));
            let error = check.wrong(&made.site, "tests.fixture", argument, message);
            return Err(ConfigError { help: suggestion(unknown, "test", &tests), ..error });
        }
    }
    Ok(())
}

/// The argument that a prerequisite was given by.
fn argument(need: &Need) -> &'static str {
    match (&need.scope, need.until) {
        (Scope::Item { .. }, Until::Good) => "itemwait",
        (Scope::Item { .. }, Until::Ended) => "toplevel_items",
        (Scope::Whole, Until::Good) => "waiton",
        (Scope::Whole, Until::Ended) => "toplevel",
    }
}
