//! `sluice __checkout SPEC`: what a step that checks out runs on a worker. Not for people.

use crate::out;
use std::ffi::OsString;
use std::process::ExitCode;
use vcs::Checkout;

pub(crate) fn main(spec: Option<OsString>) -> ExitCode {
    let spec = spec.and_then(|path| std::fs::read(path).ok());
    match spec.and_then(|text| serde_json::from_slice::<Checkout>(&text).ok()) {
        Some(spec) => {
            let report = std::env::var_os("SLUICE_REPORT");
            let code = vcs::checkout(&spec, report.as_deref().map(std::path::Path::new));
            ExitCode::from(u8::try_from(code).unwrap_or(1))
        }
        None => {
            out::aside("error: __checkout is given a file with what to check out by the worker; it is not for people");
            ExitCode::from(2)
        }
    }
}
