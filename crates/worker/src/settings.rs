//! The file `worker.conf`: what `worker init` writes and `worker start` reads. One `name = value` a line; `#` begins a
//! comment at the start of a line.

use crate::setup::{Master, Setup};
use crate::{WorkerError, link};
use model::Span;
use model::worker::Secret;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file's name.
pub(crate) const FILE: &str = "worker.conf";

/// The longest settings file, in bytes.
const LONGEST: u64 = 64 << 10;

/// What a worker's owner decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The master's address.
    pub master: String,
    /// The worker's name there.
    pub name: String,
    /// Its password there.
    pub password: Password,
    /// Commands get a terminal.
    pub usepty: bool,
    /// The file mode mask of commands.
    pub umask: Option<u32>,
    /// A sign of life after this long without a message.
    pub keepalive: Option<Span>,
}

/// A password, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// The password itself.
    Text(Secret),
    /// A file whose first line it is.
    File(PathBuf),
}

/// What [`init`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initialised {
    /// The directory is new.
    New,
    /// It was there already, with the same settings; nothing changed.
    AsBefore,
}

/// Makes a worker's directory: `worker.conf` (readable by its owner alone), `info/admin` and `info/host` to be filled in.
///
/// # Errors
/// The directory holds something else or a worker with other settings, or cannot be written; the address is none.
pub fn init(dir: &Path, settings: &Settings) -> Result<Initialised, WorkerError> {
    link::address(&settings.master)?;
    let file = dir.join(FILE);
    if file.exists() {
        return match difference(&read(&file)?, settings) {
            None => Ok(Initialised::AsBefore),
            Some(differs) => Err(WorkerError::Exists { dir: dir.to_owned(), differs }),
        };
    }
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(WorkerError::Foreign(dir.to_owned()));
    }
    let info = dir.join("info");
    fs::create_dir_all(&info).map_err(WorkerError::file(&info, "made"))?;
    let samples = [
        ("admin", "Your Name <you@example.org>\n"),
        ("host", "What this machine is: processor, memory, system, who may be asked\n"),
    ];
    for (name, text) in samples {
        let path = info.join(name);
        fs::write(&path, text).map_err(WorkerError::file(&path, "written"))?;
    }
    let mut options = fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(&file);
    let written = opened.and_then(|mut f| f.write_all(text(settings).as_bytes()));
    written.map_err(WorkerError::file(&file, "written"))?;
    Ok(Initialised::New)
}

/// Reads a worker's directory. `exe` is the program that supervises its commands, usually the running one.
///
/// # Errors
/// There are no settings, they cannot be understood, or the password's file cannot be read.
pub fn load(dir: &Path, exe: &Path) -> Result<Setup, WorkerError> {
    let settings = read(&dir.join(FILE))?;
    link::address(&settings.master)?;
    let password = match settings.password {
        Password::Text(secret) => secret,
        Password::File(path) => {
            let path = dir.join(path);
            let text = fs::read_to_string(&path).map_err(WorkerError::file(&path, "read"))?;
            Secret::new(text.lines().next().unwrap_or_default())
        }
    };
    let master = Master::Url(settings.master);
    Ok(Setup {
        usepty: settings.usepty,
        umask: settings.umask,
        keepalive: settings.keepalive,
        ..Setup::new(dir.to_owned(), settings.name, password, master, exe.to_owned())
    })
}

fn difference(old: &Settings, new: &Settings) -> Option<&'static str> {
    let pairs = [
        (old.master == new.master, "master"),
        (old.name == new.name, "name"),
        (old.password == new.password, "password"),
        (old.usepty == new.usepty, "usepty"),
        (old.umask == new.umask, "umask"),
        (old.keepalive == new.keepalive, "keepalive"),
    ];
    pairs.into_iter().find_map(|(same, name)| (!same).then_some(name))
}

fn text(settings: &Settings) -> String {
    let mut out = String::from("# A worker of Sluice. Restart it after a change: sluice worker restart DIR\n");
    let _ = writeln!(out, "master = {}\nname = {}", settings.master, settings.name);
    let _ = match &settings.password {
        Password::Text(secret) => writeln!(out, "password = {}", secret.reveal()),
        Password::File(path) => writeln!(out, "password_file = {}", path.display()),
    };
    let _ = writeln!(out, "usepty = {}", u8::from(settings.usepty));
    if let Some(umask) = settings.umask {
        let _ = writeln!(out, "umask = {umask:03o}");
    }
    if let Some(keepalive) = settings.keepalive {
        let _ = writeln!(out, "keepalive = {}", keepalive.0 / 1_000_000);
    }
    out
}

fn read(file: &Path) -> Result<Settings, WorkerError> {
    let length = fs::metadata(file).map_err(WorkerError::file(file, "read"))?.len();
    let wrong = |line, what: String| WorkerError::Settings { path: file.to_owned(), line, what };
    if length > LONGEST {
        return Err(wrong(0, format!("the file has {length} bytes; {LONGEST} are the limit")));
    }
    let text = fs::read_to_string(file).map_err(WorkerError::file(file, "read"))?;
    parse(&text).map_err(|(line, what)| wrong(line, what))
}

fn parse(text: &str) -> Result<Settings, (usize, String)> {
    let (mut master, mut name, mut password) = (None, None, None);
    let (mut usepty, mut umask, mut keepalive) = (false, None, None);
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let Some((key, value)) = content.split_once('=') else {
            return Err((line, format!("`{content}` is no setting; one reads `name = value`")));
        };
        let (key, value) = (key.trim(), value.trim());
        let not = |what: &str| (line, format!("`{value}` is no {key}; it is {what}"));
        match key {
            "master" => master = Some(value.to_owned()),
            "name" => name = Some(value.to_owned()),
            "password" => password = Some(Password::Text(Secret::new(value))),
            "password_file" => password = Some(Password::File(value.into())),
            "usepty" => {
                usepty = match value {
                    "0" => false,
                    "1" => true,
                    _ => return Err(not("0 or 1")),
                }
            }
            "umask" => {
                let mask = u32::from_str_radix(value, 8).ok().filter(|&m| m <= 0o777);
                umask = Some(mask.ok_or_else(|| not("an octal number up to 777"))?);
            }
            "keepalive" => {
                let seconds = value.parse().ok().filter(|s| (1..=86_400).contains(s));
                keepalive = Some(Span::seconds(seconds.ok_or_else(|| not("1 to 86400 seconds"))?));
            }
            _ => {
                let known = "master, name, password, password_file, usepty, umask and keepalive";
                return Err((line, format!("there is no setting `{key}`; there are {known}")));
            }
        }
    }
    let missing = |what: &str| (0, format!("the setting `{what}` is missing"));
    Ok(Settings {
        master: master.ok_or_else(|| missing("master"))?,
        name: name.filter(|n| !n.is_empty()).ok_or_else(|| missing("name"))?,
        password: password.ok_or_else(|| missing("password"))?,
        usepty,
        umask,
        keepalive,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            master: "http://ci.example.org:8010/".into(),
            name: "mac-mini".into(),
            password: Password::Text(Secret::new("p = q # r")),
            usepty: true,
            umask: Some(0o022),
            keepalive: Some(Span::seconds(60)),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let few = Settings { umask: None, keepalive: None, password: Password::File("/etc/p".into()), ..settings() };
        for settings in [settings(), few] {
            assert_eq!(parse(&text(&settings)), Ok(settings));
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let cases = [
            ("master", 1, "`master` is no setting; one reads `name = value`"),
            ("\nusepty = yes", 2, "`yes` is no usepty; it is 0 or 1"),
            ("umask = 888", 1, "`888` is no umask; it is an octal number up to 777"),
            ("keepalive = 0", 1, "`0` is no keepalive; it is 1 to 86400 seconds"),
            (
                "nmae = x",
                1,
                "there is no setting `nmae`; there are master, name, password, password_file, usepty, umask and keepalive",
            ),
            ("# nothing", 0, "the setting `master` is missing"),
        ];
        for (text, line, what) in cases {
            assert_eq!(parse(text), Err((line, what.to_owned())));
        }
    }

    #[test]
    fn a_directory_is_made_once_and_never_taken_from_another() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().join("w");
        assert_eq!(init(&dir, &settings()).unwrap(), Initialised::New);
        assert_eq!(init(&dir, &settings()).unwrap(), Initialised::AsBefore);
        let other = Settings { name: "other".into(), ..settings() };
        let error = init(&dir, &other).unwrap_err().to_string();
        assert!(error.contains("holds a worker already, with another name"), "{error}");
        let error = init(top.path(), &settings()).unwrap_err().to_string();
        assert!(error.ends_with("is not empty and holds no worker; give a new directory"), "{error}");
        let bad = Settings { master: "ci.example.org".into(), ..settings() };
        assert!(matches!(init(&top.path().join("v"), &bad), Err(WorkerError::Address { .. })));
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(dir.join(FILE)).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let setup = load(&dir, Path::new("/bin/sluice")).unwrap();
        assert_eq!((setup.name.as_str(), setup.umask, setup.usepty), ("mac-mini", Some(0o022), true));
        assert_eq!(setup.password.reveal(), "p = q # r");
    }
}
