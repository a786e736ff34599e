//! The node's own addresses, by link.
//!
//! An address is the node's if the kernel has a local route to it (`RTN_LOCAL`), in whatever table: that is what makes a packet to it go to the input
//! hook. On a link that is down, IPv4 addresses are the node's all the same, and IPv6 addresses are not (RFC 1122 §3.3.4.2, the weak model). Broadcast, multicast and anycast addresses have routes of other types, and networks that are local as a whole are nobody's address.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};

/// A local route to a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalRoute {
    /// The address.
    pub address: IpAddr,
    /// The table: a link of a VRF has its address in the table of the VRF, and for a moment in two.
    pub table: u32,
}

/// Local routes by the index of their device.
#[derive(Debug, Default)]
pub struct LocalRoutes(BTreeMap<u32, BTreeSet<LocalRoute>>);

impl LocalRoutes {
    /// There is such a route.
    pub fn insert(&mut self, device: u32, route: LocalRoute) {
        self.0.entry(device).or_default().insert(route);
    }

    /// There is no such route.
    pub fn remove(&mut self, device: u32, route: &LocalRoute) {
        if let Some(routes) = self.0.get_mut(&device) {
            routes.remove(route);
        }
    }

    /// The device is down. Its IPv4 local routes stay; those of IPv6 go, and are announced when they come back.
    pub fn set_down(&mut self, device: u32) {
        if let Some(routes) = self.0.get_mut(&device) {
            routes.retain(|route| route.address.is_ipv4());
        }
    }

    /// The device is gone, and its routes with it.
    pub fn remove_device(&mut self, device: u32) {
        self.0.remove(&device);
    }

    /// The addresses of a device.
    pub fn addresses(&self, device: u32) -> impl Iterator<Item = IpAddr> {
        self.0.get(&device).into_iter().flatten().map(|route| route.address)
    }
}

/// The device and the address, if a route is local and leads to a single address.
pub fn local_route(message: &RouteMessage) -> Option<(u32, LocalRoute)> {
    let mut table = u32::from(message.header.table);
    let (mut address, mut device) = (None, None);
    for attribute in &message.attributes {
        if let RouteAttribute::Destination(RouteAddress::Inet(destination)) = attribute {
            address = Some(IpAddr::V4(*destination));
        } else if let RouteAttribute::Destination(RouteAddress::Inet6(destination)) = attribute {
            address = Some(IpAddr::V6(*destination));
        } else if let RouteAttribute::Oif(index) = attribute {
            device = Some(*index);
        } else if let RouteAttribute::Table(number) = attribute {
            table = *number;
        }
    }
    let address = address?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let applies =
        message.header.kind == RouteType::Local && message.header.destination_prefix_length == width;
    applies.then_some((device?, LocalRoute { address, table }))
}
