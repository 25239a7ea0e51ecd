//! Output that can be checked without a copy of it: each byte is a function of a key and its offset.
//!
//! A step of the harness is this very program, as `xtask __chaos-step KEY BYTES SECONDS FILE`: it notes in FILE that it
//! begins, says its key and so many bytes within so many seconds, and notes that it has ended.

use anyhow::{Context, bail};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// The hidden verb.
pub(crate) const STEP: &str = "__chaos-step";

/// Bytes of a line, with its end.
const LINE: usize = 64;

/// Lines that are written at once.
const AT_ONCE: usize = 512;

/// What every line begins with.
const WORD: &[u8; 7] = b"chaos: ";

/// The bytes of one key, from a line on.
pub(crate) struct Stream {
    key: u64,
    line: u64,
}

impl Stream {
    pub(crate) fn of(key: &str) -> Self {
        // FNV-1a, 64 bits.
        let key = key.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self { key, line: 0 }
    }

    fn next_line(&mut self) -> [u8; LINE] {
        let mut line = [b'\n'; LINE];
        line[..WORD.len()].copy_from_slice(WORD);
        for (place, letters) in line[WORD.len()..LINE - 1].chunks_exact_mut(8).enumerate() {
            let number = mix(self.key ^ mix(self.line.wrapping_mul(8).wrapping_add(place as u64)));
            letters.copy_from_slice(&spelt(number as u32));
        }
        self.line += 1;
        line
    }

    /// The first `bytes` bytes, or where `found` differs from them. Less than that is fine: how much was there.
    pub(crate) fn compare(mut self, found: &[u8]) -> Result<(), usize> {
        for (number, part) in found.chunks(LINE).enumerate() {
            let line = self.next_line();
            if part != &line[..part.len()] {
                let within = part.iter().zip(line).take_while(|(a, b)| **a == *b).count();
                return Err(number * LINE + within);
            }
        }
        Ok(())
    }
}

/// SplitMix64.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Eight letters from `a` to `p`.
fn spelt(number: u32) -> [u8; 8] {
    let mut x = u64::from(number);
    x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    (x + 0x6161_6161_6161_6161).to_le_bytes()
}

/// What the program says before its bytes.
pub(crate) fn opening(key: &str) -> String {
    format!("<<<{key}>>>\n")
}

/// A log against its key: how many bytes of the stream it holds, all of them right.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn check(key: &str, log: &[u8], bytes: usize) -> anyhow::Result<usize> {
    let opening = opening(key);
    let Some(at) = find(log, opening.as_bytes()) else { return Ok(0) };
    let body = &log[at + opening.len()..];
    let whole = body.len().min(bytes);
    match Stream::of(key).compare(&body[..whole]) {
        Ok(()) => Ok(whole),
        Err(at) => bail!("{key}: byte {at} of {whole} is wrong"),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The step.
pub(crate) fn step(arguments: &[String]) -> anyhow::Result<()> {
    let [key, bytes, seconds, notes] = arguments else { bail!("a key, bytes, seconds and a file are wanted") };
    let (bytes, seconds): (usize, f64) = (bytes.parse()?, seconds.parse()?);
    note(Path::new(notes), "begin", key)?;
    say(key, bytes, Duration::from_secs_f64(seconds))?;
    note(Path::new(notes), "end", key)
}

fn say(key: &str, bytes: usize, time: Duration) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut out = std::io::stdout().lock();
    out.write_all(opening(key).as_bytes())?;
    let (mut stream, mut said) = (Stream::of(key), 0);
    let mut buffer = Vec::with_capacity(AT_ONCE * LINE);
    while said < bytes {
        buffer.clear();
        for _ in 0..AT_ONCE {
            buffer.extend_from_slice(&stream.next_line());
        }
        buffer.truncate(bytes - said);
        out.write_all(&buffer)?;
        said += buffer.len();
        let due = begun + time.mul_f64(said as f64 / bytes as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    out.flush()?;
    std::thread::sleep((begun + time).saturating_duration_since(Instant::now()));
    Ok(())
}

/// One line, written at once, so that many may write to the same file.
fn note(file: &Path, what: &str, key: &str) -> anyhow::Result<()> {
    let mut notes = File::options().create(true).append(true).open(file).context("the notes cannot be opened")?;
    Ok(notes.write_all(format!("{what} {key}\n").as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: &str, bytes: usize) -> Vec<u8> {
        let mut stream = Stream::of(key);
        let mut all = b"sh -c x\n".to_vec();
        all.extend_from_slice(opening(key).as_bytes());
        let mut body: Vec<u8> = (0..bytes.div_ceil(LINE)).flat_map(|_| stream.next_line()).collect();
        body.truncate(bytes);
        all.extend(body);
        all
    }

    #[test]
    fn what_was_said_is_known_again_and_a_wrong_byte_is_found() {
        let log = said("k.1", 1000);
        assert_eq!(check("k.1", &log, 1000).unwrap(), 1000);
        let mut closed = log.clone();
        closed.extend_from_slice(b"ended with exit code 0 after 1 s\n");
        assert_eq!(check("k.1", &closed, 1000).unwrap(), 1000);
        for at in [20, 300, log.len() - 1] {
            let mut wrong = log.clone();
            wrong[at] ^= 1;
            assert!(check("k.1", &wrong, 1000).is_err(), "a flipped bit at {at}");
        }
        let mut short = log.clone();
        short.drain(500..564);
        assert!(check("k.1", &short, 1000).is_err(), "a line is missing");
    }

    #[test]
    fn a_beginning_is_a_beginning() {
        let log = said("k.2", 640);
        assert_eq!(check("k.2", &log[..log.len() - 100], 640).unwrap(), 540);
        assert_eq!(check("k.2", b"sh -c x\n", 640).unwrap(), 0);
        assert!(check("k.2", &said("k.3", 640), 640).unwrap() == 0, "another key's opening is not ours");
    }

    #[test]
    fn letters_are_those_of_the_number() {
        assert_eq!(&spelt(0x0000_0000), b"aaaaaaaa");
        assert_eq!(&spelt(0x0000_00f1), b"bpaaaaaa");
        assert_eq!(&spelt(0xffff_ffff), b"pppppppp");
    }
}
