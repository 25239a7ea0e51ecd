//! Words as a POSIX shell reads them.

/// A word that a shell reads as exactly this text: as it is where nothing in it means anything, else in single quotes
/// (POSIX.1-2024, Shell Command Language, 2.2.2).
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:+,=@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let cases = [
            ("make", "make"),
            ("a/b-c_1.o:2", "a/b-c_1.o:2"),
            ("grün", "grün"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("~", "'~'"),
            ("a\nb", "'a\nb'"),
        ];
        for (word, expected) in cases {
            assert_eq!(quoted(word), expected);
        }
    }
}
