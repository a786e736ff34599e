//! One end of a rule.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    net::Net,
    port::Port,
    selector::{AnySelector, Selector},
};

/// What a rule asks of one end. Everything that is given must hold; of a list, one item.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(ALONE).message("services cannot stand beside selector, notSelector, namespaceSelector, nets, notNets or serviceAccounts"))]
pub struct EntityRule {
    /// Networks and addresses.
    #[schemars(length(max = 256))]
    pub nets: Option<Vec<Net>>,
    /// Networks and addresses that the end is not in.
    #[schemars(length(max = 256))]
    pub not_nets: Option<Vec<Net>>,
    /// Pods, host endpoints and network sets by their labels. In a NetworkPolicy those of its own namespace, unless namespaceSelector says more.
    pub selector: Option<Selector>,
    /// Pods, host endpoints and network sets that the end is not, by their labels.
    pub not_selector: Option<Selector>,
    /// Namespaces of the end by their labels; `global()` is everything that has none.
    pub namespace_selector: Option<AnySelector>,
    /// Service accounts of pods.
    pub service_accounts: Option<ServiceAccountMatch>,
    /// The endpoints of a service: at the source of ingress rules, at the destination of egress rules.
    pub services: Option<ServiceMatch>,
    /// Ports. Numbers need protocol TCP, UDP or SCTP in the rule; names alone may stand without a protocol.
    #[schemars(length(max = 50))]
    pub ports: Option<Vec<Port>>,
    /// Ports that the end does not use.
    #[schemars(length(max = 50))]
    pub not_ports: Option<Vec<Port>>,
}

/// `services` would ask twice who the end is beside any of these.
const ALONE: &str = "!has(self.services) || ((!has(self.selector) || self.selector == '') && (!has(self.notSelector) || self.notSelector == '') \
    && (!has(self.namespaceSelector) || self.namespaceSelector == '') && (!has(self.nets) || self.nets.size() == 0) \
    && (!has(self.notNets) || self.notNets.size() == 0) \
    && (!has(self.serviceAccounts) || !(has(self.serviceAccounts.names) || has(self.serviceAccounts.selector))))";

/// Service accounts by name, by label, or both.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountMatch {
    /// Names, in any namespace that the rest of the rule leaves.
    pub names: Option<Vec<String>>,
    /// Labels of the service account.
    pub selector: Option<Selector>,
}

/// A service.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMatch {
    /// The name of the service.
    #[schemars(length(max = 253), extend("pattern" = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"))]
    pub name: String,
    /// The namespace of the service; by default that of the policy.
    #[schemars(length(max = 63), extend("pattern" = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"))]
    pub namespace: Option<String>,
}
