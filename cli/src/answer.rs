//! The answer of `eval`, for people and for programs.

use std::fmt::Write as _;

use ferrule_ruleset::{
    manifest::Directory,
    origin::Builtin,
    policy::{Direction, PolicyKey},
    resource::ResourceKey,
    verdict::{Answer, Decision, Flow, Reason, Verdict},
};
use serde_json::{Map, Value, json};

/// The answer of one batch line: `verdict`, `by`, and `detail` if there is more to say about a built-in.
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
    let Some(direction) = decision.reason.direction().filter(|_| decision.reason.builtin().is_some()) else {
        return;
    };
    let mut detail =
        json!({ "direction": direction.to_string(), "pod": decision.pod.as_ref().map(ToString::to_string) });
    if let Reason::EndOfTier { tier, policies, .. } = &decision.reason {
        detail["tier"] = tier.as_str().into();
        detail["policies"] = policies.iter().map(policy).collect();
    }
    object.insert("detail".to_owned(), detail);
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
        Reason::EndOfTier { .. } | Reason::Builtin { .. } | Reason::Loopback => reason.builtin().into(),
    }
}

fn policy(key: &PolicyKey) -> Value {
    json!({
        "kind": key.kind.as_str(),
        "namespace": key.namespace.as_ref().map(|namespace| namespace.as_str()),
        "name": key.name.as_ref(),
    })
}

/// The answer for people: the verdict first, then what each end said, with the place of each policy in the manifests.
pub fn text(flow: &Flow, answer: &Answer, directory: &Directory) -> String {
    let mut text = String::new();
    let verdict = match answer.verdict {
        Verdict::Allow => "ALLOW",
        Verdict::Deny => "DENY",
    };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{verdict}  {} -> {}  {}", flow.from, flow.to, traffic(flow));
    for step in &answer.path {
        let _ = writeln!(text, "  {}", sentence(step, directory));
        if let Reason::EndOfTier { policies, .. } = &step.reason {
            for key in policies {
                let _ = writeln!(text, "      {}", policy_with_place(key, directory));
            }
        }
    }
    text
}

fn traffic(flow: &Flow) -> String {
    let mut text = flow.protocol.to_string();
    for (name, value) in [("", flow.port), ("from port ", flow.source_port)] {
        if let Some(value) = value {
            let _ = write!(text, " {name}{value}");
        }
    }
    for (name, value) in [("type", flow.icmp_type), ("code", flow.icmp_code)] {
        if let Some(value) = value {
            let _ = write!(text, " {name} {value}");
        }
    }
    text
}

fn sentence(step: &Decision, directory: &Directory) -> String {
    let pod = step.pod.as_ref().map_or_else(|| "the pod".to_owned(), ToString::to_string);
    let verb = match step.verdict {
        Verdict::Allow => "allowed",
        Verdict::Deny => "denied",
    };
    match &step.reason {
        Reason::Rule { direction, tier, policy, index } => format!(
            "{direction} of {pod}: {verb} by spec.{direction}[{index}] of {} in tier {tier}",
            policy_with_place(policy, directory)
        ),
        Reason::EndOfTier { direction, tier, .. } => {
            format!(
                "{direction} of {pod}: {verb} at the end of tier {tier}: it is selected by these policies, and no rule of them matches:"
            )
        }
        Reason::StandIn { direction, policy } => {
            format!(
                "{direction} of {pod}: {verb} by the closed stand-in of {}",
                policy_with_place(policy, directory)
            )
        }
        Reason::Builtin { direction: Some(direction), role } => {
            format!("{direction} of {pod}: {verb} by {}", builtin(*role, step.verdict))
        }
        Reason::Builtin { direction: None, role } => format!("{verb} by {}", builtin(*role, step.verdict)),
        Reason::Loopback => {
            format!("{verb} by loopback: {pod} to itself, which never leaves its network namespace")
        }
    }
}

fn builtin(role: Builtin, verdict: Verdict) -> String {
    let meaning = match (role, verdict) {
        (Builtin::Profile, Verdict::Allow) => {
            "no policy governs it or its tiers pass it on, and its namespace exists"
        }
        (Builtin::Profile, Verdict::Deny) => {
            "its namespace does not exist, or the pod could not be understood"
        }
        (Builtin::NoPolicy, _) => "neither end is a pod",
        (Builtin::HostToOwnPod, _) => "what a node sends to its own pods is never policed",
        (Builtin::EndpointToHost, _) => "the action for a pod's traffic to its own node",
        (Builtin::SourceAddress, _) => "a pod sends from its own addresses only",
        (Builtin::UnknownInterface, _) => "no pod of the node is known at its interface",
        (Builtin::NeighbourDiscovery, _) => "nodes must hear discovery messages of their pods",
        (Builtin::Established | Builtin::Invalid, _) => "what connection tracking says of the packet",
        (Builtin::Dispatch, _) => "the way between stages of the ruleset",
    };
    format!("{}: {meaning}", role.as_str())
}

fn policy_with_place(key: &PolicyKey, directory: &Directory) -> String {
    let name = ResourceKey::Policy(key.clone());
    match directory.location(&name) {
        Some(place) => format!("{name} ({place})"),
        None => name.to_string(),
    }
}
