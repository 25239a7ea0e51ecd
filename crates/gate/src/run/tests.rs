//! Tables of single runs, and random ones against an oracle that knows the rules a second time.

use super::*;
use proptest::prelude::*;

fn task(name: &str, stages: usize, needs: &[usize]) -> Task {
    let stages = (0..stages).map(|s| format!("s{s}")).collect();
    Task { name: name.to_owned(), stages, needs: needs.to_vec() }
}

/// Does all that is to be done, and answers with it in words.
fn settle(run: &mut Run) -> String {
    let mut words = Vec::new();
    loop {
        let todo = run.next();
        if todo.is_empty() {
            return words.join(" ");
        }
        for act in todo {
            words.push(match act {
                Do::Start { task, stage } => format!("{}.{stage}", run.tasks[task].name),
                Do::Stop { task } => format!("stop:{}", run.tasks[task].name),
                Do::Skip { task } => format!("skip:{}", run.tasks[task].name),
            });
            run.apply(Happened::Did(act));
        }
    }
}

fn ended(run: &mut Run, task: usize, verdict: Verdict) -> String {
    run.apply(Happened::StageEnded { task, verdict });
    settle(run)
}

#[test]
fn stages_run_in_order_and_tasks_side_by_side() {
    let mut run = Run::new(vec![task("a", 2, &[]), task("b", 1, &[]), task("c", 1, &[0])], 2, AtFailure::Stop);
    assert_eq!(settle(&mut run), "a.0 b.0");
    assert_eq!(ended(&mut run, 1, Verdict::Passed), "");
    assert_eq!(ended(&mut run, 0, Verdict::Passed), "a.1");
    assert_eq!(ended(&mut run, 0, Verdict::Flaky), "c.0");
    assert_eq!(run.verdict(), None);
    assert_eq!(ended(&mut run, 2, Verdict::Passed), "");
    assert_eq!(run.verdict(), Some(Verdict::Flaky));
}

#[test]
fn the_first_failure_stops_everything() {
    let tasks = || vec![task("a", 2, &[]), task("b", 1, &[]), task("c", 1, &[])];
    let mut run = Run::new(tasks(), 2, AtFailure::Stop);
    settle(&mut run);
    assert_eq!(ended(&mut run, 1, Verdict::Failed), "stop:a skip:c");
    assert_eq!(run.verdict(), None);
    // What is stopped may end any way; it is cancelled.
    assert_eq!(ended(&mut run, 0, Verdict::Passed), "");
    assert_eq!(run.verdict(), Some(Verdict::Failed));
    assert_eq!(run.states[0], TaskState::ended(Verdict::Cancelled, Some(0)));

    let mut run = Run::new(tasks(), 2, AtFailure::Stop);
    settle(&mut run);
    run.apply(Happened::TestFailed { task: 0 });
    assert_eq!(settle(&mut run), "stop:b skip:c");
    ended(&mut run, 0, Verdict::Cancelled);
    ended(&mut run, 1, Verdict::Cancelled);
    assert_eq!(run.verdict(), Some(Verdict::Failed));
    assert_eq!(run.states[0], TaskState::ended(Verdict::Failed, Some(0)));
}

#[test]
fn a_run_may_go_on_at_failures() {
    let tasks = vec![task("a", 2, &[]), task("b", 1, &[0]), task("c", 1, &[]), task("d", 0, &[2])];
    let mut run = Run::new(tasks, 4, AtFailure::GoOn);
    assert_eq!(settle(&mut run), "a.0 c.0");
    run.apply(Happened::TestFailed { task: 0 });
    assert_eq!(settle(&mut run), "");
    assert_eq!(ended(&mut run, 0, Verdict::Failed), "skip:b");
    assert_eq!(ended(&mut run, 2, Verdict::Passed), "d.0");
    assert_eq!(run.verdict(), Some(Verdict::Failed));
}

#[test]
fn an_interrupted_run_passes_never() {
    let mut run = Run::new(vec![task("a", 1, &[]), task("b", 1, &[0])], 1, AtFailure::Stop);
    settle(&mut run);
    run.apply(Happened::Interrupted);
    assert_eq!(settle(&mut run), "stop:a skip:b");
    ended(&mut run, 0, Verdict::Passed);
    assert_eq!(run.verdict(), Some(Verdict::Cancelled));
}

#[test]
fn what_was_interrupted_for_a_move_goes_on_with_it() {
    let mut run = Run::new(vec![task("a", 1, &[]), task("b", 1, &[]), task("c", 1, &[1])], 2, AtFailure::Stop);
    settle(&mut run);
    ended(&mut run, 0, Verdict::Passed);
    run.apply(Happened::Interrupted);
    assert_eq!(settle(&mut run), "stop:b skip:c");
    ended(&mut run, 1, Verdict::Cancelled);
    assert_eq!(run.verdict(), Some(Verdict::Cancelled));
    run.apply(Happened::Moved { touched: Footprint::of([2]) });
    assert_eq!(settle(&mut run), "b.0");
    ended(&mut run, 1, Verdict::Passed);
    ended(&mut run, 2, Verdict::Passed);
    assert_eq!(run.verdict(), Some(Verdict::Passed));
}

#[test]
fn after_a_move_only_what_was_touched_runs_again() {
    let tasks = vec![task("a", 1, &[]), task("b", 1, &[]), task("c", 1, &[1]), task("d", 1, &[])];
    let mut run = Run::new(tasks, 4, AtFailure::Stop);
    assert_eq!(settle(&mut run), "a.0 b.0 d.0");
    ended(&mut run, 0, Verdict::Passed);
    assert_eq!(ended(&mut run, 1, Verdict::Passed), "c.0");
    ended(&mut run, 2, Verdict::Passed);
    // d runs on the old tree; it is begun anew though nothing that it reads was touched, since it proved nothing yet.
    run.apply(Happened::Moved { touched: Footprint::of([1]) });
    assert_eq!(settle(&mut run), "b.0");
    assert_eq!(run.states[0], TaskState::Ended { verdict: Verdict::Passed, stage: None, reused: true });
    assert_eq!(ended(&mut run, 3, Verdict::Cancelled), "d.0");
    assert_eq!(ended(&mut run, 1, Verdict::Passed), "c.0");
    ended(&mut run, 2, Verdict::Passed);
    ended(&mut run, 3, Verdict::Passed);
    assert_eq!((run.verdict(), run.moves()), (Some(Verdict::Passed), 1));
    run.apply(Happened::Moved { touched: Footprint::ALL });
    assert_eq!(settle(&mut run), "a.0 b.0 d.0");
}

/// What a run must be, from the fates of its tasks alone: the slow way, without a machine.
fn oracle(tasks: &[Task], fates: &[Vec<Verdict>]) -> Vec<Verdict> {
    let mut all: Vec<Verdict> = Vec::new();
    for (task, fate) in tasks.iter().zip(fates) {
        let lacks = task.needs.iter().any(|n| !all[*n].may_land());
        let own = fate.iter().copied().find(|v| !v.may_land());
        let last = fate.last().copied().unwrap_or(Verdict::Passed);
        all.push(if lacks { Verdict::Cancelled } else { own.unwrap_or(last) });
    }
    all
}

#[derive(Clone, Debug)]
struct Case {
    tasks: Vec<Task>,
    fates: Vec<Vec<Verdict>>,
    jobs: usize,
    picks: Vec<usize>,
}

fn case() -> impl Strategy<Value = Case> {
    let fate = prop_oneof![8 => Just(Verdict::Passed), 1 => Just(Verdict::Flaky), 1 => Just(Verdict::Failed), 1 => Just(Verdict::Broken)];
    let one = (proptest::collection::vec(fate, 0..4), proptest::collection::vec(any::<usize>(), 0..3));
    (proptest::collection::vec(one, 0..6), 1..5_usize, proptest::collection::vec(any::<usize>(), 64)).prop_map(
        |(all, jobs, picks)| {
            let mut tasks = Vec::new();
            let mut fates = Vec::new();
            for (i, (fate, needs)) in all.into_iter().enumerate() {
                let needs: Vec<usize> = needs.into_iter().filter(|_| i > 0).map(|n| n % i.max(1)).collect();
                tasks.push(task(&format!("t{i}"), fate.len(), &needs));
                fates.push(fate);
            }
            Case { tasks, fates, jobs, picks }
        },
    )
}

/// Runs a case to its end, checks each answer, and tells how often something began after a failure.
fn play(case: &Case, at_failure: AtFailure, moves: &[usize]) -> (Run, usize) {
    let mut run = Run::new(case.tasks.clone(), case.jobs, at_failure);
    let mut begun_late = 0;
    for (turn, pick) in case.picks.iter().cycle().take(500).enumerate() {
        if moves.contains(&turn) && run.verdict().is_none() {
            run.apply(Happened::Moved { touched: Footprint::of([pick % 6]) });
        }
        let failed =
            run.states.iter().any(|s| matches!(s, TaskState::Ended { verdict, .. } if *verdict > Verdict::Cancelled));
        for act in run.next() {
            if let Do::Start { task, stage } = act {
                begun_late += usize::from(failed);
                let ready = case.tasks[task]
                    .needs
                    .iter()
                    .all(|n| matches!(&run.states[*n], TaskState::Ended { verdict, .. } if verdict.may_land()));
                assert!(ready, "a task began before what it needs");
                let next = matches!(run.states[task], TaskState::Between { stage: next } if next == stage);
                assert!(stage == 0 || next, "a stage began out of order");
            }
            run.apply(Happened::Did(act));
        }
        let busy: Vec<usize> = run.states.iter().enumerate().filter(|(_, s)| s.is_active()).map(|(i, _)| i).collect();
        assert!(busy.len() <= case.jobs);
        let running: Vec<usize> =
            busy.into_iter().filter(|t| !matches!(run.states[*t], TaskState::Between { .. })).collect();
        if let Some(task) = (!running.is_empty()).then(|| running[pick % running.len()]) {
            let verdict = match run.states[task] {
                TaskState::Running { stage } => case.fates[task][stage],
                _ => Verdict::Cancelled,
            };
            run.apply(Happened::StageEnded { task, verdict });
        }
        if run.verdict().is_some() && run.next().is_empty() {
            break;
        }
    }
    (run, begun_late)
}

proptest! {
    #[test]
    fn runs_that_go_on_are_what_the_oracle_says(case in case(), moves in proptest::collection::vec(0..20_usize, 0..3)) {
        let (run, _) = play(&case, AtFailure::GoOn, &moves);
        let expected = oracle(&case.tasks, &case.fates);
        let states: Vec<Verdict> = run.states.iter().filter_map(|s| match s {
            TaskState::Ended { verdict, .. } => Some(*verdict),
            _ => None,
        }).collect();
        prop_assert_eq!(&states, &expected);
        prop_assert_eq!(run.verdict(), Some(Verdict::of(expected)));
    }

    #[test]
    fn runs_that_stop_pass_when_the_oracle_does_and_begin_nothing_after_a_failure(case in case()) {
        let (run, begun_late) = play(&case, AtFailure::Stop, &[]);
        let expected = Verdict::of(oracle(&case.tasks, &case.fates));
        prop_assert_eq!(run.verdict().map(Verdict::may_land), Some(expected.may_land()));
        prop_assert_eq!(begun_late, 0);
    }
}
