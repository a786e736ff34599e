//! A rule of a policy: an action and what it asks of a packet.

use ipnet::IpNet;

use crate::{
    address::Family,
    name::ObjectName,
    port::Port,
    protocol::{Icmp, Protocol},
    selector::Selector,
};

/// What a rule does with a packet that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Admit, and look no further in this direction.
    Allow,
    /// Drop.
    Deny,
    /// Go on with the next tier, or with the profiles after the last one.
    Pass,
    /// Write a log line and go on with the next rule.
    Log,
}

/// A rule. All parts are ANDed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What happens on a match.
    pub action: Action,
    /// Its place in the rule list of the API object, from 0. Several rules may share an index where one API rule becomes several.
    pub index: u32,
    /// Family, protocol and ICMP.
    pub traffic: Traffic,
    /// What is asked of the sender.
    pub source: Entity,
    /// What is asked of the receiver.
    pub destination: Entity,
}

/// What a rule asks of the packet besides its two ends. All parts are ANDed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Traffic {
    /// The rule exists in this family only. Inferred from a protocol given by the *name* ICMP or ICMPv6.
    pub family: Option<Family>,
    /// The protocol is this one.
    pub protocol: Option<Protocol>,
    /// The protocol is not this one.
    pub not_protocol: Option<Protocol>,
    /// The packet is such an ICMP message (of [`Self::protocol`] if given, else of the family's ICMP).
    pub icmp: Option<Icmp>,
    /// The packet is not such an ICMP message: NOT (type AND code). Packets of other protocols pass this test.
    pub not_icmp: Option<Icmp>,
}

/// What a rule asks of one end of the traffic. All parts are ANDed; an empty list asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entity {
    /// The address lies in one of these. If none is of the packet's family, the rule does not match.
    pub nets: Vec<IpNet>,
    /// The address lies in none of these. If the list is not empty and none is of the packet's family, the rule does not match.
    pub not_nets: Vec<IpNet>,
    /// The address is of an endpoint or network set that this selects.
    pub selector: Option<Selector>,
    /// The address is of no endpoint or network set that this selects.
    pub not_selector: Option<Selector>,
    /// The address is one of a node that this selects by the labels of its Node object.
    pub nodes: Option<Selector>,
    /// The port is one of these.
    pub ports: Vec<Port>,
    /// The port is none of these.
    pub not_ports: Vec<Port>,
    /// The end is an endpoint of this service: of a receiver, by address, protocol and port, and then nothing else is asked of it; of a sender, by address,
    /// and then nothing but its ports is asked besides (policy-model §1.1).
    pub service: Option<ObjectName>,
}
