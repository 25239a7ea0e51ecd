//! What `git ls-remote` and `git for-each-ref` print. Pure.

use super::Heads;
use super::line::is_hash;

/// A reference: its hash and its full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) hash: String,
    pub(crate) name: String,
}

/// Lines of a hash, white space and a full name. Names that are not UTF-8, and lines that are nothing of the kind, are
/// passed over: nothing that is asked for by name can be among them.
pub(crate) fn parse(printed: &[u8]) -> Vec<Reference> {
    printed
        .split(|b| *b == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter_map(|line| line.split_once(['\t', ' ']))
        .filter(|(hash, name)| is_hash(hash) && !name.is_empty())
        .map(|(hash, name)| Reference { hash: hash.to_owned(), name: name.to_owned() })
        .collect()
}

/// The branches among them.
pub(crate) fn heads(references: &[Reference]) -> Heads {
    references.iter().filter_map(|r| Some((r.name.strip_prefix("refs/heads/")?.to_owned(), r.hash.clone()))).collect()
}

/// Full names that a branch of a build may mean, the likelier first: a branch, then a tag.
pub(crate) fn candidates(branch: Option<&str>) -> Vec<String> {
    match branch {
        None => vec!["HEAD".to_owned()],
        Some(full) if full.starts_with("refs/") => vec![full.to_owned()],
        Some(name) => vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")],
    }
}

/// Text that can be the name of a branch, a tag or a revision: none of what git itself forbids in names.
pub(crate) fn is_name(text: &str) -> bool {
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !text.is_empty() && text.len() <= 1024 && !text.contains("..") && !text.contains(forbidden)
}

/// The commit and the full name of the first candidate that is there. An annotated tag stands for its commit.
pub(crate) fn choose(references: &[Reference], candidates: &[String]) -> Option<Reference> {
    candidates.iter().find_map(|name| {
        let peeled = format!("{name}^{{}}");
        let found =
            references.iter().find(|r| r.name == peeled).or_else(|| references.iter().find(|r| r.name == *name))?;
        Some(Reference { hash: found.hash.clone(), name: name.clone() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn names_are_what_git_allows() {
        for good in ["main", "-x", "a/b", "v1.0", "größe", "refs/pull/1/head"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a b", "a\nb", "a..b", "HEAD^", "a:b", "a\0"] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn ls_remote_is_read_and_rubbish_passed_over() {
        let printed = format!(
            "{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/heads/-x/y\nwarning: nothing\n\n{B}\trefs/tags/v1\n{A}\trefs/tags/v1^{{}}\nzz\trefs/heads/q\n"
        );
        let mut bytes = printed.into_bytes();
        bytes.extend_from_slice(format!("{A}\trefs/heads/").as_bytes());
        bytes.extend_from_slice(b"\xff\n");
        let references = parse(&bytes);
        assert_eq!(references.len(), 5);
        let heads = heads(&references);
        assert_eq!(
            heads.into_iter().collect::<Vec<_>>(),
            [("-x/y".to_owned(), B.to_owned()), ("main".to_owned(), A.to_owned())]
        );
        let find = |branch| choose(&references, &candidates(branch)).map(|r| (r.hash, r.name));
        assert_eq!(find(None), Some((A.to_owned(), "HEAD".to_owned())));
        assert_eq!(find(Some("-x/y")), Some((B.to_owned(), "refs/heads/-x/y".to_owned())));
        assert_eq!(find(Some("v1")), Some((A.to_owned(), "refs/tags/v1".to_owned())));
        assert_eq!(find(Some("refs/heads/main")), Some((A.to_owned(), "refs/heads/main".to_owned())));
        assert_eq!(find(Some("gone")), None);
    }
}
