//! Warnings about manifests that are understood and yet seldom do what their author means (policy-model §6).

use super::file::Placed;
use crate::{
    finding::{Finding, Severity},
    policy::{Action, Direction, Entity, Policy, PolicyKind, Rule, TierAction, Traffic},
    resource::{Resource, ResourceKey},
    selector::Selector,
};

/// The label that many examples expect on namespaces, as endpoints inherit it.
const NAMESPACE_LABEL_NAME: &str = "pcns.name";

fn finding(placed: &Placed, severity: Severity, field: &str, message: &str, consequence: &str) -> Finding {
    Finding {
        location: Some(placed.location.clone()),
        severity,
        object: Some(placed.key.clone()),
        field: field.into(),
        message: message.into(),
        consequence: consequence.into(),
    }
}

/// Every place of an object but the first.
pub(super) fn duplicates<'a>(mut places: impl Iterator<Item = &'a Placed>) -> Vec<Finding> {
    let Some(first) = places.next() else { return Vec::new() };
    let message = format!("the object is defined already, at {}", first.location);
    places
        .map(|place| finding(place, Severity::Error, "", &message, "the first definition is in force"))
        .collect()
}

/// A namespace that `namer` names and nothing defines.
pub(super) fn implied_namespace(key: &ResourceKey, namer: &Placed) -> Finding {
    let message = format!("{key} is named but not defined");
    let warning = finding(
        namer,
        Severity::Warning,
        "metadata.namespace",
        &message,
        "it is implied, with its automatic labels only",
    );
    Finding { object: Some(key.clone()), field: String::new(), ..warning }
}

/// Warnings about policies, each judged among the objects that are in force.
pub(super) fn policies<'a>(
    objects: impl Iterator<Item = &'a Placed>,
    in_force: &dyn Fn(&ResourceKey) -> Option<Resource>,
    is_label_name_in_use: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for placed in objects {
        let Some(Resource::Policy(policy)) = &placed.resource else { continue };
        let mut warn = |field: &str, message: &str, consequence: &str| {
            findings.push(finding(placed, Severity::Warning, field, message, consequence));
        };
        let tier = match in_force(&ResourceKey::Tier(policy.tier.clone())) {
            Some(Resource::Tier(tier)) => Some(tier),
            _ => None,
        };
        if tier.is_none() {
            let message = format!("no Tier {} is defined", policy.tier);
            warn(
                "spec.tier",
                &message,
                "it comes after all others and denies what its policies do not decide",
            );
        }
        if !is_label_name_in_use && tests_label_name(policy) {
            let message = "it selects by the namespace label \"name\", which no namespace bears";
            warn("spec", message, "use kubernetes.io/metadata.name, which every namespace has");
        }
        // Tiers of stages that only host endpoints know end in a pass.
        let isolates =
            policy.stage.governs_pods() && tier.is_none_or(|tier| tier.default_action == TierAction::Deny);
        if isolates && cuts_off_cluster_services(policy) {
            let message =
                "without a selector it governs the egress of every pod, those of kube-system included";
            warn("spec", message, "cluster services such as DNS reach only what it allows");
        }
        for direction in Direction::ALL {
            let rules = policy.rules(direction);
            if isolates && !rules.is_empty() && rules.iter().all(|rule| rule.action == Action::Log) {
                let message = "it has nothing but Log rules";
                warn(
                    &format!("spec.{direction}"),
                    message,
                    "it isolates: what no other policy of the tier allows is dropped",
                );
            }
        }
    }
    findings
}

fn tests_label_name(policy: &Policy) -> bool {
    let tests = |selector: &Selector| selector.mentions_label(NAMESPACE_LABEL_NAME);
    let entity_tests =
        |entity: &Entity| [&entity.selector, &entity.not_selector].into_iter().flatten().any(tests);
    let mut rules = policy.ingress.iter().chain(&policy.egress);
    tests(&policy.subject) || rules.any(|rule| entity_tests(&rule.source) || entity_tests(&rule.destination))
}

fn cuts_off_cluster_services(policy: &Policy) -> bool {
    let lets_everything_go = |rule: &Rule| {
        let is_unrestricted = rule.traffic == Traffic::default()
            && [&rule.source, &rule.destination].iter().all(|end| **end == Entity::default());
        is_unrestricted && matches!(rule.action, Action::Allow | Action::Pass)
    };
    policy.key.kind == PolicyKind::GlobalNetworkPolicy
        && policy.subject == Selector::all()
        && policy.directions.contains(&Direction::Egress)
        && !policy.egress.iter().any(lets_everything_go)
}
