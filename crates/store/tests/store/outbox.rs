//! The outbox: each thing is told to each person once, in order, and what ended stays ended.

use crate::db::{Engine, commit, engines, fresh};
use crate::nouns::*;
use model::{BuildId, Message, MessageId, MessageStatus, NewMessage, Query, Transition};
use store::{CommitError, Store};

fn due(target: &str, build: i64) -> Transition {
    Transition::ReportDue { target: target.to_owned(), build: BuildId(build), at: at(build) }
}

fn new(about: &str, person: &str) -> NewMessage {
    let (about, person, title) = (about.to_owned(), person.to_owned(), format!("of {about}"));
    NewMessage { about, person, title, payload: Ok("dear\0you".to_owned()) }
}

fn written(due: &Message, messages: Vec<NewMessage>) -> Transition {
    Transition::ReportWritten { due: due.id, at: at(900), messages }
}

fn sent(message: &Message) -> Transition {
    Transition::MessageEnded { message: message.id, at: at(950), given_up: None }
}

async fn first(store: &Store, target: &str, status: MessageStatus) -> Vec<Message> {
    store.outbox_first(target, status, 100).await.unwrap()
}

async fn people(store: &Store) -> Vec<String> {
    let waiting = first(store, "mail", MessageStatus::Waiting).await;
    waiting.into_iter().map(|m| format!("{} {}", m.about, m.person)).collect()
}

/// What the samples hold: a message that waits, one that was given up, and a report that is due.
pub(crate) fn letters() -> Vec<Vec<Transition>> {
    let message = |id| MessageId(id);
    let refused = NewMessage { payload: Err("no address".to_owned()), ..new("build 10", "eve") };
    vec![
        vec![due("mail", 10)],
        vec![Transition::ReportWritten {
            due: message(1),
            at: at(900),
            messages: vec![new("build 10", "ada@example.org"), refused],
        }],
        vec![due("http", 10)],
    ]
}

/// Everything that `letters` wrote is there.
pub(crate) async fn check_letters(store: &Store) {
    assert_eq!(people(store).await, ["build 10 ada@example.org"]);
    assert_eq!(first(store, "http", MessageStatus::Due).await.len(), 1);
    let given_up = store.outbox(&Query::default().eq("state", "given up")).await.unwrap().rows;
    assert_eq!(given_up[0].status, MessageStatus::GivenUp { at: at(900) });
    assert_eq!((given_up[0].person.as_str(), given_up[0].trouble.as_deref()), ("eve", Some("no address")));
}

async fn a_person_is_told_of_a_thing_once(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    // Twice in one turn and in another is once.
    commit(&store, vec![due("mail", 1), due("mail", 1), due("mail", 2), due("http", 1)]).await;
    commit(&store, vec![due("mail", 2)]).await;
    let owed = first(&store, "mail", MessageStatus::Due).await;
    assert_eq!(owed.iter().map(|m| m.build.0).collect::<Vec<_>>(), [1, 2]);
    commit(&store, vec![written(&owed[0], vec![new("problem 1", "a"), new("problem 1", "b")])]).await;
    commit(&store, vec![written(&owed[1], vec![new("problem 1", "b"), new("problem 1", "c")])]).await;
    assert_eq!(people(&store).await, ["problem 1 a", "problem 1 b", "problem 1 c"]);
    let waiting = first(&store, "mail", MessageStatus::Waiting).await;
    assert_eq!(waiting[0].payload.as_deref(), Some("dear\u{fffd}you"));
    assert_eq!((waiting[1].build, waiting[2].build), (BuildId(1), BuildId(2)));
    // Writing it again, as a master would that lost the answer, is refused and changes nothing.
    let again = store.commit(vec![written(&owed[0], vec![new("problem 1", "d")])]).await;
    assert!(matches!(again, Err(CommitError::Stale { .. })), "{again:?}");
    // What was sent is not written anew either.
    commit(&store, waiting.iter().map(sent).collect()).await;
    commit(&store, vec![due("mail", 3)]).await;
    let owed = first(&store, "mail", MessageStatus::Due).await;
    commit(&store, vec![written(&owed[0], vec![new("problem 1", "a"), new("problem 3", "a")])]).await;
    assert_eq!(people(&store).await, ["problem 3 a"]);
}

async fn messages_move_on_only_once(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, vec![due("mail", 1)]).await;
    let owed = first(&store, "mail", MessageStatus::Due).await;
    let refused = NewMessage { payload: Err("nobody knows eve".to_owned()), ..new("build 1", "eve") };
    commit(&store, vec![written(&owed[0], vec![new("build 1", "a"), refused, new("build 1", "b")])]).await;
    let waiting = first(&store, "mail", MessageStatus::Waiting).await;
    let tried =
        |m: &Message| Transition::MessageTried { message: m.id, next_try: at(1000), trouble: "away".to_owned() };
    commit(&store, vec![tried(&waiting[0]), tried(&waiting[0])]).await;
    let now = first(&store, "mail", MessageStatus::Waiting).await;
    assert_eq!((now[0].attempts, now[0].next_try, now[0].trouble.as_deref()), (2, Some(at(1000)), Some("away")));
    let sums = store.outbox_sums().await.unwrap();
    let sum = (sums[0].open, sums[0].given_up, sums[0].oldest, sums[0].trouble.as_deref());
    assert_eq!(sum, (2, 1, Some(at(1)), Some("away")));
    let given_up = Transition::MessageEnded { message: now[1].id, at: at(960), given_up: Some("too late".to_owned()) };
    commit(&store, vec![sent(&now[0]), given_up.clone()]).await;
    for stale in [sent(&now[0]), given_up, tried(&now[0])] {
        let outcome = store.commit(vec![stale]).await;
        assert!(matches!(outcome, Err(CommitError::Stale { .. })), "{outcome:?}");
    }
    let all = store.outbox(&Query::default()).await.unwrap();
    let shown: Vec<_> = all.rows.iter().map(|m| (m.person.as_str(), m.status.word(), m.payload.is_some())).collect();
    assert_eq!(shown, [("a", "sent", false), ("eve", "given up", false), ("b", "given up", false)]);
    assert_eq!(all.total, 3);
    // What ended long ago is forgotten, what waits is not.
    commit(&store, vec![due("http", 9), Transition::MessagesForgotten { before: at(955) }]).await;
    let left = store.outbox(&Query::default()).await.unwrap().rows;
    assert_eq!(left.iter().map(|m| m.status.word()).collect::<Vec<_>>(), ["given up", "due"]);
}

async fn nothing_to_say_leaves_nothing(engine: Engine) {
    let (_db, store) = fresh(engine).await;
    commit(&store, vec![due("mail", 1)]).await;
    let owed = first(&store, "mail", MessageStatus::Due).await;
    commit(&store, vec![written(&owed[0], Vec::new())]).await;
    assert_eq!(store.outbox(&Query::default()).await.unwrap().total, 0);
    assert_eq!(store.outbox_sums().await.unwrap(), []);
}

engines! {
    a_person_is_told_of_a_thing_once
    messages_move_on_only_once
    nothing_to_say_leaves_nothing
}
