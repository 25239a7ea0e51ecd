//! The pages of runs of tests, and their REST: what failed comes first, every item has a cell and an address.

use crate::testruns::{COMBINATIONS, fill, many};
use crate::{NOW, Site};
use axum::http::StatusCode;
use web::rest::auth::Anonymous;

async fn filled() -> (Site, tempfile::TempDir) {
    let site = Site::new(Anonymous::Acts).await;
    let dir = tempfile::tempdir().unwrap();
    fill(&site.web, dir.path(), NOW).await;
    (site, dir)
}

const PAGES: [&str; 15] = [
    "/tests",
    "/tests/12",
    "/tests/12?only=FAIL",
    "/tests/24",
    "/tests/25",
    "/tests/26",
    "/tests/12/item?test=build&path=O3%2Fshared",
    "/tests/12/item?test=check&path=O3%2Fshared",
    "/tests/12/item?test=check&path=O0%2Fshared",
    "/tests/12/item?test=size&path=O0%2Fstatic",
    "/tests/25/item?test=build&path=O0%2Fstatic",
    "/tests/12/file?test=build&path=O3%2Fshared&attempt=1&file=make.log",
    "/tests/history?area=zlib&target=linux%2Fgcc&test=check",
    "/tests/history?area=zlib&target=linux%2Fgcc&test=check&path=sanitize%2Fshared",
    "/tests/11/diff/12",
];

#[tokio::test]
async fn each_page_of_a_run_answers_first() {
    let (site, _dir) = filled().await;
    let mut told = String::new();
    for path in PAGES {
        let said = site.get(path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}: {}", said.text);
        for raw in ["<img", "onerror=\"", "\0", "\u{202e}", "\x1b", " style=", "<style", "javascript:", "<script>"] {
            assert!(!said.text.contains(raw), "{path} has {raw:?}");
        }
        assert_eq!(said.text.matches("<h1").count(), 1, "{path}");
        assert!(said.text.len() < 60_000, "{path} is {} bytes", said.text.len());
        told.push_str(&format!("{path}: {}\n", said.sentence()));
    }
    insta::assert_snapshot!(told, @r#"
    /tests: Tests of 2 of 4 targets are red
    /tests/12: 3 of 34 items failed, first build(O3/shared): make ended with exit code 2
    /tests/12?only=FAIL: 3 of 34 items failed, first build(O3/shared): make ended with exit code 2
    /tests/24: Nothing failed of 34 items in 4 min 16 s, 1 only when tried again
    /tests/25: 25 of 34 items to go, none has failed · for 31 s
    /tests/26: 2 of 2 items failed, first <img src=x onerror=alert(1)>�gpj␀␛[31m&quot;'&(<img src=x onerror=alert(1)>�gpj␀␛[31m&quot;'&): <img src=x onerror=alert(1)>�gpj␀␛[31m&quot;'&
    /tests/12/item?test=build&path=O3%2Fshared: build(O3/shared) failed in make after 25 s: make ended with exit code 2
    /tests/12/item?test=check&path=O3%2Fshared: check(O3/shared) could not run: build failed
    /tests/12/item?test=check&path=O0%2Fshared: check(O0/shared) passed after 40 s, when it was tried again
    /tests/12/item?test=size&path=O0%2Fstatic: size(O0/static) failed in make after 5.0 s: size/lib: 178 kB, where at most 160 is wanted
    /tests/25/item?test=build&path=O0%2Fstatic: build(O0/static) runs for 9 s
    /tests/12/file?test=build&path=O3%2Fshared&attempt=1&file=make.log: build(O3/shared): make.log
    /tests/history?area=zlib&target=linux%2Fgcc&test=check: check: 4 of 8 items failed in some run, 5 flaky
    /tests/history?area=zlib&target=linux%2Fgcc&test=check&path=sanitize%2Fshared: check(sanitize/shared) failed in 4 of 12 runs, flaky in 58 %
    /tests/11/diff/12: 3 worse, 3 bad in both, 1 better, 27 as they were
    "#);
}

#[tokio::test]
async fn before_the_first_run_the_page_says_how_to_begin() {
    let site = Site::new(Anonymous::Acts).await;
    let said = site.get("/tests").await;
    assert_eq!(said.sentence(), "No test has run yet");
    assert!(said.text.contains("sluice tests run"));
    for missing in
        ["/tests/1", "/tests/x", "/tests/1/item?test=a", "/tests/1/diff/2", "/tests/history?area=a&target=b&test=c"]
    {
        assert_eq!(site.get(missing).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn a_run_is_a_matrix_with_shape_colour_and_word() {
    let (site, _dir) = filled().await;
    let page = site.get("/tests/12").await.text;
    assert_eq!(page.matches("/item?test=check&amp;path=").count() + page.matches("/item?test=check\"").count(), 8 + 2);
    for path in COMBINATIONS {
        assert!(page.contains(&format!("<th scope=\"row\">{path}</th>")), "{path}");
    }
    for cell in [
        "<td class=\"failed\"><a href=\"12/item?test=build&amp;path=O3%2Fshared\" title=\"FAIL, 25 s\">FAIL</a></td>",
        "<td class=\"cancelled\"><a href=\"12/item?test=check&amp;path=O3%2Fshared\" title=\"PREQ_FAIL\">PREQ_FAIL</a></td>",
        ">PASS, flaky</a>",
        "<td class=\"warnings\"><a href=\"12/item?test=check&amp;path=sanitize%2Fshared\"",
        ">FAIL, excused</a>",
        "<td class=\"exception\"><a href=\"12/item?test=check&amp;path=sanitize%2Fstatic\"",
    ] {
        assert!(page.contains(cell), "{cell}\n{page}");
    }
    assert!(page.contains("What failed") && page.contains("2 items could not run because of it"), "{page}");
    assert!(page.contains("<a href=\"/tests/11/diff/12\">Compare with"), "{page}");
    let failed = site.get("/tests/12?only=FAIL").await.text;
    assert_eq!(failed.matches("<li>").count(), 3, "{failed}");
}

#[tokio::test]
async fn an_item_shows_where_it_broke() {
    let (site, _dir) = filled().await;
    let page = site.get("/tests/12/item?test=build&path=O3%2Fshared").await.text;
    assert!(page.contains("deflate.c:1673:18: error:") && page.contains("class=\"l hit\" id=\"L2\""), "{page}");
    assert!(page.contains("make.log, line 2") || page.contains("make.log</bdi>, line 2"), "{page}");
    assert!(page.contains("./rerun.sh") && page.contains("exit code 2"), "{page}");
    let size = site.get("/tests/12/item?test=size&path=O0%2Fstatic").await.text;
    assert!(size.contains("1 value is not as expected") && size.contains("178") && size.contains("160"), "{size}");
    let flaky = site.get("/tests/12/item?test=check&path=O0%2Fshared").await.text;
    assert!(flaky.contains("2 attempts"), "{flaky}");
}

#[tokio::test]
async fn only_what_was_named_as_a_log_is_shown() {
    let (site, dir) = filled().await;
    let at = "/tests/12/file?test=build&path=O3%2Fshared&attempt=1&file=";
    let page = site.get(&format!("{at}make.log")).await.text;
    assert!(page.contains("&lt;b&gt;") && page.contains("3 lines"), "{page}");
    std::fs::write(dir.path().join("secret"), "s").unwrap();
    for other in ["rerun.sh", "..%2Fsecret", "%2Fetc%2Fpasswd"] {
        assert_eq!(site.get(&format!("{at}{other}")).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    // A file that is gone is told of, and the page stands.
    let gone = site.get("/tests/11/file?test=build&path=O3%2Fshared&attempt=1&file=make.log").await;
    assert_eq!(gone.status, StatusCode::OK);
    assert!(gone.text.contains("is not on this machine, or not there any more"), "{}", gone.text);
}

#[tokio::test]
async fn the_past_of_a_test_is_a_map_with_the_worst_first() {
    let (site, _dir) = filled().await;
    let page = site.get("/tests/history?area=zlib&target=linux%2Fgcc&test=check").await.text;
    let place = |path: &str| page.find(&format!("path={}\"", path.replace('/', "%2F"))).unwrap();
    assert!(place("sanitize/shared") < place("O3/shared"), "4 of 12 before 2 of 12");
    assert!(place("O3/shared") < place("O0/static"), "what never failed comes last");
    assert!(page.contains("4 of 12") && page.contains(" %"), "{page}");
    assert_eq!(page.matches("<td class=").count(), 12 * 8 + 8 * 3, "a cell for each item in each run, and three sums");
}

#[tokio::test]
async fn two_runs_stand_side_by_side() {
    let (site, _dir) = filled().await;
    let page = site.get("/tests/11/diff/12").await.text;
    for part in [">WORSE", ">BOTH-BAD", ">BETTER", "WORSE", "items are as they were"] {
        assert!(page.contains(part) || page.contains(&part[1..]), "{part}\n{page}");
    }
    let whole = site.get("/tests/11/diff/12?only=all").await.text;
    assert!(whole.contains("CLEAN"), "{whole}");
}

#[tokio::test]
async fn rest_has_runs_items_differences_and_the_past() {
    let (site, _dir) = filled().await;
    let json = async |path: &str| {
        let said = site.get(path).await;
        assert_eq!(said.status, StatusCode::OK, "{path}: {}", said.text);
        serde_json::from_str::<serde_json::Value>(&said.text).unwrap()
    };
    let runs = json("/api/v2/testruns?state=red&order=-started_at&limit=1").await;
    assert_eq!(runs["testruns"][0]["testrunid"], 12);
    assert_eq!(runs["testruns"][0]["totals"]["bad"], 5);
    let one = json("/api/v2/testruns/25?field=state&field=name").await;
    assert_eq!(one["testruns"][0], serde_json::json!({"state": "running", "name": "now"}));
    let items = json("/api/v2/testruns/12/items?class=bad&quarantined=false&test=build").await;
    assert_eq!(items["meta"]["total"], 1);
    let item = &items["items"][0];
    assert_eq!((&item["path"], &item["steps"][0]["exit"]), (&"O3/shared".into(), &2.into()));
    let diff = json("/api/v2/testruns/11/diff/12").await;
    let changes = |word: &str| diff["differences"].as_array().unwrap().iter().filter(|d| d["change"] == word).count();
    assert_eq!((changes("WORSE"), changes("BETTER"), changes("BOTH-BAD")), (3, 1, 3));
    assert_eq!(changes("CLEAN"), 34 - 7);
    let past = json("/api/v2/testhistory?area=zlib&target=linux/gcc&test=build&path=O3/shared&limit=3").await;
    let statuses: Vec<_> = past["history"].as_array().unwrap().iter().map(|p| p["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["FAIL", "FAIL", "PASS"]);
    for (path, status) in [
        ("/api/v2/testruns/99", StatusCode::NOT_FOUND),
        ("/api/v2/testruns/99/items", StatusCode::NOT_FOUND),
        ("/api/v2/testruns/12/diff/99", StatusCode::NOT_FOUND),
        ("/api/v2/testhistory?area=zlib", StatusCode::BAD_REQUEST),
        ("/api/v2/testhistory?area=a&test=b&limit=x", StatusCode::BAD_REQUEST),
        ("/api/v2/testruns?nothing=1", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(site.get(path).await.status, status, "{path}");
    }
}

/// A cell for every item, in a page that stays small: what a matrix does not show is not read.
#[tokio::test]
async fn ten_thousand_items_are_one_page() {
    let site = Site::new(Anonymous::Acts).await;
    many(&site.web.store, 1, 10_000, NOW).await;
    let said = site.get("/tests/1").await;
    assert_eq!(said.status, StatusCode::OK);
    assert_eq!(said.text.matches("<td class=").count(), 10_000);
    assert!(said.text.len() < 1_200_000, "{} bytes", said.text.len());
    assert_eq!(
        said.sentence(),
        "11 of 10\u{202f}000 items failed, first test05(item.0/part.0): make ended with exit code 2"
    );
    let listed = site.get("/tests/1?only=PASS").await.text;
    assert!(listed.len() < 1_000_000 && listed.contains("and 7989 more items"), "{} bytes", listed.len());
}

#[tokio::test]
async fn what_an_item_waits_for_has_its_page() {
    let (site, _dir) = filled().await;
    let table = [
        (
            "check&path=O3%2Fshared",
            "/tests/12/item?test=build&amp;path=O3%2Fshared",
            "<bdi>build</bdi><span class=\"path\">(<bdi>O3/shared</bdi>)</span>",
        ),
        // An item map may lead to another item.
        (
            "size&path=O3%2Fshared",
            "/tests/12/item?test=build&amp;path=O3%2Fstatic",
            "<bdi>build</bdi><span class=\"path\">(<bdi>O3/static</bdi>)</span>",
        ),
        ("summary", "/tests/history?area=zlib&amp;target=linux%2Fgcc&amp;test=check", "<bdi>check</bdi>"),
    ];
    for (item, at, name) in table {
        let said = site.get(&format!("/tests/12/item?test={item}")).await;
        let link = format!("<dt>Waits for</dt><dd><a href=\"{at}\">{name}</a></dd>");
        assert!(said.text.contains(&link), "{item} has no {link}: {}", said.text);
        assert_eq!(site.get(&at.replace("&amp;", "&")).await.status, StatusCode::OK, "{at}");
    }
}
