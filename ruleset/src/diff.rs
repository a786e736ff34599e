//! Two rulesets to the [`Transaction`] that leads from one to the other.
//!
//! Law 3: `apply(diff(a, b), a) == b`; `diff(a, a)` is empty; no state in between admits a packet that both `a` and `b` deny. To be filled in.

mod transaction;

pub use transaction::{Batch, Operation, RuleEdit, Transaction};

use crate::nft::Ruleset;

/// What leads from `applied` to `desired`. `None`: nothing is known of the kernel; our tables are replaced as a whole, in one batch.
pub fn diff(_applied: Option<&Ruleset>, _desired: &Ruleset) -> Transaction {
    todo!()
}

/// Why a batch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operation {index}: {reason}")]
pub struct ApplyError {
    /// The operation, by its place in the batch.
    pub index: usize,
    /// What the kernel would say.
    pub reason: String,
}

impl Ruleset {
    /// The kernel's behaviour as a pure function: all of a batch or nothing. Refuses what the kernel refuses: adding what is there, deleting what is
    /// not there or still referred to, referring to what is not there, more elements than a set can hold, jump loops.
    pub fn apply(&self, _batch: &Batch) -> Result<Self, ApplyError> {
        todo!()
    }
}
