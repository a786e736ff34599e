//! Whether everything is known that restricts pods of namespaces which are not under deletion.
//!
//! A list says nothing of what was deleted before it, and the watch of namespaces may say that a namespace lives when the list of its policies was taken
//! after its end had begun. Only a question tells: what was not under deletion when it was asked, after all lists had ended, had its policies in them.

use std::collections::BTreeSet;

use ferrule_ruleset::convert::Followed;

/// How far the survey of namespaces is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Something was listed since, or is to be.
    #[default]
    Outdated,
    /// The survey of this number is under way.
    UnderWay(u64),
    /// It holds.
    Complete,
}

/// The lists of what restricts pods, and the survey of namespaces that follows them.
#[derive(Debug, Default)]
pub struct Survey {
    /// The kinds, by number, whose lists have not ended.
    unlisted: BTreeSet<usize>,
    stage: Stage,
    begun: u64,
}

impl Survey {
    /// Whether objects of a kind restrict pods of their namespace.
    pub fn concerns(kind: &Followed) -> bool {
        kind.apis.iter().any(|(_, name)| matches!(*name, "NetworkPolicy" | "NetworkSet" | "ServiceAccount"))
    }

    /// A kind is to be listed, as something may have been missed.
    pub fn note_unlisted(&mut self, kind: usize) {
        self.unlisted.insert(kind);
        self.stage = Stage::Outdated;
    }

    /// The list of a kind has ended.
    pub fn note_listed(&mut self, kind: usize) {
        self.unlisted.remove(&kind);
        self.stage = Stage::Outdated;
    }

    /// A kind is not there any more.
    pub fn note_absent(&mut self, kind: usize) {
        self.unlisted.remove(&kind);
    }

    /// The number of a survey that is to be begun now.
    pub fn begin(&mut self) -> Option<u64> {
        if self.stage != Stage::Outdated || !self.unlisted.is_empty() {
            return None;
        }
        self.begun += 1;
        self.stage = Stage::UnderWay(self.begun);
        Some(self.begun)
    }

    /// The survey of this number has ended. Whether it counts.
    pub fn end(&mut self, number: u64) -> bool {
        let is_current = self.stage == Stage::UnderWay(number);
        if is_current {
            self.stage = Stage::Complete;
        }
        is_current
    }

    /// Whether the survey of this number is still worth an answer.
    pub fn is_under_way(&self, number: u64) -> bool {
        self.stage == Stage::UnderWay(number)
    }

    /// Whether it holds.
    pub fn is_complete(&self) -> bool {
        self.stage == Stage::Complete
    }
}
