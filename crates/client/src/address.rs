//! The address of a master, found in whatever address of it somebody has at hand.

use reqwest::Url;

/// What a path of a master begins with, below the place where a proxy may have put it.
const BEGINNINGS: [&str; 14] = [
    "api",
    "auth",
    "badges",
    "builders",
    "cc.xml",
    "changes",
    "healthz",
    "login",
    "queue",
    "requests",
    "sse",
    "waterfall",
    "workers",
    "ws",
];

/// The address of the master that has this page; a slash at its end, a `?` and a `#` do no harm.
/// `None`: it is no address of the web.
pub(crate) fn of_master(text: &str) -> Option<Url> {
    let mut url = Url::parse(text.trim()).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host())?;
    let words: Vec<&str> = url.path().split('/').filter(|w| !w.is_empty()).collect();
    let end = words.iter().position(|w| BEGINNINGS.contains(w)).unwrap_or(words.len());
    let path = words[..end].join("/");
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_page_names_its_master() {
        let table = [
            ("http://h:8010", "http://h:8010/"),
            ("http://h:8010/", "http://h:8010/"),
            (" http://h:8010//\n", "http://h:8010/"),
            ("http://h:8010/builders/linux/17?x=1#L4", "http://h:8010/"),
            ("https://h/api/v2/", "https://h/"),
            ("https://h/ci/", "https://h/ci"),
            ("https://h/ci/waterfall", "https://h/ci"),
            ("http://[::1]:8010/queue", "http://[::1]:8010/"),
        ];
        for (text, master) in table {
            assert_eq!(of_master(text).map(String::from), Some(master.to_owned()), "{text}");
        }
        for text in ["", "127.0.0.1:8010", "ftp://x/", "http://", "file:///etc/passwd"] {
            assert_eq!(of_master(text), None, "{text}");
        }
    }
}
