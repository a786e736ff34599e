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
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, Result, ensure};
use ferrule_ruleset::{address::Family, settings::NodePortPolicy};
use tempfile::TempDir;

use super::{
    HostPort, Mode, Node, Service,
    cell::{Backend, Cell, Client, Site},
    dial::{Dial, Dialler, Expected, Outcome, Server},
    expectation::{End, Party, Sight, Story},
    install,
    layout::{
        Host, TARGET_PORT, address, client_name, cluster, dialled, host_port, node, objects, parties,
        secondary_address, server_name, services, virtual_addresses,
    },
    witness::{self, Ends},
};
use crate::{
    agent::{Agent, replace},
    namespace::Namespace,
    objects::to_yaml,
    topology::Topology,
};

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

impl Regime {
    /// Policies, under a configuration that says how agents treat addresses of Services in egress rules.
    pub fn new(node_ports: NodePortPolicy, policies: String) -> Self {
        let config = match node_ports {
            NodePortPolicy::Standard => "",
            NodePortPolicy::Consistent => "nodeport_policy: consistent\n",
        };
        Self { policies, config: config.to_owned() }
    }
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

/// A connection to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub client: Client,
    /// From which address, if not from the client's first of the family.
    pub source: Option<IpAddr>,
    /// Whom.
    pub to: SocketAddr,
    /// Whether an answer should come: only how long it is waited for depends on this.
    pub expected: Expected,
}

impl Bed {
    /// Wires a bed up and starts its servers. No rules are there yet.
    pub fn wire(label: &str) -> Result<Self> {
        let mut cluster = cluster();
        if let Some(addresses) = cluster.nodes.get_mut(Site::Dialled.node()) {
            addresses.extend(Family::ALL.map(secondary_address));
        }
        let outside = BTreeSet::from(Family::ALL.map(|family| address(family, Host::Outside)));
        let topology = Topology::build(label, &cluster, &outside)?;
        let services = services();
        let virtual_addresses: Vec<IpAddr> = services.iter().flat_map(virtual_addresses).collect();
        topology.route(&virtual_addresses, Site::Dialled.node())?;
        demote_secondary(topology.node(Site::Dialled.node())?)?;
        let mut bed = Self {
            nodes: Site::ALL.map(|site| (site, node(site))).into(),
            host_ports: Backend::ALL.map(host_port).into(),
            agents: BTreeMap::new(),
            servers: Vec::new(),
            dialler: Dialler::default(),
            manifests: TempDir::new().context("manifests")?,
            topology,
            services,
            parties: parties(),
        };
        bed.serve()?;
        Ok(bed)
    }

    /// Replaces all rules on the nodes: kube-proxy's in a mode, `portmap`'s, the masquerading of what pods send elsewhere, and the witness.
    pub fn install(&self, mode: Mode) -> Result<()> {
        let loopback = match mode {
            // It serves NodePorts on 127.0.0.0/8 too, whose packets the kernel does not forward otherwise.
            Mode::Iptables => "1",
            Mode::Nftables => "0",
        };
        for (site, node) in &self.nodes {
            let namespace = self.topology.node(site.node())?;
            namespace.set(&[("net/ipv4/conf/all/route_localnet", loopback)])?;
            let own =
                Family::ALL.map(|family| format!("{}{}", nat_outgoing(family, node), witness::table(family)));
            namespace.execute("nft", &["-f", "-"], &format!("flush ruleset\n{}", own.concat()))?;
            install(namespace, mode, node, &self.services, &self.host_ports)?;
        }
        Ok(())
    }

    /// Starts an agent on every node and waits until they are ready. They find nothing of earlier agents.
    pub fn enforce(&mut self, regime: &Regime) -> Result<()> {
        ensure!(self.agents.is_empty(), "agents run already");
        let manifests = self.manifests.path().join("manifests");
        std::fs::create_dir_all(&manifests)?;
        replace(&manifests.join("cluster.yaml"), &objects(&cluster()))?;
        let services: Vec<_> = self.services.iter().flat_map(Service::objects).collect();
        replace(&manifests.join("services.yaml"), &to_yaml(&services)?)?;
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
        let calls = questions.iter().map(|question| Call {
            client: question.cell.client,
            source: None,
            to: dialled(question.cell, question.family),
            expected: match question.expected {
                End::Answered(_) | End::Refused => Expected::Answer,
                End::TimedOut => Expected::Silence,
            },
        });
        let outcomes = self.call(&calls.collect::<Vec<_>>())?;
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
                end: self.end(outcome)?,
            })
        });
        stories.collect()
    }

    /// Tries connections of any kind. For each in order its name, and what came of it.
    pub fn call(&mut self, calls: &[Call]) -> Result<Vec<(u32, Outcome)>> {
        self.topology.forget_connections()?;
        let topology = &self.topology;
        let dials = calls.iter().map(|call| {
            let (from, host) = match call.client {
                Client::Pod(site) => (topology.pod(&client_name(site))?, Host::Client(site)),
                Client::Itself(backend) => (topology.pod(&server_name(backend))?, Host::Server(backend)),
                Client::Host(site) => (topology.node(site.node())?, Host::Node(site)),
                Client::Outside => (topology.outside(), Host::Outside),
            };
            let source = call.source.unwrap_or_else(|| address(Family::of(&call.to.ip()), host));
            Ok(Dial { from, source, to: call.to, expected: call.expected })
        });
        self.dialler.dial(&dials.collect::<Result<Vec<_>>>()?)
    }

    /// An outcome with the party that the server saw.
    pub fn end(&self, outcome: Outcome) -> Result<End> {
        Ok(match outcome {
            Outcome::Answered(peer) => End::Answered(self.party(peer.ip())?),
            Outcome::Refused => End::Refused,
            Outcome::Silent => End::TimedOut,
        })
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

/// What a pod sends to an address that is no pod's leaves with the node's address.
fn nat_outgoing(family: Family, node: &Node) -> String {
    let pods = node.pod_networks.get(family);
    format!(
        "table {family} outgoing {{
  chain postrouting {{ type nat hook postrouting priority 100; {family} saddr {pods} {family} daddr != {pods} masquerade; }}
}}\n"
    )
}

/// No connection that the node opens by itself is from its further address, as if that had come later (RFC 6724 rule 3; IPv4 prefers the first anyway).
fn demote_secondary(node: &Namespace) -> Result<()> {
    let address = secondary_address(Family::V6);
    node.execute(
        "ip",
        &["addr", "change", &format!("{address}/128"), "dev", "eth0", "preferred_lft", "0"],
        "",
    )
    .map(drop)
}
