//! What no policy can do better: the bounds that forbid a claim where it fails.

/// The greatest share of landings that can come within so many lengths of a trial (between 1 and 2), for anybody who
/// does not know the ends beforehand, where everything meets everything.
///
/// To land within `within`, a candidate's trial begins within `within - 1` of its arrival. So at any moment the trials
/// of all who came in a window of `2 - within`, which ended `within - 1` ago, run, and none of them has a result yet.
/// What lands of them lands as trees of which each contains those before: on time are at most as many as are in the
/// largest of the running trees that has nobody bad in it, and there are only as many trees as slots: at most `slots * C(n - m, g - m)` of the ends with `g` good among `n` have a tree of `m`.
pub fn timely(good: f64, load: f64, slots: usize, within: f64) -> f64 {
    let mean = load * (2.0 - within).clamp(0.0, 1.0);
    let (mut weight, mut on_time, mut all) = ((-mean).exp(), 0.0, 0.0);
    for n in 1..=(mean + 8.0 * mean.sqrt() + 8.0) as u32 {
        weight *= mean / f64::from(n);
        all += weight * good * f64::from(n);
        on_time += weight * (1..=n).map(|m| reached(good, n, m, slots as f64)).sum::<f64>();
    }
    if all <= 0.0 { 1.0 } else { (on_time / all).min(1.0) }
}

/// At most the chance that one of `slots` trees of at least `m` of `n` candidates has nobody bad in it.
fn reached(good: f64, n: u32, m: u32, slots: f64) -> f64 {
    let ends = |g: u32| good.powi(g as i32) * (1.0 - good).powi((n - g) as i32);
    (m..=n).map(|g| ways(n, g).min(slots * ways(n - m, g - m)) * ends(g)).sum()
}

fn ways(n: u32, k: u32) -> f64 {
    (0..k).fold(1.0, |ways, i| ways * f64::from(n - i) / f64::from(i + 1))
}

/// Bits that one candidate's end is worth: so many green-or-red trials it takes at least.
pub fn entropy(good: f64) -> f64 {
    let part = |p: f64| if p <= 0.0 { 0.0 } else { -p * p.log2() };
    part(good) + part(1.0 - good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_on_time_more_often_than_trees_allow() {
        // Two candidates and one tree: all of it in .64 and the first at best in .8, so at most 1.44 of 1.6 on average.
        assert!((reached(0.8, 2, 2, 1.0) - 0.64).abs() < 1e-12);
        assert!((reached(0.8, 2, 1, 1.0) - 0.8).abs() < 1e-12);
        assert!((reached(0.8, 2, 1, 3.0) - 0.96).abs() < 1e-12);
        assert!((timely(1.0, 20.0, 1, 1.5) - 1.0).abs() < 1e-9);
        assert!((timely(0.8, 20.0, 4, 2.0) - 1.0).abs() < 1e-9);
        assert!(timely(0.8, 20.0, 16, 1.5) < 0.95 && timely(0.8, 1.0, 16, 1.5) > 0.999);
        assert!(timely(0.8, 20.0, 16, 1.5) < timely(0.8, 20.0, 64, 1.5));
        assert!((entropy(0.8) - 0.722).abs() < 0.001);
    }
}
