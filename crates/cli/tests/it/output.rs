//! Standard output that goes away or is full, and errors for machines.

use crate::master::config;
use crate::sealed::{Said, Sealed, c_project, processes_with, said};
use std::fs::OpenOptions;
use std::process::Stdio;

/// Runs the program with this as its standard output; what it said on the other one.
fn run_into(place: &Sealed, arguments: &[&str], out: impl Into<Stdio>) -> Said {
    let mut command = place.command(arguments);
    command.stdout(out).stderr(Stdio::piped());
    said(command.spawn().and_then(|child| child.wait_with_output()).expect("the program runs"))
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("/dev/full").into()
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly_and_a_full_disk_is_told() {
    let mut place = Sealed::new();
    let url = place.master(&config("echo hello"));
    place.run(&["force", "b", "--wait", "--master", &url]).passes();
    let dir = place.path("m").display().to_string();
    let table: [&[&str]; 12] = [
        &["--help"],
        &["--version"],
        &["force", "b", "--master", &url],
        &["force", "b", "--wait", "--master", &url],
        &["force", "b", "--wait", "--json", "--master", &url],
        &["rebuild", "b/1", "--master", &url],
        &["log", "b/1", "--master", &url],
        &["log", "b/1", "-f", "--master", &url],
        &["status", "--master", &url],
        &["status", "--json", "--master", &url],
        &["why", "1", "--master", &url],
        &["master", "check", &dir],
    ];
    for arguments in table {
        let quiet = run_into(&place, arguments, closed());
        assert_eq!((quiet.code, quiet.err.as_str()), (Some(141), ""), "{arguments:?}");
        let told = run_into(&place, arguments, full());
        assert_eq!(told.code, Some(3), "{arguments:?}: {}", told.err);
        insta::allow_duplicates! {
            insta::assert_snapshot!(told.err.trim_end(), @r"
            error: cannot write to standard output
              because: No space left on device
            ");
        }
    }
}

#[test]
fn an_up_whose_reader_goes_away_leaves_no_process() {
    let place = Sealed::new();
    c_project(&place.path("answer"));
    for once in [&["up", "answer", "--once"][..], &["up", "answer", "--listen", "127.0.0.1:0"]] {
        let quiet = run_into(&place, once, closed());
        assert_eq!((quiet.code, quiet.err.as_str()), (Some(141), ""));
        let mine = place.path("state").display().to_string();
        assert_eq!(processes_with(&mine), Vec::<String>::new());
    }
}

#[test]
fn a_full_standard_error_changes_no_exit_code() {
    let place = Sealed::new();
    let mut command = place.command(&["force"]);
    assert_eq!(command.stderr(full()).stdout(full()).status().expect("it runs").code(), Some(2));
    let mut command = place.command(&["status", "--master", "http://127.0.0.1:9"]);
    assert_eq!(command.stderr(full()).stdout(full()).status().expect("it runs").code(), Some(3));
}

#[test]
fn with_json_errors_are_documents_too() {
    let mut place = Sealed::new();
    let url = place.master(&config("true"));
    let error = |arguments: &[&str], code: i32| {
        let said = place.run(&[arguments, &["--json"]].concat()).ends(code);
        assert_eq!(said.err, "", "all of it is on standard output");
        said.out.replace(url.trim_end_matches('/'), "http://MASTER")
    };
    insta::assert_snapshot!(error(&["status", "--master", "http://127.0.0.1:9"], 3),
        @r#"{"error":{"because":[],"code":3,"kind":"infrastructure","message":"no Sluice answers at http://127.0.0.1:9: connection refused"}}"#);
    insta::assert_snapshot!(error(&["why", "77", "--master", &url], 2),
        @r#"{"error":{"because":[],"code":2,"kind":"usage","message":"there is no build request 77"}}"#);
    insta::assert_snapshot!(error(&["log"], 2),
        @r#"{"error":{"because":[],"code":2,"kind":"usage","message":"the following required arguments were not provided:\n  <BUILD>"}}"#);
    insta::assert_snapshot!(error(&["force", "b", "--master", &url, "--basedir", "/nonexistent"], 2),
        @r#"{"error":{"because":[],"code":2,"help":"give --basedir DIR, the master's base directory, or its token in SLUICE_TOKEN","kind":"usage","message":"http://MASTER does not allow it: this act needs a token (Authorization: Bearer …; the master keeps one in DIR/token) or a login"}}"#);
}

#[test]
fn lines_fit_eighty_columns_whatever_the_names_are() {
    let mut place = Sealed::new();
    let url = place.master(
        r#"
web(listen = "127.0.0.1:0")
local_worker("here")
worker("a-machine-that-is-far-away-in-the-office", password = "p")
builder("a-builder-with-a-quite-long-name-indeed", workers = ["here"], steps = [
    steps.shell("echo 'x.c:12: error: " + "wrong " * 40 + "'; exit 3", name = "a step with a rather long name"),
])
builder("off", workers = ["a-machine-that-is-far-away-in-the-office"], steps = [steps.shell("true", name = "s")])
schedulers.force("force", builders = ["a-builder-with-a-quite-long-name-indeed", "off"])
"#,
    );
    let run = |arguments: &[&str]| place.run(&[arguments, &["--master", &url]].concat());
    let told = |said: Said| without_times(&said.out.replace(url.trim_end_matches('/'), "http://MASTER"));
    let forced = run(&["force", "a-builder-with-a-quite-long-name-indeed", "off"]).passes();
    insta::assert_snapshot!(told(forced), @r"
    ○ a-builder-with-a-quite-long-nam…  request 1 waits      sluice why 1
    ○ off                               request 2 waits      sluice why 2
    ");
    let failed = run(&["force", "a-builder-with-a-quite-long-name-indeed", "--wait"]).ends(1);
    insta::assert_snapshot!(told(failed), @r"
    ✗ a step with a rather long name  N s      failed with exit code 3

    ✗ a-builder-with-a-quite-long-nam… failed in a step wit… after N s (build 2)
        x.c:12: error: wrong wrong wrong wrong wrong wrong wrong wrong wrong wron…
      sluice log a-builder-with-a-quite-long-name-indeed/2 'a step with a rather long name'
      http://MASTER/builders/a-builder-with-a-quite-long-name-indeed/2
    ");
    let status = run(&["status"]).ends(1);
    assert!(status.out.lines().all(|line| line.chars().count() <= 80), "{}", status.out);
    insta::assert_snapshot!(told(status), @r"
    1 builder is broken, 0 running, 1 waiting.
      ✗ a-builder-with-a-quite-…  build 2, failed in a step with a rather …, N s ago
      ○ off                       request 2: its worker a-machine-that-is-far-away-…
    ");
}

/// The text with `N` in place of seconds: how long a command takes is the machine's.
fn without_times(text: &str) -> String {
    let number = |word: &str| word.ends_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok();
    let mut out: Vec<&str> = text.split(' ').collect();
    for n in 1..out.len() {
        if out[n] == "s" && number(out[n - 1]) {
            out[n - 1] = "N";
        }
    }
    out.join(" ")
}
