//! What one run consists of: the tests and items that are asked for, all that they need, and who waits for whom.

use crate::item::{self, Item, full_name, wrong_name};
use crate::map::ItemMap;
use crate::pattern::TestPatterns;
use crate::problem::Problem;
use crate::status::Statuses;
use model::area::{Area, Need, Scope, TestSpec, Until};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Where the directories of earlier attempts are, below that of the run, beside those of its tests.
pub const EARLIER: &str = ".attempts";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Tests and items.
    pub patterns: TestPatterns,
    /// Of these only tests with a tag like one of them; none: whatever their tags.
    pub tags: Option<TestPatterns>,
}

impl Selection {
    /// By test patterns alone.
    pub fn of(patterns: &str) -> Self {
        Selection { patterns: TestPatterns::read(patterns), tags: None }
    }
}

/// What a test is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It tests.
    Test,
    /// It makes a fixture.
    Setup,
    /// It takes away what this one made (by its number), if that began.
    Cleanup(Option<usize>),
}

/// A test of a run.
#[derive(Clone, Debug)]
pub struct Member {
    /// The test.
    pub spec: TestSpec,
    /// Its items in [`Roster::nodes`]: at least one.
    pub nodes: Range<usize>,
    /// What it is for.
    pub role: Role,
    /// Members that need what it makes, when it makes or takes away a fixture.
    pub users: Vec<usize>,
}

/// An item of a run.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its test, a number in [`Roster::members`].
    pub member: usize,
    /// It.
    pub item: Item,
    /// It stands for a test that is run over nothing.
    pub empty: bool,
    /// What it waits for, in the order in which it is written.
    pub edges: Vec<Edge>,
}

/// What an item waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// What.
    pub on: On,
    /// Until it is what.
    pub until: Until,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// An item, by its number.
    Item(usize),
    /// All items of a test, by its number.
    Test(usize),
    /// An item of this name, which there is not.
    Missing(String),
}

/// What one run consists of. It is as good as a plan: what stands in it can be carried out.
#[derive(Clone, Debug)]
pub struct Roster {
    pub(crate) members: Vec<Member>,
    pub(crate) nodes: Vec<Node>,
}

impl Roster {
    /// Finds what is asked for and all that it needs. An error of a test that nobody asked for, and that nobody who was
    /// asked for needs, does not matter here.
    pub fn new(area: &Area, selection: &Selection) -> Result<Self, Vec<Problem>> {
        let mut problems = area_problems(area);
        let mut builder = Builder::new(area);
        builder.start(selection);
        builder.close();
        problems.append(&mut builder.problems);
        if !problems.is_empty() {
            problems.dedup();
            return Err(problems);
        }
        let roster = builder.build();
        match roster.circle() {
            Some(path) => Err(vec![Problem::Circle { path }]),
            None => Ok(roster),
        }
    }

    /// The tests, in the order of the area.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The items, test by test.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// `test(item)` of an item.
    pub fn name(&self, node: usize) -> String {
        self.nodes.get(node).map_or_else(String::new, |n| full_name(&self.members[n.member].spec.name, &n.item.path))
    }

    /// A circle of things that wait for each other, by their names. A whole test waits for its items.
    fn circle(&self) -> Option<Vec<String>> {
        let items = self.nodes.len();
        let count = items + self.members.len();
        let next = |at: usize| -> Vec<usize> {
            let Some(node) = self.nodes.get(at) else { return self.members[at - items].nodes.clone().collect() };
            let of = |edge: &Edge| match edge.on {
                On::Item(node) => Some(node),
                On::Test(member) => Some(items + member),
                On::Missing(_) => None,
            };
            node.edges.iter().filter_map(of).collect()
        };
        let mut waits: Vec<usize> = (0..count).map(|at| next(at).len()).collect();
        let mut waited: Vec<Vec<usize>> = vec![Vec::new(); count];
        for at in 0..count {
            next(at).into_iter().for_each(|on| waited[on].push(at));
        }
        let mut free: Vec<usize> = (0..count).filter(|at| waits[*at] == 0).collect();
        while let Some(at) = free.pop() {
            for &by in &waited[at] {
                waits[by] -= 1;
                if waits[by] == 0 {
                    free.push(by);
                }
            }
        }
        // Whoever is left waits for somebody who is left: following that comes round.
        let mut at = (0..count).find(|at| waits[*at] > 0)?;
        let mut path: Vec<usize> = Vec::new();
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        while !seen.contains_key(&at) {
            seen.insert(at, path.len());
            path.push(at);
            at = next(at).into_iter().find(|on| waits[*on] > 0)?;
        }
        let round = path[seen[&at]..].iter().chain([&at]).filter(|at| **at < items).map(|at| self.name(*at));
        let mut names: Vec<String> = round.collect();
        names.dedup();
        if names.first() != names.last() || names.len() == 1 {
            names.extend(names.first().cloned());
        }
        Some(names)
    }
}

/// What is wrong whatever is asked for.
fn area_problems(area: &Area) -> Vec<Problem> {
    let mut all = Vec::new();
    let mut names = BTreeSet::new();
    for test in &area.tests {
        let why = match &*test.name {
            EARLIER => Some("directories of earlier attempts are called so"),
            name => name.contains('/').then_some("it has a slash"),
        };
        if let Some(why) = why.or_else(|| wrong_name(&test.name)) {
            all.push(Problem::Name { test: test.name.escape_debug().to_string(), why });
        }
        if !names.insert(&test.name) {
            all.push(Problem::Twice { test: test.name.clone() });
        }
    }
    if [area.limits.run, area.limits.host].contains(&Some(0)) {
        all.push(Problem::NoRoom);
    }
    let statuses = Statuses::of(area);
    for waiver in &area.waivers {
        let (owner, tests) = (waiver.owner.clone(), waiver.tests.clone());
        if let Some(error) = waiver.statuses.iter().find_map(|s| statuses.read(s).err()) {
            all.push(Problem::WaivedStatus { owner: owner.clone(), tests: tests.clone(), error });
        }
        let patterns = TestPatterns::read(&waiver.tests);
        let bare = |t: &TestSpec| t.waiver_checks.is_empty() && patterns.names(&t.name);
        if waiver.checks.is_empty() && area.tests.iter().any(bare) {
            all.push(Problem::Unproven { owner, tests });
        }
    }
    all
}

/// Tests that are selected, while more of them come in.
struct Builder<'a> {
    area: &'a Area,
    by_name: BTreeMap<&'a str, usize>,
    chosen: BTreeMap<usize, Chosen>,
    /// Items of which the needs have not been looked at.
    todo: Vec<(usize, usize)>,
    problems: Vec<Problem>,
}

/// A test of which something is selected.
struct Chosen {
    /// All its items.
    items: Vec<Item>,
    empty: bool,
    iterated: bool,
    by_path: BTreeMap<String, usize>,
    picked: BTreeSet<usize>,
    needs: Vec<(Need, ItemMap)>,
}

impl<'a> Builder<'a> {
    fn new(area: &'a Area) -> Self {
        let by_name = area.tests.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
        Builder { area, by_name, chosen: BTreeMap::new(), todo: Vec::new(), problems: Vec::new() }
    }

    fn start(&mut self, selection: &Selection) {
        for (i, test) in self.area.tests.iter().enumerate() {
            let tagged = selection.tags.as_ref().is_none_or(|tags| test.tags.iter().any(|t| tags.names(t)));
            if !tagged || !selection.patterns.names(&test.name) || !self.choose(i) {
                continue;
            }
            let Some(chosen) = self.chosen.get_mut(&i) else { continue };
            let matched =
                |(_, item): &(usize, &Item)| chosen.empty || selection.patterns.matches(&test.name, &item.path);
            let picked: Vec<usize> = chosen.items.iter().enumerate().filter(matched).map(|(at, _)| at).collect();
            picked.into_iter().for_each(|at| self.pick(i, at));
        }
        if self.chosen.values().all(|c| c.picked.is_empty()) && self.problems.is_empty() {
            let tags = selection.tags.as_ref().map(ToString::to_string);
            self.problems.push(Problem::NothingSelected { patterns: selection.patterns.to_string(), tags });
        }
    }

    /// Takes a test in, without any item yet. False when something is wrong with it.
    fn choose(&mut self, test: usize) -> bool {
        if self.chosen.contains_key(&test) {
            return true;
        }
        let spec = &self.area.tests[test];
        let before = self.problems.len();
        self.check(spec);
        let items = item::expand(spec).unwrap_or_else(|e| {
            self.problems.push(e.into());
            None
        });
        let iterated = items.is_some();
        let mut items = items.unwrap_or_else(|| vec![Item::default()]);
        let empty = items.is_empty();
        if empty {
            items.push(Item::default());
        }
        let needs = self.needs(spec);
        let by_path = items.iter().enumerate().map(|(at, item)| (item.path.clone(), at)).collect();
        self.chosen.insert(test, Chosen { items, empty, iterated, by_path, picked: BTreeSet::new(), needs });
        before == self.problems.len()
    }

    fn check(&mut self, test: &TestSpec) {
        let name = || test.name.clone();
        let mut steps = BTreeSet::new();
        for step in &test.steps {
            if step.name.is_empty() || !steps.insert(&step.name) {
                self.problems.push(Problem::Step { test: name(), step: step.name.clone() });
            }
        }
        for (resource, wants) in &test.resources {
            if let Some(has) = self.area.limits.resources.get(resource).filter(|has| *has < wants) {
                let (resource, wants, has) = (resource.clone(), *wants, *has);
                self.problems.push(Problem::TooMuch { test: name(), resource, wants, has });
            }
        }
        if let Some(group) = test.job_group.as_ref().filter(|g| self.area.limits.groups.get(*g) == Some(&0)) {
            self.problems.push(Problem::ClosedGroup { test: name(), group: group.clone() });
        }
    }

    /// What a test waits for: what it names, and what makes its fixtures. What takes a fixture away waits for ends only,
    /// or a failure could keep it from running.
    fn needs(&mut self, spec: &TestSpec) -> Vec<(Need, ItemMap)> {
        let mut needs = spec.needs.clone();
        for name in &spec.fixtures {
            match self.area.fixtures.iter().find(|f| f.name == *name) {
                None => {
                    self.problems.push(Problem::NoSuchFixture { test: spec.name.clone(), fixture: name.clone() });
                }
                Some(fixture) => {
                    for test in fixture.tests().filter(|t| !self.by_name.contains_key(t)) {
                        let (fixture, test) = (name.clone(), test.to_owned());
                        self.problems.push(Problem::NoSuchFixtureTest { fixture, test });
                    }
                    needs.extend(fixture.setup.iter().map(Need::normal));
                }
            }
        }
        if self.area.fixtures.iter().any(|f| f.cleanup.as_ref() == Some(&spec.name)) {
            needs.iter_mut().for_each(|n| n.until = Until::Ended);
        }
        let mut all = Vec::new();
        for need in needs {
            let rules = if let Scope::Item { map } = &need.scope { map.as_slice() } else { &[] };
            match ItemMap::read(rules) {
                _ if !self.by_name.contains_key(need.test.as_str()) => {
                    self.problems.push(Problem::NoSuchNeed { test: spec.name.clone(), needs: need.test });
                }
                Ok(map) => all.push((need, map)),
                Err(error) => {
                    self.problems.push(Problem::Map { test: spec.name.clone(), needs: need.test, error });
                }
            }
        }
        all
    }

    fn pick(&mut self, test: usize, item: usize) {
        if self.chosen.get_mut(&test).is_some_and(|c| c.picked.insert(item)) {
            self.todo.push((test, item));
        }
    }

    fn pick_all(&mut self, test: usize) {
        if self.choose(test) {
            let (picked, all) = self.chosen.get(&test).map_or((0, 0), |c| (c.picked.len(), c.items.len()));
            if picked < all {
                (0..all).for_each(|item| self.pick(test, item));
            }
        }
    }

    /// Takes in what the selected need, until nothing more comes.
    fn close(&mut self) {
        while let Some((test, item)) = self.todo.pop() {
            for need in 0..self.chosen.get(&test).map_or(0, |c| c.needs.len()) {
                match self.on(test, item, need) {
                    Some((other, Some(item))) => self.pick(other, item),
                    Some((other, None)) => self.pick_all(other),
                    None => {}
                }
            }
            for name in self.beside(&self.area.tests[test]) {
                if let Some(other) = self.by_name.get(name).copied() {
                    self.pick_all(other);
                }
            }
        }
    }

    /// What takes away what a test needs or makes.
    fn beside(&self, spec: &TestSpec) -> Vec<&'a str> {
        let mine = |f: &&model::area::Fixture| spec.fixtures.contains(&f.name) || f.setup.as_ref() == Some(&spec.name);
        self.area.fixtures.iter().filter(mine).filter_map(|f| f.cleanup.as_deref()).collect()
    }

    /// Which test, and which item of it, an item waits for: the whole test where there is none. Nothing when the item
    /// that it waits for does not exist.
    fn on(&mut self, test: usize, item: usize, need: usize) -> Option<(usize, Option<usize>)> {
        let mine = self.chosen.get(&test)?;
        let (need, map) = mine.needs.get(need)?;
        let path = map.apply(&mine.items.get(item)?.path);
        let whole = need.scope == Scope::Whole || path.is_empty();
        let other = *self.by_name.get(need.test.as_str())?;
        self.choose(other);
        let theirs = self.chosen.get(&other)?;
        if whole || !theirs.iterated || theirs.empty {
            return Some((other, None));
        }
        theirs.by_path.get(&path).map(|at| (other, Some(*at)))
    }

    fn build(mut self) -> Roster {
        let tests: Vec<usize> = self.chosen.iter().filter(|(_, c)| !c.picked.is_empty()).map(|(i, _)| *i).collect();
        let member_of: BTreeMap<usize, usize> = tests.iter().enumerate().map(|(m, t)| (*t, m)).collect();
        let mut members: Vec<Member> = Vec::new();
        let mut node_of: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        for (member, test) in tests.iter().enumerate() {
            let chosen = &self.chosen[test];
            let start = nodes.len();
            for at in &chosen.picked {
                node_of.insert((*test, *at), nodes.len());
                nodes.push(Node { member, item: chosen.items[*at].clone(), empty: chosen.empty, edges: Vec::new() });
            }
            let spec = self.area.tests[*test].clone();
            members.push(Member { spec, nodes: start..nodes.len(), role: Role::Test, users: Vec::new() });
        }
        for (&(test, item), &node) in &node_of {
            for need in 0..self.chosen[&test].needs.len() {
                let until = self.chosen[&test].needs[need].0.until;
                let on = match self.on(test, item, need) {
                    Some((other, Some(at))) => node_of.get(&(other, at)).map(|n| On::Item(*n)),
                    Some((other, None)) => member_of.get(&other).map(|m| On::Test(*m)),
                    None => None,
                };
                let on = on.unwrap_or_else(|| {
                    let (need, map) = &self.chosen[&test].needs[need];
                    On::Missing(full_name(&need.test, &map.apply(&self.chosen[&test].items[item].path)))
                });
                nodes[node].edges.push(Edge { on, until });
            }
        }
        let mut roster = Roster { members, nodes };
        roster.fixtures(self.area);
        roster
    }
}

impl Roster {
    /// Says who makes and who takes away, and lets the latter wait for everybody.
    fn fixtures(&mut self, area: &Area) {
        let number: BTreeMap<String, usize> =
            self.members.iter().enumerate().map(|(m, member)| (member.spec.name.clone(), m)).collect();
        for fixture in &area.fixtures {
            let setup = fixture.setup.as_ref().and_then(|name| number.get(name).copied());
            let cleanup = fixture.cleanup.as_ref().and_then(|name| number.get(name).copied());
            let uses = |m: &Member| m.spec.fixtures.contains(&fixture.name);
            let users: Vec<usize> = self.members.iter().enumerate().filter(|(_, m)| uses(m)).map(|(m, _)| m).collect();
            if let Some(setup) = setup {
                self.members[setup].role = Role::Setup;
                self.members[setup].users.extend(&users);
            }
            let Some(cleanup) = cleanup else { continue };
            self.members[cleanup].role = Role::Cleanup(setup);
            self.members[cleanup].users.extend(&users);
            for member in setup.iter().chain(&users).copied() {
                for node in self.members[cleanup].nodes.clone() {
                    self.nodes[node].edges.push(Edge { on: On::Test(member), until: Until::Ended });
                }
            }
        }
    }
}
