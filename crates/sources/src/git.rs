//! The git poller.

use crate::{Bell, Door};
use model::GitPollerSpec;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) async fn watch(_spec: GitPollerSpec, _dir: PathBuf, _door: Arc<dyn Door>, mut bell: Bell) {
    let _ = bell.stop.wait_for(|stop| *stop).await;
}
