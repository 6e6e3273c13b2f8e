//! Chance that can be drawn again: numbers from a seed, and how many runs somebody asked for.

use chrono::TimeDelta;
use std::ops::Range;

/// Steele, Lea, Flood 2014.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    pub fn days(&mut self, from: i64, to: i64) -> TimeDelta {
        TimeDelta::days(from + i64::try_from(self.below(u64::try_from(to - from).unwrap())).unwrap())
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(u64::try_from(all.len()).unwrap())).unwrap()]
    }
}

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    given(name).map(|text| parsed(name, &text))
}

/// The numbers that `RECTIFY_TEST_SEEDS` gives, or so many: `100` are the first hundred, `100..200` the next.
pub fn seeds(count: u64) -> Range<u64> {
    const NAME: &str = "RECTIFY_TEST_SEEDS";
    let Some(text) = given(NAME) else { return 0..count };
    let (from, to) = text.split_once("..").unwrap_or(("0", &text));
    parsed(NAME, from)..parsed(NAME, to)
}

fn parsed(name: &str, text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text:?}"))
}

fn given(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}
