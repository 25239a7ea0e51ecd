//! What is done with each key of a file: a table for hints, for warnings and for the manual.

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Read.
    Read,
    /// Not needed; the reason.
    Unneeded(&'static str),
    /// Wanted, and not done: what is done instead.
    NotDone(&'static str),
}

/// Section, key (`*`: every one), and what becomes of it.
pub type Known = (&'static str, &'static str, Use);

const PACE: &str = "the scheduler has no pauses and no passes";
const SERVER: &str = "there is no server process of its own and no shared database file";
const DESKTOP: &str = "pages take the place of the desktop program";
const LAUNCH: &str = "sluice tests run --host says where tests run, such as slurm";
const ARCHIVE: &str = "what is kept is decided by the rules of runs, not by an archive";
const HOOKS: &str = "a fixture has a test before and one after";
const CLEAN: &str = "rerun clean runs again whatever is worse than WAIVED";
const HOSTS: &str = "all tests of a run go the same way, whatever their names";
const AREAS: &str = "schedulers of a master take the place of watching several areas";

/// `megatest.config`.
pub const AREA: &[Known] = &[
    ("fields", "*", Use::Read),
    ("setup", "linktree", Use::Read),
    ("setup", "runsdir", Use::Read),
    ("setup", "max_concurrent_jobs", Use::Read),
    ("setup", "area-name", Use::Read),
    ("setup", "testsuite", Use::Read),
    ("setup", "runtimelim", Use::Read),
    ("setup", "deadtime", Use::Read),
    ("setup", "reruns", Use::Read),
    ("setup", "allow-auto-rerun", Use::NotDone("what is run again is said when it is run again")),
    ("setup", "testcopycmd", Use::NotDone("the files of a test are copied in the usual way")),
    ("setup", "waivercommentpatt", Use::NotDone("a waiver needs an owner, a reason and an end instead")),
    ("setup", "minspace", Use::Read),
    ("setup", "run-wait", Use::Unneeded("a run returns when everything in it has ended, or when it is told otherwise")),
    ("setup", "executable", Use::Unneeded("the program finds itself")),
    ("setup", "launchwait", Use::Unneeded(PACE)),
    ("setup", "launch-delay", Use::Unneeded(PACE)),
    ("setup", "inter-test-delay", Use::Unneeded(PACE)),
    ("setup", "maxretries", Use::Unneeded(PACE)),
    ("setup", "give-up-waiting", Use::Unneeded(PACE)),
    ("setup", "runqueue", Use::Unneeded(PACE)),
    ("setup", "throttle", Use::Unneeded(PACE)),
    ("setup", "free-space-script", Use::Unneeded("free space is asked of the disk itself")),
    ("setup", "dbdir-space-required", Use::Unneeded(SERVER)),
    ("setup", "test-stats-update-period", Use::Unneeded("the worker tells by itself that a test lives")),
    ("setup", "use-cache", Use::Unneeded("configurations are read anew for each run")),
    ("setup", "synchronous", Use::Unneeded(SERVER)),
    ("setup", "transport", Use::Unneeded(SERVER)),
    ("setup", "dbdir", Use::Unneeded(SERVER)),
    ("setup", "monitordir", Use::Unneeded(SERVER)),
    ("setup", "pktsdirs", Use::Unneeded(AREAS)),
    ("setup", "pdbpath", Use::Unneeded(SERVER)),
    ("setup", "log-expire-days", Use::Unneeded(ARCHIVE)),
    ("setup", "blacklistvars", Use::Unneeded("a test sees only the variables that it is given")),
    ("setup", "htmlviewercmd", Use::Unneeded(DESKTOP)),
    ("setup", "editor", Use::Unneeded(DESKTOP)),
    ("setup", "logviewer", Use::Unneeded(DESKTOP)),
    ("setup", "nodot", Use::Unneeded(DESKTOP)),
    ("env-override", "*", Use::Read),
    ("disks", "*", Use::Read),
    ("tests-paths", "*", Use::Read),
    ("validvalues", "cleanrerun-states", Use::NotDone(CLEAN)),
    ("validvalues", "cleanrerun-statuses", Use::NotDone(CLEAN)),
    ("validvalues", "*", Use::Unneeded("a step has whichever words the test says")),
    ("jobgroups", "*", Use::Read),
    ("triggers", "*", Use::Read),
    ("runs", "pre-hook", Use::NotDone(HOOKS)),
    ("runs", "post-hook", Use::NotDone(HOOKS)),
    ("testrollup", "*", Use::Unneeded("the page of a test is made from its records")),
    ("jobtools", "launcher", Use::Unneeded(LAUNCH)),
    ("jobtools", "useshell", Use::Unneeded(LAUNCH)),
    ("jobtools", "maxload", Use::Unneeded("how much runs at once is said by max_concurrent_jobs and job groups")),
    ("jobtools", "maxhomehostload", Use::Unneeded(SERVER)),
    ("jobtools", "waitdelay", Use::Unneeded(PACE)),
    ("jobtools", "workhosts", Use::Unneeded(LAUNCH)),
    ("jobtools", "flexi-launcher", Use::NotDone(HOSTS)),
    ("host-types", "*", Use::NotDone(HOSTS)),
    ("hosts", "*", Use::NotDone(HOSTS)),
    ("launchers", "*", Use::NotDone(HOSTS)),
    ("archive", "*", Use::Unneeded(ARCHIVE)),
    ("archive-disks", "*", Use::Unneeded(ARCHIVE)),
    ("server", "*", Use::Unneeded(SERVER)),
    ("database", "*", Use::Unneeded(SERVER)),
    ("dashboard", "*", Use::Unneeded(DESKTOP)),
    ("areas", "*", Use::Unneeded(AREAS)),
    ("contours", "*", Use::Unneeded(AREAS)),
    ("access", "*", Use::Unneeded(AREAS)),
    ("accesstypes", "*", Use::Unneeded(AREAS)),
    ("listeners", "*", Use::Unneeded(AREAS)),
    ("listener", "*", Use::Unneeded(AREAS)),
];

/// `testconfig`.
pub const TEST: &[Known] = &[
    ("setup", "runscript", Use::Read),
    ("ezsteps", "*", Use::Read),
    ("logpro", "*", Use::Read),
    ("requirements", "waiton", Use::Read),
    ("requirements", "mode", Use::Read),
    ("requirements", "itemmap", Use::Read),
    ("requirements", "priority", Use::Read),
    ("requirements", "runtimelim", Use::Read),
    ("requirements", "jobgroup", Use::Read),
    ("requirements", "exit-code", Use::Read),
    ("requirements", "waitor", Use::Read),
    ("requirements", "diskspace", Use::Unneeded("it has never been enforced")),
    ("requirements", "memory", Use::Unneeded("it has never been enforced")),
    ("itemmap", "*", Use::Read),
    ("items", "*", Use::Read),
    ("itemstable", "*", Use::Read),
    ("pre-launch-env-vars", "*", Use::Read),
    ("pre-launch-env-overrides", "*", Use::Read),
    ("test_meta", "author", Use::Read),
    ("test_meta", "owner", Use::Read),
    ("test_meta", "description", Use::Read),
    ("test_meta", "reviewed", Use::Read),
    ("test_meta", "tags", Use::Read),
    ("test_meta", "jobgroup", Use::Read),
    ("skip", "prevrunning", Use::Read),
    ("skip", "fileexists", Use::Read),
    ("skip", "rundelay", Use::Read),
    ("disks", "*", Use::Read),
    ("triggers", "*", Use::Read),
    ("waivers", "*", Use::Read),
    ("waiver_rules", "*", Use::Read),
    ("subrun", "*", Use::Read),
];

/// Sections under which every key is known.
pub(crate) fn find(table: &[Known], section: &str, key: &str) -> Option<Use> {
    table.iter().find(|(s, k, _)| *s == section && (*k == "*" || *k == key)).map(|(.., what)| *what)
}
