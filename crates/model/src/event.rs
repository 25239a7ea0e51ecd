//! Events: what subscribers hear after a transition is durable.

/// Something happened to a resource. The key is Buildbot's routing key: `["builds", "9", "finished"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it belongs; a subscriber's path is matched against it word by word, `*` matching any one.
    pub key: Vec<String>,
    /// The resource as the REST interface shows it, as JSON text.
    pub message: String,
}
