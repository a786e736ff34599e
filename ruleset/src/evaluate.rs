//! What a ruleset does with a packet: the kernel's evaluation as a pure function. To be filled in.

use std::sync::Arc;

use crate::{
    name::ChainName,
    nft::Ruleset,
    origin::Origin,
    packet::Packet,
};

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It goes on.
    Accepted,
    /// It is gone.
    Dropped,
}

/// The way of a packet through a ruleset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What became of it.
    pub outcome: Outcome,
    /// The rules that matched, in order; the last one decided, unless the base chain's policy did.
    pub path: Vec<Step>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The chain.
    pub chain: ChainName,
    /// The place of the rule in it.
    pub rule: usize,
    /// Why the rule stands there.
    pub origin: Arc<Origin>,
}

/// The way of a packet through the base chain of its hook.
pub fn evaluate(_ruleset: &Ruleset, _packet: &Packet) -> Trace {
    todo!()
}
