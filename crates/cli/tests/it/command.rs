//! The command line itself: help, usage, exit codes.

use crate::sealed::Sealed;

const VERBS: &[&[&str]] = &[
    &["up"],
    &["master"],
    &["worker"],
    &["master", "init"],
    &["master", "check"],
    &["master", "run"],
    &["master", "start"],
    &["master", "stop"],
    &["master", "restart"],
    &["master", "reload"],
    &["worker", "init"],
    &["worker", "run"],
    &["worker", "start"],
    &["worker", "stop"],
    &["worker", "restart"],
    &["force"],
    &["stop"],
    &["rebuild"],
    &["log"],
    &["status"],
    &["why"],
    &["try"],
    &["tryserver"],
    &["sendchange"],
    &["import"],
    &["tests"],
    &["tests", "run"],
    &["tests", "rerun"],
    &["tests", "list"],
    &["tests", "show"],
    &["tests", "why"],
    &["tests", "log"],
    &["tests", "config"],
    &["tests", "kill"],
    &["tests", "set-status"],
    &["tests", "diff"],
    &["tests", "report"],
    &["tests", "remove"],
    &["tests", "lock"],
    &["tests", "keep"],
    &["tests", "step"],
    &["tests", "load-data"],
    &["tests", "set-log"],
    &["tests", "pages"],
];

#[test]
fn every_verb_helps_with_an_example_first_within_eighty_columns() {
    let place = Sealed::new();
    for verb in VERBS {
        let help = place.run(&[verb, &["--help"][..]].concat()).passes();
        assert!(help.out.starts_with("Example: sluice"), "{verb:?}:\n{}", help.out);
        for line in help.out.lines() {
            assert!(line.chars().count() <= 80, "{verb:?}: {line}");
        }
    }
}

#[test]
fn wrong_usage_ends_with_two() {
    let place = Sealed::new();
    place.run(&["frobnicate"]).ends(2).says("frobnicate");
    place.run(&["force"]).ends(2).says("BUILDER");
    place.run(&["master", "check", "nowhere"]).ends(2).says("is no master's base directory");
    place.run(&["stop", "1", "--master", "ftp://x"]).ends(2).says("is no address of a master");
}

#[test]
fn without_a_verb_it_says_what_it_is() {
    let said = Sealed::new().run(&[]).ends(2);
    assert_eq!(said.out, "");
    insta::assert_snapshot!(said.err, @r"
    Sluice builds every change of a project on the project's own machines.

    Usage: sluice <VERB>

    Commands:
      up          Build a repository and every new commit, with no configuration
      master      Run a master: init, check, run, start, stop, restart, reload,
                  backup, restore, upgrade
      worker      Run a worker: init, run, start, stop, restart
      force       Ask for a build
      stop        End a running build, or take a request out of the queue
      rebuild     Build the source of an old build again
      log         Print the log of a step
      status      Say what is broken, what runs and what waits
      why         Say why a request waits
      try         Build what is not committed yet
      tryserver   Lay a try job into a directory that a master watches
      sendchange  Tell a master of a change
      fsck        Look through a base directory and say what is wrong with it
      version     Say which Sluice this is
      gate        Test a tree the way it would land, then land it
      land        Hand a change in to a gate of a master, and see how it fares
      tests       Run the tests of an area, and say what became of them
      import      Translate the easy part of a Buildbot master.cfg

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Begin with: sluice up --demo
    sluice VERB --help tells every option of a command, with an example first.
    ");
}

#[test]
fn a_word_that_is_no_number_is_told_with_what_would_be_right() {
    let place = Sealed::new();
    let said = |arguments: &[&str]| {
        let err = place.run(arguments).ends(2).err;
        err.split("\n\nFor more").next().unwrap_or_default().trim_end().to_owned()
    };
    insta::assert_snapshot!(said(&["why", "abc"]), @"error: invalid value 'abc' for '<REQUEST>': a request is named by its number, as force and status print it, such as 42");
    insta::assert_snapshot!(said(&["stop", "--request", "-1"]), @"error: invalid value '-1' for '--request <ID>': a request is named by its number, as force and status print it, such as 42");
    insta::assert_snapshot!(said(&["stop", "--request", "1.5"]), @"error: invalid value '1.5' for '--request <ID>': a request is named by its number, as force and status print it, such as 42");
    insta::assert_snapshot!(said(&["force", "b", "--priority", "abc"]), @"error: invalid value 'abc' for '--priority <N>': a priority is a whole number, such as 10 or -5");
    insta::assert_snapshot!(said(&["sendchange", "--when", "noon"]), @"error: invalid value 'noon' for '--when <SECONDS>': a moment is a number of seconds since 1970, such as 1767225600");
    insta::assert_snapshot!(said(&["stop", "ok/x"]), @r"
    error: 'ok/x' is no build: 'x' is no number
    help: a build is named BUILDER/NUMBER, such as linux/17, or by its id, such as 42
    ");
    insta::assert_snapshot!(said(&["log", "seventeen"]), @r"
    error: 'seventeen' is no build
    help: a build is named BUILDER/NUMBER, such as linux/17, or by its id, such as 42
    ");
    let init = ["worker", "init", "w", "--master", "http://h:8010", "--password", "p"];
    insta::assert_snapshot!(said(&[&init[..], &["--name", "w", "--keepalive", "0"]].concat()), @"error: invalid value '0' for '--keepalive <SECONDS>': a number of seconds from 1 to 86400 is right");
    insta::assert_snapshot!(said(&[&init[..], &["--name", ""]].concat()), @"error: invalid value '' for '--name <NAME>': the master's configuration wants a name of 1 to 100 characters");
    insta::assert_snapshot!(said(&[&init[..], &["--name", "a "]].concat()), @r#"error: invalid value 'a ' for '--name <NAME>': the master's configuration wants a name that begins with neither "-" nor a space and ends with none"#);
    assert!(!place.path("w").exists());
}

#[test]
fn the_address_of_a_page_is_that_of_its_master() {
    let mut place = Sealed::new();
    let url = place.master(&crate::master::config("true"));
    let url = url.trim_end_matches('/');
    for page in ["", "/", "//", "/builders/b", "/builders/b/1?x=1#y", "/api/v2/builds"] {
        let master = format!("{url}{page}");
        place.run(&["status", "--master", &master]).passes();
        place.run(&["force", "b", "--wait", "--master", &master]).passes();
    }
    let other = format!("{url}/some/where");
    let said = place.run(&["status", "--master", &other]).ends(3);
    insta::assert_snapshot!(said.err.replace(url, "http://MASTER"), @r"
    error: what answers at http://MASTER/some/where is no Sluice: HTTP 404 Not Found, text/html
    help: the address of a master looks like http://127.0.0.1:8010
    ");
    let dir = place.path("w").display().to_string();
    let page = format!("{url}/workers?x");
    place.run(&["worker", "init", &dir, "--master", &page, "--name", "w", "--password", "p"]).passes();
    let conf = std::fs::read_to_string(place.path("w/worker.conf")).expect("its settings");
    assert!(conf.contains(&format!("master = {url}\n")), "{conf}");
}

#[test]
fn nobody_there_ends_with_three() {
    let place = Sealed::new();
    place.run(&["status", "--master", "http://127.0.0.1:9"]).ends(3).says("no Sluice answers at");
}

#[test]
fn the_version_is_told() {
    Sealed::new().run(&["--version"]).passes().says(concat!("sluice ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_master_cfg_is_translated_as_far_as_it_goes() {
    let place = Sealed::new();
    let python = "c = BuildmasterConfig = {}\n\
                  c['projectName'] = 'zlib'\n\
                  c['bots'] = [('mac', 'secret')]\n\
                  \n\
                  class Mine(object):\n    pass\n";
    std::fs::write(place.path("master.cfg"), python).expect("a file");
    let file = place.path("master.cfg").display().to_string();
    let said = place.run(&["import", &file]).passes().says("by hand").says("master.cfg:5: ");
    assert!(said.out.contains("c['bots'] = [('mac', 'secret')]"), "{}", said.out);
    let to = place.path("master.star").display().to_string();
    let again = place.run(&["import", &file, "--output", &to]).passes();
    assert_eq!((again.out.as_str(), std::fs::read_to_string(&to).expect("the translation")), ("", said.out));
    place.run(&["import", &file, "--output", &to]).ends(2).says("cannot make");
    place.run(&["import", "nowhere.cfg"]).ends(2).says("cannot read nowhere.cfg");
}
