//! Waiting with a bound.

use anyhow::bail;
use std::time::{Duration, Instant};

/// Asks every `beat` until there is an answer; an error when there is none within `patience`.
pub(crate) fn until<T>(
    patience: Duration,
    what: &str,
    beat: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if begun.elapsed() > patience {
            bail!("waited {} s for {what}", patience.as_secs());
        }
        std::thread::park_timeout(beat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_the_answer_or_says_for_what_it_waited() {
        let mut left = 3;
        let answer = until(Duration::from_secs(10), "three", Duration::ZERO, || {
            left -= 1;
            Ok((left == 0).then_some("there"))
        });
        assert_eq!(answer.unwrap(), "there");
        let never = until(Duration::ZERO, "nothing", Duration::from_millis(1), || Ok(None::<()>));
        assert_eq!(never.unwrap_err().to_string(), "waited 0 s for nothing");
    }
}
