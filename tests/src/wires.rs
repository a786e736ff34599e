//! A node between a client and a server, without pods, agent or rules: for what rules do to packets that no cluster is needed for.

use std::net::IpAddr;

use anyhow::Result;
use ferrule_ruleset::address::Family;

use crate::namespace::Namespace;

/// `client [eth0]──[to-client] node [to-server]──[eth0] server`.
#[derive(Debug)]
pub struct Wires {
    /// Host 2 of network 1.
    pub client: Namespace,
    /// Host 1 of both networks, forwards.
    pub node: Namespace,
    /// Host 2 of network 2.
    pub server: Namespace,
}

/// The address of a host of network 1 or 2.
pub fn address(family: Family, network: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => [10, 0, network, host].into(),
        Family::V6 => [0xfd00, 0, 0, network.into(), 0, 0, 0, host.into()].into(),
    }
}

/// Addresses are good at once, and the node forwards.
const SETTINGS: [(&str, &str); 4] = [
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv6/conf/all/forwarding", "1"),
    ("net/ipv6/conf/all/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
];

impl Wires {
    /// Lays the wires. The label makes names of namespaces readable.
    pub fn lay(label: &str) -> Result<Self> {
        let create = |name: &str| -> Result<Namespace> {
            let namespace = Namespace::create(&format!("{label}-{name}"))?;
            namespace.set(&SETTINGS)?;
            ip(&namespace, &["link", "set", "lo", "up"])?;
            Ok(namespace)
        };
        let wires = Self { client: create("c")?, node: create("n")?, server: create("s")? };
        wires.join("to-client", &wires.client, 1)?;
        wires.join("to-server", &wires.server, 2)?;
        for namespace in [&wires.client, &wires.node, &wires.server] {
            namespace.wait_links()?;
        }
        Ok(wires)
    }

    fn join(&self, link: &str, end: &Namespace, network: u8) -> Result<()> {
        ip(&self.node, &["link", "add", link, "type", "veth", "peer", "eth0", "netns", end.name()])?;
        for (namespace, link, host) in [(&self.node, link, 1), (end, "eth0", 2)] {
            ip(namespace, &["link", "set", link, "up"])?;
            for (family, length) in [(Family::V4, 24), (Family::V6, 64)] {
                let own = format!("{}/{length}", address(family, network, host));
                ip(namespace, &["address", "add", &own, "dev", link])?;
            }
        }
        for (family, flag) in [(Family::V4, "-4"), (Family::V6, "-6")] {
            let gateway = address(family, network, 1).to_string();
            ip(end, &[flag, "route", "add", "default", "via", &gateway])?;
        }
        Ok(())
    }
}

fn ip(namespace: &Namespace, arguments: &[&str]) -> Result<()> {
    namespace.execute("ip", arguments, "").map(drop)
}
