//! Compiled rulesets of all nodes, and packets that pass their hooks one by one, as the kernel would have them pass: connection tracking and kube-proxy
//! stand where they stand there.

use std::{collections::BTreeMap, ops::Range};

use ferrule_ruleset::{
    compile::{Options, compile},
    evaluate::{Outcome as Evaluated, evaluate},
    event::Event,
    links::{Links, ObservedLinks},
    manifest::Directory,
    name::{InterfaceName, NodeName},
    nft::{BaseChain, ChainKind, Hook, Ruleset, Statement},
    origin::Origin,
    packet::{Dialled, Packet, Payload, Tracking},
    protocol::Protocol,
    resolve::Resolver,
    store::Store,
};
use serde_json::Value;

use super::direction;
use crate::{
    flow::Flow,
    reference::{self, Entry, Reference, Target, Terrain},
    topology::interface_of,
    verdict::{By, Judge, Outcome, Verdict},
};

/// Where connection tracking stands (`NF_IP_PRI_CONNTRACK`).
const TRACKING: i32 = -200;
/// Where destinations are translated (`NF_IP_PRI_NAT_DST`).
const TRANSLATION: i32 = -100;
/// More nodes than this in a row is a loop.
const MOST_NODES: usize = 4;

/// A judge that walks packets through the rulesets of the nodes. It names no decisions: what a packet met is in [`Hooks::trail`].
#[derive(Debug, Default)]
pub struct Hooks {
    options: Options,
    reference: Reference,
    rulesets: BTreeMap<String, Ruleset>,
}

impl Hooks {
    /// Agents with these settings on every node.
    pub fn with(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// The ruleset of a node.
    pub fn ruleset(&self, node: &str) -> Option<&Ruleset> {
        self.rulesets.get(node)
    }

    /// What becomes of a flow, and every rule that its first packet met and that said something.
    pub fn trail(&self, flow: &Flow) -> Result<(Outcome, Vec<By>), String> {
        let (entrance, packet) = self.reference.beginning(flow)?;
        let mut way = Way {
            hooks: self,
            terrain: self.reference.terrain(),
            trail: Vec::new(),
            outcome: Outcome::Allow,
        };
        if let Some((node, entry)) = entrance {
            way.follow(node, entry, packet)?;
        }
        Ok((way.outcome, way.trail))
    }
}

impl Judge for Hooks {
    fn load(&mut self, objects: &[Value]) {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let mut store = Store::default();
        for event in Directory::default().update("universe.json", Some(&list.to_string())) {
            store.apply(event);
        }
        self.reference = Reference::new(objects);
        let terrain = self.reference.terrain();
        let program = |node: &str| (node.to_owned(), program(&store, terrain, node, &self.options));
        self.rulesets = terrain.nodes().map(program).collect();
    }

    fn verdict(&mut self, flow: &Flow) -> Result<Verdict, String> {
        let (outcome, _) = self.trail(flow)?;
        Ok(Verdict { outcome, decisions: Vec::new() })
    }
}

/// The ruleset of a node whose links are those of the test topology.
fn program(store: &Store, terrain: Terrain<'_>, node: &str, options: &Options) -> Ruleset {
    let mut resolver =
        Resolver::new(NodeName::new(node), options.prefixes.clone()).with_layer(&options.layer);
    for resource in store.resources() {
        resolver.apply(Event::Upsert(resource.clone()));
    }
    let uplink = InterfaceName::new(terrain.uplink(node));
    let pods = terrain.pods(node).map(|pod| InterfaceName::new(interface(pod)));
    let names = pods.chain([uplink.clone(), InterfaceName::new("lo")]).collect();
    let mut links = ObservedLinks { names, ..ObservedLinks::default() };
    links.addresses.insert(uplink, terrain.addresses(node).iter().copied().collect());
    resolver.apply(Event::Links(Links::Observed(links)));
    compile(&resolver.resolve(), options)
}

fn interface(pod: &reference::Pod) -> String {
    interface_of(&format!("{}/{}", pod.namespace, pod.name))
}

/// A packet on its way.
struct Way<'a> {
    hooks: &'a Hooks,
    terrain: Terrain<'a>,
    trail: Vec<By>,
    outcome: Outcome,
}

impl<'a> Way<'a> {
    fn follow(&mut self, node: &'a str, entry: Entry<'a>, packet: reference::Packet) -> Result<(), String> {
        let (mut node, mut entry, mut packet) = (node, entry, packet);
        for _ in 0..MOST_NODES {
            let (target, left) = self.cross(node, entry, packet)?;
            if self.outcome == Outcome::Deny || !matches!(target, Target::Elsewhere) {
                return Ok(());
            }
            let Some(next) = self.terrain.next(&left)? else { return Ok(()) };
            (node, entry, packet) = (next, Entry::Network, left);
        }
        Err("in circles".to_owned())
    }

    /// One node. Where the packet goes from it, and as what.
    fn cross(
        &mut self,
        node: &'a str,
        entry: Entry<'a>,
        packet: reference::Packet,
    ) -> Result<(Target<'a>, reference::Packet), String> {
        let made_here = matches!(entry, Entry::Itself);
        let mut seen = self.entering(node, entry, &packet);
        let untracked = self.pass(node, &seen, i32::MIN..TRACKING);
        seen.tracking = if untracked || is_ignored(&packet) { Tracking::Untracked } else { Tracking::New };
        self.pass(node, &seen, TRACKING..TRANSLATION);
        let translated = if untracked { None } else { self.terrain.translate(node, entry, &packet)? };
        let mut left = packet;
        if let Some(to) = translated {
            left = packet.to(to.address, to.port);
            seen.dialled = Some(Dialled { destination: packet.destination, port: Some(packet.port) });
            (seen.destination, seen.payload) = (to.address, payload(&left));
        }
        self.pass(node, &seen, TRANSLATION..i32::MAX);
        let target = self.terrain.target(node, seen.destination);
        let own = matches!(target, Target::Itself);
        let out = self.out_interface(node, target);
        if !made_here {
            seen.hook = if own { Hook::Input } else { Hook::Forward };
            seen.out_interface = (!own).then(|| out.clone());
            self.pass(node, &seen, i32::MIN..i32::MAX);
        }
        if !own || made_here {
            (seen.hook, seen.out_interface) = (Hook::Postrouting, Some(out));
            self.pass(node, &seen, i32::MIN..i32::MAX);
        }
        let source = translated.map_or(packet.source, |to| to.source);
        Ok((target, reference::Packet { source, ..left }))
    }

    /// The packet at the first hook of a node, not yet tracked. The interface that the node sends it by is the one towards what it dials.
    fn entering(&self, node: &str, entry: Entry<'_>, packet: &reference::Packet) -> Packet {
        let (hook, in_interface, out_interface) = match entry {
            Entry::Itself => {
                let out = self.out_interface(node, self.terrain.target(node, packet.destination));
                (Hook::Output, None, Some(out))
            }
            Entry::Pod(pod) => (Hook::Prerouting, Some(InterfaceName::new(interface(pod))), None),
            Entry::Network => (Hook::Prerouting, Some(InterfaceName::new(self.terrain.uplink(node))), None),
        };
        let reference::Packet { source, destination, .. } = *packet;
        let tracking = Tracking::Invalid;
        let payload = payload(packet);
        Packet { hook, in_interface, out_interface, source, destination, payload, tracking, dialled: None }
    }

    fn out_interface(&self, node: &str, target: Target<'_>) -> InterfaceName {
        match target {
            Target::Itself => InterfaceName::new("lo"),
            Target::Pod(pod) => InterfaceName::new(interface(pod)),
            Target::Elsewhere => InterfaceName::new(self.terrain.uplink(node)),
        }
    }

    /// The base chains of the packet's hook with priorities in a range, but for those that translate. Whether one excepts the packet from tracking.
    fn pass(&mut self, node: &str, packet: &Packet, priorities: Range<i32>) -> bool {
        let Some(ruleset) = self.hooks.ruleset(node).filter(|_| self.outcome == Outcome::Allow) else {
            return false;
        };
        let chains = &ruleset.table(packet.family()).chains;
        let elsewhere = |base: &BaseChain| {
            base.hook == packet.hook && (!priorities.contains(&base.priority) || base.kind == ChainKind::Nat)
        };
        let mut part = ruleset.clone();
        for (name, chain) in chains {
            if chain.base.as_ref().is_some_and(elsewhere) {
                part.tables.get_mut(packet.family()).chains.remove(name);
            }
        }
        let trace = evaluate(&part, packet);
        if trace.outcome == Evaluated::Dropped {
            self.outcome = Outcome::Deny;
        }
        self.trail.extend(trace.path.iter().filter_map(|step| by(&step.origin)));
        trace.path.iter().any(|step| {
            let rule = chains.get(&step.chain).and_then(|chain| chain.rules.get(step.rule));
            rule.is_some_and(|rule| rule.statements.contains(&Statement::Notrack))
        })
    }
}

/// What connection tracking does not look at: neighbour and listener discovery (`icmpv6_error` in nf_conntrack_proto_icmpv6.c).
fn is_ignored(packet: &reference::Packet) -> bool {
    packet.icmp.is_some_and(|(kind, _)| packet.protocol == 58 && matches!(kind, 130..=137 | 143))
}

/// Who speaks at a step.
fn by(origin: &Origin) -> Option<By> {
    let builtin = |name: &str| Some(By::Builtin(name.to_owned()));
    match origin {
        Origin::Rule { tier, policy, direction: of, index } => Some(By::Rule {
            direction: direction(*of),
            tier: tier.to_string(),
            kind: policy.kind.as_str().to_owned(),
            namespace: policy.namespace.as_ref().map(ToString::to_string),
            name: policy.name.to_string(),
            rule: *index as usize,
        }),
        Origin::EndOfTier { .. } => builtin("end-of-tier"),
        Origin::Profile { .. } => builtin("profile"),
        Origin::StandIn { .. } => builtin("stand-in"),
        Origin::HostEndpoint { role, .. } | Origin::Endpoint { role, .. } | Origin::Builtin(role) => {
            builtin(role.as_str())
        }
        Origin::Policy { .. } => None,
    }
}

fn payload(packet: &reference::Packet) -> Payload {
    let protocol = Protocol(packet.protocol);
    match (packet.protocol, packet.icmp) {
        (6 | 17 | 132 | 136, _) => {
            Payload::Ports { protocol, source: packet.source_port, destination: packet.port }
        }
        (_, Some((kind, code))) => Payload::Icmp { protocol, kind, code },
        (_, None) => Payload::Other(protocol),
    }
}
