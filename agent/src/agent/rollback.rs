//! The way back from a change that cuts the agent off from its source.
//!
//! ```text
//!            commit, source reachable before            no answer for `after`
//! Settled ──────────────────────────────────→ Trial ───────────────────────────→ Back (the last ruleset that worked is in force)
//!    ↑  ↑               answer                  │                                  │ │
//!    │  └───────────────────────────────────────┘        sources say otherwise    │ │ no answer for `after` either
//!    ├─────────────────────────────────────────────────────────────────────────────┘ │ (the change was not to blame)
//!    └───────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! * A change is on trial only if the source answered before it, and, unless the source was named for this very purpose, if it bears on the node's own
//!   packets: an API server that fails just when a pod comes must not undo what was asked for the pod. An answer counts for what was in force when it was asked for, but for changes without such a bearing.
//! * What was rejected stays out until the sources want something else. After further rejections in a row that has to wait, so that
//!   a node with busy pods is not cut off again and again.
//! * There is a way back only to a ruleset that is known as a whole: neither to nothing, which would be open, nor to what an earlier agent left behind
//!   and this one recognised in part. Then the cut is reported and nothing else.
//!
//! Pure: the time and every answer come from outside.

use std::time::Duration;

use ferrule_ruleset::{
    address::Family,
    diff::{Operation, Transaction, diff},
    nft::Ruleset,
};
use tokio::time::Instant;

use super::{backoff::Backoff, bearing::Bearing};

/// How long another change waits after the second rejection in a row, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));
/// How many objects of a change are named.
const NAMED: usize = 5;

/// Whether the source answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was asked.
    pub began: Instant,
    /// Whether it answered.
    pub reachable: bool,
}

/// Which changes are on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them: somebody named addresses that must stay in reach, and the way to them may lead through a pod.
    EveryChange,
    /// Those that bear on the node's own packets.
    NodeChanges,
}

/// The state of the way back.
#[derive(Debug)]
pub struct Rollback {
    after: Duration,
    scope: Scope,
    /// The last sighting.
    seen: Option<Sighting>,
    /// What is in force, and since when, changes apart that bear on workloads alone.
    current: Option<(Ruleset, Instant)>,
    /// The last ruleset with which the source answered.
    proven: Option<Ruleset>,
    stage: Stage,
    backoff: Option<Backoff>,
}

#[derive(Debug)]
enum Stage {
    Settled,
    Trial {
        since: Instant,
        change: String,
    },
    Back {
        cut: Cut,
        rejected: Ruleset,
        retry_at: Instant,
        wanted_otherwise: bool,
        /// When the kernel had the last ruleset that worked. What was asked before that was asked under the rejected one.
        in_force_since: Option<Instant>,
    },
    Stranded(Cut),
}

/// A change that cut the agent off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What was changed.
    pub change: String,
    /// When the change was found to be at fault.
    pub since: Instant,
    /// What came of it.
    pub remedy: Remedy,
}

/// What came of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The last ruleset that worked is in force.
    PutBack,
    /// There is none.
    NothingToPutBack,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// What was changed, as [`describe`] has it.
    pub names: String,
    /// Whom it can cut off.
    pub bearing: Bearing,
}

/// A step that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The change is rejected; the last ruleset that worked is to be put back, if there is one.
    Reject(Cut),
    /// The source does not answer without the change either, which is to be made after all.
    Absolve,
    /// The pause after a rejection is over, and the sources want something else.
    TryAgain,
}

impl Rollback {
    /// Nothing has happened yet. A change of this scope is rejected after so long without an answer.
    pub fn new(after: Duration, scope: Scope) -> Self {
        Self { after, scope, seen: None, current: None, proven: None, stage: Stage::Settled, backoff: None }
    }

    /// Whether it is known if the source answers. Before that, no change could be put on trial.
    pub fn is_ready(&self) -> bool {
        self.seen.is_some()
    }

    /// Whether an answer is waited for.
    pub fn is_urgent(&self) -> bool {
        match self.stage {
            Stage::Settled => false,
            Stage::Trial { .. } | Stage::Back { .. } | Stage::Stranded(_) => !self.answers(),
        }
    }

    /// The change that is held back or at fault now.
    pub fn cut(&self) -> Option<&Cut> {
        match &self.stage {
            Stage::Settled | Stage::Trial { .. } => None,
            Stage::Back { cut, .. } | Stage::Stranded(cut) => Some(cut),
        }
    }

    /// What is to be in force in the place of what is desired; none if that is to be tried.
    pub fn hold(&mut self, desired: &Ruleset, now: Instant) -> Option<Ruleset> {
        let Stage::Back { rejected, retry_at, wanted_otherwise, .. } = &mut self.stage else { return None };
        let otherwise = !diff(Some(rejected), desired).is_empty();
        *wanted_otherwise = otherwise;
        if otherwise && *retry_at <= now {
            self.stage = Stage::Settled;
            return None;
        }
        self.proven.clone()
    }

    /// A change was made.
    pub fn note_commit(&mut self, before: Option<&Ruleset>, after: &Ruleset, made: Made, now: Instant) {
        let answered = self.answers();
        let bearing = match self.scope {
            Scope::EveryChange => Bearing::Node,
            Scope::NodeChanges => made.bearing,
        };
        let since = self.current.as_ref().map_or(now, |(_, since)| *since);
        self.current = Some((after.clone(), if bearing == Bearing::Node { now } else { since }));
        match &mut self.stage {
            Stage::Back { in_force_since, .. } => {
                in_force_since.get_or_insert(now);
            }
            Stage::Settled | Stage::Trial { .. } | Stage::Stranded(_) if bearing == Bearing::Workloads => {}
            Stage::Trial { change, .. } => *change = format!("{change}; then {}", made.names),
            Stage::Settled | Stage::Stranded(_) if answered => {
                self.proven = before.filter(|before| is_whole(before)).cloned().or(self.proven.take());
                self.stage = Stage::Trial { since: now, change: made.names };
            }
            Stage::Settled | Stage::Stranded(_) => {}
        }
    }

    /// The source was looked for.
    pub fn note_sighting(&mut self, sighting: Sighting) {
        self.seen = Some(sighting);
        if !self.answers() {
            return;
        }
        if let Some((current, _)) = &self.current {
            self.proven = Some(current.clone());
        }
        match self.stage {
            Stage::Trial { .. } => {
                self.stage = Stage::Settled;
                self.backoff = None;
            }
            Stage::Stranded(_) => self.stage = Stage::Settled,
            Stage::Settled | Stage::Back { .. } => {}
        }
    }

    /// When a step may be due.
    pub fn alarm(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Trial { since, .. } if self.is_missed_since(*since) => Some(*since + self.after),
            Stage::Back { in_force_since: Some(since), .. } if self.is_missed_since(*since) => {
                Some(*since + self.after)
            }
            Stage::Back { retry_at, wanted_otherwise: true, .. } => Some(*retry_at),
            Stage::Settled | Stage::Trial { .. } | Stage::Back { .. } | Stage::Stranded(_) => None,
        }
    }

    /// The step that is due, which is thereby taken.
    pub fn advance(&mut self, now: Instant) -> Option<Step> {
        if self.alarm().is_none_or(|at| at > now) {
            return None;
        }
        match std::mem::replace(&mut self.stage, Stage::Settled) {
            Stage::Trial { change, .. } => Some(Step::Reject(self.reject(change, now))),
            Stage::Back { in_force_since: Some(since), .. } if self.is_missed_since(since) => {
                Some(Step::Absolve)
            }
            stage @ (Stage::Back { .. } | Stage::Settled | Stage::Stranded(_)) => {
                self.stage = stage;
                Some(Step::TryAgain)
            }
        }
    }

    fn reject(&mut self, change: String, now: Instant) -> Cut {
        let cut = |remedy| Cut { change, since: now, remedy };
        match (&self.current, &self.proven) {
            (Some((rejected, _)), Some(_)) => {
                let pause = match &mut self.backoff {
                    Some(backoff) => backoff.pause(),
                    None => {
                        self.backoff = Some(Backoff::new(PAUSES.0, PAUSES.1));
                        Duration::ZERO
                    }
                };
                let cut = cut(Remedy::PutBack);
                self.stage = Stage::Back {
                    cut: cut.clone(),
                    rejected: rejected.clone(),
                    retry_at: now + pause,
                    wanted_otherwise: false,
                    in_force_since: None,
                };
                cut
            }
            (_, None) | (None, _) => {
                let cut = cut(Remedy::NothingToPutBack);
                self.stage = Stage::Stranded(cut.clone());
                cut
            }
        }
    }

    /// Whether the source answered what is in force now.
    fn answers(&self) -> bool {
        let since = self.current.as_ref().map(|(_, since)| *since);
        self.seen.is_some_and(|seen| seen.reachable && since.is_none_or(|since| seen.began >= since))
    }

    /// Whether the source was looked for since then, and the last time in vain.
    fn is_missed_since(&self, since: Instant) -> bool {
        self.seen.is_some_and(|seen| !seen.reachable && seen.began >= since)
    }
}

/// Whether every rule is known by what it does.
fn is_whole(ruleset: &Ruleset) -> bool {
    let chains = Family::ALL.into_iter().flat_map(|family| ruleset.table(family).chains.values());
    chains.flat_map(|chain| &chain.rules).all(|rule| !rule.statements.is_empty())
}

/// The chains and sets that a transaction changes, by name. Those of policies bear the policy's.
pub(super) fn describe(transaction: &Transaction) -> String {
    let mut names: Vec<&str> = Vec::new();
    for operation in transaction.batches.iter().flat_map(|batch| &batch.operations) {
        let name = match operation {
            Operation::AddTable(_) | Operation::DeleteTable(_) => continue,
            Operation::AddChain(_, chain) | Operation::AppendRules(_, chain) => chain.name.as_str(),
            Operation::DeleteChain(_, chain)
            | Operation::FlushChain(_, chain)
            | Operation::EditRules { chain, .. } => chain.as_str(),
            Operation::AddSet(_, set)
            | Operation::AddElements(_, set, _)
            | Operation::DeleteElements(_, set, _) => set.name.as_str(),
            Operation::DeleteSet(_, set) => set.as_str(),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names} and {more} more") }
}

#[cfg(test)]
mod tests {
    use ferrule_ruleset::{
        compile::{Options, compile},
        ir::NodePolicy,
    };

    use super::*;

    /// A change of the node's own rules.
    fn made(names: &str) -> Made {
        Made { names: names.to_owned(), bearing: Bearing::Node }
    }

    /// The source is asked all the time, also between the decision to put back what worked and the commit of it.
    #[test]
    fn a_question_from_before_the_way_back_was_taken_absolves_nobody() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let asked = |milliseconds, reachable| Sighting { began: at(milliseconds), reachable };
        let (worked, cut) = (Ruleset::default(), compile(&NodePolicy::default(), &Options::default()));
        let mut rollback = Rollback::new(Duration::from_secs(1), Scope::NodeChanges);
        rollback.note_sighting(asked(0, true));
        rollback.note_commit(None, &worked, made(""), at(10));
        rollback.note_sighting(asked(20, true));
        rollback.note_commit(Some(&worked), &cut, made("cut"), at(30));
        rollback.note_sighting(asked(40, false));
        assert!(matches!(rollback.advance(at(1030)), Some(Step::Reject(_))));

        rollback.note_sighting(asked(1040, false));
        assert_eq!(rollback.advance(at(5000)), None, "nothing has been put back yet");
        rollback.note_commit(Some(&cut), &worked, made(""), at(5010));
        assert_eq!(rollback.advance(at(6020)), None, "nobody has asked since");
        rollback.note_sighting(asked(6030, false));
        assert_eq!(rollback.advance(at(6040)), Some(Step::Absolve));
    }
}
