//! Services as API objects.

use std::net::IpAddr;

use ferrule_ruleset::address::Family;
use serde_json::{Value, json};

use super::{Service, of_family};

impl Service {
    /// The Service, and an EndpointSlice for each of its families.
    pub fn objects(&self) -> Vec<Value> {
        let (namespace, name) = self.name.split_once('/').unwrap_or(("default", &self.name));
        let slices =
            Family::ALL.into_iter().filter(|family| of_family(&self.cluster_ips, *family).next().is_some());
        let slices = slices.map(|family| self.slice(namespace, name, family));
        [self.service(namespace, name)].into_iter().chain(slices).collect()
    }

    fn service(&self, namespace: &str, name: &str) -> Value {
        let ports: Vec<_> = self.ports.iter().map(|port| {
            json!({"name": format!("p{}", port.port), "protocol": port.protocol.to_string(), "port": port.port,
                   "nodePort": port.node_port, "targetPort": port.target_port})
        }).collect();
        let kind =
            match (self.load_balancer_ips.is_empty(), self.ports.iter().any(|port| port.node_port.is_some()))
            {
                (false, _) => "LoadBalancer",
                (true, true) => "NodePort",
                (true, false) => "ClusterIP",
            };
        let ingress: Vec<_> =
            self.load_balancer_ips.iter().map(|address| json!({"ip": address, "ipMode": "VIP"})).collect();
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
            "spec": {
                "type": kind, "clusterIP": self.cluster_ips.first(), "clusterIPs": self.cluster_ips,
                "externalIPs": self.external_ips, "externalTrafficPolicy": self.external_traffic_policy.to_string(),
                "internalTrafficPolicy": "Cluster", "ports": ports,
            },
            "status": {"loadBalancer": {"ingress": ingress}},
        })
    }

    fn slice(&self, namespace: &str, name: &str, family: Family) -> Value {
        let (suffix, kind) = match family {
            Family::V4 => ("4", "IPv4"),
            Family::V6 => ("6", "IPv6"),
        };
        let ports: Vec<_> = self.ports.iter().map(|port| {
            json!({"name": format!("p{}", port.port), "protocol": port.protocol.to_string(), "port": port.target_port})
        }).collect();
        let endpoints: Vec<_> = self
            .endpoints
            .iter()
            .filter_map(|endpoint| {
                let addresses: Vec<IpAddr> = of_family(&endpoint.addresses, family).collect();
                let ready = json!({"ready": true, "serving": true, "terminating": false});
                (!addresses.is_empty())
                    .then(|| json!({"addresses": addresses, "nodeName": endpoint.node, "conditions": ready}))
            })
            .collect();
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": kind,
            "metadata": {"namespace": namespace, "name": format!("{name}-{suffix}"),
                         "labels": {"kubernetes.io/service-name": name}},
            "endpoints": endpoints, "ports": ports,
        })
    }
}
