//! Forty requests of three priorities for two workers, and a lock of two places on a step.

use crate::shows::Yard;
use crate::steps::document;
use serde_json::Value;
use std::collections::BTreeSet;

const CONFIG: &str = r#"
web(listen = "127.0.0.1:0")
worker("one", password = "x", max_builds = 2)
worker("two", password = "x", max_builds = 2)
licence = locks.master("licence", max_count = 2)
builder("b", workers = ["one", "two"], collapse = False, steps = [
    steps.shell(interpolate("work first {buildnumber}"), name = "first"),
    steps.shell(interpolate("work locked {buildnumber}"), name = "locked", locks = [licence]),
])
schedulers.force("force", builders = ["b"])
"#;

const REQUESTS: usize = 40;
const AT_ONCE: usize = 4;

/// What the interface says at a moment in which nothing moves, and what was asked of it.
struct Town<'t> {
    yard: &'t Yard,
    url: &'t str,
    asked: usize,
}

impl Town<'_> {
    fn list(&self, path: &str, what: &str) -> Vec<Value> {
        document(&self.yard.place, self.url, path)[what].as_array().expect("a list").clone()
    }

    /// All requests in the order of the rule: by priority, as all came within ten minutes, and then by id.
    fn in_order(&self) -> Vec<i64> {
        let mut all = self.list("/api/v2/buildrequests?limit=1000", "buildrequests");
        all.sort_by_key(|r| (-r["priority"].as_i64().unwrap_or(0), r["buildrequestid"].as_i64()));
        all.iter().filter_map(|r| r["buildrequestid"].as_i64()).collect()
    }

    fn running(&self) -> BTreeSet<i64> {
        let builds = self.list("/api/v2/builds?complete=false", "builds");
        builds.iter().filter_map(|b| b["buildid"].as_i64()).collect()
    }

    /// Asks for every waiting request why it waits and holds the answer against the facts; some of them are asked with
    /// the program too.
    fn all_reasons_are_true(&mut self, waiting: &[i64], sentence: &str) {
        let running = self.running();
        let facts: Vec<_> = self.list("/api/v2/buildrequests?claimed=false&limit=1000", "buildrequests");
        let unclaimed: BTreeSet<_> = facts.iter().filter_map(|r| r["buildrequestid"].as_i64()).collect();
        assert_eq!(unclaimed, waiting.iter().copied().collect(), "these wait");
        for (ahead, id) in waiting.iter().enumerate() {
            let why = document(&self.yard.place, self.url, &format!("/api/v2/buildrequests/{id}/why"));
            self.asked += 1;
            let text = why["sentence"].as_str().expect("a sentence");
            assert!(why["waits"] == true && text.contains(sentence), "{why}");
            let ids = |key: &str| -> BTreeSet<i64> {
                why[key].as_array().expect("a list").iter().filter_map(Value::as_i64).collect()
            };
            if !running.is_empty() && sentence == "busy" {
                assert_eq!(ids("builds"), running, "the builds that keep the workers busy: {why}");
                assert_eq!(why["ahead"], ahead, "those that go before it: {why}");
            }
            assert_eq!(why["workers"], serde_json::json!(["one", "two"]), "{why}");
            if [0, 1, waiting.len() - 1].contains(&ahead) {
                let said = self.yard.place.run(&["why", &id.to_string(), "--master", self.url]).passes().out;
                // The expected end of a build moves with the clock; the reason before it does not.
                let same = said.contains(&format!("request {id} waits: ")) && said.contains(sentence);
                assert!(same, "{said} against {text}");
                self.asked += 1;
            }
        }
    }

    /// The builds whose step `first` has ended, out of those that run.
    fn ready(&self, build: u64) -> bool {
        let steps = self.yard.steps(self.url, "b", u32::try_from(build).expect("a small number"));
        steps.first().is_some_and(|(_, results)| *results == Some(0))
    }
}

#[test]
fn forty_requests_two_workers_and_a_lock_of_two() {
    let mut yard = Yard::new();
    let url = yard.place.master(CONFIG);
    for n in 0..REQUESTS {
        let (priority, reason) = ([0, 5, -3][n % 3].to_string(), format!("number {n}"));
        yard.force(&url, &["b", "--priority", &priority, "--reason", &reason]);
    }
    let mut town = Town { yard: &yard, url: &url, asked: 0 };
    let order = town.in_order();
    assert_eq!(order.len(), REQUESTS);
    town.all_reasons_are_true(&order, "connected");
    let asked = town.asked;
    for worker in ["one", "two"] {
        yard.place.worker(&url, worker, "x");
    }
    let mut town = Town { yard: &yard, url: &url, asked };
    testkit::wait_until("four work", || yard.inside(&["first"]).len() == AT_ONCE);

    // They come to the lock in an order of their own: 3, 1, 4, 2; and everybody after them one by one.
    let mut line: Vec<u64> = Vec::new();
    for number in [3, 1, 4, 2] {
        yard.open(&format!("first-{number}"));
        testkit::wait_until("its first step has ended", || town.ready(number));
        line.push(number);
    }
    for next in 5..=REQUESTS + AT_ONCE {
        let inside: Vec<String> = line.iter().take(2).map(u64::to_string).collect();
        yard.wait_inside(&["locked"], &inside.iter().map(String::as_str).collect::<Vec<_>>());
        town.all_reasons_are_true(order.get(next - 1..).unwrap_or_default(), "busy");
        let leaves = line.remove(0);
        yard.open(&format!("locked-{leaves}"));
        if next <= REQUESTS {
            yard.wait_inside(&["first"], &[&next.to_string()]);
            yard.open(&format!("first-{next}"));
            let next = u64::try_from(next).expect("a small number");
            testkit::wait_until("its first step has ended", || town.ready(next));
            line.push(next);
        }
    }
    let mut builds = yard.wait_passed(&url, REQUESTS);
    builds.sort_by_key(|b| b["number"].as_i64());
    let built: Vec<_> = builds.iter().filter_map(|b| b["buildrequestid"].as_i64()).collect();
    assert_eq!(built, order, "builds were begun in the order of the rule");
    assert_eq!(yard.most(|m| m.kind == "locked"), 2, "the lock has two places");
    assert_eq!(yard.intervals("locked").len(), REQUESTS);
    assert_eq!(yard.trace().len(), REQUESTS * 4);
    assert_eq!(town.asked, 40 + 3 + reasons(), "every waiting request was asked at every moment");
}

/// How often is asked while workers are busy: of 36, 35, … 1 waiting requests, and of three of each with the program.
fn reasons() -> usize {
    (1..=REQUESTS - AT_ONCE).map(|waiting| waiting + waiting.min(3)).sum()
}
