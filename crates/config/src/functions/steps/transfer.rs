//! Steps that bring files from the worker to the master and back.

use super::{COMMON, WORKDIR, made, not_in_pipelines, workdir};
use crate::address;
use crate::call::{Call, Outcome, Wrong};
use crate::functions::{Def, Param, p};
use crate::names::quoted;
use crate::registry::Mode;
use crate::texts::is_text;
use model::{ATTEMPT_PROPERTY, Form, Lookup, Piece, StepAction, StepFlags, Text, TransferSpec};

const SIZE: Param = p("max_size", "number of bytes in all: more are an error", "None");
const BITS: Param = p("mode", "permission bits, such as 0o644", "the usual ones");
const URL: Param = p("url", "address at which people find it", "None");

pub(in crate::functions) const UPLOAD: Def = Def {
    path: "steps.upload",
    summary: "Files of the worker go to the master: one to a file, several (a list, or with `*` and `?`) into a \
              directory. A path on the master is below its public directory unless it begins with a slash.",
    example: "steps.upload(\"zlib.tar.gz\", interpolate(\"zlib-{got_revision}.tar.gz\"), mode = 0o644)",
    groups: &[
        &[p("worker_src", "file, or a list of files", ""), p("master_dest", "path", "")],
        &[WORKDIR, SIZE, BITS, URL],
        COMMON,
    ],
    by_position: 2,
    required: &["worker_src", "master_dest"],
    in_pipelines: true,
    run: |call| upload(call, "upload"),
};

pub(in crate::functions) const UPLOAD_DIRECTORY: Def = Def {
    path: "steps.upload_directory",
    summary: "A directory of the worker goes to the master with all that is in it.",
    example: "steps.upload_directory(\"docs/html\", \"docs\", url = \"https://ci.zlib.net/docs/\")",
    groups: &[&[p("worker_src", "directory", ""), p("master_dest", "path", "")], &[WORKDIR, SIZE, BITS, URL], COMMON],
    by_position: 2,
    required: &["worker_src", "master_dest"],
    in_pipelines: true,
    run: |call| upload(call, "upload_directory"),
};

pub(in crate::functions) const DOWNLOAD: Def = Def {
    path: "steps.download",
    summary: "A file of the master goes to the worker.",
    example: "steps.download(\"/srv/keys/site.conf\", \"site.conf\", mode = 0o600)",
    groups: &[&[p("master_src", "path", ""), p("worker_dest", "file", "")], &[WORKDIR, SIZE, BITS], COMMON],
    by_position: 2,
    required: &["master_src", "worker_dest"],
    in_pipelines: false,
    run: download,
};

pub(in crate::functions) const DOWNLOAD_TEXT: Def = Def {
    path: "steps.download_text",
    summary: "A text becomes a file on the worker.",
    example: "steps.download_text(interpolate(\"revision = {got_revision}\\n\"), \"version.conf\")",
    groups: &[&[p("text", "text", ""), p("worker_dest", "file", "")], &[WORKDIR, BITS], COMMON],
    by_position: 2,
    required: &["text", "worker_dest"],
    in_pipelines: true,
    run: download_text,
};

pub(in crate::functions) const TEST_ATTEMPT: Def = Def {
    path: "steps.test_attempt",
    summary: "Carries an attempt of `sluice tests run --master` out: what the test needs comes to the worker, and its \
              logs and its directory go back. Its builder is one that `schedulers.try_userpass` may ask.",
    example: "steps.test_attempt(max_size = 64 << 20)",
    groups: &[
        &[
            p(
                "max_size",
                "number of bytes of its directory that go back; what is left stays on the worker",
                "256 << 20",
            ),
            p("max_time", "duration: it is ended after so long", "None"),
        ],
        COMMON,
    ],
    by_position: 0,
    required: &[],
    in_pipelines: false,
    run: test_attempt,
};

fn test_attempt(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let lookup = Lookup::Property(ATTEMPT_PROPERTY.to_owned());
    let spec = TransferSpec::Attempt {
        key: Text::Pieces(vec![Piece::Lookup { of: lookup, form: Form::Value }]),
        max_size: u64::try_from(call.number("max_size", 0, i64::MAX, 256 << 20)?).unwrap_or_default(),
        max_time: call.patience("max_time", None)?,
    };
    made(call, StepAction::Transfer(spec), "test", StepFlags::HALTING)
}

fn upload(call: &Call<'_, '_>, name: &str) -> Result<Outcome, Wrong> {
    not_in_pipelines(call, "url", "where people find what is built is the master's")?;
    let from = match call.some("worker_src") {
        Some(one) if is_text(one) => vec![call.required_rich("worker_src")?],
        _ => call.rich_texts("worker_src", "a path or a list of paths")?.unwrap_or_default(),
    };
    if from.is_empty() {
        return Err(call.wrong_value("worker_src", format!("worker_src of {} is empty", call.def.path)).boxed());
    }
    for path in from.iter().filter_map(Text::plain) {
        inside(call, "worker_src", path)?;
    }
    let to = call.required_rich("master_dest")?;
    let outside = to.plain().is_none_or(|to| address::inside(to).is_err());
    if call.registry.mode == Mode::Pipeline && outside {
        let message = format!("master_dest of {} must be a plain relative path in a pipeline", call.def.path);
        return Err(call.wrong_value("master_dest", message).help("it is below the master's public directory"));
    }
    if let Some(to) = to.plain().filter(|to| to.split('/').any(|part| part == "..")) {
        let message = format!("master_dest of {} must be a path without \"..\", not {}", call.def.path, quoted(to));
        return Err(call.wrong_value("master_dest", message).boxed());
    }
    let spec = TransferSpec::Upload {
        from,
        to,
        workdir: workdir(call, address::inside)?,
        max_size: max_size(call)?,
        mode: bits(call)?,
        url: call.rich_formed("url", address::web)?,
    };
    made(call, StepAction::Transfer(spec), name, StepFlags::PLAIN)
}

/// A path of the worker stays below the work directory.
fn inside(call: &Call<'_, '_>, name: &str, path: &str) -> Result<(), Wrong> {
    address::inside(path).map_err(|_| {
        let message = format!("{name} of {} must stay below the work directory, not {}", call.def.path, quoted(path));
        call.wrong_value(name, message).help("it is a relative path without \"..\"; workdir says where it begins")
    })
}

fn download(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let spec = TransferSpec::Download {
        from: call.required_rich("master_src")?,
        to: worker_dest(call)?,
        workdir: workdir(call, address::inside)?,
        max_size: max_size(call)?,
        mode: bits(call)?,
    };
    made(call, StepAction::Transfer(spec), "download", StepFlags::HALTING)
}

fn download_text(call: &Call<'_, '_>) -> Result<Outcome, Wrong> {
    let spec = TransferSpec::DownloadText {
        text: call.rich("text")?.unwrap_or_default(),
        to: worker_dest(call)?,
        workdir: workdir(call, address::inside)?,
        mode: bits(call)?,
    };
    made(call, StepAction::Transfer(spec), "download", StepFlags::HALTING)
}

fn worker_dest(call: &Call<'_, '_>) -> Result<Text, Wrong> {
    let to = call.required_rich("worker_dest")?;
    to.plain().map_or(Ok(()), |path| inside(call, "worker_dest", path))?;
    Ok(to)
}

fn max_size(call: &Call<'_, '_>) -> Result<Option<u64>, Wrong> {
    let most = call.number("max_size", 0, i64::MAX, -1)?;
    Ok(u64::try_from(most).ok())
}

fn bits(call: &Call<'_, '_>) -> Result<Option<u32>, Wrong> {
    let bits = call.number("mode", 0, 0o7777, -1)?;
    Ok(u32::try_from(bits).ok())
}
