//! Manifests of a given size.

use serde_json::{Value, json};

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Namespaces; policies and local pods are spread over them evenly.
    pub namespaces: usize,
    /// Pods on the node [`NODE`].
    pub local_pods: usize,
    /// Policies per namespace; each selects all pods of its namespace.
    pub policies: usize,
    /// Rules per policy and direction.
    pub rules: usize,
    /// Pods on another node; every rule's selector matches all of them.
    pub peers: usize,
    /// How rules name ports.
    pub ports: Ports,
    /// Whom rules select.
    pub selectors: Selectors,
}

/// Whom rules select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selectors {
    /// Each rule all peers, by a selector of its own; the last rule of all the local pods too.
    Own,
    /// Each rule one of so many groups of peers.
    Groups(usize),
}

/// How rules name ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Each rule of a namespace its own.
    Distinct,
    /// The rules of each policy the same as those of the others.
    Shared,
}

/// The node of the local pods.
pub const NODE: &str = "node-a";

impl Scale {
    /// The protocol and port of a rule. The last rule of the last policy is UDP.
    pub fn port(&self, policy: usize, rule: usize) -> (&'static str, usize) {
        let protocol = if (self.rules - rule) % 2 == 1 { "UDP" } else { "TCP" };
        match self.ports {
            Ports::Distinct => (protocol, 10_000 + policy * self.rules + rule),
            Ports::Shared => (protocol, 10_000 + rule),
        }
    }

    /// The name of a local pod, and its IPv4 address.
    pub fn pod(&self, index: usize) -> (String, String, String) {
        let namespace = format!("ns-{}", index % self.namespaces);
        (namespace, format!("pod-{index}"), address([10, 128, 0, 0], index))
    }

    /// All objects as one list.
    pub fn manifests(&self) -> String {
        let mut items: Vec<Value> =
            (0..self.namespaces).map(|index| namespace(&format!("ns-{index}"))).collect();
        items.push(namespace("peers"));
        items.extend((0..self.local_pods).map(|index| self.local_pod(index)));
        items.extend((0..self.peers).map(|index| self.peer(index)));
        items.extend((0..self.namespaces * self.policies).map(|index| self.policy(index)));
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }

    fn local_pod(&self, index: usize) -> Value {
        let (namespace, name, address) = self.pod(index);
        pod(&namespace, &name, NODE, &address, &json!({"local": "true"}))
    }

    /// A pod elsewhere, of one of the groups that rules select.
    pub fn peer(&self, index: usize) -> Value {
        let group = match self.selectors {
            Selectors::Own => 0,
            Selectors::Groups(groups) => index % groups,
        };
        let labels = json!({"peer": group.to_string()});
        pod("peers", &format!("peer-{index}"), "node-b", &address([10, 200, 0, 0], index), &labels)
    }

    fn policy(&self, index: usize) -> Value {
        let (namespace, number) = (index / self.policies, index % self.policies);
        let last = number + 1 == self.policies;
        let rule = |side: &str, rule: usize| {
            let (protocol, port) = self.port(number, rule);
            let own = format!("!has(group-{number}-{rule})");
            let whom = match self.selectors {
                Selectors::Own if last && rule + 1 == self.rules => own,
                Selectors::Own => format!("has(peer) && {own}"),
                Selectors::Groups(groups) => format!("peer == '{}'", (index * self.rules + rule) % groups),
            };
            let mut entity = json!({"destination": {"ports": [port]}});
            entity[side]["selector"] = json!(whom);
            entity[side]["namespaceSelector"] = json!("all()");
            entity["action"] = json!("Allow");
            entity["protocol"] = json!(protocol);
            entity
        };
        let rules = |side: &str| (0..self.rules).map(|index| rule(side, index)).collect::<Vec<_>>();
        json!({
            "apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy",
            "metadata": {"name": format!("policy-{number}"), "namespace": format!("ns-{namespace}")},
            "spec": {"order": number, "types": ["Ingress", "Egress"], "selector": "has(local)", "ingress": rules("source"), "egress": rules("destination")},
        })
    }
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn pod(namespace: &str, name: &str, node: &str, address: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"nodeName": node, "containers": []}, "status": {"podIP": address, "phase": "Running"},
    })
}

fn address(base: [u8; 4], index: usize) -> String {
    std::net::Ipv4Addr::from(u32::from_be_bytes(base) + index as u32 + 1).to_string()
}
