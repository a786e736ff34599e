//! The way from a hook to the chain of a host endpoint, by the interface.
//!
//! A host endpoint with an interface of its own is an element of a verdict map, the one that has all others is the rule behind it. Where the former has
//! nothing to say and the latter has, its element returns, since the interface is not among the others.

use std::sync::Arc;

use imbl::OrdMap;

use super::{forwarded, untracked};
use crate::{
    address::Family,
    compile::{
        name::{self, Lane},
        rendered::rule,
        skeleton,
    },
    ir::{HostEndpoint, HostInterface},
    name::{ChainName, HostEndpointName, InterfaceName, SetName},
    nft::{Chain, Elements, Hook, InterfaceSide, Match, Rule, Set, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::Direction,
};

/// The interface by which a node speaks to itself.
const LOOPBACK: &str = "lo";

/// The chain that judges forwarded packets by the interface they came in by.
pub(in crate::compile) const FORWARD_IN: &str = "host-forward-in";
/// The chain that judges forwarded packets by the interface they leave by.
pub(in crate::compile) const FORWARD_OUT: &str = "host-forward-out";

/// Ahead of connection tracking, which is at -200.
const RAW: i32 = -300;

/// The host endpoints of a node.
#[derive(Clone, Copy)]
pub(in crate::compile) struct Hosts<'a>(
    pub(in crate::compile) &'a OrdMap<HostEndpointName, Arc<HostEndpoint>>,
);

impl Hosts<'_> {
    /// Whether there is none.
    pub(in crate::compile) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether one has policy for forwarded traffic in a direction, or pre-DNAT policy.
    pub(in crate::compile) fn forward(self, direction: Direction) -> bool {
        self.0.values().any(|endpoint| forwarded::is_present(endpoint, direction))
    }

    /// Whether one has policy ahead of connection tracking.
    fn untracked(self) -> bool {
        self.0.values().any(|endpoint| untracked::is_present(endpoint))
    }

    /// Leads packets to the chains of a lane. `guard` is asked first.
    pub(in crate::compile) fn dispatch(self, lane: Lane, guard: Option<&Match>) -> Vec<Rule> {
        let guarded = |last| {
            let statements = guard.cloned().into_iter().map(Statement::Match).chain([last]);
            rule(statements, Origin::Builtin(Builtin::Dispatch))
        };
        let (side, name, _) = map(lane);
        let named =
            (!self.verdicts(lane).is_empty()).then(|| Statement::InterfaceMap(side, SetName::from(name)));
        let others = self.0.values().find(|endpoint| endpoint.interface == HostInterface::Others);
        let others = others.filter(|endpoint| has_chain(endpoint, lane));
        let others =
            others.map(|endpoint| Statement::Verdict(Verdict::Goto(name::host(lane, &endpoint.name, 1))));
        named.into_iter().chain(others).map(guarded).collect()
    }

    /// The maps that rules of these lanes look into.
    pub(in crate::compile) fn maps(self, lanes: &[Lane]) -> Vec<Set> {
        let maps = lanes.iter().map(|lane| {
            let (_, name, comment) = map(*lane);
            let elements = Elements::InterfaceVerdicts(self.verdicts(*lane));
            Set { name: SetName::from(name), capacity: None, comment: comment.into(), elements }
        });
        maps.filter(|map| !map.elements.is_empty()).collect()
    }

    fn verdicts(self, lane: Lane) -> OrdMap<InterfaceName, Verdict> {
        let others_speak = self
            .0
            .values()
            .any(|endpoint| endpoint.interface == HostInterface::Others && has_chain(endpoint, lane));
        let named = self.0.values().flat_map(|endpoint| {
            let interfaces = match &endpoint.interface {
                HostInterface::Named(interfaces) => Some(interfaces),
                HostInterface::Others => None,
            };
            interfaces.into_iter().flatten().map(move |interface| (interface.clone(), endpoint))
        });
        let named = named.filter_map(|(interface, endpoint)| match has_chain(endpoint, lane) {
            true => Some((interface, Verdict::Goto(name::host(lane, &endpoint.name, 1)))),
            false if others_speak => Some((interface, Verdict::Return)),
            false => None,
        });
        // What a node says to itself neither enters nor leaves it: only an endpoint that names the loopback interface has it.
        let loopback = others_speak.then(|| (InterfaceName::from(LOOPBACK), Verdict::Return));
        loopback.into_iter().chain(named).collect()
    }

    /// The chains between the join of all new packets and the host endpoints.
    pub(in crate::compile) fn forward_chains(self) -> Vec<Chain> {
        let ways = [
            (Direction::Ingress, FORWARD_IN, Lane::ForwardIn),
            (Direction::Egress, FORWARD_OUT, Lane::ForwardOut),
        ];
        let ways = ways.into_iter().filter(|(direction, ..)| self.forward(*direction));
        ways.map(|(_, name, lane)| Chain {
            name: ChainName::from(name),
            base: None,
            rules: self.dispatch(lane, None),
        })
        .collect()
    }

    /// The base chains ahead of connection tracking. Discovery is never tracked anyway, and a node must not lose it to policy.
    pub(in crate::compile) fn raw_chains(self, family: Family) -> Vec<Chain> {
        if !self.untracked() {
            return Vec::new();
        }
        let chain = |name, hook, lane| {
            let rules = skeleton::discovery(family, skeleton::Heard::Anybody).into_iter();
            skeleton::base(name, hook, RAW, rules.chain(self.dispatch(lane, None)).collect())
        };
        vec![
            chain("raw-prerouting", Hook::Prerouting, Lane::RawIn),
            chain("raw-output", Hook::Output, Lane::RawOut),
        ]
    }
}

/// Whether an endpoint has a chain in a lane that a hook leads to.
fn has_chain(endpoint: &HostEndpoint, lane: Lane) -> bool {
    match lane {
        Lane::ForwardIn => forwarded::is_present(endpoint, Direction::Ingress),
        Lane::ForwardOut => forwarded::is_present(endpoint, Direction::Egress),
        // Nobody owns the others one by one, so that what they all would lose is not for one object to say.
        Lane::RawIn | Lane::RawOut => {
            endpoint.interface != HostInterface::Others && untracked::is_present(endpoint)
        }
        Lane::In
        | Lane::Out
        | Lane::TranslatedOut
        | Lane::DialledIn
        | Lane::DialledForward
        | Lane::UntrackedIn
        | Lane::UntrackedOut
        | Lane::UntrackedForward => true,
    }
}

/// The map of a lane: what it looks at, its name, its comment.
fn map(lane: Lane) -> (InterfaceSide, &'static str, &'static str) {
    use InterfaceSide::{In, Out};
    match lane {
        Lane::In | Lane::DialledIn | Lane::UntrackedIn => {
            (In, "from-host", "what comes to the node, by the interface it comes in")
        }
        Lane::Out | Lane::UntrackedOut => (Out, "to-host", "what the node sends, by the interface it leaves"),
        Lane::TranslatedOut => (
            Out,
            "to-host-translated",
            "what the node sends to translated destinations, by the interface it leaves",
        ),
        Lane::ForwardIn | Lane::DialledForward | Lane::UntrackedForward => {
            (In, FORWARD_IN, "what the node forwards, by the interface it comes in")
        }
        Lane::ForwardOut => (Out, FORWARD_OUT, "what the node forwards, by the interface it leaves"),
        Lane::RawIn => {
            (In, "from-host-untracked", "what comes in ahead of connection tracking, by the interface")
        }
        Lane::RawOut => {
            (Out, "to-host-untracked", "what the node sends ahead of connection tracking, by the interface")
        }
    }
}
