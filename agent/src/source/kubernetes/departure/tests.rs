//! A namespace in an API server, its streams of events delivered in any interleaving, and what the loop has been told.

use std::collections::{BTreeSet, VecDeque};

use ferrule_ruleset::policy::{PolicyKey, PolicyKind};
use proptest::{collection::vec, prelude::*};

use super::*;

/// Times play no part where every question is due at once.
fn now() -> Instant {
    Instant::now()
}

const POLICIES: u8 = 3;
const PODS: u8 = 2;

/// Something that happens in the API server, on the way, or in the agent.
#[derive(Clone, Copy, Debug)]
enum Step {
    CreateNamespace,
    DeleteNamespace,
    CreatePolicy(u8),
    DeletePolicy(u8),
    CreatePod(u8),
    DeletePod(u8),
    /// What the namespace controller does once the namespace is under deletion.
    EmptyPolicy(u8),
    EmptyPod(u8),
    Finalize,
    /// The next event of a watch arrives.
    HearNamespaces,
    HearPolicies,
    HearPods,
    /// The agent asks; the server answers at once, and the answer arrives later.
    Ask,
    AskInVain,
    HearAnswer,
    AskAgain,
}

#[derive(Clone, Debug)]
enum NamespaceEvent {
    Present(u32, Life),
    Gone,
}

#[derive(Default)]
struct World {
    uid: u32,
    life: Option<Life>,
    policies: BTreeSet<u8>,
    pods: BTreeSet<u8>,
    /// The policies that stood when the namespace was deleted, while it is there.
    protected: BTreeSet<u8>,
    namespaces: VecDeque<NamespaceEvent>,
    policy_events: VecDeque<(u8, bool)>,
    pod_events: VecDeque<(u8, bool)>,
    answers: VecDeque<Answer>,
    departures: Departures,
    /// What the loop knows.
    told: BTreeSet<ResourceKey>,
    told_pods: BTreeSet<u8>,
}

fn namespace() -> NamespaceName {
    NamespaceName::new("shop")
}

fn policy(number: u8) -> ResourceKey {
    ResourceKey::Policy(PolicyKey {
        kind: PolicyKind::KubernetesNetworkPolicy,
        namespace: Some(namespace()),
        name: format!("p{number}").into(),
    })
}

impl World {
    fn step(&mut self, step: Step) {
        let is_active = self.life == Some(Life::Active);
        let is_terminating = self.life == Some(Life::Terminating);
        match step {
            Step::CreateNamespace if self.life.is_none() => {
                self.uid += 1;
                self.life = Some(Life::Active);
                self.namespaces.push_back(NamespaceEvent::Present(self.uid, Life::Active));
            }
            Step::DeleteNamespace if is_active => {
                self.life = Some(Life::Terminating);
                self.protected.clone_from(&self.policies);
                self.namespaces.push_back(NamespaceEvent::Present(self.uid, Life::Terminating));
            }
            Step::Finalize if is_terminating && self.policies.is_empty() && self.pods.is_empty() => {
                self.life = None;
                self.protected.clear();
                self.namespaces.push_back(NamespaceEvent::Gone);
            }
            Step::CreatePolicy(number) if is_active && self.policies.insert(number) => {
                self.policy_events.push_back((number, true));
            }
            Step::DeletePolicy(number) if is_active && self.policies.remove(&number) => {
                self.policy_events.push_back((number, false));
            }
            Step::EmptyPolicy(number) if is_terminating && self.policies.remove(&number) => {
                self.policy_events.push_back((number, false));
            }
            Step::CreatePod(number) if is_active && self.pods.insert(number) => {
                self.pod_events.push_back((number, true));
            }
            Step::DeletePod(number) | Step::EmptyPod(number) if self.pods.remove(&number) => {
                self.pod_events.push_back((number, false));
            }
            Step::HearNamespaces => self.hear_namespaces(),
            Step::HearPolicies => self.hear_policies(),
            Step::HearPods => {
                if let Some((number, is_there)) = self.pod_events.pop_front() {
                    if is_there {
                        self.told_pods.insert(number);
                    } else {
                        self.told_pods.remove(&number);
                    }
                }
            }
            Step::Ask | Step::AskInVain if self.answers.is_empty() => {
                if !self.departures.questions(now()).is_empty() {
                    let answer = self.life.map_or(Answer::Gone, Answer::There);
                    let is_vain = matches!(step, Step::AskInVain);
                    self.answers.push_back(if is_vain { Answer::Failed } else { answer });
                }
            }
            Step::HearAnswer => {
                if let Some(answer) = self.answers.pop_front() {
                    let has_pods = !self.told_pods.is_empty();
                    for key in self.departures.answer(&namespace(), answer, has_pods, now()) {
                        self.told.remove(&key);
                    }
                }
            }
            Step::AskAgain => self.departures.ask_again(now()),
            Step::CreateNamespace
            | Step::DeleteNamespace
            | Step::Finalize
            | Step::CreatePolicy(_)
            | Step::DeletePolicy(_)
            | Step::EmptyPolicy(_)
            | Step::CreatePod(_)
            | Step::DeletePod(_)
            | Step::EmptyPod(_)
            | Step::Ask
            | Step::AskInVain => {}
        }
    }

    fn hear_namespaces(&mut self) {
        match self.namespaces.pop_front() {
            Some(NamespaceEvent::Present(uid, life)) => {
                let event = self.departures.note_namespace(&namespace(), &uid.to_string(), life, now());
                if let Some(Event::Upsert(resource)) = event {
                    self.told.insert(resource.key());
                }
            }
            Some(NamespaceEvent::Gone) => self.departures.note_namespace_gone(&namespace(), now()),
            None => {}
        }
    }

    fn hear_policies(&mut self) {
        match self.policy_events.pop_front() {
            Some((number, true)) => {
                self.departures.note_present(&policy(number));
                self.told.insert(policy(number));
            }
            Some((number, false)) if self.departures.note_deleted(&policy(number), now()) => {
                self.told.remove(&policy(number));
            }
            Some((_, false)) | None => {}
        }
    }

    /// A policy that stood when the namespace was deleted, that the loop could know by now and does not, although a pod lives on.
    fn hole(&self) -> Option<u8> {
        if self.life != Some(Life::Terminating) || self.pods.is_empty() {
            return None;
        }
        let is_unheard = |number: &u8| self.policy_events.contains(&(*number, true));
        let stand_in = ResourceKey::Policy(departing_namespace_key(&namespace()));
        let is_closed = |number: &u8| self.told.contains(&policy(*number)) || self.told.contains(&stand_in);
        self.protected.iter().copied().find(|number| !is_unheard(number) && !is_closed(number))
    }

    /// Lets everything arrive and be answered.
    fn settle(&mut self) {
        while !(self.namespaces.is_empty() && self.policy_events.is_empty() && self.pod_events.is_empty()) {
            [Step::HearNamespaces, Step::HearPolicies, Step::HearPods]
                .into_iter()
                .for_each(|step| self.step(step));
        }
        for _ in 0..8 {
            let steps = [Step::HearAnswer, Step::AskAgain, Step::Ask, Step::HearAnswer];
            steps.into_iter().for_each(|step| self.step(step));
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::CreateNamespace),
        2 => Just(Step::DeleteNamespace),
        3 => (0..POLICIES).prop_map(Step::CreatePolicy),
        1 => (0..POLICIES).prop_map(Step::DeletePolicy),
        2 => (0..PODS).prop_map(Step::CreatePod),
        1 => (0..PODS).prop_map(Step::DeletePod),
        3 => (0..POLICIES).prop_map(Step::EmptyPolicy),
        2 => (0..PODS).prop_map(Step::EmptyPod),
        2 => Just(Step::Finalize),
        3 => Just(Step::HearNamespaces),
        5 => Just(Step::HearPolicies),
        3 => Just(Step::HearPods),
        3 => Just(Step::Ask),
        1 => Just(Step::AskInVain),
        3 => Just(Step::HearAnswer),
        1 => Just(Step::AskAgain),
    ];
    vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_opens_a_namespace_under_deletion(steps in steps()) {
        let mut world = World::default();
        for step in steps {
            world.step(step);
            prop_assert_eq!(world.hole(), None, "after {:?}", step);
        }
    }

    #[test]
    fn nothing_is_left_over(steps in steps()) {
        let mut world = World::default();
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
        if world.life != Some(Life::Terminating) {
            let present: BTreeSet<ResourceKey> = world.policies.iter().copied().map(policy).collect();
            prop_assert_eq!(&world.told, &present);
            prop_assert!(world.departures.is_empty());
        }
    }
}

#[test]
fn a_namespace_that_goes_while_it_is_watched_needs_no_stand_in_and_leaves_nothing() {
    let mut departures = Departures::default();
    assert_eq!(departures.note_namespace(&namespace(), "1", Life::Active, now()), None);
    departures.note_present(&policy(0));
    assert_eq!(departures.note_namespace(&namespace(), "1", Life::Terminating, now()), None);
    assert!(!departures.note_deleted(&policy(0), now()));
    assert_eq!(departures.questions(now()), []);
    departures.note_namespace_gone(&namespace(), now());
    assert_eq!(departures.questions(now()), [namespace()]);
    assert_eq!(departures.answer(&namespace(), Answer::Gone, true, now()), []);
    departures.ask_again(now());
    assert_eq!(departures.questions(now()), [namespace()]);
    assert_eq!(departures.answer(&namespace(), Answer::Gone, false, now()), [policy(0)]);
    assert!(departures.is_empty());
}

#[test]
fn a_deletion_in_an_active_namespace_waits_for_one_answer() {
    let mut departures = Departures::default();
    departures.note_namespace(&namespace(), "1", Life::Active, now());
    assert!(!departures.note_deleted(&policy(0), now()));
    assert_eq!(departures.questions(now()), [namespace()]);
    // What is deleted after the question is not covered by its answer.
    assert!(!departures.note_deleted(&policy(1), now()));
    assert_eq!(departures.questions(now()), []);
    assert_eq!(departures.answer(&namespace(), Answer::There(Life::Active), true, now()), [policy(0)]);
    assert_eq!(departures.questions(now()), [namespace()]);
    assert_eq!(departures.answer(&namespace(), Answer::There(Life::Active), true, now()), [policy(1)]);
    assert!(departures.is_empty());
}

#[test]
fn without_an_answer_everything_stays_withheld_and_is_asked_about_again() {
    let mut departures = Departures::default();
    assert!(!departures.note_deleted(&policy(0), now()));
    departures.questions(now());
    assert_eq!(departures.answer(&namespace(), Answer::Failed, false, now()), []);
    assert_eq!(departures.questions(now()), []);
    assert!(departures.has_unanswered());
    departures.ask_again(now());
    assert_eq!(departures.questions(now()), [namespace()]);
}

#[test]
fn a_namespace_first_seen_under_deletion_is_closed() {
    let mut departures = Departures::default();
    let event = departures.note_namespace(&namespace(), "1", Life::Terminating, now());
    assert_eq!(event, Some(Event::Upsert(Resource::Policy(departing_namespace(&namespace())))));
    assert_eq!(departures.note_namespace(&namespace(), "1", Life::Terminating, now()), None);
    departures.note_namespace_gone(&namespace(), now());
    departures.questions(now());
    let stand_in = ResourceKey::Policy(departing_namespace_key(&namespace()));
    assert_eq!(departures.answer(&namespace(), Answer::Gone, false, now()), [stand_in]);
}

#[test]
fn pods_go_at_once_and_slices_only_wait_where_the_namespace_is_known_to_go() {
    let mut departures = Departures::default();
    let name = |name: &str| ferrule_ruleset::name::ObjectName::new("shop", name);
    assert!(departures.note_deleted(&ResourceKey::Pod(name("web")), now()));
    assert!(departures.note_deleted(&ResourceKey::EndpointSlice(name("web")), now()));
    departures.note_namespace(&namespace(), "1", Life::Terminating, now());
    assert!(departures.note_deleted(&ResourceKey::Pod(name("web")), now()));
    assert!(!departures.note_deleted(&ResourceKey::EndpointSlice(name("web")), now()));
}

#[test]
fn one_question_does_for_the_deletions_of_a_while_and_waits_no_longer_for_later_ones() {
    let mut departures = Departures::default();
    let (begin, second) = (now(), std::time::Duration::from_secs(1));
    departures.note_namespace(&namespace(), "1", Life::Active, begin);
    assert!(!departures.note_deleted(&policy(0), begin + 2 * second));
    assert!(!departures.note_deleted(&policy(1), begin + 3 * second));
    assert!(!departures.note_deleted(&policy(2), begin + second));
    assert_eq!(
        (departures.questions(begin + second), departures.alarm()),
        (vec![], Some(begin + 2 * second))
    );
    assert_eq!(departures.questions(begin + 2 * second), [namespace()]);
    // What comes while it is asked waits in turn.
    assert!(!departures.note_deleted(&policy(3), begin + 5 * second));
    let passed = departures.answer(&namespace(), Answer::There(Life::Active), true, begin + 3 * second);
    assert_eq!(passed, [policy(0), policy(1), policy(2)]);
    assert_eq!(
        (departures.questions(begin + 4 * second), departures.alarm()),
        (vec![], Some(begin + 5 * second))
    );
    assert_eq!(departures.questions(begin + 5 * second), [namespace()]);
}
