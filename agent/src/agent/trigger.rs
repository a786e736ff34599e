//! Why a reconciliation takes place.

use std::{collections::BTreeSet, fmt};

/// The causes that have come together since the last reconciliation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    causes: BTreeSet<Cause>,
    events: usize,
}

/// One cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The first time.
    Start,
    /// Facts from the sources.
    Events,
    /// Somebody else changed our tables.
    ForeignChange,
    /// The last attempt failed, or a refused policy is due to be tried again.
    Retry,
    /// A change that cut the agent off is taken back, or made after all.
    Rollback,
}

impl Trigger {
    /// Adds a cause.
    pub fn add(&mut self, cause: Cause) {
        self.causes.insert(cause);
    }

    /// Adds facts.
    pub fn add_events(&mut self, count: usize) {
        self.events += count;
        self.add(Cause::Events);
    }

    /// Whether this is among the causes.
    pub fn is(&self, cause: Cause) -> bool {
        self.causes.contains(&cause)
    }

    /// Whether there is no cause.
    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }
}

impl fmt::Display for Trigger {
    /// `start, 7 events`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, cause) in self.causes.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            match cause {
                Cause::Start => f.write_str("start")?,
                Cause::Events => {
                    write!(f, "{} event{}", self.events, if self.events == 1 { "" } else { "s" })?
                }
                Cause::ForeignChange => f.write_str("foreign change")?,
                Cause::Retry => f.write_str("retry")?,
                Cause::Rollback => f.write_str("rollback")?,
            }
        }
        Ok(())
    }
}
