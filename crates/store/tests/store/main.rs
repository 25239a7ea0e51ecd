//! One suite, run on SQLite and on PostgreSQL: every case is written once.

mod cluster;
mod commits;
mod db;
mod guards;
mod hostile;
mod lost;
mod migrations;
mod nouns;
mod pages;
mod queries;
mod snapshots;
