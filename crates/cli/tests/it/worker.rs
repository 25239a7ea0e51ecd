//! Workers that connect by themselves.

use crate::sealed::{Sealed, processes_with};
use std::io::{Read, Write};

fn config(script: &str) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
worker("far", password = "open sesame")
builder("b", workers = ["far"], steps = [steps.shell({script:?}, name = "s")])
schedulers.force("force", builders = ["b"])
"#
    )
}

#[test]
fn a_worker_builds_and_shows_who_it_is() {
    let mut place = Sealed::new();
    let url = place.master(&config("pwd"));
    let dir = place.worker(&url, "far", "open sesame");
    place.run(&["force", "b", "--wait", "--master", &url]).passes().says("b passed");
    let log = place.run(&["log", "b/1", "--master", &url]).passes();
    assert!(log.out.contains(&format!("{}/b/build\n", dir.display())), "work happens below its directory: {}", log.out);
    assert!(dir.join("info/admin").is_file() && dir.join("info/host").is_file());
    place.run(&["worker", "stop", &dir.display().to_string()]).passes();
    place.run(&["force", "b", "--master", &url]).passes();
    place.run(&["why", "2", "--master", &url]).passes().says("its worker far is not connected");
}

#[test]
fn strangers_are_told_why_they_are_not_let_in() {
    let mut place = Sealed::new();
    let url = place.master(&config("true"));
    let wrong = place.start_worker(&url, "far", "open barley").ends(3);
    wrong.says("the password of worker \"far\" is wrong").says("✗").says("sluice worker stop");
    place.wait_for_text("far/sluice.log", "the password of worker \"far\" is wrong");
    place.start_worker(&url, "fra", "open sesame").ends(3).says("there is no worker \"fra\"");
    // The right password gets in, and the start says so.
    let dir = place.path("far").display().to_string();
    place.run(&["worker", "stop", &dir]).passes();
    let conf = std::fs::read_to_string(place.path("far/worker.conf")).expect("settings");
    std::fs::write(place.path("far/worker.conf"), conf.replace("barley", "sesame")).expect("written");
    place.run(&["worker", "start", &dir]).passes().says("✓").says("the master has let it in");
}

#[test]
fn a_master_that_is_not_there_yet_is_said_so() {
    let mut place = Sealed::new();
    let said = place.start_worker("http://127.0.0.1:9/", "far", "open sesame").passes();
    assert!(!said.out.contains('✓'), "nothing is done yet: {}", said.out);
    said.says("its master is not there yet, and it goes on trying").says("127.0.0.1:9");
}

#[test]
fn a_setsid_child_does_not_outlive_its_step() {
    let mut place = Sealed::new();
    // A word of this test's own, also where the same test runs beside it.
    let mark = place.path("mark").display().to_string();
    let url = place.master(&config(&format!("setsid sh -c 'sleep 1000; : {mark}' & echo left it behind")));
    place.worker(&url, "far", "open sesame");
    place.run(&["force", "b", "--wait", "--master", &url]).passes().says("b passed");
    let left: Vec<String> = processes_with(&mark).into_iter().filter(|p| p.contains("sleep 1000")).collect();
    assert_eq!(left, Vec::<String>::new());
    place.run(&["log", "b/1", "--master", &url]).passes().says("sleep 1000");
}

#[test]
fn garbage_on_the_port_harms_nobody() {
    let mut place = Sealed::new();
    let url = place.master(&config("true"));
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let upgrade = format!(
        "GET /worker HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    // A frame that says it has 2 GiB, one that is no MessagePack, and bytes that are no HTTP at all.
    let two_gib = [&upgrade.clone().into_bytes()[..], &[0x82, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, 1, 2, 3, 4]].concat();
    let garbage = [&upgrade.into_bytes()[..], &[0x82, 0x84, 0, 0, 0, 0, 0xc1, 0xc1, 0xc1, 0xc1]].concat();
    for bytes in [two_gib, garbage, vec![0xff; 70_000]] {
        let mut stream = std::net::TcpStream::connect(&host).expect("the port is open");
        stream.set_read_timeout(Some(testkit::wait::PATIENCE)).expect("a limit");
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    place.worker(&url, "far", "open sesame");
    place.run(&["force", "b", "--wait", "--master", &url]).passes();
}
