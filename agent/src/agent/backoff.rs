//! Waiting between attempts.

use std::time::Duration;

use tokio::time::Instant;

/// Pauses that double from a floor to a ceiling.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    floor: Duration,
    ceiling: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses between these bounds.
    pub fn new(floor: Duration, ceiling: Duration) -> Self {
        Self { floor, ceiling, next: floor }
    }

    /// The pause after another failure.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.ceiling);
        pause
    }

    /// After a success.
    pub fn reset(&mut self) {
        self.next = self.floor;
    }
}

/// An allowance that is spent one by one and restored at a steady rate.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    limit: u32,
    left: u32,
    refill: Duration,
    refilled_at: Instant,
}

impl Allowance {
    /// A full allowance; one is restored in every `refill`.
    pub fn new(limit: u32, refill: Duration, now: Instant) -> Self {
        Self { limit, left: limit, refill, refilled_at: now }
    }

    /// Spends one, if there is one.
    pub fn spend(&mut self, now: Instant) -> bool {
        let elapsed = now.duration_since(self.refilled_at);
        let restored = u32::try_from(elapsed.as_nanos() / self.refill.as_nanos().max(1)).unwrap_or(u32::MAX);
        if restored > 0 {
            self.left = self.left.saturating_add(restored).min(self.limit);
            self.refilled_at = now;
        }
        let available = self.left > 0;
        self.left = self.left.saturating_sub(1);
        available
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_ceiling_and_start_over_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let pauses: Vec<u128> = (0..4).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        backoff.reset();
        assert_eq!(backoff.pause().as_millis(), 100);
    }

    #[test]
    fn an_allowance_is_restored_with_time() {
        let start = Instant::now();
        let mut allowance = Allowance::new(2, Duration::from_secs(1), start);
        assert!(allowance.spend(start) && allowance.spend(start));
        assert!(!allowance.spend(start));
        assert!(allowance.spend(start + Duration::from_secs(1)));
        assert!(!allowance.spend(start + Duration::from_secs(1)));
    }
}
