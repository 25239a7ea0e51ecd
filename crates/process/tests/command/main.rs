//! Real commands under a real supervisor. The program runs itself again as the supervisor, so it brings its own small
//! test runner: names as arguments choose tests, `--list` lists them.

#![expect(clippy::unwrap_used, reason = "the whole program is a test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

mod adoption;
mod ends;
mod output;
mod secrets;
mod slot;
mod tree;

/// A test and its name.
type Test = (&'static str, fn());

/// Tests that run at the same time; most of them wait most of the time.
const AT_ONCE: usize = 4;

/// Names functions, so that the list below is the list of tests.
macro_rules! tests {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), $module::$name as fn())),*]
    };
}

const TESTS: &[Test] = tests![
    adoption::a_command_goes_on_while_no_worker_is_there,
    adoption::a_dead_supervisor_leaves_nothing_that_cannot_be_found,
    adoption::a_job_is_not_run_twice,
    adoption::a_second_job_is_refused_while_one_runs,
    adoption::a_slot_with_a_long_path_works,
    adoption::an_idle_supervisor_ends_by_itself,
    adoption::an_orphan_is_ended_at_its_limit,
    adoption::garbage_on_the_socket_closes_it_only,
    adoption::one_supervisor_serves_one_command_after_the_other,
    adoption::the_supervisor_is_small,
    ends::a_core_signal_is_told_as_such,
    ends::a_program_that_is_absent_is_told_as_such,
    ends::a_report_comes_back,
    ends::a_silent_command_is_ended,
    ends::a_slow_command_is_ended,
    ends::an_interrupt_keeps_its_reason,
    ends::exit_codes_are_told,
    ends::it_gets_its_surroundings,
    ends::the_header_reads_well,
    ends::what_is_no_program_is_told_as_such,
    ends::trouble_of_the_machine_is_told_as_such,
    ends::what_ignores_term_is_killed,
    output::a_disk_that_takes_nothing_is_waited_for,
    output::a_full_spool_holds_the_command,
    output::a_hundred_megabytes_without_a_newline_are_exact,
    output::a_spool_that_is_deleted_ends_the_command,
    output::a_terminal_is_one,
    output::bytes_are_exact,
    output::standard_input_ends,
    output::stdout_and_stderr_are_told_apart,
    output::the_spool_is_read_while_it_is_written,
    secrets::a_secret_is_masked_wherever_it_could_be_kept,
    secrets::files_come_back_with_the_outcome,
    secrets::files_that_are_followed_become_logs,
    secrets::half_a_secret_is_held_back_for_a_moment_only,
    secrets::unwanted_output_is_read_and_not_kept,
    tree::a_command_that_closes_its_output_is_stopped_by_an_interrupt,
    tree::a_command_that_closes_its_output_is_waited_for,
    tree::a_daemon_is_found_and_ended,
    tree::a_fork_storm_is_ended,
    tree::a_fork_storm_is_stopped_by_an_interrupt,
    tree::a_grandchild_that_ends_in_its_grace_is_left_alone,
    tree::a_grandchild_with_the_pipe_does_not_hold_the_step,
    tree::a_session_of_its_own_is_no_way_out,
    tree::a_stopped_process_is_ended,
    tree::without_a_control_group_the_tree_is_ended_too,
];

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let [_, verb, slot_dir] = arguments.as_slice()
        && verb == "__supervise"
    {
        return process::supervisor::main(Path::new(slot_dir));
    }
    let words: Vec<String> = arguments.into_iter().skip(1).filter_map(|word| word.into_string().ok()).collect();
    if words.iter().any(|word| word == "--list") {
        for (name, _) in TESTS {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let exact = words.iter().any(|word| word == "--exact");
    let fits = |name: &str| {
        filters.is_empty() || filters.iter().any(|f| if exact { name == f.as_str() } else { name.contains(f.as_str()) })
    };
    run(&TESTS.iter().filter(|(name, _)| fits(name)).copied().collect::<Vec<_>>())
}

fn run(tests: &[Test]) -> ExitCode {
    println!("\nrunning {} tests", tests.len());
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, test)) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
                    println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
                    if !passed {
                        failed.lock().unwrap().push(*name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let result = if failed.is_empty() { "ok" } else { "FAILED" };
    let passed = tests.len() - failed.len();
    let filtered = TESTS.len() - tests.len();
    println!(
        "\ntest result: {result}. {passed} passed; {} failed; 0 ignored; 0 measured; {filtered} filtered out\n",
        failed.len()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
