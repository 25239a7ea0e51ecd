//! Tables of times: what they say, when clocks are changed as well, and what schedulers make of them.

use super::place::{function, hear, idle, of_b, reasons, restart, revisions, said, sets, town_in};
use crate::town::{Town, change};
use engine::scheduler::{Switch, Table, check, enable};
use model::{Config, Follow, NewChange, SchedulerKind, Span, Time};
use proptest::prelude::*;

fn at(text: &str) -> Time {
    Time(text.parse::<jiff::Timestamp>().expect("a time").as_microsecond())
}

fn utc(time: Time) -> String {
    jiff::Timestamp::from_microsecond(time.0).expect("a time").to_string()
}

/// The next times of a table, as UTC.
fn next(table: &str, zone: &str, after: &str, many: usize) -> Vec<String> {
    let table = Table::read(table, zone).expect("a table");
    let mut times = Vec::new();
    let mut after = at(after);
    while let Some(time) = table.next(after).filter(|_| times.len() < many) {
        times.push(utc(time));
        after = time;
    }
    times
}

#[test]
fn what_a_table_says() {
    let table = [
        ("0 3 * * *", "2026-03-01T03:00:00Z", "2026-03-02T03:00:00Z"),
        ("0 3 * * *", "2026-03-01T02:59:59.999999Z", "2026-03-01T03:00:00Z"),
        ("*/15 * * * *", "2026-03-01T02:46:00Z", "2026-03-01T03:00:00Z"),
        ("5,50 8-9 * * *", "2026-03-01T08:50:00Z", "2026-03-01T09:05:00Z"),
        ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 1 1 *", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("0 0 * * 0", "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"),
        ("0 0 * * 7", "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"),
        ("0 0 * * mon-fri", "2026-03-06T00:00:00Z", "2026-03-09T00:00:00Z"),
        ("0 0 13 * 5", "2026-03-01T00:00:00Z", "2026-03-06T00:00:00Z"),
        ("0 0 13 * 5", "2026-03-10T00:00:00Z", "2026-03-13T00:00:00Z"),
        ("0 12 24 dec *", "2026-03-01T00:00:00Z", "2026-12-24T12:00:00Z"),
        ("@daily", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
        ("  0   3  *  *  * ", "2026-03-01T03:00:00Z", "2026-03-02T03:00:00Z"),
    ];
    for (text, after, expected) in table {
        assert_eq!(next(text, "UTC", after, 1), [expected], "{text} after {after}");
    }
}

#[test]
fn a_table_goes_by_the_clock_of_its_time_zone() {
    assert_eq!(next("0 3 * * *", "Europe/Berlin", "2026-01-10T12:00:00Z", 1), ["2026-01-11T02:00:00Z"]);
    assert_eq!(next("0 3 * * *", "Asia/Kolkata", "2026-01-10T12:00:00Z", 1), ["2026-01-10T21:30:00Z"]);
}

#[test]
fn in_spring_a_time_of_day_that_is_leapt_over_comes_after_the_leap_and_once() {
    // Berlin: at 02:00 CET (01:00 UTC) on the 29th of March 2026 it is 03:00 CEST. New York: the 8th, at 02:00 EST (07:00 UTC).
    let table: [(&str, &str, &str, &[&str]); 8] = [
        ("0 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        ("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]),
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        (
            "0 1-3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T23:00:00Z"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
        ),
        ("30 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", &["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-30T00:00:00Z"]),
    ];
    for (text, zone, after, expected) in table {
        assert_eq!(next(text, zone, after, expected.len()), expected, "{text} in {zone}");
    }
}

#[test]
fn in_autumn_a_time_of_day_that_is_shown_twice_comes_the_first_time_only() {
    // Berlin: at 03:00 CEST (01:00 UTC) on the 25th of October 2026 it is 02:00 CET.
    let table: [(&str, &[&str]); 5] = [
        ("30 2 * * *", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("0 3 * * *", &["2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"]),
        ("0,30 2 * * *", &["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"]),
        (
            "*/30 2 * * *",
            &[
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-26T01:00:00Z",
            ],
        ),
        (
            "30 * * * *",
            &[
                "2026-10-24T22:30:00Z",
                "2026-10-24T23:30:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:30:00Z",
            ],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(next(text, "Europe/Berlin", "2026-10-24T22:00:00Z", expected.len()), expected, "{text}");
    }
}

#[test]
fn what_is_no_table_is_told_and_what_never_comes_is_too() {
    let nightly = |cron: &str, timezone: Option<&str>| SchedulerKind::Nightly {
        cron: cron.to_owned(),
        timezone: timezone.map(str::to_owned),
        branch: None,
        if_changed: None,
    };
    let long = "0,".repeat(1000);
    let kinds = [
        nightly("0 0 31 2 *", None),
        nightly("0 3 * *", None),
        nightly("0 0 3 * * *", None),
        nightly("61 3 * * *", None),
        nightly("", None),
        nightly("every night", None),
        nightly(&long, None),
        nightly("0 3 * * *", Some("Europe/Atlantis")),
        nightly("0 3 * * *", Some("../../etc/passwd")),
        nightly("0 3 * * *", Some("europe/berlin")),
    ];
    let specs = kinds.into_iter().enumerate().map(|(n, kind)| of_b(&format!("n{n}"), kind)).collect();
    let config = super::place::config(specs);
    let said: Vec<String> = check(&config, "UTC").into_iter().map(|p| format!("{}: {}", p.scheduler, p.what)).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    n0: the table '0 0 31 2 *' never says a time
    n1: '0 3 * *' is no table of times: five fields are wanted (minute hour day month weekday), and it has 4
    n2: '0 0 3 * * *' is no table of times: five fields are wanted (minute hour day month weekday), and it has 6
    n3: '61 3 * * *' is no table of times: '61' is no minute
    n4: '' is no table of times: five fields are wanted (minute hour day month weekday), and it has 0
    n5: 'every night' is no table of times: five fields are wanted (minute hour day month weekday), and it has 2
    n6: '0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,' is no table of times: it is too long
    n7: there is no time zone 'Europe/Atlantis'; names are like UTC or Europe/Berlin
    n8: there is no time zone '../../etc/passwd'; names are like UTC or Europe/Berlin
    ");
    let mut town = idle(config.schedulers);
    town.pass(10_000_000);
    let filed: Vec<_> = sets(&town).iter().map(|s| s.scheduler.as_str()).collect();
    assert!(filed.iter().all(|name| *name == "n9") && filed.len() > 100, "only the good one fires");
    assert_eq!(
        check(&Config { schedulers: vec![of_b("n", nightly("0 3 * * *", None))], ..Config::default() }, "Nowhere")
            .len(),
        1
    );
}

/// A slow reader of tables: tries minute after minute. Days and months are plain numbers here.
fn tried(fields: &[Vec<u8>; 5], after: Time) -> Option<Time> {
    let mut minute = Time((after.0.div_euclid(60_000_000) + 1) * 60_000_000);
    for _ in 0..60 * 24 * 40 {
        let civil = jiff::Timestamp::from_microsecond(minute.0).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
        let has = |field: usize, value: i8| fields[field].is_empty() || fields[field].contains(&(value as u8));
        let weekday = civil.weekday().to_sunday_zero_offset();
        let day = match (fields[2].is_empty(), fields[4].is_empty()) {
            (false, false) => has(2, civil.day()) || has(4, weekday),
            _ => has(2, civil.day()) && has(4, weekday),
        };
        if has(0, civil.minute()) && has(1, civil.hour()) && day && has(3, civil.month()) {
            return Some(minute);
        }
        minute += Span::seconds(60);
    }
    None
}

fn some_of(values: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![2 => Just(Vec::new()), 3 => prop::collection::vec(values, 1..4)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn tables_say_what_trying_every_minute_says(
        minutes in some_of(0..=59), hours in some_of(0..=23), days in some_of(1..=31), months in some_of(1..=12),
        weekdays in some_of(0..=6), after in 1_700_000_000i64..1_900_000_000,
    ) {
        let fields = [minutes, hours, days, months, weekdays];
        let text = fields.clone().map(|f| match f.is_empty() {
            true => "*".to_owned(),
            false => f.iter().map(u8::to_string).collect::<Vec<_>>().join(","),
        }).join(" ");
        let after = Time::from_seconds(after);
        let next = Table::read(&text, "UTC").expect("a table").next(after);
        match tried(&fields, after) {
            Some(slow) => prop_assert_eq!(next, Some(slow), "{} after {}", text, utc(after)),
            None => prop_assert!(next.is_none_or(|n| n > after + Span::seconds(86_400 * 39)), "{}", text),
        }
    }
}

fn nightly(cron: &str, if_changed: Option<Follow>) -> SchedulerKind {
    SchedulerKind::Nightly { cron: cron.to_owned(), timezone: None, branch: Some("main".to_owned()), if_changed }
}

/// When each set was filed, as UTC.
fn times(town: &Town) -> Vec<String> {
    sets(town).iter().map(|s| utc(s.submitted_at)).collect()
}

#[test]
fn a_nightly_scheduler_fires_at_its_times_in_the_masters_time_zone() {
    let mut town = town_in("Europe/Berlin", vec![of_b("full", nightly("0 3 * * *", None))]);
    assert_eq!(town.now, at("1970-01-01T00:16:40Z"));
    town.pass(86_400 * 3);
    assert_eq!(times(&town), ["1970-01-01T02:00:00Z", "1970-01-02T02:00:00Z", "1970-01-03T02:00:00Z"]);
    assert_eq!(revisions(&town)[0], "latest:");
    assert_eq!(sets(&town)[0].stamps[0].branch.as_deref(), Some("main"));
    insta::assert_snapshot!(reasons(&town)[0], @"The nightly scheduler named 'full' triggered this build");
}

#[test]
fn nights_that_the_master_slept_through_fire_once_and_say_so() {
    let mut town = idle(vec![of_b("full", nightly("0 3 * * *", None))]);
    town.pass(3 * 3600);
    town.now += Span::seconds(86_400 * 5);
    restart(&mut town);
    restart(&mut town);
    town.pass(86_400);
    assert_eq!(times(&town), ["1970-01-01T03:00:00Z", "1970-01-06T03:16:40Z", "1970-01-07T03:00:00Z"]);
    insta::assert_snapshot!(reasons(&town).join("\n"), @r"
    The nightly scheduler named 'full' triggered this build
    The nightly scheduler named 'full' triggered this build (late: it was due at 1970-01-02 03:00 UTC)
    The nightly scheduler named 'full' triggered this build
    ");
}

#[test]
fn a_night_just_after_a_restart_is_neither_lost_nor_had_twice() {
    let mut town = idle(vec![of_b("full", nightly("0 3 * * *", None))]);
    for _ in 0..60 {
        town.pass(3600);
        restart(&mut town);
    }
    assert_eq!(times(&town), ["1970-01-01T03:00:00Z", "1970-01-02T03:00:00Z", "1970-01-03T03:00:00Z"]);
}

#[test]
fn nights_while_it_is_off_and_nights_of_another_table_were_never_due() {
    let mut town = idle(vec![of_b("full", nightly("0 3 * * *", None))]);
    let id = town.world.scheduler_named("full").expect("full").id;
    for (switch, seconds) in [(Switch::Off, 86_400), (Switch::On, 3600 * 2)] {
        let todo = enable(&town.world, id, switch).expect("known");
        town.take(vec![todo]);
        town.settle();
        town.pass(seconds);
    }
    assert_eq!(times(&town), [""; 0], "it is a quarter past two of the second day");
    town.configure(super::place::config(vec![of_b("full", nightly("0 1 * * *", None))]));
    town.pass(3600 * 10);
    assert_eq!(times(&town), [""; 0], "one o'clock of this day had passed when the table was changed");
    town.pass(3600 * 14);
    assert_eq!(times(&town), ["1970-01-03T01:00:00Z"]);
}

#[test]
fn only_if_changed_needs_an_important_change_since_the_last_one() {
    let follow = Follow { is_important: Some(function("marked")), ..Follow::default() };
    let mut town = idle(vec![of_b("full", nightly("0 3 * * *", Some(follow)))]);
    town.pass(86_400);
    hear(&mut town, vec![said("main", "r1", "typo"), said("topic", "t1", "fix!")]);
    town.pass(86_400);
    assert_eq!(times(&town), [""; 0], "nothing important came to its branch");
    hear(&mut town, vec![said("main", "r2", "fix!"), said("main", "r3", "typo")]);
    restart(&mut town);
    assert!(town.world.scheduler_named("full").expect("full").state.changed);
    town.pass(86_400 * 3);
    assert_eq!(times(&town), ["1970-01-03T03:00:00Z"]);
    assert_eq!(revisions(&town), ["r3:1+3+4"]);
    assert!(!town.world.scheduler_named("full").expect("full").state.changed);
}

#[test]
fn a_change_that_comes_before_anybody_looked_does_not_put_a_night_off() {
    let mut town = idle(vec![of_b("full", nightly("0 3 * * *", Some(Follow::default())))]);
    town.change("main", "r1");
    town.now += Span::seconds(86_400 / 2);
    town.change("main", "r2");
    assert_eq!((times(&town), revisions(&town)), (vec!["1970-01-01T12:16:40Z".into()], vec!["r2:1+2".into()]));
}

#[test]
fn each_source_that_changed_is_built() {
    let mut spec = of_b("full", nightly("0 3 * * *", Some(Follow::default())));
    spec.kind = SchedulerKind::Nightly {
        cron: "0 3 * * *".to_owned(),
        timezone: None,
        branch: None,
        if_changed: Some(Follow::default()),
    };
    let mut town = idle(vec![spec]);
    let elsewhere = NewChange { repository: "https://example.org/png".to_owned(), ..change("main", "p1") };
    hear(&mut town, vec![change("main", "z1"), elsewhere, change("main", "z2")]);
    town.pass(86_400);
    assert_eq!(revisions(&town), ["p1:2", "z2:1+3"]);
}

#[test]
fn a_periodic_scheduler_that_waits_for_changes_fires_at_most_once_in_a_period() {
    let kind = SchedulerKind::Periodic { every: Span::seconds(60), branch: None, if_changed: Some(Follow::default()) };
    let mut town = idle(vec![of_b("now_and_then", kind)]);
    town.pass(1000);
    assert_eq!(engine::next_wake(&town.world), None, "nothing came, nothing is due");
    let start = town.now;
    town.change("main", "r1");
    town.pass(20);
    town.change("main", "r2");
    town.pass(20);
    town.change("main", "r3");
    town.pass(600);
    town.change("main", "r4");
    let when: Vec<i64> = sets(&town).iter().map(|s| s.submitted_at.since(start).0 / 1_000_000).collect();
    assert_eq!((revisions(&town), when), (vec!["r1:1".into(), "r3:2+3".into(), "r4:4".into()], vec![0, 60, 640]));
}

#[test]
fn a_periodic_scheduler_outlives_restarts() {
    let mut town =
        idle(vec![of_b("p", SchedulerKind::Periodic { every: Span::seconds(60), branch: None, if_changed: None })]);
    for _ in 0..30 {
        town.pass(10);
        restart(&mut town);
    }
    assert_eq!(sets(&town).len(), 6, "the first at once, and one a minute");
    insta::assert_snapshot!(reasons(&town)[5], @"The periodic scheduler named 'p' triggered this build");
}
