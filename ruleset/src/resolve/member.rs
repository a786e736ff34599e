//! Members of address sets with reference counts.
//!
//! Two owners may give a set the same member: a new pod may have the address of one that is just going. The member stays until its last owner is gone.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    net::IpAddr,
};

use imbl::OrdSet;
use ipnet::IpNet;

use crate::{
    address::{Family, PerFamily},
    ir::{AddressPort, AddressSetKey, Members},
    name::PortName,
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
    /// A pod: host prefixes, and the ports it names.
    pub(super) fn of_pod(addresses: &[IpAddr], ports: Vec<NamedPort>) -> Self {
        Self { nets: addresses.iter().copied().map(IpNet::from).collect(), ports }
    }

    /// A network set: its networks, and no ports.
    pub(super) fn of_network_set(nets: Vec<IpNet>) -> Self {
        Self { nets: nets.into_iter().collect(), ports: Vec::new() }
    }

    fn address_ports(&self, protocol: Option<Protocol>, name: &PortName) -> BTreeSet<AddressPort> {
        let wanted = |port: &&NamedPort| {
            port.name == *name
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

/// The members of one set.
#[derive(Debug)]
pub(super) enum CountedMembers {
    /// Addresses and networks.
    Nets(Counted<IpNet>),
    /// The ports of this name, and of this protocol if one is given.
    AddressPorts(Option<Protocol>, PortName, Counted<AddressPort>),
}

impl CountedMembers {
    /// No members, of the kind that the key asks for.
    pub(super) fn empty(key: &AddressSetKey) -> Self {
        match key {
            AddressSetKey::Selector(_) => Self::Nets(Counted::default()),
            AddressSetKey::NamedPort { protocol, port, .. } => {
                Self::AddressPorts(*protocol, port.clone(), Counted::default())
            }
            AddressSetKey::ServiceAddresses(_)
            | AddressSetKey::ServicePorts(_)
            | AddressSetKey::ServiceFronts { .. } => Self::Nets(Counted::default()),
        }
    }

    /// An owner that gave `old` gives `new` from now on.
    pub(super) fn replace(&mut self, old: &Owner, new: &Owner) {
        match self {
            Self::Nets(members) => members.replace(&old.nets, &new.nets),
            Self::AddressPorts(protocol, name, members) => {
                members.replace(&old.address_ports(*protocol, name), &new.address_ports(*protocol, name));
            }
        }
    }

    /// The members as they are now, sharing structure with what was given out before.
    pub(super) fn snapshot(&self) -> Members {
        match self {
            Self::Nets(members) => Members::Nets(members.present.clone()),
            Self::AddressPorts(_, _, members) => Members::AddressPorts(members.present.clone()),
        }
    }
}

/// Values and how many owners each has.
#[derive(Debug)]
pub(super) struct Counted<T: Ord> {
    present: PerFamily<OrdSet<T>>,
    /// Owners beyond the first, of members that have several.
    further_owners: HashMap<T, usize>,
}

impl<T: Clone + Ord> Default for Counted<T> {
    fn default() -> Self {
        Self { present: PerFamily::from_fn(|_| OrdSet::new()), further_owners: HashMap::new() }
    }
}

impl<T: Member> Counted<T> {
    fn replace(&mut self, old: &BTreeSet<T>, new: &BTreeSet<T>) {
        new.difference(old).for_each(|member| self.insert(*member));
        old.difference(new).for_each(|member| self.remove(member));
    }

    fn insert(&mut self, member: T) {
        let present = self.present.get_mut(member.family());
        if present.contains(&member) {
            *self.further_owners.entry(member).or_default() += 1;
        } else {
            present.insert(member);
        }
    }

    fn remove(&mut self, member: &T) {
        match self.further_owners.get_mut(member) {
            Some(1) => drop(self.further_owners.remove(member)),
            Some(count) => *count -= 1,
            None => drop(self.present.get_mut(member.family()).remove(member)),
        }
    }
}

/// What can be a member of a set.
pub(super) trait Member: Copy + Ord + Hash {
    /// The family in which it is programmed.
    fn family(&self) -> Family;
}

impl Member for IpNet {
    fn family(&self) -> Family {
        Family::of_net(self)
    }
}

impl Member for AddressPort {
    fn family(&self) -> Family {
        Family::of(&self.address)
    }
}
