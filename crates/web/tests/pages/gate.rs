//! The pages of gates: the train, the reasons, the buttons.

use crate::{NOW, Site, train};
use axum::http::StatusCode;
use model::GateView;
use web::rest::auth::Anonymous;

#[tokio::test]
async fn the_train_is_drawn_and_each_decision_has_its_reason() {
    let site = Site::new(Anonymous::Acts).await;
    let said = site.get("/gates").await;
    assert_eq!(said.sentence(), "3 changes wait to land");
    assert!(said.text.contains("href=\"/gates/trunk\""));
    let said = site.get("/gates/trunk").await;
    assert_eq!(said.sentence(), "3 changes wait to land, the first in 4 min");
    assert!(said.text.contains("data-listen=\"gates/trunk/* builds/*/*\""));
    // A row for each tree; a mark where a change is on it: trial 8 has two, between one that has not joined.
    let row = |id: i64| {
        let from = said.text.find(&format!("id=\"trial-{id}\"")).unwrap();
        let row = &said.text[from..from + said.text[from..].find("</tr>").unwrap()];
        row.split("<td class=\"car\">").skip(1).map(|cell| cell.starts_with("<span class=\"sign\"")).collect::<Vec<_>>()
    };
    assert_eq!((row(7), row(8), row(3)), (vec![false, true, false], vec![false, true, true], vec![true, false, false]));
    // What failed leads to its build, and so to its logs.
    assert!(said.text.contains("href=\"/builders/linux/1\""), "{}", said.text);
    // A column says when its change may land, and a trial how far it is.
    let foot = &said.text[said.text.find("<tr class=\"lands\">").unwrap()..];
    let foot = &foot[..foot.find("</tr>").unwrap()];
    assert!(foot.contains("in 4 min") && foot.contains("in 5 min") && foot.contains("left"), "{foot}");
    assert_eq!(said.text.matches("class=\"pace\"").count(), 2);
    // What was given up says why, and is where decisions lead to.
    let reset = &said.text[said.text.find("<li id=\"trial-4\">").unwrap()..];
    assert!(reset[..reset.find("</li>").unwrap()].contains("2 will not land, so neither will this tree"));
    assert!(said.text.contains("href=\"#trial-4\""));
    let newest = said.text.find("unit failed; without it").unwrap();
    assert!(newest < said.text.find("landed by trial 1").unwrap());
    assert_eq!(said.text.matches("/candidates/6/approve\"").count(), 1);
    assert!(!said.text.contains("/candidates/4/approve\""));
}

#[tokio::test]
async fn a_gate_says_when_it_is_halted_and_when_nothing_waits() {
    let site = Site::new(Anonymous::Acts).await;
    let mut gate = train::view(NOW);
    gate.halted = Some("the branch lost commits".to_owned());
    *site.fake.gates.lock().unwrap() = vec![gate.clone()];
    let said = site.get("/gates/trunk").await;
    assert_eq!(said.sentence(), "Halted: the branch lost commits");
    assert!(said.text.contains("action=\"/gates/trunk/resume\""));
    *site.fake.gates.lock().unwrap() = vec![GateView { line: Vec::new(), trials: Vec::new(), halted: None, ..gate }];
    let said = site.get("/gates/trunk").await;
    assert_eq!(said.sentence(), "Nothing waits to land on main");
    assert!(said.text.contains("sluice land --gate trunk --wait"));
    site.fake.gates.lock().unwrap().clear();
    assert!(site.get("/gates").await.text.contains("gate(&quot;trunk&quot;"));
    assert_eq!(site.get("/gates/trunk").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_buttons_of_a_gate_ask_the_master() {
    let site = Site::new(Anonymous::Acts).await;
    for (path, then) in [
        ("/gates/trunk/candidates/6/approve", StatusCode::SEE_OTHER),
        ("/gates/trunk/candidates/6/withdraw", StatusCode::SEE_OTHER),
        ("/gates/trunk/resume", StatusCode::SEE_OTHER),
        ("/gates/trunk/candidates/6/dance", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(site.post(path, "", &[]).await.status, then, "{path}");
    }
    let asked = site.fake.asked.lock().unwrap().join("\n");
    insta::assert_snapshot!(asked, @"
    trunk: Approve(6) by a visitor
    trunk: Withdraw(6) by a visitor
    trunk: Resume by a visitor
    ");
    let site = Site::new(Anonymous::Reads).await;
    let said = site.post("/gates/trunk/candidates/6/approve", "", &[]).await;
    assert!(said.header("location").starts_with("/login?error=denied"), "{}", said.header("location"));
    assert!(site.fake.asked.lock().unwrap().is_empty());
}
