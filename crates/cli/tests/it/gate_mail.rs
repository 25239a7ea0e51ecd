//! Scenario 15: letters.

use crate::gate::{Land, USUAL, document};
use std::fs;
use testkit::smtp::Smtp;
use testkit::wait_until;

/// The text of a letter as people read it: quoted-printable undone.
fn text(letter: &testkit::smtp::Letter) -> String {
    let body = letter.text.split_once("\n\n").expect("the story can be told").1;
    let joined = body.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match (first, hex) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).expect("the story can be told")
}

#[test]
fn a_failure_is_told_in_one_whole_letter() {
    let smtp = Smtp::open();
    let land = Land::new(
        "task(\"unit\", stages = [stage(\"make\", \"true\"), stage(\"test\", \"echo before; printf 'test: a.b\\\\nfailure: a.b [\\\\nwrong\\\\n]\\\\n'\", output = \"text/x-subunit\")])\n",
    );
    let ann = land.developer("ann");
    ann.on("main")
        .message("Grüße\\nBcc: eve@example.org\nBcc: eve@example.org\n\nBcc: eve@example.org\n")
        .file("a", "a")
        .commit();
    let server = format!("127.0.0.1:{}", smtp.port());
    let said = land.land(
        &ann,
        &["--email", "Ann <ann@example.org>", "--email-server", &server, "--email-from", "gate@example.org"],
    );
    assert_eq!(said["exit"], 1);
    let letters = smtp.letters();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((letter.from.as_str(), letter.to.clone()), ("gate@example.org", vec!["ann@example.org".to_owned()]));
    let header = |name: &str| letter.header(name).unwrap_or_else(|| panic!("no {name} in {}", letter.text));
    assert_eq!(header("Subject"), "gate of main: failure of task unit during test");
    assert!(header("To").contains("ann@example.org") && header("From").contains("gate@example.org"));
    assert!(!header("Date").is_empty() && header("Message-ID").ends_with("@example.org>"));
    assert_eq!(letter.header("Bcc"), None);
    let text = text(letter);
    let tested = said["commit"].as_str().unwrap();
    let base = &land.target.head("main")[..7];
    for wanted in [
        "Task unit, stage test: ",
        "command: echo before",
        "failing tests:\n    a.b",
        "its last lines:",
        tested,
        "Grüße",
        &format!("main at {base} of "),
        "attempts: 1",
        said["logs"].as_str().unwrap(),
    ] {
        assert!(text.contains(wanted), "'{wanted}' is not in:\n{text}");
    }
    land.holds();
}

#[test]
fn a_success_is_told_where_that_is_asked_for() {
    let smtp = Smtp::open();
    let land = Land::usual();
    let ann = land.developer("ann");
    let server = format!("127.0.0.1:{}", smtp.port());
    ann.commit("main", "mine", "a", "a");
    assert_eq!(land.land(&ann, &["--email", "ann@example.org", "--email-server", &server])["outcome"], "landed");
    assert!(smtp.letters().is_empty());
    ann.commit("main", "more", "a", "b");
    let said = land.land(&ann, &["--email", "ann@example.org", "--always-email", "--email-server", &server]);
    let letter = smtp.letters().remove(0);
    let short = &said["commit"].as_str().unwrap()[..7];
    assert_eq!(letter.header("Subject").unwrap(), format!("gate of main: {short} landed"));
    land.gate(&ann, &["--always-email"]).ends(2).says("--email");
    land.gate(&ann, &["--email", "nobody"]).ends(2).says("no address");
    land.holds();
}

#[test]
fn a_change_that_does_not_fit_is_told_with_its_file() {
    let smtp = Smtp::open();
    let mut land = Land::usual();
    let ann = land.developer("ann");
    land.push_elsewhere("shared.txt", "theirs\n");
    ann.commit("main", "mine", "shared.txt", "mine\n");
    let server = format!("127.0.0.1:{}", smtp.port());
    assert_eq!(land.land(&ann, &["--email", "ann@example.org", "--email-server", &server])["exit"], 4);
    let letter = smtp.letters().remove(0);
    assert!(letter.header("Subject").unwrap().contains("mine does not fit"), "{}", letter.text);
    let text = text(&letter);
    assert!(text.contains("both changed shared.txt") && text.contains("elsewhere: shared.txt"), "{text}");
    land.holds();
}

#[test]
fn a_machine_that_is_away_changes_nothing_and_gets_the_letter_later() {
    let port = Smtp::open().port();
    let land = Land::new(&format!("{USUAL}task(\"bad\", stages = [stage(\"t\", \"test -e good\")])\n"));
    let ann = land.developer("ann");
    ann.commit("main", "mine", "a", "a");
    let server = format!("127.0.0.1:{port}");
    let mail = ["--email", "ann@example.org", "--email-server", &server];
    let said = land.start(&ann, &mail).end().ends(1);
    assert!(said.err.contains("the letter to ann@example.org is not sent"), "{}", said.err);
    assert_eq!(fs::read_dir(ann.path().join(".git/sluice/gate/mail")).unwrap().count(), 1);
    let smtp = Smtp::open_at(port);
    ann.commit("main", "good", "good", "good");
    // The next gate sends it, whatever it is asked for itself.
    assert_eq!(land.land(&ann, &[])["outcome"], "landed");
    let subjects: Vec<_> = smtp.letters().iter().filter_map(|l| l.header("Subject")).collect();
    assert_eq!(subjects, ["gate of main: failure of task bad during t"]);
    assert!(!ann.path().join(".git/sluice/gate/mail").exists());
    land.holds();
}

#[test]
fn a_slow_machine_does_not_hold_up_the_push() {
    let smtp = Smtp::open();
    smtp.fall_silent();
    let land = Land::usual();
    let ann = land.developer("ann");
    let mine = ann.commit("main", "mine", "a", "a");
    let server = format!("127.0.0.1:{}", smtp.port());
    let gate = land.start(&ann, &["--email", "ann@example.org", "--always-email", "--email-server", &server]);
    wait_until("the letter is on its way", || !smtp.letters().is_empty());
    assert_eq!(land.target.head("main"), mine);
    drop(smtp);
    let said = gate.end().passes();
    assert_eq!(document(&said)["outcome"], "landed");
    land.holds();
}
