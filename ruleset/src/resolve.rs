//! Store to [`NodePolicy`]: which endpoints are here, which policies govern them, and who their peers are.
//!
//! The only incremental stage that keeps an index by hand. Law 1: after any sequence of events, the result equals that of a new [`Resolver`] which was
//! told the final state only. To be filled in.

use crate::{event::Event, ir::NodePolicy, links::InterfacePrefix, name::NodeName};

/// The incremental resolver of one node.
#[derive(Debug)]
pub struct Resolver {}

impl Resolver {
    /// A resolver that knows nothing yet. `prefixes` are those of workload interfaces, at least one.
    pub fn new(_node: NodeName, _prefixes: Vec<InterfacePrefix>) -> Self {
        todo!()
    }

    /// Takes in a fact. Cheap: cost depends on what the fact concerns.
    pub fn apply(&mut self, _event: Event) {
        todo!()
    }

    /// The policy of the node after all events so far. Shares every unit that did not change with the previous result.
    pub fn resolve(&mut self) -> NodePolicy {
        todo!()
    }
}
