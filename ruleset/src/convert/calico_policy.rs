//! NetworkPolicy and GlobalNetworkPolicy of Calico (`projectcalico.org/v3`, and the same objects as stored under `crd.projectcalico.org/v1`).
//!
//! Where the subject, the place or the directions of a policy are not understood, its closed stand-in takes the widest subject that the understood parts
//! leave, keeps its Deny rules, denies what it would pass, and loses what could admit traffic. Where its place is not understood it stands before all others of its tier.
//! Where it decides in the packet path is told by [`stage`], with its own table of stand-ins.

use std::collections::BTreeSet;

use super::{
    direction,
    field::{Field, Fields, Problem, Problems},
    remark::Remarks,
    rule,
    selectors::{self, SUBJECT_FIELDS, Scope},
    stage,
};
use crate::{
    name::TierName,
    policy::{Action, Direction, Order, Policy, PolicyKey, Stage},
};

/// The tier of policies that name none.
const DEFAULT_TIER: &str = "default";

/// Fields that both kinds have besides their subject. `performanceHints` changes no verdict.
const SPEC_FIELDS: [&str; 6] = ["tier", "order", "ingress", "egress", "types", "performanceHints"];

const STAND_IN: &str = "the policy governs all that it could, and only its Deny rules remain";

/// Reads a policy of either kind.
pub(super) fn convert(key: PolicyKey, object: &Fields<'_>, remarks: &mut Remarks) -> Policy {
    let mut problems = Problems::default();
    problems.0.extend(object.unknown(&super::OBJECT_FIELDS));
    let spec = problems.map_or_empty(object, "spec");
    let namespace = key.namespace.clone();
    let scope = namespace.as_ref().map_or(Scope::Cluster, Scope::Namespace);
    problems.0.extend(spec.unknown(&known_fields(scope)));

    let subject = selectors::subject(&spec, scope, &mut problems);
    let (tier, order) = place(&spec, &mut problems);
    let directions = directions(&spec, remarks, &mut problems);
    let ingress = rule::rules(&spec, Direction::Ingress, scope, remarks);
    let egress = rule::rules(&spec, Direction::Egress, scope, remarks);

    let mut policy = Policy { key, tier, order, stage: Stage::Local, subject, directions, ingress, egress };
    if let Scope::Cluster = scope {
        stage::settle(&mut policy, &spec, &mut problems);
    }
    if !problems.is_empty() {
        remarks.errors(problems, STAND_IN);
        close(&mut policy);
    }
    policy
}

fn known_fields(scope: Scope<'_>) -> Vec<&'static str> {
    let shared = SPEC_FIELDS.into_iter();
    match scope {
        Scope::Namespace(_) => {
            shared.chain(SUBJECT_FIELDS.into_iter().filter(|field| *field != "namespaceSelector")).collect()
        }
        Scope::Cluster => shared.chain(SUBJECT_FIELDS).chain(stage::FIELDS).collect(),
    }
}

/// Takes away every rule that could let a packet through. A Pass has to deny: it may be what keeps an Allow of a later policy from deciding.
fn close(policy: &mut Policy) {
    for rules in [&mut policy.ingress, &mut policy.egress] {
        rules.retain(|rule| rule.action != Action::Allow);
        rules
            .iter_mut()
            .filter(|rule| rule.action == Action::Pass)
            .for_each(|rule| rule.action = Action::Deny);
    }
}

/// Tier and order. A place that is not understood is the first of its tier, so that no Allow of another policy comes before the Deny rules.
fn place(spec: &Fields<'_>, problems: &mut Problems) -> (TierName, Order) {
    let tier = spec.text("tier");
    let order = spec.field("order").map(|field| field.number()).transpose();
    let is_understood = tier.is_ok() && order.is_ok();
    let tier = problems.or_default(tier).filter(|tier| !tier.is_empty()).unwrap_or(DEFAULT_TIER);
    let order = problems.or_default(order);
    let order = if is_understood { order } else { Some(f64::NEG_INFINITY) };
    (TierName::new(tier), order.and_then(Order::new).unwrap_or(Order::LAST))
}

/// `types`; by default those of the rule lists that are not empty, Ingress if both are (policy-model §0 item 6). Both where it is not understood.
fn directions(spec: &Fields<'_>, remarks: &mut Remarks, problems: &mut Problems) -> BTreeSet<Direction> {
    let types = spec
        .items("types")
        .and_then(|types| types.iter().map(direction::read).collect::<Result<BTreeSet<_>, _>>());
    let types = match types {
        Ok(types) => types,
        Err(problem) => {
            problems.0.push(problem);
            return Direction::ALL.into();
        }
    };
    if types.is_empty() {
        let defaulted = defaulted_directions(spec);
        let names: Vec<_> = defaulted.iter().map(|direction| direction::api_name(*direction)).collect();
        let problem = spec.problem("the policy has no types");
        remarks.warning(problem, &format!("by its rules it counts as {}", names.join(" and ")));
        return defaulted;
    }
    direction::warn_of_idle_rules(spec, &types, remarks);
    types
}

fn defaulted_directions(spec: &Fields<'_>) -> BTreeSet<Direction> {
    let lists = Direction::ALL.map(|direction| (direction, spec.items(direction::rule_list(direction))));
    if lists.iter().any(|(_, rules)| rules.is_err()) {
        return Direction::ALL.into();
    }
    let has_rules = |(direction, rules): (Direction, Result<Vec<Field<'_>>, Problem>)| {
        rules.is_ok_and(|rules| !rules.is_empty()).then_some(direction)
    };
    let directions: BTreeSet<_> = lists.into_iter().filter_map(has_rules).collect();
    if directions.is_empty() { [Direction::Ingress].into() } else { directions }
}
