//! What the master's own files ask of the room that they are compiled in.

use model::WorkerId;

/// The worker that does the master's own steps: no generated configuration has such steps.
pub(crate) const OWN: WorkerId = WorkerId(0);
