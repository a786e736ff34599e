//! The kernel's links, host routes and local routes, kept by its notifications.
//!
//! What the notifications leave unsaid, and is therefore known here:
//! * IPv4 routes of a device that is deleted or set down vanish without a word (`fib_sync_down_dev`).
//! * A route that replaces another is announced with `NLM_F_REPLACE`; the deletion of the other is not.
//! * A bridge announces its ports as links of family `AF_BRIDGE`; such a link leaves when the port does, while the device stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ferrule_ruleset::{links::ObservedLinks, name::InterfaceName};
use imbl::OrdSet;
use netlink_packet_route::{
    AddressFamily,
    link::{LinkAttribute, LinkFlags, LinkMessage},
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType},
};

use super::address::{LocalRoutes, local_route};

/// Links by index and host routes by destination.
#[derive(Debug, Default)]
pub struct Table {
    /// The links whose addresses are nobody's business.
    excluded: BTreeSet<InterfaceName>,
    links: BTreeMap<u32, InterfaceName>,
    routes: BTreeMap<IpAddr, BTreeSet<HostRoute>>,
    local: LocalRoutes,
    observed: ObservedLinks,
}

/// Whether a new route takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// It stands beside the others.
    Nothing,
    /// It replaces the one of the same destination, priority and type of service.
    SameKey,
}

/// A host route to a destination. The kernel prefers the one of the least priority number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct HostRoute {
    priority: u32,
    tos: u8,
    device: u32,
}

impl Table {
    /// An empty table that shows no addresses of these links.
    pub fn new(excluded: BTreeSet<InterfaceName>) -> Self {
        Self { excluded, ..Self::default() }
    }

    /// What policy needs to know of it.
    pub fn observed(&self) -> &ObservedLinks {
        &self.observed
    }

    /// The link is now this.
    pub fn set_link(&mut self, link: &LinkMessage) {
        if link.header.interface_family != AddressFamily::Unspec {
            return;
        }
        let name = link.attributes.iter().find_map(|attribute| {
            if let LinkAttribute::IfName(name) = attribute {
                Some(InterfaceName::new(name.as_str()))
            } else {
                None
            }
        });
        let index = link.header.index;
        if let Some(name) = name
            && self.links.get(&index) != Some(&name)
        {
            self.drop_name(index);
            self.observed.names.insert(name.clone());
            self.links.insert(index, name);
            self.show_routes_of(index);
            self.show_addresses(index);
        }
        if !link.header.flags.contains(LinkFlags::Up) {
            self.drop_routes_of(index);
            self.local.set_down(index);
            self.show_addresses(index);
        }
    }

    /// The link is gone.
    pub fn remove_link(&mut self, link: &LinkMessage) {
        if link.header.interface_family == AddressFamily::Unspec {
            self.drop_name(link.header.index);
            self.drop_routes_of(link.header.index);
            self.local.remove_device(link.header.index);
        }
    }

    /// There is such a route.
    pub fn add_route(&mut self, message: &RouteMessage, replaces: Replaces) {
        if let Some((device, route)) = local_route(message) {
            self.local.insert(device, route);
            return self.show_addresses(device);
        }
        let Some((destination, route)) = host_route(message) else { return };
        let routes = self.routes.entry(destination).or_default();
        if replaces == Replaces::SameKey {
            routes.retain(|old| (old.priority, old.tos) != (route.priority, route.tos));
        }
        routes.insert(route);
        self.show_route(destination);
    }

    /// There is no such route.
    pub fn remove_route(&mut self, message: &RouteMessage) {
        if let Some((device, route)) = local_route(message) {
            self.local.remove(device, &route);
            return self.show_addresses(device);
        }
        let Some((destination, route)) = host_route(message) else { return };
        if let Some(routes) = self.routes.get_mut(&destination) {
            routes.remove(&route);
            self.show_route(destination);
        }
    }

    fn drop_name(&mut self, index: u32) {
        if let Some(name) = self.links.remove(&index)
            && !self.links.values().any(|other| *other == name)
        {
            self.observed.names.remove(&name);
            self.observed.addresses.remove(&name);
        }
    }

    fn drop_routes_of(&mut self, device: u32) {
        for destination in self.destinations_of(device) {
            if let Some(routes) = self.routes.get_mut(&destination) {
                routes.retain(|route| route.device != device);
            }
            self.show_route(destination);
        }
    }

    fn show_routes_of(&mut self, device: u32) {
        for destination in self.destinations_of(device) {
            self.show_route(destination);
        }
    }

    /// Brings what is observed of the addresses of a link in line with its local routes.
    fn show_addresses(&mut self, device: u32) {
        let Some(name) = self.links.get(&device).filter(|name| !self.excluded.contains(*name)) else {
            return;
        };
        let addresses: OrdSet<IpAddr> = self.local.addresses(device).collect();
        if addresses.is_empty() {
            self.observed.addresses.remove(name);
        } else if self.observed.addresses.get(name) != Some(&addresses) {
            self.observed.addresses.insert(name.clone(), addresses);
        }
    }

    fn destinations_of(&self, device: u32) -> Vec<IpAddr> {
        let leads_there = |routes: &BTreeSet<HostRoute>| routes.iter().any(|route| route.device == device);
        self.routes
            .iter()
            .filter(|(_, routes)| leads_there(routes))
            .map(|(destination, _)| *destination)
            .collect()
    }

    /// Brings what is observed of a destination in line with its routes.
    fn show_route(&mut self, destination: IpAddr) {
        let routes = self.routes.get(&destination);
        match routes.and_then(BTreeSet::first).and_then(|route| self.links.get(&route.device)) {
            Some(name) if self.observed.routes.get(&destination) == Some(name) => {}
            Some(name) => drop(self.observed.routes.insert(destination, name.clone())),
            None => drop(self.observed.routes.remove(&destination)),
        }
        if routes.is_some_and(BTreeSet::is_empty) {
            self.routes.remove(&destination);
        }
    }
}

/// The destination and way of a unicast route to a single address through a device, in the main table.
fn host_route(message: &RouteMessage) -> Option<(IpAddr, HostRoute)> {
    let header = &message.header;
    let mut destination = None;
    let mut device = None;
    let mut priority = 0;
    let mut table = u32::from(header.table);
    for attribute in &message.attributes {
        if let RouteAttribute::Destination(RouteAddress::Inet(address)) = attribute {
            destination = Some(IpAddr::V4(*address));
        } else if let RouteAttribute::Destination(RouteAddress::Inet6(address)) = attribute {
            destination = Some(IpAddr::V6(*address));
        } else if let RouteAttribute::Oif(index) = attribute {
            device = Some(*index);
        } else if let RouteAttribute::Gateway(_) | RouteAttribute::Via(_) | RouteAttribute::MultiPath(_) =
            attribute
        {
            // The pod is behind another host, not behind this device.
            return None;
        } else if let RouteAttribute::Priority(number) = attribute {
            priority = *number;
        } else if let RouteAttribute::Table(number) = attribute {
            table = *number;
        }
    }
    let destination = destination?;
    let width = if destination.is_ipv4() { 32 } else { 128 };
    let applies = header.kind == RouteType::Unicast
        && header.destination_prefix_length == width
        && table == u32::from(RouteHeader::RT_TABLE_MAIN);
    applies.then_some((destination, HostRoute { priority, tos: header.tos, device: device? }))
}
