//! Words as one would type them into a shell.

/// The word, quoted for a POSIX shell if it has to be; what is no UTF-8 is replaced.
pub(crate) fn word(bytes: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(b);
    let text = String::from_utf8_lossy(bytes);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The words with a space between.
pub(crate) fn line<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        for (bytes, expected) in [
            (&b"make"[..], "make"),
            (b"--prefix=/usr/local", "--prefix=/usr/local"),
            (b"", "''"),
            (b"two words", "'two words'"),
            (b"it's", r"'it'\''s'"),
            (b"$HOME", "'$HOME'"),
            (b"a\nb", "'a\nb'"),
            (b"\xff", "'\u{fffd}'"),
        ] {
            assert_eq!(word(bytes), expected);
        }
        assert_eq!(line([&b"sh"[..], b"-c", b"exit 2"]), "sh -c 'exit 2'");
    }
}
