//! Whom a change can cut off.

use ferrule_ruleset::{
    diff::{Operation, Transaction},
    ir::NodePolicy,
    name::ChainName,
    nft::{Chain, Ruleset, Table},
};

/// Whose packets a change can stop that passed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// Those of workloads alone: the node, and so the agent's way to its source, is judged by nothing that changed.
    Workloads,
    /// Perhaps the node's own.
    Node,
}

impl Bearing {
    /// The bearing of a change of `before` into what a policy asks for. Only host endpoints judge what the node sends and receives; apart from
    /// them just the base chains do, through which all of its packets go. A node that has host endpoints is taken to depend on every change: the
    /// chain of a policy may serve both them and pods.
    pub(super) fn of(change: &Transaction, before: Option<&Ruleset>, policy: &NodePolicy) -> Self {
        let mut operations = change.batches.iter().flat_map(|batch| &batch.operations);
        if policy.host_endpoints.is_empty() && !operations.any(|operation| is_of_base(operation, before)) {
            Self::Workloads
        } else {
            Self::Node
        }
    }
}

/// Whether an operation concerns a base chain, or a table as a whole.
fn is_of_base(operation: &Operation, before: Option<&Ruleset>) -> bool {
    let known = |chain: &ChainName| -> Option<&Chain> {
        let table: &Table = before?.table(operation.family());
        table.chains.get(chain).map(AsRef::as_ref)
    };
    match operation {
        Operation::AddTable(_) | Operation::DeleteTable(_) => true,
        Operation::AddChain(_, chain) | Operation::AppendRules(_, chain) => chain.base.is_some(),
        Operation::DeleteChain(_, chain)
        | Operation::FlushChain(_, chain)
        | Operation::EditRules { chain, .. } => known(chain).is_none_or(|chain| chain.base.is_some()),
        Operation::AddSet(..)
        | Operation::DeleteSet(..)
        | Operation::AddElements(..)
        | Operation::DeleteElements(..) => false,
    }
}
