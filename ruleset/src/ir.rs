//! The intermediate form: all policy that concerns one node, resolved, and still free of the words of any dataplane.
//!
//! A [`NodePolicy`] is a map from keys to immutable units behind `Arc`. A unit that did not change is the same pointer as before; the maps share
//! structure between versions, so that finding the difference of two versions costs what differs.

mod host;

pub use host::{HostEndpoint, HostInterface, Surroundings};

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use imbl::{OrdMap, OrdSet};
use ipnet::IpNet;

use crate::{
    address::PerFamily,
    name::{HostEndpointName, InterfaceName, ObjectName, PortName, TierName},
    net_set::NetSet,
    policy::{Action, Direction, PerDirection, PolicyKey, TierAction, Traffic},
    port::{Port, PortRange},
    protocol::Protocol,
    resource::Limits,
    selector::SelectorId,
    settings::Settings,
};

/// All policy that concerns one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePolicy {
    /// The endpoints of this node, by pod.
    pub endpoints: OrdMap<ObjectName, Arc<Endpoint>>,
    /// The policies that select at least one of them.
    pub policies: OrdMap<PolicyKey, Arc<ActivePolicy>>,
    /// The address sets that these policies refer to.
    pub address_sets: OrdMap<AddressSetKey, Arc<AddressSet>>,
    /// The host endpoints of this node, by name.
    pub host_endpoints: OrdMap<HostEndpointName, Arc<HostEndpoint>>,
    /// The network around it.
    pub surroundings: Arc<Surroundings>,
    /// Its settings.
    pub settings: Arc<Settings>,
}

/// An endpoint of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The pod.
    pub pod: ObjectName,
    /// Its interface on the node. Where two pods claim one interface, the one after which it is named has it, else the lesser
    /// pod name; the other is no endpoint.
    pub interface: InterfaceName,
    /// The addresses it may send from.
    pub addresses: BTreeSet<IpAddr>,
    /// Networks that it may send from besides.
    pub allowed_sources: BTreeSet<IpNet>,
    /// Limits on its traffic, which count for established flows too.
    pub limits: PerDirection<Limits>,
    /// The DSCP of what it sends out of the cluster.
    pub dscp: Option<u8>,
    /// Floating addresses, each with the pod's address that it leads to. Of several pods that claim one, the least name has it.
    pub floating: BTreeMap<IpAddr, IpAddr>,
    /// What decides about traffic towards it.
    pub ingress: Verdicts,
    /// What decides about traffic from it.
    pub egress: Verdicts,
}

impl Endpoint {
    /// What decides about a direction.
    pub fn verdicts(&self, direction: Direction) -> &Verdicts {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// What decides about one direction of an endpoint's traffic: tiers in order, then the profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdicts {
    /// The tiers that have at least one policy that selects the endpoint and governs the direction.
    pub tiers: Vec<TierStep>,
    /// What happens to a packet that every tier passed on, or that no tier governs.
    pub profile: Profile,
}

/// One tier of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TierStep {
    /// The tier.
    pub tier: TierName,
    /// Its policies that select the endpoint and govern the direction, in order; never empty.
    pub policies: Vec<PolicyKey>,
    /// What happens to a packet that none of them decided.
    pub end: TierAction,
}

/// What stands behind the last tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// The namespace's profile admits everything.
    Allow,
    /// There is no such namespace, or the endpoint could not be understood: closed.
    Deny,
}

/// A policy that governs at least one endpoint of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivePolicy {
    /// Its identity.
    pub key: PolicyKey,
    /// Its tier.
    pub tier: TierName,
    /// The directions it governs.
    pub directions: BTreeSet<Direction>,
    /// Whom it governs here; never empty.
    pub subjects: BTreeSet<SubjectKind>,
    /// Rules for traffic towards its subject.
    pub ingress: Vec<Rule>,
    /// Rules for traffic from its subject.
    pub egress: Vec<Rule>,
}

impl ActivePolicy {
    /// The rules of a direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// What a policy governs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// Endpoints of pods.
    Pod,
    /// Host endpoints.
    Host,
}

/// A rule whose selectors have become address sets. All parts are ANDed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What happens on a match.
    pub action: Action,
    /// Its place in the rule list of the API object, from 0.
    pub index: u32,
    /// Family, protocol and ICMP.
    pub traffic: Traffic,
    /// What is asked of the sender.
    pub source: Entity,
    /// What is asked of the receiver.
    pub destination: Entity,
    /// Which destination it looks at.
    pub view: DestinationView,
}

impl Rule {
    /// Whether it stands here only for what pods dial (`nodeport_policy: consistent`).
    pub fn is_for_dialled_services(&self) -> bool {
        let by_front = |key: &AddressSetKey| matches!(key, AddressSetKey::ServiceFronts { .. });
        self.view == DestinationView::Dialled || self.destination.named_ports.iter().any(by_front)
    }
}

/// Which destination of a packet a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DestinationView {
    /// The one it has.
    #[default]
    Current,
    /// The one that was dialled, and only of packets whose destination this node has translated (`nodeport_policy: consistent`).
    Dialled,
}

/// What a rule asks of one end. All parts are ANDed, but `ports` and `named_ports` are one list: if either is not empty, the port must be in one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entity {
    /// The address lies in one of these. If the list is not empty and none is of the packet's family, the rule does not match.
    pub nets: Vec<IpNet>,
    /// The address lies in none of these. If the list is not empty and none is of the packet's family, the rule does not match.
    pub not_nets: Vec<IpNet>,
    /// The address is in each of these sets.
    pub sets: Vec<AddressSetKey>,
    /// The address is in none of these sets.
    pub not_sets: Vec<AddressSetKey>,
    /// The port is one of these numbers.
    pub ports: Vec<PortRange>,
    /// Address, protocol and port are in one of these sets.
    pub named_ports: Vec<AddressSetKey>,
    /// The port is none of these numbers.
    pub not_ports: Vec<PortRange>,
    /// Address, protocol and port are in none of these sets.
    pub not_named_ports: Vec<AddressSetKey>,
}

/// The identity of an address set, derived from what it holds, so that equal sets are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressSetKey {
    /// Addresses of the endpoints and network sets that a selector matches.
    Selector(SelectorId),
    /// Address, protocol and port of the endpoints that a selector matches and that name a port so.
    NamedPort {
        /// Which endpoints.
        selector: SelectorId,
        /// Only ports of this protocol; none: of TCP, UDP or SCTP.
        protocol: Option<Protocol>,
        /// The name of the port.
        port: PortName,
    },
    /// Addresses of the nodes that a selector matches by the labels of their Node objects.
    NodeAddresses(SelectorId),
    /// Addresses of the endpoints of a service.
    ServiceAddresses(ObjectName),
    /// Address, protocol and port of the endpoints of a service.
    ServicePorts(ObjectName),
    /// Address, protocol and port by which services are dialled (cluster, external, load balancer and node addresses) all of whose endpoints a rule's
    /// receiver includes (`nodeport_policy: consistent`). A service without endpoints is not among them.
    ServiceFronts {
        /// Which endpoints.
        selector: SelectorId,
        /// What else the receiver asks of them.
        receiver: Box<Receiver>,
    },
}

/// What a rule's receiver asks of an endpoint of a service besides that its selector matches. All parts are ANDed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receiver {
    /// This protocol; none: any.
    pub protocol: Option<Protocol>,
    /// The address lies in one of these; none: anywhere.
    pub nets: Vec<IpNet>,
    /// The address lies in none of these, of which one is of its family if there are any.
    pub not_nets: Vec<IpNet>,
    /// The port is one of these, by number or by the name that the endpoint's pod gave it; none: any.
    pub ports: Vec<Port>,
    /// The port is none of these.
    pub not_ports: Vec<Port>,
}

impl AddressSetKey {
    /// The selector whose endpoints (and, without a port, network sets) or nodes the set is about, if it is about a selector.
    pub fn selector(&self) -> Option<&SelectorId> {
        match self {
            Self::Selector(selector)
            | Self::NodeAddresses(selector)
            | Self::NamedPort { selector, .. }
            | Self::ServiceFronts { selector, .. } => Some(selector),
            Self::ServiceAddresses(_) | Self::ServicePorts(_) => None,
        }
    }
}

/// An address set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSet {
    /// The canonical text of its selector (and the name of the port), for people.
    pub description: Arc<str>,
    /// What it holds.
    pub members: Members,
}

/// What an address set holds. The sets share structure with their earlier versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// Addresses (as /32 and /128) and networks, as their owners gave them: they may overlap.
    Nets(PerFamily<NetSet>),
    /// Address, protocol and port.
    AddressPorts(PerFamily<OrdSet<AddressPort>>),
}

/// An address, a protocol and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressPort {
    /// The address.
    pub address: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}
