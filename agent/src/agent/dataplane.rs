//! What the loop asks of a kernel.

use std::{future::Future, io, sync::Arc};

use ferrule_ruleset::{
    address::Family,
    diff::Transaction,
    name::{ChainName, SetName},
    nft::Ruleset,
    origin::Origin,
    tenancy::Tenancy,
};

/// A kernel that enforces rulesets.
pub trait Dataplane {
    /// Carries out a transaction, batch by batch; stops at the first batch that fails, of which nothing is carried out.
    fn commit(&mut self, transaction: Transaction) -> impl Future<Output = Result<(), CommitError>>;

    /// Reads back what the kernel holds of ours. What it cannot know by reading it recognises with the help of the desired ruleset. None: our tables hold
    /// something that cannot be accounted for, and are to be replaced as a whole.
    fn adopt(&mut self, desired: &Ruleset) -> impl Future<Output = io::Result<Option<Ruleset>>>;

    /// Whether a table of ours exists, whatever it holds.
    fn has_tables(&mut self) -> impl Future<Output = io::Result<bool>>;

    /// Who holds which address according to our tables, whoever wrote them, and whether or not they can be accounted for otherwise. `held` is what was
    /// recognised of them.
    fn tenancy(&mut self, held: Option<&Ruleset>) -> impl Future<Output = io::Result<Tenancy>>;

    /// Waits until somebody else has changed our tables, or may have. May be dropped while it waits.
    fn foreign_change(&mut self) -> impl Future<Output = io::Result<()>>;
}

/// Why a transaction was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The kernel does not hold what the transaction assumes.
    #[error("our tables are not as they were left: {0}")]
    Stale(String),
    /// The kernel refuses an object.
    #[error("the kernel refuses {culprit}: {reason}")]
    Refused {
        /// The object.
        culprit: Culprit,
        /// What the kernel says.
        reason: String,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// An object that the kernel refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Culprit {
    /// A rule, by its reason.
    Rule(Arc<Origin>),
    /// A set or its elements.
    Set(Family, SetName),
    /// A chain.
    Chain(Family, ChainName),
}

impl std::fmt::Display for Culprit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule(origin) => write!(f, "rule `{origin}`"),
            Self::Set(family, set) => write!(f, "set {family} {set}"),
            Self::Chain(family, chain) => write!(f, "chain {family} {chain}"),
        }
    }
}
