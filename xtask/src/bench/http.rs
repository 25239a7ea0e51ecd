//! One kept HTTP/1.1 connection, blocking: all that driving two systems from outside needs.

use anyhow::{Context, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take. A busy peer needs minutes for some.
const PATIENCE: Duration = Duration::from_secs(180);

/// A connection that was idle for longer is opened anew: the server may have closed it.
const IDLE: Duration = Duration::from_secs(5);

/// The longest body that is read: a log of 1 GB, and some.
const MOST: usize = 1280 * 1024 * 1024;

/// A client of one server on this machine.
pub(crate) struct Http {
    port: u16,
    kept: Option<(BufReader<TcpStream>, Instant)>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, kept: None }
    }

    pub(crate) fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: */*\r\n\r\n", self.port);
        self.ask(head.as_bytes()).with_context(|| format!("GET {path}"))
    }

    pub(crate) fn post(&mut self, path: &str, kind: &str, body: &str) -> anyhow::Result<Answer> {
        let length = body.len();
        let port = self.port;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.ask(request.as_bytes()).with_context(|| format!("POST {path}"))
    }

    fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let mut stream = match self.kept.take() {
            Some((stream, used)) if used.elapsed() < IDLE => stream,
            _ => open(self.port)?,
        };
        stream.get_mut().write_all(request).context("cannot send")?;
        let (answer, keep) = read(&mut stream)?;
        self.kept = keep.then(|| (stream, Instant::now()));
        Ok(answer)
    }
}

fn open(port: u16) -> anyhow::Result<BufReader<TcpStream>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10)).context("cannot connect")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::with_capacity(64 * 1024, stream))
}

/// Reads one answer, and whether the connection may be used again.
fn read(stream: &mut impl BufRead) -> anyhow::Result<(Answer, bool)> {
    let mut line = String::new();
    header(stream, &mut line)?;
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).context("the answer is not HTTP")?;
    let (mut length, mut chunked, mut keep) = (None, false, line.starts_with("HTTP/1.1"));
    loop {
        header(stream, &mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse::<usize>().context("the length is no number")?),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" if value.eq_ignore_ascii_case("close") => keep = false,
            _ => {}
        }
    }
    let mut body = Vec::new();
    match length {
        _ if chunked => loop {
            header(stream, &mut line)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).context("the size of a chunk is no number")?;
            take(stream, &mut body, size)?;
            header(stream, &mut line)?;
            if size == 0 {
                break;
            }
        },
        Some(length) => take(stream, &mut body, length)?,
        None if status == 204 || status == 304 => {}
        None => {
            stream.take(MOST as u64).read_to_end(&mut body)?;
            keep = false;
        }
    }
    Ok((Answer { status, body }, keep))
}

fn header(stream: &mut impl BufRead, line: &mut String) -> anyhow::Result<()> {
    line.clear();
    stream.take(64 * 1024).read_line(line).context("no answer")?;
    if !line.ends_with('\n') {
        bail!("the connection ended within an answer");
    }
    line.truncate(line.trim_end().len());
    Ok(())
}

fn take(stream: &mut impl BufRead, body: &mut Vec<u8>, length: usize) -> anyhow::Result<()> {
    if body.len().saturating_add(length) > MOST {
        bail!("the answer is longer than {MOST} bytes");
    }
    let from = body.len();
    body.resize(from + length, 0);
    stream.read_exact(&mut body[from..]).context("the connection ended within an answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> (u16, String, bool) {
        let (answer, keep) = read(&mut text.as_bytes()).unwrap();
        (answer.status, String::from_utf8(answer.body).unwrap(), keep)
    }

    #[test]
    fn bodies_are_read_by_length_by_chunk_and_to_the_end() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", (200, "ab".to_owned(), true)),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
                (200, "abcd".to_owned(), true),
            ),
            ("HTTP/1.1 404 No\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx", (404, "x".to_owned(), false)),
            ("HTTP/1.0 200 OK\r\n\r\nall", (200, "all".to_owned(), false)),
            ("HTTP/1.1 204 None\r\n\r\n", (204, String::new(), true)),
        ];
        for (text, expected) in cases {
            assert_eq!(answer(text), expected, "{text}");
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        for text in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", "garbage\r\n\r\n"] {
            assert!(read(&mut text.as_bytes()).is_err(), "{text}");
        }
    }
}
