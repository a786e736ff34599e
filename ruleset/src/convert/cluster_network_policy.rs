//! ClusterNetworkPolicy (`policy.networking.k8s.io/v1alpha2` and `v1beta1`, which have the same fields), and what it was before: AdminNetworkPolicy and
//! BaselineAdminNetworkPolicy (`v1alpha1`).
//!
//! They isolate nobody: the tiers `kube-admin` and `kube-baseline`, in which they stand, pass on what no rule decides, and a direction without rules is not
//! governed at all. The Baseline policy of `v1alpha1` comes after every ClusterNetworkPolicy of its tier.
//!
//! | what is not understood | becomes |
//! |---|---|
//! | a rule that accepts | nothing |
//! | a peer of any other rule, or that it has none | a Deny of everything, as the API demands |
//! | anything else in such a rule, its action included | a Deny with the restrictions that are understood |
//! | a list of rules, or the whole `spec` | a Deny of everything in its direction, or of everything to all pods |
//! | the subject, the tier, the priority, or a field that is not known | a policy of the widest subject that is left, first of the tier `kube-admin` if it is its place; what accepts is gone, and what passes denies |
//!
//! A Pass has to deny there, for it may be what keeps an Accept of a later policy from deciding. What the API forbids and is yet plain, like more rules than it
//! admits, is enforced as it is written.
//!
//! Deliberately absent: domain names. Whoever asks for them gets the first two rows.

mod peer;
mod port;
mod protocol;
mod rule;
mod subject;

use std::collections::BTreeSet;

use super::{
    direction,
    field::{Field, Fields, Problem, Problems},
    pods::of_pods,
    remark::Remarks,
};
use crate::{
    name::TierName,
    policy::{Action, Direction, Order, Policy, PolicyKey, Rule, Stage},
};

/// The kinds, by what they differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// ClusterNetworkPolicy.
    Cluster,
    /// AdminNetworkPolicy.
    Admin,
    /// BaselineAdminNetworkPolicy.
    Baseline,
}

impl Api {
    /// The most items that the API admits in its lists of rules, peers and ports.
    fn limit(self) -> usize {
        match self {
            Self::Cluster => 25,
            Self::Admin | Self::Baseline => 100,
        }
    }

    /// The fields that say where a policy stands.
    fn place_fields(self) -> &'static [&'static str] {
        match self {
            Self::Cluster => &["tier", "priority"],
            Self::Admin => &["priority"],
            Self::Baseline => &[],
        }
    }
}

const ADMIN: &str = "kube-admin";
const BASELINE: &str = "kube-baseline";

/// The greatest priority of the API.
const LAST_PRIORITY: i16 = 1000;

/// The only name that the API admits for a BaselineAdminNetworkPolicy.
const BASELINE_NAME: &str = "default";

const STAND_IN: &str = "the policy governs all pods that it could and comes first, what it accepts is dropped and what it passes is denied";

/// Reads a policy.
pub(super) fn convert(
    api: Api,
    key: PolicyKey,
    object: &Fields<'_>,
    metadata: &Fields<'_>,
    remarks: &mut Remarks,
) -> Policy {
    let mut problems = Problems::default();
    problems.0.extend(object.unknown(&super::OBJECT_FIELDS));
    if api == Api::Baseline && *key.name != *BASELINE_NAME {
        let place = metadata.field("name").map_or_else(|| metadata.problem(""), |field| field.problem(""));
        let message = format!("the API admits no other name than {BASELINE_NAME:?}");
        problems.0.push(Problem { message, ..place });
    }
    let is_readable = object.map("spec").is_ok();
    let spec = problems.map_or_empty(object, "spec");
    let mut rules = match is_readable {
        true => Direction::ALL.map(|direction| rule::rules(api, &spec, direction, remarks)),
        false => return unreadable(api, key, problems, remarks),
    };
    problems.0.extend(spec.unknown(&[&["subject", "ingress", "egress"], api.place_fields()].concat()));
    let subject = subject::subject(api, &spec, &mut problems);
    let (tier, order) = place(api, &spec, &mut problems);
    let directions = governed(&spec);
    if !problems.is_empty() {
        remarks.errors(problems, STAND_IN);
        rules.iter_mut().for_each(close);
    }
    let [ingress, egress] = rules;
    Policy { key, tier, order, stage: Stage::Local, subject, directions, ingress, egress }
}

/// Of a policy whose `spec` could say anything.
fn unreadable(api: Api, key: PolicyKey, problems: Problems, remarks: &mut Remarks) -> Policy {
    remarks.errors(problems, "the policy denies everything to all pods");
    let (tier, order) = match api {
        Api::Cluster | Api::Admin => first(),
        Api::Baseline => last(),
    };
    let rules = || vec![rule::everything(0)];
    let (subject, directions) = (of_pods([]), Direction::ALL.into());
    Policy { key, tier, order, stage: Stage::Local, subject, directions, ingress: rules(), egress: rules() }
}

/// The place behind every ClusterNetworkPolicy.
fn last() -> (TierName, Order) {
    let order = f64::from(LAST_PRIORITY) + 1.0;
    (TierName::new(BASELINE), Order::new(order).unwrap_or_default())
}

/// The place before all others.
fn first() -> (TierName, Order) {
    (TierName::new(ADMIN), Order::new(f64::NEG_INFINITY).unwrap_or_default())
}

/// Takes away what accepts, and denies what passes.
fn close(rules: &mut Vec<Rule>) {
    rules.retain(|rule| rule.action != Action::Allow);
    rules.iter_mut().for_each(|rule| rule.action = Action::Deny);
}

/// Tier and order. A place that is not understood is the first of all, so that no Accept of another policy comes before the Deny rules.
fn place(api: Api, spec: &Fields<'_>, problems: &mut Problems) -> (TierName, Order) {
    let tier = match api {
        Api::Cluster => tier(spec, problems),
        Api::Admin => Some(ADMIN),
        Api::Baseline => return last(),
    };
    match (tier, priority(spec, problems)) {
        (Some(tier), Some(priority)) => {
            (TierName::new(tier), Order::new(f64::from(priority)).unwrap_or_default())
        }
        (None, _) | (_, None) => first(),
    }
}

fn tier(spec: &Fields<'_>, problems: &mut Problems) -> Option<&'static str> {
    let Some(field) = spec.field("tier") else {
        problems.0.push(spec.problem("tier is missing"));
        return None;
    };
    let tier = field.text().and_then(|text| match text {
        "Admin" => Ok(Some(ADMIN)),
        "Baseline" => Ok(Some(BASELINE)),
        other => Err(field.problem(format!("{other:?} is no tier of this API; use Admin or Baseline"))),
    });
    problems.or_default(tier)
}

fn priority(spec: &Fields<'_>, problems: &mut Problems) -> Option<i16> {
    let Some(field) = spec.field("priority") else {
        problems.0.push(spec.problem("priority is missing"));
        return None;
    };
    let priority = field.integer().and_then(|number| {
        let priority = i16::try_from(number).ok().filter(|number| (0..=LAST_PRIORITY).contains(number));
        priority
            .map(Some)
            .ok_or_else(|| field.problem(format!("must be a whole number, 0 to {LAST_PRIORITY}")))
    });
    problems.or_default(priority)
}

/// The directions that have rules, or could have.
fn governed(spec: &Fields<'_>) -> BTreeSet<Direction> {
    let governs = |direction: &Direction| {
        let rules = spec.items(direction::rule_list(*direction));
        rules.map_or(true, |rules| !rules.is_empty())
    };
    Direction::ALL.into_iter().filter(governs).collect()
}

/// Says where a list is longer than the API admits.
fn warn_of_excess(field: &Field<'_>, count: usize, limit: usize, remarks: &mut Remarks) {
    if count > limit {
        let message = format!("the API admits {limit} items here, not {count}");
        remarks.warning(field.problem(message), "all of them are enforced");
    }
}
