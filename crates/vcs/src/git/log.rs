//! The history as `git log` prints it for machines: fields and file names ended by NUL. Pure.

use super::line::{Line, is_hash};
pub use crate::commit::Commit;
use crate::commit::{LONGEST_MESSAGE, LONGEST_NAME, MOST_FILES, cut};
use model::Time;

/// Tells the commits that standard input lists, in that order.
pub(crate) fn line() -> Line {
    Line::git([
        "log",
        "--stdin",
        "--no-walk=unsorted",
        "-z",
        "--encoding=UTF-8",
        "--no-mailmap",
        "--no-ext-diff",
        "--no-color",
        "--diff-merges=first-parent",
        "--name-status",
        "-M",
        "-l400",
        // A record begins with a byte that neither a hash nor a status has, and has six fields before the files.
        "--format=%x01%H%x00%an <%ae>%x00%at%x00%cn <%ce>%x00%ct%x00%B",
    ])
}

/// Reads what [`line`] printed. What is no record is an error that says where: it never happens with a sound git.
pub(crate) fn parse(printed: &[u8]) -> Result<Vec<Commit>, String> {
    let mut fields = printed.split(|b| *b == 0).peekable();
    let mut commits = Vec::new();
    while let Some(first) = fields.next() {
        if first.is_empty() && fields.peek().is_none() {
            break;
        }
        let revision =
            first.strip_prefix(b"\x01").map(text).filter(|r| is_hash(r)).ok_or_else(|| {
                format!("git log printed something that is no commit after {} commits", commits.len())
            })?;
        let mut next = || fields.next().ok_or_else(|| format!("git log broke off in the middle of commit {revision}"));
        let author = cut(text(next()?), LONGEST_NAME);
        let authored_at = seconds(next()?);
        let committer = cut(text(next()?), LONGEST_NAME);
        let committed_at = seconds(next()?);
        let message = cut(text(next()?), LONGEST_MESSAGE);
        let mut files = Vec::new();
        while let Some(status) = fields.next_if(|f| f.first().is_some_and(|b| *b != 1)) {
            let names = match status.trim_ascii_start().first() {
                Some(b'R' | b'C') => 2,
                _ => 1,
            };
            for _ in 0..names {
                let name =
                    fields.next().ok_or_else(|| format!("git log broke off in the files of commit {revision}"))?;
                if files.len() < MOST_FILES {
                    files.push(text(name));
                }
            }
        }
        commits.push(Commit { revision, author, authored_at, committer, committed_at, message, files });
    }
    Ok(commits)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Seconds since 1970; a date that git cannot tell is 1970 itself.
fn seconds(bytes: &[u8]) -> Time {
    Time::from_seconds(text(bytes).parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn record(message: &[u8], files: &[u8]) -> Vec<u8> {
        let mut out = format!("\x01{A}\0Ann <ann@h>\x00100\0Bob <bob@h>\x00200\0").into_bytes();
        out.extend_from_slice(message);
        out.push(0);
        out.extend_from_slice(files);
        out
    }

    #[test]
    fn records_are_read_whatever_is_in_them() {
        let mut printed = record(b"One <b>&\xff\n", b"\nM\0a\nb\0R087\0old\0new\0");
        printed.extend(record(b"Empty\n", b""));
        printed.extend(record(b"", b"\nA\0M\0"));
        let commits = parse(&printed).unwrap();
        assert_eq!(commits.len(), 3);
        assert_eq!(commits[0].message, "One <b>&\u{fffd}\n");
        assert_eq!(commits[0].files, ["a\nb", "old", "new"]);
        assert_eq!(commits[0].author, "Ann <ann@h>");
        assert_eq!(commits[0].authored_at, Time::from_seconds(100));
        assert_eq!(commits[0].committer, "Bob <bob@h>");
        assert!(commits[1].files.is_empty());
        assert_eq!(commits[2].files, ["M"]);
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let whole = record(b"One\n", b"\nM\0a\0");
        for end in [10, 45, 70] {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
        assert!(parse(b"fatal: nothing").is_err());
        assert_eq!(parse(b"").unwrap(), []);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = "ä".repeat(LONGEST_MESSAGE);
        let commits = parse(&record(long.as_bytes(), b"")).unwrap();
        assert_eq!(commits[0].message.len(), LONGEST_MESSAGE);
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
            let mut after = record(b"m", b"");
            after.extend_from_slice(&bytes);
            let _ = parse(&after);
        }
    }
}
