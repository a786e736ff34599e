//! Nft objects to the text that `nft -f` accepts and `nft list` shows. To be filled in.

use crate::nft::{Rule, Ruleset};
use crate::address::Family;

/// The whole ruleset as a script that replaces our tables: `table ip ferrule` and `table ip6 ferrule`.
pub fn render(_ruleset: &Ruleset) -> String {
    todo!()
}

/// One rule as one line, without its handle, with its comment (at most 125 bytes, cut at a character, free of `"`).
pub fn rule(_family: Family, _rule: &Rule) -> String {
    todo!()
}

/// The comment of a rule as the kernel stores it.
pub fn comment(_rule: &Rule) -> String {
    todo!()
}

/// A digest of everything a rule says, for recognising it in the kernel after a restart.
pub fn digest(_family: Family, _rule: &Rule) -> [u8; 8] {
    todo!()
}
