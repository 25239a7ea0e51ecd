//! What a worker and a supervisor say to each other on the socket `SLOTDIR/control`.
//!
//! Version 1: each message is its length (four bytes, big-endian) and that many bytes of MessagePack, with named
//! fields. The supervisor speaks first ([`FromSupervisor::Hello`]). A new connection replaces the one before it. The
//! messages are hints and orders only: what a command said and how it ended is in its spool, and is not lost with a
//! connection.

use crate::{Job, JobId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::time::Duration;

/// The version that this build speaks.
pub const VERSION: u32 = 1;

/// The longest message that is taken, in bytes.
pub const LONGEST: usize = 16 << 20;

/// Nesting that is taken in a message.
const DEEPEST: usize = 32;

/// Said by the worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToSupervisor {
    /// Run this. Refused while another runs. A job that already has a spool is not run twice: the answer tells where it
    /// stands.
    Run(Box<Job>),
    /// End this job: TERM, grace, KILL. Of no effect if it does not run.
    Interrupt {
        /// Which.
        job: JobId,
        /// Why, for the log.
        reason: String,
    },
    /// Spooled bytes were trimmed; a command that waits for room may go on. A hint.
    Trimmed {
        /// Whose.
        job: JobId,
    },
    /// How long to stay with neither a worker nor a command.
    Linger {
        /// How long; [`crate::supervisor::LINGER`] unless told.
        time: Duration,
    },
    /// Go, as soon as no command runs.
    Quit,
}

/// Said by the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromSupervisor {
    /// The first message of every connection.
    Hello(Hello),
    /// The job's main process runs.
    Started {
        /// Which.
        job: JobId,
        /// Its process id.
        pid: u32,
    },
    /// The spool has more. At most one in [`GROWN_EVERY`](crate::supervisor::GROWN_EVERY) or so; also after `Started`
    /// and before `Ended` there may be unread records.
    Grown {
        /// Whose.
        job: JobId,
    },
    /// The command's output is not read for now; nothing is lost.
    Waiting {
        /// Which.
        job: JobId,
        /// For what.
        why: Wait,
    },
    /// The output is read again.
    Resumed {
        /// Which.
        job: JobId,
    },
    /// The job has its outcome, in the spool.
    Ended {
        /// Which.
        job: JobId,
    },
    /// The job was not taken.
    Refused {
        /// Which.
        job: JobId,
        /// Why, for people.
        error: String,
    },
}

/// What a supervisor says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version it speaks.
    pub version: u32,
    /// Its process id.
    pub pid: u32,
    /// The job that it runs now.
    pub holding: Option<Holding>,
}

/// A job that a supervisor runs now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Which.
    pub job: JobId,
    /// Where it stands.
    pub state: HoldingState,
}

/// Where a running job stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldingState {
    /// Its main process, with this id, runs.
    Running {
        /// The main process.
        pid: u32,
    },
    /// It is being ended, or its main process is gone and what it left behind has its grace.
    Ending,
}

/// Why a command's output is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    /// The spool holds as much as it may; trimming it helps.
    SpoolLimit,
    /// The spool cannot be written, usually since the disk is full; tried again all the time.
    Disk {
        /// What the system says.
        error: String,
    },
}

/// The bytes of one message, its length first.
///
/// # Errors
/// [`ControlError::TooLong`] if it has more than [`LONGEST`] bytes.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, ControlError> {
    let mut bytes = vec![0; 4];
    message.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())?;
    let length = bytes.len() - 4;
    let prefix = u32::try_from(length).ok().filter(|_| length <= LONGEST).ok_or(ControlError::TooLong(length))?;
    bytes[..4].copy_from_slice(&prefix.to_be_bytes());
    Ok(bytes)
}

/// Takes messages out of a stream of bytes; never holds more than one message and what was fed at once.
#[derive(Debug)]
pub struct Decoder<T> {
    bytes: Vec<u8>,
    taken: usize,
    message: PhantomData<fn() -> T>,
}

impl<T> Default for Decoder<T> {
    fn default() -> Self {
        Decoder { bytes: Vec::new(), taken: 0, message: PhantomData }
    }
}

impl<T: DeserializeOwned> Decoder<T> {
    /// Takes in what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.taken));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; call it until it has none.
    ///
    /// # Errors
    /// What is no message. The stream is of no use after that.
    #[expect(clippy::should_implement_trait, reason = "it fails, and it goes on after None")]
    pub fn next(&mut self) -> Result<Option<T>, ControlError> {
        let rest = &self.bytes[self.taken..];
        let Some((prefix, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > LONGEST {
            return Err(ControlError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(body);
        deserializer.set_max_depth(DEEPEST);
        let message = T::deserialize(&mut deserializer)?;
        self.taken += 4 + length;
        Ok(Some(message))
    }
}

/// What is no message.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Longer than [`LONGEST`].
    #[error("a control message of {0} bytes is longer than {LONGEST}")]
    TooLong(usize),
    /// Not MessagePack, or not a message that this version knows.
    #[error("a control message cannot be read")]
    Unreadable(#[from] rmp_serde::decode::Error),
    /// It cannot be written as MessagePack.
    #[error("a control message cannot be written")]
    Unwritable(#[from] rmp_serde::encode::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Program;
    use proptest::prelude::*;

    #[test]
    fn messages_come_back_byte_by_byte() {
        let id = JobId::new("1-2-3").unwrap();
        let mut job = Job::new(id.clone(), Program::words(["make", "all"]), "/tmp/\u{e9}");
        job.stdin = Some(vec![0, 255]);
        let messages = [
            ToSupervisor::Run(Box::new(job)),
            ToSupervisor::Interrupt { job: id.clone(), reason: "r".into() },
            ToSupervisor::Trimmed { job: id },
            ToSupervisor::Linger { time: Duration::from_millis(1500) },
            ToSupervisor::Quit,
        ];
        let mut decoder = Decoder::<ToSupervisor>::default();
        let mut decoded = Vec::new();
        for byte in messages.iter().flat_map(|message| encode(message).unwrap()) {
            decoder.feed(&[byte]);
            decoded.extend(decoder.next().unwrap());
        }
        assert_eq!(decoded, messages);
    }

    #[test]
    fn the_format_of_version_1_stays() {
        let hello = FromSupervisor::Hello(Hello {
            version: 1,
            pid: 77,
            holding: Some(Holding { job: JobId::new("1-2-3").unwrap(), state: HoldingState::Ending }),
        });
        let sample =
            b"\0\0\0\x36\x81\xa5Hello\x83\xa7version\x01\xa3pid\x4d\xa7holding\x82\xa3job\xa51-2-3\xa5state\xa6Ending";
        assert_eq!(encode(&hello).unwrap(), sample);
        let mut decoder = Decoder::default();
        decoder.feed(sample);
        assert_eq!(decoder.next().unwrap(), Some(hello));
        assert_eq!(decoder.next().unwrap(), None);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for (bytes, expected) in [
            (&b"\xff\xff\xff\xff"[..], "a control message of 4294967295 bytes is longer than 16777216"),
            (b"\0\0\0\0", "a control message cannot be read"),
            (b"\0\0\0\x02\x81\xc1", "a control message cannot be read"),
            (b"\0\0\0\x04\xa3Bye", "a control message cannot be read"),
        ] {
            let mut decoder = Decoder::<ToSupervisor>::default();
            decoder.feed(bytes);
            assert_eq!(decoder.next().unwrap_err().to_string(), expected);
        }
        assert_eq!(
            JobId::new("../x").unwrap_err().to_string(),
            "a job's name has 1 to 100 letters, digits, `.`, `_` and `-` and no dot in front, not `../x`"
        );
    }

    proptest! {
        #[test]
        fn hostile_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::<ToSupervisor>::default();
            decoder.feed(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
            decoder.feed(&bytes);
            let _ = decoder.next();
        }
    }
}
