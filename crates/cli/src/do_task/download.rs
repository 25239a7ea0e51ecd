//! A file on its way from the master to the work directory.

use super::{Stop, Way, glob};
use client::{Client, TransferError};
use futures_util::TryStreamExt as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use worker::act::Report;

/// Asks for it until the master gives it.
pub(super) async fn run(
    way: &Way,
    workdir: &Path,
    dir: &Path,
    to: &str,
    most: Option<u64>,
    mode: Option<u32>,
) -> Report {
    let target = match place(workdir, dir, to) {
        Ok(target) => target,
        Err(why) => return Report::failed(why),
    };
    way.insist(async |client| {
        let bytes = fetch(client, &way.token, &target, most, mode).await?;
        Ok(format!("{to}, {bytes} bytes"))
    })
    .await
}

/// Writes a text.
pub(super) fn text(workdir: &Path, dir: &Path, to: &str, text: &[u8], mode: Option<u32>) -> Report {
    let written = place(workdir, dir, to).map_err(Stop::Asked).and_then(|target| {
        let mut part = Part::new(&target)?;
        part.file.write_all(text).map_err(|e| unwritable(&part.path, &e))?;
        part.done(&target, mode)
    });
    match written {
        Ok(()) => {
            super::say(&format!("{to}, {} bytes", text.len()));
            Report::done(format!("{to}, {} bytes", text.len()))
        }
        Err(Stop::Asked(why)) => Report::failed(why),
        Err(Stop::Machine(what)) => Report::trouble(what),
        Err(Stop::Transfer(error)) => Report::trouble(error.to_string()),
    }
}

fn place(workdir: &Path, dir: &Path, to: &str) -> Result<PathBuf, String> {
    fs::create_dir_all(workdir).map_err(|e| format!("{} cannot be made: {e}", workdir.display()))?;
    worker::act::below(workdir, to)?;
    let below = workdir.strip_prefix(dir).unwrap_or(Path::new(""));
    let target = glob::real(dir, &below.join(to).to_string_lossy())?;
    match target.is_dir() {
        true => Err(format!("{to} is a directory; the name of a file is needed")),
        false => Ok(target),
    }
}

/// Brings it into a file, which has its name once it is whole. Answers with its bytes.
pub(super) async fn fetch(
    client: &Client,
    token: &str,
    target: &Path,
    most: Option<u64>,
    mode: Option<u32>,
) -> Result<u64, Stop> {
    let (length, pieces) = client.download(token).await?;
    let too_long = |bytes: u64| {
        let most = most.filter(|most| bytes > *most)?;
        Some(Stop::Asked(format!("the file has more than {most} bytes, which is as much as may come")))
    };
    if let Some(stop) = length.and_then(too_long) {
        return Err(stop);
    }
    let mut pieces = std::pin::pin!(pieces);
    let mut part = Part::new(target)?;
    let mut bytes = 0;
    while let Some(piece) = pieces.try_next().await.map_err(|e| Stop::Transfer(TransferError::Away(e.to_string())))? {
        bytes += piece.len() as u64;
        if let Some(stop) = too_long(bytes) {
            return Err(stop);
        }
        part.file.write_all(&piece).map_err(|e| unwritable(&part.path, &e))?;
    }
    if length.is_some_and(|length| length != bytes) {
        return Err(Stop::Transfer(TransferError::Away("the file was cut off".to_owned())));
    }
    part.done(target, mode)?;
    Ok(bytes)
}

fn unwritable(path: &Path, error: &io::Error) -> Stop {
    Stop::Machine(format!("{} cannot be written: {error}", path.display()))
}

/// A file that has not got its name yet; removed unless it gets it.
struct Part {
    path: PathBuf,
    file: File,
    whole: bool,
}

impl Part {
    fn new(target: &Path) -> Result<Self, Stop> {
        let parent = target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|e| unwritable(parent, &e))?;
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".part");
        let path = target.with_file_name(name);
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        Ok(Part { file: file.map_err(|e| unwritable(&path, &e))?, path, whole: false })
    }

    /// Gives it its name.
    fn done(mut self, target: &Path, mode: Option<u32>) -> Result<(), Stop> {
        let mode = fs::Permissions::from_mode(mode.unwrap_or(0o644) & 0o777);
        let named = self.file.set_permissions(mode).and_then(|()| fs::rename(&self.path, target));
        named.map_err(|e| unwritable(target, &e))?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.whole {
            let _ = fs::remove_file(&self.path);
        }
    }
}
