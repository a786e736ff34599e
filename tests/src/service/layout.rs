//! Who lives on the bed, and by which addresses and ports: the only place that knows numbers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ferrule_ruleset::{
    address::{Family, PerFamily},
    protocol::Protocol,
};

use super::{
    Endpoint, HostPort, Node, Service, ServicePort, TrafficPolicy,
    cell::{Backend, Cell, Entrance, Site},
    expectation::Party,
};
use crate::cluster::{Cluster, Pod};

/// The port that servers listen on.
pub const TARGET_PORT: u16 = 8080;
/// The port of cluster, load balancer and external addresses.
pub const SERVICE_PORT: u16 = 80;
/// The port on nodes of the first Service; those of the others follow.
pub const NODE_PORT: u16 = 30080;
/// The networks of the nodes' addresses.
pub const NODE_NETWORKS: [&str; 2] = ["172.18.0.0/24", "fd18::/64"];
/// The networks of the pods' addresses.
const POD_NETWORKS: [&str; 2] = ["10.244.0.0/16", "fd00:10:244::/48"];

/// Everybody who has addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A node.
    Node(Site),
    /// The client pod of a node.
    Client(Site),
    /// A server pod.
    Server(Backend),
    /// The client outside.
    Outside,
}

/// The address of somebody in a family.
pub fn address(family: Family, host: Host) -> IpAddr {
    let number = |site: Site| match site {
        Site::Third => 0_u8,
        Site::Dialled => 1,
        Site::Other => 2,
    };
    let pod = |site: Site, last: u8| match family {
        Family::V4 => IpAddr::from([10, 244, number(site), last]),
        Family::V6 => Ipv6Addr::new(0xfd00, 0x10, 0x244, number(site).into(), 0, 0, 0, last.into()).into(),
    };
    match (host, family) {
        (Host::Node(site), Family::V4) => Ipv4Addr::new(172, 18, 0, 2 + number(site)).into(),
        (Host::Node(site), Family::V6) => {
            Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 0, 2 + u16::from(number(site))).into()
        }
        (Host::Client(site), Family::V4 | Family::V6) => pod(site, 10),
        (Host::Server(backend), Family::V4 | Family::V6) => pod(backend.site(), 20),
        (Host::Outside, Family::V4) => Ipv4Addr::new(198, 51, 100, 7).into(),
        (Host::Outside, Family::V6) => Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 7).into(),
    }
}

/// The addresses of somebody.
pub fn addresses(host: Host) -> Vec<IpAddr> {
    Family::ALL.map(|family| address(family, host)).into()
}

/// The addresses of the clients that have addresses of their own: pods, and outside.
pub fn client_addresses() -> Vec<IpAddr> {
    let hosts = Site::ALL.map(Host::Client).into_iter().chain([Host::Outside]);
    hosts.flat_map(addresses).collect()
}

/// The client pod of a node, by `namespace/name`.
pub fn client_name(site: Site) -> String {
    format!("default/client-{}", site.node())
}

/// A server pod, by `namespace/name`.
pub fn server_name(backend: Backend) -> String {
    format!("default/server-{}", backend.site().node())
}

/// Nodes and pods.
pub fn cluster() -> Cluster {
    let nodes = Site::ALL.map(|site| (site.node().to_owned(), addresses(Host::Node(site))));
    let pod = |host, site: Site| Pod { node: site.node().to_owned(), addresses: addresses(host) };
    let clients = Site::ALL.map(|site| (client_name(site), pod(Host::Client(site), site)));
    let servers =
        Backend::ALL.map(|backend| (server_name(backend), pod(Host::Server(backend), backend.site())));
    Cluster { nodes: nodes.into(), pods: clients.into_iter().chain(servers).collect(), ..Cluster::default() }
}

/// Nodes and pods as API objects. The label `app` is the part of a pod's name before the first hyphen.
pub fn objects(cluster: &Cluster) -> String {
    let quoted = |key: &str, addresses: &[IpAddr]| {
        addresses.iter().map(|address| format!("{{{key}: \"{address}\"}}")).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::from("kind: List\nitems:\n");
    for (name, addresses) in &cluster.nodes {
        text.push_str(&format!(
            "- {{apiVersion: v1, kind: Node, metadata: {{name: {name}}}, status: {{addresses: [{}]}}}}\n",
            quoted("type: InternalIP, address", addresses)
        ));
    }
    for (name, pod) in &cluster.pods {
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        let (app, _) = name.split_once('-').unwrap_or((name, ""));
        text.push_str(&format!(
            "- {{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: {namespace}, labels: {{app: {app}}}}}, \
             spec: {{nodeName: {}}}, status: {{podIPs: [{}]}}}}\n",
            pod.node,
            quoted("ip", &pod.addresses)
        ));
    }
    text
}

/// A node as kube-proxy knows it.
pub fn node(site: Site) -> Node {
    let pod_networks = PerFamily::from_fn(|family| {
        let network = match family {
            Family::V4 => POD_NETWORKS[0],
            Family::V6 => POD_NETWORKS[1],
        };
        network.parse().expect("a network")
    });
    Node { name: site.node().to_owned(), addresses: addresses(Host::Node(site)), pod_networks }
}

/// The number of the Service for a backend and a traffic policy.
fn service_number(backend: Backend, traffic_policy: TrafficPolicy) -> u8 {
    let backend = match backend {
        Backend::Near => 0,
        Backend::Far => 2,
    };
    backend
        + match traffic_policy {
            TrafficPolicy::Cluster => 0,
            TrafficPolicy::Local => 1,
        }
}

/// An address that belongs to no machine: the n-th of a Service.
fn virtual_address(entrance: Entrance, number: u8, family: Family) -> Option<IpAddr> {
    let (v4, v6) = match entrance {
        Entrance::ClusterIp => ([10, 96, 0], 0xfd96),
        Entrance::LoadBalancer => ([203, 0, 113], 0xfd97),
        Entrance::ExternalIp => ([192, 0, 2], 0xfd98),
        Entrance::PodAddress | Entrance::NodePort | Entrance::HostPort => return None,
    };
    let last = 10 + number;
    Some(match family {
        Family::V4 => Ipv4Addr::new(v4[0], v4[1], v4[2], last).into(),
        Family::V6 => Ipv6Addr::new(v6, 0, 0, 0, 0, 0, 0, last.into()).into(),
    })
}

/// A Service for each backend and each traffic policy.
pub fn services() -> Vec<Service> {
    let pairs = Backend::ALL.into_iter().flat_map(|backend| {
        [TrafficPolicy::Cluster, TrafficPolicy::Local].map(|traffic_policy| (backend, traffic_policy))
    });
    let service = |(backend, external_traffic_policy): (Backend, TrafficPolicy)| {
        let number = service_number(backend, external_traffic_policy);
        let addresses = |entrance| {
            Family::ALL.iter().filter_map(|family| virtual_address(entrance, number, *family)).collect()
        };
        Service {
            name: format!("default/web-{number}"),
            cluster_ips: addresses(Entrance::ClusterIp),
            load_balancer_ips: addresses(Entrance::LoadBalancer),
            external_ips: addresses(Entrance::ExternalIp),
            external_traffic_policy,
            ports: vec![ServicePort {
                protocol: Protocol::TCP,
                port: SERVICE_PORT,
                node_port: Some(NODE_PORT + u16::from(number)),
                target_port: TARGET_PORT,
            }],
            endpoints: vec![endpoint(backend)],
        }
    };
    pairs.map(service).collect()
}

/// A server as the endpoint of a Service.
pub fn endpoint(backend: Backend) -> Endpoint {
    Endpoint { addresses: addresses(Host::Server(backend)), node: backend.site().node().to_owned() }
}

/// A host port for each backend.
pub fn host_port(backend: Backend) -> HostPort {
    let port = host_port_number(backend);
    HostPort { protocol: Protocol::TCP, port, pod: endpoint(backend), container_port: TARGET_PORT }
}

fn host_port_number(backend: Backend) -> u16 {
    match backend {
        Backend::Near => 9080,
        Backend::Far => 9081,
    }
}

/// The port that is dialled.
pub fn dialled_port(cell: Cell) -> u16 {
    match cell.entrance {
        Entrance::PodAddress => TARGET_PORT,
        Entrance::ClusterIp | Entrance::LoadBalancer | Entrance::ExternalIp => SERVICE_PORT,
        Entrance::NodePort => NODE_PORT + u16::from(service_number(cell.backend, cell.traffic_policy)),
        Entrance::HostPort => host_port_number(cell.backend),
    }
}

/// The address and port that are dialled.
pub fn dialled(cell: Cell, family: Family) -> SocketAddr {
    let number = service_number(cell.backend, cell.traffic_policy);
    let own = || match cell.entrance {
        Entrance::PodAddress => address(family, Host::Server(cell.backend)),
        Entrance::ClusterIp
        | Entrance::NodePort
        | Entrance::LoadBalancer
        | Entrance::ExternalIp
        | Entrance::HostPort => address(family, Host::Node(Site::Dialled)),
    };
    SocketAddr::new(virtual_address(cell.entrance, number, family).unwrap_or_else(own), dialled_port(cell))
}

/// Whose every address is.
pub fn parties() -> BTreeMap<IpAddr, Party> {
    let services = services().into_iter().flat_map(|service| virtual_addresses(&service));
    let mut parties: BTreeMap<_, _> = services.map(|address| (address, Party::Service)).collect();
    for family in Family::ALL {
        parties.insert(address(family, Host::Outside), Party::Outside);
        parties.insert(secondary_address(family), Party::Node(Site::Dialled));
        for site in Site::ALL {
            parties.insert(address(family, Host::Node(site)), Party::Node(site));
            parties.insert(address(family, Host::Client(site)), Party::ClientPod(site));
        }
        for backend in Backend::ALL {
            parties.insert(address(family, Host::Server(backend)), Party::Server(backend));
        }
    }
    parties
}

/// Addresses of a Service that belong to no machine.
pub fn virtual_addresses(service: &Service) -> Vec<IpAddr> {
    [service.cluster_ips.clone(), service.load_balancer_ips.clone(), service.external_ips.clone()].concat()
}

/// A further address of the dialled node.
pub fn secondary_address(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(172, 18, 0, 103).into(),
        Family::V6 => Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 0, 103).into(),
    }
}
