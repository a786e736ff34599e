//! Pauses after failures, of random length, so that the agents of a cluster do not come back all at once.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

const FLOOR: Duration = Duration::from_millis(100);
const CEILING: Duration = Duration::from_secs(30);

/// Pauses that grow from 100 ms to 30 s, each between half and all of its length.
#[derive(Debug)]
pub struct Pause {
    next: Duration,
    random: RandomState,
    drawn: u64,
}

impl Pause {
    /// The first pause is the shortest.
    pub fn new() -> Self {
        Self { next: FLOOR, random: RandomState::new(), drawn: 0 }
    }

    /// The pause after another failure.
    pub fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(CEILING);
        let half = u32::try_from(pause.as_millis() / 2).unwrap_or(u32::MAX);
        Duration::from_millis(u64::from(half) + u64::from(self.random(half.saturating_add(1))))
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.next = FLOOR;
    }

    /// A number below a bound, by chance.
    pub fn random(&mut self, bound: u32) -> u32 {
        self.drawn = self.drawn.wrapping_add(1);
        let drawn = self.random.hash_one(self.drawn) % u64::from(bound.max(1));
        u32::try_from(drawn).unwrap_or_default()
    }
}
