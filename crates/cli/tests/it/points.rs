//! The points at which the chaos harness kills are in no program that people run.

#[test]
fn the_program_has_no_points() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_sluice")).expect("the program is read");
    let program = String::from_utf8_lossy(&program);
    for word in ["FAILPOINTS", "SLUICE_KILLS", "ledgers-restored", "outcome-spooled", "spool-removed"] {
        assert!(!program.contains(word), "{word} is in the program");
    }
}
