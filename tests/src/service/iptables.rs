//! kube-proxy in mode `iptables`: the input of `iptables-restore` and `ip6tables-restore`, tables `filter` and `nat` as a whole.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use ferrule_ruleset::address::Family;

use super::{
    TrafficPolicy, host_port,
    plan::{Plan, Port, digest},
};

/// The mark of what is to be masqueraded (`--iptables-masquerade-bit` 14).
const MASQUERADE: &str = "0x4000";

/// A table under construction: its chains in order of their first mention, then its rules.
#[derive(Default)]
pub struct Table {
    chains: BTreeSet<String>,
    rules: String,
}

impl Table {
    /// A rule at the end of a chain; the chain appears if need be.
    pub fn rule(&mut self, chain: &str, rule: &str) {
        self.chains.insert(chain.to_owned());
        let _ = writeln!(self.rules, "-A {chain} {rule}");
    }

    /// A chain that may stay without rules.
    pub fn chain(&mut self, chain: &str) {
        self.chains.insert(chain.to_owned());
    }

    fn print(&self, name: &str, hooks: &[&str], text: &mut String) {
        let _ = writeln!(text, "*{name}");
        for hook in hooks {
            let _ = writeln!(text, ":{hook} ACCEPT [0:0]");
        }
        for chain in self.chains.iter().filter(|chain| !hooks.contains(&chain.as_str())) {
            let _ = writeln!(text, ":{chain} - [0:0]");
        }
        let _ = writeln!(text, "{}COMMIT", self.rules);
    }
}

/// Both tables of a node.
pub fn render(plan: &Plan) -> String {
    let mut text = String::new();
    filter(plan).print("filter", &["INPUT", "FORWARD", "OUTPUT"], &mut text);
    nat(plan).print("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"], &mut text);
    text
}

fn filter(plan: &Plan) -> Table {
    let new = "-m conntrack --ctstate NEW";
    let mut table = Table::default();
    for chain in ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS"] {
        table.chain(chain);
    }
    table.rule("INPUT", "-j KUBE-NODEPORTS");
    table.rule("INPUT", &format!("{new} -j KUBE-EXTERNAL-SERVICES"));
    table.rule("FORWARD", "-j KUBE-FORWARD");
    table.rule("FORWARD", &format!("{new} -j KUBE-SERVICES"));
    table.rule("FORWARD", &format!("{new} -j KUBE-EXTERNAL-SERVICES"));
    table.rule("OUTPUT", &format!("{new} -j KUBE-SERVICES"));
    table.rule("KUBE-FORWARD", "-m conntrack --ctstate INVALID -j DROP");
    table.rule("KUBE-FORWARD", &format!("-m mark --mark {MASQUERADE}/{MASQUERADE} -j ACCEPT"));
    table.rule("KUBE-FORWARD", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
    for port in &plan.ports {
        refuse(&mut table, port);
    }
    table
}

/// What reaches the filter table with an address of a Service still on it: nobody was found who could take it.
fn refuse(table: &mut Table, port: &Port) {
    let protocol = port.protocol_name();
    let comment = |why: &str| format!("-m comment --comment \"{} {why}\"", port.label);
    let (why, target) = match port.policy {
        _ if port.endpoints.is_empty() => ("has no endpoints", "REJECT"),
        TrafficPolicy::Local if port.local.is_empty() => ("has no local endpoints", "DROP"),
        TrafficPolicy::Local | TrafficPolicy::Cluster => return,
    };
    if port.endpoints.is_empty() {
        for to in &port.cluster {
            table.rule(
                "KUBE-SERVICES",
                &format!("{} {} -j REJECT", destination(*to, &protocol), comment(why)),
            );
        }
    }
    for to in &port.external {
        let rule = format!("{} {} -j {target}", destination(*to, &protocol), comment(why));
        table.rule("KUBE-EXTERNAL-SERVICES", &rule);
    }
    if let Some(number) = port.node_port {
        let rule = format!(
            "-m addrtype --dst-type LOCAL -p {protocol} -m {protocol} --dport {number} {} -j {target}",
            comment(why)
        );
        table.rule("KUBE-EXTERNAL-SERVICES", &rule);
    }
}

fn nat(plan: &Plan) -> Table {
    let mut table = Table::default();
    table.chain("KUBE-NODEPORTS");
    table.rule("PREROUTING", "-m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES");
    table.rule("OUTPUT", "-m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES");
    table.rule("POSTROUTING", "-j KUBE-POSTROUTING");
    table.rule("KUBE-POSTROUTING", &format!("-m mark ! --mark {MASQUERADE}/{MASQUERADE} -j RETURN"));
    table.rule("KUBE-POSTROUTING", &format!("-j MARK --xor-mark {MASQUERADE}"));
    table.rule("KUBE-POSTROUTING", "-j MASQUERADE --random-fully");
    table.rule("KUBE-MARK-MASQ", &format!("-j MARK --or-mark {MASQUERADE}"));
    for port in plan.ports.iter().filter(|port| !port.endpoints.is_empty()) {
        service(plan, port, &mut table);
    }
    let loopback = match plan.family {
        Family::V4 => "",
        // There is no route_localnet in IPv6.
        Family::V6 => "! -d ::1/128 ",
    };
    table.rule("KUBE-SERVICES", &format!("{loopback}-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"));
    host_port::iptables(plan, &mut table);
    table
}

/// The chains of a port with endpoints, and the ways into them.
fn service(plan: &Plan, port: &Port, table: &mut Table) {
    let (protocol, id) = (port.protocol_name(), digest(&[&port.label, &port.protocol.to_string()]));
    let [to_all, to_local, from_outside] = ["SVC", "SVL", "EXT"].map(|kind| format!("KUBE-{kind}-{id}"));
    let comment = format!("-m comment --comment \"{}\"", port.label);
    for to in &port.cluster {
        let to = destination(*to, &protocol);
        table.rule("KUBE-SERVICES", &format!("{to} {comment} -j {to_all}"));
        table.rule(&to_all, &format!("! -s {} {to} {comment} -j KUBE-MARK-MASQ", plan.pods));
    }
    for to in &port.external {
        table.rule("KUBE-SERVICES", &format!("{} {comment} -j {from_outside}", destination(*to, &protocol)));
    }
    if let Some(number) = port.node_port {
        let rule = format!("-p {protocol} -m {protocol} --dport {number} {comment} -j {from_outside}");
        table.rule("KUBE-NODEPORTS", &rule);
    }
    if port.is_external() {
        match port.policy {
            TrafficPolicy::Cluster => {
                table.rule(&from_outside, &format!("{comment} -j KUBE-MARK-MASQ"));
                table.rule(&from_outside, &format!("-j {to_all}"));
            }
            TrafficPolicy::Local => {
                table.rule(&from_outside, &format!("-s {} {comment} -j {to_all}", plan.pods));
                table.rule(&from_outside, "-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ");
                table.rule(&from_outside, &format!("-m addrtype --src-type LOCAL -j {to_all}"));
                if !port.local.is_empty() {
                    table.rule(&from_outside, &format!("-j {to_local}"));
                    choose(table, &to_local, port, &port.local);
                }
            }
        }
    }
    choose(table, &to_all, port, &port.endpoints);
    for endpoint in &port.endpoints {
        let chain = endpoint_chain(port, *endpoint);
        let source = host(endpoint.ip());
        table.rule(&chain, &format!("-s {source} {comment} -j KUBE-MARK-MASQ"));
        table.rule(
            &chain,
            &format!("-p {protocol} -m {protocol} {comment} -j DNAT --to-destination {endpoint}"),
        );
    }
}

/// One endpoint at random, each as likely as any other.
fn choose(table: &mut Table, chain: &str, port: &Port, endpoints: &[SocketAddr]) {
    for (left, endpoint) in (1..=endpoints.len()).rev().zip(endpoints) {
        let chance = match left {
            1 => String::new(),
            left => format!("-m statistic --mode random --probability {:.10} ", 1.0 / left as f64),
        };
        table.rule(chain, &format!("{chance}-j {}", endpoint_chain(port, *endpoint)));
    }
}

fn endpoint_chain(port: &Port, endpoint: SocketAddr) -> String {
    format!("KUBE-SEP-{}", digest(&[&port.label, &port.protocol.to_string(), &endpoint.to_string()]))
}

fn destination(to: SocketAddr, protocol: &str) -> String {
    format!("-d {} -p {protocol} -m {protocol} --dport {}", host(to.ip()), to.port())
}

/// An address as a network of one.
fn host(address: IpAddr) -> String {
    format!("{address}/{}", Family::of(&address).width())
}
