//! Rules, and their closed stand-ins.

use std::collections::BTreeMap;

use super::{Api, peer, port, protocol, warn_of_excess};
use crate::{
    convert::{
        direction,
        extent::{self, Budget},
        field::{Field, Fields, Problem, Problems},
        ports,
        remark::Remarks,
    },
    policy::{Action, Direction, Entity, Rule, Traffic},
    port::Port,
    protocol::Protocol,
};

/// The longest name of a rule that the API admits, in characters.
const LONGEST_NAME: usize = 100;

/// Ports by protocol; an empty list of ports is all of them. Names stand under no protocol, for they are ports of whatever protocol the pod says.
pub(super) type Ports = BTreeMap<Option<Protocol>, Vec<Port>>;

/// A list of rules.
pub(super) fn rules(api: Api, spec: &Fields<'_>, direction: Direction, remarks: &mut Remarks) -> Vec<Rule> {
    let Some(list) = spec.field(direction::rule_list(direction)) else { return Vec::new() };
    match list.items() {
        Ok(items) => {
            warn_of_excess(&list, items.len(), api.limit(), remarks);
            let numbered = (0..).zip(&items);
            let mut budget = Budget::default();
            let place = (api, direction);
            numbered.flat_map(|(index, item)| rule(place, item, index, &mut budget, remarks)).collect()
        }
        Err(problem) => {
            remarks.error(problem, "the policy denies everything in this direction");
            vec![everything(0)]
        }
    }
}

/// A Deny of everything.
pub(super) fn everything(index: u32) -> Rule {
    Rule {
        action: Action::Deny,
        index,
        traffic: Traffic::default(),
        source: Entity::default(),
        destination: Entity::default(),
    }
}

/// One rule of the API: every peer with every protocol.
fn rule(
    (api, direction): (Api, Direction),
    item: &Field<'_>,
    index: u32,
    budget: &mut Budget,
    remarks: &mut Remarks,
) -> Vec<Rule> {
    let mut problems = Problems::default();
    let fields = match item.fields() {
        Ok(fields) => fields,
        Err(problem) => {
            remarks.error(problem, "the rule denies everything");
            return vec![everything(index)];
        }
    };
    let action = problems.or_default(action(api, &fields).map(Some));
    let (peers_name, ports_name) = (peers_field(direction), ports_field(api));
    problems.0.extend(fields.unknown(&["name", "action", peers_name, ports_name]));
    name(&fields, &mut problems, remarks);
    let peers = fields.field(peers_name).ok_or_else(|| fields.problem(format!("{peers_name} is missing")));
    let peers = peers.and_then(|list| peer::peers(api, &list, direction, remarks));
    let peers = problems.or_default(peers.map(Some));
    let ports = ports(api, &fields, remarks).and_then(|ports| {
        match peers.as_ref().is_some_and(|peers| peers.iter().any(peer::is_nameless)) && has_names(&ports) {
            true => Err(fields.problem("nodes and networks have no ports with names")),
            false => Ok(ports),
        }
    });
    let ports = ports.and_then(|ports| {
        let count = peers.as_ref().map_or(0, Vec::len);
        let lists = [(count, count), extent::of_protocols(ports.values())];
        budget.pay(&lists, |message| fields.problem(message)).map(|()| ports)
    });
    let ports = problems.or_default(ports.map(Some)).unwrap_or_else(all_ports);
    let is_clear = problems.is_empty();
    let action = settle(action, peers.is_some(), problems, remarks);
    match (action, peers) {
        (None, _) => Vec::new(),
        (Some(_), None) => vec![everything(index)],
        (Some(action), Some(peers)) => {
            let action = if is_clear { action } else { Action::Deny };
            expand(action, index, &peers, &ports, direction)
        }
    }
}

/// What a rule does, given what of it was not understood; none where it has to go.
fn settle(
    action: Option<Action>,
    has_peers: bool,
    problems: Problems,
    remarks: &mut Remarks,
) -> Option<Action> {
    if problems.is_empty() {
        return action;
    }
    let (settled, consequence) = match (action, has_peers) {
        (Some(Action::Allow | Action::Log), _) => (None, "the rule matches nothing"),
        (Some(Action::Deny | Action::Pass) | None, false) => {
            (Some(Action::Deny), "the rule denies everything")
        }
        (Some(Action::Deny), true) => (Some(Action::Deny), "the rule denies without asking for this"),
        (Some(Action::Pass), true) => {
            (Some(Action::Deny), "the rule denies instead of passing, without asking for this")
        }
        (None, true) => (Some(Action::Deny), "the rule denies what it matches"),
    };
    remarks.errors(problems, consequence);
    settled
}

fn expand(action: Action, index: u32, peers: &[Entity], ports: &Ports, direction: Direction) -> Vec<Rule> {
    let rule = |peer: &Entity, (protocol, ports): (&Option<Protocol>, &Vec<Port>)| {
        let traffic = Traffic { protocol: *protocol, ..Traffic::default() };
        let (source, destination) = match direction {
            Direction::Ingress => (peer.clone(), Entity { ports: ports.clone(), ..Entity::default() }),
            Direction::Egress => (Entity::default(), Entity { ports: ports.clone(), ..peer.clone() }),
        };
        Rule { action, index, traffic, source, destination }
    };
    peers.iter().flat_map(|peer| ports.iter().map(move |entry| rule(peer, entry))).collect()
}

fn action(api: Api, rule: &Fields<'_>) -> Result<Action, Problem> {
    let Some(field) = rule.field("action") else { return Err(rule.problem("action is missing")) };
    match (field.text()?, api) {
        ("Accept", Api::Cluster) | ("Allow", Api::Admin | Api::Baseline) => Ok(Action::Allow),
        ("Deny", _) => Ok(Action::Deny),
        ("Pass", Api::Cluster | Api::Admin) => Ok(Action::Pass),
        (other, api) => {
            let known = match api {
                Api::Cluster => "Accept, Deny or Pass",
                Api::Admin => "Allow, Deny or Pass",
                Api::Baseline => "Allow or Deny",
            };
            Err(field.problem(format!("{other:?} is no action of this API; use {known}")))
        }
    }
}

/// The name of a rule is for people; its place is its identity.
fn name(rule: &Fields<'_>, problems: &mut Problems, remarks: &mut Remarks) {
    let Some(field) = rule.field("name") else { return };
    let length = problems.or_default(field.text()).chars().count();
    if length > LONGEST_NAME {
        let message = format!("the API admits names of {LONGEST_NAME} characters, not of {length}");
        remarks.warning(field.problem(message), "");
    }
}

fn peers_field(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

fn ports_field(api: Api) -> &'static str {
    match api {
        Api::Cluster => "protocols",
        Api::Admin | Api::Baseline => "ports",
    }
}

fn all_ports() -> Ports {
    Ports::from([(None, Vec::new())])
}

fn has_names(ports: &Ports) -> bool {
    ports.values().flatten().any(|port| matches!(port, Port::Named(_)))
}

/// What of the traffic the rule asks for. An empty list is not what the API calls unspecified.
fn ports(api: Api, rule: &Fields<'_>, remarks: &mut Remarks) -> Result<Ports, Problem> {
    let Some(list) = rule.field(ports_field(api)) else { return Ok(all_ports()) };
    let items = list.items()?;
    if items.is_empty() {
        return Err(list.problem("an empty list is not admitted; leave it out to match all traffic"));
    }
    warn_of_excess(&list, items.len(), api.limit(), remarks);
    let mut by_protocol = Ports::new();
    for item in &items {
        let (protocol, port) = match api {
            Api::Cluster => protocol::read(item)?,
            Api::Admin | Api::Baseline => port::read(item)?,
        };
        by_protocol.entry(protocol).or_default().push(port);
    }
    Ok(by_protocol.into_iter().map(|(protocol, ports)| (protocol, ports::merged(ports))).collect())
}
