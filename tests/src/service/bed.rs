//! Three nodes with kube-proxy's rules, a client pod on each, a server pod on each worker, and a client outside.
//!
//! ```text
//! control    172.18.0.2  client-control                      ┐
//! worker-1   172.18.0.3  client-worker-1  server-worker-1    ├─ 172.18.0.0/24 ─ outside 198.51.100.7
//! worker-2   172.18.0.4  client-worker-2  server-worker-2    ┘
//! ```
//!
//! worker-1 is the node that is dialled; a Service's only backend is the server there or the one on worker-2. There is one Service for each backend and
//! each `externalTrafficPolicy`, and a host port for each backend. What pods send to addresses that are not pods' leaves with their node's address, by a
//! rule of the bed, as `natOutgoing` of an address pool has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::{Context, Result, ensure};
use ferrule_ruleset::{
    address::{Family, PerFamily},
    protocol::Protocol,
};
use tempfile::TempDir;

use super::{
    Endpoint, HostPort, Mode, Node, Service, ServicePort, TrafficPolicy,
    cell::{Backend, Cell, Client, Entrance, Site},
    dial::{Dial, Dialler, Expected, Outcome, Server},
    expectation::{End, Party, Sight, Story},
    render,
    witness::{self, Ends},
};
use crate::{
    agent::{Agent, replace},
    cluster::{Cluster, Pod},
    namespace::Namespace,
    topology::Topology,
};

/// The port that servers listen on.
pub const TARGET_PORT: u16 = 8080;
/// The port of cluster, load balancer and external addresses.
const SERVICE_PORT: u16 = 80;
/// The networks of the nodes' addresses.
pub const NODE_NETWORKS: [&str; 2] = ["172.18.0.0/24", "fd18::/64"];
/// The networks of the pods' addresses.
const POD_NETWORKS: [&str; 2] = ["10.244.0.0/16", "fd00:10:244::/48"];

/// Wires, rules, servers and agents.
#[derive(Debug)]
pub struct Bed {
    /// The wires.
    pub topology: Topology,
    /// What kube-proxy is told.
    pub services: Vec<Service>,
    /// What the `portmap` plug-in is told.
    pub host_ports: Vec<HostPort>,
    nodes: BTreeMap<Site, Node>,
    parties: BTreeMap<IpAddr, Party>,
    agents: BTreeMap<Site, Agent>,
    servers: Vec<Server>,
    dialler: Dialler,
    manifests: TempDir,
}

/// What agents enforce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regime {
    /// Policies, and whatever else they should read beside the bed's nodes and pods: a YAML stream.
    pub policies: String,
    /// Their configuration file: YAML, or nothing.
    pub config: String,
}

/// A question in a family, and how it should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub cell: Cell,
    /// The family.
    pub family: Family,
    /// How it should end: only how long an answer is waited for depends on this.
    pub expected: End,
}

impl Bed {
    /// Wires a bed up and starts its servers. No rules are there yet.
    pub fn wire(label: &str) -> Result<Self> {
        let cluster = cluster();
        let outside = BTreeSet::from(Family::ALL.map(|family| address(family, Host::Outside)));
        let topology = Topology::build(label, &cluster, &outside)?;
        let services = services();
        let virtual_addresses = services.iter().flat_map(|service| {
            [service.cluster_ips.clone(), service.load_balancer_ips.clone(), service.external_ips.clone()].concat()
        });
        let virtual_addresses: Vec<IpAddr> = virtual_addresses.collect();
        topology.route(&virtual_addresses, Site::Dialled.node())?;
        let mut parties: BTreeMap<_, _> =
            virtual_addresses.iter().map(|address| (*address, Party::Service)).collect();
        for family in Family::ALL {
            parties.insert(address(family, Host::Outside), Party::Outside);
            for site in Site::ALL {
                parties.insert(address(family, Host::Node(site)), Party::Node(site));
                parties.insert(address(family, Host::Client(site)), Party::ClientPod(site));
            }
            for backend in Backend::ALL {
                parties.insert(address(family, Host::Server(backend)), Party::Server(backend));
            }
        }
        let mut bed = Self {
            nodes: Site::ALL.map(|site| (site, node(site))).into(),
            host_ports: Backend::ALL.map(host_port).into(),
            agents: BTreeMap::new(),
            servers: Vec::new(),
            dialler: Dialler::default(),
            manifests: TempDir::new().context("manifests")?,
            topology,
            services,
            parties,
        };
        bed.serve()?;
        Ok(bed)
    }

    /// Replaces all rules on the nodes: kube-proxy's in a mode, `portmap`'s, the masquerading of what pods send elsewhere, and the witness.
    pub fn install(&self, mode: Mode) -> Result<()> {
        for (site, node) in &self.nodes {
            let namespace = self.topology.node(site.node())?;
            let own = Family::ALL.map(|family| {
                format!("{}{}", nat_outgoing(family, node), witness::table(family))
            });
            namespace.execute("nft", &["-f", "-"], &format!("flush ruleset\n{}", own.concat()))?;
            for family in Family::ALL {
                render(mode, family, node, &self.services, &self.host_ports).run(namespace)?;
            }
        }
        Ok(())
    }

    /// Starts an agent on every node and waits until they are ready. They find nothing of earlier agents.
    pub fn enforce(&mut self, regime: &Regime) -> Result<()> {
        ensure!(self.agents.is_empty(), "agents run already");
        let manifests = self.manifests.path().join("manifests");
        std::fs::create_dir_all(&manifests)?;
        replace(&manifests.join("cluster.yaml"), &objects(&self.topology.cluster))?;
        replace(&manifests.join("policies.yaml"), &regime.policies)?;
        let mut arguments = Vec::new();
        if !regime.config.is_empty() {
            let file = self.manifests.path().join("agent.yaml");
            replace(&file, &regime.config)?;
            arguments = vec!["--config".to_owned(), file.display().to_string()];
        }
        for site in Site::ALL {
            let namespace = self.topology.node(site.node())?;
            self.agents.insert(site, Agent::start(namespace, site.node(), &manifests, &arguments)?);
        }
        for (site, agent) in &mut self.agents {
            agent.wait_ready(self.topology.node(site.node())?)?;
        }
        Ok(())
    }

    /// Ends the agents and removes what they leave; an error if one logged an error.
    pub fn relax(&mut self) -> Result<()> {
        for (site, agent) in std::mem::take(&mut self.agents) {
            agent.end()?;
            let remove = Family::ALL.map(|family| format!("delete table {family} ferrule\n"));
            self.topology.node(site.node())?.execute("nft", &["-f", "-"], &remove.concat())?;
        }
        Ok(())
    }

    /// Tries connections; what the kernel saw of each and how it ended, in order.
    pub fn ask(&mut self, questions: &[Question]) -> Result<Vec<Story>> {
        self.topology.forget_connections()?;
        let topology = &self.topology;
        let dials = questions.iter().map(|question| {
            let (from, source) = match question.cell.client {
                Client::Pod(site) => (topology.pod(&client_name(site))?, Host::Client(site)),
                Client::Host(site) => (topology.node(site.node())?, Host::Node(site)),
                Client::Outside => (topology.outside(), Host::Outside),
            };
            let expected = match question.expected {
                End::Answered(_) | End::Refused => Expected::Answer,
                End::TimedOut => Expected::Silence,
            };
            let to = dialled(question.cell, question.family);
            Ok(Dial { from, source: address(question.family, source), to, expected })
        });
        let outcomes = self.dialler.dial(&dials.collect::<Result<Vec<_>>>()?)?;
        let mut testimonies = BTreeMap::new();
        for site in Site::ALL {
            testimonies.insert(site, witness::hear(self.topology.node(site.node())?)?);
        }
        let stories = questions.iter().zip(outcomes).map(|(question, (name, outcome))| {
            let egress = question.cell.client.site().and_then(|site| testimonies[&site].egress.get(&name));
            let ingress = testimonies[&question.cell.backend.site()].ingress.get(&name);
            Ok(Story {
                egress: egress.map(|ends| self.sight(*ends)).transpose()?,
                ingress: ingress.map(|ends| self.sight(*ends)).transpose()?,
                end: match outcome {
                    Outcome::Answered(peer) => End::Answered(self.party(peer.ip())?),
                    Outcome::Refused => End::Refused,
                    Outcome::Silent => End::TimedOut,
                },
            })
        });
        stories.collect()
    }

    /// Stops the servers; an error if one could not serve.
    pub fn close(self) -> Result<()> {
        self.servers.into_iter().try_for_each(Server::stop)
    }

    /// The namespace of a node.
    pub fn node(&self, site: Site) -> Result<&Namespace> {
        self.topology.node(site.node())
    }

    fn sight(&self, ends: Ends) -> Result<Sight> {
        let (source, destination) = (self.party(ends.source.ip())?, self.party(ends.destination.ip())?);
        Ok(Sight { source, destination, port: ends.destination.port() })
    }

    fn party(&self, address: IpAddr) -> Result<Party> {
        self.parties.get(&address).copied().with_context(|| format!("{address} is nobody's"))
    }

    fn serve(&mut self) -> Result<()> {
        for backend in Backend::ALL {
            for family in Family::ALL {
                let address = SocketAddr::new(address(family, Host::Server(backend)), TARGET_PORT);
                self.servers.push(Server::start(self.topology.pod(&server_name(backend))?, address)?);
            }
        }
        Ok(())
    }
}

/// Everybody who has addresses.
#[derive(Clone, Copy)]
enum Host {
    Node(Site),
    Client(Site),
    Server(Backend),
    Outside,
}

/// The only address of somebody in a family.
fn address(family: Family, host: Host) -> IpAddr {
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

fn addresses(host: Host) -> Vec<IpAddr> {
    Family::ALL.map(|family| address(family, host)).into()
}

/// The addresses of the clients that have addresses of their own: pods, and outside.
pub fn client_addresses() -> Vec<IpAddr> {
    let hosts = Site::ALL.map(Host::Client).into_iter().chain([Host::Outside]);
    hosts.flat_map(addresses).collect()
}

fn client_name(site: Site) -> String {
    format!("default/client-{}", site.node())
}

fn server_name(backend: Backend) -> String {
    format!("default/server-{}", backend.site().node())
}

fn cluster() -> Cluster {
    let nodes = Site::ALL.map(|site| (site.node().to_owned(), addresses(Host::Node(site))));
    let pod = |host, site: Site| Pod { node: site.node().to_owned(), addresses: addresses(host) };
    let clients = Site::ALL.map(|site| (client_name(site), pod(Host::Client(site), site)));
    let servers = Backend::ALL
        .map(|backend| (server_name(backend), pod(Host::Server(backend), backend.site())));
    Cluster { nodes: nodes.into(), pods: clients.into_iter().chain(servers).collect(), ..Cluster::default() }
}

/// Nodes and pods as API objects. The label `app` is the part of a pod's name before the first hyphen.
fn objects(cluster: &Cluster) -> String {
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

fn node(site: Site) -> Node {
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
        Entrance::NodePort | Entrance::HostPort => return None,
    };
    let last = 10 + number;
    Some(match family {
        Family::V4 => Ipv4Addr::new(v4[0], v4[1], v4[2], last).into(),
        Family::V6 => Ipv6Addr::new(v6, 0, 0, 0, 0, 0, 0, last.into()).into(),
    })
}

fn services() -> Vec<Service> {
    let pairs = Backend::ALL.into_iter().flat_map(|backend| {
        [TrafficPolicy::Cluster, TrafficPolicy::Local].map(|traffic_policy| (backend, traffic_policy))
    });
    let service = |(backend, external_traffic_policy): (Backend, TrafficPolicy)| {
        let number = service_number(backend, external_traffic_policy);
        let addresses =
            |entrance| Family::ALL.iter().filter_map(|family| virtual_address(entrance, number, *family)).collect();
        Service {
            name: format!("default/web-{number}"),
            cluster_ips: addresses(Entrance::ClusterIp),
            load_balancer_ips: addresses(Entrance::LoadBalancer),
            external_ips: addresses(Entrance::ExternalIp),
            external_traffic_policy,
            ports: vec![ServicePort {
                protocol: Protocol::TCP,
                port: SERVICE_PORT,
                node_port: Some(30080 + u16::from(number)),
                target_port: TARGET_PORT,
            }],
            endpoints: vec![endpoint(backend)],
        }
    };
    pairs.map(service).collect()
}

fn endpoint(backend: Backend) -> Endpoint {
    Endpoint { addresses: addresses(Host::Server(backend)), node: backend.site().node().to_owned() }
}

fn host_port(backend: Backend) -> HostPort {
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
        Entrance::ClusterIp | Entrance::LoadBalancer | Entrance::ExternalIp => SERVICE_PORT,
        Entrance::NodePort => 30080 + u16::from(service_number(cell.backend, cell.traffic_policy)),
        Entrance::HostPort => host_port_number(cell.backend),
    }
}

/// The address and port that are dialled.
fn dialled(cell: Cell, family: Family) -> SocketAddr {
    let number = service_number(cell.backend, cell.traffic_policy);
    let node = || address(family, Host::Node(Site::Dialled));
    SocketAddr::new(virtual_address(cell.entrance, number, family).unwrap_or_else(node), dialled_port(cell))
}

/// What a pod sends to an address that is no pod's leaves with the node's address.
fn nat_outgoing(family: Family, node: &Node) -> String {
    let pods = node.pod_networks.get(family);
    format!(
        "table {family} outgoing {{
  chain postrouting {{ type nat hook postrouting priority 100; {family} saddr {pods} {family} daddr != {pods} masquerade; }}
}}\n"
    )
}
