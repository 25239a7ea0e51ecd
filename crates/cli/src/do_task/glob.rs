//! Names with `*` and `?`, below a directory that nothing leads out of.

use std::fs;
use std::path::{Path, PathBuf};
use worker::act::within;

/// Names that one pattern may stand for.
const MOST: usize = 100_000;

/// A path has one of these and is then a pattern.
const SIGNS: [char; 2] = ['*', '?'];

/// Whether the path stands for several.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(SIGNS)
}

/// Everything that the pattern stands for, in order; a `*` does not go over a `/` and does not stand for a leading dot.
///
/// # Errors
/// A sentence: it leads out, or stands for too much.
pub(super) fn expand(workdir: &str, base: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![String::from(workdir)];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let mut next = Vec::new();
        for below in found {
            let join = |name: &str| if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if !is_pattern(part) {
                next.push(join(part));
                continue;
            }
            let Ok(entries) = fs::read_dir(real(base, &below)?) else { continue };
            // A name that is no text cannot be named in a configuration either.
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let hidden = part.starts_with('.');
            next.extend(names.filter(|name| (hidden || !name.starts_with('.')) && fits(part, name)).map(|n| join(&n)));
            if next.len() > MOST {
                return Err(format!("{pattern} stands for more than {MOST} names"));
            }
        }
        found = next;
    }
    found.sort();
    let mut paths = Vec::new();
    for path in found {
        let place = real(base, &path)?;
        if place.symlink_metadata().is_ok() {
            paths.push(place);
        }
    }
    Ok(paths)
}

/// A path below `base`, its last part followed too if it is a link.
pub(super) fn real(base: &Path, path: &str) -> Result<PathBuf, String> {
    let place = within(base, path)?;
    let base = base.canonicalize().map_err(|e| format!("{} cannot be used: {e}", base.display()))?;
    match place.canonicalize() {
        Ok(real) if !real.starts_with(&base) => Err(format!("{path} leads out of {} by a link", base.display())),
        _ => Ok(place),
    }
}

/// Whether a name is what the pattern stands for. Takes time in proportion to the product of their lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(sign) if *sign == '?' || *sign == name[n] => (p, n) = (p + 1, n + 1),
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*.tar.gz", "zlib-1.3.tar.gz", true),
            ("*.tar.gz", "zlib.tar", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "ü", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab!", false),
            ("abc", "abc", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(50), &"a".repeat(49)));
    }

    #[test]
    fn patterns_stay_inside() {
        let top = tempfile::tempdir().unwrap();
        let base = top.path().canonicalize().unwrap();
        for file in ["build/dist/a.whl", "build/dist/b.whl", "build/dist/.hidden.whl", "build/x/dist/c.whl"] {
            fs::create_dir_all(base.join(file).parent().unwrap()).unwrap();
            fs::write(base.join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink("/etc", base.join("build/out")).unwrap();
        let names = |pattern: &str| {
            let found = expand("build", &base, pattern)?;
            let names = found.iter().map(|p| p.strip_prefix(base.join("build")).unwrap().display().to_string());
            Ok::<_, String>(names.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names("dist/*.whl").unwrap(), "dist/a.whl dist/b.whl");
        assert_eq!(names("*/dist/?.whl").unwrap_err().split(" by ").nth(1), Some("a link"));
        assert_eq!(names("x/*/c.whl").unwrap(), "x/dist/c.whl");
        assert_eq!(names("dist/*.zip").unwrap(), "");
        assert!(names("../*").is_err() && names("out/passwd").is_err() && names("out").is_err());
    }
}
