//! Bounded waits on a condition: the only way in which a test waits for something that another thread does.

use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails. Long, because the machine may be busy; never reached when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(2);

/// Returns as soon as `holds` does.
///
/// # Panics
/// When it does not hold within [`PATIENCE`]; `what` is named.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Returns what `find` finds, as soon as it finds something.
///
/// # Panics
/// When it finds nothing within [`PATIENCE`]; `what` is named.
pub fn wait_for<T>(what: &str, find: impl FnMut() -> Option<T>) -> T {
    seek(find).unwrap_or_else(|| panic!("waited {} s in vain: {what}", PATIENCE.as_secs()))
}

/// What `find` finds, as soon as it finds something; `None`: nothing within [`PATIENCE`].
pub fn seek<T>(mut find: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let found = find();
        if found.is_some() || begun.elapsed() >= PATIENCE {
            return found;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_wait_ends_when_the_condition_holds() {
        let count = Arc::new(AtomicU32::new(0));
        let other = count.clone();
        let thread = std::thread::spawn(move || {
            for _ in 0..5 {
                other.fetch_add(1, Ordering::SeqCst);
            }
        });
        let seen = wait_for("five counts", || Some(count.load(Ordering::SeqCst)).filter(|n| *n == 5));
        assert_eq!(seen, 5);
        thread.join().unwrap();
    }
}
