//! The lines for `ip -batch` that wire a namespace up.

use std::net::IpAddr;

use ferrule_ruleset::{links::InterfacePrefix, name::ObjectName};

use crate::cluster::Pod;

/// The number of the world outside on the underlay; nodes count from 1.
pub const OUTSIDE: u16 = 254;

/// What the interface towards the network is called, if nobody says otherwise.
pub const UPLINK: &str = "eth0";

/// The link layer address of the node's end of every pod's link, as Calico sets it.
const GATEWAY_MAC: &str = "ee:ee:ee:ee:ee:ee";

/// The next hop of every pod, as Calico sets it; no interface bears it.
const GATEWAYS: [&str; 2] = ["169.254.1.1", "fe80::ecee:eeff:feee:eeee"];

/// Lines for `ip -batch`.
#[derive(Debug)]
pub struct Script {
    text: String,
    /// The interface towards the network.
    uplink: String,
}

impl Script {
    /// No lines.
    pub fn new() -> Self {
        Self::of(UPLINK)
    }

    /// No lines, for a member of the underlay that has this interface towards it.
    pub fn of(uplink: &str) -> Self {
        Self { text: String::new(), uplink: uplink.to_owned() }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The lines as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The underlay: a bridge.
    pub fn bridge() -> Self {
        let mut script = Self::new();
        script.line("link add br0 type bridge stp_state 0 mcast_snooping 0");
        script.line("link set br0 up");
        script
    }

    /// A port of the bridge and its other end, the uplink of a node.
    pub fn join_underlay(&mut self, number: u16, namespace: &str, uplink: &str) {
        let mac = underlay_mac(number);
        self.line(&format!(
            "link add port{number} type veth peer name {uplink} address {mac} netns {namespace}"
        ));
        self.line(&format!("link set port{number} master br0 up"));
    }

    /// The underlay as one of its members sees it: neighbours and the routes to their addresses.
    pub fn on_underlay(own: u16, nodes: &[(u16, &Vec<IpAddr>)], uplink: &str) -> Self {
        let mut script = Self::of(uplink);
        script.line("link set lo up");
        script.line(&format!("link set {uplink} up"));
        let others = nodes.iter().map(|(number, _)| *number).chain([OUTSIDE]).filter(|number| *number != own);
        for number in others {
            for hop in next_hops(number) {
                script.line(&format!(
                    "neigh replace {hop} lladdr {} dev {uplink} nud permanent",
                    underlay_mac(number)
                ));
            }
        }
        for (number, addresses) in nodes.iter().filter(|(number, _)| *number != own) {
            script.route_by(addresses, *number);
        }
        script
    }

    /// Addresses of an interface.
    pub fn address(&mut self, interface: &str, addresses: &[IpAddr]) {
        for address in addresses {
            let nodad = if address.is_ipv6() { " nodad" } else { "" };
            self.line(&format!("addr add {} dev {interface}{nodad}", host(*address)));
        }
    }

    /// What no node and no pod owns is outside.
    pub fn default_route(&mut self) {
        for hop in next_hops(OUTSIDE) {
            self.line(&format!("route add default via {hop} dev {} onlink", self.uplink));
        }
    }

    /// Host routes by way of a member of the underlay.
    pub fn route_by(&mut self, addresses: &[IpAddr], number: u16) {
        for address in addresses {
            let hop = &next_hops(number)[usize::from(address.is_ipv6())];
            let uplink = &self.uplink;
            self.line(&format!("route replace {} via {hop} dev {uplink} onlink", host(*address)));
        }
    }

    /// Takes host routes away.
    pub fn unroute(&mut self, addresses: &[IpAddr]) {
        for address in addresses {
            self.line(&format!("route del {}", host(*address)));
        }
    }

    /// A pod's link with its end on the node, and the node's routes and neighbours for it.
    pub fn join_pod(&mut self, name: &str, pod: &Pod, number: u16, namespace: &str) {
        let (interface, [high, low]) = (interface_of(name), number.to_be_bytes());
        let mac = format!("02:fe:01:00:{high:02x}:{low:02x}");
        self.line(&format!(
            "link add {interface} address {GATEWAY_MAC} type veth peer name eth0 address {mac} netns {namespace}"
        ));
        self.line(&format!("link set {interface} up"));
        for address in &pod.addresses {
            self.line(&format!("route replace {} dev {interface}", host(*address)));
            self.line(&format!("neigh replace {address} lladdr {mac} dev {interface} nud permanent"));
        }
    }

    /// Takes a pod's link away, and with it its routes.
    pub fn part_pod(&mut self, name: &str) {
        self.line(&format!("link del {}", interface_of(name)));
    }

    /// The pod's side of its link.
    pub fn inside_pod(addresses: &[IpAddr]) -> Self {
        let mut script = Self::new();
        script.line("link set lo up");
        script.line("link set eth0 up");
        script.address("eth0", addresses);
        for gateway in GATEWAYS {
            script.line(&format!("neigh replace {gateway} lladdr {GATEWAY_MAC} dev eth0 nud permanent"));
            script.line(&format!("route add default via {gateway} dev eth0 onlink"));
        }
        script
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// The interface on the node of a pod, by `namespace/name`.
pub fn interface_of(pod: &str) -> String {
    let (namespace, name) = pod.split_once('/').unwrap_or(("default", pod));
    InterfacePrefix::default().interface_of(&ObjectName::new(namespace, name)).to_string()
}

/// The host route of an address.
fn host(address: IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

/// Next hops of a member of the underlay in either family; permanent neighbours, no addresses of any interface.
fn next_hops(number: u16) -> [String; 2] {
    [format!("169.254.77.{number}"), format!("fe80::77:{number:x}")]
}

fn underlay_mac(number: u16) -> String {
    let [high, low] = number.to_be_bytes();
    format!("02:fe:00:00:{high:02x}:{low:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_are_those_of_calico() {
        // printf default.web | sha1sum
        assert_eq!(interface_of("default/web"), "cali68caf03a5f4");
    }
}
