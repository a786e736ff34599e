//! Host ports as the CNI plug-in `portmap` does them, in the words of either program.
//!
//! Only what comes from the pod itself (hairpin) or from a loopback address is masqueraded; everybody else keeps the source.

use std::fmt::Write as _;

use ferrule_ruleset::address::Family;

use super::{
    iptables::Table,
    plan::{Plan, digest, protocol_name},
};

/// Chains in the table `nat`, and their place in its hooks.
pub fn iptables(plan: &Plan, table: &mut Table) {
    if plan.host_ports.is_empty() {
        return;
    }
    table.rule("PREROUTING", "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT");
    table.rule("OUTPUT", "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT");
    table.rule("POSTROUTING", "-j CNI-HOSTPORT-MASQ");
    table.rule("CNI-HOSTPORT-SETMARK", "-j MARK --or-mark 0x2000");
    table.rule("CNI-HOSTPORT-MASQ", "-m mark --mark 0x2000/0x2000 -j MASQUERADE");
    for port in &plan.host_ports {
        let own = format!("CNI-DN-{}", digest(&[&port.to.to_string()]));
        let (protocol, number) = (protocol_name(port.protocol), port.port);
        let to = format!("-p {protocol} -m {protocol} --dport {number}");
        table.rule("CNI-HOSTPORT-DNAT", &format!("{to} -j {own}"));
        let loopback = match plan.family {
            Family::V4 => Some("127.0.0.1".to_owned()),
            Family::V6 => None,
        };
        for source in loopback.into_iter().chain([port.to.ip().to_string()]) {
            table.rule(&own, &format!("-s {source} {to} -j CNI-HOSTPORT-SETMARK"));
        }
        table.rule(&own, &format!("{to} -j DNAT --to-destination {}", port.to));
    }
}

/// A table of its own, which is replaced also if there is nothing to translate.
pub fn nftables(plan: &Plan, text: &mut String) {
    let (family, table) = (plan.family, format!("{} cni_hostport", plan.family));
    let _ = writeln!(text, "table {table}\ndelete table {table}");
    if plan.host_ports.is_empty() {
        return;
    }
    let (mut ports, mut masquerade) = (String::new(), String::new());
    for port in &plan.host_ports {
        let _ = write!(ports, "{} dport {} dnat to {}; ", protocol_name(port.protocol), port.port, port.to);
        let pod = port.to.ip();
        let _ = write!(masquerade, "{family} saddr {pod} {family} daddr {pod} masquerade; ");
        if plan.family == Family::V4 {
            let _ = write!(masquerade, "ip saddr 127.0.0.1 ip daddr {pod} masquerade; ");
        }
    }
    let _ = writeln!(
        text,
        "table {table} {{
  chain hostports {{ {ports}}}
  chain prerouting {{ type nat hook prerouting priority -100; fib daddr type local jump hostports; }}
  chain output {{ type nat hook output priority -100; fib daddr type local jump hostports; }}
  chain masquerading {{ type nat hook postrouting priority 100; {masquerade}}}
}}"
    );
}
