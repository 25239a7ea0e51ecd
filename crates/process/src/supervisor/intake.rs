//! Between what a command writes and its spool: secrets are masked, and files that are followed are looked at.

use super::followed::{Followed, LOOK};
use crate::Job;
use crate::mask::{Forms, Masker};
use crate::spool::Stream;
use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long bytes that may be the beginning of a secret are held back when nothing follows them.
const MOMENT: Duration = Duration::from_millis(250);

/// What goes to the spool, and when.
#[derive(Debug)]
pub(super) struct Intake {
    forms: Option<Rc<Forms>>,
    maskers: Vec<(u16, Stream, Masker)>,
    /// When held bytes are let go.
    release_at: Option<Instant>,
    pub(super) followed: Vec<Followed>,
    /// When the files are looked at next.
    pub(super) look_at: Instant,
}

impl Intake {
    /// Begins before the command does.
    pub(super) fn new(job: &Job, now: Instant) -> Self {
        Intake {
            forms: Forms::of(job.mask.iter().map(|secret| secret.as_ref())).map(Rc::new),
            maskers: Vec::new(),
            release_at: None,
            followed: job.follow.iter().cloned().map(Followed::new).collect(),
            look_at: now + LOOK,
        }
    }

    /// What of these bytes, and of those held back before, may be kept now.
    pub(super) fn through<'a>(&mut self, log: u16, stream: Stream, data: &'a [u8], now: Instant) -> Cow<'a, [u8]> {
        let Some(forms) = &self.forms else { return Cow::Borrowed(data) };
        let place = self.maskers.iter().position(|(l, s, _)| (*l, *s) == (log, stream)).unwrap_or_else(|| {
            self.maskers.push((log, stream, Masker::new(forms.clone())));
            self.maskers.len() - 1
        });
        let masker = &mut self.maskers[place].2;
        let seen = masker.push(data);
        if masker.holds() {
            self.release_at = Some(now + MOMENT);
        }
        Cow::Owned(seen)
    }

    /// What was held back for long enough; all of it at the end.
    pub(super) fn release(&mut self, at_end: bool, now: Instant) -> Vec<(u16, Stream, Vec<u8>)> {
        if self.release_at.is_none_or(|at| !at_end && now < at) {
            return Vec::new();
        }
        self.release_at = None;
        let holding = self.maskers.iter_mut().filter(|(_, _, masker)| masker.holds());
        holding.map(|(log, stream, masker)| (*log, *stream, masker.release())).collect()
    }

    /// Bytes that are whole.
    pub(super) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.forms {
            Some(forms) => forms.mask(bytes),
            None => bytes,
        }
    }

    /// A text of our own.
    pub(super) fn text(&self, text: String) -> String {
        match &self.forms {
            Some(forms) => forms.mask_text(&text),
            None => text,
        }
    }

    /// When there is something to do though nothing comes in.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let look = Some(self.look_at).filter(|_| !self.followed.is_empty());
        [look, self.release_at].into_iter().flatten().min()
    }
}
