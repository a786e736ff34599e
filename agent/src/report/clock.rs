//! The time of day of what was noted by a clock that only runs.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
    jiff::{SignedDuration, Timestamp},
};
use tokio::time::Instant;

/// By how much the two clocks may drift apart before they are compared anew. Below it, an instant is always shown as the same time of day, so that nothing
/// seems to have changed.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

/// An instant and the time of day that it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    instant: Instant,
    time: Timestamp,
}

impl Clock {
    /// Compares the clocks.
    pub fn new(now: Instant) -> Self {
        Self { instant: now, time: Timestamp::now() }
    }

    /// Compares them anew if they have drifted apart, as when the machine slept or its clock was set.
    pub fn adjust(&mut self, now: Instant) {
        let actual = Timestamp::now();
        if self.timestamp(now).duration_since(actual).abs() > TOLERANCE {
            *self = Self { instant: now, time: actual };
        }
    }

    /// The time of day at an instant, to the second.
    pub fn time(&self, instant: Instant) -> Time {
        let seconds = self.timestamp(instant).as_second();
        Time(Timestamp::from_second(seconds).unwrap_or_default())
    }

    /// The same to the microsecond.
    pub fn micro_time(&self, instant: Instant) -> MicroTime {
        MicroTime(self.timestamp(instant))
    }

    fn timestamp(&self, instant: Instant) -> Timestamp {
        let since = SignedDuration::try_from(instant.saturating_duration_since(self.instant));
        let before = SignedDuration::try_from(self.instant.saturating_duration_since(instant));
        let offset = since.unwrap_or_default() - before.unwrap_or_default();
        self.time.checked_add(offset).unwrap_or(self.time)
    }
}
