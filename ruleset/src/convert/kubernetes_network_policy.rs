//! NetworkPolicy of Kubernetes (`networking.k8s.io/v1`).
//!
//! Its rules only allow, so the closed stand-in of a rule is no rule, and that of a policy whose subject is not understood is a policy of its whole
//! namespace without rules.

mod peer;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    direction,
    extent::{self, Budget},
    field::{Field, Fields, Problem, Problems},
    label_selector,
    pods::of_pods,
    ports,
    remark::Remarks,
    selectors::Scope,
};
use crate::{
    name::{NamespaceName, TierName},
    policy::{Action, Direction, Entity, Order, Policy, PolicyKey, Rule, Stage, Traffic},
    port::{Port, PortRange},
    protocol::Protocol,
};

/// Where these policies stand in the tier `default` (policy-model §2.3).
pub(super) const ORDER: f64 = 1000.0;

const STAND_IN: &str = "the policy isolates its whole namespace and allows nothing";
const DROPPED: &str = "the rule matches nothing";

/// Reads a policy.
pub(super) fn convert(
    key: PolicyKey,
    namespace: &NamespaceName,
    object: &Fields<'_>,
    remarks: &mut Remarks,
) -> Policy {
    let mut problems = Problems::default();
    problems.0.extend(object.unknown(&super::OBJECT_FIELDS));
    let spec = problems.map_or_empty(object, "spec");
    problems.0.extend(spec.unknown(&["podSelector", "policyTypes", "ingress", "egress"]));
    let directions = directions(&spec, remarks, &mut problems);
    let pods = spec.field("podSelector").map_or(Ok(Vec::new()), |field| label_selector::terms(&field));
    let pods = problems.or_default(pods);
    let mut policy = Policy {
        key,
        tier: TierName::new("default"),
        order: Order::new(ORDER).unwrap_or_default(),
        stage: Stage::Local,
        subject: of_pods(pods.into_iter().chain(Scope::Namespace(namespace).term())),
        directions,
        ingress: rules(&spec, Direction::Ingress, namespace, remarks),
        egress: rules(&spec, Direction::Egress, namespace, remarks),
    };
    if !problems.is_empty() {
        remarks.errors(problems, STAND_IN);
        (policy.ingress, policy.egress) = (Vec::new(), Vec::new());
    }
    policy
}

/// `policyTypes`; by default Ingress, and Egress if there are egress rules (API server's default). Both where it is not understood.
fn directions(spec: &Fields<'_>, remarks: &mut Remarks, problems: &mut Problems) -> BTreeSet<Direction> {
    let types = spec.items("policyTypes");
    let types = types.and_then(|types| types.iter().map(direction::read).collect::<Result<BTreeSet<_>, _>>());
    match types {
        Ok(types) if types.is_empty() => {
            let has_egress = spec.items("egress").map_or(true, |rules| !rules.is_empty());
            Direction::ALL
                .into_iter()
                .filter(|direction| *direction == Direction::Ingress || has_egress)
                .collect()
        }
        Ok(types) => {
            direction::warn_of_idle_rules(spec, &types, remarks);
            types
        }
        Err(problem) => {
            problems.0.push(problem);
            Direction::ALL.into()
        }
    }
}

fn rules(
    spec: &Fields<'_>,
    direction: Direction,
    namespace: &NamespaceName,
    remarks: &mut Remarks,
) -> Vec<Rule> {
    let items = match spec.items(direction::rule_list(direction)) {
        Ok(items) => items,
        Err(problem) => {
            remarks.error(problem, "the policy allows nothing in this direction");
            return Vec::new();
        }
    };
    let mut rules = Vec::new();
    let mut budget = Budget::default();
    for (index, item) in (0..).zip(&items) {
        match rule(item, index, direction, namespace, &mut budget) {
            Ok(expanded) => rules.extend(expanded),
            Err(problem) => remarks.error(problem, DROPPED),
        }
    }
    rules
}

/// One rule of the API: every peer with every protocol.
fn rule(
    field: &Field<'_>,
    index: u32,
    direction: Direction,
    namespace: &NamespaceName,
    budget: &mut Budget,
) -> Result<Vec<Rule>, Problem> {
    let fields = field.fields()?;
    let peers = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    if let Some(problem) = fields.unknown(&[peers, "ports"]).pop() {
        return Err(problem);
    }
    let peers = peer::peers(&fields.items(peers)?, namespace)?;
    let protocols = protocols(&fields.items("ports")?)?;
    let lists = [(peers.len(), peers.len()), extent::of_protocols(protocols.values())];
    budget.pay(&lists, |message| fields.problem(message))?;
    let rule = |peer: &Entity, (protocol, ports): (&Option<Protocol>, &Vec<Port>)| {
        let traffic = Traffic { protocol: *protocol, ..Traffic::default() };
        let (source, destination) = match direction {
            Direction::Ingress => (peer.clone(), Entity { ports: ports.clone(), ..Entity::default() }),
            Direction::Egress => (Entity::default(), Entity { ports: ports.clone(), ..peer.clone() }),
        };
        Rule { action: Action::Allow, index, traffic, source, destination }
    };
    Ok(peers.iter().flat_map(|peer| protocols.iter().map(move |entry| rule(peer, entry))).collect())
}

/// Ports by protocol; an empty list of ports is all of them. No protocol at all where the list of the API is empty.
fn protocols(items: &[Field<'_>]) -> Result<BTreeMap<Option<Protocol>, Vec<Port>>, Problem> {
    if items.is_empty() {
        return Ok(BTreeMap::from([(None, Vec::new())]));
    }
    let mut protocols: BTreeMap<_, Option<Vec<Port>>> = BTreeMap::new();
    for item in items {
        let (protocol, port) = port(&item.fields()?)?;
        let ports = protocols.entry(Some(protocol)).or_insert_with(|| Some(Vec::new()));
        match port {
            Some(port) => ports.iter_mut().for_each(|ports| ports.push(port.clone())),
            None => *ports = None,
        }
    }
    Ok(protocols
        .into_iter()
        .map(|(protocol, ports)| (protocol, ports::merged(ports.unwrap_or_default())))
        .collect())
}

/// `{protocol, port, endPort}`; no port means all ports of the protocol.
fn port(fields: &Fields<'_>) -> Result<(Protocol, Option<Port>), Problem> {
    if let Some(problem) = fields.unknown(&["protocol", "port", "endPort"]).pop() {
        return Err(problem);
    }
    let protocol = fields.field("protocol").map_or(Ok(Protocol::TCP), |field| ports::protocol(&field))?;
    let port = fields.field("port").map(|field| ports::kubernetes(&field)).transpose()?;
    let Some(end) = fields.field("endPort") else { return Ok((protocol, port)) };
    let last = ports::number(&end)?;
    match port {
        Some(Port::Number(PortRange { first, .. })) if first <= last => {
            Ok((protocol, Some(Port::Number(PortRange { first, last }))))
        }
        Some(Port::Number(_)) => Err(end.problem("endPort must not be less than port")),
        Some(Port::Named(_)) | None => Err(end.problem("endPort needs a port by number beside it")),
    }
}
