//! A PostgreSQL server of the tests' own: started by the first test that needs it, gone with the test process.
//!
//! The server is the child of a small shell that waits for the end of its standard input. The other end is held by this
//! process only, so the shell stops the server and removes its files however this process ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

struct Cluster {
    directory: PathBuf,
    /// Holds the pipe that the shell waits for.
    _shell: Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// Runs the server, and when the input ends stops it at once and removes its files.
const SHELL: &str = r#"trap '' INT HUP; dir=$1; shift; "$@" >"$dir/server.log" 2>&1 & cat >/dev/null
kill -QUIT $!; wait $!; rm -rf "$dir""#;

/// The address of a new and empty database.
pub(crate) async fn new_database() -> String {
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let client = connect(&address("postgres")).await;
    client.batch_execute(&format!("CREATE DATABASE t{number}")).await.unwrap();
    address(&format!("t{number}"))
}

/// A connection of the test's own.
pub(crate) async fn connect(address: &str) -> Client {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match tokio_postgres::connect(address, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return client;
            }
            Err(e) if Instant::now() > deadline => panic!("the tests' PostgreSQL server does not answer: {e}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn address(database: &str) -> String {
    let cluster = CLUSTER.get_or_init(start);
    format!("host={} user=postgres dbname={database}", cluster.directory.display())
}

fn start() -> Cluster {
    let programs = programs();
    let directory = tempfile::Builder::new().prefix("sluice-pg-").tempdir().unwrap().keep();
    let root = as_root();
    if root {
        run(Command::new("chown").arg("postgres").arg(&directory));
    }
    let data = directory.join("data");
    let mut initdb = as_server_user(root, &programs.join("initdb"));
    // A language's order of text differs from that of bytes: the store's must not depend on it.
    initdb.args(["-N", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]);
    run(initdb.args(["--locale-provider=icu", "--icu-locale=en", "-D"]).arg(&data));
    let mut shell = Command::new("sh");
    shell.args(["-c", SHELL, "sh"]).arg(&directory);
    if root {
        shell.args(SETPRIV);
    }
    shell.arg(programs.join("postgres")).arg("-D").arg(&data).arg("-k").arg(&directory);
    for setting in ["listen_addresses=", "fsync=off", "max_connections=200", "shared_buffers=16MB"] {
        shell.args(["-c", setting]);
    }
    let shell = shell.stdin(Stdio::piped()).current_dir("/").spawn().unwrap();
    Cluster { directory, _shell: shell }
}

/// PostgreSQL does not run as root.
const SETPRIV: [&str; 4] = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"];

fn as_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

fn as_server_user(root: bool, program: &Path) -> Command {
    let mut command = if root { Command::new(SETPRIV[0]) } else { Command::new(program) };
    if root {
        command.args(&SETPRIV[1..]).arg(program);
    }
    command.current_dir("/");
    command
}

/// The newest server that is installed, as Debian lays it out, else what `pg_config` says.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name().and_then(|n| n.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path));
    match newest.map(|path| path.join("bin")).filter(|path| path.join("initdb").exists()) {
        Some(path) => path,
        None => {
            panic!("the tests need a PostgreSQL server: install the package postgresql (apt-get install postgresql)")
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}
