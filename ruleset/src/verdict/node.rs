//! One node of the cluster: its policy and its ruleset, and what the ruleset makes of a packet.

use std::net::IpAddr;

use crate::{
    compile::{self, Options},
    evaluate::{Outcome, Trace, evaluate},
    event::Event,
    ir::NodePolicy,
    links::InterfacePrefix,
    name::{InterfaceName, NodeName, ObjectName},
    nft::{Hook, Ruleset, Statement},
    packet::{Packet, Tracking},
    policy::{Action, Direction, PolicyKey},
    resolve::Resolver,
    store::Store,
    verdict::{
        Decision, Miss, miss,
        place::Places,
        route::{Crossing, Header, Link},
        uplink::Uplinks,
    },
};

/// The interface by which a node speaks with itself.
const LOOPBACK: &str = "lo";

/// The policy of a node as its agent would program it.
#[derive(Debug)]
pub(super) struct Node {
    policy: NodePolicy,
    ruleset: Ruleset,
    prefix: InterfacePrefix,
    uplinks: Uplinks,
    places: Places,
}

impl Node {
    /// Resolves and compiles what concerns a node with these addresses. The pods' interfaces are assumed under the names of Calico's CNI plug-in, those
    /// towards the network as [`Uplinks`] says.
    pub(super) fn new(name: &NodeName, addresses: &[IpAddr], store: &Store, options: &Options) -> Self {
        let mut resolver = Resolver::new(name.clone(), options.prefixes.clone()).with_layer(&options.layer);
        for resource in store.resources() {
            resolver.apply(Event::Upsert(resource.clone()));
        }
        let policy = resolver.resolve();
        let ruleset = compile::compile(&policy, options);
        let prefix = options.prefixes.first().cloned().unwrap_or_default();
        let uplinks = Uplinks::assumed(&policy, addresses, store, &options.prefixes);
        let places = Places::of(name, &policy);
        Self { policy, ruleset, prefix, uplinks, places }
    }

    /// What the node decides about a packet that crosses it, in order.
    pub(super) fn judge(&self, crossing: &Crossing, header: Header) -> Vec<Decision> {
        let packet = self.packet(crossing, header);
        let first = match crossing.hook {
            // Its chains ahead of connection tracking and behind it hang at one hook. The former do not ask for the state, so that one look finds out
            // whether they except the packet, and a second one what the latter say then.
            Hook::Output => packet.clone(),
            Hook::Prerouting | Hook::Input | Hook::Forward | Hook::Postrouting => {
                let tracking = Tracking::Invalid;
                Packet { hook: Hook::Prerouting, out_interface: None, tracking, ..packet.clone() }
            }
        };
        let ahead = evaluate(&self.ruleset, &first);
        let is_excepted = self.excepts(&ahead, &packet);
        if !is_excepted && (ahead.outcome == Outcome::Dropped || first.hook == packet.hook) {
            return self.decisions(&ahead, &packet, crossing);
        }
        let tracking = if is_excepted { Tracking::Untracked } else { Tracking::New };
        let packet = Packet { tracking, ..packet };
        self.decisions(&evaluate(&self.ruleset, &packet), &packet, crossing)
    }

    fn decisions(&self, trace: &Trace, packet: &Packet, crossing: &Crossing) -> Vec<Decision> {
        let action = |policy: &PolicyKey, direction: Direction, index: u32| -> Option<Action> {
            let rules = self.policy.policies.get(policy)?.rules(direction);
            rules.iter().find(|rule| rule.index == index).map(|rule| rule.action)
        };
        let path = self.places.along(trace, self.ruleset.table(packet.family()));
        Decision::of(trace.outcome, &path, crossing, &action)
    }

    /// Whether a rule on the way excepted the packet from connection tracking.
    fn excepts(&self, trace: &Trace, packet: &Packet) -> bool {
        let chains = &self.ruleset.table(packet.family()).chains;
        trace.path.iter().any(|step| {
            let rule = chains.get(&step.chain).and_then(|chain| chain.rules.get(step.rule));
            rule.is_some_and(|rule| rule.statements.contains(&Statement::Notrack))
        })
    }

    /// Why no rule of these policies matched a packet that crosses the node.
    pub(super) fn misses(
        &self,
        crossing: &Crossing,
        header: Header,
        direction: Direction,
        policies: &[PolicyKey],
    ) -> Vec<Miss> {
        let packet = self.packet(crossing, header);
        let table = self.ruleset.table(packet.family());
        let policies = policies.iter().filter_map(|key| self.policy.policies.get(key));
        policies.flat_map(|policy| miss::of_policy(policy, direction, &packet, table)).collect()
    }

    fn packet(&self, crossing: &Crossing, Header { source, destination, payload }: Header) -> Packet {
        let own = match crossing.hook {
            Hook::Prerouting | Hook::Input => Some(destination),
            Hook::Output | Hook::Postrouting => Some(source),
            Hook::Forward => None,
        };
        let link = || match crossing.link {
            Link::Network => self.uplinks.bearing(own).clone(),
            Link::Loopback => InterfaceName::from(LOOPBACK),
        };
        let network = |side: Hook| (crossing.hook != side).then(link);
        Packet {
            hook: crossing.hook,
            in_interface: self.interface(crossing.sender.as_ref()).or_else(|| network(Hook::Output)),
            out_interface: self.interface(crossing.receiver.as_ref()).or_else(|| network(Hook::Input)),
            source,
            destination,
            payload,
            tracking: Tracking::New,
            dialled: None,
        }
    }

    fn interface(&self, pod: Option<&ObjectName>) -> Option<InterfaceName> {
        let pod = pod?;
        let endpoint = self.policy.endpoints.get(pod);
        Some(endpoint.map_or_else(|| self.prefix.interface_of(pod), |endpoint| endpoint.interface.clone()))
    }
}
