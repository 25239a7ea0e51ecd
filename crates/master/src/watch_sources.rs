//! Keeps a task for each change source of the configuration that is in force.

use crate::base::BaseDir;
use crate::control::Door;
use model::{ChangeSourceSpec, Config};
use sources::Bell;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Running {
    spec: ChangeSourceSpec,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Follows the configuration until the shutdown; returns when every source has ended.
pub(crate) async fn keep(
    base: BaseDir,
    door: Arc<Door>,
    mut config: watch::Receiver<Arc<Config>>,
    shutdown: CancellationToken,
) {
    let mut running: BTreeMap<String, Running> = BTreeMap::new();
    loop {
        let wanted: Vec<ChangeSourceSpec> = config.borrow_and_update().sources.clone();
        // A source that is as it was goes on undisturbed; one that has changed is ended and begun anew.
        let ending: Vec<String> =
            running.iter().filter(|(_, r)| !wanted.contains(&r.spec)).map(|(name, _)| name.clone()).collect();
        for name in ending {
            if let Some(source) = running.remove(&name) {
                end(source).await;
                door.unsaid(&name);
            }
        }
        for spec in wanted {
            let name = spec.name().to_owned();
            running.entry(name).or_insert_with(|| start(&base, &door, spec));
        }
        tokio::select! {
            changed = config.changed() => if changed.is_err() { break },
            () = shutdown.cancelled() => break,
        }
    }
    for source in running.into_values() {
        end(source).await;
    }
}

fn start(base: &BaseDir, door: &Arc<Door>, spec: ChangeSourceSpec) -> Running {
    let (stop, stopped) = watch::channel(false);
    let bell = Bell { wake: Arc::new(Notify::new()), stop: stopped };
    let dir = base.sources().join(directory_name(spec.name()));
    let task = tokio::spawn(sources::watch(spec.clone(), dir, door.clone(), bell));
    Running { spec, stop, task }
}

async fn end(source: Running) {
    source.stop.send_replace(true);
    if let Err(e) = source.task.await {
        tracing::error!("the change source {} ended badly: {e}", source.spec.name());
    }
}

/// A name that is a directory's: what is readable of it, and a checksum that tells it from others.
fn directory_name(name: &str) -> String {
    use sha2::{Digest, Sha256};
    let readable: String = name.chars().rev().filter(char::is_ascii_alphanumeric).take(24).collect();
    let readable: String = readable.chars().rev().collect();
    let sum = Sha256::digest(name.as_bytes());
    format!("{readable}-{:02x}{:02x}{:02x}{:02x}", sum[0], sum[1], sum[2], sum[3])
}
