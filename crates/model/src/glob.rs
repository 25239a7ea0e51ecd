//! Patterns of names with `*` and `?`.

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

#[cfg(test)]
mod tests {
    use super::is_like;

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
