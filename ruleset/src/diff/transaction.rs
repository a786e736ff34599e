//! What is sent to the kernel: ordered operations in atomic batches.

use std::sync::Arc;

use crate::{
    address::Family,
    name::{ChainName, SetName},
    nft::{Chain, Element, Rule, Set},
};

/// Batches to be committed one after the other. Deleting a set or chain that rules have just stopped using stands in a later batch than the change of
/// those rules, because a packet that is still on the old rules would look into a set of the new generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// In order; none is empty.
    pub batches: Vec<Batch>,
}

impl Transaction {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }
}

/// Operations that the kernel commits together or not at all. Both families may take part in one batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In order.
    pub operations: Vec<Operation>,
}

/// One change of one object. Objects travel as the shared units they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make sure that our table exists.
    AddTable(Family),
    /// Delete our table and all in it.
    DeleteTable(Family),
    /// Create a chain without its rules.
    AddChain(Family, Arc<Chain>),
    /// Delete an empty chain to which nothing refers.
    DeleteChain(Family, ChainName),
    /// Append all rules of the chain to it; it was empty before.
    AppendRules(Family, Arc<Chain>),
    /// Delete all rules of a chain.
    FlushChain(Family, ChainName),
    /// Change single rules of a chain, leaving the others and their counters alone.
    EditRules {
        /// The family.
        family: Family,
        /// The chain.
        chain: ChainName,
        /// How many rules it has before the edits.
        length: usize,
        /// The edits, in ascending order of place; places are those before any edit.
        edits: Vec<RuleEdit>,
    },
    /// Create a set or map without its elements.
    AddSet(Family, Arc<Set>),
    /// Delete a set or map to which nothing refers.
    DeleteSet(Family, SetName),
    /// Add elements; none of them is there yet. The set says of what type they are.
    AddElements(Family, Arc<Set>, Vec<Element>),
    /// Delete elements; all of them are there. The set says of what type they are.
    DeleteElements(Family, Arc<Set>, Vec<Element>),
}

impl Operation {
    /// The family whose table it changes.
    pub fn family(&self) -> Family {
        match self {
            Self::AddTable(family)
            | Self::DeleteTable(family)
            | Self::AddChain(family, _)
            | Self::DeleteChain(family, _)
            | Self::AppendRules(family, _)
            | Self::FlushChain(family, _)
            | Self::EditRules { family, .. }
            | Self::AddSet(family, _)
            | Self::DeleteSet(family, _)
            | Self::AddElements(family, ..)
            | Self::DeleteElements(family, ..) => *family,
        }
    }
}

/// A change of one rule of a chain. Places count from 0 in the chain as it was before the edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleEdit {
    /// Delete the rule at this place.
    Delete(usize),
    /// Put a rule before the one at this place; place = length appends.
    Insert(usize, Rule),
    /// Put another rule in place of this one, in one step.
    Replace(usize, Rule),
}
