//! The worker that is connected, as the supervisor sees it. It may be slow, hostile or gone; none of that may hold the
//! command.

use crate::control::{self, Decoder, FromSupervisor, ToSupervisor};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Bytes that may wait for a worker that does not read.
const MOST_WAITING: usize = 256 << 10;

/// A connected worker.
#[derive(Debug)]
pub(super) struct Peer {
    stream: UnixStream,
    decoder: Decoder<ToSupervisor>,
    out: Vec<u8>,
}

impl Peer {
    /// Takes a connection, if it comes from our own user or root.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        let uid = rustix::net::sockopt::socket_peercred(&stream)?.uid;
        if uid != rustix::process::geteuid() && !uid.is_root() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.set_nonblocking(true)?;
        Ok(Peer { stream, decoder: Decoder::default(), out: Vec::new() })
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Something waits to be sent.
    pub(super) fn is_behind(&self) -> bool {
        !self.out.is_empty()
    }

    /// Sends messages, now or later, and at once if they find room: each writing wakes the worker. An error: the worker is
    /// to be dropped.
    pub(super) fn say(&mut self, messages: &[FromSupervisor]) -> io::Result<()> {
        for message in messages {
            self.out.extend(control::encode(message).map_err(io::Error::other)?);
        }
        self.flush()
    }

    /// Sends what waits. An error: the worker is to be dropped.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.out.drain(..n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        if self.out.len() > MOST_WAITING {
            return Err(io::Error::other("the worker does not read"));
        }
        Ok(())
    }

    /// Takes in what the worker sent. An error: it is gone, or not understood, and is to be dropped.
    pub(super) fn hear(&mut self, buffer: &mut [u8]) -> io::Result<Vec<ToSupervisor>> {
        match self.stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => self.decoder.feed(&buffer[..n]),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
        let mut messages = Vec::new();
        while let Some(message) = self.decoder.next().map_err(io::Error::other)? {
            messages.push(message);
        }
        Ok(messages)
    }
}
