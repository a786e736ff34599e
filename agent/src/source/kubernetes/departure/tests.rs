mod world;

use std::collections::BTreeSet;

use ferrule_ruleset::{convert::followed, manifest::node};
use proptest::{collection::vec, prelude::*};

use super::*;
use world::{KIND, PODS, POLICIES, Step, World, namespace, policy};

/// Times play no part where every question is due at once.
fn now() -> Instant {
    Instant::now()
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
        1 => (0..PODS).prop_map(Step::EmptyPod),
        2 => Just(Step::Finalize),
        1 => Just(Step::Restart),
        1 => Just(Step::LoseNamespaces),
        1 => Just(Step::LosePolicies),
        3 => Just(Step::ListNamespaces),
        3 => Just(Step::ListPolicies),
        3 => Just(Step::HearNamespaces),
        5 => Just(Step::HearPolicies),
        3 => Just(Step::HearPods),
        3 => Just(Step::Ask),
        1 => Just(Step::AskInVain),
        3 => any::<u8>().prop_map(Step::HearAnswer),
        1 => Just(Step::AskAgain),
        3 => Just(Step::Survey),
        3 => Just(Step::HearSurvey),
    ];
    let begun = vec![
        Step::CreateNamespace,
        Step::CreatePolicy(0),
        Step::CreatePod(0),
        Step::CreatePod(1),
        Step::ListNamespaces,
        Step::HearNamespaces,
    ];
    let synced = [
        Step::ListPolicies,
        Step::HearPolicies,
        Step::HearPolicies,
        Step::Survey,
        Step::HearSurvey,
        Step::DeletePolicy(0),
        Step::HearPolicies,
        Step::Ask,
        Step::CreatePolicy(0),
        Step::HearPolicies,
    ];
    let asked = [begun.clone(), synced.to_vec()].concat();
    (prop_oneof![Just(Vec::new()), Just(begun), Just(asked)], vec(step, 0..160))
        .prop_map(|(begun, steps)| [begun, steps].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_interleaving_opens_a_namespace_under_deletion(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            prop_assert_eq!(world.hole(), None, "after {:?}", step);
        }
    }

    #[test]
    fn nothing_is_left_over(steps in steps()) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
        if world.life != Some(Life::Terminating) {
            let present: BTreeSet<ResourceKey> = world.policies.iter().copied().map(policy).collect();
            prop_assert_eq!(&world.told, &present);
            prop_assert!(world.departures.is_empty());
            prop_assert!(world.is_in_sync);
        }
    }
}

/// Who is asked about in a round that begins now.
fn asked(departures: &mut Departures, now: Instant) -> Vec<NamespaceName> {
    departures.begin_round(now).map_or_else(Vec::new, |round| round.namespaces)
}

/// The answer to the round that has begun last.
fn answered(departures: &mut Departures, answer: Answer, has_pods: bool, at: Instant) -> Vec<ResourceKey> {
    departures.answer(&namespace(), departures.rounds, answer, has_pods, at)
}

/// All that restricts pods has been listed, and no namespace is under deletion.
fn surveyed() -> Departures {
    let mut departures = Departures::default();
    departures.survey.note_unlisted(KIND);
    assert_eq!(departures.survey.begin(), None);
    departures.survey.note_listed(KIND);
    let number = departures.survey.begin().unwrap();
    assert_eq!(departures.note_survey(number, Vec::new(), now()), []);
    departures
}

/// The agent starts, and the list of policies comes late.
#[test]
fn policies_that_go_before_they_are_listed_are_stood_in_for() {
    let mut departures = Departures::default();
    departures.survey.note_unlisted(KIND);
    assert_eq!(departures.note_namespace(&namespace(), "1", Life::Active, now()), None);
    let stand_in = Event::Upsert(Resource::Policy(departing_namespace(&namespace())));
    let mut later = Departures::default();
    later.survey.note_unlisted(KIND);
    later.note_namespace(&namespace(), "1", Life::Active, now());
    // The watch of namespaces says it before the list has ended.
    let event = departures.note_namespace(&namespace(), "1", Life::Terminating, now());
    assert_eq!(event.as_ref(), Some(&stand_in));
    // It says it after that.
    later.survey.note_listed(KIND);
    let number = later.survey.begin().unwrap();
    assert!(!later.survey.is_complete());
    assert_eq!(later.note_survey(number, vec![namespace()], now()), [(namespace(), stand_in)]);
    assert!(later.survey.is_complete());
}

#[test]
fn a_survey_that_was_asked_before_a_list_ended_does_not_count() {
    let mut departures = Departures::default();
    let number = departures.survey.begin().unwrap();
    departures.survey.note_listed(KIND);
    assert_eq!(departures.note_survey(number, vec![namespace()], now()), []);
    assert!(!departures.survey.is_complete());
    assert_eq!(departures.survey.begin(), Some(number + 1));
    departures.survey.note_unlisted(KIND);
    departures.survey.note_absent(KIND);
    assert_eq!(departures.survey.begin(), Some(number + 2));
}

#[test]
fn the_survey_follows_the_kinds_whose_deletion_can_open_something() {
    for kind in followed() {
        let object =
            node::Node { line: 1, value: node::Value::Map([("metadata".into(), metadata())].into()) };
        let key = ferrule_ruleset::convert::identity(&object, Some(kind.apis[0])).unwrap();
        let is_full = Weight::of(&key) == Weight::Full && key.place().0.is_some();
        assert_eq!(Survey::concerns(&kind), is_full, "{key:?}");
    }
}

fn metadata() -> node::Node {
    let text = |text: &str| node::Node { line: 1, value: node::Value::String(text.into()) };
    let fields = [("name".into(), text("web")), ("namespace".into(), text("shop"))];
    node::Node { line: 1, value: node::Value::Map(fields.into()) }
}

#[test]
fn a_namespace_that_goes_while_it_is_watched_needs_no_stand_in_and_leaves_nothing() {
    let mut departures = surveyed();
    assert_eq!(departures.note_namespace(&namespace(), "1", Life::Active, now()), None);
    departures.note_present(&policy(0));
    assert_eq!(departures.note_namespace(&namespace(), "1", Life::Terminating, now()), None);
    assert!(!departures.note_deleted(&policy(0), now()));
    assert_eq!(asked(&mut departures, now()), []);
    departures.note_namespace_gone(&namespace(), now());
    assert_eq!(asked(&mut departures, now()), [namespace()]);
    assert_eq!(answered(&mut departures, Answer::Gone, true, now()), []);
    departures.ask_again(now());
    assert_eq!(asked(&mut departures, now()), [namespace()]);
    assert_eq!(answered(&mut departures, Answer::Gone, false, now()), [policy(0)]);
    assert!(departures.is_empty());
}

#[test]
fn a_deletion_in_an_active_namespace_waits_for_one_answer() {
    let mut departures = Departures::default();
    departures.note_namespace(&namespace(), "1", Life::Active, now());
    assert!(!departures.note_deleted(&policy(0), now()));
    assert_eq!(asked(&mut departures, now()), [namespace()]);
    // What is deleted after the question is not covered by its answer.
    assert!(!departures.note_deleted(&policy(1), now()));
    assert_eq!(asked(&mut departures, now()), []);
    assert_eq!(answered(&mut departures, Answer::There(Life::Active), true, now()), [policy(0)]);
    assert_eq!(asked(&mut departures, now()), [namespace()]);
    assert_eq!(answered(&mut departures, Answer::There(Life::Active), true, now()), [policy(1)]);
    assert!(departures.is_empty());
}

/// A policy is deleted, made and deleted again, and its namespace with it, while the first question is on its way back.
#[test]
fn an_answer_says_nothing_of_what_was_deleted_after_it_was_asked_for() {
    let mut departures = Departures::default();
    departures.note_namespace(&namespace(), "1", Life::Active, now());
    assert!(!departures.note_deleted(&policy(0), now()));
    let first = departures.begin_round(now()).unwrap().number;
    departures.note_present(&policy(0));
    assert!(departures.is_empty());
    assert!(!departures.note_deleted(&policy(0), now()));
    let second = departures.begin_round(now()).unwrap().number;
    let active = Answer::There(Life::Active);
    assert_eq!(departures.answer(&namespace(), first, active, true, now()), []);
    let terminating = Answer::There(Life::Terminating);
    assert_eq!(departures.answer(&namespace(), second, terminating, true, now()), []);
    assert!(departures.has_unanswered());
}

#[test]
fn without_an_answer_everything_stays_withheld_and_is_asked_about_again() {
    let mut departures = Departures::default();
    assert!(!departures.note_deleted(&policy(0), now()));
    asked(&mut departures, now());
    assert_eq!(answered(&mut departures, Answer::Failed, false, now()), []);
    assert_eq!(asked(&mut departures, now()), []);
    assert!(departures.has_unanswered());
    departures.ask_again(now());
    assert_eq!(asked(&mut departures, now()), [namespace()]);
}

#[test]
fn a_namespace_first_seen_under_deletion_is_closed() {
    let mut departures = Departures::default();
    let event = departures.note_namespace(&namespace(), "1", Life::Terminating, now());
    assert_eq!(event, Some(Event::Upsert(Resource::Policy(departing_namespace(&namespace())))));
    assert_eq!(departures.note_namespace(&namespace(), "1", Life::Terminating, now()), None);
    departures.note_namespace_gone(&namespace(), now());
    asked(&mut departures, now());
    let stand_in = ResourceKey::Policy(departing_namespace_key(&namespace()));
    assert_eq!(answered(&mut departures, Answer::Gone, false, now()), [stand_in]);
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
        (asked(&mut departures, begin + second), departures.alarm()),
        (vec![], Some(begin + 2 * second))
    );
    assert_eq!(asked(&mut departures, begin + 2 * second), [namespace()]);
    // What comes while it is asked waits in turn.
    assert!(!departures.note_deleted(&policy(3), begin + 5 * second));
    let passed = answered(&mut departures, Answer::There(Life::Active), true, begin + 3 * second);
    assert_eq!(passed, [policy(0), policy(1), policy(2)]);
    assert_eq!(
        (asked(&mut departures, begin + 4 * second), departures.alarm()),
        (vec![], Some(begin + 5 * second))
    );
    assert_eq!(asked(&mut departures, begin + 5 * second), [namespace()]);
}
