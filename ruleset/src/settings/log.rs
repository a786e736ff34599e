//! How Log rules write.

use std::sync::Arc;

/// `logPrefix`: how a line begins. `%t` stands for the tier, `%k` for the kind, `%n` for the name, `%p` for namespace and name of the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogPrefix {
    /// The origin of the rule, as its comment has it.
    #[default]
    Origin,
    /// This text, with its placeholders filled in.
    Template(Arc<str>),
}

/// `logActionRateLimit` and `logActionRateLimitBurst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogRate {
    /// Lines per [`Self::per`], 1 to 9,999.
    pub lines: u16,
    /// The unit of time.
    pub per: RateUnit,
    /// Lines that may come at once before the rate counts, at least 1.
    pub burst: u32,
}

/// A unit of time of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateUnit {
    /// Second.
    Second,
    /// Minute.
    Minute,
    /// Hour.
    Hour,
    /// Day.
    Day,
}
