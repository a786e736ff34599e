//! Chains.

use std::fmt;

use crate::{
    name::ChainName,
    nft::rule::{Rule, Verdict},
};

/// A chain and its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name, unique in the table.
    pub name: ChainName,
    /// Where it is hooked in; none for a regular chain.
    pub base: Option<BaseChain>,
    /// Its rules in order.
    pub rules: Vec<Rule>,
}

/// What makes a chain a base chain. The policy is always `accept`. Several base chains may share a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseChain {
    /// The hook.
    pub hook: Hook,
    /// The priority: where it stands among all that is hooked in there, lowest first. Connection tracking is at -200; the kernel wants chains of kind
    /// `nat` above it.
    pub priority: i32,
    /// The kind.
    pub kind: ChainKind,
}

/// The type of a base chain (`enum nft_chain_types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainKind {
    /// `filter`: sees every packet.
    Filter,
    /// `nat`: sees the first packet of each flow, and translates addresses. At every hook but `forward`.
    Nat,
    /// `route`: like `filter`, and routes the packet again where it was changed. At `output` only.
    Route,
}

impl ChainKind {
    /// Whether the kernel has chains of this kind at a hook.
    pub fn is_at(self, hook: Hook) -> bool {
        match self {
            Self::Filter => true,
            Self::Nat => hook != Hook::Forward,
            Self::Route => hook == Hook::Output,
        }
    }
}

impl fmt::Display for ChainKind {
    /// As nft and the kernel write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::Nat => "nat",
            Self::Route => "route",
        })
    }
}

/// A netfilter hook of the IP families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Come in, not yet routed. There is no output device.
    Prerouting,
    /// To this node. There is no output device.
    Input,
    /// Through this node.
    Forward,
    /// From this node. There is no input device.
    Output,
    /// About to leave. What comes from this node has no input device.
    Postrouting,
}

impl Hook {
    /// All hooks, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    /// `enum nf_inet_hooks`.
    pub fn number(self) -> u32 {
        match self {
            Self::Prerouting => 0,
            Self::Input => 1,
            Self::Forward => 2,
            Self::Output => 3,
            Self::Postrouting => 4,
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        })
    }
}

impl Chain {
    /// The chains that this one may go to by a rule of its own (verdict maps not counted).
    pub fn targets(&self) -> impl Iterator<Item = &ChainName> {
        self.rules.iter().filter_map(|rule| rule.verdict().and_then(Verdict::chain))
    }
}
