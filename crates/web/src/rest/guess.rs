//! Wrong passwords are counted: for each name and for each address by itself, so that whoever guesses locks out nobody
//! else. Both tables are bounded.

use super::auth::{Sum, sum};
use super::session::LoginError;
use axum::extract::ConnectInfo;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many wrong passwords are taken at once from an address; each comes back after [`REFILL`].
const FROM_ADDRESS: u32 = 10;

/// So many for a name, from wherever. More than one address has, so that it takes several to lock somebody out.
const FOR_NAME: u32 = 50;

/// After this long one more attempt is free.
const REFILL: Duration = Duration::from_secs(3);

/// Names and addresses that are counted at once, each; the one with the fewest wrong passwords makes room.
const MOST: usize = 4_096;

/// Where a request comes from, as far as guessing goes. A whole network of IPv6 is one: nobody has fewer addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

impl Origin {
    /// Of a connection. A proxy on this machine says in the last entry of `X-Forwarded-For` for whom it asks; who else
    /// sends such a header is not believed.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap) -> Self {
        let told = headers.get_all("x-forwarded-for").iter().next_back().and_then(|v| v.to_str().ok());
        let told = told.and_then(|v| v.rsplit(',').next()).and_then(|v| v.trim().parse().ok());
        let address: IpAddr = told.filter(|_| peer.to_canonical().is_loopback()).unwrap_or(peer);
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
            v4 => v4,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(from)| from.ip());
        // Without a connection there is one origin for all.
        Ok(Self::of(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), &parts.headers))
    }
}

/// The wrong passwords of late.
#[derive(Default)]
pub(super) struct Guesses {
    tables: Mutex<(Table<Sum>, Table<Origin>)>,
}

impl Guesses {
    /// Whether a password may be tried now for this name from there.
    ///
    /// # Errors
    /// [`LoginError::TooMany`]: for [`REFILL`] at least it may not.
    pub(super) fn admit(&self, name: &str, from: Origin) -> Result<(), LoginError> {
        self.admit_at(name, from, Instant::now())
    }

    /// It was wrong.
    pub(super) fn failed(&self, name: &str, from: Origin) {
        self.failed_at(name, from, Instant::now());
    }

    fn admit_at(&self, name: &str, from: Origin, now: Instant) -> Result<(), LoginError> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let free = tables.0.wrong(&sum(name), now) < FOR_NAME && tables.1.wrong(&from, now) < FROM_ADDRESS;
        if free { Ok(()) } else { Err(LoginError::TooMany) }
    }

    fn failed_at(&self, name: &str, from: Origin, now: Instant) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.0.add(sum(name), now);
        tables.1.add(from, now);
    }
}

/// How many wrong passwords of each are not forgotten yet: so many, counted from a moment on.
struct Table<K>(HashMap<K, (u32, Instant)>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

fn left((wrong, since): (u32, Instant), now: Instant) -> u32 {
    let back = now.saturating_duration_since(since).as_millis() / REFILL.as_millis();
    wrong.saturating_sub(u32::try_from(back).unwrap_or(u32::MAX))
}

impl<K: Copy + Eq + Hash> Table<K> {
    fn wrong(&self, key: &K, now: Instant) -> u32 {
        self.0.get(key).map_or(0, |count| left(*count, now))
    }

    fn add(&mut self, key: K, now: Instant) {
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            self.0.retain(|_, count| left(*count, now) > 0);
            if self.0.len() >= MOST {
                let least = self.0.iter().min_by_key(|(_, count)| left(**count, now)).map(|(key, _)| *key);
                least.and_then(|key| self.0.remove(&key));
            }
        }
        let count = self.0.entry(key).or_insert((0, now));
        let wrong = left(*count, now);
        // What has come back of the next attempt stays.
        let back = REFILL.saturating_mul(count.0 - wrong);
        *count = if wrong == 0 { (1, now) } else { (wrong + 1, count.1 + back) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Origin {
        Origin::of(address.parse().unwrap(), &HeaderMap::new())
    }

    #[test]
    fn who_guesses_locks_out_nobody_else() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let bad = from("203.0.113.9");
        for _ in 0..FROM_ADDRESS {
            assert_eq!(guesses.admit_at("ann", bad, now), Ok(()));
            guesses.failed_at("ann", bad, now);
        }
        for (name, origin, may) in [
            ("ann", "203.0.113.9", false),
            ("bob", "203.0.113.9", false),
            ("ann", "203.0.113.10", true),
            ("bob", "198.51.100.1", true),
        ] {
            assert_eq!(guesses.admit_at(name, from(origin), now).is_ok(), may, "{name} from {origin}");
        }
        let later = now + REFILL;
        assert_eq!(guesses.admit_at("ann", bad, later), Ok(()), "one attempt has come back");
        guesses.failed_at("ann", bad, later);
        assert_eq!(guesses.admit_at("ann", bad, later), Err(LoginError::TooMany));
        assert_eq!(guesses.admit_at("ann", bad, later + REFILL * 2), Ok(()));
    }

    #[test]
    fn many_who_guess_one_name_are_stopped_for_that_name() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        for n in 0..FOR_NAME {
            let origin = from(&format!("203.0.113.{n}"));
            assert_eq!(guesses.admit_at("ann", origin, now), Ok(()));
            guesses.failed_at("ann", origin, now);
        }
        assert_eq!(guesses.admit_at("ann", from("198.51.100.1"), now), Err(LoginError::TooMany));
        assert_eq!(guesses.admit_at("bob", from("198.51.100.1"), now), Ok(()));
    }

    #[test]
    fn the_tables_are_bounded_and_keep_the_worst() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let bad = from("203.0.113.9");
        (0..FROM_ADDRESS).for_each(|_| guesses.failed_at("ann", bad, now));
        for n in 0..(MOST as u32 + 100) {
            guesses.failed_at(&format!("user{n}"), Origin(IpAddr::V4(Ipv4Addr::from_bits(n))), now);
        }
        let tables = guesses.tables.lock().unwrap();
        assert_eq!((tables.0.0.len(), tables.1.0.len()), (MOST, MOST));
        assert_eq!((tables.0.wrong(&sum("ann"), now), tables.1.wrong(&bad, now)), (FROM_ADDRESS, FROM_ADDRESS));
    }

    #[test]
    fn a_proxy_on_this_machine_is_believed_and_nobody_else() {
        let told = |text: &str| HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), text.parse().unwrap())]);
        for (peer, header, origin) in [
            ("127.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9"),
            ("::1", "203.0.113.9", "203.0.113.9"),
            ("::ffff:127.0.0.1", "nobody", "127.0.0.1"),
            ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
            ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        ] {
            let found = Origin::of(peer.parse().unwrap(), &told(header));
            assert_eq!(found, Origin(origin.parse().unwrap()), "{peer} for {header}");
        }
    }
}
