//! Who may act: a token, a login, or everybody when the configuration says so. Reading is open.

use super::guess::{Guesses, Origin};
use super::session::{LoginError, Sessions};
use axum::http::{HeaderMap, header};
use model::worker::Secret;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use subtle::ConstantTimeEq;

/// A SHA-256 sum.
pub type Sum = [u8; 32];

/// The sum of a token or a password.
pub fn sum(text: &str) -> Sum {
    Sha256::digest(text.as_bytes()).into()
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name; `token` for the master's own token.
    pub name: String,
    /// How they proved it.
    pub proof: Proof,
}

/// How somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The master's token in the request itself: no browser sends it unasked.
    Token,
    /// A session cookie: a browser sends it unasked, so the page that asks is looked at too.
    Session,
}

/// What those may do who are not logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Read.
    Reads,
    /// Read, and act: `web(anonymous_control = True)`.
    Acts,
}

/// Why an act is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Neither a token nor a login.
    #[error("this act needs a token (Authorization: Bearer …; the master keeps one in DIR/token) or a login")]
    NoLogin,
    /// A token or a cookie that is not valid, or not any more.
    #[error("the token or the login is not valid")]
    NotValid,
    /// The browser says that another site's page asks.
    #[error("a page of another site asks for this act: acts are taken from this master's own pages only")]
    CrossSite,
    /// A browser that is not logged in came under a name which may be anybody's.
    #[error(
        "this master does not know itself by the name that the browser used, so it takes acts from there only after a login; project(public_url = …) tells it its name"
    )]
    ForeignName,
}

struct Rules {
    token: Option<Sum>,
    users: BTreeMap<String, Sum>,
    anonymous: Anonymous,
}

impl Rules {
    fn new(token: Option<Sum>, users: &[(String, Secret)], anonymous: Anonymous) -> Arc<Self> {
        let users = users.iter().map(|(name, password)| (name.clone(), sum(password.reveal()))).collect();
        Arc::new(Self { token, users, anonymous })
    }
}

/// The rules in force, and who is logged in.
pub struct Auth {
    rules: RwLock<Arc<Rules>>,
    sessions: Sessions,
    guesses: Guesses,
}

/// The name of the session cookie.
pub const COOKIE: &str = "sluice_session";

impl Auth {
    /// Rules: the sum of the token (`None`: there is none), names and passwords, and what strangers may do.
    pub fn new(token: Option<Sum>, users: &[(String, Secret)], anonymous: Anonymous) -> Self {
        let rules = RwLock::new(Rules::new(token, users, anonymous));
        Self { rules, sessions: Sessions::default(), guesses: Guesses::default() }
    }

    /// New rules, after a reload. Sessions of users who are gone or have another password end.
    pub fn replace(&self, token: Option<Sum>, users: &[(String, Secret)], anonymous: Anonymous) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Rules::new(token, users, anonymous);
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who asks; `None`: nobody that is known.
    pub fn who(&self, headers: &HeaderMap) -> Option<User> {
        let rules = self.rules();
        if let Some(token) = bearer(headers) {
            let known = rules.token.is_some_and(|t| bool::from(t.ct_eq(&sum(token))));
            return known.then(|| User { name: "token".to_owned(), proof: Proof::Token });
        }
        let (name, password) = self.sessions.find(cookie(headers)?)?;
        // The password that the session was opened with must still be the user's.
        let same = rules.users.get(&name).is_some_and(|p| bool::from(p.ct_eq(&password)));
        same.then_some(User { name, proof: Proof::Session })
    }

    /// Whether those may act who are not logged in.
    pub fn anonymous(&self) -> Anonymous {
        self.rules().anonymous
    }

    /// Whether there is anybody who can log in on the pages.
    pub fn has_users(&self) -> bool {
        !self.rules().users.is_empty()
    }

    /// Whether a request may act, and for whom (`None`: for a stranger, who may).
    /// `public_url` is where people reach the pages; the browser's word on who asks is held against it.
    ///
    /// # Errors
    /// See [`Denied`].
    pub fn may_act(&self, headers: &HeaderMap, public_url: &str) -> Result<Option<User>, Denied> {
        let user = self.who(headers);
        if user.as_ref().is_some_and(|u| u.proof == Proof::Token) {
            return Ok(user);
        }
        if bearer(headers).is_some() {
            return Err(Denied::NotValid);
        }
        if super::guard::is_cross_site(headers, public_url) {
            return Err(Denied::CrossSite);
        }
        match (user, self.anonymous()) {
            (Some(user), _) => Ok(Some(user)),
            (None, Anonymous::Acts) if super::guard::is_foreign_name(headers, public_url) => Err(Denied::ForeignName),
            (None, Anonymous::Acts) => Ok(None),
            (None, Anonymous::Reads) if cookie(headers).is_some() => Err(Denied::NotValid),
            (None, Anonymous::Reads) => Err(Denied::NoLogin),
        }
    }

    /// Opens a session; the answer is the value of the cookie.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub fn login(&self, name: &str, password: &str, from: Origin) -> Result<String, LoginError> {
        self.guesses.admit(name, from)?;
        let rules = self.rules();
        let given = sum(password);
        // An unknown name takes as long as a wrong password.
        let right = rules.users.get(name).copied().unwrap_or_default();
        let same = bool::from(right.ct_eq(&given)) && rules.users.contains_key(name);
        if !same {
            self.guesses.failed(name, from);
            return Err(LoginError::Wrong);
        }
        self.sessions.open(name, given)
    }

    /// Asks `check` whether a password is right, as often as passwords may be guessed.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub(super) fn guess<T>(
        &self,
        name: &str,
        from: Origin,
        check: impl FnOnce() -> Option<T>,
    ) -> Result<T, LoginError> {
        self.guesses.admit(name, from)?;
        check().ok_or_else(|| {
            self.guesses.failed(name, from);
            LoginError::Wrong
        })
    }

    /// Ends the session of a request, if it has one.
    pub fn logout(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            self.sessions.end(id);
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = all.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}
