//! What the supervisor itself says in a log, for people.

use crate::quote;
use crate::spawn::Prepared;
use crate::{EndedBy, Exit, Job, LogEnviron, Program, Terminal};
use std::time::Duration;

/// The lines before the command's output.
pub(crate) fn opening(job: &Job, prepared: &Prepared) -> String {
    let command = match &job.program {
        Program::Words(words) => quote::line(words.iter().map(crate::Word::as_bytes)),
        Program::Script(text) => text.trim_end().to_owned(),
    };
    let mut text = format!("{command}\n in dir {}\n", job.dir.display());
    if job.terminal == Terminal::Pty {
        text.push_str(" using a terminal\n");
    }
    if let Some(timeout) = job.timeout {
        text.push_str(&format!(" limit: {} without output\n", span(timeout)));
    }
    if job.log_environ == LogEnviron::Yes {
        text.push_str(" environment:\n");
        for variable in &prepared.environment {
            text.push_str(&format!("  {}\n", String::from_utf8_lossy(variable.as_bytes())));
        }
    }
    for line in &job.headers {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The line that tells how the main process ended.
pub(crate) fn closing(exit: &Exit, elapsed: Duration) -> String {
    let after = span(elapsed);
    match exit {
        Exit::Exited(code) => format!("program finished with exit code {code} after {after}\n"),
        Exit::Signalled { signal, core } => {
            let core = if *core { ", core dumped" } else { "" };
            format!("program ended by signal {signal}{}{core} after {after}\n", in_brackets(*signal))
        }
        Exit::NotStarted { error, .. } => format!("not started: {error}\n"),
    }
}

/// The line that tells why the command is being ended; none if it ends by itself.
pub(crate) fn cause(cause: &EndedBy) -> Option<String> {
    match cause {
        EndedBy::Itself => None,
        EndedBy::Interrupted { reason } => Some(format!("stopped: {reason}\n")),
        EndedBy::NoOutput(limit) => Some(format!("no output for {}: ended\n", span(*limit))),
        EndedBy::TooLong(limit) => Some(format!("not finished after {}: ended\n", span(*limit))),
        EndedBy::Orphaned(limit) => Some(format!("no worker came back for {}: ended\n", span(*limit))),
    }
}

/// The line that names processes that were left behind, or that nothing ends.
pub(crate) fn processes(what: &str, names: &[String], how: &str) -> String {
    let count = match names.len() {
        1 => "1 process".to_owned(),
        crate::Outcome::MOST_NAMED => format!("{} or more processes", crate::Outcome::MOST_NAMED),
        n => format!("{n} processes"),
    };
    format!("{what} {count}, {how}: {}\n", names.join(", "))
}

/// A length of time as people say it.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let millis = time.as_millis();
    let two = |big: u64, name: &str, small: u64, small_name: &str| match small {
        0 => format!("{big} {name}"),
        small => format!("{big} {name} {small} {small_name}"),
    };
    match seconds {
        0 if millis > 0 || time.is_zero() => format!("{millis} ms"),
        0 => "less than 1 ms".to_owned(),
        1..60 if millis % 1000 < 50 => format!("{seconds} s"),
        1..60 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        _ => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
    }
}

/// ` (SIGSEGV)`, or nothing for a signal without a name.
fn in_brackets(signal: i32) -> String {
    signal_name(signal).map(|name| format!(" ({name})")).unwrap_or_default()
}

/// The name of a signal of this system, as `SIGSEGV`; `None` for one that programs do not usually die of.
pub fn signal_name(signal: i32) -> Option<&'static str> {
    // Numbers differ between architectures, the names of libc do not.
    Some(match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Blame;

    #[test]
    fn spans_read_as_people_say_them() {
        for (time, expected) in [
            (Duration::ZERO, "0 ms"),
            (Duration::from_micros(3), "less than 1 ms"),
            (Duration::from_millis(12), "12 ms"),
            (Duration::from_millis(4130), "4.1 s"),
            (Duration::from_secs(20), "20 s"),
            (Duration::from_secs(1200), "20 min"),
            (Duration::from_secs(61), "1 min 1 s"),
            (Duration::from_secs(7260), "2 h 1 min"),
        ] {
            assert_eq!(span(time), expected);
        }
    }

    #[test]
    fn each_end_has_its_line() {
        let second = Duration::from_secs(1);
        let names = ["sleep 1000 (pid 4711)".to_owned()];
        let lines = [
            closing(&Exit::Exited(2), Duration::from_millis(4130)),
            closing(&Exit::Signalled { signal: 11, core: false }, second),
            closing(&Exit::Signalled { signal: 34, core: true }, second),
            closing(&Exit::NotStarted { error: "no such file ./configure".into(), blame: Blame::Command }, second),
            cause(&EndedBy::Interrupted { reason: "a newer change came".into() }).unwrap_or_default(),
            cause(&EndedBy::NoOutput(Duration::from_secs(1200))).unwrap_or_default(),
            cause(&EndedBy::TooLong(Duration::from_secs(7200))).unwrap_or_default(),
            cause(&EndedBy::Orphaned(Duration::from_secs(3600))).unwrap_or_default(),
            processes("left behind", &names, "ended"),
        ];
        insta::assert_snapshot!(lines.concat(), @r"
        program finished with exit code 2 after 4.1 s
        program ended by signal 11 (SIGSEGV) after 1 s
        program ended by signal 34, core dumped after 1 s
        not started: no such file ./configure
        stopped: a newer change came
        no output for 20 min: ended
        not finished after 2 h: ended
        no worker came back for 1 h: ended
        left behind 1 process, ended: sleep 1000 (pid 4711)
        ");
        assert_eq!(cause(&EndedBy::Itself), None);
    }
}
