//! Policies that the kernel refuses. A closed stand-in takes the place of each, so that it holds back nothing else.
//!
//! A policy leaves when it changes, and all leave from time to time to be tried again: what was refused for lack of room may fit later.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ferrule_ruleset::{address::Family, name::SetName, nft::Ruleset, policy::PolicyKey};
use tokio::time::Instant;

use super::{backoff::Backoff, dataplane::Culprit};

const FLOOR: Duration = Duration::from_secs(1);
const CEILING: Duration = Duration::from_secs(60);

/// The policies that are refused now.
#[derive(Debug)]
pub struct Quarantine {
    refused: BTreeMap<PolicyKey, String>,
    retry_at: Option<Instant>,
    backoff: Backoff,
}

impl Quarantine {
    /// Nothing is refused.
    pub fn new() -> Self {
        Self { refused: BTreeMap::new(), retry_at: None, backoff: Backoff::new(FLOOR, CEILING) }
    }

    /// The refused policies, each with what the kernel said.
    pub fn refused(&self) -> &BTreeMap<PolicyKey, String> {
        &self.refused
    }

    /// The refused policies as the compiler wants them.
    pub fn policies(&self) -> BTreeSet<PolicyKey> {
        self.refused.keys().cloned().collect()
    }

    /// When to try the refused ones again.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Takes in the policies that an object belongs to. False if that changes nothing, so that trying again is of no use.
    pub fn admit(&mut self, culprit: &Culprit, reason: &str, desired: &Ruleset) -> bool {
        let known = self.refused.len();
        for policy in policies_of(culprit, desired) {
            self.refused.entry(policy).or_insert_with(|| format!("{culprit}: {reason}"));
        }
        self.refused.len() > known
    }

    /// Lets a policy go that has changed.
    pub fn release(&mut self, policy: &PolicyKey) {
        self.refused.remove(policy);
    }

    /// Lets all go whose time has come. True if any went.
    pub fn release_due(&mut self, now: Instant) -> bool {
        let due = self.retry_at.is_some_and(|at| at <= now);
        if due {
            self.retry_at = None;
            self.refused.clear();
        }
        due
    }

    /// Everything but the refused policies is in the kernel now.
    pub fn settle(&mut self, now: Instant) {
        if self.refused.is_empty() {
            self.retry_at = None;
            self.backoff.reset();
        } else if self.retry_at.is_none() {
            self.retry_at = Some(now + self.backoff.pause());
        }
    }
}

fn policies_of(culprit: &Culprit, desired: &Ruleset) -> BTreeSet<PolicyKey> {
    match culprit {
        Culprit::Rule(origin) => origin.policy().cloned().into_iter().collect(),
        Culprit::Set(family, set) => users_of(*family, set, desired),
        Culprit::Chain(family, chain) => {
            let chain = desired.table(*family).chains.get(chain);
            chain
                .iter()
                .flat_map(|chain| &chain.rules)
                .filter_map(|rule| rule.origin.policy().cloned())
                .collect()
        }
    }
}

/// The policies whose rules look into a set.
fn users_of(family: Family, set: &SetName, desired: &Ruleset) -> BTreeSet<PolicyKey> {
    let rules = desired.table(family).chains.values().flat_map(|chain| &chain.rules);
    let users = rules.filter(|rule| rule.statements.iter().any(|statement| statement.set() == Some(set)));
    users.filter_map(|rule| rule.origin.policy().cloned()).collect()
}
