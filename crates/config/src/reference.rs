//! The manual's pages about the functions, from the one table that has them.

use crate::functions::{ALL, Def, NAMESPACES, RESULTS};

/// Every function of the configuration language in Markdown: what it does, its arguments, an example that works.
pub fn reference() -> String {
    let mut page = String::new();
    section(&mut page, "Top level", |def| !def.path.contains('.'));
    let results: Vec<_> = RESULTS.iter().map(|(name, _)| format!("`{name}`")).collect();
    page.push_str(&format!("Results have the names {}.\n\n", results.join(", ")));
    for namespace in NAMESPACES {
        section(&mut page, &format!("`{namespace}`"), |def| {
            def.path.split_once('.').is_some_and(|(space, _)| space == namespace)
        });
    }
    page.push_str("## What functions are given\n\n");
    page.push_str(
        "A function that a configuration gives is called later, with values that have fields: `change.branch`. \
         `properties` is a dict. Times are seconds since 1970. It answers with plain values, within limits of time and \
         memory; it sees no files, no secrets and no clock.\n\n| value | fields |\n|---|---|\n",
    );
    for (value, fields) in GIVEN {
        page.push_str(&format!("| {value} | {} |\n", fields.listed()));
    }
    page
}

/// What the engine gives to functions. The first word of each is what the manual calls it.
const GIVEN: [(&str, Fields); 4] = [
    (
        "change",
        Fields(&[
            "author",
            "branch",
            "category",
            "codebase",
            "comments",
            "committer",
            "files",
            "project",
            "properties",
            "repository",
            "revision",
            "revlink",
            "when",
            "who",
        ]),
    ),
    (
        "request",
        Fields(&[
            "builder",
            "id",
            "priority",
            "properties",
            "reason",
            "scheduler",
            "sources",
            "submitted_at",
            "waited_for",
        ]),
    ),
    (
        "build",
        Fields(&["builder", "number", "properties", "reason", "results", "scheduler", "sources", "step", "worker"]),
    ),
    ("each of `sources`", Fields(&["branch", "codebase", "project", "repository", "revision"])),
];

/// Names of fields.
struct Fields(&'static [&'static str]);

impl Fields {
    fn listed(&self) -> String {
        self.0.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
    }
}

fn section(page: &mut String, title: &str, belongs: impl Fn(&Def) -> bool) {
    page.push_str(&format!("## {title}\n\n"));
    for def in ALL.iter().filter(|def| belongs(def)) {
        let place = match (def.in_pipelines, def.is_of_tests()) {
            (true, _) => " It may stand in a pipeline too.",
            (_, true) => " It stands in a `tests.star`.",
            _ => "",
        };
        page.push_str(&format!("### `{}`\n\n{}{place}\n\n", def.path, def.summary));
        if !def.groups.is_empty() {
            page.push_str("| argument | takes | without it |\n|---|---|---|\n");
        }
        for (number, param) in def.parameters().enumerate() {
            let without = match (def.required.contains(&param.name), param.default) {
                (true, _) => "must be given".to_owned(),
                (false, "") => "–".to_owned(),
                (false, default) => default.to_owned(),
            };
            let mark = if number < def.by_position { "" } else { " =" };
            let cell = |text: &str| text.replace('|', "\\|");
            page.push_str(&format!("| `{}{mark}` | {} | {} |\n", param.name, cell(param.takes), cell(&without)));
        }
        let kind = if def.is_of_tests() { "python,tests" } else { "python" };
        page.push_str(&format!("\n```{kind}\n{}\n```\n\n", def.example));
    }
}
