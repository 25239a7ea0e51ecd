//! Where files of steps lie on the master: below its public directory, or where the configuration itself says.

use model::{Piece, Text};
use std::path::{Component, Path, PathBuf};

/// A directory that nothing leads out of, and a path below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None` is the public directory.
    root: Option<PathBuf>,
    below: String,
}

impl Place {
    /// The place that a configuration means by `text`, which was finished as `path`. An absolute path is the configuration's
    /// own: what is put in stays below the directory that was written out before it.
    ///
    /// # Errors
    /// A sentence: it leads out, or all of an absolute path was put in.
    pub(super) fn of(text: &Text, path: &str) -> Result<Self, String> {
        let shown = path.escape_debug();
        if Path::new(path).components().any(|c| c == Component::ParentDir) || path.contains('\0') {
            return Err(format!("the path `{shown}` leads out of its directory"));
        }
        if !path.starts_with('/') {
            return Ok(Self { root: None, below: path.to_owned() });
        }
        let written = match text {
            Text::Plain(whole) => whole.trim_end_matches('/'),
            Text::Pieces(pieces) => match pieces.first() {
                Some(Piece::Literal(first)) => first,
                _ => "",
            },
        };
        let root = written.rfind('/').map(|end| &written[..end]).filter(|root| root.starts_with('/'));
        match (root, text) {
            (Some(root), _) => {
                let below = path[root.len()..].trim_start_matches('/').to_owned();
                Ok(Self { root: Some(PathBuf::from(root)), below })
            }
            (None, Text::Plain(_)) => Ok(Self { root: Some("/".into()), below: path.trim_start_matches('/').into() }),
            (None, Text::Pieces(_)) => Err(format!(
                "the path `{shown}` is absolute, and the configuration does not say in which directory it is"
            )),
        }
    }

    /// The path itself, links on the way followed as long as they stay inside.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn resolve(&self, public: &Path) -> Result<PathBuf, String> {
        let root = self.root.as_deref().unwrap_or(public);
        std::fs::create_dir_all(root).map_err(|e| format!("{} cannot be made: {e}", root.display()))?;
        let path = worker::act::within(root, self.below.trim_end_matches('/'))?;
        let real = root.canonicalize().map_err(|e| format!("{} cannot be used: {e}", root.display()))?;
        match path.canonicalize() {
            Ok(at) if !at.starts_with(&real) => {
                Err(format!("{} leads out of {} by a link", self.below, root.display()))
            }
            _ => Ok(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Form, Lookup};

    fn with(before: &str) -> Text {
        let lookup = Piece::Lookup { of: Lookup::Property("branch".into()), form: Form::Value };
        match before {
            "" => Text::Pieces(vec![lookup]),
            before => Text::Pieces(vec![Piece::Literal(before.into()), lookup]),
        }
    }

    #[test]
    fn what_is_put_in_stays_below_what_is_written() {
        let place = |root: Option<&str>, below: &str| Ok(Place { root: root.map(PathBuf::from), below: below.into() });
        assert_eq!(Place::of(&"a/b".into(), "a/b"), place(None, "a/b"));
        assert_eq!(Place::of(&with(""), "a/b"), place(None, "a/b"));
        assert_eq!(Place::of(&"/srv/x".into(), "/srv/x"), place(Some("/srv"), "x"));
        assert_eq!(Place::of(&with("/srv/b-"), "/srv/b-dev/x"), place(Some("/srv"), "b-dev/x"));
        assert_eq!(Place::of(&with("/srv/b/"), "/srv/b/dev"), place(Some("/srv/b"), "dev"));
        for (text, path) in [
            ("a/../b".into(), "a/../b"),
            (with("/srv/b/"), "/srv/b/../../etc/passwd"),
            (with(""), "/etc/passwd"),
            (with("/"), "/etc/passwd"),
            (with("a"), "a\0"),
        ] {
            Place::of(&text, path).unwrap_err();
        }
    }

    #[test]
    fn links_do_not_lead_out() {
        let top = tempfile::tempdir().unwrap();
        let public = top.path().join("public");
        std::fs::create_dir_all(public.join("real")).unwrap();
        std::os::unix::fs::symlink("/etc", public.join("out")).unwrap();
        std::os::unix::fs::symlink("real", public.join("in")).unwrap();
        let at = |path: &str| Place::of(&path.into(), path).unwrap().resolve(&public);
        assert_eq!(at("in/x").unwrap(), public.canonicalize().unwrap().join("real/x"));
        assert_eq!(at("new/dir/").unwrap(), public.canonicalize().unwrap().join("new/dir"));
        assert!(at("out/passwd").is_err() && at("out").is_err());
    }
}
