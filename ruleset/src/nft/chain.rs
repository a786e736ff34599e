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

/// What makes a chain a base chain. The type is always `filter`, the policy always `accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseChain {
    /// The hook.
    pub hook: Hook,
    /// The priority.
    pub priority: i32,
}

/// A netfilter hook of the IP families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// To this node.
    Input,
    /// Through this node.
    Forward,
    /// From this node.
    Output,
}

impl Hook {
    /// `enum nf_inet_hooks`.
    pub fn number(self) -> u32 {
        match self {
            Self::Input => 1,
            Self::Forward => 2,
            Self::Output => 3,
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
        })
    }
}

impl Chain {
    /// The chains that this one may go to by a rule of its own (verdict maps not counted).
    pub fn targets(&self) -> impl Iterator<Item = &ChainName> {
        self.rules.iter().filter_map(|rule| rule.verdict().and_then(Verdict::chain))
    }
}
