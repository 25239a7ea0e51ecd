//! Words: test patterns of one part, and the nearest known word.

/// Whether a text matches one part of a test pattern as a whole: `%` is any text and makes the comparison blind to
/// case, `*` is any text, a leading `~` turns it round, an empty pattern matches nothing.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix('~') {
        return !like(rest, text);
    }
    if pattern.is_empty() {
        return false;
    }
    let blind = pattern.contains('%');
    let fold = |c: char| if blind { c.to_lowercase().next().unwrap_or(c) } else { c };
    let pattern: Vec<char> = pattern.chars().map(|c| if c == '%' { '*' } else { fold(c) }).collect();
    let text: Vec<char> = text.chars().map(fold).collect();
    // The last star takes one character more each time the rest does not fit.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            t = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The known word that is nearest to one that is not known, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 64 {
        return None;
    }
    let scored = known.map(|k| (strsim::damerau_levenshtein(&word.to_lowercase(), &k.to_lowercase()), k));
    scored.filter(|(far, k)| *far <= (k.len() / 3).max(1) && *far < k.len()).min_by_key(|(far, _)| *far).map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_pattern_matches_as_a_whole() {
        let yes =
            [("abc", "abc"), ("%", ""), ("%", "x"), ("ab%", "ABcd"), ("a*c", "abbc"), ("~abc", "x"), ("*a*a", "aaa")];
        for (pattern, text) in yes {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        let no = [("", ""), ("", "a"), ("abc", "abcd"), ("a*", "Ab"), ("~%", "x"), ("*a*b", "aaa")];
        for (pattern, text) in no {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_hint_is_near() {
        let known = ["getenv", "get", "shell"];
        assert_eq!(nearest("getnev", known.into_iter()), Some("getenv"));
        assert_eq!(nearest("frob", known.into_iter()), None);
    }
}
