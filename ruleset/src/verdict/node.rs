//! One node of the cluster: its policy and its ruleset, and what the ruleset makes of a packet.

use crate::{
    compile::{self, Options},
    evaluate::evaluate,
    event::Event,
    ir::NodePolicy,
    links::{InterfacePrefix, uplink},
    name::{InterfaceName, NodeName, ObjectName},
    nft::{Hook, Ruleset},
    packet::{Packet, Tracking},
    policy::{Direction, PolicyKey},
    resolve::Resolver,
    store::Store,
    verdict::{
        Decision, Miss, miss,
        route::{Crossing, Header},
    },
};

/// The policy of a node as its agent would program it.
#[derive(Debug)]
pub(super) struct Node {
    policy: NodePolicy,
    ruleset: Ruleset,
    prefix: InterfacePrefix,
    uplink: InterfaceName,
}

impl Node {
    /// Resolves and compiles what concerns a node. The pods' interfaces are assumed under the names of Calico's CNI plug-in.
    pub(super) fn new(name: &NodeName, store: &Store, options: &Options) -> Self {
        let mut resolver = Resolver::new(name.clone(), options.prefixes.clone()).with_layer(&options.layer);
        for resource in store.resources() {
            resolver.apply(Event::Upsert(resource.clone()));
        }
        let policy = resolver.resolve();
        let ruleset = compile::compile(&policy, options);
        let prefix = options.prefixes.first().cloned().unwrap_or_default();
        Self { policy, ruleset, prefix, uplink: uplink(&options.prefixes) }
    }

    /// What the node decides about a packet that crosses it, in order.
    pub(super) fn judge(&self, crossing: &Crossing, header: Header) -> Vec<Decision> {
        Decision::of(&evaluate(&self.ruleset, &self.packet(crossing, header)), crossing)
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
        let network = |side: Hook| (crossing.hook != side).then(|| self.uplink.clone());
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
