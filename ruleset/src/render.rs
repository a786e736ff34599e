//! Nft objects to the text that `nft -f` accepts and `nft list` shows.
//!
//! * The text is for people and for `nft`, whose version 1.0.6 is the oldest that has to accept it. Nothing in Ferrule reads it back.
//! * What a rule means is exact in the text, also where `nft list` is not: it prints a negated compare of ICMP type and code as two negated compares,
//!   so the text looks both up as a concatenation.
//! * Some bytes cannot be written between the quotes of an nft string. They are replaced, so that a strange name never breaks the script around it.

mod digest;
mod keyword;
mod quoted;
mod statement;
mod table;

pub use digest::digest;

use crate::{
    address::Family,
    nft::{Rule, Ruleset, Set},
};

/// The whole ruleset as a script that replaces our tables: `table ip ferrule` and `table ip6 ferrule`.
pub fn render(ruleset: &Ruleset) -> String {
    Family::ALL.map(|family| table::Script { family, table: ruleset.table(family) }.to_string()).concat()
}

/// One rule as one line, without its handle, with its comment (at most 125 bytes, cut at a character, free of `"`).
pub fn rule(family: Family, rule: &Rule) -> String {
    format!("{} comment \"{}\"", statement::Line { family, rule }, comment(rule))
}

/// The comment of a rule as the kernel stores it.
pub fn comment(rule: &Rule) -> String {
    quoted::comment(&rule.origin.to_string())
}

/// The comment of a set as the kernel stores it.
pub fn set_comment(set: &Set) -> String {
    quoted::comment(&set.comment)
}

/// The prefix of a log statement as the kernel stores it: at most 127 bytes that nft can read again.
pub fn log_prefix(prefix: &str) -> String {
    quoted::log_prefix(prefix)
}

#[cfg(test)]
mod tests;
