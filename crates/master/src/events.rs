//! The nouns that events tell of, as the world has them.

use api::event::Lookup;
use engine::World;
use model::{
    Build, BuildId, BuildSet, BuildSetId, Builder, BuilderId, LogFacts, LogId, Request, RequestId, Scheduler,
    SchedulerId, Step, StepId, Time, Worker, WorkerId,
};

/// The world, as events look at it.
pub(crate) struct Nouns<'w> {
    pub(crate) world: &'w World,
    pub(crate) now: Time,
}

impl Lookup for Nouns<'_> {
    fn build(&self, id: BuildId) -> Option<&Build> {
        self.world.build(id).map(|b| &b.build)
    }

    fn step(&self, id: StepId) -> Option<&Step> {
        self.world.builds().find_map(|b| b.steps.iter().rfind(|s| s.id == id))
    }

    fn log(&self, id: LogId) -> Option<&LogFacts> {
        self.world.builds().find_map(|b| b.logs.iter().find(|l| l.id == id))
    }

    fn request(&self, id: RequestId) -> Option<&Request> {
        self.world.request(id)
    }

    fn set(&self, id: BuildSetId) -> Option<&BuildSet> {
        self.world.set(id)
    }

    fn builder(&self, id: BuilderId) -> Option<&Builder> {
        self.world.builder(id).map(|b| &b.builder)
    }

    fn worker(&self, id: WorkerId) -> Option<&Worker> {
        self.world.worker(id).map(|w| &w.worker)
    }

    fn scheduler(&self, id: SchedulerId) -> Option<&Scheduler> {
        self.world.scheduler(id)
    }

    fn builders_of(&self, worker: WorkerId) -> Vec<BuilderId> {
        self.world.builders_on(worker).collect()
    }

    fn now(&self) -> Time {
        self.now
    }
}
