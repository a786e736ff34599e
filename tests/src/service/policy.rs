//! The policies that the truth table is about, and what each should make of a connection.

use ferrule_ruleset::settings::NodePortPolicy;

use super::{
    cell::{Cell, Client, Entrance},
    expectation::{End, Party, Sight, Story},
    layout::{NODE_NETWORKS, client_addresses},
};

/// A policy of the client or of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Policy {
    /// Client: egress to an ipBlock of the nodes.
    EgressToNodes,
    /// Client: egress to a podSelector of the servers.
    EgressToServer,
    /// Client: egress to either.
    EgressToBoth,
    /// Server: ingress from an ipBlock of the nodes.
    IngressFromNodes,
    /// Server: ingress from ipBlocks of the clients' own addresses, pods and outside.
    IngressFromClients,
    /// Server: ingress from a podSelector of the client pods.
    IngressFromClientPods,
}

/// Whose policy it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Egress,
    Ingress,
}

/// Whom a rule names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Nodes,
    Servers,
    Clients,
    ClientPods,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::EgressToNodes,
        Self::EgressToServer,
        Self::EgressToBoth,
        Self::IngressFromNodes,
        Self::IngressFromClients,
        Self::IngressFromClientPods,
    ];

    /// The object, as a YAML document.
    pub fn manifest(self) -> String {
        let (subject, kind, list) = match self.direction() {
            Direction::Egress => ("client", "Egress", "egress: [{to"),
            Direction::Ingress => ("server", "Ingress", "ingress: [{from"),
        };
        let peers: Vec<String> = self.peers().iter().flat_map(|peer| peer.listed()).collect();
        network_policy(subject, kind, &format!("{list}: [{}]}}]", peers.join(", ")))
    }

    /// What should become of a connection where this policy is enforced.
    pub fn story(self, mode: NodePortPolicy, cell: Cell, open: Story) -> Story {
        match self.direction() {
            Direction::Egress => match open.egress {
                Some(sight) if self.governs(cell.client) && !self.admits_egress(mode, cell, sight) => {
                    // Bound for a pod of the same node, it is in the one hook where either policy looks at it.
                    let one_hook = matches!(sight.destination, Party::Server(_))
                        && cell.client.site() == Some(cell.backend.site());
                    Story { ingress: open.ingress.filter(|_| one_hook), end: End::TimedOut, ..open }
                }
                Some(_) | None => open,
            },
            Direction::Ingress => match open.ingress {
                Some(sight) if !self.peers().iter().any(|peer| peer.is(sight.source)) => {
                    Story { end: End::TimedOut, ..open }
                }
                Some(_) | None => open,
            },
        }
    }

    fn direction(self) -> Direction {
        match self {
            Self::EgressToNodes | Self::EgressToServer | Self::EgressToBoth => Direction::Egress,
            Self::IngressFromNodes | Self::IngressFromClients | Self::IngressFromClientPods => {
                Direction::Ingress
            }
        }
    }

    /// Whether a client is subject to an egress policy.
    fn governs(self, client: Client) -> bool {
        match client {
            Client::Pod(_) => self.direction() == Direction::Egress,
            Client::Host(_) | Client::Itself(_) | Client::Outside => false,
        }
    }

    fn admits_egress(self, mode: NodePortPolicy, cell: Cell, sight: Sight) -> bool {
        self.peers().iter().any(|peer| peer.is(sight.destination) || peer.means_dialled(mode, cell))
    }

    fn peers(self) -> &'static [Peer] {
        match self {
            Self::EgressToNodes | Self::IngressFromNodes => &[Peer::Nodes],
            Self::EgressToServer => &[Peer::Servers],
            Self::EgressToBoth => &[Peer::Nodes, Peer::Servers],
            Self::IngressFromClients => &[Peer::Clients],
            Self::IngressFromClientPods => &[Peer::ClientPods],
        }
    }
}

impl Peer {
    /// As a rule lists it.
    fn listed(self) -> Vec<String> {
        let block = |cidr: &str| format!("{{ipBlock: {{cidr: \"{cidr}\"}}}}");
        match self {
            Self::Nodes => NODE_NETWORKS.map(block).to_vec(),
            Self::Servers => vec!["{podSelector: {matchLabels: {app: server}}}".to_owned()],
            Self::Clients => client_addresses()
                .iter()
                .map(|address| block(&format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })))
                .collect(),
            Self::ClientPods => vec!["{podSelector: {matchLabels: {app: client}}}".to_owned()],
        }
    }

    fn is(self, party: Party) -> bool {
        match self {
            Self::Nodes => matches!(party, Party::Node(_)),
            Self::Servers => matches!(party, Party::Server(_)),
            Self::Clients => matches!(party, Party::ClientPod(_) | Party::Outside),
            Self::ClientPods => matches!(party, Party::ClientPod(_)),
        }
    }

    /// Whether a rule means what was dialled, whatever the packet bears by now.
    fn means_dialled(self, mode: NodePortPolicy, cell: Cell) -> bool {
        match (mode, self) {
            (NodePortPolicy::Standard, _)
            | (NodePortPolicy::Consistent, Self::Clients | Self::ClientPods) => false,
            (NodePortPolicy::Consistent, Self::Nodes) => {
                matches!(cell.entrance, Entrance::NodePort | Entrance::HostPort)
            }
            // All endpoints of every Service here are servers. A host port is no Service's.
            (NodePortPolicy::Consistent, Self::Servers) => cell.entrance != Entrance::HostPort,
        }
    }
}

/// A NetworkPolicy of all pods with a label `app`.
pub fn network_policy(app: &str, kind: &str, rules: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {app}, namespace: default}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {app}}}}}, policyTypes: [{kind}], {rules}}}\n"
    )
}
