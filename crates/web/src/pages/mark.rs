//! The mark of a state: shape, colour and word together, never one of them alone.
//!
//! What is well is a thin line, what is wrong is a filled shape: the two differ in greyscale and from afar.

use maud::{Markup, html};
use model::Results;

/// How something stands, as pages show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Mark {
    /// It has its result.
    Done(Outcome),
    /// It runs.
    Running,
    /// It waits.
    Waiting,
    /// There is nothing yet, or nothing is there.
    Absent,
}

/// A result in the order in which results catch the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Not needed.
    Skipped,
    /// All is well.
    Passed,
    /// Stopped by somebody.
    Cancelled,
    /// Lost, and tried again.
    Retry,
    /// Passed, with something to look at.
    Warnings,
    /// Ours or the machine's fault.
    Exception,
    /// The code's fault.
    Failed,
}

impl From<Results> for Mark {
    fn from(results: Results) -> Self {
        Mark::Done(match results {
            Results::Success => Outcome::Passed,
            Results::Warnings => Outcome::Warnings,
            Results::Failure => Outcome::Failed,
            Results::Skipped => Outcome::Skipped,
            Results::Exception => Outcome::Exception,
            Results::Retry => Outcome::Retry,
            Results::Cancelled => Outcome::Cancelled,
        })
    }
}

impl Mark {
    /// The mark of something that runs until it has a result.
    pub(super) fn of(results: Option<Results>) -> Self {
        results.map_or(Mark::Running, Mark::from)
    }

    /// The word, in small letters.
    pub(super) fn word(self) -> &'static str {
        match self {
            Mark::Done(Outcome::Skipped) => "skipped",
            Mark::Done(Outcome::Passed) => "passed",
            Mark::Done(Outcome::Cancelled) => "cancelled",
            Mark::Done(Outcome::Retry) => "lost, tried again",
            Mark::Done(Outcome::Warnings) => "warnings",
            Mark::Done(Outcome::Exception) => "exception",
            Mark::Done(Outcome::Failed) => "failed",
            Mark::Running => "running",
            Mark::Waiting => "waiting",
            Mark::Absent => "nothing yet",
        }
    }

    /// The class that colours it.
    pub(super) fn class(self) -> &'static str {
        match self {
            Mark::Done(Outcome::Skipped) => "skipped",
            Mark::Done(Outcome::Passed) => "passed",
            Mark::Done(Outcome::Cancelled) => "cancelled",
            Mark::Done(Outcome::Retry) => "retry",
            Mark::Done(Outcome::Warnings) => "warnings",
            Mark::Done(Outcome::Exception) => "exception",
            Mark::Done(Outcome::Failed) => "failed",
            Mark::Running => "running",
            Mark::Waiting => "waiting",
            Mark::Absent => "absent",
        }
    }

    /// The shape as the path of a 16 × 16 drawing. Filled parts leave the sign open (even-odd).
    pub(super) fn shape(self) -> &'static str {
        match self {
            Mark::Done(Outcome::Skipped) => "M3 7h10v2H3z",
            Mark::Done(Outcome::Passed) => "M6.2 12.9 2.1 8.8l1.5-1.5 2.6 2.6 6.2-6.3 1.5 1.5z",
            Mark::Done(Outcome::Cancelled) => {
                "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM4 11l7-7A5 5 0 0 0 4 11zm1 1a5 5 0 0 0 7-7z"
            }
            Mark::Done(Outcome::Retry) => {
                "M8 2a6 6 0 0 1 4.6 2.1L14.5 2.2V8H8.7l2.4-2.4A4 4 0 1 0 11.8 9.3l1.9.6A6 6 0 1 1 8 2z"
            }
            Mark::Done(Outcome::Warnings) => "M8 1 15.5 15H.5zM7.1 6v4.6h1.8V6zm0 5.6v1.8h1.8v-1.8z",
            Mark::Done(Outcome::Exception) => "M8 0l8 8-8 8-8-8zM9.1 3.2 4.6 9h2.7l-.5 3.8L11.4 7H8.6z",
            Mark::Done(Outcome::Failed) => {
                "M3 1h10a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2V3a2 2 0 0 1 2-2zM5.4 4 4 5.4 6.6 8 4 10.6 5.4 12 8 9.4l2.6 2.6 1.4-1.4L9.4 8 12 5.4 10.6 4 8 6.6z"
            }
            Mark::Running => "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm0 2a5 5 0 0 0 0 10z",
            Mark::Waiting => "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
            Mark::Absent => "M7 7h2v2H7z",
        }
    }

    /// The shape alone, for where the word stands beside it or is told otherwise.
    pub(super) fn shape_svg(self) -> Markup {
        html! {
            svg class={ "m " (self.class()) } viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" {
                path fill-rule="evenodd" d=(self.shape()) {}
            }
        }
    }

    /// The shape with its word for those who do not see it.
    pub(super) fn sign(self) -> Markup {
        html! { span.sign title=(self.word()) { (self.shape_svg()) span.unseen { (self.word()) } } }
    }

    /// Shape and word.
    pub(super) fn badge(self) -> Markup {
        html! { span class={ "badge " (self.class()) } { (self.shape_svg()) " " (self.word()) } }
    }

    /// The shape as a whole picture: the icon of the browser's tab.
    pub(super) fn favicon(self) -> String {
        let (light, dark) = match self {
            Mark::Done(Outcome::Failed) => ("#b3261e", "#ff8a7d"),
            Mark::Done(Outcome::Warnings) => ("#8a5a00", "#e9b44c"),
            Mark::Done(Outcome::Exception) => ("#6f3fb5", "#c3a2f5"),
            Mark::Running => ("#0b5c8f", "#6cb8e6"),
            Mark::Done(Outcome::Passed) => ("#2b7046", "#7cc596"),
            _ => ("#5a6872", "#98a6b0"),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><style>path{{fill:{light}}}@media \
             (prefers-color-scheme:dark){{path{{fill:{dark}}}}}</style><path fill-rule=\"evenodd\" d=\"{}\"/></svg>",
            self.shape()
        )
    }

    /// The marks that have an icon of their own.
    pub(super) const ICONS: [Mark; 6] = [
        Mark::Done(Outcome::Passed),
        Mark::Done(Outcome::Warnings),
        Mark::Done(Outcome::Failed),
        Mark::Done(Outcome::Exception),
        Mark::Running,
        Mark::Absent,
    ];

    /// It is the code's or the machine's trouble.
    pub(super) fn is_bad(self) -> bool {
        matches!(self, Mark::Done(Outcome::Failed | Outcome::Exception))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_has_a_shape_and_a_word_of_its_own() {
        let mut shapes: Vec<_> = Results::ALL.iter().map(|r| Mark::from(*r).shape()).collect();
        let mut words: Vec<_> = Results::ALL.iter().map(|r| Mark::from(*r).word()).collect();
        shapes.sort_unstable();
        shapes.dedup();
        words.sort_unstable();
        words.dedup();
        assert_eq!((shapes.len(), words.len()), (7, 7));
    }

    #[test]
    fn a_sign_is_told_to_those_who_do_not_see_it() {
        let sign = Mark::from(Results::Failure).sign().into_string();
        assert!(sign.contains("aria-hidden=\"true\"") && sign.contains("<span class=\"unseen\">failed</span>"));
    }
}
