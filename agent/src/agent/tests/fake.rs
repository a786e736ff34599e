//! A kernel in memory that obeys the kernel's rules, as far as `Ruleset::apply` knows them, and fails on demand.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use ferrule_ruleset::{
    address::Family,
    diff::{Operation, RuleEdit, Transaction},
    nft::{Rule, Ruleset},
    origin::Origin,
    policy::PolicyKey,
    tenancy::Tenancy,
};
use tokio::sync::Notify;

use crate::agent::{CommitError, Culprit, Dataplane};

#[derive(Clone, Debug, Default)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    foreign: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    /// None: our tables do not exist.
    held: Option<Ruleset>,
    attempts: usize,
    commits: usize,
    adoptions: usize,
    refused: BTreeSet<String>,
    failures: VecDeque<CommitError>,
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn held(&self) -> Option<Ruleset> {
        self.state().held.clone()
    }

    pub fn hold(&self, ruleset: Option<Ruleset>) {
        self.state().held = ruleset;
    }

    /// How many transactions were tried.
    pub fn attempts(&self) -> usize {
        self.state().attempts
    }

    /// How many of them were carried out.
    pub fn commits(&self) -> usize {
        self.state().commits
    }

    pub fn adoptions(&self) -> usize {
        self.state().adoptions
    }

    /// Refuses the rules of these policies from now on.
    pub fn refuse(&self, policies: &[&str]) {
        self.state().refused = policies.iter().map(|name| (*name).to_owned()).collect();
    }

    /// Fails the next transactions in this way.
    pub fn fail_next(&self, failures: Vec<CommitError>) {
        self.state().failures = failures.into();
    }

    /// `nft flush ruleset`.
    pub fn flush(&self) {
        self.state().held = None;
        self.touch();
    }

    /// A foreign change that leaves everything as it was.
    pub fn touch(&self) {
        self.foreign.notify_one();
    }

    /// How many rules of a policy are in force, IPv4 and IPv6 counted once.
    pub fn rules_of(&self, policy: &PolicyKey) -> usize {
        let held = self.held().unwrap_or_default();
        let of_policy =
            |rule: &&Rule| matches!(&*rule.origin, Origin::Rule { policy: its, .. } if its == policy);
        held.table(Family::V4).chains.values().flat_map(|chain| &chain.rules).filter(of_policy).count()
    }
}

impl State {
    fn commit(&mut self, transaction: &Transaction) -> Result<(), CommitError> {
        self.attempts += 1;
        if let Some(failure) = self.failures.pop_front() {
            return Err(failure);
        }
        for batch in &transaction.batches {
            if let Some(origin) =
                batch.operations.iter().flat_map(new_rules).find_map(|rule| self.refusal(rule))
            {
                return Err(CommitError::Refused {
                    culprit: Culprit::Rule(origin),
                    reason: "EINVAL".to_owned(),
                });
            }
            let held = self.held.clone().unwrap_or_default();
            self.held = Some(held.apply(batch).map_err(|error| CommitError::Stale(error.to_string()))?);
        }
        self.commits += 1;
        Ok(())
    }

    fn refusal(&self, rule: &Rule) -> Option<Arc<Origin>> {
        let Origin::Rule { policy, .. } = &*rule.origin else { return None };
        self.refused.contains(&*policy.name).then(|| Arc::clone(&rule.origin))
    }
}

fn new_rules(operation: &Operation) -> Vec<&Rule> {
    if let Operation::AppendRules(_, chain) = operation {
        chain.rules.iter().collect()
    } else if let Operation::EditRules { edits, .. } = operation {
        edits.iter().filter_map(new_rule).collect()
    } else {
        Vec::new()
    }
}

fn new_rule(edit: &RuleEdit) -> Option<&Rule> {
    match edit {
        RuleEdit::Insert(_, rule) | RuleEdit::Replace(_, rule) => Some(rule),
        RuleEdit::Delete(_) => None,
    }
}

impl Dataplane for Fake {
    async fn has_tables(&mut self) -> io::Result<bool> {
        Ok(self.held().is_some())
    }

    async fn commit(&mut self, transaction: Transaction) -> Result<(), CommitError> {
        self.state().commit(&transaction)
    }

    async fn adopt(&mut self, _desired: &Ruleset) -> io::Result<Option<Ruleset>> {
        self.state().adoptions += 1;
        Ok(self.held())
    }

    async fn tenancy(&mut self, _held: Option<&Ruleset>) -> io::Result<Tenancy> {
        Ok(self.held().as_ref().map(Tenancy::of).unwrap_or_default())
    }

    async fn foreign_change(&mut self) -> io::Result<()> {
        self.foreign.notified().await;
        Ok(())
    }
}
