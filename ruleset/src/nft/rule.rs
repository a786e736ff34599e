//! Rules: statements in order, and the verdicts at their ends.

use std::{fmt, sync::Arc};

use crate::{name::ChainName, nft::statement::Statement, origin::Origin};

/// A rule: statements from left to right; the first match that fails ends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// What it does.
    pub statements: Vec<Statement>,
    /// Why it stands there. Its text is the rule's comment.
    pub origin: Arc<Origin>,
}

impl Rule {
    /// The verdict at its end, if it has one.
    pub fn verdict(&self) -> Option<&Verdict> {
        match self.statements.last() {
            Some(Statement::Verdict(verdict)) => Some(verdict),
            _ => None,
        }
    }

    /// Whether something in it may keep a packet from its end: a condition, or a limit.
    pub fn is_conditional(&self) -> bool {
        self.statements.iter().any(Statement::may_stop)
    }
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// `accept`.
    Accept,
    /// `drop`.
    Drop,
    /// `return`.
    Return,
    /// `jump`: come back after a `return` or the chain's end.
    Jump(ChainName),
    /// `goto`: do not come back.
    Goto(ChainName),
}

impl Verdict {
    /// The chain it leads to.
    pub fn chain(&self) -> Option<&ChainName> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Accept | Self::Drop | Self::Return => None,
        }
    }
}

impl fmt::Display for Verdict {
    /// As nft writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}
