//! Rules of Calico policies, and their closed stand-ins.
//!
//! | a rule that is not understood | becomes |
//! |---|---|
//! | Allow, Log | nothing |
//! | Deny | a Deny with the restrictions that are understood |
//! | Pass | such a Deny |
//! | of unknown action | such a Deny |
//!
//! So a field that a later version of the API adds to narrow an Allow can never widen it here.

use super::{
    direction,
    extent::{self, Budget},
    field::{Field, Fields, Problem, Problems},
    nets, ports,
    remark::Remarks,
    selectors::{self, Scope},
    service_match, traffic,
};
use crate::{
    policy::{Action, Direction, Entity, Rule, Traffic},
    port::Port,
};

/// Fields of a rule besides those of its traffic; `metadata` is for people. `http` is known by name only.
const RULE_FIELDS: [&str; 5] = ["action", "metadata", "source", "destination", "http"];

/// Where a rule stands: the direction of its list, and the reach of its policy.
type Place<'a> = (Direction, Scope<'a>);

/// Fields of one end of a rule.
const ENTITY_FIELDS: [&str; 9] = [
    "nets",
    "notNets",
    "selector",
    "notSelector",
    "namespaceSelector",
    "serviceAccounts",
    "services",
    "ports",
    "notPorts",
];

/// A list of rules.
pub(super) fn rules(
    spec: &Fields<'_>,
    direction: Direction,
    scope: Scope<'_>,
    remarks: &mut Remarks,
) -> Vec<Rule> {
    match spec.items(direction::rule_list(direction)) {
        Ok(items) => {
            let mut budget = Budget::default();
            let numbered = (0..).zip(&items);
            let place = (direction, scope);
            numbered.filter_map(|(index, item)| rule(item, index, place, &mut budget, remarks)).collect()
        }
        Err(problem) => {
            remarks.error(problem, "the policy denies everything in this direction");
            vec![everything(Action::Deny, 0)]
        }
    }
}

fn everything(action: Action, index: u32) -> Rule {
    Rule {
        action,
        index,
        traffic: Traffic::default(),
        source: Entity::default(),
        destination: Entity::default(),
    }
}

fn rule(
    field: &Field<'_>,
    index: u32,
    place: Place<'_>,
    budget: &mut Budget,
    remarks: &mut Remarks,
) -> Option<Rule> {
    let mut problems = Problems::default();
    let (action, mut rule) = match field.fields() {
        Ok(fields) => {
            let action = problems.or_default(action(&fields).map(Some));
            let mut rule = matches(&fields, index, place, &mut problems);
            if let Err(problem) = pay(&rule, budget, &fields) {
                problems.0.push(problem);
                without_ports(&mut rule);
            }
            (action, rule)
        }
        Err(problem) => {
            problems.0.push(problem);
            (None, everything(Action::Deny, index))
        }
    };
    rule.action = action.unwrap_or(Action::Deny);
    if problems.is_empty() {
        return Some(rule);
    }
    let (action, consequence) = match action {
        Some(Action::Allow) => (None, "the rule matches nothing"),
        Some(Action::Log) => (None, "the rule logs nothing"),
        Some(Action::Deny) => (Some(Action::Deny), "the rule denies without asking for this"),
        Some(Action::Pass) => {
            (Some(Action::Deny), "the rule denies instead of passing, without asking for this")
        }
        None => (Some(Action::Deny), "the rule denies what it matches"),
    };
    remarks.errors(problems, consequence);
    action.map(|action| Rule { action, ..rule })
}

/// A rule without protocol that lists ports is one for each protocol that has some.
fn pay(rule: &Rule, budget: &mut Budget, fields: &Fields<'_>) -> Result<(), Problem> {
    let protocols = if rule.traffic.protocol.is_none() { 3 } else { 1 };
    let lists = [
        extent::of_ports(&rule.source.ports),
        extent::of_ports(&rule.destination.ports),
        (protocols, protocols),
    ];
    budget.pay(&lists, |message| fields.problem(message))
}

fn without_ports(rule: &mut Rule) {
    for entity in [&mut rule.source, &mut rule.destination] {
        entity.ports.clear();
        entity.not_ports.clear();
    }
}

fn action(rule: &Fields<'_>) -> Result<Action, Problem> {
    let Some(field) = rule.field("action") else { return Err(rule.problem("action is missing")) };
    match field.text()? {
        "Allow" => Ok(Action::Allow),
        "Deny" => Ok(Action::Deny),
        "Pass" => Ok(Action::Pass),
        "Log" => Ok(Action::Log),
        other => Err(field.problem(format!("{other:?} is no action; use Allow, Deny, Pass or Log"))),
    }
}

/// All that a rule asks, less what is not understood.
fn matches(fields: &Fields<'_>, index: u32, place: Place<'_>, problems: &mut Problems) -> Rule {
    if let Some(http) = fields.field("http") {
        problems.0.push(http.problem("matching of HTTP requests is not supported"));
    }
    problems.0.extend(fields.unknown(&[&RULE_FIELDS[..], &traffic::FIELDS].concat()));
    let traffic = traffic::read(fields, problems);
    let source = entity(fields, End::Source, &traffic, place, problems);
    let destination = entity(fields, End::Destination, &traffic, place, problems);
    Rule { action: Action::Deny, index, traffic, source, destination }
}

/// One end of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
}

impl End {
    /// The field of the rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

fn entity(
    rule: &Fields<'_>,
    end: End,
    traffic: &Traffic,
    (direction, scope): Place<'_>,
    problems: &mut Problems,
) -> Entity {
    let fields = problems.map_or_empty(rule, end.as_str());
    problems.0.extend(fields.unknown(&ENTITY_FIELDS));
    let (selector, not_selector) = selectors::entity(&fields, scope, problems);
    Entity {
        nets: problems.or_default(nets::nets(&fields, "nets")),
        not_nets: problems.or_default(nets::nets(&fields, "notNets")),
        selector,
        not_selector,
        nodes: None,
        ports: problems.or_default(entity_ports(&fields, "ports", traffic)),
        not_ports: problems.or_default(entity_ports(&fields, "notPorts", traffic)),
        service: problems.or_default(service_match::read(&fields, end, direction, scope)),
    }
}

/// Ports of one end: any of them needs a protocol with ports, except that names alone may stand without a protocol.
fn entity_ports(entity: &Fields<'_>, name: &str, traffic: &Traffic) -> Result<Vec<Port>, Problem> {
    let Some(field) = entity.field(name) else { return Ok(Vec::new()) };
    let ports = field.items()?.iter().map(ports::calico).collect::<Result<Vec<_>, _>>()?;
    let is_named = ports.iter().all(|port| matches!(port, Port::Named(_)));
    let is_supported = match traffic.protocol {
        Some(protocol) => protocol.has_ports(),
        None => is_named,
    };
    if !ports.is_empty() && !is_supported {
        return Err(field.problem("ports need protocol TCP, UDP or SCTP in the rule"));
    }
    Ok(ports::merged(ports))
}
