//! The smallest program with the verb `__supervise`, for measurements and for trying things by hand.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match arguments.as_slice() {
        [_, verb, slot_dir] if verb == "__supervise" => process::supervisor::main(Path::new(slot_dir)),
        _ => {
            eprintln!("usage: supervise __supervise SLOTDIR");
            ExitCode::from(2)
        }
    }
}
