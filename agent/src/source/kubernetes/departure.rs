//! Objects of namespaces under deletion: the pods of such a namespace live on for a while after its policies are gone (CVE-2024-7598).
//!
//! Invariant: the deletion of an object that restricts pods of its namespace is passed on only when an answer of the API server, asked for after the
//! deletion was heard of, says that the namespace is not under deletion, or is gone and none of its pods is known any more. Kinds are watched apart from
//! each other, so that no order of what they say proves either.
//!
//! What is withheld is lost when the agent starts anew, and what was deleted while nobody watched is in no list. Therefore a namespace gets a stand-in
//! that closes its pods, which is withheld like the rest, if it is under deletion when it is first seen, or if nobody has said that it was not when all
//! was known that restricts its pods (see [`Survey`]).
//!
//! Pure: answers come from outside, and so does the time before which a question is not to be asked.

mod survey;

use std::collections::BTreeMap;

use ferrule_ruleset::{
    convert::{departing_namespace, departing_namespace_key},
    event::Event,
    name::NamespaceName,
    resource::{Resource, ResourceKey},
};
use tokio::time::Instant;

pub use survey::Survey;

/// Whether a namespace is under deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It is not.
    Active,
    /// It is.
    Terminating,
}

/// What the API server says of a namespace when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there.
    There(Life),
    /// It is not there.
    Gone,
    /// Nothing that is of use.
    Failed,
}

/// Whether an object's deletion can open something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// It cannot: a pod without an object is no pod.
    None,
    /// Only in odd policies. It is withheld in a namespace that is known to be under deletion, but never asked about, as such objects come and go.
    Little,
    /// It can.
    Full,
}

impl Weight {
    fn of(key: &ResourceKey) -> Self {
        match key {
            ResourceKey::Policy(_) | ResourceKey::NetworkSet(_) | ResourceKey::ServiceAccount(_) => {
                Self::Full
            }
            ResourceKey::Service(_) | ResourceKey::EndpointSlice(_) => Self::Little,
            ResourceKey::Pod(_)
            | ResourceKey::Namespace(_)
            | ResourceKey::Node(_)
            | ResourceKey::Tier(_)
            | ResourceKey::HostEndpoint(_)
            | ResourceKey::IpPool(_)
            | ResourceKey::ServiceRanges(_)
            | ResourceKey::Configuration(_) => Self::None,
        }
    }
}

/// The question about a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// Nothing is to be asked until something happens.
    Idle,
    /// It is to be asked, from then on.
    Due(Instant),
    /// It has been asked in the round of this number.
    UnderWay(u64),
    /// It has been asked in the round of this number, and something happened since that makes it worth while to ask again from then on.
    UnderWayAgain(u64, Instant),
    /// It is to be asked after a while.
    Later,
}

/// Deletions in a namespace that are not passed on.
#[derive(Clone, Debug)]
struct Withheld {
    /// Each with the number of the last round of questions that had begun before it: only later ones cover it.
    keys: BTreeMap<ResourceKey, u64>,
    question: Question,
}

/// Questions that are asked together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Tells it from others: answers may come in another order than they were asked for.
    pub number: u64,
    /// The namespaces to ask about.
    pub namespaces: Vec<NamespaceName>,
}

/// Namespaces and what is withheld in them.
#[derive(Debug, Default)]
pub struct Departures {
    /// Whether everything is known that restricts pods.
    pub survey: Survey,
    namespaces: BTreeMap<NamespaceName, (Box<str>, Life)>,
    withheld: BTreeMap<NamespaceName, Withheld>,
    /// Rounds of questions that have begun.
    rounds: u64,
}

impl Departures {
    /// The namespace is there. The event is a stand-in where policies of it may be gone unseen. Questions that arise wait until this time.
    pub fn note_namespace(
        &mut self,
        name: &NamespaceName,
        uid: &str,
        life: Life,
        ask_at: Instant,
    ) -> Option<Event> {
        let earlier = self.namespaces.insert(name.clone(), (uid.into(), life));
        let is_new = earlier.as_ref().is_none_or(|(known, _)| **known != *uid);
        match life {
            Life::Active => {
                if is_new {
                    self.wake(name, ask_at);
                }
                None
            }
            Life::Terminating => {
                if let Some(withheld) = self.withheld.get_mut(name) {
                    withheld.question = match withheld.question {
                        Question::Due(_) | Question::Later if !is_new => Question::Idle,
                        other @ (Question::Idle
                        | Question::Due(_)
                        | Question::Later
                        | Question::UnderWay(_)
                        | Question::UnderWayAgain(..)) => other,
                    };
                }
                let was_active = matches!(earlier, Some((_, Life::Active)));
                let is_doubtful = is_new || was_active && !self.survey.is_complete();
                is_doubtful.then(|| self.close(name))
            }
        }
    }

    /// The survey of this number has found these namespaces under deletion, and no others. The events are their stand-ins.
    pub fn note_survey(
        &mut self,
        number: u64,
        terminating: Vec<NamespaceName>,
        ask_at: Instant,
    ) -> Vec<(NamespaceName, Event)> {
        if !self.survey.end(number) {
            return Vec::new();
        }
        let close = |name: NamespaceName| {
            let stand_in = self.close(&name);
            // The watch may have said already that it is gone.
            self.wake(&name, ask_at);
            (name, stand_in)
        };
        terminating.into_iter().map(close).collect()
    }

    /// The namespace is not there any more.
    pub fn note_namespace_gone(&mut self, name: &NamespaceName, ask_at: Instant) {
        self.namespaces.remove(name);
        self.wake(name, ask_at);
    }

    /// The object is there: an earlier deletion of it is void.
    pub fn note_present(&mut self, key: &ResourceKey) {
        let (Some(namespace), _) = key.place() else { return };
        if let Some(withheld) = self.withheld.get_mut(&namespace) {
            withheld.keys.remove(key);
            if withheld.keys.is_empty() {
                self.withheld.remove(&namespace);
            }
        }
    }

    /// The object is not there any more. Whether that is to be passed on now; if not, the question waits until this time, so that one answer can do for
    /// many deletions.
    pub fn note_deleted(&mut self, key: &ResourceKey, ask_at: Instant) -> bool {
        let (Some(namespace), _) = key.place() else { return true };
        let is_departing = matches!(self.namespaces.get(&namespace), Some((_, Life::Terminating)));
        match Weight::of(key) {
            Weight::None => true,
            Weight::Little if !is_departing => true,
            Weight::Little | Weight::Full => {
                self.withhold(&namespace, key.clone());
                if !is_departing {
                    self.wake(&namespace, ask_at);
                }
                false
            }
        }
    }

    /// Begins a round of questions, if there are any to be asked now.
    pub fn begin_round(&mut self, now: Instant) -> Option<Round> {
        let number = self.rounds + 1;
        let mut namespaces = Vec::new();
        for (name, withheld) in &mut self.withheld {
            if matches!(withheld.question, Question::Due(at) if at <= now) {
                withheld.question = Question::UnderWay(number);
                namespaces.push(name.clone());
            }
        }
        if namespaces.is_empty() {
            return None;
        }
        self.rounds = number;
        Some(Round { number, namespaces })
    }

    /// When there is a namespace to ask about.
    pub fn alarm(&self) -> Option<Instant> {
        let due =
            |withheld: &Withheld| if let Question::Due(at) = withheld.question { Some(at) } else { None };
        self.withheld.values().filter_map(due).min()
    }

    /// The answer about a namespace in the round of this number, and whether any of its pods is known. What is to be passed on now. What came after the
    /// question waits until this time.
    pub fn answer(
        &mut self,
        name: &NamespaceName,
        number: u64,
        answer: Answer,
        has_pods: bool,
        ask_at: Instant,
    ) -> Vec<ResourceKey> {
        let is_departing = matches!(self.namespaces.get(name), Some((_, Life::Terminating)));
        let Some(withheld) = self.withheld.get_mut(name) else { return Vec::new() };
        let passed: Vec<ResourceKey> = match answer {
            Answer::There(Life::Active) => withheld.take_covered(number),
            Answer::Gone if !has_pods => withheld.take_covered(number),
            Answer::There(Life::Terminating) | Answer::Gone | Answer::Failed => Vec::new(),
        };
        let is_answered = match answer {
            Answer::There(Life::Active) => true,
            Answer::Gone => !has_pods,
            // The watch will say when it is gone, if it has said that it goes.
            Answer::There(Life::Terminating) => is_departing,
            Answer::Failed => false,
        };
        withheld.question = match withheld.question {
            Question::UnderWayAgain(asked, at) if asked == number => Question::Due(at),
            Question::UnderWay(asked) if asked == number => {
                if !is_answered {
                    Question::Later
                } else if is_departing {
                    Question::Idle
                } else {
                    // What came after the question.
                    Question::Due(ask_at)
                }
            }
            // It was asked about what has been void since.
            other @ (Question::Idle
            | Question::Due(_)
            | Question::UnderWay(_)
            | Question::UnderWayAgain(..)
            | Question::Later) => other,
        };
        if withheld.keys.is_empty() {
            self.withheld.remove(name);
        }
        passed
    }

    /// A while has passed: what could not be answered is to be asked again, from then on.
    pub fn ask_again(&mut self, at: Instant) {
        for withheld in self.withheld.values_mut() {
            if withheld.question == Question::Later {
                withheld.question = Question::Due(at);
            }
        }
    }

    /// Whether something is to be asked after a while.
    pub fn has_unanswered(&self) -> bool {
        self.withheld.values().any(|withheld| withheld.question == Question::Later)
    }

    /// Whether nothing is withheld.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.withheld.is_empty()
    }

    /// Closes the pods of a namespace until it is gone or there anew.
    fn close(&mut self, namespace: &NamespaceName) -> Event {
        self.withhold(namespace, ResourceKey::Policy(departing_namespace_key(namespace)));
        Event::Upsert(Resource::Policy(departing_namespace(namespace)))
    }

    fn withhold(&mut self, namespace: &NamespaceName, key: ResourceKey) {
        let nothing = || Withheld { keys: BTreeMap::new(), question: Question::Idle };
        self.withheld.entry(namespace.clone()).or_insert_with(nothing).keys.insert(key, self.rounds);
    }

    /// Something happened that makes it worth while to ask.
    fn wake(&mut self, namespace: &NamespaceName, ask_at: Instant) {
        if let Some(withheld) = self.withheld.get_mut(namespace) {
            withheld.question = match withheld.question {
                Question::Idle | Question::Later => Question::Due(ask_at),
                Question::UnderWay(number) => Question::UnderWayAgain(number, ask_at),
                // The first deletion does not wait for longer because of a further one.
                due @ (Question::Due(_) | Question::UnderWayAgain(..)) => due,
            };
        }
    }
}

impl Withheld {
    /// What was withheld before the round of this number began.
    fn take_covered(&mut self, number: u64) -> Vec<ResourceKey> {
        let is_covered = |since: &u64| *since < number;
        let covered: Vec<ResourceKey> =
            self.keys.iter().filter(|(_, since)| is_covered(since)).map(|(key, _)| key.clone()).collect();
        self.keys.retain(|_, since| !is_covered(since));
        covered
    }
}

#[cfg(test)]
mod tests;
