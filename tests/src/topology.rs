//! A cluster of network namespaces: nodes on one underlay, pods behind their nodes as Calico's CNI plug-in joins them, and the world outside.
//!
//! ```text
//! [pod eth0]──veth──[cali… node eth0]──veth──[bridge]──veth──[eth0 node cali…]──veth──[eth0 pod]
//!                                               └──veth──[eth0 outside, any address on lo]
//! ```
//!
//! Every neighbour is permanent and every address has its host route, so that nothing needs to be discovered: what a probe sends arrives at once or was
//! dropped by a rule. Duplicate address detection, link-local addresses and reverse path filters are off for the same reason. Deliberately absent:
//! address translation, overlays, and any rule; a topology without an agent lets everything through.

mod script;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};

use crate::{
    cluster::{Cluster, Place, Pod},
    namespace::Namespace,
};

use script::Script;
pub use script::interface_of;

/// Namespaces wired up as a cluster; all are removed on drop.
#[derive(Debug)]
pub struct Topology {
    /// What it was built from.
    pub cluster: Cluster,
    label: String,
    // Dropped first to last: a veth dies with either end, so pods go before nodes.
    pods: BTreeMap<String, Namespace>,
    nodes: BTreeMap<String, Namespace>,
    outside: Namespace,
    underlay: Namespace,
    pods_ever: u16,
}

/// What a sysctl of every namespace has to be before its first link appears.
const SETTINGS: [(&str, &str); 12] = [
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv6/conf/all/disable_ipv6", "0"),
    ("net/ipv6/conf/default/disable_ipv6", "0"),
    ("net/ipv6/conf/all/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_ra", "0"),
    ("net/ipv6/conf/default/addr_gen_mode", "1"),
    ("net/ipv6/conf/all/forwarding", "1"),
];

impl Topology {
    /// Builds the namespaces of a cluster and gives the given addresses to the world outside. The label makes names of namespaces readable.
    pub fn build(label: &str, cluster: &Cluster, outside: &BTreeSet<IpAddr>) -> Result<Self> {
        static BUILT: AtomicU32 = AtomicU32::new(0);
        let label = format!("{}{label}", BUILT.fetch_add(1, Ordering::Relaxed));
        let create = |name: &str| namespace(&format!("{label}-{name}"));
        let nodes =
            cluster.nodes.keys().map(|node| Ok((node.clone(), create(node)?))).collect::<Result<_>>()?;
        let mut topology = Self {
            cluster: Cluster { pods: BTreeMap::new(), ..cluster.clone() },
            pods: BTreeMap::new(),
            nodes,
            outside: create("outside")?,
            underlay: create("underlay")?,
            pods_ever: 0,
            label,
        };
        topology.join_nodes(outside)?;
        topology.attach(&cluster.pods)?;
        Ok(topology)
    }

    /// The namespace of a node.
    pub fn node(&self, name: &str) -> Result<&Namespace> {
        self.nodes.get(name).with_context(|| format!("no node {name:?} in this topology"))
    }

    /// All nodes by name.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Namespace)> {
        self.nodes.iter().map(|(name, namespace)| (name.as_str(), namespace))
    }

    /// The namespace of a pod.
    pub fn pod(&self, name: &str) -> Result<&Namespace> {
        self.pods.get(name).with_context(|| format!("no pod {name:?} in this topology"))
    }

    /// The namespace of the world outside.
    pub fn outside(&self) -> &Namespace {
        &self.outside
    }

    /// The namespace in which an address lives.
    pub fn home(&self, address: IpAddr) -> Result<&Namespace> {
        match self.cluster.owner(address) {
            Place::Pod(name) => self.pod(&name),
            Place::Node(name) => self.node(&name),
            Place::Outside => Ok(&self.outside),
        }
    }

    /// Lets the world outside reach further addresses by way of a node.
    pub fn route(&self, addresses: &[IpAddr], node: &str) -> Result<()> {
        let number = (1..).zip(self.nodes.keys()).find(|(_, name)| *name == node).map(|(number, _)| number);
        let mut script = Script::new();
        script.route_by(addresses, number.with_context(|| format!("no node {node:?} in this topology"))?);
        run_all([(&self.outside, &script)])
    }

    /// Joins further pods, as a CNI plug-in would.
    pub fn attach(&mut self, pods: &BTreeMap<String, Pod>) -> Result<()> {
        let mut inside = Vec::new();
        let mut elsewhere: BTreeMap<&str, Script> =
            self.nodes.keys().map(|node| (node.as_str(), Script::of(self.uplink(node)))).collect();
        let mut world = Script::new();
        let numbers: BTreeMap<&str, u16> =
            (1..).zip(self.nodes.keys()).map(|(number, node)| (node.as_str(), number)).collect();
        for (name, pod) in pods {
            self.pods_ever += 1;
            let namespace = namespace(&format!("{}-{}", self.label, name.replace('/', "-")))?;
            for (node, script) in &mut elsewhere {
                if *node == pod.node {
                    script.join_pod(name, pod, self.pods_ever, namespace.name());
                } else {
                    script.route_by(&pod.addresses, numbers[pod.node.as_str()]);
                }
            }
            world.route_by(&pod.addresses, numbers[pod.node.as_str()]);
            inside.push((name, namespace, Script::inside_pod(&pod.addresses)));
        }
        let nodes = elsewhere.iter().map(|(node, script)| (&self.nodes[*node], script));
        run_all(nodes.chain([(&self.outside, &world)]))?;
        run_all(inside.iter().map(|(_, namespace, script)| (namespace, script)))?;
        self.wait_links(inside.iter().map(|(_, namespace, _)| namespace))?;
        self.cluster.pods.extend(pods.clone());
        self.pods.extend(inside.into_iter().map(|(name, namespace, _)| (name.clone(), namespace)));
        Ok(())
    }

    /// Takes a pod away with its link, its addresses and its routes on every node.
    pub fn detach(&mut self, name: &str) -> Result<()> {
        let namespace = self.pods.remove(name).with_context(|| format!("no pod {name:?}"))?;
        let pod = self.cluster.pods.remove(name).with_context(|| format!("no pod {name:?}"))?;
        let (mut own, mut other) = (Script::new(), Script::new());
        own.part_pod(name);
        other.unroute(&pod.addresses);
        let nodes =
            self.nodes.iter().map(|(node, space)| (space, if *node == pod.node { &own } else { &other }));
        run_all(nodes.chain([(&self.outside, &other)]))?;
        drop(namespace);
        Ok(())
    }

    /// Forgets every connection that the nodes track, so that no probe looks like the reply to an earlier one.
    pub fn forget_connections(&self) -> Result<()> {
        self.nodes.values().try_for_each(crate::conntrack::flush)
    }

    /// Waits until the links of pods, of nodes and of the underlay carry packets.
    fn wait_links<'a>(&'a self, pods: impl Iterator<Item = &'a Namespace>) -> Result<()> {
        pods.chain(self.nodes.values())
            .chain([&self.outside, &self.underlay])
            .try_for_each(Namespace::wait_links)?;
        // Links are started under the lock that this takes: when it returns, the bridge has opened their ports too.
        self.underlay.execute("ip", &["link", "set", "br0", "up"], "").map(drop)
    }

    /// The interface of a node towards the others.
    pub fn uplink(&self, node: &str) -> &str {
        self.cluster.uplinks.get(node).map_or(script::UPLINK, String::as_str)
    }

    fn join_nodes(&self, outside: &BTreeSet<IpAddr>) -> Result<()> {
        let mut bridge = Script::bridge();
        let numbered: Vec<_> = (1..).zip(&self.nodes).collect();
        for (number, (node, namespace)) in &numbered {
            bridge.join_underlay(*number, namespace.name(), self.uplink(node));
        }
        bridge.join_underlay(script::OUTSIDE, self.outside.name(), script::UPLINK);
        run_all([(&self.underlay, &bridge)])?;
        let everywhere: Vec<_> =
            numbered.iter().map(|(number, (node, _))| (*number, &self.cluster.nodes[*node])).collect();
        let outside: Vec<_> = outside.iter().copied().collect();
        let mut scripts = Vec::new();
        for (number, (node, namespace)) in &numbered {
            let uplink = self.uplink(node);
            let mut script = Script::on_underlay(*number, &everywhere, uplink);
            script.address(uplink, &self.cluster.nodes[*node]);
            script.default_route();
            scripts.push((*namespace, script));
        }
        let mut world = Script::on_underlay(script::OUTSIDE, &everywhere, script::UPLINK);
        world.address("lo", &outside);
        scripts.push((&self.outside, world));
        run_all(scripts.iter().map(|(namespace, script)| (*namespace, script)))
    }
}

/// A namespace with [`SETTINGS`].
fn namespace(name: &str) -> Result<Namespace> {
    let namespace = Namespace::create(name)?;
    namespace.set(&SETTINGS)?;
    Ok(namespace)
}

/// Runs one script in each namespace, side by side.
fn run_all<'a>(scripts: impl IntoIterator<Item = (&'a Namespace, &'a Script)>) -> Result<()> {
    let started = scripts.into_iter().filter(|(_, script)| !script.is_empty());
    let running = started.map(|(namespace, script)| namespace.start("ip", &["-batch", "-"], script.as_str()));
    let running: Vec<_> = running.collect::<Result<_>>()?;
    running.into_iter().try_for_each(|program| program.finish().map(drop))
}

#[cfg(test)]
mod tests;
