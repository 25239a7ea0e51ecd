//! The forms of texts that mean something: names, paths, addresses, branches. Each check answers with what is wanted.

/// A name of a builder, worker, scheduler or step: it stands in addresses, in tables and on command lines.
pub(crate) fn name(text: &str) -> Result<(), &'static str> {
    let fits = !text.is_empty() && text.chars().count() <= 100;
    if !fits {
        return Err("a name of 1 to 100 characters");
    }
    if text.trim() != text || text.starts_with('-') {
        return Err("a name that begins with neither \"-\" nor a space and ends with none");
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '?' | '#')) || text == "." || text == ".." {
        return Err("a name without \"/\", \"\\\", \"?\", \"#\" and control characters");
    }
    Ok(())
}

/// A task's name: names with slashes between them, as of directories.
pub(crate) fn task(text: &str) -> Result<(), &'static str> {
    match text.chars().count() {
        1..=100 => text.split('/').try_for_each(name),
        _ => Err("a name of 1 to 100 characters"),
    }
}

/// A secret's name: it becomes a file's and a variable's.
pub(crate) fn secret_name(text: &str) -> Result<(), &'static str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    match begins && text.len() <= 100 && text.chars().all(fine) {
        true => Ok(()),
        false => Err("a text of letters, digits, \"_\", \"-\" and \".\""),
    }
}

/// The variable of the environment that a secret may come from: `mac-mini` is in `SLUICE_SECRET_MAC_MINI`.
pub(crate) fn secret_variable(name: &str) -> String {
    let upper = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    "SLUICE_SECRET_".chars().chain(upper).collect()
}

/// A directory below another: relative, without a way up.
pub(crate) fn inside(path: &str) -> Result<(), &'static str> {
    if path.is_empty() || path.len() > 500 || path.chars().any(char::is_control) {
        return Err("a directory");
    }
    if path.starts_with(['/', '\\', '~']) || path.split(['/', '\\']).any(|part| part == "..") {
        return Err("a relative directory without \"..\"");
    }
    Ok(())
}

/// A directory below another, or one that is said from the root on.
pub(crate) fn anywhere(path: &str) -> Result<(), &'static str> {
    match path.strip_prefix('/') {
        Some(rest) if rest.is_empty() || inside(rest).is_ok() => Ok(()),
        _ => inside(path),
    }
}

/// A directory below another that is not the other itself.
pub(crate) fn below(path: &str) -> Result<(), &'static str> {
    inside(path)?;
    match path.split('/').all(|part| part.is_empty() || part == ".") {
        true => Err("a directory inside the base directory, not the base directory itself"),
        false => Ok(()),
    }
}

/// A file below a tree.
pub(crate) fn file(path: &str) -> Result<(), &'static str> {
    match inside(path).is_ok() && !path.ends_with('/') && path.split('/').all(|part| !part.is_empty() && part != ".") {
        true => Ok(()),
        false => Err("a relative path of a file without \"..\""),
    }
}

/// A property's name.
pub(crate) fn property(text: &str) -> Result<(), &'static str> {
    match !text.is_empty() && text.len() <= 256 && !text.chars().any(|c| c.is_control() || matches!(c, '{' | '}' | ':'))
    {
        true => Ok(()),
        false => Err("a name of 1 to 256 bytes without braces and \":\""),
    }
}

/// A builder's directory, from its name.
pub(crate) fn directory(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' };
    name.chars().map(safe).collect()
}

/// `HOST:PORT`.
pub(crate) fn listen(text: &str) -> Result<(), &'static str> {
    const WANTED: &str = "HOST:PORT, for example \"127.0.0.1:8010\"";
    let (host, port) = text.rsplit_once(':').ok_or(WANTED)?;
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let bare = match host.strip_prefix('[') {
        Some(six) => six.strip_suffix(']').is_some_and(|six| six.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    if !bare || !digits {
        return Err(WANTED);
    }
    port.parse::<u16>().map(|_| ()).map_err(|_| "HOST:PORT with a port from 0 to 65535")
}

/// An address for a browser.
pub(crate) fn web(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map_or("", |r| r.split('/').next().unwrap_or(""));
    let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>'));
    match !host.is_empty() && clean {
        true => Ok(()),
        false => Err("an address that begins with http:// or https://"),
    }
}

/// An address of mail, alone or in angle brackets behind a name.
pub(crate) fn mail(text: &str) -> Result<(), &'static str> {
    const WANTED: &str = "an address of mail, like ci@example.org or \"Builds <ci@example.org>\"";
    let address = match text.strip_suffix('>').map(|t| t.rsplit_once('<')) {
        Some(Some((_, address))) => address,
        Some(None) => return Err(WANTED),
        None => text,
    };
    let (local, domain) = address.rsplit_once('@').ok_or(WANTED)?;
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"()<>[]:;@\\,\"".contains(c);
    let dotted = |part: &str| !part.is_empty() && part.split('.').all(|p| !p.is_empty());
    let fits = text.len() <= 300 && local.len() <= 64 && !text.chars().any(char::is_control);
    match fits && dotted(local) && local.chars().all(plain) && dotted(domain) && host(domain).is_ok() {
        true => Ok(()),
        false => Err(WANTED),
    }
}

/// A host, by its name or its number.
pub(crate) fn host(text: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    match !text.is_empty() && text.len() <= 255 && !text.starts_with('-') && text.chars().all(plain) {
        true => Ok(()),
        false => Err("a host, like mail.example.org"),
    }
}

/// The address of a PostgreSQL database.
pub(crate) fn database(text: &str) -> Result<(), &'static str> {
    const WANTED: &str =
        "an address that begins with postgres://; without database(…) it is SQLite in the base directory";
    const WHOLE: &str = "an address with a host and a database, like postgres://user@host/database";
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")).ok_or(WANTED)?;
    if text.chars().any(char::is_control) {
        return Err(WANTED);
    }
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, name) = place.split_once('/').unwrap_or((place, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let option = |key: &str| options.split('&').any(|o| o.strip_prefix(key).is_some_and(|v| v.len() > 1));
    // A socket's directory and a name may also stand among the options.
    match (!host.is_empty() || option("host=")) && (!name.is_empty() || option("dbname=")) {
        true => Ok(()),
        false => Err(WHOLE),
    }
}

/// A git repository: anything `git clone` takes that cannot be taken for an option or a helper program.
pub(crate) fn repository(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > 2000 || text.trim() != text || text.chars().any(char::is_control) {
        return Err("the address or the path of a repository");
    }
    if text.starts_with('-') || text.contains("::") && !text.contains('[') {
        return Err("the address or the path of a repository");
    }
    Ok(())
}

/// The name of a branch that something lands on: what looks like a whole reference is one of that name, which nobody means.
pub(crate) fn landing_branch(text: &str) -> Result<(), &'static str> {
    if text.starts_with("refs/") { Err("the name of a branch, without refs/heads/") } else { branch(text) }
}

/// A branch name.
pub(crate) fn branch(text: &str) -> Result<(), &'static str> {
    if model::source::is_git_branch(text) { Ok(()) } else { Err("the name of a branch") }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> Result<(), &'static str>;

    #[test]
    fn forms_are_told_from_others() {
        let cases: &[(&str, Check, &[&str], &[&str])] = &[
            ("name", name, &["linux", "a b", "größe"], &["", " a", "a ", "a/b", "-x", "..", "a\nb", "a?b"]),
            ("secret", secret_name, &["mac-mini", "a.b_c", "_x"], &["", ".x", "-x", "a/b", "../x", "ü"]),
            ("inside", inside, &[".", "build", "a/b", "a..b"], &["", "/", "/x", "..", "a/../b", "~/x", "a\nb"]),
            ("below", below, &["build", "./a"], &[".", "./", "./.", "..", "/x"]),
            (
                "listen",
                listen,
                &["127.0.0.1:8010", "localhost:0", "[::1]:80", "[::]:80", "0.0.0.0:65535"],
                &["", "8010", ":8010", "host:", "host:65536", "::1:80", "[x]:80", "http://h:1", "h:-1", "a b:1"],
            ),
            ("web", web, &["http://x", "https://x.org/ci/"], &["", "x.org", "ftp://x", "http://", "http://a b"]),
            (
                "database",
                database,
                &["postgres://h/db", "postgresql://u:p@h/db", "postgres:///db?host=/run/pg"],
                &["", "sqlite:x", "mysql://x", "postgres://", "postgres://h", "postgres://u@/db"],
            ),
            (
                "repository",
                repository,
                &["https://github.com/madler/zlib", "/srv/git/x", "git@h:x.git", "../z", "ssh://[::1]/x"],
                &["", "--upload-pack=x", "ext::sh -c x", " x", "a\nb"],
            ),
            (
                "branch",
                branch,
                &["main", "release/1.2", "a-b"],
                &["", "-x", "a b", "a..b", "a.lock", "/a", "a/", "a~1", "a^", "x@{1}", "a\n"],
            ),
        ];
        for (what, check, good, bad) in cases {
            for text in *good {
                assert_eq!(check(text), Ok(()), "{what} {text}");
            }
            for text in *bad {
                assert!(check(text).is_err(), "{what} {text}");
            }
        }
    }

    #[test]
    fn secrets_have_a_variable_and_builders_a_directory() {
        assert_eq!(secret_variable("mac-mini.1"), "SLUICE_SECRET_MAC_MINI_1");
        assert_eq!(directory("größe 1.2"), "gr__e_1.2");
    }
}
