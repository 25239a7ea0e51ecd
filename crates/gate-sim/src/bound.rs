//! What no policy can do better: the bounds that forbid a claim where it fails.

/// The chance that the `slots` likeliest guesses of how `unknown` candidates end have the true one among them.
pub fn guessed(good: f64, unknown: usize, slots: usize) -> f64 {
    let (mut left, mut sum, mut ways) = (slots as f64, 0.0, 1.0_f64);
    for bad in 0..=unknown {
        let taken = ways.min(left);
        sum += taken * good.powi((unknown - bad) as i32) * (1.0 - good).powi(bad as i32);
        left -= taken;
        ways *= (unknown - bad) as f64 / (bad + 1) as f64;
        if left <= 0.0 {
            break;
        }
    }
    sum
}

/// Why a P95 of 1.5 trial lengths is out of reach for anybody who does not know the ends beforehand, if it is.
///
/// To land within 1.5 lengths, a candidate's trial must begin within half a length. What landed by its end and came in
/// the half length before has no result yet by then, whoever tested it: so the trial's tree is a guess of how those
/// half a load of candidates end, and there are only as many guesses as slots.
pub fn sojourn(good: f64, load: f64, slots: usize) -> Option<String> {
    let unknown = (load / 2.0).round() as usize;
    let right = guessed(good, unknown, slots);
    (right < 0.95)
        .then(|| format!("{slots} guesses of {unknown} unknown ends are right in {:.0} % (section 5.6)", 100.0 * right))
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
    fn guesses_are_counted() {
        assert!((guessed(0.8, 0, 1) - 1.0).abs() < 1e-12);
        assert!((guessed(0.8, 2, 1) - 0.64).abs() < 1e-12);
        assert!((guessed(0.8, 2, 3) - 0.96).abs() < 1e-12);
        assert!((guessed(0.8, 2, 64) - 1.0).abs() < 1e-12);
        assert!(sojourn(0.8, 20.0, 4).is_some() && sojourn(0.99, 2.0, 4).is_none());
        assert!((entropy(0.8) - 0.722).abs() < 0.001);
    }
}
