//! Numbers that look random and follow from a seed.

/// `SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>.
#[derive(Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// For one of the cases of a seed, whatever the others are.
    pub(super) fn of(seed: u64, number: usize) -> Self {
        let mut chance = Self(seed);
        let start = chance.next() ^ u64::try_from(number).expect("is small");
        Self(start)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`; 0 if that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 11).expect("has 64 bits") % end.max(1)
    }

    /// True once in `times`.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
