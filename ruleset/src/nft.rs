//! nftables objects as typed data, in the words of the nft manual page.
//!
//! A [`Ruleset`] is the whole of what Ferrule keeps in the kernel: the tables `ip ferrule` and `ip6 ferrule`. Its parts are immutable units behind `Arc`
//! in maps that share structure, so that comparing two versions costs what differs. Equality is complete: what is equal is the same in the kernel.

mod chain;
mod condition;
#[cfg(test)]
pub(crate) mod example;
mod rule;
mod set;
mod statement;

pub use chain::{BaseChain, Chain, ChainKind, Hook};
pub use condition::{AddressSide, CtState, InterfaceMatch, InterfaceSide, Match, Operator, PortSide};
pub use rule::{Rule, Verdict};
pub use set::{Element, Elements, Interval, MapKey, ProtocolPort, Set};
pub use statement::{FullyRandom, LimitSense, NatPorts, RateLimit, RateUnit, Reject, Statement};

use std::sync::Arc;

use imbl::OrdMap;

use crate::{
    address::{Family, PerFamily},
    name::{ChainName, SetName},
};

/// The name of our table in either family.
pub const TABLE: &str = "ferrule";

/// Everything that Ferrule keeps in nf_tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// `table ip ferrule` and `table ip6 ferrule`. Both always exist.
    pub tables: PerFamily<Table>,
}

impl Ruleset {
    /// The table of a family.
    pub fn table(&self, family: Family) -> &Table {
        self.tables.get(family)
    }
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its chains.
    pub chains: OrdMap<ChainName, Arc<Chain>>,
    /// Its named sets and verdict maps.
    pub sets: OrdMap<SetName, Arc<Set>>,
}
