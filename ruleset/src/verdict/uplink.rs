//! The interfaces by which a node reaches the network, where nobody has looked.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    ir::{HostInterface, NodePolicy},
    links::{InterfacePrefix, uplink},
    name::InterfaceName,
    resource::{Resource, ResourceKey},
    store::Store,
};

/// The interfaces towards the network, as host endpoints let one assume them.
///
/// An address of the node is on the interface of the host endpoint that expects it, the least name first, those that name their interface before those that
/// do not. All else comes and goes by one uplink: the interface that bears the first of the node's addresses of which this is known, else the only one that
/// a host endpoint names, else one of the name that the resolver assumes ([`uplink`]), which is governed by a host endpoint of all interfaces, if by any.
#[derive(Clone, Debug)]
pub(super) struct Uplinks {
    bearers: BTreeMap<IpAddr, InterfaceName>,
    main: InterfaceName,
}

impl Uplinks {
    /// The interfaces of a node with these addresses.
    pub(super) fn assumed(
        policy: &NodePolicy,
        addresses: &[IpAddr],
        store: &Store,
        prefixes: &[InterfacePrefix],
    ) -> Self {
        let fallback = uplink(prefixes);
        let mut named = Vec::new();
        let mut expecting = Vec::new();
        for endpoint in policy.host_endpoints.values() {
            let HostInterface::Named(interface) = &endpoint.interface else { continue };
            let object = match store.get(&ResourceKey::HostEndpoint(endpoint.name.clone())) {
                Some(Resource::HostEndpoint(object)) => Some(object),
                _ => None,
            };
            let has_name = object
                .is_none_or(|object| matches!(object.interface, crate::resource::HostInterface::Named(_)));
            let Some(interface) = interface.first() else { continue };
            if has_name {
                named.push(interface);
            }
            let expected = object.map(|object| object.expected_addresses.as_slice()).unwrap_or_default();
            expecting.push((!has_name, interface, expected));
        }
        expecting.sort_by_key(|(by_address, ..)| *by_address);
        let mut bearers = BTreeMap::new();
        for (_, interface, expected) in expecting {
            for address in expected {
                bearers.entry(*address).or_insert_with(|| interface.clone());
            }
        }
        let main = addresses.iter().find_map(|address| bearers.get(address)).or(match named.as_slice() {
            [only] => Some(*only),
            [] | [_, _, ..] => None,
        });
        Self { main: main.cloned().unwrap_or(fallback), bearers }
    }

    /// The interface for a packet from or to this address of the node; for what it forwards, the uplink.
    pub(super) fn bearing(&self, address: Option<IpAddr>) -> &InterfaceName {
        address.and_then(|address| self.bearers.get(&address)).unwrap_or(&self.main)
    }
}
