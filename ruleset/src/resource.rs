//! The objects that policy is about, as the border hands them to the core.

mod host_endpoint;
mod network;
mod service;

pub use host_endpoint::{HostEndpoint, HostEndpointState, HostInterface};
pub use network::{Configuration, ConfigurationScope, IpPool, PoolNat, PoolUse, ServiceRanges, Tunnel};
pub use service::{EndpointPort, EndpointSlice, Service, ServicePort};

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::{
    labels::Labels,
    name::{HostEndpointName, NamespaceName, NodeName, ObjectName, TierName},
    policy::{PerDirection, Policy, PolicyKey, Tier},
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
    /// A host endpoint.
    HostEndpoint(HostEndpoint),
    /// A service.
    Service(Service),
    /// Endpoints of a service.
    EndpointSlice(EndpointSlice),
    /// An address pool.
    IpPool(IpPool),
    /// Ranges of service addresses.
    ServiceRanges(ServiceRanges),
    /// Settings for nodes.
    Configuration(Configuration),
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
    /// A host endpoint.
    HostEndpoint(HostEndpointName),
    /// A service.
    Service(ObjectName),
    /// An EndpointSlice.
    EndpointSlice(ObjectName),
    /// An IPPool.
    IpPool(Arc<str>),
    /// A BGPConfiguration.
    ServiceRanges(Arc<str>),
    /// A FelixConfiguration.
    Configuration(Arc<str>),
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
            Self::HostEndpoint(endpoint) => ResourceKey::HostEndpoint(endpoint.name.clone()),
            Self::Service(service) => ResourceKey::Service(service.name.clone()),
            Self::EndpointSlice(slice) => ResourceKey::EndpointSlice(slice.name.clone()),
            Self::IpPool(pool) => ResourceKey::IpPool(pool.name.clone()),
            Self::ServiceRanges(ranges) => ResourceKey::ServiceRanges(ranges.name.clone()),
            Self::Configuration(configuration) => ResourceKey::Configuration(configuration.name.clone()),
        }
    }
}

impl ResourceKey {
    /// The namespace, if the kind has one, and the name.
    pub fn place(&self) -> (Option<NamespaceName>, Arc<str>) {
        match self {
            Self::Pod(name)
            | Self::ServiceAccount(name)
            | Self::Service(name)
            | Self::EndpointSlice(name) => (Some(name.namespace.clone()), Arc::clone(&name.name)),
            Self::Policy(key) => (key.namespace.clone(), Arc::clone(&key.name)),
            Self::NetworkSet(key) => (key.namespace.clone(), Arc::clone(&key.name)),
            Self::Namespace(name) => (None, name.as_str().into()),
            Self::Node(name) => (None, name.as_str().into()),
            Self::Tier(name) => (None, name.as_str().into()),
            Self::HostEndpoint(name) => (None, name.as_str().into()),
            Self::IpPool(name) | Self::ServiceRanges(name) | Self::Configuration(name) => {
                (None, Arc::clone(name))
            }
        }
    }

    /// The identity of another object of the same kind. A kind with namespaces keeps the one it has where none is given.
    #[must_use]
    pub fn at(&self, namespace: Option<NamespaceName>, name: Arc<str>) -> Self {
        let object = |own: &ObjectName, name| ObjectName {
            namespace: namespace.clone().unwrap_or_else(|| own.namespace.clone()),
            name,
        };
        match self {
            Self::Pod(own) => Self::Pod(object(own, name)),
            Self::ServiceAccount(own) => Self::ServiceAccount(object(own, name)),
            Self::Service(own) => Self::Service(object(own, name)),
            Self::EndpointSlice(own) => Self::EndpointSlice(object(own, name)),
            Self::Policy(own) => Self::Policy(PolicyKey { kind: own.kind, namespace, name }),
            Self::NetworkSet(_) => Self::NetworkSet(NetworkSetKey { namespace, name }),
            Self::Namespace(_) => Self::Namespace(NamespaceName::new(name)),
            Self::Node(_) => Self::Node(NodeName::new(name)),
            Self::Tier(_) => Self::Tier(TierName::new(name)),
            Self::HostEndpoint(_) => Self::HostEndpoint(HostEndpointName::new(name)),
            Self::IpPool(_) => Self::IpPool(name),
            Self::ServiceRanges(_) => Self::ServiceRanges(name),
            Self::Configuration(_) => Self::Configuration(name),
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
                write!(f, "{kind} {namespace}/{name}")
            }
            Self::Policy(PolicyKey { kind, namespace: None, name }) => write!(f, "{kind} {name}"),
            Self::Tier(name) => write!(f, "Tier {name}"),
            Self::NetworkSet(NetworkSetKey { namespace: Some(namespace), name }) => {
                write!(f, "NetworkSet {namespace}/{name}")
            }
            Self::NetworkSet(NetworkSetKey { namespace: None, name }) => write!(f, "GlobalNetworkSet {name}"),
            Self::HostEndpoint(name) => write!(f, "HostEndpoint {name}"),
            Self::Service(name) => write!(f, "Service {name}"),
            Self::EndpointSlice(name) => write!(f, "EndpointSlice {name}"),
            Self::IpPool(name) => write!(f, "IPPool {name}"),
            Self::ServiceRanges(name) => write!(f, "BGPConfiguration {name}"),
            Self::Configuration(name) => write!(f, "FelixConfiguration {name}"),
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
    /// Whether it is on its way out.
    pub tenure: Tenure,
    /// Its own labels as selectors see them: user labels less the reserved prefixes `pcns.` and `pcsa.`, plus `projectcalico.org/namespace`,
    /// `projectcalico.org/orchestrator` and, if a service account is named, `projectcalico.org/serviceaccount`.
    pub labels: Labels,
    /// Its service account, whose labels it inherits with the prefix `pcsa.`.
    pub service_account: Option<Arc<str>>,
    /// Its addresses, of either family.
    pub addresses: Vec<IpAddr>,
    /// The ports that its containers and init containers name.
    pub ports: Vec<NamedPort>,
    /// What its annotations ask for besides policy.
    pub extras: PodExtras,
}

/// Whether a pod is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// Nobody has asked for its end.
    Lasting,
    /// It is being deleted (`metadata.deletionTimestamp`). Its object may outlive its network by far, while another pod has its address already.
    Ending,
}

/// What annotations of a pod ask for besides policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodExtras {
    /// Limits on what it may send (`qos.projectcalico.org/egress…`) and receive (`…/ingress…`).
    pub limits: PerDirection<Limits>,
    /// `qos.projectcalico.org/dscp`: the DSCP of what it sends out of the cluster, 0 to 63.
    pub dscp: Option<u8>,
    /// `cni.projectcalico.org/allowedSourcePrefixes`: networks it may send from besides its addresses, if the settings permit it.
    pub allowed_sources: Vec<IpNet>,
    /// `cni.projectcalico.org/floatingIPs`: addresses that lead to it, if the settings permit it; each to its address of the same family.
    pub floating: Vec<IpAddr>,
}

/// Limits on one direction of a pod's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limits {
    /// Packets per second (`…PacketRate`).
    pub packets: Option<PacketRate>,
    /// Connections at the same time (`…MaxConnections`).
    pub connections: Option<u32>,
}

/// A limit on packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketRate {
    /// Packets per second, at least 1.
    pub per_second: u32,
    /// Packets that may come at once before the rate counts (`…PacketBurst`), at least 1; 5 by default.
    pub burst: u32,
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
