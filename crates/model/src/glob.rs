//! Patterns of names and of paths with `*` and `?`.

/// Whether all of the text is like the glob: `*` stands for any characters, `/` too, so that `**` says the same; `?`
/// stands for one. The time is that of the two lengths multiplied at most.
pub fn is_like(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    // Where to go on when what follows the last star does not fit: behind the star, and one character further on.
    let mut again = None;
    loop {
        let (glob_before, text_before) = (glob.clone(), text.clone());
        match (glob.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = text_before;
                again = Some((glob.clone(), text.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            (_, None) => return glob_before.as_str().chars().all(|c| c == '*'),
            (_, Some(_)) => {
                let Some((behind, mut from)) = again else { return false };
                from.next();
                (glob, text) = (behind.clone(), from.clone());
                again = Some((behind, from));
            }
        }
    }
}

/// Whether a path is what the glob names, or lies below it. `*` and `?` stay within a directory; `**` between slashes goes
/// through any number of them, at the end of the glob through one at least. Beside other characters it is any text, as
/// in `src/**.c`. The time is that of the number of their parts multiplied, and once more by the path's where `**` stands
/// beside others.
pub fn covers(glob: &str, path: &str) -> bool {
    let names: Vec<&str> = path.split('/').collect();
    let ends = 0..=names.len();
    // Whether what was read of the glob can be so many names from the first on.
    let mut fits = vec![false; names.len() + 1];
    fits[0] = true;
    let mut parts = glob.trim_end_matches('/').split('/').peekable();
    while let Some(part) = parts.next() {
        let least = usize::from(parts.peek().is_none());
        fits = match part {
            "**" => ends.clone().map(|end| (0..=end).any(|begin| fits[begin] && end - begin >= least)).collect(),
            part if part.contains("**") => {
                let within = |begin: usize, end: usize| fits[begin] && is_like(part, &names[begin..end].join("/"));
                ends.clone().map(|end| (0..end).any(|begin| within(begin, end))).collect()
            }
            part => ends.clone().map(|end| end > 0 && fits[end - 1] && is_like(part, names[end - 1])).collect(),
        };
    }
    fits.contains(&true)
}

#[cfg(test)]
mod tests {
    use super::{covers, is_like};

    #[test]
    fn globs_of_paths_mean_what_they_mean() {
        let cases = [
            ("docs/**", "docs/a/b.md", true),
            ("docs/**", "docs", false),
            ("docs", "docs/a", true),
            ("docs/", "docs/a", true),
            ("docs", "docs2/a", false),
            ("*.c", "a.c", true),
            ("*.c", "src/a.c", false),
            ("**/*.c", "src/deep/a.c", true),
            ("**/*.c", "a.c", true),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b/below", true),
            ("**", "a", true),
            ("src/**.c", "src/deep/a.c", true),
            ("src/**.c", "src/a.h", false),
            ("src/*/x", "src/a/x", true),
            ("src/*/x", "src/a/b/x", false),
            ("a?.h", "ab.h", true),
            ("a?.h", "a/.h", false),
            ("a+(b", "a+(b", true),
            ("a.c", "abc", false),
            ("", "a", false),
        ];
        for (glob, path, expected) in cases {
            assert_eq!(covers(glob, path), expected, "{glob:?} {path:?}");
        }
    }

    #[test]
    fn a_hostile_glob_of_paths_ends() {
        assert!(!covers(&"**/a/".repeat(200), &"a/".repeat(150)));
    }

    #[test]
    fn globs_mean_what_they_mean() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("*", "", true),
            ("**", "a/b", true),
            ("*.py", "tools/a.py", true),
            ("*.py", "a.pyc", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "é", true),
            ("*ab*ab", "abxabab", true),
            ("*ab*ab?", "abxabab", false),
            ("a*", "ba", false),
            ("release/*/x", "release/1/2/x", true),
            ("[a]", "a", false),
            ("a.c", "abc", false),
            ("*\n*", "a\nb", true),
        ];
        for (glob, text, expected) in cases {
            assert_eq!(is_like(glob, text), expected, "{glob:?} {text:?}");
        }
    }

    #[test]
    fn a_hostile_glob_ends() {
        let glob = "*a".repeat(2_000);
        assert!(!is_like(&glob, &("a".repeat(4_000) + "b")));
    }
}
