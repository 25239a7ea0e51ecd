//! One suite, run on SQLite and on PostgreSQL: every case is written once.

// Everything here is a test; the attribute says so to the lints.
#[cfg(test)]
mod checks;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod commits;
#[cfg(test)]
mod db;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lost;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod nouns;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod test_results;
#[cfg(test)]
mod testruns;
#[cfg(test)]
mod whole;
