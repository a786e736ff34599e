//! The objects that policy is about, as the border hands them to the core.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::{
    labels::Labels,
    name::{NamespaceName, NodeName, ObjectName, TierName},
    policy::{Policy, PolicyKey, Tier},
    port::NamedPort,
};

/// An object of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// A pod.
    Pod(Pod),
    /// A namespace.
    Namespace(Namespace),
    /// A service account.
    ServiceAccount(ServiceAccount),
    /// A node.
    Node(Node),
    /// A policy of any kind.
    Policy(Policy),
    /// A tier.
    Tier(Tier),
    /// A network set, namespaced or global.
    NetworkSet(NetworkSet),
}

/// The identity of a [`Resource`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKey {
    /// A pod.
    Pod(ObjectName),
    /// A namespace.
    Namespace(NamespaceName),
    /// A service account.
    ServiceAccount(ObjectName),
    /// A node.
    Node(NodeName),
    /// A policy.
    Policy(PolicyKey),
    /// A tier.
    Tier(TierName),
    /// A network set.
    NetworkSet(NetworkSetKey),
}

impl Resource {
    /// The identity of this object.
    pub fn key(&self) -> ResourceKey {
        match self {
            Self::Pod(pod) => ResourceKey::Pod(pod.name.clone()),
            Self::Namespace(namespace) => ResourceKey::Namespace(namespace.name.clone()),
            Self::ServiceAccount(account) => ResourceKey::ServiceAccount(account.name.clone()),
            Self::Node(node) => ResourceKey::Node(node.name.clone()),
            Self::Policy(policy) => ResourceKey::Policy(policy.key.clone()),
            Self::Tier(tier) => ResourceKey::Tier(tier.name.clone()),
            Self::NetworkSet(set) => ResourceKey::NetworkSet(set.key.clone()),
        }
    }
}

impl std::fmt::Display for ResourceKey {
    /// `Pod default/web-0`, `Namespace default`, `GlobalNetworkPolicy default-deny`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pod(name) => write!(f, "Pod {name}"),
            Self::Namespace(name) => write!(f, "Namespace {name}"),
            Self::ServiceAccount(name) => write!(f, "ServiceAccount {name}"),
            Self::Node(name) => write!(f, "Node {name}"),
            Self::Policy(PolicyKey { kind, namespace: Some(namespace), name }) => {
                write!(f, "{} {namespace}/{name}", kind.as_str())
            }
            Self::Policy(PolicyKey { kind, namespace: None, name }) => write!(f, "{} {name}", kind.as_str()),
            Self::Tier(name) => write!(f, "Tier {name}"),
            Self::NetworkSet(NetworkSetKey { namespace: Some(namespace), name }) => {
                write!(f, "NetworkSet {namespace}/{name}")
            }
            Self::NetworkSet(NetworkSetKey { namespace: None, name }) => write!(f, "GlobalNetworkSet {name}"),
        }
    }
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Namespace and name.
    pub name: ObjectName,
    /// The node it runs on; none while it is unscheduled.
    pub node: Option<NodeName>,
    /// How it takes part in networking.
    pub state: PodState,
    /// Its own labels as selectors see them: user labels less the reserved prefixes `pcns.` and `pcsa.`, plus `projectcalico.org/namespace`,
    /// `projectcalico.org/orchestrator` and, if a service account is named, `projectcalico.org/serviceaccount`.
    pub labels: Labels,
    /// Its service account, whose labels it inherits with the prefix `pcsa.`.
    pub service_account: Option<Arc<str>>,
    /// Its addresses, of either family.
    pub addresses: Vec<IpAddr>,
    /// The ports that its containers and init containers name.
    pub ports: Vec<NamedPort>,
}

/// How a pod takes part in networking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    /// It has an interface of its own: a subject of policy on its node, a peer everywhere.
    Active,
    /// It shares the network of its node: neither subject nor peer.
    HostNetwork,
    /// It has come to its end and owns no address any more.
    Finished,
    /// The object could not be understood: no peer, and its interface on the node stays closed.
    Unintelligible,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: NamespaceName,
    /// Its labels, with `kubernetes.io/metadata.name` and `projectcalico.org/name` always set to its name. Endpoints inherit them with the prefix `pcns.`.
    pub labels: Labels,
}

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Namespace and name.
    pub name: ObjectName,
    /// Its labels, with `projectcalico.org/name` always set to its name. Pods inherit them with the prefix `pcsa.`.
    pub labels: Labels,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses (`status.addresses` that are IP addresses).
    pub addresses: Vec<IpAddr>,
}

/// The identity of a network set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkSetKey {
    /// The namespace of a NetworkSet; none for a GlobalNetworkSet.
    pub namespace: Option<NamespaceName>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

/// A set of networks that selectors find by labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSet {
    /// Namespace and name.
    pub key: NetworkSetKey,
    /// Its own labels as selectors see them: user labels less the reserved ones, plus `projectcalico.org/namespace` if it has one. A NetworkSet also
    /// inherits the labels of its namespace with the prefix `pcns.`.
    pub labels: Labels,
    /// Its networks, host bits cleared.
    pub nets: Vec<IpNet>,
}
