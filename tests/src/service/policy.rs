//! The policies that the truth table is about, and what each should make of a connection.

use super::{
    bed::{NODE_NETWORKS, client_addresses},
    cell::{Cell, Entrance},
    expectation::{End, Party, Sight, Story},
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

/// How the agents treat addresses of Services in egress rules (`nodeport_policy` of their configuration).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodePortPolicy {
    /// A rule means the packet as it is when policy is applied.
    #[default]
    Standard,
    /// A rule means what was dialled as well, whichever node translates it.
    Consistent,
}

impl NodePortPolicy {
    /// Lines of the agents' configuration.
    pub fn config(self) -> &'static str {
        match self {
            Self::Standard => "",
            Self::Consistent => "nodeport_policy: consistent\n",
        }
    }
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
        let (subject, direction, peers) = match self {
            Self::EgressToNodes | Self::EgressToServer | Self::EgressToBoth => ("client", "egress", "to"),
            Self::IngressFromNodes | Self::IngressFromClients | Self::IngressFromClientPods => {
                ("server", "ingress", "from")
            }
        };
        let listed: Vec<String> = self.peers().iter().flat_map(|peer| peer.listed()).collect();
        let kind = if direction == "egress" { "Egress" } else { "Ingress" };
        format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {subject}, namespace: default}}\nspec:\n  \
             podSelector: {{matchLabels: {{app: {subject}}}}}\n  policyTypes: [{kind}]\n  {direction}:\n  - {peers}: [{}]\n",
            listed.join(", ")
        )
    }

    /// How a connection should end for the client where this policy is enforced.
    pub fn end(self, mode: NodePortPolicy, cell: Cell, story: Story) -> End {
        let denied = match self {
            Self::EgressToNodes | Self::EgressToServer | Self::EgressToBoth => {
                story.egress.is_some_and(|sight| !self.peers().iter().any(|peer| peer.admits_egress(mode, cell, sight)))
            }
            Self::IngressFromNodes | Self::IngressFromClients | Self::IngressFromClientPods => {
                story.ingress.is_some_and(|sight| !self.peers().iter().any(|peer| peer.is(sight.source)))
            }
        };
        if denied { End::TimedOut } else { story.end }
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

    fn admits_egress(self, mode: NodePortPolicy, cell: Cell, sight: Sight) -> bool {
        let dialled_node = matches!(cell.entrance, Entrance::NodePort | Entrance::HostPort);
        let dialled_service = cell.entrance != Entrance::HostPort;
        self.is(sight.destination)
            || match mode {
                NodePortPolicy::Standard => false,
                NodePortPolicy::Consistent => {
                    (self == Self::Nodes && dialled_node) || (self == Self::Servers && dialled_service)
                }
            }
    }
}
