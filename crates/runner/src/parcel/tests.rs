//! Parcels there and back, and what must not come out of one.

use super::*;
use crate::place::Mark;
use model::area::{ExitCodes, TestStep};
use model::{CommandLine, Time};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use testruns::Statuses;

/// An area with a test in it, and an attempt of that with these variables.
fn attempt(top: &Path, vars: &[(&str, String)]) -> Order {
    let area = top.join("area");
    fs::create_dir_all(area.join("t/deep")).unwrap();
    fs::write(area.join("t/deep/file"), "words").unwrap();
    symlink("deep/file", area.join("t/link")).unwrap();
    let run_dir = top.join("disk/l/r");
    let dir = run_dir.join("t/a/b");
    let step = TestStep {
        name: "one".to_owned(),
        command: CommandLine::Script("true".to_owned()),
        exit: ExitCodes::Plain,
        rules: None,
        max_time: None,
        env: Vec::new(),
    };
    let vars: BTreeMap<String, String> = vars.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let mark = Mark {
        area: area.display().to_string(),
        run: "l/r".to_owned(),
        test: "t".to_owned(),
        path: "a/b".to_owned(),
        attempt: 1,
        launched: model::Time(5),
        ready: false,
    };
    let place = Place {
        link: Some(area.join("links/l/r/t/a/b")),
        source: Some(area.join("t")),
        min_free: None,
        rerun: format!("cd {}\n", dir.display()),
        dir,
        run_dir,
        mark,
    };
    let item = serde_json::from_value(serde_json::json!(0)).unwrap();
    Order {
        item,
        attempt: 1,
        job: "t1-1".to_owned(),
        place,
        steps: vec![(step, vars)],
        max_time: None,
        resources: BTreeMap::new(),
        launched: Time(1),
    }
}

fn packed(order: &Order) -> Packed {
    Packed::new(order.clone(), &Statuses::default())
}

#[test]
fn an_attempt_goes_elsewhere_and_what_came_of_it_comes_back() {
    let top = tempfile::tempdir().unwrap();
    let here = top.path().join("here");
    let text = |path: &str| here.join(path).display().to_string();
    let bin = here.join("area/.sluice/tests/bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let vars = [
        ("MT_TEST_RUN_DIR", text("disk/l/r/t/a/b")),
        ("MT_LINKTREE", text("area/links")),
        ("MT_RUN_AREA_HOME", text("area")),
        ("BOTH", format!("{}:{}/x", text("area/t"), text("area-other"))),
        ("PATH", format!("{}:{path}", bin.display())),
    ];
    let order = attempt(&here, &vars);
    let parcel = top.path().join("order.tar");
    pack(&packed(&order), &bin, 1 << 20, &parcel).unwrap();
    let there = top.path().join("there");
    fs::create_dir(&there).unwrap();
    let opened = open(&parcel, &there, Path::new("/bin/true")).unwrap();
    let at = |path: &str| there.join(path).display().to_string();
    let seen = &opened.order.steps[0].1;
    assert_eq!(seen["MT_TEST_RUN_DIR"], at("links/l/r/t/a/b"));
    assert_eq!((&seen["MT_LINKTREE"], &seen["MT_RUN_AREA_HOME"]), (&at("links"), &at("area")));
    assert_eq!(seen["BOTH"], format!("{}:{}/x", at("area/t"), text("area-other")), "another name is another path");
    assert_eq!(seen["PATH"], format!("{}:{path}", at("bin")));
    assert_eq!(opened.order.place.rerun, format!("cd {}\n", at("links/l/r/t/a/b")));
    assert!(there.join("bin/megatest").is_file());
    // What the agent does: the directory is made and written into.
    opened.order.place.make().unwrap();
    let dir = &opened.order.place.dir;
    assert_eq!(fs::read_to_string(dir.join("link")).unwrap(), "words");
    fs::write(dir.join("one.log"), "said").unwrap();
    fs::write(dir.join("large"), vec![7; 100_000]).unwrap();
    fs::write(opened.agent.join(agent::SAID), "{\"ended\":\"came\"}\n").unwrap();
    let back = top.path().join("came.tar");
    let came = collect(&opened, "far", 50_000, &back).unwrap();
    assert_eq!((came.count, came.bytes, came.unheard), (1, 100_000, false));
    assert!(fs::metadata(&back).unwrap().len() < 60_000);
    let place = Place { source: None, ..order.place.clone() };
    place.make().unwrap();
    // Twice, as after a crash.
    for _ in 0..2 {
        let (came, said) = take(&back, &place).unwrap();
        assert_eq!((came.host.as_str(), said.len()), ("far", 1));
    }
    let of = |name: &str| fs::read_to_string(place.dir.join(name)).unwrap();
    assert_eq!((of("one.log"), of("link")), ("said".to_owned(), "words".to_owned()));
    assert!(of(LEFT).contains("100000 large"), "{}", of(LEFT));
    assert_eq!(of(RERUN), order.place.rerun, "by hand it is done here");
    assert!(!place.dir.join("large").exists() && !place.dir.join(NEW).exists());
    // With no room for what the test said of itself nobody knows what it is.
    fs::write(dir.join(said::FILE), vec![b'x'; 4000]).unwrap();
    assert!(collect(&opened, "far", 9000, &back).is_ok_and(|came| !came.unheard));
    assert!(collect(&opened, "far", 3000, &back).is_ok_and(|came| came.unheard));
}

#[test]
fn a_directory_that_is_too_large_does_not_go() {
    let top = tempfile::tempdir().unwrap();
    let order = attempt(top.path(), &[]);
    let wrong = pack(&packed(&order), Path::new("/b"), 1000, &top.path().join("p")).unwrap_err();
    assert!(wrong.to_string().ends_with("has more than 1000 bytes, and no more may go to a worker"), "{wrong}");
}

#[test]
fn nothing_that_comes_leads_out_of_its_directory() {
    let top = tempfile::tempdir().unwrap();
    let order = attempt(top.path(), &[]);
    let place = Place { source: None, ..order.place };
    place.make().unwrap();
    let outside = top.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let parcel = |fill: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut tar = tar::Builder::new(Vec::new());
        fill(&mut tar);
        let path = top.path().join("evil.tar");
        fs::write(&path, tar.into_inner().unwrap()).unwrap();
        take(&path, &place)
    };
    let raw = |tar: &mut tar::Builder<Vec<u8>>, name: &str, kind: EntryType, link: &str| {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        tar.append(&header, io::empty()).unwrap();
    };
    let out = outside.display().to_string();
    for (what, name, kind, link) in [
        ("up", "../x", EntryType::Regular, ""),
        ("device", "dir/x", EntryType::Block, ""),
        ("hard link", "dir/x", EntryType::Link, "/etc/passwd"),
    ] {
        assert!(parcel(&|tar| raw(tar, name, kind, link)).is_err(), "{what}");
    }
    // By a link that came before.
    let by_link = parcel(&|tar| {
        raw(tar, "dir", EntryType::Directory, "");
        raw(tar, "dir/l", EntryType::Symlink, &out);
        raw(tar, "dir/l/x", EntryType::Regular, "");
    });
    assert!(by_link.is_err() && fs::read_dir(&outside).unwrap().next().is_none());
    // Without what tells of it, it is none of ours; the marks of the place stay.
    assert!(parcel(&|tar| raw(tar, "dir/x", EntryType::Regular, "")).is_err());
    assert!(crate::place::mark(&place.dir).unwrap().is_some());
}
