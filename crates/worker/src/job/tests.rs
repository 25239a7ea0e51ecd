//! Assignments as jobs, and what their ends say.

use super::*;
use crate::setup::Master;
use model::worker::Secret;
use model::{GitMode, ShellSpec};

const C: CommandId = CommandId { build: 7, epoch: 1, step: 2 };

fn setup(dir: &Path) -> Setup {
    let master = Master::Url("http://localhost:8010/".into());
    Setup { umask: Some(0o027), ..Setup::new(dir.to_owned(), "w", Secret::new("p"), master, "/bin/sluice".into()) }
}

fn assignment(builddir: &str, workdir: &str) -> Assignment {
    let mut spec = ShellSpec::new(CommandLine::Words(vec!["make".into()]));
    spec.workdir = workdir.into();
    spec.max_time = Some(Span::seconds(9));
    let env = [("CC".to_owned(), "gcc".to_owned())].into();
    Assignment::new(builddir, Work::Shell(ShellWork::of(&spec, &env)))
}

#[test]
fn a_shell_step_becomes_a_job() {
    let top = tempfile::tempdir().unwrap();
    let home = Home::take(top.path()).unwrap();
    let made = job(&setup(top.path()), &home, Some(Span::seconds(60)), C, assignment("linux", "build")).unwrap();
    assert_eq!(made.id.as_str(), "7.1.2");
    assert_eq!(made.dir, home.dir().join("linux/build"));
    assert_eq!(made.program, Program::words(["make"]));
    assert_eq!(made.env, environment([("CC".to_owned(), "gcc".to_owned())].into()));
    assert_eq!((made.max_time.unwrap().as_secs(), made.umask), (9, Some(0o027)));
    assert_eq!((made.terminal, made.log_environ), (Terminal::Pipes, LogEnviron::Yes));
    for (builddir, workdir) in [("", "x"), ("..", "x"), (".slots", "x"), ("/etc", "x"), ("a", "../../x"), ("a", "/x")] {
        job(&setup(top.path()), &home, None, C, assignment(builddir, workdir)).unwrap_err();
    }
}

#[test]
fn a_git_step_becomes_a_checkout() {
    let top = tempfile::tempdir().unwrap();
    let home = Home::take(top.path()).unwrap();
    let work = GitWork {
        repository: "https://example.org/zlib".into(),
        branch: Some("develop".into()),
        revision: None,
        patch: None,
        mode: GitMode::Copy,
        workdir: "build".into(),
        env: BTreeMap::new(),
        submodules: false,
        shallow: None,
        retry: None,
        timeout: None,
    };
    let work = Assignment::new("linux", Work::Git(work));
    let made = job(&setup(top.path()), &home, None, C, work).unwrap();
    let file = home.work_file("7.1.2");
    let words = ["/bin/sluice".as_ref(), "__checkout".as_ref(), file.as_os_str()];
    assert_eq!(made.program, Program::words(words.map(|w| w.to_owned())));
    assert_eq!((made.report, made.log_environ), (Report::File, LogEnviron::No));
    let spec: CheckoutSpec = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(spec.workdir, home.dir().join("linux/build"));
    assert_eq!(spec.mirror_dir, home.dir().join(".mirrors"));
}

#[test]
fn reports_are_read_whatever_they_hold() {
    let told = |text: &'static [u8]| Reported::of(Some(text)).got_revision;
    assert_eq!(told(br#"{"got_revision":"abc"}"#).as_deref(), Some("abc"));
    for odd in [&b""[..], b"[", b"{}", b"\xff", br#"{"got_revision":5}"#, br#"{"results":17}"#] {
        assert_eq!(told(odd), None);
    }
}

#[test]
fn what_the_program_does_itself_is_told_in_a_private_file() {
    let top = tempfile::tempdir().unwrap();
    let home = Home::take(top.path()).unwrap();
    let mut setup = setup(top.path());
    let of = |setup: &Setup, work: Work| job(setup, &home, None, C, Assignment::new("linux", work));
    let file = model::FileSpec::Exists { path: "x".into() };
    let made = of(&setup, Work::File(file.clone())).unwrap();
    let spec = home.work_file("7.1.2");
    let words = ["/bin/sluice".as_ref(), "__do".as_ref(), "file".as_ref(), spec.as_os_str()];
    assert_eq!((made.program, made.report), (Program::words(words.map(|w| w.to_owned())), Report::File));
    assert_eq!(Task::read(&spec).unwrap(), Task::File { dir: home.dir().join("linux"), file });
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&spec).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let transfer = TransferSpec::DownloadText { text: "t".into(), to: "f".into(), workdir: "w".into(), mode: None };
    let work = wire::TransferWork { transfer, token: Secret::new("7.1.2.beef") };
    let made = of(&setup, Work::Transfer(work.clone())).unwrap();
    assert_eq!(made.mask, [b"7.1.2.beef".to_vec()]);
    setup.master_file = Some("/m/address".into());
    of(&setup, Work::Transfer(work)).unwrap();
    let Task::Transfer { master, workdir, .. } = Task::read(&spec).unwrap() else { panic!("a transfer") };
    assert_eq!((master, workdir), (MasterPlace::File("/m/address".into()), home.dir().join("linux/w")));
}

#[test]
fn a_command_s_surroundings_are_taken_over() {
    let top = tempfile::tempdir().unwrap();
    let home = Home::take(top.path()).unwrap();
    let mut spec = ShellSpec::new(CommandLine::Script("true".into()));
    spec.want_stdout = false;
    spec.initial_stdin = Some("y\n".into());
    spec.log_files = vec![model::FollowedLog { name: "config".into(), path: "a/config.log".into(), follow: true }];
    let work = |spec: &ShellSpec<String>| Work::Shell(ShellWork::of(spec, &BTreeMap::new()));
    let mut assignment = Assignment::new("linux", work(&spec));
    assignment.mask = vec![Secret::new("sesame")];
    assignment.collect = vec!["build/sluice.star".into()];
    let made = job(&setup(top.path()), &home, None, C, assignment.clone()).unwrap();
    assert_eq!((made.unwanted, made.stdin), (vec![process::spool::Stream::Stdout], Some(b"y\n".to_vec())));
    let path = home.dir().join("linux/build/a/config.log");
    assert_eq!(made.follow, [FollowedFile { log: 1, path, from_end: true }]);
    assert_eq!(made.mask, [b"sesame".to_vec()]);
    let path = home.dir().join("linux/build/sluice.star");
    assert_eq!(made.collect, [CollectedFile { name: "build/sluice.star".into(), path }]);
    for bad in [vec!["../x".to_owned()], vec!["a".to_owned(); 3]] {
        assignment.collect = bad;
        job(&setup(top.path()), &home, None, C, assignment.clone()).unwrap_err();
    }
    spec.workdir = "/".into();
    spec.log_files.clear();
    let of = |setup: &Setup| job(setup, &home, None, C, Assignment::new("linux", work(&spec)));
    of(&setup(top.path())).unwrap_err();
    assert_eq!(of(&Setup { reach: Reach::Anywhere, ..setup(top.path()) }).unwrap().dir, Path::new("/"));
}

/// A spool of a job of these words.
fn spool(top: &Path, name: &str, report: Report, words: &[&str]) -> PathBuf {
    let dir = top.join(name);
    let program = Program::words(words.iter().copied());
    let job = Job { report, ..Job::new(JobId::new(name).unwrap(), program, "/") };
    process::spool::Writer::create(&dir, &job).unwrap();
    dir
}

/// How the job in a spool ended, in words: the trouble, or by what it was ended.
fn what(exit: process::Exit, by: process::EndedBy, report: Option<&[u8]>, dir: &Path) -> String {
    let outcome = Outcome {
        exit,
        ended_by: by,
        left_behind: Vec::new(),
        survivors: Vec::new(),
        started_at: 0,
        elapsed: 0,
        user_cpu: 0,
        system_cpu: 0,
        max_rss: 0,
        report: report.map(<[u8]>::to_vec),
        ends: BTreeMap::new(),
        collected: Vec::new(),
    };
    match ending(&outcome, dir).ended_by {
        EndedBy::WorkerTrouble { what } => what,
        other => format!("{other:?}"),
    }
}

#[test]
fn whose_fault_an_end_is() {
    use process::{Blame, EndedBy as By, Exit as Did};
    let top = tempfile::tempdir().unwrap();
    let spool = |name: &str, report: Report, words: &[&str]| spool(top.path(), name, report, words);
    let shell = spool("shell", Report::No, &["make", "__checkout"]);
    let checkout = spool("checkout", Report::File, &["sluice", "__checkout", "x"]);
    let file = spool("file", Report::File, &["sluice", "__do", "file", "x"]);
    let sequence = spool("sequence", Report::File, &["sluice", "__do", "sequence", "x"]);
    let full = br#"{"results":4,"trouble":"the disk is full"}"#;
    let failed = br#"{"results":2,"state":"there is no file x"}"#;
    let unsaid = "the work cannot be done here (code 101), its log says why";
    let not_started = |blame| Did::NotStarted { error: "no".into(), blame };
    let away = br#"{"reason":"the host is away"}"#;
    let span = std::time::Duration::from_secs(60);
    let stopped = By::Interrupted { reason: "r".into() };
    let lost = "the checkout cannot be done here (code 101), its log says why";
    for (exit, by, report, dir, expected) in [
        (Did::Exited(3), By::Itself, None, &shell, "Itself"),
        (not_started(Blame::Command), By::Itself, None, &shell, "Itself"),
        (not_started(Blame::Machine), By::Itself, None, &shell, "no"),
        (Did::Exited(1), By::NoOutput(span), None, &shell, "NoOutput { after: Span(60000000) }"),
        (Did::Exited(0), By::Itself, None, &checkout, "Itself"),
        (Did::Exited(1), By::Itself, Some(&away[..]), &checkout, "Itself"),
        (Did::Exited(3), By::Itself, Some(&away[..]), &checkout, "the host is away"),
        (Did::Exited(101), By::Itself, None, &checkout, lost),
        (
            Did::Signalled { signal: 9, core: false },
            By::Itself,
            None,
            &checkout,
            "the checkout was ended by signal SIGKILL",
        ),
        (not_started(Blame::Command), By::Itself, None, &checkout, "the checkout cannot be started: no"),
        (
            Did::Signalled { signal: 15, core: false },
            By::NoOutput(span),
            None,
            &checkout,
            "the repository does not answer: 1 min without output",
        ),
        (Did::Exited(3), stopped, Some(&away[..]), &checkout, r#"Interrupted { reason: "r" }"#),
        (Did::Exited(1), By::Itself, Some(&full[..]), &file, "the disk is full"),
        (Did::Exited(1), By::Itself, Some(&failed[..]), &file, "Itself"),
        (Did::Exited(101), By::Itself, None, &file, unsaid),
        (Did::Exited(3), By::Itself, Some(&failed[..]), &sequence, "Itself"),
        (Did::Exited(0), By::NoOutput(span), None, &sequence, "NoOutput { after: Span(60000000) }"),
        (Did::Exited(0), By::NoOutput(span), None, &file, "the other side does not answer: 1 min without output"),
    ] {
        assert_eq!(what(exit, by, report, dir), expected);
    }
}

#[test]
fn a_job_that_is_not_as_it_was_written_tells_nothing_and_nobody_is_blamed() {
    use process::{EndedBy as By, Exit as Did};
    let top = tempfile::tempdir().unwrap();
    let checkout = spool(top.path(), "checkout", Report::File, &["sluice", "__checkout", "x"]);
    let whole = std::fs::read(checkout.join("job")).unwrap();
    for (at, expected) in [
        (0, "is damaged at byte 0: it does not begin as a job does"),
        (6, "job has version 3, which this program does not read"),
        (9, "is damaged at byte 0: the job has not the checksum that it tells"),
        (whole.len() - 1, "is damaged at byte 0: the job has not the checksum that it tells"),
    ] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(checkout.join("job"), flipped).unwrap();
        let said = what(Did::Exited(1), By::Itself, None, &checkout);
        assert!(said.starts_with("what it was cannot be told: ") && said.ends_with(expected), "{said}");
        assert_eq!(what(Did::Exited(0), By::Itself, None, &checkout), "Itself", "what passed has passed");
    }
}
