//! kube-proxy in mode `nftables`: table `kube-proxy`, as text for `nft -f`, which replaces it.

use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
};

use ferrule_ruleset::address::Family;

use super::{
    TrafficPolicy, host_port,
    plan::{Plan, Port, digest},
};

/// Elements of the table's sets and maps.
#[derive(Default)]
struct Elements {
    cluster_ips: Vec<String>,
    service_ips: Vec<String>,
    service_node_ports: Vec<String>,
    no_endpoint_services: Vec<String>,
    no_endpoint_node_ports: Vec<String>,
}

/// The table of a node.
pub fn render(plan: &Plan) -> String {
    let (mut elements, mut chains) = (Elements::default(), String::new());
    for port in &plan.ports {
        enter(&mut elements, port);
        if !port.endpoints.is_empty() {
            service(plan, port, &mut chains);
        }
    }
    let table = format!("{} kube-proxy", plan.family);
    let mut text = format!("table {table}\ndelete table {table}\ntable {table} {{\n");
    declare(plan, &elements, &mut text);
    text.push_str(&chains);
    text.push_str(&skeleton(plan));
    text.push_str("}\n");
    host_port::nftables(plan, &mut text);
    text
}

/// Sets and maps.
fn declare(plan: &Plan, elements: &Elements, text: &mut String) {
    let address = match plan.family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    };
    let by_address = format!("{address} . inet_proto . inet_service : verdict");
    let by_port = "inet_proto . inet_service : verdict";
    let primary: Vec<String> = plan.primary.iter().map(IpAddr::to_string).collect();
    for (kind, name, of, members) in [
        ("set", "cluster-ips", address, &elements.cluster_ips),
        ("set", "nodeport-ips", address, &primary),
        ("map", "service-ips", &by_address, &elements.service_ips),
        ("map", "service-nodeports", by_port, &elements.service_node_ports),
        ("map", "no-endpoint-services", &by_address, &elements.no_endpoint_services),
        ("map", "no-endpoint-nodeports", by_port, &elements.no_endpoint_node_ports),
    ] {
        let members = match members.is_empty() {
            true => String::new(),
            false => format!("    elements = {{ {} }}\n", members.join(", ")),
        };
        let _ = writeln!(text, "  {kind} {name} {{\n    type {of}\n{members}  }}");
    }
    // Verdicts of maps name chains, which have to exist before.
    for chain in ["reject-chain { reject; }", "mark-for-masquerade { meta mark set meta mark or 0x4000; }"] {
        let _ = writeln!(text, "  chain {chain}");
    }
}

/// The base chains and what they share.
fn skeleton(plan: &Plan) -> String {
    let (family, mut text) = (plan.family, String::new());
    let check = "ct state new jump service-endpoints-check; ct state new jump cluster-ips-check;";
    for chain in [
        &format!(
            "service-endpoints-check {{ {family} daddr . meta l4proto . th dport vmap @no-endpoint-services; }}"
        ),
        &format!(
            "nodeport-endpoints-check {{ {family} daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }}"
        ),
        &format!("cluster-ips-check {{ {family} daddr @cluster-ips reject; }}"),
        &format!(
            "services {{ {family} daddr . meta l4proto . th dport vmap @service-ips; \
             {family} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports; }}"
        ),
        "masquerading { meta mark and 0x4000 == 0 return; meta mark set meta mark xor 0x4000; masquerade fully-random; }",
        &format!("filter-forward {{ type filter hook forward priority 0; {check} }}"),
        "filter-input { type filter hook input priority 0; ct state new jump nodeport-endpoints-check; \
         ct state new jump service-endpoints-check; }",
        &format!("filter-output {{ type filter hook output priority 0; {check} }}"),
        "nat-prerouting { type nat hook prerouting priority -100; jump services; }",
        "nat-output { type nat hook output priority -100; jump services; }",
        "nat-postrouting { type nat hook postrouting priority 100; jump masquerading; }",
    ] {
        let _ = writeln!(text, "  chain {chain}");
    }
    text
}

/// The ways into the chains of a port, and what becomes of packets that no endpoint can take.
fn enter(elements: &mut Elements, port: &Port) {
    let protocol = port.protocol_name();
    let with = |to: &SocketAddr| format!("{} . {protocol} . {}", to.ip(), to.port());
    elements.cluster_ips.extend(port.cluster.iter().map(|to| to.ip().to_string()));
    elements.cluster_ips.dedup();
    if !port.endpoints.is_empty() {
        let (all, outside) = (chain("service", port), chain("external", port));
        elements.service_ips.extend(port.cluster.iter().map(|to| format!("{} : goto {all}", with(to))));
        elements.service_ips.extend(port.external.iter().map(|to| format!("{} : goto {outside}", with(to))));
        let node_port = port.node_port.map(|number| format!("{protocol} . {number} : goto {outside}"));
        elements.service_node_ports.extend(node_port);
    }
    let verdict = match port.policy {
        _ if port.endpoints.is_empty() => "goto reject-chain",
        TrafficPolicy::Local if port.local.is_empty() => "drop",
        TrafficPolicy::Local | TrafficPolicy::Cluster => return,
    };
    let cluster = port.cluster.iter().filter(|_| port.endpoints.is_empty());
    let refused = cluster.chain(&port.external).map(|to| format!("{} : {verdict}", with(to)));
    elements.no_endpoint_services.extend(refused);
    let node_port = port.node_port.map(|number| format!("{protocol} . {number} : {verdict}"));
    elements.no_endpoint_node_ports.extend(node_port);
}

/// The chains of a port with endpoints; those that others name come first.
fn service(plan: &Plan, port: &Port, text: &mut String) {
    let (family, protocol) = (plan.family, port.protocol_name());
    for endpoint in &port.endpoints {
        let _ = writeln!(
            text,
            "  chain {} {{ {family} saddr {} jump mark-for-masquerade; meta l4proto {protocol} dnat to {endpoint}; }}",
            endpoint_chain(port, *endpoint),
            endpoint.ip()
        );
    }
    let pods = plan.pods;
    let masquerade = port
        .cluster
        .iter()
        .map(|to| format!("{family} daddr {} {family} saddr != {pods} jump mark-for-masquerade; ", to.ip()));
    let (all, masquerade) = (chain("service", port), masquerade.collect::<String>());
    let _ = writeln!(text, "  chain {all} {{ {masquerade}{} }}", choose(port, &port.endpoints));
    if !port.is_external() {
        return;
    }
    let external = match port.policy {
        TrafficPolicy::Cluster => format!("jump mark-for-masquerade; goto {all};"),
        TrafficPolicy::Local => {
            let local = if port.local.is_empty() { String::new() } else { choose(port, &port.local) };
            format!(
                "{family} saddr {pods} goto {all}; fib saddr type local jump mark-for-masquerade; \
                 fib saddr type local goto {all}; {local}"
            )
        }
    };
    let _ = writeln!(text, "  chain {} {{ {external} }}", chain("external", port));
}

/// One endpoint at random, each as likely as any other.
fn choose(port: &Port, endpoints: &[SocketAddr]) -> String {
    let ways = endpoints.iter().enumerate();
    let ways: Vec<_> =
        ways.map(|(number, to)| format!("{number} : goto {}", endpoint_chain(port, *to))).collect();
    format!("numgen random mod {} vmap {{ {} }};", endpoints.len(), ways.join(", "))
}

fn chain(kind: &str, port: &Port) -> String {
    let label = port.label.replace(':', "/");
    format!("{kind}-{}-{label}/{}", &digest(&[&port.label])[..8], port.protocol_name())
}

fn endpoint_chain(port: &Port, endpoint: SocketAddr) -> String {
    let address = endpoint.ip().to_string().replace(':', ".");
    format!("{}__{address}/{}", chain("endpoint", port), endpoint.port())
}
