//! Bytes between a step on a worker and the master's door `/transfer/TOKEN`.

use crate::{Client, error};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use reqwest::{Body, Response, StatusCode};
use std::io;

/// What is sent up: always a tar stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One file, which gets the name that the master was told.
    File,
    /// Files, which go into a directory beside what is there.
    Files,
    /// What is in a directory, which takes the place of what was there.
    Directory,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 3] = [Shape::File, Shape::Files, Shape::Directory];

    /// The word in the address.
    pub fn word(self) -> &'static str {
        match self {
            Shape::File => "file",
            Shape::Files => "files",
            Shape::Directory => "directory",
        }
    }
}

/// Why bytes did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The master is away, or has not the time: it may be asked again.
    #[error("the master does not answer: {0}")]
    Away(String),
    /// The master does not take it, or does not have it.
    #[error("{0}")]
    Refused(String),
    /// The master's machine cannot do it.
    #[error("{0}")]
    Trouble(String),
}

impl Client {
    /// Hands in a tar stream. Answers with what the master says of it.
    ///
    /// # Errors
    /// See [`TransferError`]. An error of the stream itself ends in [`TransferError::Away`].
    pub async fn upload(
        &self,
        token: &str,
        shape: Shape,
        tar: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<String, TransferError> {
        let url = format!("{}/transfer/{token}?shape={}", self.url, shape.word());
        let request = self.http.put(url).header("content-type", "application/x-tar").body(Body::wrap_stream(tar));
        let response = request.send().await.map_err(|e| TransferError::Away(error::chain(&e)))?;
        text(judged(response).await?).await
    }

    /// Asks for a file of the master. Answers with its length, where the master tells it, and its bytes.
    ///
    /// # Errors
    /// See [`TransferError`].
    pub async fn download(
        &self,
        token: &str,
    ) -> Result<(Option<u64>, impl Stream<Item = io::Result<Bytes>> + Send + use<>), TransferError> {
        let request = self.http.get(format!("{}/transfer/{token}", self.url));
        let response = request.send().await.map_err(|e| TransferError::Away(error::chain(&e)))?;
        let response = judged(response).await?;
        Ok((response.content_length(), response.bytes_stream().map_err(io::Error::other)))
    }
}

async fn judged(response: Response) -> Result<Response, TransferError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let what = text(response).await.unwrap_or_default();
    let what = if what.is_empty() { format!("the master says {status}") } else { what };
    Err(match status {
        StatusCode::INSUFFICIENT_STORAGE | StatusCode::INTERNAL_SERVER_ERROR => TransferError::Trouble(what),
        status if status.is_server_error() || status == StatusCode::CONFLICT => TransferError::Away(what),
        _ => TransferError::Refused(what),
    })
}

/// The first bytes of an answer that is a sentence.
async fn text(mut response: Response) -> Result<String, TransferError> {
    const MOST: usize = 4096;
    let mut text = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|e| TransferError::Away(error::chain(&e)))? {
        text.extend_from_slice(&piece);
        if text.len() > MOST {
            text.truncate(MOST);
            break;
        }
    }
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}
