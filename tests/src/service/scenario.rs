//! Two smaller questions: a client that dials the NodePort of one node after another, and where kube-proxy's modes and the families differ.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::{Result, ensure};
use ferrule_ruleset::{address::Family, settings::NodePortPolicy};

use super::{
    Mode,
    bed::{Bed, Call, Regime},
    cell::{Client, Site},
    dial::Expected,
    expectation::{End, Party},
    layout::{Host, NODE_NETWORKS, NODE_PORT, TARGET_PORT, address, secondary_address},
    policy::network_policy,
};

/// What the client's egress policy allows. The server is behind the first Service, on worker-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// An ipBlock of the nodes, with the NodePort.
    Nodes,
    /// A podSelector of the server, with its own port.
    Server,
    /// Both.
    Both,
    /// Both, each with the port of the other.
    Swapped,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nodes => "ipBlock of the nodes, nodePort",
            Self::Server => "podSelector of the server, targetPort",
            Self::Both => "both rules",
            Self::Swapped => "both rules, each with the other's port",
        })
    }
}

impl Rule {
    fn manifest(self) -> String {
        let nodes = |port: u16| {
            let blocks = NODE_NETWORKS.map(|network| format!("{{ipBlock: {{cidr: \"{network}\"}}}}"));
            format!("{{to: [{}], ports: [{{protocol: TCP, port: {port}}}]}}", blocks.join(", "))
        };
        let server = |port: u16| {
            format!(
                "{{to: [{{podSelector: {{matchLabels: {{app: server}}}}}}], ports: [{{protocol: TCP, port: {port}}}]}}"
            )
        };
        let rules = match self {
            Self::Nodes => nodes(NODE_PORT),
            Self::Server => server(TARGET_PORT),
            Self::Both => [nodes(NODE_PORT), server(TARGET_PORT)].join(", "),
            Self::Swapped => [nodes(TARGET_PORT), server(NODE_PORT)].join(", "),
        };
        network_policy("client", "Egress", &format!("egress: [{rules}]"))
    }

    /// The rules that say something in a mode.
    pub fn all(mode: NodePortPolicy) -> &'static [Self] {
        match mode {
            NodePortPolicy::Standard => &[Self::Nodes, Self::Server, Self::Both, Self::Swapped],
            NodePortPolicy::Consistent => &[Self::Nodes, Self::Server, Self::Both],
        }
    }

    fn passes(self, mode: NodePortPolicy, dialled: Dialled) -> bool {
        match (self, dialled, mode) {
            (Self::Both, _, _) | (Self::Nodes | Self::Server, _, NodePortPolicy::Consistent) => true,
            (Self::Nodes, dialled, NodePortPolicy::Standard) => dialled == Dialled::Another,
            (Self::Server, dialled, NodePortPolicy::Standard) => dialled == Dialled::Own,
            (Self::Swapped, _, _) => false,
        }
    }
}

/// Which node a client dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialled {
    /// The one that it is on.
    Own,
    /// Any other.
    Another,
}

/// How it ends: the same for every client, every node of the kind, both modes of kube-proxy and both families.
pub type NodePorts = BTreeMap<(Rule, Dialled), Reached>;

/// Whether the client got an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reached {
    /// It did.
    Passes,
    /// It timed out.
    TimesOut,
}

/// Measures the NodePort of each node from clients on both workers, under each rule; an error that says what did not go as it should. kube-proxy's
/// rules of the mode have to be installed.
pub fn node_ports(bed: &mut Bed, mode: Mode, node_ports: NodePortPolicy) -> Result<NodePorts> {
    let mut measured = NodePorts::new();
    for rule in Rule::all(node_ports) {
        bed.enforce(&Regime::new(node_ports, rule.manifest()))?;
        let mut calls = Vec::new();
        for client in [Site::Dialled, Site::Other] {
            for node in Site::ALL {
                let dialled = if node == client { Dialled::Own } else { Dialled::Another };
                let expected =
                    if rule.passes(node_ports, dialled) { Expected::Answer } else { Expected::Silence };
                calls.extend(Family::ALL.map(|family| {
                    let to = SocketAddr::new(address(family, Host::Node(node)), NODE_PORT);
                    (dialled, Call { client: Client::Pod(client), source: None, to, expected })
                }));
            }
        }
        let outcomes = bed.call(&calls.iter().map(|(_, call)| *call).collect::<Vec<_>>())?;
        for ((dialled, call), (_, outcome)) in calls.iter().zip(outcomes) {
            let reached = match bed.end(outcome)? {
                End::Answered(_) => Reached::Passes,
                End::TimedOut | End::Refused => Reached::TimesOut,
            };
            let as_expected = (call.expected == Expected::Answer) == (reached == Reached::Passes);
            ensure!(as_expected, "{mode:?}, {rule:?}, {dialled:?}: {call:?} ended with {outcome:?}");
            measured.insert((*rule, *dialled), reached);
        }
        bed.relax()?;
    }
    Ok(measured)
}

/// Where kube-proxy's modes, or the families, do not agree. All of it is about addresses that take NodePorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exception {
    /// A client outside dials a further address of the node, not its primary one.
    SecondaryAddress,
    /// A process of the node dials a loopback address.
    Loopback,
}

impl Exception {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::SecondaryAddress, Self::Loopback];

    fn call(self, family: Family) -> Call {
        let (client, source, to) = match (self, family) {
            (Self::SecondaryAddress, _) => (Client::Outside, None, secondary_address(family)),
            (Self::Loopback, Family::V4) => loopback(Ipv4Addr::LOCALHOST.into()),
            (Self::Loopback, Family::V6) => loopback(Ipv6Addr::LOCALHOST.into()),
        };
        Call { client, source, to: SocketAddr::new(to, NODE_PORT), expected: Expected::Answer }
    }

    fn expected(self, mode: Mode, family: Family) -> End {
        match (self, mode, family) {
            // Whatever address is local will do in mode iptables; the kernel routes 127.0.0.0/8 on request (`route_localnet`), ::1 never.
            (Self::SecondaryAddress, Mode::Iptables, _) | (Self::Loopback, Mode::Iptables, Family::V4) => {
                End::Answered(Party::Node(Site::Dialled))
            }
            (Self::Loopback, Mode::Iptables, Family::V6) => End::Refused,
            // The set of addresses that take NodePorts holds the primary one only.
            (Self::SecondaryAddress | Self::Loopback, Mode::Nftables, _) => End::Refused,
        }
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecondaryAddress => "outside dials a secondary address of the node",
            Self::Loopback => "the node itself dials 127.0.0.1 or ::1",
        })
    }
}

fn loopback(address: IpAddr) -> (Client, Option<IpAddr>, IpAddr) {
    (Client::Host(Site::Dialled), Some(address), address)
}

/// How each exception ends in a mode, in each family.
pub type Exceptions = BTreeMap<(Exception, Mode, Family), End>;

/// Measures the exceptions in a mode; an error that says what did not go as it should. kube-proxy's rules of the mode have to be installed.
pub fn exceptions(bed: &mut Bed, mode: Mode) -> Result<Exceptions> {
    let all = Exception::ALL.into_iter().flat_map(|exception| Family::ALL.map(|family| (exception, family)));
    let all: Vec<_> = all.collect();
    let outcomes =
        bed.call(&all.iter().map(|(exception, family)| exception.call(*family)).collect::<Vec<_>>())?;
    let mut measured = Exceptions::new();
    for ((exception, family), (_, outcome)) in all.into_iter().zip(outcomes) {
        let (end, expected) = (bed.end(outcome)?, exception.expected(mode, family));
        ensure!(end == expected, "{mode:?}, {family}, {exception:?}: {end:?} instead of {expected:?}");
        measured.insert((exception, mode, family), end);
    }
    Ok(measured)
}
