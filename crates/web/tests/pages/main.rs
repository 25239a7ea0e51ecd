//! Every page, over a project with a past: it answers first, it shows nothing raw, and its buttons ask the master.

#![expect(clippy::unwrap_used, reason = "a project that cannot be made ends the test, and says where")]

mod alone;
mod facts;
mod fake;
mod gate;
mod history;
mod runs;
mod testruns;
mod train;

use axum::body::Body;
use axum::http::{Request as Ask, StatusCode};
use fake::Fake;
use model::{Query, Time};
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;
use web::Web;
use web::rest::auth::Anonymous;

const NOW: Time = Time(1_795_232_530_000_000);

struct Site {
    web: Web,
    fake: Arc<Fake>,
    router: axum::Router,
    _dir: TempDir,
}

struct Said {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Said {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The first heading, without its markup.
    fn sentence(&self) -> String {
        let from = self.text.find("<h1").map_or(0, |i| i + self.text[i..].find('>').unwrap() + 1);
        let to = self.text[from..].find("</h1>").map_or(from, |i| from + i);
        let mut out = String::new();
        let mut inside = true;
        for c in self.text[from..to].chars() {
            match c {
                '<' => inside = false,
                '>' => inside = true,
                c if inside => out.push(c),
                _ => {}
            }
        }
        out.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    }
}

impl Site {
    async fn new(anonymous: Anonymous) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (web, fake) = history::project(dir.path(), || NOW, anonymous).await;
        Self { router: web::router(web.clone()), web, fake, _dir: dir }
    }

    async fn ask(&self, ask: Ask<Body>) -> Said {
        let (parts, body) = self.router.clone().oneshot(ask).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Said { status: parts.status, headers: parts.headers, text }
    }

    async fn get(&self, path: &str) -> Said {
        self.ask(Ask::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, form: &str, headers: &[(&str, &str)]) -> Said {
        let mut ask = Ask::post(path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            ask = ask.header(*name, *value);
        }
        self.ask(ask.body(Body::from(form.to_owned())).unwrap()).await
    }
}

const PAGES: [&str; 23] = [
    "/",
    "/waterfall",
    "/waterfall?tag=unix",
    "/waterfall?builder=fuzz%20%3Cb%3E%26%E2%80%AE&before=1795000000",
    "/builders",
    "/builders?only=broken",
    "/builders/linux",
    "/builders/linux?before=20",
    "/builders/fuzz%20%3Cb%3E%26%E2%80%AE",
    "/builders/mac/53",
    "/builders/linux/60",
    "/builders/mac/53/steps/compile/logs/stdio",
    "/builders/linux/60/steps/3/logs/stdio",
    "/changes",
    "/changes/36",
    "/workers",
    "/workers/pi",
    "/queue",
    "/schedulers",
    "/gates",
    "/gates/trunk",
    "/requests/1",
    "/login?next=%2Fqueue&error=wrong",
];

#[tokio::test]
async fn every_page_is_a_document_that_shows_nothing_raw() {
    let site = Site::new(Anonymous::Acts).await;
    for path in PAGES {
        let said = site.get(path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}");
        assert!(said.text.starts_with("<!DOCTYPE html>"), "{path}");
        for raw in ["<img", "onerror=\"", "\0", "\u{202e}", "\x1b", " style=", "<style", "javascript:"] {
            // The favicon and the style sheets are links, not such.
            assert!(!said.text.contains(raw), "{path} has {raw:?}");
        }
        assert!(!said.text.contains("<script>"), "{path} has an inline script");
        assert_eq!(said.text.matches("<main").count(), 1, "{path}");
        assert_eq!(said.text.matches("<h1").count(), 1, "{path}");
        let policy = said.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        let most = if path.starts_with("/waterfall") { 400_000 } else { 140_000 };
        assert!(said.text.len() < most, "{path} is {} bytes", said.text.len());
    }
}

#[tokio::test]
async fn each_page_answers_first() {
    let site = Site::new(Anonymous::Acts).await;
    let mut told = String::new();
    for path in PAGES {
        told.push_str(&format!("{path}: {}\n", site.get(path).await.sentence()));
    }
    insta::assert_snapshot!(told, @r#"
    /: 3 builders are broken, 2 of them new
    /waterfall: 3 builders are red, 2 builds run
    /waterfall?tag=unix: 2 builders are red, 2 builds run
    /waterfall?builder=fuzz%20%3Cb%3E%26%E2%80%AE&before=1795000000: Up to Wed 18 Nov, 11:06
    /builders: 5 builders, 3 broken
    /builders?only=broken: 3 builders, 3 broken
    /builders/linux: linux is broken since build 58, 1 h ago
    /builders/linux?before=20: linux is broken since build 58, 1 h ago
    /builders/fuzz%20%3Cb%3E%26%E2%80%AE: fuzz <b>&� is broken since build 15, 39 min ago
    /builders/mac/53: Failed in compile after 22 s: deflate.c:1673:18: error: 'used' undeclared (first use in this function)
    /builders/linux/60: Running test, 37 s to 1 min left
    /builders/mac/53/steps/compile/logs/stdio: compile failed after 17 s
    /builders/linux/60/steps/3/logs/stdio: test runs for 4 s
    /changes: The last change came 48 s ago, by Mark Adler
    /changes/36: <img src=x onerror=alert(1)>�gpj�␛[31m&quot;'&
    /workers: 1 of 4 workers is away
    /workers/pi: pi is away for 2 h
    /queue: 3 requests wait, the oldest for 2 min
    /schedulers: 1 scheduler waits for something to happen
    /gates: 3 changes wait to land
    /gates/trunk: 3 changes wait to land, the first in 4 min
    /requests/1: Request 1 passed 11 d ago
    /login?next=%2Fqueue&error=wrong: Log in
    "#);
}

#[tokio::test]
async fn a_step_tells_what_it_found() {
    let site = Site::new(Anonymous::Acts).await;
    let said = site.get("/builders/mac/53").await;
    assert!(said.text.contains("3 warnings"), "{}", said.text);
    assert!(said.text.contains("href=\"https://example.org/coverage\"") && !said.text.contains("a trap"));
    // The address of a trap is no link; a hidden step is named apart from the others.
    assert!(said.text.contains("Left out: "));
    let failed = said_of_a_failing_test(&site).await;
    assert!(failed.contains("163 tests, 1 failed (new), 1 fixed, 2 skipped"), "{failed}");
    assert!(failed.contains("inflate_window&lt;img src=x&gt;") && failed.contains("after 1.5 s"));
    assert!(failed.contains("expected 32768, got 0"));
    let words: String = failed.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    assert!(words.contains("Beside build 57: 1 newly failing, 1 fixed, 1200 gone"), "{words}");
    assert!(failed.contains("href=\"/builders/linux/57\"") && words.contains("after 1.5 s new"), "{words}");
    assert!(words.contains("1 fixedcrc32 \u{fffd}&lt;b&gt;1200 goneadler321199 more"), "{words}");
}

#[tokio::test]
async fn locks_are_shown_with_holders_and_queue() {
    let site = Site::new(Anonymous::Acts).await;
    let said = site.get("/queue").await.text;
    let words: String = said.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    assert!(words.contains("database room for 2 holders"), "{words}");
    assert!(words.contains("held by linux #60 in test for 1 min"), "{words}");
    assert!(words.contains("1 waits: request 1 of fuzz &lt;b&gt;&amp; alone for 15 s"), "{words}");
    assert!(words.contains("licence room for 2 holders free"), "{words}");
    assert!(said.contains("href=\"/builders/linux/60\""));
}

#[tokio::test]
async fn a_scheduler_is_turned_off_by_its_button() {
    let site = Site::new(Anonymous::Acts).await;
    let page = site.get("/schedulers").await.text;
    assert!(page.contains("action=\"/schedulers/force/disable\""), "{page}");
    let said = site.post("/schedulers/force/disable", "", &[]).await;
    assert_eq!((said.status, said.header("location")), (StatusCode::SEE_OTHER, "/schedulers"));
    assert_eq!(site.post("/schedulers/nobody/disable", "", &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.post("/schedulers/force/explode", "", &[]).await.status, StatusCode::NOT_FOUND);
}

/// The newest build of linux that failed in its tests.
async fn said_of_a_failing_test(site: &Site) -> String {
    for number in (1..60).rev() {
        let said = site.get(&format!("/builders/linux/{number}")).await;
        if said.sentence().starts_with("Failed in test") {
            return said.text;
        }
    }
    panic!("no build of linux failed in its tests");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let site = Site::new(Anonymous::Acts).await;
    let cases = [
        "/nope",
        "/builders/nobody",
        "/builders/linux/999",
        "/builders/linux/x%00y",
        "/builders/linux/9999999999999999999999",
        "/builders/mac/53/steps/none/logs/stdio",
        "/builders/mac/53/steps/compile/logs/none",
        "/builders/mac/53/steps/compile/logs/none/lines",
        "/changes/0",
        "/changes/-1",
        "/workers/nobody",
        "/requests/123456",
        "/assets/0/..%2fCargo.toml",
    ];
    for path in cases {
        let said = site.get(path).await;
        assert_eq!(said.status, StatusCode::NOT_FOUND, "{path}: {}", said.text);
    }
    let said = site.get("/builders/linux/x%00y").await;
    assert_eq!(said.sentence(), "There is no build x␀y");
}

#[tokio::test]
async fn a_log_is_shown_by_windows() {
    let site = Site::new(Anonymous::Acts).await;
    let log = "/builders/mac/53/steps/compile/logs/stdio";
    let page = site.get(log).await.text;
    assert!(page.contains("data-lines=\"168\"") && page.contains("data-hit=\"164\""), "{page}");
    assert!(page.contains("id=\"L1\"") && page.contains("id=\"L168\""));
    let piece = site.get(&format!("{log}/lines?from=162&count=2")).await;
    insta::assert_snapshot!(piece.text, @r##"<div class="l e" id="L163"><a href="#L163">163</a><code>deflate.c: In function 'deflate_stored':</code></div><div class="l e" id="L164"><a href="#L164">164</a><code>deflate.c:1673:18: error: 'used' undeclared (first use in this function)</code></div>"##);
    assert_eq!(site.get(&format!("{log}/lines?from=99999")).await.text, "");
    let whole = site.get(&format!("{log}/lines?from=0&count=999999999")).await.text;
    assert_eq!(whole.matches("<div").count(), 168);
}

#[tokio::test]
async fn growth_is_told_until_the_end() {
    let site = Site::new(Anonymous::Acts).await;
    let said = site.get("/builders/mac/53/steps/compile/logs/stdio/growth").await;
    assert_eq!(said.header("content-type"), "text/event-stream");
    let data = said.text.lines().find_map(|l| l.strip_prefix("data: ")).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((data["lines"].as_i64(), data["sealed"].as_bool()), (Some(168), Some(true)));
}

#[tokio::test]
async fn buttons_ask_the_master_and_send_on() {
    let site = Site::new(Anonymous::Acts).await;
    let waiting = site.web.store.requests(&Query::default().eq("complete", false).eq("claimed", false)).await.unwrap();
    let waiting = waiting.rows[0].id;
    let cases = [
        ("/builders/linux/force".to_owned(), "reason=why+not", "/builders/linux"),
        ("/builders/linux/60/stop".to_owned(), "", "/builders/linux/60"),
        ("/builders/mac/53/rebuild".to_owned(), "", "/requests/9001"),
        (format!("/requests/{waiting}/cancel"), "next=%2Fqueue", "/queue"),
        (format!("/requests/{waiting}/cancel"), "next=%2F%2Fevil.example", &format!("/requests/{waiting}")),
        ("/workers/here/pause".to_owned(), "reason=fan", "/workers/here"),
        ("/workers/here/resume".to_owned(), "", "/workers/here"),
    ];
    for (path, form, next) in cases {
        let said = site.post(&path, form, &[]).await;
        assert_eq!((said.status, said.header("location")), (StatusCode::SEE_OTHER, next), "{path}: {}", said.text);
    }
    let asked = site.fake.asked.lock().unwrap().join("\n").replace(&waiting.to_string(), "N");
    insta::assert_snapshot!(asked, @r##"
    force [BuilderId(1)] why not by a visitor
    stop 222: stopped by a visitor
    rebuild 198: rebuilt by a visitor
    cancel N: cancelled by a visitor
    cancel N: cancelled by a visitor
    pause 1: Some("fan")
    pause 1: None
    "##);
    let wrong = site.post("/builders/linux/force", "branch=none", &[]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("branch: there is no branch none"), "{}", wrong.text);
    for path in ["/builders/linux/60/dance", "/workers/here/dance", "/builders/nobody/force"] {
        assert_eq!(site.post(path, "", &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn acts_need_a_login_and_our_own_page() {
    let site = Site::new(Anonymous::Reads).await;
    let page = site.get("/builders/linux").await.text;
    assert!(page.contains("/login?next=%2Fbuilders%2Flinux") && !page.contains("action=\"/builders/linux/force\""));
    let path = "/builders/linux/force";
    let said = site.post(path, "", &[]).await;
    assert_eq!(said.status, StatusCode::SEE_OTHER);
    assert_eq!(said.header("location"), "/login?error=denied&next=%2Fbuilders%2Flinux");
    let login = site.post("/auth/login", "user=ann&password=secret&next=%2Fbuilders%2Flinux", &[]).await;
    assert_eq!(login.header("location"), "/builders/linux");
    let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
    let foreign = site.post(path, "", &[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(site.fake.asked.lock().unwrap().is_empty());
    let said = site.post(path, "reason=x", &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!((said.status, said.header("location")), (StatusCode::SEE_OTHER, "/builders/linux"));
    assert!(site.fake.asked.lock().unwrap()[0].ends_with("x by ann"));
    let ask = Ask::get(path.trim_end_matches("/force")).header("cookie", cookie).body(Body::empty()).unwrap();
    assert!(site.ask(ask).await.text.contains("Log out"));
}

#[tokio::test]
async fn a_thousand_builders_fit_on_a_page() {
    let site = Site::new(Anonymous::Acts).await;
    history::crowd(&site.web, 1000, NOW).await;
    let cases = [("/", 100_000), ("/builders", 2_000_000), ("/waterfall", 1_000_000), ("/changes", 300_000)];
    for (path, most) in cases {
        let said = site.get(path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}");
        assert!(said.text.len() < most, "{path} has {} bytes", said.text.len());
    }
    let home = site.get("/").await;
    assert_eq!(home.sentence(), "103 builders are broken, 102 of them new");
    assert!(home.text.contains("91 more broken builders"), "{}", home.text);
}

#[tokio::test]
async fn the_page_of_a_log_that_is_cut_short_says_so() {
    let site = Site::new(Anonymous::Acts).await;
    let page = async || site.get("/builders/linux/60/steps/3/logs/stdio").await.text;
    assert!(!page().await.contains("cut short"), "it grows");
    let build = site.web.store.builds_bare(&model::Query::default()).await.unwrap().rows;
    let build = build.iter().find(|b| b.builder.0 == 1 && b.number == 60).unwrap().id;
    let logs = site.web.store.logs_of_build(build).await.unwrap();
    let open = logs.iter().find(|l| l.status == model::LogStatus::Open).unwrap();
    let lines = site.web.logs.facts(build, open.id).await.unwrap().lines;
    let sealed = model::Transition::LogSealed { log: open.id, lines: 9_000, bytes: 1_000_000, crc32: 1 };
    site.web.store.commit(vec![sealed]).await.unwrap();
    let text = page().await;
    assert!(text.contains("This log is cut short: <bdi>it has 1000000 bytes, and "), "{text}");
    // It ends where its bytes end: there is no way to pages of lines that are not here.
    assert!(text.contains(&format!("data-lines=\"{lines}\"")) && !text.contains("rel=\"next\""), "{text}");
    assert!(text.contains("data-growing=\"no\""));
}
