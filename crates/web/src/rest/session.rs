//! Sessions of people who logged in on the pages: in memory, bounded in number and time. A restart ends them all.

use super::auth::Sum;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a session lives.
pub const LIFE: Duration = Duration::from_secs(14 * 24 * 3600);

/// At most so many sessions; the one that ends first makes room.
const MOST: usize = 1_000;

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No such name, or another password.
    #[error("the name or the password is wrong")]
    Wrong,
    /// Too many wrong passwords in a short time.
    #[error("too many wrong passwords: try again in a few seconds")]
    TooMany,
    /// The system gives no random numbers.
    #[error("this system gives no random numbers, so there are no logins")]
    NoRandomness,
}

#[derive(Default)]
pub(super) struct Sessions {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    open: HashMap<String, Session>,
}

struct Session {
    name: String,
    password: Sum,
    ends: Instant,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, id: &str) -> Option<(String, Sum)> {
        let inner = self.lock();
        let session = inner.open.get(id).filter(|s| s.ends > Instant::now())?;
        Some((session.name.clone(), session.password))
    }

    pub(super) fn open(&self, name: &str, password: Sum) -> Result<String, LoginError> {
        let id = random()?;
        let now = Instant::now();
        let mut inner = self.lock();
        inner.open.retain(|_, s| s.ends > now);
        if inner.open.len() >= MOST {
            let oldest = inner.open.iter().min_by_key(|(_, s)| s.ends).map(|(id, _)| id.clone());
            oldest.and_then(|id| inner.open.remove(&id));
        }
        inner.open.insert(id.clone(), Session { name: name.to_owned(), password, ends: now + LIFE });
        Ok(id)
    }

    pub(super) fn end(&self, id: &str) {
        self.lock().open.remove(id);
    }
}

/// 256 random bits as hexadecimal digits.
pub(super) fn random() -> Result<String, LoginError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| LoginError::NoRandomness)?;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let first = sessions.open("a", [0; 32]).unwrap();
        for _ in 0..MOST {
            sessions.open("a", [0; 32]).unwrap();
        }
        assert_eq!(sessions.lock().open.len(), MOST);
        assert_eq!(sessions.find(&first), None);
    }
}
