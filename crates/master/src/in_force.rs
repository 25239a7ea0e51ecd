//! What a running master has in force, on disk, so that `sluice master check` can say what a reload would change.
//!
//! Secrets are left out: a checksum stands in their place, which changes when they do.

use crate::base::BaseDir;
use model::worker::{Secret, WorkerAccess};
use model::{Config, ReporterKind, SchedulerKind, TrySpec};
use sha2::{Digest, Sha256};
use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Writes down what came into force. Only a convenience: whoever cannot read it is told less.
pub(crate) fn write(base: &BaseDir, config: &Config) {
    let path = base.in_force();
    let text = serde_json::to_string(&without_secrets(config)).map_err(std::io::Error::other);
    if let Err(e) = text.and_then(|text| write_private(&path, &text)) {
        tracing::warn!("cannot write {}: {e}", path.display());
    }
}

/// Addresses in a configuration may have passwords in them, so nobody else reads it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // It may be there from an earlier program.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

/// What was last written down.
pub fn read(base: &BaseDir) -> Option<Config> {
    serde_json::from_str(&std::fs::read_to_string(base.in_force()).ok()?).ok()
}

/// The same configuration with a checksum for each secret.
pub fn without_secrets(config: &Config) -> Config {
    let mut open = config.clone();
    open.database = open.database.as_ref().map(sum);
    for (_, password) in &mut open.web.users {
        *password = sum(password);
    }
    for scheduler in &mut open.schedulers {
        if let SchedulerKind::Try(TrySpec::Userpass { users }) = &mut scheduler.kind {
            users.iter_mut().for_each(|(_, password)| *password = sum(password));
        }
    }
    for secret in open.secrets.values_mut() {
        *secret = sum(secret);
    }
    for reporter in &mut open.reporters {
        match &mut reporter.kind {
            ReporterKind::Mail(mail) => mail.login.iter_mut().for_each(|(_, password)| *password = sum(password)),
            ReporterKind::Http(http) => {
                http.secret = http.secret.as_ref().map(sum);
                http.headers.iter_mut().for_each(|(_, value)| *value = sum(value));
            }
        }
    }
    for worker in &mut open.workers {
        if let WorkerAccess::Remote { password } = &mut worker.access {
            *password = sum(password);
        }
    }
    open
}

fn sum(secret: &Secret) -> Secret {
    let sum = Sha256::digest(secret.reveal().as_bytes());
    Secret::new(sum.iter().map(|b| format!("{b:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_written_and_a_changed_one_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let base = BaseDir::at(dir.path());
        let with = |password: &str| Config {
            database: Some(Secret::new(format!("postgres://x:{password}@h/d"))),
            web: model::WebSpec { users: vec![("ann".into(), Secret::new(password))], ..Default::default() },
            secrets: [("key".to_owned(), Secret::new(password))].into(),
            ..Config::default()
        };
        std::fs::write(base.in_force(), "of an earlier program").unwrap();
        write(&base, &with("sesame"));
        assert_eq!(std::fs::metadata(base.in_force()).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(base.in_force()).unwrap().contains("sesame"));
        assert_eq!(read(&base), Some(without_secrets(&with("sesame"))));
        assert_ne!(read(&base), Some(without_secrets(&with("barley"))));
    }
}
