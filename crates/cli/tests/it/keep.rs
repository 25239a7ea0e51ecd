//! Nothing is lost without a word: `sluice fsck`, backups and their way back, upgrades, and directories that are not as
//! they should be.

use crate::master::config;
use crate::sealed::{Said, Sealed};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A master's directory with two builds that have ended and one whose command runs; the master is stopped.
fn filled(place: &mut Sealed) -> PathBuf {
    let script = "seq 1 3000; [ -e ../../../../../wait ] && sleep 600; true";
    let url = place.master(&config(script));
    for _ in 0..2 {
        place.run(&["force", "b", "--wait", "--master", &url]).passes();
    }
    fs::write(place.path("wait"), "").expect("written");
    place.run(&["force", "b", "--master", &url]).passes();
    testkit::wait_until("it has said all", || place.run(&["log", "b/3", "--master", &url]).out.contains("\n3000\n"));
    let dir = place.path("m");
    testkit::wait_until("the spools of what is over are deleted", || spools(&dir).len() == 1);
    place.run(&["master", "stop", &text(&dir)]).passes();
    dir
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A copy of a directory, without its sockets and its running commands.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("its type");
        if kind.is_dir() {
            copied(&path, &target);
        } else if kind.is_file() {
            fs::copy(&path, &target).expect("copied");
        }
    }
    let mode = fs::metadata(from).expect("its mode").permissions();
    fs::set_permissions(to, mode).expect("the same mode");
}

/// What is found, apart from what only tells that the command of the third build runs elsewhere.
fn codes(said: &Said) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let findings = document["report"]["findings"].as_array().expect("a list");
    let mut codes: Vec<String> =
        findings.iter().map(|f| f["code"].as_str().expect("a code").to_owned()).filter(|c| c != "group-left").collect();
    codes.dedup();
    codes
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).expect("read");
    let at = usize::try_from(at).expect("small");
    bytes[at] ^= 0x40;
    fs::write(path, bytes).expect("written");
}

fn shorten(path: &Path, by: u64) {
    let file = fs::OpenOptions::new().write(true).open(path).expect("opened");
    let length = file.metadata().expect("its length").len();
    file.set_len(length - by).expect("shortened");
}

fn sql(dir: &Path, text: &str) {
    let connection = rusqlite::Connection::open(dir.join("sluice.db")).expect("opened");
    connection.execute_batch(text).expect("taken");
}

/// The spools of commands.
fn spools(dir: &Path) -> Vec<PathBuf> {
    let slots = fs::read_dir(dir.join("workers/here/.slots")).expect("slots").flatten();
    let jobs = slots.flat_map(|slot| fs::read_dir(slot.path().join("jobs")).into_iter().flatten().flatten());
    jobs.map(|job| job.path()).collect()
}

/// The spool of the third build's command.
fn spool(dir: &Path) -> PathBuf {
    spools(dir).into_iter().find(|path| path.to_string_lossy().contains("/3.1.")).expect("its spool")
}

/// Its name, what is done to a directory, what is found then, how fsck ends, and what is left after a repair.
type Damage = (&'static str, fn(&Path), &'static [&'static str], i32, &'static [&'static str]);

const DAMAGES: [Damage; 26] = [
    ("nothing", |_| {}, &[], 0, &[]),
    ("a byte of a log", |m| flip(&m.join("logs/0/1.slog"), 200), &["log-damaged"], 1, &["log-damaged"]),
    ("a log's end", |m| shorten(&m.join("logs/0/1.slog"), 20), &["log-torn"], 1, &["log-unfinished"]),
    ("a log file gone", |m| fs::remove_file(m.join("logs/0/1.slog")).expect("gone"), &["log-gone"], 1, &["log-gone"]),
    ("another build's log", |m| copy(m, "logs/0/1.slog", "logs/0/2.slog"), &["log-misnamed"], 1, &["log-misnamed"]),
    ("a log of nobody", |m| copy(m, "logs/0/1.slog", "logs/0/999.slog"), &["log-orphan"], 1, &[]),
    ("a note", |m| fs::write(m.join("logs/0/notes"), "x").expect("written"), &["strange-file"], 0, &["strange-file"]),
    ("a log of later", later_log, &["log-version"], 1, &["log-version"]),
    ("a checksum", |m| sql(m, "UPDATE logs SET crc32 = 1 WHERE id = 1"), &["log-differs"], 1, &["log-differs"]),
    ("a length", |m| sql(m, "UPDATE logs SET bytes = bytes + 1 WHERE id = 1"), &["log-short"], 1, &["log-short"]),
    (
        "an open log",
        |m| sql(m, "UPDATE logs SET lines=NULL,bytes=NULL,crc32=NULL WHERE id=1"),
        &["log-unsealed"],
        1,
        &[],
    ),
    ("a lost log", |m| sql(m, "DELETE FROM logs WHERE id = 1"), &["log-unnamed"], 1, &["log-unnamed"]),
    ("a count", |m| sql(m, "UPDATE counts SET n = 77"), &["count-differs"], 1, &[]),
    (
        "no store",
        |m| fs::write(m.join("sluice.db"), [7; 9000]).expect("written"),
        &["store-unreadable"],
        1,
        &["store-unreadable"],
    ),
    ("a token for all", |m| mode(&m.join("token"), 0o644), &["mode-open"], 1, &[]),
    ("secrets for all", |m| mode(&m.join("secrets"), 0o755), &["mode-open"], 1, &[]),
    ("a pid of another", |m| fs::write(m.join("sluice.pid"), "1\n").expect("written"), &["pid-left"], 0, &[]),
    ("a byte of a spool", |m| flip(&segment(m), 70), &["spool-damaged"], 1, &["spool-damaged"]),
    ("a spool cut", |m| shorten(&segment(m), 3), &["spool-torn"], 1, &[]),
    ("a spool of later", |m| flip(&segment(m), 6), &["spool-version"], 1, &["spool-version"]),
    ("a byte of a job", |m| flip(&spool(m).join("job"), 40), &["spool-damaged"], 1, &["spool-damaged"]),
    ("a job of later", |m| flip(&spool(m).join("job"), 6), &["spool-version"], 1, &["spool-version"]),
    ("a spool gone", |m| fs::remove_dir_all(spool(m)).expect("gone"), &["spool-missing"], 0, &["spool-missing"]),
    ("a spool of nobody", |m| renamed(m, "999.1.1"), &["spool-of-nobody", "spool-missing"], 1, &["spool-missing"]),
    (
        "a spool of before",
        |m| renamed(m, "1.1.1"),
        &["spool-left", "spool-missing"],
        0,
        &["spool-left", "spool-missing"],
    ),
    ("a log behind its spool", |m| fs::remove_file(m.join("logs/0/3.slog")).expect("gone"), &[], 0, &[]),
];

fn copy(dir: &Path, from: &str, to: &str) {
    fs::copy(dir.join(from), dir.join(to)).expect("copied");
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
}

fn segment(dir: &Path) -> PathBuf {
    spool(dir).join("00000000.seg")
}

fn renamed(dir: &Path, name: &str) {
    let spool = spool(dir);
    fs::rename(&spool, spool.with_file_name(name)).expect("renamed");
}

/// A log file whose head tells a later version, with the checksum that belongs to it.
fn later_log(dir: &Path) {
    // The head: magic number, length, kind, "SluiceLg", version, build, CRC.
    let path = dir.join("logs/0/1.slog");
    let mut bytes = fs::read(&path).expect("read")[..31].to_vec();
    bytes[17] = 9;
    let crc = crc32(&bytes[..27]);
    bytes[27..31].copy_from_slice(&crc.to_le_bytes());
    fs::write(path, bytes).expect("written");
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn each_damage_is_found_under_its_name_and_a_repair_loses_nothing() {
    let mut place = Sealed::new();
    let dir = filled(&mut place);
    for (n, (name, damage, expected, code, left)) in DAMAGES.into_iter().enumerate() {
        let copy = place.path(&format!("copy-{n}"));
        copied(&dir, &copy);
        damage(&copy);
        let said = place.run(&["fsck", &text(&copy), "--json"]);
        assert_eq!(codes(&said), expected, "{name}: {}{}", said.out, said.err);
        assert_eq!(said.code, Some(code), "{name}: {}", said.out);
        let said = place.run(&["fsck", &text(&copy), "--repair", "--json"]);
        assert_eq!(codes(&said), left, "{name}, repaired: {}{}", said.out, said.err);
        fs::remove_dir_all(&copy).expect("gone");
    }
    // What a person reads.
    flip(&dir.join("logs/0/1.slog"), 200);
    let said = place.run(&["fsck", &text(&dir)]).ends(1);
    let said = said.says("1 error").says("✗ log-damaged      build 1, logs/0/1.slog at byte ").says("means: ");
    assert!(said.out.lines().skip(1).all(|line| line.chars().count() <= 80), "{}", said.out);
    // The command of the third build is ended with its worker.
    fs::remove_file(place.path("wait")).expect("gone");
    place.run(&["master", "start", &text(&dir)]).passes();
    let address = fs::read_to_string(dir.join("address")).expect("an address");
    let url = address.trim().split_once(' ').expect("two words").1.to_owned();
    place.run(&["stop", "b/3", "--master", &url]).passes();
}

#[test]
fn a_directory_that_cannot_be_looked_at_is_told_of() {
    let mut place = Sealed::new();
    let nothing = place.path("nothing");
    fs::create_dir(&nothing).expect("made");
    place.run(&["fsck", &text(&nothing)]).ends(3).says("is no base directory");
    place.run(&["fsck", &text(&place.path("absent"))]).ends(3).says("is no base directory");
    let url = place.master(&config("true"));
    let dir = text(&place.path("m"));
    place.run(&["fsck", &dir]).passes().says("nothing is wrong").says("a master runs");
    place.run(&["fsck", &dir, "--repair"]).ends(3).says("is in use by process");
    place.run(&["master", "run", &dir]).ends(3).says("is in use by process");
    place.run(&["master", "upgrade", &dir]).ends(3).says("is in use by process");
    // A worker's own.
    let settings = ["--master", &url, "--name", "w", "--password", "p"];
    let worker = text(&place.path("w"));
    place.run(&[&["worker", "init", &worker], &settings[..]].concat()).passes();
    place.run(&["fsck", &worker]).passes().says("nothing is wrong");
    mode(&place.path("w/worker.conf"), 0o640);
    place.run(&["fsck", &worker]).ends(1).says("mode-open").says("it has mode 0640; 0600 is right");
    place.run(&["fsck", &worker, "--repair"]).passes().says("mended: gave worker.conf the mode 0600");
    let bad = ["worker", "init", "v", "--master", "http://x:99999", "--name", "w", "--password", "p"];
    place.run(&bad).ends(2).says("its port is no number from 1 to 65535");
}

#[test]
fn a_backup_under_load_comes_back_whole_and_what_ran_is_built_again() {
    let mut place = Sealed::new();
    let url = place.master(&config("seq 1 5000; [ -e ../../../../../go ] || sleep 600"));
    let (dir, backup, back) = (text(&place.path("m")), text(&place.path("backup")), text(&place.path("back")));
    fs::write(place.path("m/secrets/s"), "hidden\n").expect("written");
    mode(&place.path("m/secrets/s"), 0o600);
    place.run(&["force", "b", "--master", &url]).passes();
    testkit::wait_until("it has said all", || place.run(&["log", "b/1", "--master", &url]).out.contains("\n5000\n"));
    // What was said just now is in memory first; a backup has what is on the disk.
    testkit::wait_until("its log is on the disk", || {
        place.path("m/logs/0/1.slog").metadata().is_ok_and(|m| m.len() > 200)
    });
    // Changes, requests and builds come while it is copied.
    let load: Vec<_> = (0..20)
        .map(|n| {
            let revision = format!("r{n}");
            let send = ["sendchange", "--branch", "main", "--revision", &revision, "f.c", "--master", &url];
            place.command(&send).stdout(std::process::Stdio::null()).spawn().expect("started")
        })
        .collect();
    place.run(&["master", "backup", &dir, &backup]).passes().says("is copied to");
    load.into_iter().for_each(|mut child| assert!(child.wait().expect("ended").success()));
    place.run(&["master", "backup", &dir, &backup]).ends(2).says("is not empty");
    place.run(&["master", "backup", &dir, &text(&place.path("m/x"))]).ends(2).says("lies within");
    for (file, expected) in [("token", 0o600), ("secrets/s", 0o600), ("sluice.db", 0o600)] {
        let meta = fs::metadata(place.path("backup").join(file)).expect("it is there");
        assert_eq!(meta.permissions().mode() & 0o777, expected, "{file}");
    }
    place.run(&["stop", "b/1", "--master", &url]).passes();
    place.run(&["master", "stop", &dir]).passes();
    place.run(&["master", "restore", &backup, &dir]).ends(2).says("is not empty");
    place.run(&["master", "restore", &backup, &back]).passes().says("finds nothing wrong");
    assert_eq!(fs::read(place.path("back/secrets/s")).expect("read"), b"hidden\n");
    place.run(&["fsck", &back]).passes();
    fs::write(place.path("go"), "").expect("written");
    place.run(&["master", "start", &back]).passes();
    let address = fs::read_to_string(place.path("back/address")).expect("an address");
    let url = address.trim().split_once(' ').expect("two words").1.to_owned();
    let builds = || -> Vec<i64> {
        let document: serde_json::Value =
            serde_json::from_str(&place.get(&url, "/api/v2/builds?order=buildid")).expect("JSON");
        let builds = document["builds"].as_array().expect("a list").iter();
        builds.filter_map(|b| b["results"].as_i64()).collect()
    };
    testkit::wait_until("it is built again", || builds().len() == 2);
    assert_eq!(builds(), [5, 0], "lost, and then built");
    place.run(&["master", "stop", &back]).passes();
    place.run(&["fsck", &back]).passes();

    // A file that is not as it was copied is not put back.
    flip(&place.path("backup/logs/0/1.slog"), 100);
    place.run(&["master", "restore", &backup, &text(&place.path("no"))]).ends(3).says("is not as it was copied");
    assert!(!place.path("no").exists());
    fs::write(place.path("backup/backup.json"), "{\"backup\": 9}").expect("written");
    place.run(&["master", "restore", &backup, &text(&place.path("no"))]).ends(3).says("is a backup of version 9");
    fs::remove_file(place.path("backup/backup.json")).expect("gone");
    place.run(&["master", "restore", &backup, &text(&place.path("no"))]).ends(2).says("is no backup");
}

#[test]
fn an_earlier_store_is_brought_up_to_date_and_a_later_one_is_left_alone() {
    let place = Sealed::new();
    let dir = place.path("m");
    place.run(&["master", "init", &text(&dir)]).passes();
    place.run(&["master", "upgrade", &text(&dir)]).passes().says("has no store yet");
    sql(&dir, include_str!("../../../store/migrations/samples/0001.sqlite.sql"));
    place.run(&["fsck", &text(&dir)]).passes().says("schema-older");
    place.run(&["master", "upgrade", &text(&dir), "--check"]).passes().says("schema 1 becomes");
    place.run(&["fsck", &text(&dir)]).passes().says("schema-older");
    place.run(&["master", "upgrade", &text(&dir)]).passes().says("schema 1 becomes").says("the store of before is");
    assert!(dir.join("sluice.db.schema-1").exists());
    place.run(&["master", "upgrade", &text(&dir)]).passes().says("is up to date");

    sql(&dir, "UPDATE schema_version SET version = 99");
    let before = fs::read(dir.join("sluice.db")).expect("read");
    for verb in [&["master", "upgrade"][..], &["master", "start"], &["master", "run"], &["fsck"]] {
        let said = place.run(&[verb, &[&text(&dir)]].concat()).ends(3);
        said.says("the database has schema version 99").says("run the newer Sluice that wrote it");
    }
    let backup = text(&place.path("backup"));
    place.run(&["master", "backup", &text(&dir), &backup]).ends(3).says("schema version 99");
    assert_eq!(fs::read(dir.join("sluice.db")).expect("read"), before, "it is untouched");
}

#[test]
fn a_store_that_cannot_be_opened_is_trouble_and_no_mistake() {
    let place = Sealed::new();
    let dir = place.path("m");
    place.run(&["master", "init", &text(&dir)]).passes();
    let configuration = fs::read_to_string(dir.join("master.star")).expect("read");
    // An editor's mark in front of the text.
    fs::write(dir.join("master.star"), format!("\u{feff}{configuration}")).expect("written");
    place.run(&["master", "check", &text(&dir)]).passes();
    fs::create_dir(dir.join("sluice.db")).expect("made");
    place.run(&["master", "run", &text(&dir)]).ends(3).says("the store cannot be opened");
    place.run(&["master", "start", &text(&dir)]).ends(3).says("the store cannot be opened");
    fs::remove_dir(dir.join("sluice.db")).expect("gone");
    fs::write(dir.join("sluice.db"), [b'x'; 5000]).expect("written");
    place.run(&["master", "start", &text(&dir)]).ends(3).says("file is not a database");
    place.run(&["fsck", &text(&dir)]).ends(1).says("store-unreadable");
    for (address, wanted) in [("postgres://", "with a host and a database"), ("mysql://h/d", "begins with postgres://")]
    {
        fs::write(dir.join("master.star"), format!("{configuration}\ndatabase({address:?})\n")).expect("written");
        place.run(&["master", "check", &text(&dir)]).ends(2).says(wanted);
    }
    let socket = format!("postgres:///db?host={}", text(&place.path("nowhere")));
    fs::write(dir.join("master.star"), format!("{configuration}\ndatabase({socket:?})\n")).expect("written");
    for verb in [&["master", "start"][..], &["fsck"], &["master", "upgrade"]] {
        place.run(&[verb, &[&text(&dir)]].concat()).ends(3).says("the database is not available");
    }
}

#[test]
fn the_versions_of_all_formats_are_told() {
    let place = Sealed::new();
    place.run(&["version"]).passes().says("sluice 0.");
    place.run(&["version", "--verbose"]).passes().says("schema of the store").says("spools of workers");
}

#[test]
fn a_log_whose_end_only_a_removed_worker_has_is_told_of_everywhere() {
    let mut place = Sealed::new();
    let configured = |workers: &str, of: &str| {
        let rest = config("seq 1 100000").replace("local_worker(\"here\")", workers);
        rest.replace("[\"here\"]", &format!("[{of}]"))
    };
    let url = place.master(&configured("worker(\"far\", password = \"open sesame\")", "\"far\""));
    place.worker(&url, "far", "open sesame");
    place.run(&["force", "b", "--wait", "--master", &url]).passes();
    place.run(&["log", "b/1", "--master", &url]).passes().says("\n100000\n");
    let dir = place.path("m");
    place.run(&["master", "stop", &text(&dir)]).passes();
    // Its index, its seal and a part of its last frame never came to the disk.
    shorten(&dir.join("logs/0/1.slog"), 20_000);
    fs::write(dir.join("master.star"), configured("local_worker(\"here\")", "\"here\"")).expect("written");
    place.run(&["master", "start", &text(&dir)]).passes();
    let url = fs::read_to_string(dir.join("address")).expect("its address");
    let url = url.trim().split_once(' ').expect("process and address").1;
    let gone = "the worker \"far\", which has the rest, is no longer in the configuration";
    let said = place.run(&["log", "b/1", "--master", url]).ends(3);
    assert!(said.err.starts_with("This log is cut short: it has ") && said.err.contains(gone), "{}", said.err);
    assert!(said.out.contains("\n1000\n") && !said.out.contains("\n100000\n"));
    assert!(place.get(url, "/builders/b/1/steps/s/logs/stdio").contains("This log is cut short: "));
    place.wait_for_text("m/sluice.log", gone);
}
