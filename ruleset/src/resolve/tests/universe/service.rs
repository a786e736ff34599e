//! Services and slices of their endpoints.

use proptest::{collection, prelude::*, sample::select};

use super::{PORT_NAMES, PROTOCOLS, SERVICES, some_addresses};
use crate::{
    resolve::tests::fixture::*,
    resource::{EndpointPort, EndpointSlice, Resource, Service, ServicePort},
};

pub(super) fn some_service() -> impl Strategy<Value = Resource> {
    let port =
        (select(&PORT_NAMES[..]), select(&PROTOCOLS[..2]), prop::option::of(30_080_u16..30_082)).prop_map(
            |(name, protocol, node_port)| ServicePort { name: name.into(), protocol, port: 80, node_port },
        );
    (select(&SERVICES[..]), some_addresses(0..3), collection::vec(port, 0..3)).prop_map(
        |(name, addresses, ports)| {
            let addresses = addresses.into_iter().collect();
            Resource::Service(Service { name: object(name), addresses, ports })
        },
    )
}

pub(super) fn some_slice() -> impl Strategy<Value = Resource> {
    let port = (select(&PORT_NAMES[..]), select(&PROTOCOLS[..2]), 80_u16..82)
        .prop_map(|(name, protocol, port)| EndpointPort { name: name.into(), protocol, port });
    (
        select(&["m/web-1", "m/web-2", "n/web-1"][..]),
        prop_oneof![6 => select(&SERVICES[..]).prop_map(Some), 1 => Just(None)],
        some_addresses(0..3),
        collection::vec(port, 0..3),
    )
        .prop_map(|(name, service, addresses, ports)| {
            let (name, service) = (object(name), service.map(object));
            Resource::EndpointSlice(EndpointSlice {
                name,
                service,
                addresses: addresses.into_iter().collect(),
                ports,
            })
        })
}
