//! Paths that must not lead out of a directory, neither by their words nor by links on the way.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Links on the way, at most.
const MOST_LINKS: usize = 40;

/// A path below another, by its words alone. Refuses absolute paths and `..`.
///
/// # Errors
/// A sentence.
pub fn below(base: &Path, relative: &str) -> Result<PathBuf, String> {
    let inside = Path::new(relative).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    match inside && !relative.contains('\0') {
        true => Ok(base.join(relative)),
        false => Err(format!("the path `{}` leads out of {}", relative.escape_debug(), base.display())),
    }
}

/// A path below another, with the links on the way to its last part followed, as long as they stay inside. What is not
/// there yet is taken as it is. The last part itself may be a link.
///
/// # Errors
/// A sentence: it leads out.
pub fn within(base: &Path, relative: &str) -> Result<PathBuf, String> {
    let wanted = below(base, relative)?;
    let base = base.canonicalize().map_err(|e| format!("{} cannot be used: {e}", base.display()))?;
    let out = || format!("the path `{}` leads out of {} by a link", relative.escape_debug(), base.display());
    let Some(name) = wanted.file_name().filter(|_| !relative.is_empty() && relative != ".") else { return Ok(base) };
    let parent = Path::new(relative).parent().unwrap_or(Path::new(""));
    let mut at = base.clone();
    let mut links = 0;
    for part in parent.components() {
        let next = at.join(part);
        match next.symlink_metadata() {
            Ok(facts) if facts.is_symlink() => {
                links += 1;
                let real = next.canonicalize().map_err(|_| out())?;
                if links > MOST_LINKS || !real.starts_with(&base) {
                    return Err(out());
                }
                at = real;
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(format!("{}: {e}", next.display())),
            _ => at = next,
        }
    }
    Ok(at.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_leads_out() {
        let base = Path::new("/w");
        for good in ["build", "a/b", ".", "", "./x", "with space"] {
            assert!(below(base, good).unwrap().starts_with(base), "{good}");
        }
        for bad in ["/etc", "..", "a/../../b", "../w2", "a\0b"] {
            below(base, bad).unwrap_err();
        }
    }

    #[test]
    fn links_are_followed_as_long_as_they_stay_inside() {
        let top = tempfile::tempdir().unwrap();
        let base = top.path().canonicalize().unwrap().join("w");
        fs::create_dir_all(base.join("real/deep")).unwrap();
        fs::create_dir_all(top.path().join("outside")).unwrap();
        symlink("real", base.join("inside")).unwrap();
        symlink("../outside", base.join("out")).unwrap();
        symlink("/etc", base.join("abs")).unwrap();
        symlink("nowhere", base.join("dangling")).unwrap();
        symlink("loop", base.join("loop")).unwrap();
        for (path, expected) in [
            ("inside/deep", "real/deep"),
            ("real/new/file", "real/new/file"),
            ("inside/new", "real/new"),
            ("out", "out"),
            (".", ""),
        ] {
            assert_eq!(within(&base, path).unwrap(), base.join(expected), "{path}");
        }
        for bad in ["out/x", "abs/passwd", "dangling/x", "loop/x", "inside/../../x"] {
            assert!(within(&base, bad).unwrap_err().contains("leads out of"), "{bad}");
        }
    }
}
