//! Answers for people.

use std::fmt::Write as _;

use ferrule_ruleset::{
    manifest::Directory,
    origin::Builtin,
    policy::{Direction, PolicyKey},
    resource::ResourceKey,
    verdict::{Answer, Cluster, Decision, Flow, FlowError, Miss, Place, Reason, Verdict},
};

use super::miss;

/// The answer for people: the verdict first, then what each end and each node between them said, with the place of each policy in the manifests. After a
/// deny of the sender's, what the receiver would have said; at the end of a tier, what each rule asks that the flow does not meet.
pub fn text(
    flow: &Flow,
    answer: &Answer,
    cluster: &Cluster,
    directory: &Directory,
) -> Result<String, FlowError> {
    let mut text = String::new();
    let verdict = match answer.verdict {
        Verdict::Allow => "ALLOW",
        Verdict::Deny => "DENY",
    };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{verdict}  {} -> {}  {}", flow.from, flow.to, traffic(flow));
    for step in &answer.path {
        let _ = writeln!(text, "  {}", sentence(step, directory));
        tier(&mut text, step, &cluster.misses(flow, step)?, directory);
    }
    if answer.verdict == Verdict::Deny && answer.by.reason.direction() == Some(Direction::Egress) {
        for step in cluster.receiver(flow)? {
            let _ = writeln!(text, "  beyond that, {}", sentence(&step, directory));
            tier(&mut text, &step, &cluster.misses(flow, &step)?, directory);
        }
    }
    Ok(text)
}

/// The policies of a tier that came to its end, and why their rules missed.
fn tier(text: &mut String, step: &Decision, misses: &[Miss], directory: &Directory) {
    let Reason::EndOfTier { policies, direction, .. } = &step.reason else { return };
    for key in policies {
        let mut misses = misses.iter().filter(|miss| miss.policy == *key).peekable();
        let policy = policy_with_place(key, directory);
        let _ = match misses.peek() {
            Some(_) => writeln!(text, "      {policy}"),
            None => writeln!(text, "      {policy}, which has no {direction} rules"),
        };
        for Miss { direction, index, cause, .. } in misses {
            let _ = writeln!(text, "          spec.{direction}[{index}]: {}", miss::wording(cause));
        }
    }
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
    let subject = subject(step.at.as_ref());
    let verb = match step.verdict {
        Verdict::Allow => "allowed",
        Verdict::Deny => "denied",
    };
    match &step.reason {
        Reason::Rule { direction, tier, policy, index } => format!(
            "{direction} of {subject}: {verb} by spec.{direction}[{index}] of {} in tier {tier}",
            policy_with_place(policy, directory)
        ),
        Reason::EndOfTier { direction, tier, .. } => {
            format!(
                "{direction} of {subject}: {verb} at the end of tier {tier}: these policies select it, and none of their rules matches:"
            )
        }
        Reason::StandIn { direction, policy } => {
            format!(
                "{direction} of {subject}: {verb} by the closed stand-in of {}",
                policy_with_place(policy, directory)
            )
        }
        Reason::Profile { direction } => {
            format!("{direction} of {subject}: {verb} by profile: {}", profile(step.verdict))
        }
        Reason::Builtin { direction: Some(direction), role } => {
            format!("{direction} of {subject}: {verb} by {}", builtin(*role, step.verdict))
        }
        Reason::Builtin { direction: None, role } => {
            format!("{verb} by {}", builtin(*role, step.verdict))
        }
        Reason::Loopback => {
            format!("{verb} by loopback: {subject} to itself, which never leaves its network namespace")
        }
    }
}

/// Whose direction it is.
fn subject(at: Option<&Place>) -> String {
    match at {
        Some(Place::Pod(pod)) => pod.to_string(),
        Some(Place::HostEndpoint { node, name }) => format!("host endpoint {name} of node {node}"),
        None => "the pod".to_owned(),
    }
}

fn profile(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "no policy governs it, or every tier passes it on",
        Verdict::Deny => "its namespace does not exist, or the pod could not be understood",
    }
}

fn builtin(role: Builtin, verdict: Verdict) -> String {
    let meaning = match (role, verdict) {
        (Builtin::NoPolicy, _) => "no policy governs either end",
        (Builtin::HostToOwnPod, _) => "what a node sends to its own pods is never policed",
        (Builtin::EndpointToHost, _) => "the action for a pod's traffic to its own node",
        (Builtin::SourceAddress, _) => "a pod sends from its own addresses only",
        (Builtin::UnknownInterface, _) => "no pod of the node is known at its interface",
        (Builtin::NeighbourDiscovery, _) => "nodes must hear discovery messages of their neighbours",
        (Builtin::Established | Builtin::Invalid, _) => "what connection tracking says of the packet",
        (Builtin::Failsafe, _) => "a port that host endpoint policy cannot close",
        (Builtin::HostEndpointDefault, _) => "no policy and no profile of the host endpoint allows it",
        (Builtin::Translated, _) => "it is judged by the interface it really leaves by",
        (Builtin::PacketRate | Builtin::ConnectionLimit, _) => "a limit of the pod",
        (Builtin::Dscp, _) => "the mark of what a pod sends out of the cluster",
        (Builtin::Encapsulation, Verdict::Allow) => "nodes carry the traffic of pods to each other",
        (Builtin::Encapsulation, Verdict::Deny) => "pods send no encapsulated packets",
        (Builtin::NatOutgoing, _) => "the translation of what leaves the cluster",
        (Builtin::ServiceLoop, _) => "no service answers at this service address",
        (Builtin::FloatingAddress, _) => "an address that leads to a pod",
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
