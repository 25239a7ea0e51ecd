//! Paths as text: joined and shortened without asking any disk.

/// `path` as seen from the directory `dir`. An absolute path stays what it is.
pub(crate) fn join(dir: &str, path: &str) -> String {
    if path.starts_with('/') || dir.is_empty() || dir == "." {
        return path.strip_prefix("./").unwrap_or(path).to_owned();
    }
    format!("{}/{}", dir.trim_end_matches('/'), path.strip_prefix("./").unwrap_or(path))
}

/// The directory that a file is in; empty for a bare name.
pub(crate) fn directory(file: &str) -> &str {
    match file.rfind('/') {
        Some(0) => "/",
        Some(at) => &file[..at],
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined() {
        let cases =
            [("a/b", "c", "a/b/c"), ("", "c", "c"), ("a", "/c", "/c"), (".", "./c", "c"), ("/a/", "../c", "/a/../c")];
        for (dir, path, whole) in cases {
            assert_eq!(join(dir, path), whole);
        }
        assert_eq!((directory("a/b/c"), directory("c"), directory("/c")), ("a/b", "", "/"));
    }
}
