//! A secret is used by every kind of step, and found in no place where somebody could see it.

use crate::sealed::Sealed;
use crate::steps::config;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const SECRET: &str = "Tr0ub4dor&3-xyzzy";

/// What must not be found: the secret as it is, in base64 at each of the three places, and in an address.
const TRACES: [&str; 5] =
    [SECRET, "VHIwdWI0ZG9yJjMteHl6enk", "RyMHViNGRvciYzLXh5enp5", "UcjB1YjRkb3ImMy14eXp6e", "Tr0ub4dor%263-xyzzy"];

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.symlink_metadata() {
            Ok(facts) if facts.is_dir() => files(&path, found),
            Ok(facts) if facts.is_file() => found.push(path),
            _ => {}
        }
    }
}

/// Every file below the directory that has a trace and may be read by others, or that is not where secrets are kept.
fn leaks(dir: &Path) -> Vec<String> {
    let mut all = Vec::new();
    files(dir, &mut all);
    let has = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        TRACES.iter().any(|trace| text.contains(trace))
    };
    let kept = |path: &PathBuf| {
        let shown = path.display().to_string();
        let private = path.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o077 == 0);
        let own = ["/.slots/", "/.work/"].iter().any(|part| shown.contains(part)) && private;
        own || shown.contains("/secrets/")
    };
    all.into_iter().filter(|path| has(path) && !kept(path)).map(|path| path.display().to_string()).collect()
}

#[test]
fn no_secret_is_found_anywhere() {
    let mut place = Sealed::new();
    let secrets = place.path("m/secrets");
    std::fs::create_dir_all(&secrets).expect("made");
    std::fs::write(secrets.join("key"), format!("{SECRET}\n")).expect("written");
    let steps = r#"
        steps.shell(interpolate("echo '{secret:key}'; printf %s '{secret:key}' | base64; printf x%s '{secret:key}' | base64; printf xy%s '{secret:key}' | base64; echo '{secret:key}' | sed 's/&/%26/g'"), name = "{NAME}"),
        steps.shell("echo $KEY; echo $KEY >&2; echo $KEY > k.log; printf Tr0ub4; sleep 0.05; printf 'dor&3-''xyzzy\n'", env = {"KEY": interpolate("{secret:key}")}, log_files = {"k": "k.log"}, name = "env"),
        steps.sequence([interpolate("echo {secret:key} | cat"), interpolate("./no-{secret:key}")], name = "seq", flunk_on_failure = False),
        steps.shell([interpolate("./missing-{secret:key}")], name = "missing", flunk_on_failure = False),
        steps.set_property_from_command(interpolate("echo '{secret:key}'"), property = "leak"),
        steps.master_shell(interpolate("echo '{secret:key}'"), name = "own"),
        steps.http(interpolate("http://127.0.0.1:1/?k={secret:key}"), headers = {"X-Key": interpolate("{secret:key}")}, name = "web", always_run = True),
        steps.git(interpolate("http://u:{secret:key}@127.0.0.1:1/r.git"), name = "git", always_run = True),
    "#
    .replace("{NAME}", "print");
    let url = place.master(&config("", &steps));
    place.run(&["force", "b", "--wait", "--master", &url]).ends(3);
    for step in ["print", "env", "seq", "missing", "own", "web", "git"] {
        let log = place.run(&["log", "b/1", step, "--master", &url]).passes().out;
        assert!(!TRACES.iter().any(|trace| log.contains(trace)), "{step}: {log}");
        assert!(log.contains("*****************") || step == "git", "{step}: {log}");
    }
    for path in [
        "/api/v2/builds/1",
        "/api/v2/builds/1/steps",
        "/api/v2/builds/1/properties",
        "/api/v2/builders",
        "/api/v2/sluice/builds/1",
        "/",
        "/builders/b",
        "/builders/b/1",
        "/queue",
    ] {
        let page = place.get(&url, path);
        assert!(!TRACES.iter().any(|trace| page.contains(trace)), "{path}");
    }
    let dir = place.path("m").display().to_string();
    place.run(&["master", "stop", &dir]).passes();
    // What the tree itself holds is the command's own.
    std::fs::remove_dir_all(place.path("m/workers/here/b")).expect("removed");
    let _ = std::fs::remove_dir_all(place.path("m/workers/.master/b"));
    assert_eq!(leaks(&place.path("m")), Vec::<String>::new());
}
