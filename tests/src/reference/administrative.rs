//! The policies of administrators, read by the words of network-policy-api: ClusterNetworkPolicy (`v1alpha2`, `v1beta1`), AdminNetworkPolicy and
//! BaselineAdminNetworkPolicy (`v1alpha1`); policy-model §1.5.
//!
//! Every object has one of a few fields at most places, and what has none of those that are known here has one that is not known: in doubt, the API wants
//! rules that accept to match nothing and all others to deny everything, which is how the reading that closes takes every rule in doubt.

mod peer;
mod port;
mod rule;

use serde_json::Value;

pub use rule::Rule;

use self::peer::Peer;
use super::{
    endpoint::Stage,
    field::{Field, List, has_only},
    pod::Pod,
    policy::{self, Action, Match, Policy},
    truth::Truth,
    world::{World, name_of},
};

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ClusterNetworkPolicy.
    Cluster,
    /// AdminNetworkPolicy.
    Admin,
    /// BaselineAdminNetworkPolicy.
    Baseline,
}

/// The pods that a policy selects: all that one of the two ways to select names.
#[derive(Debug)]
pub struct Subject {
    pods: Field<Peer>,
    understood: bool,
}

impl Subject {
    /// Whether it selects a pod.
    pub fn selects(&self, world: &World, pod: &Pod) -> Truth {
        let understood = if self.understood { Truth::Yes } else { Truth::Maybe };
        understood.and(match &self.pods {
            Field::Known(peer) => peer.is_of(world, pod),
            Field::Absent | Field::Doubtful => Truth::Maybe,
        })
    }
}

/// Reads a policy. Between tiers, §1.5: Admin, then NetworkPolicy, then Baseline; §4.1: a Baseline AdminNetworkPolicy after all others of its tier.
pub fn read(object: &Value, kind: Kind) -> Policy {
    let spec = &object["spec"];
    let (fields, name): (&[&str], _) = match kind {
        Kind::Cluster => {
            (&["tier", "priority", "subject", "ingress", "egress"], "KubernetesClusterNetworkPolicy")
        }
        Kind::Admin => (&["priority", "subject", "ingress", "egress"], "AdminNetworkPolicy"),
        Kind::Baseline => (&["subject", "ingress", "egress"], "BaselineAdminNetworkPolicy"),
    };
    let tier = match kind {
        Kind::Cluster => Field::of(spec, "tier", |tier| match tier.as_str()? {
            "Admin" => Some("kube-admin"),
            "Baseline" => Some("kube-baseline"),
            _ => None,
        }),
        Kind::Admin => Field::Known("kube-admin"),
        Kind::Baseline => Field::Known("kube-baseline"),
    };
    let order = match kind {
        Kind::Cluster | Kind::Admin => Field::of(spec, "priority", |priority| {
            priority.as_i64().filter(|priority| (0..=1000).contains(priority)).map(|priority| priority as f64)
        }),
        Kind::Baseline => Field::Known(1001.0),
    };
    let lists = ["ingress", "egress"].map(|field| List::of(spec, field, |rule| Some(rule.clone())));
    let rules = |index: usize, peers: &str| {
        let read = |rule: &Option<Value>| read_rule(rule.as_ref(), kind, peers);
        lists[index].0.iter().map(read).collect::<Vec<_>>()
    };
    let (ingress, egress) = (rules(0, "from"), rules(1, "to"));
    let named_right = kind != Kind::Baseline || name_of(object) == "default";
    let understood = spec.is_object() && has_only(spec, fields) && named_right;
    let subject = read_subject(spec, kind, understood);
    let has_rules = |list: &List<Value>| if spec.is_object() { list.has_entries() } else { Truth::Maybe };
    let subject_in_doubt = match &subject.pods {
        Field::Known(peer) => peer.is_doubtful(),
        Field::Absent | Field::Doubtful => true,
    };
    Policy {
        kind: name,
        namespace: None,
        name: name_of(object),
        displaced: tier.known().is_none() || order.known().is_none(),
        tier: tier.known().copied().unwrap_or("kube-admin").to_owned(),
        order: order.known().copied().unwrap_or(f64::INFINITY),
        stage: Stage::Local,
        doubtful: !understood || subject_in_doubt,
        directions_in_doubt: false,
        governs_ingress: has_rules(&lists[0]),
        governs_egress: has_rules(&lists[1]),
        subject: policy::Subject::Administrative(subject),
        ingress,
        egress,
    }
}

/// `namespaces` or `pods`, and not both.
fn read_subject(spec: &Value, kind: Kind, understood: bool) -> Subject {
    let pods = Field::of(spec, "subject", |subject| Peer::read(subject, &["namespaces", "pods"], kind));
    Subject { pods, understood }
}

/// Reads a rule of `ingress` (peers in `from`) or of `egress` (peers in `to`); none is given where the whole list is not understood.
fn read_rule(rule: Option<&Value>, kind: Kind, peers: &str) -> policy::Rule {
    let Some(rule) = rule.filter(|rule| rule.is_object()) else {
        return policy::Rule { action: Action::Doubtful, doubtful: true, matches: Match::Doubtful };
    };
    let action = match (rule["action"].as_str(), kind) {
        (Some("Accept"), Kind::Cluster) | (Some("Allow"), Kind::Admin | Kind::Baseline) => Action::Allow,
        (Some("Deny"), _) => Action::Deny,
        (Some("Pass"), Kind::Cluster | Kind::Admin) => Action::Pass,
        _ => Action::Doubtful,
    };
    let matches = Rule::read(rule, kind, peers);
    let doubtful = action == Action::Doubtful || matches.is_doubtful();
    policy::Rule { action, doubtful, matches: Match::Administrative(matches) }
}
