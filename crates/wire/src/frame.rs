//! Frames: arrays of messages as MessagePack.

use crate::{FRAME_LIMIT, ProtocolError, TEXT_LIMIT, ToMaster, ToWorker};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

/// How deep values may nest: a property's list of maps is the deepest thing there is.
const DEPTH: usize = 64;

/// The most messages in a frame.
const MESSAGES: usize = 4096;

/// The head of a frame: MessagePack's array with a count of 32 bits.
const HEAD: [u8; 5] = [0xdd, 0, 0, 0, 0];

/// The messages of a worker's frame. Errors when it is too long or no frame.
pub fn decode_to_master(frame: &[u8]) -> Result<Vec<ToMaster>, ProtocolError> {
    decode(frame)
}

/// The messages of a master's frame. Errors when it is too long or no frame.
pub fn decode_to_worker(frame: &[u8]) -> Result<Vec<ToWorker>, ProtocolError> {
    decode(frame)
}

/// A frame with these messages. Errors when it would be too long.
pub fn encode_to_master(messages: &[ToMaster]) -> Result<Vec<u8>, ProtocolError> {
    encode(messages)
}

/// A frame with these messages. Errors when it would be too long.
pub fn encode_to_worker(messages: &[ToWorker]) -> Result<Vec<u8>, ProtocolError> {
    encode(messages)
}

fn encode<M: Serialize>(messages: &[M]) -> Result<Vec<u8>, ProtocolError> {
    let mut frames = Frames::default();
    for message in messages {
        frames.push(message, FRAME_LIMIT)?;
    }
    let frame = frames.pop().unwrap_or_else(|| HEAD.to_vec());
    match frames.pop() {
        None => Ok(frame),
        Some(more) => Err(ProtocolError::TooLong { bytes: frame.len() + more.len() }),
    }
}

fn decode<M: DeserializeOwned>(frame: &[u8]) -> Result<Vec<M>, ProtocolError> {
    if frame.len() > FRAME_LIMIT {
        return Err(ProtocolError::TooLong { bytes: frame.len() });
    }
    let mut reader = rmp_serde::Deserializer::from_read_ref(frame);
    reader.set_max_depth(DEPTH);
    Messages(PhantomData).deserialize(&mut reader).map_err(|e| garbage(&e))
}

/// A value by itself, not in a frame: an assignment that came in pieces.
pub(crate) fn decode_value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ProtocolError> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(DEPTH);
    T::deserialize(&mut reader).map_err(|e| garbage(&e))
}

/// A value by itself, not in a frame.
pub(crate) fn encode_value<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec_named(value).map_err(|e| e.to_string())
}

fn garbage(error: &rmp_serde::decode::Error) -> ProtocolError {
    ProtocolError::Garbage { what: clipped(error.to_string()) }
}

/// The text, cut at [`TEXT_LIMIT`].
pub(crate) fn clipped(mut text: String) -> String {
    if text.len() > TEXT_LIMIT {
        let end = (0..=TEXT_LIMIT - 4).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Reads an array of messages and refuses more than [`MESSAGES`], so that a frame of empty ones cannot swell in memory.
struct Messages<M>(PhantomData<M>);

impl<'de, M: Deserialize<'de>> DeserializeSeed<'de> for Messages<M> {
    type Value = Vec<M>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Vec<M>, D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de, M: Deserialize<'de>> Visitor<'de> for Messages<M> {
    type Value = Vec<M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<M>, A::Error> {
        let mut messages = Vec::with_capacity(seq.size_hint().unwrap_or(1).min(16));
        while let Some(message) = seq.next_element()? {
            if messages.len() == MESSAGES {
                return Err(serde::de::Error::custom(format_args!("more than {MESSAGES} messages in a frame")));
            }
            messages.push(message);
        }
        Ok(messages)
    }
}

/// Frames on their way out, the last one still open for more messages.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    frames: VecDeque<Frame>,
    queued: usize,
}

#[derive(Debug)]
struct Frame {
    bytes: Vec<u8>,
    count: u32,
}

impl Frames {
    /// Adds a message to the open frame, or begins a new one when the open one would grow beyond `soft` bytes.
    /// Errors when the message alone is beyond [`FRAME_LIMIT`]; nothing is added then.
    pub(crate) fn push<M: Serialize>(&mut self, message: &M, soft: usize) -> Result<(), ProtocolError> {
        if self.frames.back().is_none_or(|f| f.bytes.len() >= soft || f.count as usize == MESSAGES) {
            self.frames.push_back(Frame { bytes: HEAD.to_vec(), count: 0 });
        }
        let Some(open) = self.frames.back_mut() else { return Ok(()) };
        let before = open.bytes.len();
        let written = message.serialize(&mut rmp_serde::Serializer::new(&mut open.bytes).with_struct_map());
        let length = open.bytes.len() - before;
        if written.is_err() || length + HEAD.len() > FRAME_LIMIT {
            open.bytes.truncate(before);
            if open.count == 0 {
                self.frames.pop_back();
            }
            return Err(ProtocolError::TooLong { bytes: length });
        }
        self.queued += length;
        if open.count > 0 && open.bytes.len() > soft.min(FRAME_LIMIT) {
            let mut bytes = HEAD.to_vec();
            bytes.extend_from_slice(&open.bytes[before..]);
            open.bytes.truncate(before);
            self.frames.push_back(Frame { bytes, count: 1 });
        } else {
            open.count += 1;
        }
        Ok(())
    }

    /// The oldest frame, closed.
    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        let Frame { mut bytes, count } = self.frames.pop_front()?;
        self.queued -= bytes.len() - HEAD.len();
        bytes[1..5].copy_from_slice(&count.to_be_bytes());
        Some(bytes)
    }

    /// Bytes of all messages that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_share_frames_up_to_the_soft_limit() {
        let mut frames = Frames::default();
        for token in 0..100 {
            frames.push(&ToMaster::Pong { token, stuck: Vec::new() }, 200).unwrap();
        }
        let mut tokens = Vec::new();
        let mut count = 0;
        while let Some(frame) = frames.pop() {
            assert!(frame.len() <= 200, "{}", frame.len());
            count += 1;
            for message in decode_to_master(&frame).unwrap() {
                let ToMaster::Pong { token, .. } = message else { panic!("{message:?}") };
                tokens.push(token);
            }
        }
        assert_eq!(tokens, (0..100).collect::<Vec<_>>());
        assert!((5..30).contains(&count), "{count}");
        assert_eq!(frames.queued(), 0);
    }

    #[test]
    fn a_message_beyond_the_limit_is_refused_and_leaves_no_trace() {
        let mut frames = Frames::default();
        frames.push(&ToWorker::Ping { token: 1 }, 4096).unwrap();
        let reason = "x".repeat(FRAME_LIMIT);
        let refused = frames.push(&ToWorker::Replaced { by: reason }, 4096);
        assert!(matches!(refused, Err(ProtocolError::TooLong { .. })));
        frames.push(&ToWorker::Goodbye, 4096).unwrap();
        assert_eq!(decode_to_worker(&frames.pop().unwrap()).unwrap(), [ToWorker::Ping { token: 1 }, ToWorker::Goodbye]);
        assert_eq!(frames.pop(), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(clipped("short".into()), "short");
        let long = clipped("ü".repeat(TEXT_LIMIT));
        assert!(long.len() <= TEXT_LIMIT && long.ends_with("ü…"));
    }
}
