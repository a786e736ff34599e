//! What all kinds of policy have in common.

use super::{
    administrative, calico,
    endpoint::{Endpoint, Stage},
    kubernetes,
    packet::Packet,
    service::Front,
    truth::Truth,
    world::World,
};
use crate::verdict::Direction;

/// A policy of any kind.
#[derive(Debug)]
pub struct Policy {
    /// `NetworkPolicy`, `GlobalNetworkPolicy`, `KubernetesNetworkPolicy`, `KubernetesClusterNetworkPolicy`, `AdminNetworkPolicy` or
    /// `BaselineAdminNetworkPolicy`.
    pub kind: &'static str,
    /// Its namespace, for kinds that have one. It governs pods of no other.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: String,
    /// Its place in the tier; infinite if none is given.
    pub order: f64,
    /// Whether its tier or its order could not be understood: it could stand anywhere.
    pub displaced: bool,
    /// Whether part of what says which endpoints and directions it governs could not be understood.
    pub doubtful: bool,
    /// Where in the packet path it decides.
    pub stage: Stage,
    /// Whether its directions follow from rule lists of which one could not be understood.
    pub directions_in_doubt: bool,
    /// Whether it governs ingress.
    pub governs_ingress: Truth,
    /// Whether it governs egress.
    pub governs_egress: Truth,
    /// The endpoints it selects.
    pub subject: Subject,
    /// Rules for traffic towards its subject.
    pub ingress: Vec<Rule>,
    /// Rules for traffic from its subject.
    pub egress: Vec<Rule>,
}

/// Which endpoints a policy selects.
#[derive(Debug)]
pub enum Subject {
    /// By the Kubernetes API.
    Kubernetes(kubernetes::Subject),
    /// By the API of administrators.
    Administrative(administrative::Subject),
    /// By Calico's API.
    Calico(calico::Subject),
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// What it does on a match.
    pub action: Action,
    /// Whether any part of it could not be understood.
    pub doubtful: bool,
    /// What it matches.
    pub matches: Match,
}

/// What a rule matches.
#[derive(Debug)]
pub enum Match {
    /// By the Kubernetes API.
    Kubernetes(kubernetes::Rule),
    /// By the API of administrators.
    Administrative(administrative::Rule),
    /// By Calico's API.
    Calico(Box<calico::Rule>),
    /// Nothing is known of it.
    Doubtful,
}

/// What a rule does with a packet that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Admit.
    Allow,
    /// Drop.
    Deny,
    /// Go on with the next tier.
    Pass,
    /// Log and go on with the next rule.
    Log,
    /// It could be any of them.
    Doubtful,
}

impl Policy {
    /// The text that decides between equal orders (policy-model §0 item 5).
    pub fn tie_break(&self) -> String {
        format!("{}/{}/{}", self.name, self.namespace.as_deref().unwrap_or(""), self.kind)
    }

    /// The rules of a direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// Whether the policy governs this direction of an endpoint.
    pub fn governs(&self, world: &World, endpoint: Endpoint<'_>, direction: Direction) -> Truth {
        let selected = match (&self.subject, endpoint) {
            (Subject::Kubernetes(subject), Endpoint::Pod(pod)) => subject.selects(pod),
            (Subject::Administrative(subject), Endpoint::Pod(pod)) => subject.selects(world, pod),
            (Subject::Kubernetes(_) | Subject::Administrative(_), Endpoint::Host(..)) => Truth::No,
            (Subject::Calico(subject), _) => subject.selects(endpoint.labels()),
        };
        self.directed(direction).and(self.is_in_scope_of(endpoint).into()).and(selected)
    }

    /// Whether the policy could govern this direction of an endpoint, whatever its subject says: a policy of a namespace governs nothing of another.
    pub fn reaches(&self, endpoint: Endpoint<'_>, direction: Direction) -> bool {
        let directed = self.directions_in_doubt || self.directed(direction) != Truth::No;
        directed && self.is_in_scope_of(endpoint)
    }

    fn directed(&self, direction: Direction) -> Truth {
        match direction {
            Direction::Ingress => self.governs_ingress,
            Direction::Egress => self.governs_egress,
        }
    }

    fn is_in_scope_of(&self, endpoint: Endpoint<'_>) -> bool {
        if let (Subject::Administrative(_), Endpoint::Host(..)) = (&self.subject, endpoint) {
            return false;
        }
        let scope = self.namespace.as_deref();
        self.stage.concerns(endpoint) && scope.is_none_or(|scope| endpoint.namespace() == Some(scope))
    }
}

impl Rule {
    /// Whether the rule matches a packet.
    pub fn matches(&self, world: &World, packet: &Packet, direction: Direction) -> Truth {
        match &self.matches {
            Match::Kubernetes(rule) => rule.matches(world, packet, direction),
            Match::Administrative(rule) => rule.matches(world, packet, direction),
            Match::Calico(rule) => rule.matches(world, packet, direction),
            Match::Doubtful => Truth::Maybe,
        }
    }

    /// Whether an egress rule of a pod's policy means a packet by what was dialled (`nodeport_policy: consistent`): the address and port of a service all
    /// of whose endpoints its receiver includes, or, of a packet that this node has translated, an address in its networks.
    pub fn means_dialled(&self, world: &World, packet: &Packet) -> Truth {
        let matches = |packet: &Packet| self.matches(world, packet, Direction::Egress);
        let (selects, has_nets) = match &self.matches {
            Match::Kubernetes(rule) => return rule.means_dialled(world, packet),
            Match::Administrative(rule) => return rule.means_dialled(world, packet),
            Match::Calico(rule) => rule.receiver(),
            Match::Doubtful => return Truth::Maybe,
        };
        let by_nets = packet.dialled.filter(|_| has_nets);
        let by_nets = by_nets.map_or(Truth::No, |(address, port)| matches(&packet.to(address, port)));
        let by_service = if selects { all_backends(world, packet, matches) } else { Truth::No };
        by_nets.or(by_service)
    }
}

/// Whether a packet is dialled to a service port that has endpoints, all of which pass as its destination.
pub fn all_backends(world: &World, packet: &Packet, passes: impl Fn(&Packet) -> Truth) -> Truth {
    let Some(front) = Front::dialled(world, packet.destination, packet.protocol, packet.port) else {
        return Truth::No;
    };
    let mut backends = front.backends(world).peekable();
    let has_backends: Truth = backends.peek().is_some().into();
    has_backends.and(Truth::all(backends.map(|backend| passes(&packet.to(backend.address, backend.port)))))
}
