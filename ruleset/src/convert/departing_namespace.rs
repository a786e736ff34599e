//! A namespace that was found under deletion, of whose policies nobody knows how many are gone already.

use super::{pods::of_pods, selectors::Scope};
use crate::{
    name::{NamespaceName, TierName},
    policy::{Direction, Order, Policy, PolicyKey, PolicyKind, Stage},
};

/// No object of the API can have this name, as it has a capital letter.
const NAME: &str = "Terminating";

/// The identity of the stand-in for the policies of a namespace that may be gone.
pub fn departing_namespace_key(namespace: &NamespaceName) -> PolicyKey {
    PolicyKey {
        kind: PolicyKind::KubernetesNetworkPolicy,
        namespace: Some(namespace.clone()),
        name: NAME.into(),
    }
}

/// The stand-in for the policies of a namespace that may be gone: it isolates all pods of the namespace and allows nothing. What the policies that are
/// left allow, they still do, as it stands among policies of Kubernetes.
pub fn departing_namespace(namespace: &NamespaceName) -> Policy {
    Policy {
        key: departing_namespace_key(namespace),
        tier: TierName::new("default"),
        order: Order::new(super::kubernetes_network_policy::ORDER).unwrap_or_default(),
        stage: Stage::Local,
        subject: of_pods(Scope::Namespace(namespace).term()),
        directions: Direction::ALL.into(),
        ingress: Vec::new(),
        egress: Vec::new(),
    }
}
