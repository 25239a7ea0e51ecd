//! The nearest known word.

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
    fn a_hint_is_near() {
        let known = ["getenv", "get", "shell"];
        assert_eq!(nearest("getnev", known.into_iter()), Some("getenv"));
        assert_eq!(nearest("frob", known.into_iter()), None);
    }
}
