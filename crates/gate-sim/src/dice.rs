//! Chance with a seed.

/// A stream of numbers (splitmix64): the same seed throws the same on every machine.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of a seed and a name.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to 1, without 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this chance.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Time to the next of events that come at random, so many in a unit of time.
    pub fn wait(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }

    /// A normal number of mean 0 and deviation 1.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A number below `n`, the small ones much more often (Zipf with exponent 1).
    pub fn zipf(&mut self, n: usize) -> usize {
        let all: f64 = (1..=n).map(|i| 1.0 / i as f64).sum();
        let mut left = self.unit() * all;
        for i in 0..n {
            left -= 1.0 / (i + 1) as f64;
            if left < 0.0 {
                return i;
            }
        }
        n.saturating_sub(1)
    }
}

/// A number from 0 up to 1 that belongs to these words and to nothing else: what it decides is the same under every
/// policy.
pub fn fate(words: impl IntoIterator<Item = u64>) -> f64 {
    let mut dice = Dice::new(0x6a09_e667, 0);
    for word in words {
        dice = Dice::new(dice.next() ^ word, 1);
    }
    dice.unit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_means_that_they_should() {
        let mut dice = Dice::new(1, 2);
        let n = 20_000;
        let mean = |sum: f64| sum / f64::from(n);
        assert!((mean((0..n).map(|_| dice.unit()).sum()) - 0.5).abs() < 0.01);
        assert!((mean((0..n).map(|_| dice.wait(4.0)).sum()) - 0.25).abs() < 0.01);
        assert!(mean((0..n).map(|_| dice.normal()).sum()).abs() < 0.03);
        assert!((mean((0..n).map(|i| fate([7, i as u64])).sum()) - 0.5).abs() < 0.01);
        assert!((0..n).filter(|_| dice.zipf(8) == 0).count() > n as usize / 3);
        assert_eq!(fate([1, 2]).to_bits(), fate([1, 2]).to_bits());
    }
}
