//! What must hold between the rows of the store, as questions for those that break it.
//!
//! Each question answers with two columns: the build that a row is about, or null, and what is wrong in words. They are
//! written from the meaning of the tables and share nothing with the statements that fill them.

use model::{FindingKind, Mend, Severity};
use std::borrow::Cow;

/// A rule.
pub(super) struct Rule {
    pub(super) kind: &'static FindingKind,
    pub(super) sql: Cow<'static, str>,
}

const BY_HAND: Mend =
    Mend::Person("restore a backup, or report it with the database: no version of Sluice writes this by itself");

const fn error(code: &'static str, means: &'static str) -> FindingKind {
    FindingKind { code, severity: Severity::Error, means, mend: BY_HAND }
}

/// A count is not that of its rows.
pub(super) static COUNT_DIFFERS: FindingKind = FindingKind {
    code: "count-differs",
    severity: Severity::Warning,
    means: "the totals that pages show beside their lists are wrong; the rows themselves are all there",
    mend: Mend::Repair("counts the rows anew"),
};
/// A builder would give a number twice.
pub(super) static NUMBER_BEHIND: FindingKind = FindingKind {
    code: "number-behind",
    severity: Severity::Error,
    means: "the next build of this builder would get a number that another one has, and could not begin",
    mend: Mend::Repair("sets the next number behind the highest"),
};
/// A build that has ended has a lease that runs out.
pub(super) static LEASE_LEFT: FindingKind = FindingKind {
    code: "lease-left",
    severity: Severity::Warning,
    means: "a build that has ended still waits for its worker to come back",
    mend: Mend::Repair("takes the date off the lease"),
};
/// A set whose requests have all ended.
pub(super) static SET_UNENDED: FindingKind = FindingKind {
    code: "set-unended",
    severity: Severity::Note,
    means: "the requests of a set have ended and the set has not",
    mend: Mend::Itself("the master ends it when it starts"),
};
static POINTS_NOWHERE: FindingKind =
    error("points-nowhere", "a row names another one that is not there: something of the history is lost");
static HALF_WRITTEN: FindingKind =
    error("half-written", "a row says two things that cannot both be so; pages that show it fail");
static SET_TOO_EARLY: FindingKind = error("set-too-early", "a set has its result while a request of it is open");
static SET_RESULT: FindingKind = error("set-result", "the result of a set is not the worst of its requests");
static CLAIM_BROKEN: FindingKind =
    error("claim-broken", "a request belongs to a build that has ended, so that it neither waits nor runs");
static BUILD_UNCLAIMED: FindingKind =
    error("build-unclaimed", "a build runs for a request that does not belong to it: it might be built twice");
static TWO_RESULTS: FindingKind = error("two-results", "a request was answered by more than one build");
static RESULT_DIFFERS: FindingKind =
    error("result-differs", "a request has another result than the build that answered it");
static STEP_AFTER_END: FindingKind = error("step-after-end", "a build has ended and a step of it has not");
static TWO_STEPS: FindingKind = error("two-steps", "two steps of a build run at once");

/// The kinds that are found by rules.
pub(super) static KINDS: [&FindingKind; 14] = [
    &COUNT_DIFFERS,
    &NUMBER_BEHIND,
    &LEASE_LEFT,
    &SET_UNENDED,
    &POINTS_NOWHERE,
    &HALF_WRITTEN,
    &SET_TOO_EARLY,
    &SET_RESULT,
    &CLAIM_BROKEN,
    &BUILD_UNCLAIMED,
    &TWO_RESULTS,
    &RESULT_DIFFERS,
    &STEP_AFTER_END,
    &TWO_STEPS,
];

/// Table, what a row of it is called, its build as an expression, its column, and the table where that id must be.
const POINTERS: [(&str, &str, &str, &str, &str); 16] = [
    ("stamps", "source stamp", NO_BUILD, "set_id", "sets"),
    ("requests", "request", NO_BUILD, "set_id", "sets"),
    ("requests", "request", NO_BUILD, "builder_id", "builders"),
    ("requests", "request", "a.build_id", "build_id", "builds"),
    ("builds", "build", "a.id", "builder_id", "builders"),
    ("builds", "build", "a.id", "request_id", "requests"),
    ("builds", "build", "a.id", "worker_id", "workers"),
    ("builds", "build", "a.id", "plan", "plans"),
    ("build_properties", "a property of build", "a.build_id", "build_id", "builds"),
    ("steps", "step", "a.build_id", "build_id", "builds"),
    ("logs", "log", NO_BUILD, "step_id", "steps"),
    ("sets", "set", "a.parent_build", "parent_build", "builds"),
    ("sets", "set", "a.parent_build", "parent_step", "steps"),
    ("stamp_changes", "source stamp", NO_BUILD, "stamp_id", "stamps"),
    ("stamp_changes", "source stamp", NO_BUILD, "change_id", "changes"),
    ("test_items", "test item", NO_BUILD, "run_id", "test_runs"),
];

const NO_BUILD: &str = "CAST(NULL AS BIGINT)";

/// Tables of things that end, what one is called, its build, and the end of its time.
const ENDS: [(&str, &str, &str); 4] = [
    ("sets", "set", NO_BUILD),
    ("requests", "request", "build_id"),
    ("builds", "build", "id"),
    ("steps", "step", "build_id"),
];

/// How bad a result is, as an expression; a set begins with success.
fn rank(results: &str) -> String {
    format!("CASE {results} WHEN 3 THEN 0 WHEN 0 THEN 0 ELSE {results} END")
}

fn pointer(&(table, noun, build, column, to): &(&str, &str, &str, &str, &str)) -> Rule {
    let id = match table {
        "build_properties" => "build_id",
        "stamp_changes" => "stamp_id",
        _ => "id",
    };
    let key = if to == "plans" { "hash" } else { "id" };
    let sql = format!(
        "SELECT {build}, '{noun} ' || a.{id} || ' names {column} ' || a.{column} || ', and {to} has no such row' \
         FROM {table} a WHERE a.{column} IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM {to} b WHERE b.{key} = a.{column})"
    );
    Rule { kind: &POINTS_NOWHERE, sql: sql.into() }
}

fn half(&(table, noun, build): &(&str, &str, &str)) -> Rule {
    let sql = format!(
        "SELECT {build}, '{noun} ' || id || ' has a result without a time, or a time without a result' FROM {table} \
         WHERE (complete_at IS NULL AND results IS NOT NULL) OR (complete_at IS NOT NULL AND results IS NULL) \
         OR results < 0 OR results > 6"
    );
    Rule { kind: &HALF_WRITTEN, sql: sql.into() }
}

fn count(noun: &str) -> Rule {
    let sql = format!(
        "SELECT {NO_BUILD}, 'the count of {noun} is ' || COALESCE(counts.n, -1) || ', and there are ' || there.n \
         FROM (SELECT COUNT(*) AS n FROM {noun}) there LEFT JOIN counts ON counts.noun = '{noun}' \
         WHERE counts.n IS NULL OR counts.n <> there.n"
    );
    Rule { kind: &COUNT_DIFFERS, sql: sql.into() }
}

/// All rules. `nouns`: what is counted.
pub(super) fn all(nouns: &[&str]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = nouns.iter().map(|noun| count(noun)).collect();
    rules.extend(POINTERS.iter().map(pointer));
    rules.extend(ENDS.iter().map(half));
    let set_result = format!(
        "SELECT {NO_BUILD}, 'set ' || sets.id || ' has result ' || sets.results || ', and the worst of its requests is ' \
         || worst.rank FROM sets JOIN (SELECT set_id, MAX({}) AS rank FROM requests \
         WHERE results IS NOT NULL GROUP BY set_id) worst ON worst.set_id = sets.id \
         WHERE sets.complete_at IS NOT NULL AND {} <> worst.rank",
        rank("results"),
        rank("sets.results")
    );
    rules.push(Rule { kind: &SET_RESULT, sql: set_result.into() });
    rules.extend(SINGLE.iter().map(|(kind, sql)| Rule { kind, sql: Cow::Borrowed(*sql) }));
    rules
}

const SINGLE: [(&FindingKind, &str); 14] = [
    (
        &HALF_WRITTEN,
        "SELECT build_id, 'request ' || id || ' is claimed without a time, or has a time and no build' FROM requests \
         WHERE (build_id IS NULL AND claimed_at IS NOT NULL) OR (build_id IS NOT NULL AND claimed_at IS NULL)",
    ),
    (
        &HALF_WRITTEN,
        "SELECT steps.build_id, 'log ' || logs.id || ' is half sealed' FROM logs JOIN steps ON steps.id = logs.step_id \
         WHERE NOT (lines IS NULL AND bytes IS NULL AND crc32 IS NULL) \
         AND NOT (lines IS NOT NULL AND bytes IS NOT NULL AND crc32 IS NOT NULL)",
    ),
    (
        &HALF_WRITTEN,
        "SELECT parent_build, 'set ' || id || ' names half of the step that filed it' FROM sets \
         WHERE NOT (parent_build IS NULL AND parent_step IS NULL AND parent_waits IS NULL) \
         AND NOT (parent_build IS NOT NULL AND parent_step IS NOT NULL AND parent_waits IS NOT NULL)",
    ),
    (
        &SET_UNENDED,
        "SELECT CAST(NULL AS BIGINT), 'set ' || sets.id || ' is open' FROM sets WHERE complete_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.set_id = sets.id AND r.complete_at IS NULL)",
    ),
    (
        &SET_TOO_EARLY,
        "SELECT r.build_id, 'set ' || sets.id || ' is complete, and its request ' || r.id || ' is open' FROM sets \
         JOIN requests r ON r.set_id = sets.id WHERE sets.complete_at IS NOT NULL AND r.complete_at IS NULL",
    ),
    (
        &CLAIM_BROKEN,
        "SELECT b.id, 'request ' || r.id || ' is open and claimed for build ' || b.id || ', which has ended' \
         FROM requests r JOIN builds b ON b.id = r.build_id WHERE r.complete_at IS NULL AND b.complete_at IS NOT NULL",
    ),
    (
        &BUILD_UNCLAIMED,
        "SELECT b.id, 'build ' || b.id || ' runs, and its request ' || r.id || CASE \
         WHEN r.complete_at IS NOT NULL THEN ' has ended' WHEN r.build_id IS NULL THEN ' waits' \
         ELSE ' belongs to build ' || r.build_id END FROM builds b JOIN requests r ON r.id = b.request_id \
         WHERE b.complete_at IS NULL AND (r.complete_at IS NOT NULL OR r.build_id IS NULL OR r.build_id <> b.id)",
    ),
    (
        &TWO_RESULTS,
        "SELECT MAX(id), 'request ' || request_id || ' was answered by ' || COUNT(*) || ' builds' FROM builds \
         WHERE complete_at IS NOT NULL AND results <> 5 GROUP BY request_id HAVING COUNT(*) > 1",
    ),
    (
        &RESULT_DIFFERS,
        "SELECT b.id, 'request ' || r.id || ' has result ' || r.results || ', and build ' || b.id || ' has ' || b.results \
         FROM requests r JOIN builds b ON b.id = r.build_id WHERE r.complete_at IS NOT NULL \
         AND b.complete_at IS NOT NULL AND r.results <> b.results AND r.cancel IS NULL \
         AND NOT (b.results = 5 AND r.results = 4)",
    ),
    (
        &STEP_AFTER_END,
        "SELECT b.id, 'step ' || s.number || ' of build ' || b.id || ' runs, and the build has ended' FROM steps s \
         JOIN builds b ON b.id = s.build_id WHERE s.complete_at IS NULL AND b.complete_at IS NOT NULL",
    ),
    (
        &TWO_STEPS,
        "SELECT build_id, 'build ' || build_id || ' has ' || COUNT(*) || ' steps that run' FROM steps \
         WHERE complete_at IS NULL GROUP BY build_id HAVING COUNT(*) > 1",
    ),
    (
        &LEASE_LEFT,
        "SELECT id, 'build ' || id || ' has ended, and its lease has a date' FROM builds \
         WHERE complete_at IS NOT NULL AND lease_until IS NOT NULL",
    ),
    (
        &NUMBER_BEHIND,
        "SELECT CAST(NULL AS BIGINT), 'builder ' || builders.name || ' goes on with number ' || next_number \
         || ', and has a build ' || MAX(builds.number) FROM builders JOIN builds ON builds.builder_id = builders.id \
         GROUP BY builders.id, builders.name, next_number HAVING MAX(builds.number) >= next_number",
    ),
    (
        &HALF_WRITTEN,
        "SELECT id, 'build ' || id || ' has epoch ' || epoch || '; they begin with 1' FROM builds WHERE epoch < 1",
    ),
];

/// What counts rows, sets numbers and takes dates off, by kind: statements that may run as often as one likes.
pub(super) fn repairs(kind: &FindingKind, nouns: &[&str]) -> Vec<String> {
    if kind.code == COUNT_DIFFERS.code {
        return nouns
            .iter()
            .flat_map(|noun| {
                [
                    format!("INSERT INTO counts (noun, n) VALUES ('{noun}', 0) ON CONFLICT DO NOTHING"),
                    format!("UPDATE counts SET n = (SELECT COUNT(*) FROM {noun}) WHERE noun = '{noun}'"),
                ]
            })
            .collect();
    }
    let one = if kind.code == NUMBER_BEHIND.code {
        "UPDATE builders SET next_number = (SELECT MAX(number) + 1 FROM builds WHERE builder_id = builders.id) \
         WHERE next_number <= (SELECT MAX(number) FROM builds WHERE builder_id = builders.id)"
    } else if kind.code == LEASE_LEFT.code {
        "UPDATE builds SET lease_until = NULL WHERE complete_at IS NOT NULL AND lease_until IS NOT NULL"
    } else {
        return Vec::new();
    };
    vec![one.to_owned()]
}
