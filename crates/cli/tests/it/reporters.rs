//! Letters and documents about builds: as they arrive, through outages and the master's death.

use crate::sealed::Sealed;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use testkit::smtp::Letter;
use testkit::{Smtp, wait_until};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python/bin/python3");

/// One builder that fails, and what else the configuration says.
fn config(reporters: &str) -> String {
    format!(
        r#"
project(title = "zlib", url = "https://zlib.net", public_url = "http://ci.example.org")
web(listen = "127.0.0.1:0")
local_worker("here")
builder("linux", workers = ["here"], steps = [
    steps.shell("echo compiled", name = "make"),
    steps.shell("echo 'test.c:212: inflate_window: expected 32768, got 0'; exit 1", name = "test"),
])
schedulers.single_branch("quick", branch = "develop", builders = ["linux"])
schedulers.force("force", builders = ["linux"])
{reporters}
"#
    )
}

/// Letters about each failed build to one person.
fn failing(port: u16) -> String {
    config(&format!(
        "reporters.mail(from_addr = \"Sluice <ci@example.org>\", extra_recipients = [\"dev@example.org\"], \
         mode = \"failing\", relayhost = \"127.0.0.1\", port = {port})"
    ))
}

fn address(place: &Sealed) -> (u32, String) {
    let address = std::fs::read_to_string(place.path("m/address")).expect("an address");
    let (pid, url) = address.trim().split_once(' ').expect("two words");
    (pid.parse().expect("a number"), url.to_owned())
}

/// A letter as a program of another make reads it: some of its headers, and its plain text.
fn read_by_python(letter: &Letter) -> String {
    let script = r#"
import email, email.policy, sys
letter = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
assert not letter.defects, letter.defects
for name in ("From", "To", "Subject", "Auto-Submitted"):
    print(name + ":", letter[name])
for part in letter.walk():
    if part.get_content_maintype() == "multipart":
        print("--", part.get_content_type())
    elif part.get_content_type() == "text/html":
        print("-- text/html", "<h1" in part.get_content())
    else:
        print("--", part.get_content_type(), part.get_filename())
        print(part.get_content())
"#;
    let mut command = Command::new(PYTHON);
    let command = command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut python = command.spawn().expect("python of target/python; cargo xtask test installs it");
    python.stdin.take().expect("a pipe").write_all(letter.text.as_bytes()).expect("it is read");
    let output = python.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").replace('\r', "")
}

#[test]
fn a_letter_as_it_arrives() {
    let smtp = Smtp::open();
    let mut place = Sealed::new();
    let url = place.master(&config(&format!(
        "reporters.mail(from_addr = \"Sluice <ci@example.org>\", extra_recipients = [\"dev@example.org\"], \
         mode = \"problem\", relayhost = \"127.0.0.1\", port = {}, add_logs = [\"test.stdio\"])",
        smtp.port()
    )));
    let change = ["sendchange", "--branch", "develop", "--revision", "r1", "--who", "Ädä <ada@example.org>"];
    place.run(&[&change[..], &["--comments", "Turn the window", "inflate.c", "--master", &url]].concat()).passes();
    wait_until("both letters are there", || smtp.letters().len() == 2);
    let letters = smtp.letters();
    assert_eq!(letters.iter().map(|l| l.to.join(" ")).collect::<Vec<_>>(), ["dev@example.org", "ada@example.org"]);
    assert_eq!(letters[0].from, "ci@example.org");
    assert_eq!(letters[0].header("Message-ID"), letters[1].header("Message-ID"), "who gets both sees one");
    let read = read_by_python(&letters[1]);
    let read: Vec<&str> = read.lines().filter(|l| !l.starts_with("Build 1 took")).collect();
    insta::assert_snapshot!(read.join("\n"), @r#"
    From: Sluice <ci@example.org>
    To: Ädä <ada@example.org>
    Subject: zlib: linux failed in test (build 1)
    Auto-Submitted: auto-generated
    -- multipart/mixed
    -- multipart/alternative
    -- text/plain None
    linux failed in test.
    failed with exit code 1

    http://ci.example.org/builders/linux/1

    Changes:
      r1  Ädä: Turn the window
          inflate.c

    The end of test:
      test.c:212: inflate_window: expected 32768, got 0
    http://ci.example.org/builders/linux/1/steps/test/logs/stdio

    Branch     develop
    Revision   r1
    Worker     here
    Reason     The single_branch scheduler named 'quick' triggered this build

    -- 
    zlib, https://zlib.net
    Sluice, http://ci.example.org/

    -- text/html True
    -- text/plain test.stdio.txt
    test.c:212: inflate_window: expected 32768, got 0
    "#);
    // It fails again, which is no new problem; on another branch it is one. Letters are sent in the order of the builds.
    let fails = |branch: &str| place.run(&["force", "linux", "--branch", branch, "--wait", "--master", &url]).ends(1);
    fails("develop");
    fails("stable");
    wait_until("the other branch is told of", || smtp.letters().len() > 2);
    let letters = smtp.letters();
    let subjects: Vec<_> = letters[2..].iter().filter_map(|l| l.header("Subject")).collect();
    assert_eq!(subjects, ["zlib: linux failed in test (build 3)"]);
}

#[test]
fn an_outage_is_told_and_drains_in_order() {
    let port = Smtp::open().port();
    let mut place = Sealed::new();
    let url = place.master(&failing(port));
    for _ in 0..3 {
        place.run(&["force", "linux", "--wait", "--master", &url]).ends(1);
    }
    wait_until("status tells of it", || {
        place.run(&["status", "--master", &url]).out.contains("mail: 3 messages wait: ")
    });
    let page = place.get(&url, "/outbox");
    assert!(page.contains("messages wait") && page.contains("which takes none"), "{page}");
    assert!(!page.contains("dev@example.org"), "addresses are for those who are logged in");
    let smtp = Smtp::open_at(port);
    wait_until("all of them are there", || smtp.letters().len() == 3);
    let subjects: Vec<_> = smtp.letters().iter().filter_map(|l| l.header("Subject")).collect();
    assert_eq!(
        subjects,
        [
            "zlib: linux failed in test (build 1)",
            "zlib: linux still fails in test (build 2)",
            "zlib: linux still fails in test (build 3)"
        ]
    );
    wait_until("nothing waits any more", || {
        place.get(&url, "/api/v2/sluice/outbox?state=sent").contains("\"total\":3")
            || place.get(&url, "/api/v2/sluice/outbox?state=sent").contains("\"total\": 3")
    });
    assert!(!place.run(&["status", "--master", &url]).out.contains("messages wait"));
}

#[test]
fn the_masters_death_loses_no_letter_and_doubles_none_under_another_id() {
    let smtp = Smtp::open();
    let port = smtp.port();
    let mut place = Sealed::new();
    let url = place.master(&failing(port));
    let dir = place.path("m").display().to_string();
    // The letter is taken, and the master dies before it hears so.
    smtp.fall_silent();
    place.run(&["force", "linux", "--wait", "--master", &url]).ends(1);
    wait_until("the letter is there", || smtp.letters().len() == 1);
    Sealed::kill_daemon(address(&place).0);
    let first = smtp.letters().remove(0);
    drop(smtp);
    // Nobody takes letters, and the master dies again with one that was never sent.
    place.run(&["master", "start", &dir]).passes();
    let (pid, url) = address(&place);
    place.run(&["force", "linux", "--wait", "--master", &url]).ends(1);
    Sealed::kill_daemon(pid);
    let smtp = Smtp::open_at(port);
    place.run(&["master", "start", &dir]).passes();
    wait_until("both letters are there", || smtp.letters().len() == 2);
    let (_, url) = address(&place);
    place.run(&["force", "linux", "--wait", "--master", &url]).ends(1);
    wait_until("the third is there", || smtp.letters().len() >= 3);
    let letters = smtp.letters();
    assert_eq!(letters.len(), 3, "each once");
    assert_eq!(letters[0].header("Message-ID"), first.header("Message-ID"), "the same letter is known by its id");
    let ids: std::collections::BTreeSet<_> = letters.iter().map(|l| l.header("Message-ID")).collect();
    assert_eq!(ids.len(), 3);
}

#[test]
fn hostile_names_and_functions_cost_nobody_else_the_letter() {
    let smtp = Smtp::open();
    smtp.answer("gone@", "550 no such person");
    let mut place = Sealed::new();
    let url = place.master(&config(&format!(
        r#"
def find(who):
    if "loop" in who:
        for i in range(1000000):
            for j in range(1000000):
                pass
    if "raise" in who:
        fail("no idea")
    if "lines" in who:
        return "a@example.org\r\nBcc: all@example.org"
    if "gone" in who:
        return "gone@example.org"
    return None
reporters.mail(from_addr = "ci@example.org", extra_recipients = ["dev@example.org"], mode = "all", lookup = find,
               relayhost = "127.0.0.1", port = {})
"#,
        smtp.port()
    )));
    std::fs::write(place.path("log"), "\u{202e}🎉 Subject: x\n".repeat(50_000)).expect("written");
    for (revision, who) in [("1", "loop"), ("2", "raise"), ("3", "lines"), ("4", "gone"), ("5", "nobody")] {
        let who = format!("{who}\r\nBcc: all@example.org");
        let change = ["sendchange", "--branch", "develop", "--revision", revision, "--who", &who, "--logfile", "log"];
        place.run(&[&change[..], &["f.c", "--master", &url]].concat()).passes();
    }
    let given_up = || place.get(&url, "/api/v2/sluice/outbox?state=given%20up");
    wait_until("four of them are given up", || given_up().matches("messageid").count() >= 4);
    let said = given_up();
    for why in ["turns of loops", "no idea", "which is no address", "no such person"] {
        assert!(said.contains(why), "{why}: {said}");
    }
    wait_until("the letters are there", || !smtp.letters().is_empty());
    for letter in smtp.letters() {
        assert_eq!(letter.to, ["dev@example.org"]);
        assert_eq!(letter.header("Bcc"), None);
        assert!(letter.text.len() < 100_000, "{}", letter.text.len());
        read_by_python(&letter);
    }
}

#[test]
fn a_document_is_posted_until_it_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answering = std::thread::spawn(move || {
        ["503 Busy", "200 OK"].map(|answer| {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut asked = Vec::new();
            let mut buffer = [0; 65536];
            loop {
                let n = stream.read(&mut buffer).expect("bytes");
                asked.extend_from_slice(&buffer[..n]);
                let text = String::from_utf8_lossy(&asked);
                let length = text
                    .to_lowercase()
                    .split("content-length: ")
                    .nth(1)
                    .and_then(|l| l.lines().next().and_then(|l| l.trim().parse::<usize>().ok()));
                let body = text.find("\r\n\r\n").map(|at| asked.len() - at - 4);
                if n == 0 || (length.is_some() && body >= length) {
                    break;
                }
            }
            let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("answered");
            String::from_utf8(asked).expect("text")
        })
    });
    let mut place = Sealed::new();
    let url = place.master(&config(&format!(
        "reporters.http(\"http://127.0.0.1:{port}/hook\", mode = \"failing\", secret = \"sesame\", \
         headers = {{\"Authorization\": \"Bearer abc\"}})"
    )));
    place.run(&["force", "linux", "--wait", "--master", &url]).ends(1);
    let asked = answering.join().expect("two requests");
    let header = |text: &str, name: &str| {
        let line = text.lines().find(|l| l.to_lowercase().starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(": ").map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    assert_eq!(header(&asked[0], "x-sluice-delivery"), header(&asked[1], "x-sluice-delivery"));
    assert!(header(&asked[1], "x-sluice-signature").starts_with("sha256="));
    assert_eq!(header(&asked[1], "authorization"), "Bearer abc");
    let body = asked[1].split_once("\r\n\r\n").expect("a body").1;
    let document: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((document["builder"]["name"].as_str(), document["results"].as_i64()), (Some("linux"), Some(2)));
    assert_eq!(document["url"], "http://ci.example.org/builders/linux/1");
    wait_until("it is told", || place.get(&url, "/api/v2/sluice/outbox").contains("\"sent\""));
}
