//! What the tests of this room give a worker as its program: supervisors and checkouts, and nothing else of `sluice`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next().and_then(|verb| verb.into_string().ok()).as_deref(), arguments.next()) {
        (Some("__supervise"), Some(dir)) => process::supervisor::main(Path::new(&dir)),
        (Some("__checkout"), Some(spec)) => {
            let spec = std::fs::read(spec).ok().and_then(|text| serde_json::from_slice(&text).ok());
            let report = std::env::var_os("SLUICE_REPORT");
            let code = spec.map_or(2, |spec| vcs::git::checkout(&spec, report.as_deref().map(Path::new)));
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        _ => ExitCode::from(2),
    }
}
