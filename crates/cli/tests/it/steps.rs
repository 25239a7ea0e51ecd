//! What steps do, each in a whole master with a real worker.

use crate::sealed::Sealed;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// One local worker, and one builder with these steps. `before` stands before it.
pub(crate) fn config(before: &str, steps: &str) -> String {
    format!(
        r#"
web(listen = "127.0.0.1:0")
local_worker("here")
{before}
builder("b", workers = ["here"], steps = [
{steps}
])
schedulers.force("force", builders = ["b"])
"#
    )
}

/// Forces a build and waits for it; the words of its end, and of each step.
#[track_caller]
fn forced(place: &Sealed, url: &str, code: i32) -> String {
    let said = place.run(&["force", "b", "--wait", "--master", url]).ends(code);
    format!("{}{}", said.out, said.err)
}

/// A document of the interface.
pub(crate) fn document(place: &Sealed, url: &str, path: &str) -> serde_json::Value {
    serde_json::from_str(&place.get(url, path)).expect("a document")
}

/// Results and words of a build's steps.
pub(crate) fn steps(place: &Sealed, url: &str, build: u32) -> Vec<(String, i64, String)> {
    let found = document(place, url, &format!("/api/v2/builds/{build}/steps"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let steps = found["steps"].as_array().expect("steps").iter();
    steps.map(|s| (text(&s["name"]), s["results"].as_i64().unwrap_or(-1), text(&s["state_string"]))).collect()
}

fn property(place: &Sealed, url: &str, name: &str) -> serde_json::Value {
    document(place, url, "/api/v2/builds/1/properties")["properties"][0][name][0].clone()
}

#[test]
fn a_command_gets_its_input_and_its_log_files_are_followed() {
    let mut place = Sealed::new();
    let url = place.master(&config(
        "",
        r#"
        steps.shell("cat; echo out; echo err >&2", name = "in", initial_stdin = "typed\n", want_stderr = False),
        steps.shell("echo one > a.log; echo two >> a.log", name = "logs", log_files = {"a": "a.log", "none": "none.log"}),
        steps.sequence(["echo first", steps.shell("exit 3", flunk_on_failure = False, warn_on_failure = True), "echo last"], name = "seq"),
        steps.shell("exit 5", name = "rc", decode_rc = {5: WARNINGS}),
        "#,
    ));
    forced(&place, &url, 0);
    let log = |step: &str| place.run(&["log", "b/1", step, "--master", &url]).passes().out;
    let input = log("in");
    assert!(input.contains("typed\nout\n") && !input.contains("\nerr\n"), "{input}");
    let logs = document(&place, &url, "/api/v2/builds/1/steps/1/logs");
    let names: Vec<_> = logs["logs"].as_array().expect("logs").iter().map(|l| l["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["stdio", "a", "none"]);
    assert_eq!(place.get(&url, "/api/v2/builds/1/steps/1/logs/a/raw"), "one\ntwo\n");
    let seq = log("seq");
    assert!(seq.contains("$ echo first\nfirst\n") && seq.contains("last\n"), "{seq}");
    let ends: Vec<_> = steps(&place, &url, 1).into_iter().map(|(name, results, _)| (name, results)).collect();
    let expected = [("in", 0), ("logs", 0), ("seq", 1), ("rc", 1)].map(|(name, results)| (name.to_owned(), results));
    assert_eq!(ends, expected);
}

#[test]
fn files_are_made_copied_looked_for_and_removed() {
    let mut place = Sealed::new();
    let url = place.master(&config(
        "",
        r#"
        steps.make_directory("build/d"),
        steps.shell("echo x > d/f", name = "write"),
        steps.copy_directory("build/d", "build/e"),
        steps.file_exists("build/e/f"),
        steps.remove("build/d"),
        steps.file_exists("build/d/f", name = "gone"),
        "#,
    ));
    forced(&place, &url, 1);
    let found = steps(&place, &url, 1);
    assert_eq!(
        found.last().map(|(name, r, state)| (name.as_str(), *r, state.as_str())),
        Some(("gone", 2, "there is no file build/d/f"))
    );
    assert!(found[..found.len() - 1].iter().all(|(_, results, _)| *results == 0), "{found:?}");
    assert!(place.path("m/workers/here/b/build/e/f").exists() && !place.path("m/workers/here/b/build/d").exists());
}

#[test]
fn what_is_built_comes_to_the_master_and_back() {
    let mut place = Sealed::new();
    let far = place.path("elsewhere").display().to_string();
    let url = place.master(&config(
        "",
        &format!(
            r#"
        steps.shell("mkdir -p dist html/sub && echo w1 > dist/a.whl && echo w2 > dist/b.whl && echo page > html/sub/index && ln -s /etc/passwd html/out", name = "make"),
        steps.upload("dist/a.whl", interpolate("up-{{buildnumber}}/named.whl"), mode = 0o640, url = "http://ci/named.whl"),
        steps.upload(["dist/*.whl"], "wheels/", name = "several"),
        steps.upload_directory("html", "site"),
        steps.upload("dist/a.whl", "{far}/a.whl", name = "absolute"),
        steps.download("wheels/b.whl", "back/b.whl"),
        steps.download_text(interpolate("built {{buildername}}\n"), "note"),
        steps.shell("cat back/b.whl note", name = "show"),
        steps.upload("dist/a.whl", "big", max_size = 1, flunk_on_failure = False, name = "big"),
        steps.upload("../../../secret", "x", flunk_on_failure = False, name = "out") if False else steps.shell("true", name = "ok"),
        "#
        ),
    ));
    forced(&place, &url, 0);
    let public = place.path("m/public_html");
    let text = |path: &str| std::fs::read_to_string(public.join(path)).expect(path);
    assert_eq!((text("up-1/named.whl").as_str(), text("wheels/b.whl").as_str()), ("w1\n", "w2\n"));
    let mode = std::fs::metadata(public.join("up-1/named.whl")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(text("site/sub/index"), "page\n");
    assert!(!public.join("site/out").is_symlink(), "a link that leads out stays behind");
    assert_eq!(std::fs::read_to_string(place.path("elsewhere/a.whl")).expect("it is there"), "w1\n");
    let shown = place.run(&["log", "b/1", "show", "--master", &url]).passes().out;
    assert!(shown.contains("w2\nbuilt b\n"), "{shown}");
    let big = steps(&place, &url, 1).into_iter().find(|(name, ..)| name == "big").expect("it ran");
    assert_eq!((big.1, big.2.as_str()), (2, "3 bytes are to be sent, 1 may be"));
    let left: Vec<_> = std::fs::read_dir(&public).expect("there").map(|e| e.expect("one").file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    let refused = place.get(&url, "/transfer/1.1.2.0000");
    assert_eq!(refused, "this token opens nothing\n");
}

#[test]
fn a_remote_worker_brings_files_over_its_one_connection_s_port() {
    let mut place = Sealed::new();
    let config = r#"
web(listen = "127.0.0.1:0")
worker("far", password = "p")
builder("b", workers = ["far"], steps = [
    steps.shell("head -c 5000000 /dev/urandom > big; cksum < big", name = "make"),
    steps.upload("big", "big"),
    steps.download("big", "again"),
    steps.shell("cmp big again", name = "same"),
])
schedulers.force("force", builders = ["b"])
"#;
    let url = place.master(config);
    place.worker(&url, "far", "p");
    forced(&place, &url, 0);
    assert_eq!(std::fs::metadata(place.path("m/public_html/big")).expect("it came").len(), 5_000_000);
}

#[test]
fn the_master_does_its_own_steps_and_shows_no_worker_for_them() {
    let mut place = Sealed::new();
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in server.incoming().take(2) {
            let mut stream = stream.expect("a connection");
            let mut head = vec![0; 4096];
            let n = stream.read(&mut head).expect("a question");
            let asked = String::from_utf8_lossy(&head[..n]).into_owned();
            let status = if asked.contains("/bad") { "503 Service Unavailable" } else { "200 OK" };
            let body = format!("you asked {}", asked.lines().next().unwrap_or_default());
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("answered");
        }
    });
    let url = place.master(&config(
        "",
        &format!(
            r#"
        steps.master_shell("pwd; echo on the master", name = "own"),
        steps.http("http://127.0.0.1:{port}/good?b={{buildnumber}}", name = "ask"),
        steps.http("http://127.0.0.1:{port}/bad", method = "POST", body = "x", name = "bad", flunk_on_failure = False),
        steps.http("http://127.0.0.1:1/", name = "nobody"),
        "#
        ),
    ));
    forced(&place, &url, 3);
    let own = place.run(&["log", "b/1", "own", "--master", &url]).passes().out;
    assert!(own.contains("on the master\n") && own.contains("workers/.master/b/build\n"), "{own}");
    let asked = place.run(&["log", "b/1", "ask", "--master", &url]).passes().out;
    assert!(asked.contains("200 OK\n") && asked.contains("you asked GET /good?b="), "{asked}");
    let found: Vec<_> = steps(&place, &url, 1).into_iter().map(|(_, results, _)| results).collect();
    assert_eq!(found, [0, 0, 2, 4], "nobody there is nobody's fault");
    let workers = document(&place, &url, "/api/v2/workers");
    assert_eq!(workers["workers"].as_array().map(Vec::len), Some(1), "{workers}");
    assert!(!place.get(&url, "/workers").contains(".master"));
}

#[test]
fn logs_are_read_for_warnings_tests_and_properties() {
    let mut place = Sealed::new();
    let url = place.master(&config(
        r#"
def lost(exit_code, output):
    names = [line for line in output.splitlines() if line.startswith("LOST")]
    return {"results": WARNINGS, "summary": "%d lost, code %d" % (len(names), exit_code), "properties": {"lost": len(names)}, "urls": {"list": "https://example.org/"}}

def both(exit_code, stdout, stderr):
    return {"out": stdout.strip(), "err": stderr.strip()}

def broken(exit_code, output):
    return fail("no")
"#,
        r#"
        steps.compile("echo a.c:1: warning: one; echo b.c:2: warning: two >&2; echo '^b' > w.supp", name = "warn"),
        steps.test("printf '1..3\nok 1 - a\nnot ok 2 - b\nok 3\n'", report = "tap", name = "tap", flunk_on_failure = False),
        steps.set_property_from_command("echo '  1.3  '", property = "version"),
        steps.set_property_from_command("echo o; echo e >&2", extract = both, name = "both"),
        steps.shell("echo LOST a; echo LOST b", reader = lost, name = "own"),
        steps.shell("echo x", reader = broken, name = "broken"),
        "#,
    ));
    forced(&place, &url, 3);
    let found = steps(&place, &url, 1);
    let of = |name: &str| found.iter().find(|(n, ..)| n == name).map(|(_, r, s)| (*r, s.as_str())).expect("it ran");
    assert_eq!(of("warn"), (1, "2 warnings"));
    assert_eq!(of("tap"), (2, "3 tests, 1 failed"));
    assert_eq!(of("own"), (1, "2 lost, code 0"));
    let (results, state) = of("broken");
    assert!(results == 4 && state.starts_with("its logs could not be read: broken (master.star:"), "{state}");
    assert_eq!(property(&place, &url, "version"), "1.3");
    assert_eq!((property(&place, &url, "out"), property(&place, &url, "err")), ("o".into(), "e".into()));
    assert_eq!(property(&place, &url, "lost"), 2);
}

#[test]
fn a_transfer_outlives_its_master() {
    let mut place = Sealed::new();
    let url = place.master(&config(
        "",
        r#"
        steps.shell("truncate -s 300M big; printf end >> big", name = "make"),
        steps.upload("big", "big"),
        "#,
    ));
    place.run(&["force", "b", "--master", &url]).passes();
    let part = place.path("m/public_html/.big.part/big");
    testkit::wait_until("it is on its way", || part.exists());
    let pid = std::fs::read_to_string(place.path("m/address")).expect("an address");
    let pid = pid.split_once(' ').and_then(|(pid, _)| pid.parse().ok()).expect("a process");
    Sealed::kill_daemon(pid);
    assert!(!place.path("m/public_html/big").exists(), "half a file has no name");
    place.run(&["master", "start", &place.path("m").display().to_string()]).passes();
    let url = std::fs::read_to_string(place.path("m/address")).expect("an address");
    let url = url.trim().split_once(' ').expect("two words").1.to_owned();
    testkit::wait_until("the build ends", || {
        steps(&place, &url, 1).last().is_some_and(|(_, results, _)| *results >= 0)
    });
    let found = steps(&place, &url, 1);
    assert_eq!(found.last().map(|(name, results, _)| (name.as_str(), *results)), Some(("upload", 0)), "{found:?}");
    assert_eq!(std::fs::metadata(place.path("m/public_html/big")).expect("it came").len(), (300 << 20) + 3);
    let log = place.run(&["log", "b/1", "upload", "--master", &url]).passes().out;
    assert!(log.contains("trying again"), "{log}");
}

/// A step that ends in the batch in which it begins has no command that a worker could run.
#[test]
fn a_skipped_step_does_nothing_and_nobody_hears_of_it() {
    let mut place = Sealed::new();
    let mark = place.path("mark").display().to_string();
    let url = place.master(&config(
        "",
        &format!(
            r#"
        steps.shell("touch {mark}", name = "skipped", do_step_if = False),
        steps.shell(["echo", interpolate("{{nothing}}")], name = "unfinished", flunk_on_failure = False),
        steps.shell("true", name = "last", always_run = True),
        "#
        ),
    ));
    forced(&place, &url, 3);
    let ends: Vec<_> = steps(&place, &url, 1).into_iter().map(|(name, results, _)| (name, results)).collect();
    let expected = [("skipped", 3), ("unfinished", 4), ("last", 0)];
    assert_eq!(ends, expected.map(|(name, results)| (name.to_owned(), results)));
    assert!(!std::path::Path::new(&mark).exists(), "the skipped step ran");
    let page = place.get(&url, "/builders/b/1");
    assert!(!page.contains("Late answers"), "an answer was refused");
}

#[test]
fn tests_that_begin_to_fail_or_to_pass_are_told() {
    let mut place = Sealed::new();
    let report = place.path("report").display().to_string();
    let url = place.master(&config("", &format!("steps.test(\"cat {report}\", report = \"tap\"),")));
    let mut build = 0;
    let mut built = |points: &str, code: i32| {
        build += 1;
        let points: Vec<&str> = points.split_whitespace().collect();
        let mut text = String::new();
        for point in points.iter().filter(|p| **p != "cut") {
            let word = if point.ends_with('-') { "not ok" } else { "ok" };
            text.push_str(&format!("{word} - {}\n", point.trim_end_matches(['+', '-'])));
        }
        if !points.contains(&"cut") {
            text.push_str(&format!("1..{}\n", points.len()));
        }
        std::fs::write(&report, text).expect("written");
        let said = forced(&place, &url, code);
        let step = document(&place, &url, &format!("/api/v2/builds/{build}/steps"))["steps"][0].clone();
        (said, step)
    };
    let words = |step: &serde_json::Value| step["state_string"].as_str().unwrap_or_default().to_owned();
    let change = |step: &serde_json::Value| {
        let change = &step["tests"]["change"];
        let names = |kind: &str| {
            change[kind]["names"]
                .as_array()
                .map(|names| names.iter().map(|n| n.as_str().unwrap_or_default()).collect::<Vec<_>>().join(" "))
        };
        let told = ["newly_failing", "still_failing", "fixed", "new", "gone"].map(names);
        (change["against"].as_i64(), told.map(|t| t.unwrap_or("?".to_owned())).join("|"))
    };

    let (_, first) = built("a+ b- c+", 1);
    assert_eq!((words(&first).as_str(), change(&first).0), ("3 tests, 1 failed", None), "there is nothing before it");
    let (said, second) = built("a- b- c+ d+", 1);
    assert_eq!(words(&second), "4 tests, 2 failed (1 of them new)");
    assert_eq!(change(&second), (Some(1), "a|b||d|".to_owned()));
    assert!(said.contains("1 fails newly: a\n"), "{said}");
    let page = place.get(&url, "/builders/b/2");
    assert!(page.contains("1 newly failing, 1 still failing, 1 not there before"), "{page}");
    // What a report that is cut off does not tell stands as it was.
    let (_, third) = built("a- cut", 1);
    assert_eq!(change(&third), (Some(2), "|a|||?".to_owned()));
    let (_, fourth) = built("a+ b- c-", 1);
    assert_eq!(change(&fourth), (Some(3), "c|b|a||d".to_owned()));
    let (said, last) = built("a+ b+ c+", 0);
    assert_eq!(words(&last), "3 tests, 2 fixed", "{said}");
}

#[test]
fn changed_files_are_put_into_commands() {
    let mut place = Sealed::new();
    let url = place.master(
        r#"
web(listen = "127.0.0.1:0")
local_worker("here")
builder("b", workers = ["here"], steps = [
    steps.shell(["printf", "<%s>", "all", interpolate("{changed_files}")], name = "words"),
    steps.shell(interpolate("set -- {changed_files:*.py,*.md}; for f; do printf '[%s]' \"$f\"; done"), name = "text"),
    steps.shell(["printf", "<%s>", "none", interpolate("--file={changed_files:*.rs}"), interpolate("{changed_files:*.rs:-.}")], name = "none"),
    steps.shell("cat; echo \"$FILES\"", env = {"FILES": interpolate("{changed_files:*.md}")}, initial_stdin = interpolate("{changed_files:*.py}\n"), name = "lines"),
    steps.trial(trial = "echo", tests = ["all.test"], test_changes = True, report = None, name = "trial"),
    steps.set_property("p", interpolate("{changed_files}"), flunk_on_failure = False, name = "wrong"),
])
schedulers.single_branch("s", branch = "main", tree_stable_timer = None, builders = ["b"])
schedulers.force("force", builders = ["b"])
"#,
    );
    let files = ["a b.py", "-x.py", "$(touch pwned).md", "it's"];
    let change = ["sendchange", "--master", &url, "--branch", "main", "--who", "ada", "--comments", "c", "--"];
    place.run(&[&change[..], &files].concat()).passes();
    let ended = || document(&place, &url, "/api/v2/builds/1")["builds"][0]["complete"].as_bool() == Some(true);
    testkit::wait::wait_until("the build is over", ended);
    let log = |step: &str| place.run(&["log", "b/1", step, "--master", &url]).passes().out;
    assert!(log("words").contains("<all><$(touch pwned).md><./-x.py><a b.py><it's>"), "{}", log("words"));
    assert!(log("text").contains("[$(touch pwned).md][./-x.py][a b.py]"), "{}", log("text"));
    assert!(!log("text").contains("[it's]"));
    assert!(log("none").contains("<none><.>"), "{}", log("none"));
    assert!(log("lines").contains("./-x.py\na b.py\n$(touch pwned).md\n"), "{}", log("lines"));
    assert!(log("trial").contains("--testmodule=./-x.py --testmodule=a b.py\n"), "{}", log("trial"));
    let wrong = steps(&place, &url, 1).into_iter().find(|(name, ..)| name == "wrong").expect("it ran");
    let why = "changed files can stand in a command, in its environment and in its standard input only";
    assert_eq!((wrong.1, wrong.2.as_str()), (4, why));

    // Without changes, all tests are run.
    place.run(&["force", "b", "--wait", "--master", &url]);
    let trial = place.run(&["log", "b/2", "trial", "--master", &url]).passes().out;
    assert!(trial.contains("\n--reporter=bwverbose all.test\n"), "{trial}");
}
