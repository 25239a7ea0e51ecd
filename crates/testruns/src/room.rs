//! How much room there is: on hosts, in a run, in a job group, of a resource.

use crate::board::Board;
use crate::ready::Limited;
use std::collections::BTreeMap;
use std::fmt;

/// Why there is no room for an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is no host at all.
    NoHost,
    /// Every host is full.
    Hosts {
        /// So many places there are.
        slots: u32,
    },
    /// The run has as many at once as it may.
    Run {
        /// That many.
        limit: u32,
    },
    /// So has the job group.
    Group {
        /// Its name.
        name: String,
        /// That many.
        limit: u32,
    },
    /// There is not enough left of a resource.
    Resource {
        /// Its name.
        name: String,
        /// So much is wanted.
        wants: u64,
        /// So much is left.
        left: u64,
    },
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lack::NoHost => write!(f, "there is no host that takes anything"),
            Lack::Hosts { slots } => write!(f, "all {slots} places on hosts are taken"),
            Lack::Run { limit } => write!(f, "the run has {limit} at once, and may have no more"),
            Lack::Group { name, limit } => {
                write!(f, "the job group '{name}' has {limit} at once, and may have no more")
            }
            Lack::Resource { name, wants, left } => write!(f, "it takes {wants} of '{name}', and {left} are left"),
        }
    }
}

/// What is left, while it is given away.
pub(crate) struct Room<'a> {
    board: &'a Board,
    hosts: BTreeMap<&'a str, u32>,
    slots: u32,
    runs: BTreeMap<usize, u32>,
    groups: BTreeMap<&'a str, u32>,
    resources: BTreeMap<&'a str, u64>,
}

impl<'a> Room<'a> {
    pub(crate) fn of(board: &'a Board) -> Self {
        let free = |(name, host): (&'a String, &crate::board::Host)| {
            Some((name.as_str(), host.slots.checked_sub(host.used)?)).filter(|(_, free)| *free > 0)
        };
        Room {
            board,
            hosts: board.hosts.iter().filter_map(free).collect(),
            slots: board.hosts.values().map(|h| h.slots).fold(0, u32::saturating_add),
            runs: BTreeMap::new(),
            groups: BTreeMap::new(),
            resources: BTreeMap::new(),
        }
    }

    /// Whether there is no place left anywhere.
    pub(crate) fn is_full(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Takes a place: on the host with the most free ones, the first by name of several.
    pub(crate) fn take(&mut self, limited: &'a Limited) -> Result<&'a str, Lack> {
        self.lacks(limited)?;
        let most = self.hosts.iter().max_by_key(|(name, free)| (**free, std::cmp::Reverse(**name)));
        let host = most.map(|(name, _)| *name).ok_or(Lack::NoHost)?;
        match self.hosts.get_mut(host) {
            Some(free) if *free > 1 => *free -= 1,
            _ => {
                self.hosts.remove(host);
            }
        }
        *self.runs.entry(limited.run).or_default() += 1;
        if let Some(group) = &limited.group {
            *self.groups.entry(group).or_default() += 1;
        }
        for (name, n) in &limited.resources {
            *self.resources.entry(name).or_default() += n;
        }
        Ok(host)
    }

    /// What stands in the way, what is nearest to the item first.
    pub(crate) fn lacks(&self, limited: &Limited) -> Result<(), Lack> {
        let board = self.board;
        for (name, &wants) in &limited.resources {
            if let Some(has) = board.limits.resources.get(name) {
                let used = board.resources.get(name).unwrap_or(&0) + self.resources.get(name.as_str()).unwrap_or(&0);
                let left = has.saturating_sub(used);
                if left < wants {
                    return Err(Lack::Resource { name: name.clone(), wants, left });
                }
            }
        }
        if let Some(name) = &limited.group
            && let Some(&limit) = board.limits.groups.get(name)
        {
            let used = board.groups.get(name).unwrap_or(&0) + self.groups.get(name.as_str()).unwrap_or(&0);
            if used >= limit {
                return Err(Lack::Group { name: name.clone(), limit });
            }
        }
        let run = &board.runs[limited.run];
        if let Some(limit) = run.at_once.filter(|l| run.used + self.runs.get(&limited.run).unwrap_or(&0) >= *l) {
            return Err(Lack::Run { limit });
        }
        match (self.is_full(), self.slots) {
            (true, 0) => Err(Lack::NoHost),
            (true, slots) => Err(Lack::Hosts { slots }),
            (false, _) => Ok(()),
        }
    }
}
