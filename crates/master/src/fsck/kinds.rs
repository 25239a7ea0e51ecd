//! What can be wrong between store, logs, spools and files.

use model::{FindingKind, Mend, Severity};

pub(super) static STORE_UNREADABLE: FindingKind = FindingKind {
    code: "store-unreadable",
    severity: Severity::Error,
    means: "the store's file is no database any more; the master cannot start, and nothing but files was looked at",
    mend: Mend::Person("keep a copy of sluice.db and sluice.db-wal, and restore the last backup"),
};
pub(super) static LOG_DAMAGED: FindingKind = FindingKind {
    code: "log-damaged",
    severity: Severity::Error,
    means: "bytes of a log file are not those that were written; pages serve what is before and say so",
    mend: Mend::Person("copy the file back from a backup; the log up to that byte is good"),
};
pub(super) static LOG_SHORT: FindingKind = FindingKind {
    code: "log-short",
    severity: Severity::Error,
    means: "the store knows a log to be longer than its file has it: its last bytes are lost",
    mend: Mend::Person("copy the file back from a backup, if it is longer there"),
};
pub(super) static LOG_DIFFERS: FindingKind = FindingKind {
    code: "log-differs",
    severity: Severity::Error,
    means: "a log's length, lines or checksum are not those that the store was told when it was sealed",
    mend: Mend::Person("copy the file back from a backup"),
};
pub(super) static LOG_VERSION: FindingKind = FindingKind {
    code: "log-version",
    severity: Severity::Error,
    means: "a log file was written by a later Sluice, and cannot be read by this one",
    mend: Mend::Person("run the newer Sluice"),
};
pub(super) static LOG_MISNAMED: FindingKind = FindingKind {
    code: "log-misnamed",
    severity: Severity::Error,
    means: "a log file says that it belongs to another build than its name does; it is not served",
    mend: Mend::Person("give it the name of the build that it belongs to, if that one has none"),
};
pub(super) static LOG_GONE: FindingKind = FindingKind {
    code: "log-gone",
    severity: Severity::Warning,
    means: "the store knows of output, and there is no file with it: it was deleted, or is lost",
    mend: Mend::Person("copy the file back from a backup, or leave it: pages say that the log is gone"),
};
pub(super) static LOG_TORN: FindingKind = FindingKind {
    code: "log-torn",
    severity: Severity::Warning,
    means: "a log file ends in the midst of a record: the master was killed while it wrote; the worker still has those bytes",
    mend: Mend::Repair("puts the torn end into lost+found and cuts it off; the master does so when the build goes on"),
};
pub(super) static LOG_ORPHAN: FindingKind = FindingKind {
    code: "log-orphan",
    severity: Severity::Warning,
    means: "a log file is of a build that the store does not know, as when an old store stands beside newer logs",
    mend: Mend::Repair("moves it to lost+found, before a new build gets that number"),
};
pub(super) static LOG_UNNAMED: FindingKind = FindingKind {
    code: "log-unnamed",
    severity: Severity::Warning,
    means: "a log file holds a log that the store does not know; nobody can ask for it",
    mend: Mend::Person("none is needed; zstd -dc prints all that is in the file"),
};
pub(super) static LOG_UNFINISHED: FindingKind = FindingKind {
    code: "log-unfinished",
    severity: Severity::Note,
    means: "the log file of a build that has ended has no index: it is read all the same, a little slower",
    mend: Mend::Repair("writes the index"),
};
pub(super) static STRANGE_FILE: FindingKind = FindingKind {
    code: "strange-file",
    severity: Severity::Note,
    means: "something lies where Sluice keeps its own, and is not Sluice's",
    mend: Mend::Person("move it elsewhere"),
};
pub(super) static SPOOL_DAMAGED: FindingKind = FindingKind {
    code: "spool-damaged",
    severity: Severity::Error,
    means: "what a command said, and the master does not have yet, cannot be read from here on",
    mend: Mend::Itself("the worker tells its master that the command is lost, and the build is tried again"),
};
pub(super) static SPOOL_VERSION: FindingKind = FindingKind {
    code: "spool-version",
    severity: Severity::Error,
    means: "a spool was written by another version of Sluice that this one does not read",
    mend: Mend::Person("start the worker with the version that wrote it, and let it finish first"),
};
pub(super) static SPOOL_GAP: FindingKind = FindingKind {
    code: "spool-gap",
    severity: Severity::Error,
    means: "a spool begins behind the end of its log: the bytes in between are nowhere",
    mend: Mend::Itself("the worker tells its master that the command is lost, and the build is tried again"),
};
pub(super) static SPOOL_TORN: FindingKind = FindingKind {
    code: "spool-torn",
    severity: Severity::Warning,
    means: "a spool ends in the midst of a record, and its supervisor is gone: the machine or the supervisor died",
    mend: Mend::Repair("puts the torn end into lost+found and cuts it off"),
};
pub(super) static SPOOL_OF_NOBODY: FindingKind = FindingKind {
    code: "spool-of-nobody",
    severity: Severity::Warning,
    means: "a spool is of a build that the store does not know, as when an old store was put back",
    mend: Mend::Repair("moves it to lost+found"),
};
pub(super) static SPOOL_LEFT: FindingKind = FindingKind {
    code: "spool-left",
    severity: Severity::Note,
    means: "a spool is of a command that is over for the master",
    mend: Mend::Itself("the worker deletes it when it meets its master"),
};
pub(super) static SPOOL_MISSING: FindingKind = FindingKind {
    code: "spool-missing",
    severity: Severity::Note,
    means: "a step runs by the store, and its worker has no spool of it: it was about to begin, or the spool is lost",
    mend: Mend::Itself("the master begins it when the worker is back, or tries the build again"),
};
pub(super) static PROCESSES_LEFT: FindingKind = FindingKind {
    code: "processes-left",
    severity: Severity::Warning,
    means: "processes of a command run, and nobody supervises them",
    mend: Mend::Itself("the worker ends them when it starts"),
};
pub(super) static GROUP_LEFT: FindingKind = FindingKind {
    code: "group-left",
    severity: Severity::Note,
    means: "a control group is left of a supervisor that was killed",
    mend: Mend::Itself("the worker removes it when it starts"),
};
pub(super) static SUPERVISED: FindingKind = FindingKind {
    code: "supervised",
    severity: Severity::Note,
    means: "commands go on under their supervisors, and no worker listens",
    mend: Mend::Itself("the worker takes them up when it starts"),
};
pub(super) static MODE_OPEN: FindingKind = FindingKind {
    code: "mode-open",
    severity: Severity::Warning,
    means: "others on this machine can read what is secret",
    mend: Mend::Repair("takes their rights away; think about a new password or token, too"),
};
pub(super) static PID_LEFT: FindingKind = FindingKind {
    code: "pid-left",
    severity: Severity::Note,
    means: "the pid file names a process, and nobody holds it: who wrote it was killed",
    mend: Mend::Itself("the next start writes its own; a process that has the number by chance is left alone"),
};

/// All kinds that `sluice fsck` can find, those of the store included.
pub fn all() -> Vec<&'static FindingKind> {
    let between = [
        &STORE_UNREADABLE,
        &LOG_DAMAGED,
        &LOG_SHORT,
        &LOG_DIFFERS,
        &LOG_VERSION,
        &LOG_MISNAMED,
        &LOG_GONE,
        &LOG_TORN,
        &LOG_ORPHAN,
        &LOG_UNNAMED,
        &LOG_UNFINISHED,
        &STRANGE_FILE,
        &SPOOL_DAMAGED,
        &SPOOL_VERSION,
        &SPOOL_GAP,
        &SPOOL_TORN,
        &SPOOL_OF_NOBODY,
        &SPOOL_LEFT,
        &SPOOL_MISSING,
        &PROCESSES_LEFT,
        &GROUP_LEFT,
        &SUPERVISED,
        &MODE_OPEN,
        &PID_LEFT,
    ];
    store::finding_kinds().into_iter().chain(between).collect()
}
