//! Subunit version 2: packets with a checksum, amid whatever else is printed.
//!
//! <https://github.com/testing-cabal/subunit/blob/master/README.rst>. A packet may begin at any byte that is not the
//! middle of a UTF-8 character, as the reference reader takes it: `ó` holds the byte that begins a packet. Behind a
//! packet that is wrong reading goes on one byte later, since its length may be wrong too.

use crate::reader::{Parse, Sink};
use crate::text::Message;
use crate::{Flaw, Limits, TestOutcome};
use model::Time;
use std::collections::HashMap;

/// Reads subunit version 2.
pub(crate) struct SubunitV2 {
    /// What is not yet read: at most one packet and what came with the last chunk.
    waiting: Vec<u8>,
    /// Bytes before it.
    at: u64,
    /// A packet may begin here by the book: at the beginning, behind a packet, behind a newline.
    rightly: bool,
    /// Bytes that were checksummed in vain.
    wasted: u64,
    stopped: bool,
    limits: Limits,
    open: HashMap<(String, String), Open>,
}

/// What is known of a test that did not end yet.
struct Open {
    begun: bool,
    at: Option<Time>,
    message: Message,
}

/// The byte that begins a packet.
const SIGNATURE: u8 = 0xb3;
/// The longest packet there can be, with its three bytes of length.
const LONGEST: usize = (1 << 22) - 1;
/// The shortest: signature, flags, length, checksum.
const SHORTEST: usize = 8;
/// So many bytes may be checksummed in vain, and eight times what came.
const WASTE: u64 = 64 << 20;

mod flag {
    pub(super) const TIME: u16 = 0x0200;
    pub(super) const ID: u16 = 0x0800;
    pub(super) const TAGS: u16 = 0x0080;
    pub(super) const MIME: u16 = 0x0020;
    pub(super) const FILE: u16 = 0x0040;
    pub(super) const ROUTE: u16 = 0x0400;
    pub(super) const ZERO: u16 = 0x0008;
}

/// What may begin at a byte.
enum Begin {
    /// No packet.
    No,
    /// Perhaps one: more bytes are needed to tell.
    Perhaps,
    /// One of that length, if its checksum says so.
    Packet(usize),
}

impl SubunitV2 {
    pub(crate) fn new(limits: &Limits) -> Self {
        let open = HashMap::new();
        let (waiting, limits) = (Vec::new(), *limits);
        Self { waiting, at: 0, rightly: true, wasted: 0, stopped: false, limits, open }
    }

    /// Reads what can be read; `over` when nothing more comes.
    fn read(&mut self, over: bool, out: &mut Sink<'_>) {
        let bytes = std::mem::take(&mut self.waiting);
        let mut from = 0;
        while from < bytes.len() && !self.stopped {
            let rest = &bytes[from..];
            let taken = match rest[0] {
                SIGNATURE => match begin(rest) {
                    Begin::Packet(length) if rest.len() >= length => self.checked(&rest[..length], from, out),
                    Begin::Packet(_) | Begin::Perhaps if !over => break,
                    Begin::Packet(length) => {
                        if self.rightly {
                            let missing = format!("{} of a packet's {length} bytes", length - rest.len());
                            out.flaw(Flaw::CutOff { missing });
                        }
                        self.text(1)
                    }
                    Begin::Perhaps => {
                        if self.rightly {
                            out.flaw(Flaw::CutOff { missing: "all but the head of a packet".to_owned() });
                        }
                        self.text(1)
                    }
                    Begin::No => self.text(1),
                },
                b'\n' => {
                    self.rightly = true;
                    1
                }
                lead => {
                    let width = match lead {
                        0xc2..=0xdf => 2,
                        0xe0..=0xef => 3,
                        0xf0..=0xf4 => 4,
                        _ => 1,
                    };
                    let follow = rest.iter().take(width).skip(1).take_while(|b| *b & 0xc0 == 0x80).count();
                    if 1 + follow == rest.len() && rest.len() < width && !over {
                        break;
                    }
                    self.text(if 1 + follow == width { width } else { 1 })
                }
            };
            from += taken;
        }
        self.at += from as u64;
        if !self.stopped {
            self.waiting = bytes;
            self.waiting.drain(..from);
        }
    }

    /// So many bytes are no packet.
    fn text(&mut self, bytes: usize) -> usize {
        self.rightly = false;
        bytes
    }

    /// A packet, as long as it says. Answers how many bytes are done.
    fn checked(&mut self, packet: &[u8], from: usize, out: &mut Sink<'_>) -> usize {
        let (body, sum) = packet.split_at(packet.len() - 4);
        let whole = sum == crc32fast::hash(body).to_be_bytes();
        if let Some(fields) = whole.then(|| fields(body)).flatten() {
            self.rightly = true;
            self.packet(&fields, out);
            return packet.len();
        }
        let at = self.at + from as u64;
        if self.rightly {
            let what = if whole { "a packet's fields do not fit its length" } else { "a packet has a wrong checksum" };
            out.flaw(Flaw::Malformed { place: format!("at byte {at}"), what: what.to_owned() });
        }
        self.wasted += packet.len() as u64;
        if self.wasted > WASTE + 8 * at {
            out.flaw(Flaw::Refused { at, why: "too much of it looks like packets and is none" });
            self.stopped = true;
        }
        self.text(1)
    }

    fn packet(&mut self, packet: &Packet<'_>, out: &mut Sink<'_>) {
        let Some(id) = packet.id else { return };
        let key = (packet.route.unwrap_or("").to_owned(), id.to_owned());
        let outcome = match packet.status {
            3 => Some(TestOutcome::Passed),
            4 => Some(TestOutcome::UnexpectedSuccess),
            5 => Some(TestOutcome::Skipped),
            6 => Some(TestOutcome::Failed),
            7 => Some(TestOutcome::ExpectedFailure),
            _ => None,
        };
        let text = packet.mime.is_some_and(|m| m.starts_with("text/"));
        let file = packet.file.filter(|(_, content)| text && !content.is_empty());
        if file.is_some() || packet.status == 2 {
            self.make_room();
            if self.open.len() < self.limits.open {
                let message = Message::new(self.limits.message);
                let open = self.open.entry(key.clone()).or_insert(Open { begun: false, at: None, message });
                if let Some((_, content)) = file {
                    open.message.push(content);
                }
                if packet.status == 2 && !open.begun {
                    open.begun = true;
                    open.at = packet.time;
                    out.started(id);
                }
            }
        }
        if let Some(outcome) = outcome {
            let open = self.open.remove(&key);
            let at = open.as_ref().and_then(|open| open.at);
            let duration = at.zip(packet.time).map(|(at, end)| end.since(at));
            out.ended(id, outcome, duration, open.map(|mut open| open.message.take()).unwrap_or_default());
        }
    }

    /// Files of tests that never begin make room for those that do.
    fn make_room(&mut self) {
        if self.open.len() >= self.limits.open {
            self.open.retain(|_, open| open.begun);
        }
    }
}

impl Parse for SubunitV2 {
    fn push(&mut self, bytes: &[u8], out: &mut Sink<'_>) {
        // In parts, so that no chunk makes more than a packet wait.
        for part in bytes.chunks(LONGEST) {
            if !self.stopped {
                self.waiting.extend_from_slice(part);
                self.read(false, out);
            }
        }
    }

    fn finish(&mut self, out: &mut Sink<'_>) {
        self.read(true, out);
        let mut open: Vec<_> = self.open.drain().filter(|(_, open)| open.begun).collect();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        for ((_, id), mut test) in open {
            out.never_ended(&id, test.message.take());
        }
    }
}

/// Whether a packet begins here, by flags and length.
fn begin(bytes: &[u8]) -> Begin {
    let Some(high) = bytes.get(1) else { return Begin::Perhaps };
    if high >> 4 != 2 {
        return Begin::No;
    }
    let Some(low) = bytes.get(2) else { return Begin::Perhaps };
    if u16::from(*low) & flag::ZERO != 0 {
        return Begin::No;
    }
    let Some(first) = bytes.get(3) else { return Begin::Perhaps };
    let width = usize::from(first >> 6) + 1;
    if width > 3 {
        return Begin::No;
    }
    match number(&mut &bytes[3..]) {
        None => Begin::Perhaps,
        Some(length) if (SHORTEST..=LONGEST).contains(&(length as usize)) => Begin::Packet(length as usize),
        Some(_) => Begin::No,
    }
}

/// Whether a whole packet stands at the beginning of these bytes, with its checksum.
pub(super) fn looks_like_packet(bytes: &[u8]) -> bool {
    is_packet(bytes) == Some(true)
}

/// The same; `None`: more bytes are needed to tell.
pub(super) fn is_packet(bytes: &[u8]) -> Option<bool> {
    let length = match begin(bytes) {
        Begin::No => return Some(false),
        Begin::Perhaps => return None,
        Begin::Packet(length) => length,
    };
    let (body, sum) = bytes.get(..length)?.split_last_chunk::<4>()?;
    Some(*sum == crc32fast::hash(body).to_be_bytes())
}

/// What a packet says.
struct Packet<'a> {
    status: u16,
    time: Option<Time>,
    id: Option<&'a str>,
    mime: Option<&'a str>,
    file: Option<(&'a str, &'a [u8])>,
    route: Option<&'a str>,
}

/// The fields of a packet without its checksum. `None`: they do not fit.
fn fields(body: &[u8]) -> Option<Packet<'_>> {
    let mut rest = body;
    let head = take(&mut rest, 3)?;
    let flags = u16::from_be_bytes([head[1], head[2]]);
    let has = |flag| flags & flag != 0;
    number(&mut rest)?;
    let mut packet = Packet { status: flags & 7, time: None, id: None, mime: None, file: None, route: None };
    if has(flag::TIME) {
        let seconds = u32::from_be_bytes(take(&mut rest, 4)?.try_into().ok()?);
        let nanos = number(&mut rest)?;
        packet.time = Some(Time(i64::from(seconds) * 1_000_000 + i64::from(nanos) / 1000));
    }
    if has(flag::ID) {
        packet.id = Some(text(&mut rest)?);
    }
    if has(flag::TAGS) {
        for _ in 0..number(&mut rest)? {
            text(&mut rest)?;
        }
    }
    if has(flag::MIME) {
        packet.mime = Some(text(&mut rest)?);
    }
    if has(flag::FILE) {
        let name = text(&mut rest)?;
        let length = number(&mut rest)?;
        packet.file = Some((name, take(&mut rest, length as usize)?));
    }
    if has(flag::ROUTE) {
        packet.route = Some(text(&mut rest)?);
    }
    rest.is_empty().then_some(packet)
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(n)?;
    *rest = left;
    Some(taken)
}

/// A number of one to four bytes; the first two bits tell how many.
fn number(rest: &mut &[u8]) -> Option<u32> {
    let width = usize::from(rest.first()? >> 6) + 1;
    let bytes = take(rest, width)?;
    Some(bytes[1..].iter().fold(u32::from(bytes[0] & 0x3f), |n, b| n << 8 | u32::from(*b)))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = number(rest)?;
    std::str::from_utf8(take(rest, length as usize)?).ok()
}
