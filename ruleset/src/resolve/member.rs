//! Members of address sets with reference counts.
//!
//! Two owners may give a set the same member: a new pod may have the address of one that is just going. The member stays until its last owner is gone.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Debug,
    hash::Hash,
    net::IpAddr,
};

use imbl::OrdSet;
use ipnet::IpNet;

use super::{front::Fronts, nets::Nets, service::Services};
use crate::{
    address::{Family, PerFamily},
    ir::{AddressPort, AddressSetKey, Members, Receiver},
    name::PortName,
    net_set::NetSet,
    port::NamedPort,
    protocol::Protocol,
};

/// What an endpoint or network set gives to the sets that select it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    nets: BTreeSet<IpNet>,
    ports: Vec<NamedPort>,
}

impl Owner {
    /// An endpoint: host prefixes, and the ports it names.
    pub(super) fn of_endpoint(addresses: &[IpAddr], ports: Vec<NamedPort>) -> Self {
        Self { nets: addresses.iter().copied().map(IpNet::from).collect(), ports }
    }

    /// A network set: its networks, and no ports.
    pub(super) fn of_network_set(nets: Vec<IpNet>) -> Self {
        Self { nets: nets.into_iter().collect(), ports: Vec::new() }
    }

    /// An owner that was kept in parts.
    pub(super) fn of_parts(nets: &Nets, ports: &[NamedPort]) -> Self {
        Self { nets: nets.to_set(), ports: ports.to_vec() }
    }

    /// The ports it names.
    pub(super) fn ports(&self) -> &[NamedPort] {
        &self.ports
    }

    /// Its networks.
    pub(super) fn nets(&self) -> &BTreeSet<IpNet> {
        &self.nets
    }

    /// Its ports of one of these names, and of this protocol if one is given.
    pub(super) fn address_ports(
        &self,
        protocol: Option<Protocol>,
        names: &[PortName],
    ) -> BTreeSet<AddressPort> {
        let wanted = |port: &&NamedPort| {
            names.contains(&port.name)
                && port.protocol.has_ports()
                && protocol.is_none_or(|wanted| port.protocol == wanted)
        };
        let at_each_address = |port: &NamedPort| {
            let (protocol, port) = (port.protocol, port.port);
            self.nets.iter().map(move |net| AddressPort { address: net.addr(), protocol, port })
        };
        self.ports.iter().filter(wanted).flat_map(at_each_address).collect()
    }
}

/// The members of a set that a selector makes.
#[derive(Debug)]
pub(super) enum CountedMembers {
    /// Addresses and networks.
    Nets(Counted<IpNet>),
    /// The ports of this name, and of this protocol if one is given.
    AddressPorts(Option<Protocol>, PortName, Counted<AddressPort>),
    /// Ports of services.
    Fronts(Box<Fronts>),
}

impl CountedMembers {
    /// No members, of the kind that the key asks for; none for a key without a selector.
    pub(super) fn empty(key: &AddressSetKey) -> Option<Self> {
        match key {
            AddressSetKey::Selector(_) => Some(Self::Nets(Counted::default())),
            AddressSetKey::NamedPort { protocol, port, .. } => {
                Some(Self::AddressPorts(*protocol, port.clone(), Counted::default()))
            }
            AddressSetKey::ServiceFronts { receiver, .. } => {
                Some(Self::Fronts(Box::new(Fronts::new(Receiver::clone(receiver)))))
            }
            AddressSetKey::NodeAddresses(_)
            | AddressSetKey::ServiceAddresses(_)
            | AddressSetKey::ServicePorts(_) => None,
        }
    }

    /// An owner that gave `old` gives `new` from now on.
    pub(super) fn replace(&mut self, old: &Owner, new: &Owner, services: &Services) {
        match self {
            Self::Nets(members) => drop(members.replace(&old.nets, &new.nets)),
            Self::AddressPorts(protocol, name, members) => {
                let ports = |owner: &Owner| owner.address_ports(*protocol, std::slice::from_ref(name));
                members.replace(&ports(old), &ports(new));
            }
            Self::Fronts(fronts) => fronts.replace(old, new, services),
        }
    }

    /// The members as they are now, sharing structure with what was given out before.
    pub(super) fn snapshot(&self) -> Members {
        match self {
            Self::Nets(members) => Members::Nets(members.present.clone()),
            Self::AddressPorts(_, _, members) => Members::AddressPorts(members.present.clone()),
            Self::Fronts(fronts) => Members::AddressPorts(fronts.members().present.clone()),
        }
    }
}

/// Values and how many owners each has.
#[derive(Debug)]
pub(super) struct Counted<T: Member> {
    present: PerFamily<T::Set>,
    /// Owners beyond the first, of members that have several.
    further_owners: HashMap<T, usize>,
}

impl<T: Member> Default for Counted<T> {
    fn default() -> Self {
        Self { present: PerFamily::from_fn(|_| T::Set::default()), further_owners: HashMap::new() }
    }
}

impl<T: Member> Counted<T> {
    /// An owner that gave `old` gives `new` from now on. Returns what is a member now and was none, and what was one and is none now.
    pub(super) fn replace(&mut self, old: &BTreeSet<T>, new: &BTreeSet<T>) -> Vec<T> {
        let mut changed: Vec<T> =
            new.difference(old).copied().filter(|member| self.insert(*member)).collect();
        changed.extend(old.difference(new).copied().filter(|member| self.remove(member)));
        changed
    }

    /// The members as they are now.
    pub(super) fn present(&self) -> &PerFamily<T::Set> {
        &self.present
    }

    /// Whether this is a member.
    pub(super) fn contains(&self, member: &T) -> bool {
        self.present.get(member.family()).holds(member)
    }

    /// One more owner. Tells whether the member is new.
    fn insert(&mut self, member: T) -> bool {
        let is_new = self.present.get_mut(member.family()).add(member);
        if !is_new {
            *self.further_owners.entry(member).or_default() += 1;
        }
        is_new
    }

    /// One owner less. Tells whether it was the last.
    fn remove(&mut self, member: &T) -> bool {
        match self.further_owners.get_mut(member) {
            Some(1) => {
                self.further_owners.remove(member);
                false
            }
            Some(count) => {
                *count -= 1;
                false
            }
            None => self.present.get_mut(member.family()).take_out(member),
        }
    }
}

/// What can be a member of a set.
pub(super) trait Member: Copy + Debug + Ord + Hash {
    /// A set of them that shares structure with its earlier versions.
    type Set: MemberSet<Self>;

    /// The family in which it is programmed.
    fn family(&self) -> Family;
}

/// A set of members.
pub(super) trait MemberSet<T>: Clone + Debug + Default {
    /// Whether this is a member.
    fn holds(&self, member: &T) -> bool;

    /// Adds a member. Whether it is new.
    fn add(&mut self, member: T) -> bool;

    /// Takes a member out. Whether it was there.
    fn take_out(&mut self, member: &T) -> bool;
}

impl Member for IpNet {
    type Set = NetSet;

    fn family(&self) -> Family {
        Family::of_net(self)
    }
}

impl MemberSet<IpNet> for NetSet {
    fn holds(&self, member: &IpNet) -> bool {
        self.contains(member)
    }

    fn add(&mut self, member: IpNet) -> bool {
        self.insert(member)
    }

    fn take_out(&mut self, member: &IpNet) -> bool {
        self.remove(member)
    }
}

impl Member for AddressPort {
    type Set = OrdSet<Self>;

    fn family(&self) -> Family {
        Family::of(&self.address)
    }
}

impl MemberSet<AddressPort> for OrdSet<AddressPort> {
    fn holds(&self, member: &AddressPort) -> bool {
        self.contains(member)
    }

    fn add(&mut self, member: AddressPort) -> bool {
        // An element that is there already is left alone, so that no node is copied for it.
        let is_new = !self.contains(&member);
        if is_new {
            self.insert(member);
        }
        is_new
    }

    fn take_out(&mut self, member: &AddressPort) -> bool {
        self.remove(member).is_some()
    }
}
