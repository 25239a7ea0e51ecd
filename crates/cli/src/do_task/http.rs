//! A question to a web server: the answer is the step's log, its status the result.

use super::say;
use client::ask::{AskError, Told, ask as ask_server};
use model::HttpSpec;
use std::io::Write;
use worker::act::Report;

/// Asks. A status of 400 and more is a failure, no answer is nobody's fault.
pub(super) async fn ask(spec: &HttpSpec<String>) -> Report {
    let mut stdout = std::io::stdout();
    let method = serde_json::to_value(spec.method).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    say(&format!("{method} {}", spec.url));
    let mut reason = String::new();
    let mut in_body = false;
    let mut tell = |told: Told<'_>| {
        // Nobody reads any more: the exit code tells.
        let _ = match told {
            Told::Status(code, words) => {
                reason = format!("{code} {words}").trim_end().to_owned();
                writeln!(stdout, "{reason}")
            }
            Told::Header(name, value) => writeln!(stdout, "{name}: {}", String::from_utf8_lossy(value)),
            Told::Body(bytes) => {
                let line = if in_body { "" } else { "\n" };
                in_body = true;
                stdout.write_all(line.as_bytes()).and_then(|()| stdout.write_all(bytes))
            }
            Told::Cut => writeln!(stdout, "\n(the answer is longer)"),
        };
    };
    let asked = ask_server(spec, &mut tell).await;
    match asked {
        Ok(..400) => Report::done(reason),
        Ok(_) => Report::failed(reason),
        Err(error @ AskError::Question(_)) => Report::failed(error.to_string()),
        Err(error @ AskError::Away(_)) => Report::trouble(error.to_string()),
    }
}
