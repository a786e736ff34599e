//! Answers for programs.
//!
//! `by` is an object for what a policy said, and the name of a built-in else. `kind` is the API kind, except that a NetworkPolicy of
//! `networking.k8s.io/v1` is a `KubernetesNetworkPolicy`, to tell it from Calico's of the same name.

use ferrule_ruleset::{
    policy::{Direction, PolicyKey},
    verdict::{Answer, Decision, Place, Reason},
};
use serde_json::{Map, Value, json};

/// The answer of one batch line: `verdict`, `by`, and `detail` if there is more to say about a built-in or it was a host endpoint's.
pub fn line(answer: &Answer) -> Value {
    let mut object = Map::new();
    decision(&answer.by, &mut object);
    Value::Object(object)
}

/// The answer of one question: as in a batch, and the way through both ends as `path`.
pub fn document(answer: &Answer) -> Value {
    let mut object = Map::new();
    decision(&answer.by, &mut object);
    let path = answer.path.iter().map(|step| {
        let mut object = Map::new();
        decision(step, &mut object);
        Value::Object(object)
    });
    object.insert("path".to_owned(), path.collect());
    Value::Object(object)
}

fn decision(decision: &Decision, object: &mut Map<String, Value>) {
    object.insert("verdict".to_owned(), decision.verdict.as_str().into());
    object.insert("by".to_owned(), by(&decision.reason));
    if let Some(detail) = detail(decision) {
        object.insert("detail".to_owned(), detail);
    }
}

/// Where it was decided, as far as `by` does not say so: the pod of a built-in, the host endpoint of anything.
fn detail(decision: &Decision) -> Option<Value> {
    let direction = decision.reason.direction()?.to_string();
    let mut detail = match (&decision.at, decision.reason.builtin()) {
        (Some(Place::HostEndpoint { node, name }), _) => {
            json!({ "direction": direction, "node": node.as_str(), "host_endpoint": name.as_str() })
        }
        (Some(Place::Pod(pod)), Some(_)) => json!({ "direction": direction, "pod": pod.to_string() }),
        (None, Some(_)) => json!({ "direction": direction, "pod": null }),
        (Some(Place::Pod(_)) | None, None) => return None,
    };
    if let Reason::EndOfTier { tier, policies, .. } = &decision.reason {
        detail["tier"] = tier.as_str().into();
        detail["policies"] = policies.iter().map(policy).collect();
    }
    Some(detail)
}

/// What decided: an object for a policy, the name of a built-in.
fn by(reason: &Reason) -> Value {
    let of_policy = |direction: &Direction, tier: Option<&str>, key: &PolicyKey, rule: Option<u32>| {
        json!({
            "direction": direction.to_string(),
            "tier": tier,
            "kind": key.kind.as_str(),
            "namespace": key.namespace.as_ref().map(|namespace| namespace.as_str()),
            "name": key.name.as_ref(),
            "rule": rule,
        })
    };
    match reason {
        Reason::Rule { direction, tier, policy, index } => {
            of_policy(direction, Some(tier.as_str()), policy, Some(*index))
        }
        Reason::StandIn { direction, policy } => of_policy(direction, None, policy, None),
        Reason::EndOfTier { .. } | Reason::Profile { .. } | Reason::Builtin { .. } | Reason::Loopback => {
            reason.builtin().into()
        }
    }
}

fn policy(key: &PolicyKey) -> Value {
    json!({
        "kind": key.kind.as_str(),
        "namespace": key.namespace.as_ref().map(|namespace| namespace.as_str()),
        "name": key.name.as_ref(),
    })
}
