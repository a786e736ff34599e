//! CustomResourceDefinitions of the Calico v3 kinds that are read, for clusters without Calico, and of kinds of our own.
//!
//! The files under `deploy/` are written from the types here (`make crds`): Calico's kinds in `deploy/crds`, ours in `deploy/base`. A test holds them together.
//!
//! What an API server admits under a definition of Calico's kinds, under strict field validation (the default of `kubectl`), is what the conversion of
//! `ruleset` reads without an error, but for two lists of classes (`tests/admission`), which tests find exact:
//! * **Only the conversion refuses** what no bounded expression tells: selectors whose parentheses do not balance or nest too deeply, names of labels that are
//!   too long; and misspelt settings, as settings that nobody reads are kept.
//! * **Only the API server refuses** what Calico's own definitions refuse though it has one meaning only (limits, an `ipVersion` that contradicts the
//!   protocol, types given twice, other values for the fixed tiers), names that Calico's tools refuse, objects without `spec`, and values of other types in
//!   places that nothing reads or where empty text or null says nothing.
//!
//! Without strict validation an API server *prunes* fields that it does not know, and what is stored may admit more than its author meant: nothing that runs
//! in an API server can see the field any more. The one field of this kind that Calico has, `http`, is declared here and refused.
//!
//! Deliberately admitted though Calico's command line tool refuses them: networks with bits beyond their prefix, single addresses, networks of both families
//! in one rule, and `0.0.0.0/0` in `notNets`. Each has one meaning, and Calico's API server admits them too. Deliberately absent: defaults, so that
//! an object is stored as it was written.

mod configuration;
mod entity;
mod host_endpoint;
mod ip_pool;
mod net;
mod network_set;
mod node_status;
mod policy;
mod port;
mod protocol;
mod rule;
mod selector;
mod service_ranges;
mod tier;

#[cfg(test)]
mod tests;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

pub use self::{
    configuration::FelixConfiguration,
    host_endpoint::HostEndpoint,
    ip_pool::IpPool,
    network_set::{GlobalNetworkSet, NetworkSet},
    node_status::{Enforcement, NodeFinding, NodeObstacle, NodePolicyStatus},
    policy::{GlobalNetworkPolicy, NetworkPolicy},
    service_ranges::BgpConfiguration,
    tier::Tier,
};

/// Every definition, in the order of their names.
pub fn all() -> Vec<CustomResourceDefinition> {
    let mut definitions = vec![
        BgpConfiguration::crd(),
        FelixConfiguration::crd(),
        GlobalNetworkPolicy::crd(),
        GlobalNetworkSet::crd(),
        HostEndpoint::crd(),
        IpPool::crd(),
        NetworkPolicy::crd(),
        NetworkSet::crd(),
        NodePolicyStatus::crd(),
        Tier::crd(),
    ];
    definitions.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    definitions
}
