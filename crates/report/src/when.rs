//! Who wants to hear of which build.

use crate::story::{self, Story};
use model::{Builder, Occasions, Properties, ReportMode, Results};

/// Whether a target may want to hear of a build, as far as the build itself says. Cheap: asked at every build's end.
pub fn may_want(occasions: &Occasions, builder: &Builder, properties: &Properties, results: Results) -> bool {
    let Occasions { modes, builders, tags, branches, schedulers } = occasions;
    let branch = story::text(properties, "branch");
    let branch = (!branch.is_empty()).then_some(branch);
    modes.iter().any(|mode| mode.may_mean(results))
        && (builders.is_empty() || builders.contains(&builder.name))
        && (tags.is_empty() || tags.iter().any(|tag| builder.tags.contains(tag)))
        && (branches.is_empty() || branches.iter().any(|b| b.as_deref() == branch))
        && (schedulers.is_empty() || schedulers.iter().any(|s| s == story::text(properties, "scheduler")))
}

/// What a message of a build is about, if the target wants to hear of it: of the build, or only of the problem that
/// began with it. Builds that end in another order than they began name the same problem.
pub fn wants(occasions: &Occasions, story: &Story) -> Option<String> {
    let results = story.results;
    if !may_want(occasions, &story.builder, &story.build.properties, results) {
        return None;
    }
    let before = story.history.before.map(|b| b.results);
    let failed = results == Results::Failure;
    let meant = |mode: &ReportMode| match mode {
        ReportMode::Change => before.is_some_and(|b| b != results) && mode.may_mean(results),
        ReportMode::Problem => failed && before != Some(Results::Failure),
        other => other.may_mean(results),
    };
    let mut meant = occasions.modes.iter().filter(|mode| meant(mode)).peekable();
    meant.peek()?;
    let only_news = meant.all(|mode| matches!(mode, ReportMode::Change | ReportMode::Problem));
    Some(match only_news && failed {
        true => {
            let (builder, branch) = (story.builder.id, story.branch());
            let good = story.history.last_good.map_or(0, |good| good.number);
            format!("problem of builder {builder} after build {good} of branch {branch}")
        }
        false => format!("build {}", story.build.id),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::tests::{earlier, story};
    use ReportMode::{Cancelled as C, Change, Exception as E, Failing, Passing, Problem, Warnings};
    use Results::{Cancelled, Exception, Failure, Retry, Success};

    fn occasions(modes: &[ReportMode]) -> Occasions {
        Occasions { modes: modes.iter().copied().collect(), ..Occasions::default() }
    }

    #[test]
    fn the_table_of_modes() {
        let all = [Change, Failing, Passing, Problem, Warnings, E, C];
        // What the earlier builds gave, the newest first; the result; what wants to hear of it.
        let cases: [(&[Results], Results, &[ReportMode]); 14] = [
            (&[], Success, &[Passing]),
            (&[], Failure, &[Failing, Problem]),
            (&[Success], Success, &[Passing]),
            (&[Success], Failure, &[Change, Failing, Problem]),
            (&[Failure], Failure, &[Failing]),
            (&[Failure], Success, &[Change, Passing]),
            (&[Success], Results::Warnings, &[Change, Warnings]),
            (&[Results::Warnings], Failure, &[Change, Failing, Problem]),
            // Red, then an exception, then red again is nothing new.
            (&[Exception, Failure, Success], Failure, &[Failing]),
            (&[Cancelled, Retry, Success], Failure, &[Change, Failing, Problem]),
            (&[Failure], Exception, &[E]),
            (&[Success], Cancelled, &[C]),
            (&[Success], Retry, &[]),
            (&[Failure], Results::Skipped, &[]),
        ];
        for (before, results, expected) in cases {
            let story = story(results, before);
            let wanting: Vec<_> = all.into_iter().filter(|m| wants(&occasions(&[*m]), &story).is_some()).collect();
            assert_eq!(wanting, expected, "{before:?} {results:?}");
        }
    }

    #[test]
    fn builds_of_one_problem_are_about_the_same() {
        let modes = occasions(&[Problem, Passing]);
        let first = story(Failure, &[Success]);
        let mut second = story(Failure, &[]);
        // It began later and ended before the first one did, so that one is not there yet.
        second.build.id = model::BuildId(18);
        second.history = crate::History::of([earlier(16, Success)]);
        assert_eq!(wants(&modes, &first), wants(&modes, &second));
        assert_ne!(wants(&occasions(&[Failing]), &first), wants(&occasions(&[Failing]), &second));
        assert_ne!(wants(&modes, &first), wants(&modes, &story(Success, &[Failure])));
    }

    #[test]
    fn the_rest_of_the_conditions() {
        let base = occasions(&[Failing]);
        let s = |v: &[&str]| v.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let cases = [
            (base.clone(), true),
            (Occasions { builders: s(&["linux"]), ..base.clone() }, true),
            (Occasions { builders: s(&["mac"]), ..base.clone() }, false),
            (Occasions { tags: s(&["slow", "main"]), ..base.clone() }, true),
            (Occasions { tags: s(&["slow"]), ..base.clone() }, false),
            (Occasions { branches: vec![Some("develop".to_owned())], ..base.clone() }, true),
            (Occasions { branches: vec![None], ..base.clone() }, false),
            (Occasions { schedulers: s(&["quick"]), ..base.clone() }, true),
            (Occasions { schedulers: s(&["full"]), ..base }, false),
        ];
        for (occasions, wanted) in cases {
            assert_eq!(wants(&occasions, &story(Failure, &[])).is_some(), wanted, "{occasions:?}");
        }
    }
}
