//! What may land, and what is tested next.
//!
//! Ring 1: no clock, no file, no process, no chance. A gate is a [`Queue`]: a value that can be written down at any
//! moment and taken up again. Three calls are all there is to it:
//!
//! - [`Queue::apply`] takes an [`Event`]: a candidate came, a trial ended, the remote answered, the branch moved.
//! - [`decide`] answers with [`Action`]s: test this tree, cancel that trial, repeat what failed, this one is decided,
//!   land this commit where the branch is expected, ask the remote. Each carries why.
//! - The caller writes an action down, applies it as [`Event::Decided`], and only then carries it out. It asks again
//!   until there is no answer, and after every event. [`settle`] does so for callers who write all answers as one.
//!
//! After a crash the caller loads the queue and tells what it cannot know otherwise: trials that nobody runs any more
//! ended as [`Outcome::Broken`], and a push that was under way is [`Push::Doubtful`]. Everything else is the same call
//! as ever.
//!
//! # Who decides what
//!
//! Verdicts (what is red, whose fault, what may land) are made in [`decide`](mod@decide) from evidence alone. A
//! [`Policy`] only chooses which trees are tested and which of the green ones lands; a bad one wastes time and does no
//! harm. `policy/` has them side by side; [`Adaptive`] is ours.
//!
//! | file | noun |
//! |---|---|
//! | `candidate.rs` | what somebody wants to land, and how that ends |
//! | `trial.rs` | a test of one tree |
//! | `trunk.rs` | the branch, and how a trial stands to it |
//! | `footprint.rs` | which tasks a change can touch |
//! | `landing.rs` | the one push that is under way |
//! | `queue.rs`, `event.rs` | the state, and all that can happen to it |
//! | `decide.rs` | verdicts, and slots given to what a policy wants |
//! | `belief.rs`, `experience.rs` | what trials say of each candidate; what the gate learned over time |
//! | `view.rs`, `policy.rs` | what a policy sees, and the policies |
//! | `why.rs` | the line as people see it: who waits for what, until when |
//! | `run.rs` | one run of tasks and stages on one tree, for the gate without a server and for a trial |
//! | `verdict.rs` | what a stage is, from its exit and its results |
//!
//! # What the caller owes
//!
//! - The commit of a base and a list of members is made once and kept: `[a]` and `[a, b]` have the commit of `a` in
//!   common, or a train could not land car by car.
//! - A push never forces, expects [`Action::Land`]'s `expected`, and reads the branch back.
//! - The end of a trial that was cancelled may come late; it is not taken.

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
pub mod why;

pub use candidate::{Candidate, CandidateId, Commit, End, Guilt, Proof};
pub use decide::{decide, settle};
pub use event::{Action, Doubt, Event, Halt, Needless, Push, Remote};
pub use footprint::Footprint;
pub use policy::{Adaptive, Policy};
pub use queue::{Promise, Queue, Settings};
pub use trial::{Outcome, Purpose, Red, Trial, TrialId, TrialState};
