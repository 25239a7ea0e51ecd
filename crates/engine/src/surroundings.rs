//! What surrounds a configuration: its functions, and the time zone of the machine.

use model::{Functions, NoFunctions};
use std::sync::Arc;

/// What the engine cannot know by itself. Whoever loads the configuration gives it to the world.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The functions of the configuration in force.
    pub functions: Arc<dyn Functions>,
    /// The master's own time zone, an IANA name.
    pub timezone: String,
}

/// No functions, and UTC.
impl Default for Surroundings {
    fn default() -> Self {
        Self { functions: Arc::new(NoFunctions), timezone: "UTC".to_owned() }
    }
}
