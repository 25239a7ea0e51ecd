//! Areas as they are, from the outside.

mod areas;
mod data;
mod forms;
mod grammar;
mod ground;
mod hostile;
mod items;
mod logpro;
mod manual;
mod run_configs;
mod shim;
mod test_config;
