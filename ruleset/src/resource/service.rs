//! Services (`v1`) and their endpoints (`discovery.k8s.io/v1` EndpointSlice).

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use crate::{name::ObjectName, protocol::Protocol};

/// A service, as far as its addresses go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Namespace and name.
    pub name: ObjectName,
    /// `spec.clusterIPs` (or `clusterIP`), `spec.externalIPs`, and the addresses in `status.loadBalancer.ingress`, which all answer on the ports' own
    /// numbers. Headless services have none.
    pub addresses: BTreeSet<IpAddr>,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePort {
    /// `name`, which EndpointSlices refer to; empty where the only port has none.
    pub name: Arc<str>,
    /// `protocol`, TCP by default.
    pub protocol: Protocol,
    /// `port`.
    pub port: u16,
    /// `nodePort`, on the addresses of every node.
    pub node_port: Option<u16>,
}

/// Endpoints of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Namespace and name of the slice.
    pub name: ObjectName,
    /// The service it belongs to (label `kubernetes.io/service-name`); none: nobody's.
    pub service: Option<ObjectName>,
    /// Addresses of all endpoints, ready or not (policy-model §1.3).
    pub addresses: BTreeSet<IpAddr>,
    /// Ports that have a number.
    pub ports: Vec<EndpointPort>,
}

/// A port of the endpoints of a slice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointPort {
    /// `name`, that of the service's port.
    pub name: Arc<str>,
    /// `protocol`, TCP by default.
    pub protocol: Protocol,
    /// `port`.
    pub port: u16,
}
