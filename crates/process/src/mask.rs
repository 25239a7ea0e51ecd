//! Secrets in output: every byte of one becomes `*` before it is kept anywhere, so that offsets stay as they are.
//!
//! A secret is found as it is, line by line if it has several, in base64 at each of the three places where it may stand
//! between other bytes, URL-encoded, and as JSON writes it; also when it comes in pieces.

use std::collections::BTreeSet;
use std::rc::Rc;

/// A secret shorter than this is none: too much else would be masked.
const SHORTEST: usize = 3;
/// An encoded form shorter than this is not looked for.
const SHORTEST_CODE: usize = 6;
/// Lines shorter than this are not looked for by themselves.
const SHORTEST_LINE: usize = 8;
/// Of a longer secret each line is looked for, and the whole is not.
const LONGEST: usize = 16 << 10;
/// Secrets of a job, at most; there are no more in a configuration that people can read.
const MOST: usize = 1000;

/// Everything that must not be seen.
#[derive(Debug)]
pub(crate) struct Forms {
    /// By their first byte.
    by_first: Vec<Vec<Form>>,
}

/// One way in which a secret may be written.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    bytes: Vec<u8>,
    /// Programs break it into lines.
    wraps: bool,
}

/// How far data agrees with a form.
enum Agrees {
    /// It stands there, and takes so many bytes.
    Whole(usize),
    /// It may: the data ends before the form does.
    SoFar,
    No,
}

impl Form {
    fn at(&self, data: &[u8]) -> Agrees {
        if !self.wraps {
            return match data.len() < self.bytes.len() {
                true if self.bytes.starts_with(data) => Agrees::SoFar,
                false if data.starts_with(&self.bytes) => Agrees::Whole(self.bytes.len()),
                _ => Agrees::No,
            };
        }
        let mut wanted = self.bytes.iter();
        for (at, byte) in data.iter().enumerate() {
            match wanted.as_slice().first() {
                None => return Agrees::Whole(at),
                Some(want) if want == byte => drop(wanted.next()),
                Some(_) if is_break(*byte) && at > 0 => {}
                Some(_) => return Agrees::No,
            }
        }
        if wanted.as_slice().is_empty() { Agrees::Whole(data.len()) } else { Agrees::SoFar }
    }
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

impl Forms {
    /// All forms of these secrets; `None`: there is nothing to hide.
    pub(crate) fn of<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut all = BTreeSet::new();
        for secret in secrets.into_iter().take(MOST) {
            add_forms(secret, &mut all);
            add_forms(secret.trim_ascii(), &mut all);
        }
        if all.is_empty() {
            return None;
        }
        let mut by_first: Vec<Vec<Form>> = (0..256).map(|_| Vec::new()).collect();
        for form in all {
            if let Some(&first) = form.bytes.first() {
                by_first[usize::from(first)].push(form);
            }
        }
        Some(Forms { by_first })
    }

    /// A text that is whole.
    pub(crate) fn mask(self: &Rc<Self>, text: Vec<u8>) -> Vec<u8> {
        let mut masker = Masker::new(self.clone());
        let mut masked = masker.push(&text);
        masked.extend(masker.release());
        masked
    }

    /// As [`mask`](Self::mask), for text.
    pub(crate) fn mask_text(self: &Rc<Self>, text: &str) -> String {
        String::from_utf8_lossy(&self.mask(text.as_bytes().to_vec())).into_owned()
    }
}

fn add_forms(secret: &[u8], all: &mut BTreeSet<Form>) {
    if secret.len() < SHORTEST {
        return;
    }
    let lines: Vec<&[u8]> = secret.split(|b| is_break(*b)).map(<[u8]>::trim_ascii).collect();
    if lines.len() > 1 {
        let long = lines.iter().filter(|line| line.len() >= SHORTEST_LINE);
        all.extend(long.map(|line| Form { bytes: line.to_vec(), wraps: false }));
    }
    if secret.len() > LONGEST {
        return;
    }
    all.insert(Form { bytes: secret.to_vec(), wraps: false });
    let mut code = |bytes: Vec<u8>, wraps| {
        if bytes.len() >= SHORTEST_CODE {
            all.insert(Form { bytes, wraps });
        }
    };
    for alphabet in [b"+/", b"-_"] {
        for before in 0..3 {
            code(base64(secret, before, *alphabet), true);
        }
    }
    for safe in [&b"-_.~"[..], b"-_.~/", b"-_.~!'()*"] {
        for hex in [b"0123456789ABCDEF", b"0123456789abcdef"] {
            for space in [&b"%20"[..], b"+"] {
                code(url(secret, safe, hex, space), false);
            }
        }
    }
    code(json(secret), false);
}

/// What is certain of a secret in base64 when so many bytes (0 to 2, beyond whole groups of three) stand before it.
fn base64(secret: &[u8], before: usize, last: [u8; 2]) -> Vec<u8> {
    let sign = |value: u32| match value & 63 {
        n @ 0..=25 => b'A' + n as u8,
        n @ 26..=51 => b'a' + (n - 26) as u8,
        n @ 52..=61 => b'0' + (n - 52) as u8,
        62 => last[0],
        _ => last[1],
    };
    let byte = |at: usize| at.checked_sub(before).and_then(|at| secret.get(at)).copied().unwrap_or(0);
    let bits = 8 * (before + secret.len());
    let first = (8 * before).div_ceil(6);
    let signs = (first..bits / 6).map(|at| {
        let bit = 6 * at;
        let two = u32::from(byte(bit / 8)) << 8 | u32::from(byte(bit / 8 + 1));
        sign(two >> (10 - bit % 8))
    });
    signs.collect()
}

fn url(secret: &[u8], safe: &[u8], hex: &[u8; 16], space: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(secret.len());
    for &byte in secret {
        match byte {
            b' ' => out.extend_from_slice(space),
            b if b.is_ascii_alphanumeric() || safe.contains(&b) => out.push(b),
            b => out.extend([b'%', hex[usize::from(b >> 4)], hex[usize::from(b & 15)]]),
        }
    }
    out
}

/// As between the quotes of a JSON text.
fn json(secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(secret.len());
    for &byte in secret {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            _ => out.push(byte),
        }
    }
    out
}

/// Masks one stream of bytes.
#[derive(Debug)]
pub(crate) struct Masker {
    forms: Rc<Forms>,
    /// The last bytes, which may be the beginning of a secret.
    held: Vec<u8>,
    /// So many of them belong to a secret that began before them.
    covered: usize,
    /// So many of them were given out.
    shown: usize,
}

impl Masker {
    pub(crate) fn new(forms: Rc<Forms>) -> Self {
        Masker { forms, held: Vec::new(), covered: 0, shown: 0 }
    }

    /// Takes bytes in and gives out those that may be seen by now.
    pub(crate) fn push(&mut self, data: &[u8]) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(data);
        let mut hold = bytes.len();
        let mut covered = self.covered;
        let mut masked = Vec::with_capacity(bytes.len());
        for (at, &byte) in bytes.iter().enumerate() {
            let mut end = 0;
            for form in &self.forms.by_first[usize::from(byte)] {
                match form.at(&bytes[at..]) {
                    Agrees::Whole(length) => end = end.max(at + length),
                    Agrees::SoFar => hold = hold.min(at),
                    Agrees::No => {}
                }
            }
            // What begins in the held bytes is found again when more has come.
            if at < hold {
                covered = covered.max(end);
            }
            if at >= self.shown && at < hold {
                masked.push(if at < covered && !is_break(byte) { b'*' } else { byte });
            }
        }
        self.held = bytes.split_off(hold);
        self.covered = covered.saturating_sub(hold);
        self.shown = self.shown.saturating_sub(hold);
        masked
    }

    /// Whether there are bytes that were not given out.
    pub(crate) fn holds(&self) -> bool {
        self.shown < self.held.len()
    }

    /// Gives out what is held, since nothing more comes for now. What is half a secret or more is masked. Should the rest
    /// of it come, that is masked in any case.
    pub(crate) fn release(&mut self) -> Vec<u8> {
        let held = &self.held;
        let forms = held.first().map_or(&[][..], |first| &self.forms.by_first[usize::from(*first)]);
        let telling = |f: &Form| held.len() * 2 >= f.bytes.len() && matches!(f.at(held), Agrees::SoFar);
        let mut covered = if forms.iter().any(telling) { held.len() } else { self.covered };
        let mut masked = Vec::with_capacity(held.len());
        for (at, &byte) in held.iter().enumerate() {
            for form in &self.forms.by_first[usize::from(byte)] {
                if let Agrees::Whole(length) = form.at(&held[at..]) {
                    covered = covered.max(at + length);
                }
            }
            if at >= self.shown {
                masked.push(if at < covered && !is_break(byte) { b'*' } else { byte });
            }
        }
        self.shown = held.len();
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn forms(secrets: &[&str]) -> Rc<Forms> {
        Rc::new(Forms::of(secrets.iter().map(|s| s.as_bytes())).unwrap())
    }

    fn masked(secrets: &[&str], text: &str) -> String {
        forms(secrets).mask_text(text)
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secret = "s3cr&t /Wort";
        // What is visible before, the form itself, and what is visible after.
        for (before, form, after) in [
            ("it is ", "s3cr&t /Wort", "."),
            ("q=", "s3cr%26t%20%2FWort", "&b"),
            ("q=", "s3cr%26t+%2fWort", "&b"),
            ("q=", "s3cr%26t%20/Wort", "&b"),
            ("s3cr&t%20%2FWort ", "s3cr&t /Wort", " s3cr"),
            // `base64` with no, one and two bytes before it; a sign that is the secret's in part only stays.
            ("", "czNjciZ0IC9Xb3J0", "\n"),
            ("eH", "MzY3ImdCAvV29yd", "A=="),
            ("eHl", "zM2NyJnQgL1dvcn", "Q="),
        ] {
            let expected = format!("{before}{}{after}", "*".repeat(form.len()));
            assert_eq!(masked(&[secret], &format!("{before}{form}{after}")), expected);
        }
        assert_eq!(masked(&[secret], "s3cr&t"), "******", "half of it, at the end");
        assert_eq!(masked(&[secret], "czNj\nciZ0\r\nIC9Xb3J0"), "****\n****\r\n********");
        let key = "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----\n";
        assert_eq!(masked(&[key], "  abcdefgh\r\n  ijklmnop"), "  ********\r\n  ********");
        assert_eq!(masked(&["a\"b\\c\nd"], r#"{"x":"a\"b\\c\nd"}"#), r#"{"x":"**********"}"#);
    }

    #[test]
    fn what_is_no_secret_stays() {
        assert!(Forms::of([&b""[..], b"ab"]).is_none());
        assert_eq!(masked(&["sesame"], "open, sesam and sesa me"), "open, sesam and sesa me");
        assert_eq!(masked(&["abcabd", "bca"], "abcabcabd"), "a**".to_owned() + "******");
    }

    #[test]
    fn a_secret_within_the_beginning_of_another_masks_itself_alone() {
        for cut in 0..7 {
            let mut masker = Masker::new(forms(&["abb", "aabba"]));
            let mut found = masker.push(&b"aaaabb\n"[..cut]);
            found.extend(masker.push(&b"aaaabb\n"[cut..]));
            assert_eq!(String::from_utf8(found).unwrap(), "aaa***\n", "cut at {cut}");
        }
        let mut masker = Masker::new(forms(&["abb", "aabbaxxxxxxxx"]));
        assert_eq!(masker.push(b"aabb"), b"");
        assert_eq!(masker.release(), b"a***");
        assert_eq!(masker.push(b"axxxxxxxx."), b"*********.");
    }

    #[test]
    fn a_secret_in_pieces_is_held_back_until_it_is_decided() {
        let mut masker = Masker::new(forms(&["sesame street"]));
        assert_eq!(masker.push(b"open ses"), b"open ");
        assert!(masker.holds());
        assert_eq!(masker.push(b"ame s"), b"");
        assert_eq!(masker.push(b"ails"), b"sesame sails"[..11]);
        assert_eq!(masker.push(b"esame street!"), b"*************!");
        // Less than half of it is given out after a moment, and the rest is masked when it comes.
        assert_eq!(masker.push(b"sesa"), b"");
        assert_eq!(masker.release(), b"sesa");
        assert!(!masker.holds());
        assert_eq!(masker.push(b"me street."), b"*********.");
        assert_eq!(masker.push(b"sesame "), b"");
        assert_eq!(masker.release(), b"*******");
        assert_eq!(masker.push(b"sun"), b"sun");
    }

    proptest! {
        /// Wherever the bytes are cut, the same bytes are masked, and none is lost.
        #[test]
        fn cuts_do_not_matter(
            secrets in prop::collection::vec("[ab]{3,6}", 1..4),
            text in "[abc\n]{0,60}",
            cuts in prop::collection::vec(0_usize..60, 0..8),
        ) {
            let forms = Rc::new(Forms::of(secrets.iter().map(|s| s.as_bytes())).unwrap());
            let mut whole = Masker::new(forms.clone());
            let mut expected = whole.push(text.as_bytes());
            expected.extend(whole.release());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(text.len())).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let mut masker = Masker::new(forms);
            let mut found = Vec::new();
            let mut from = 0;
            for to in cuts {
                found.extend(masker.push(&text.as_bytes()[from..to]));
                from = to;
            }
            found.extend(masker.release());
            prop_assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
            prop_assert_eq!(found.len(), text.len());
            for secret in &secrets {
                prop_assert!(!String::from_utf8_lossy(&found).contains(secret.as_str()));
            }
        }
    }
}
