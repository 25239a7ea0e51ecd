//! A worker's slots: spools, supervisors, and what they left; where the store is known, against its leases.

use super::kinds::*;
use super::places::{Places, entries, is_held};
use super::{FsckError, Seen};
use model::{BuildId, Finding, FindingKind};
use process::spool::{self, Checked, SpoolError, State};
use process::{JobId, stray};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use store::OpenLease;
use wire::CommandId;

/// What the store knows of a worker's commands.
pub(super) struct Known<'a> {
    /// The worker's name.
    pub(super) worker: String,
    /// Every lease that is open.
    pub(super) leases: &'a [OpenLease],
    /// The highest build that there is.
    pub(super) newest: Option<BuildId>,
    /// Where the logs are.
    pub(super) logs: PathBuf,
}

/// Looks through the slots below a worker's directory.
pub(super) fn look(
    places: &Places<'_>,
    worker: &Path,
    known: Option<&Known<'_>>,
    seen: &mut Seen,
) -> Result<(), FsckError> {
    let slots = worker.join(".slots");
    let listened_to = is_held(&slots.join("lock"));
    let mut held = BTreeSet::new();
    for slot in entries(&slots)? {
        if slot.is_dir() {
            one_slot(places, &slot, listened_to, known, seen, &mut held)?;
        }
    }
    // While the worker works, a command may be on its way.
    if let Some(known) = known.filter(|_| !listened_to && slots.is_dir()) {
        for lease in known.leases.iter().filter(|lease| lease.worker == known.worker) {
            let Some(step) = lease.step else { continue };
            let command = CommandId { build: lease.build.0, epoch: lease.epoch, step: step.0 };
            if !held.contains(&command.to_string()) {
                let what = format!("there is no spool of command {command}");
                let finding = Finding::new(&SPOOL_MISSING, what).of_build(lease.build.0);
                seen.findings.push(finding.in_file(places.name(worker), None));
            }
        }
    }
    Ok(())
}

fn one_slot(
    places: &Places<'_>,
    slot: &Path,
    listened_to: bool,
    known: Option<&Known<'_>>,
    seen: &mut Seen,
    held: &mut BTreeSet<String>,
) -> Result<(), FsckError> {
    let state = stray::look(slot).map_err(FsckError::io("look at", slot))?;
    for id in spool::jobs(slot).map_err(FsckError::io("list", slot))? {
        seen.looked.spools += 1;
        held.insert(id.to_string());
        let dir = id.dir(slot);
        let command = id.as_str().parse().ok();
        let job = Job { places, slot, dir: &dir, command, id: &id, alive: state.alive, listened_to };
        job.look(known, &mut seen.findings);
    }
    if let (false, Some(group)) = (state.alive, &state.group) {
        let what = format!("{} of supervisor {}", group.display(), state.noted.unwrap_or_default());
        seen.findings.push(Finding::new(&GROUP_LEFT, what).in_file(places.name(slot), None));
    }
    Ok(())
}

/// A spool that is looked at.
struct Job<'a> {
    places: &'a Places<'a>,
    slot: &'a Path,
    dir: &'a Path,
    id: &'a JobId,
    command: Option<CommandId>,
    /// Its slot has a supervisor.
    alive: bool,
    /// Its worker works.
    listened_to: bool,
}

impl Job<'_> {
    fn about(&self, kind: &'static FindingKind, what: String) -> Finding {
        let finding = Finding::new(kind, what).of_build(self.command.map(|c| c.build));
        finding.in_file(self.places.name(self.dir), None)
    }

    fn look(&self, known: Option<&Known<'_>>, found: &mut Vec<Finding>) {
        let mut lease = None;
        if let Some((known, command)) = known.zip(self.command) {
            lease = known.leases.iter().find(|lease| is_of(lease, command));
            if lease.is_none() && known.newest.is_none_or(|newest| command.build > newest.0) {
                found.push(self.about(&SPOOL_OF_NOBODY, format!("the store has no build {}", command.build)));
            } else if lease.is_none() && !self.listened_to {
                found.push(self.about(&SPOOL_LEFT, format!("command {command} is over")));
            }
        }
        let ended = match spool::check(self.dir) {
            Ok(checked) => {
                self.content(&checked, found);
                if let Some((known, lease)) = known.zip(lease).filter(|_| !self.listened_to) {
                    self.gap(&checked, known, lease, found);
                }
                checked.state == State::Ended
            }
            // A living supervisor makes and removes spools while we look.
            Err(_) if self.alive && self.listened_to => return,
            Err(e) => {
                found.push(self.damage(&e));
                false
            }
        };
        if ended {
            return;
        }
        let left = if self.alive { Vec::new() } else { stray::list_marked(self.slot, self.id) };
        if !left.is_empty() {
            found.push(self.about(&PROCESSES_LEFT, left.join(", ")));
        }
        if self.alive && !self.listened_to {
            found.push(self.about(&SUPERVISED, format!("command {} is supervised", self.id)));
        }
    }

    fn content(&self, checked: &Checked, found: &mut Vec<Finding>) {
        if let State::Torn { file, at } = &checked.state
            && !self.alive
        {
            let what = "a record was being written".to_owned();
            found.push(self.about(&SPOOL_TORN, what).in_file(self.places.name(file), *at));
        }
    }

    /// The spool goes on where the logs end, or before.
    fn gap(&self, checked: &Checked, known: &Known<'_>, lease: &OpenLease, found: &mut Vec<Finding>) {
        let files = ::logs::files(&known.logs).unwrap_or_default();
        let there = files.builds.get(&lease.build).and_then(|path| ::logs::check(path).ok());
        for (number, log) in &lease.logs {
            let begins = checked.begins.get(number).copied().unwrap_or(0);
            let logs = there.iter().flat_map(|there| &there.logs);
            let has = logs.filter(|(id, _)| id == log).map(|(_, facts)| facts.bytes).next().unwrap_or(0);
            if begins > has {
                let what = format!("log {log} ends at byte {has}, and the spool of it begins at byte {begins}");
                found.push(self.about(&SPOOL_GAP, what));
            }
        }
    }

    fn damage(&self, e: &SpoolError) -> Finding {
        match e {
            SpoolError::Damaged { file, at, what } => {
                self.about(&SPOOL_DAMAGED, (*what).to_owned()).in_file(self.places.name(file), *at)
            }
            SpoolError::Version { file, version } => {
                let what = format!("it has version {version}, which this Sluice does not read");
                self.about(&SPOOL_VERSION, what).in_file(self.places.name(file), None)
            }
            SpoolError::Io { file, source } => {
                let what = format!("it cannot be read: {source}");
                self.about(&SPOOL_DAMAGED, what).in_file(self.places.name(file), None)
            }
            SpoolError::Trimmed { .. } => self.about(&SPOOL_DAMAGED, e.to_string()),
        }
    }
}

fn is_of(lease: &OpenLease, command: CommandId) -> bool {
    (lease.build.0, lease.epoch, lease.step.map(|s| s.0)) == (command.build, command.epoch, Some(command.step))
}
