//! What may land, and what is tested next.

pub mod belief;
pub mod candidate;
pub mod decide;
pub mod event;
pub mod experience;
pub mod footprint;
pub mod landing;
pub mod policy;
pub mod queue;
pub mod run;
pub mod trial;
pub mod trunk;
pub mod verdict;
pub mod view;

pub use candidate::{Candidate, CandidateId, Commit, End, Guilt, Proof};
pub use decide::{decide, settle};
pub use event::{Action, Event, Halt, Push, Remote};
pub use footprint::Footprint;
pub use policy::{Adaptive, Policy};
pub use queue::{Promise, Queue, Settings};
pub use trial::{Outcome, Purpose, Red, Trial, TrialId, TrialState};
