//! API objects to the model: the only place that knows the shapes of APIs.
//!
//! Invariants:
//! * Total: every tree has an answer; one bad part costs no other part, one bad object no other object.
//! * Closed on doubt (policy-model §0 item 7). An allow rule that is not understood matches nothing. A deny rule, and a policy whose subject is not
//!   understood, apply as widely as the parts that are understood leave them. The tables stand in [`rule`], [`calico_policy`],
//!   [`kubernetes_network_policy`] and [`cluster_network_policy`].
//! * A field that is not known counts as not understood wherever it could restrict a policy, and is of no interest anywhere else: what API servers add to
//!   objects (`status`, `managedFields`, …) passes without a word.
//! * null is absent. Only items of lists may be null, and then they are not understood.
//!
//! * Settings and what only serves translation have no closed stand-in as a whole: a value that is not understood costs its field, and falls to the closed
//!   side where the field has one. The tables stand in [`host_endpoint`], [`configuration`] and [`ip_pool`].
//!
//! Deliberately absent: `http` matches; such rules have their closed stand-ins. Host endpoints that nobody wrote are the resolver's.

mod departing_namespace;
mod direction;
pub(crate) mod extent;
mod field;
mod followed;
mod identity;
mod kind;
mod label_selector;
mod labels;
pub(crate) mod namespace;
mod nets;
mod pods;
mod ports;
mod remark;
mod selectors;
mod traffic;

mod calico_policy;
mod cluster_network_policy;
mod configuration;
mod endpoint_slice;
mod host_endpoint;
mod ip_pool;
mod kubernetes_network_policy;
mod network_set;
mod node;
mod pod;
mod rule;
mod service;
mod service_match;
mod service_ranges;
mod stage;
pub(crate) mod tier;

#[cfg(test)]
mod tests;

pub use departing_namespace::{departing_namespace, departing_namespace_key};
pub use followed::{Followed, followed};
pub use remark::Remark;
pub use tier::built_in as built_in_tier;

use crate::{
    finding::Severity,
    manifest::node::Node,
    name::{HostEndpointName, NodeName, TierName},
    policy::{PolicyKey, PolicyKind},
    resource::{NetworkSetKey, Resource, ResourceKey},
};
use cluster_network_policy::Api;
use field::{Field, Fields, Problem};
use kind::Kind;
use remark::Remarks;

/// Fields that every object may have.
const OBJECT_FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// What an object became.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// Its identity.
    pub key: ResourceKey,
    /// The object, or its closed stand-in; none where that is absence.
    pub resource: Option<Resource>,
    /// What there is to say about it.
    pub remarks: Vec<Remark>,
}

/// What became of a tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Conversion {
    /// An object of a kind that takes part in policy.
    Object(Box<Converted>),
    /// An object of another kind.
    Skipped,
    /// An object of a kind that takes part in policy, in a version or of an API that is not known; nothing stands in for it.
    UnknownVersion(Remark),
    /// No object, or one that cannot be told from others.
    Unidentified(Remark),
}

/// Reads an object. `implied` is the `apiVersion` and `kind` of an object that names neither, as an item of a typed list.
pub fn convert<'a>(object: &'a Node, implied: Option<(&'a str, &'a str)>) -> Conversion {
    match identify(object, implied) {
        Ok(Identified::Object { key, object, metadata }) => {
            Conversion::Object(Box::new(converted(key, &object, &metadata)))
        }
        Ok(Identified::Skipped) => Conversion::Skipped,
        Ok(Identified::UnknownVersion(severity, problem)) => {
            Conversion::UnknownVersion(unplaced(severity, problem, "the object has no effect"))
        }
        Err(problem) => Conversion::Unidentified(unplaced(Severity::Error, problem, "")),
    }
}

/// The identity of an object, if it has one and its kind takes part in policy. Much cheaper than all of it.
pub fn identity<'a>(object: &'a Node, implied: Option<(&'a str, &'a str)>) -> Option<ResourceKey> {
    match identify(object, implied) {
        Ok(Identified::Object { key, .. }) => Some(key),
        Ok(Identified::Skipped | Identified::UnknownVersion(..)) | Err(_) => None,
    }
}

fn unplaced(severity: Severity, Problem { line, field, message }: Problem, consequence: &str) -> Remark {
    Remark { line, severity, field, message, consequence: consequence.into() }
}

enum Identified<'a> {
    Object { key: ResourceKey, object: Fields<'a>, metadata: Fields<'a> },
    Skipped,
    UnknownVersion(Severity, Problem),
}

fn identify<'a>(object: &'a Node, implied: Option<(&'a str, &'a str)>) -> Result<Identified<'a>, Problem> {
    let root = Field::root(object);
    let fields = root
        .fields()
        .map_err(|_| root.problem("not an object: it must be a map with apiVersion and kind"))?;
    let api_version = text_or(&fields, "apiVersion", implied.map(|(api_version, _)| api_version))?;
    let kind = text_or(&fields, "kind", implied.map(|(_, kind)| kind))?;
    let kind = match Kind::of(api_version, kind) {
        kind::Lookup::Known(kind) => kind,
        kind::Lookup::Other => return Ok(Identified::Skipped),
        kind::Lookup::UnknownKind => {
            let message = format!("{kind} of {api_version} is not a kind that is enforced");
            let place = fields.field("kind").map_or_else(|| fields.problem(""), |field| field.problem(""));
            return Ok(Identified::UnknownVersion(Severity::Warning, Problem { message, ..place }));
        }
        kind::Lookup::UnknownVersion(severity) => {
            let message = format!("{kind} of {api_version} is not known");
            let place =
                fields.field("apiVersion").map_or_else(|| fields.problem(""), |field| field.problem(""));
            return Ok(Identified::UnknownVersion(severity, Problem { message, ..place }));
        }
    };
    let metadata = fields.map("metadata")?;
    Ok(Identified::Object { key: key(kind, &metadata)?, object: fields, metadata })
}

fn text_or<'a>(fields: &Fields<'a>, name: &str, implied: Option<&'a str>) -> Result<&'a str, Problem> {
    let text = fields.text(name)?.or(implied);
    text.ok_or_else(|| fields.problem(format!("not an object: {name} is missing")))
}

fn key(kind: Kind, metadata: &Fields<'_>) -> Result<ResourceKey, Problem> {
    let policy = |kind, namespace, name| ResourceKey::Policy(PolicyKey { kind, namespace, name });
    let name = identity::name(metadata)?;
    let namespace = || identity::namespace(metadata);
    Ok(match kind {
        Kind::Pod => ResourceKey::Pod(identity::object_name(metadata)?),
        Kind::Namespace => ResourceKey::Namespace(identity::namespace_name(metadata)?),
        Kind::ServiceAccount => ResourceKey::ServiceAccount(identity::object_name(metadata)?),
        Kind::Node => ResourceKey::Node(NodeName::new(name)),
        Kind::KubernetesNetworkPolicy => {
            policy(PolicyKind::KubernetesNetworkPolicy, Some(namespace()?), name)
        }
        Kind::ClusterNetworkPolicy => policy(PolicyKind::ClusterNetworkPolicy, None, name),
        Kind::AdminNetworkPolicy => policy(PolicyKind::AdminNetworkPolicy, None, name),
        Kind::BaselineAdminNetworkPolicy => policy(PolicyKind::BaselineAdminNetworkPolicy, None, name),
        Kind::NetworkPolicy => policy(PolicyKind::NetworkPolicy, Some(namespace()?), name),
        Kind::GlobalNetworkPolicy => policy(PolicyKind::GlobalNetworkPolicy, None, name),
        Kind::Tier => ResourceKey::Tier(TierName::new(name)),
        Kind::NetworkSet => ResourceKey::NetworkSet(NetworkSetKey { namespace: Some(namespace()?), name }),
        Kind::GlobalNetworkSet => ResourceKey::NetworkSet(NetworkSetKey { namespace: None, name }),
        Kind::HostEndpoint => ResourceKey::HostEndpoint(HostEndpointName::new(name)),
        Kind::Service => ResourceKey::Service(identity::object_name(metadata)?),
        Kind::EndpointSlice => ResourceKey::EndpointSlice(identity::object_name(metadata)?),
        Kind::IpPool => ResourceKey::IpPool(name),
        Kind::BgpConfiguration => ResourceKey::ServiceRanges(name),
        Kind::FelixConfiguration => ResourceKey::Configuration(name),
    })
}

fn converted(key: ResourceKey, object: &Fields<'_>, metadata: &Fields<'_>) -> Converted {
    let mut remarks = Remarks::default();
    let resource = match key.clone() {
        ResourceKey::Pod(name) => Some(Resource::Pod(pod::convert(name, object, &mut remarks))),
        ResourceKey::Namespace(name) => {
            namespace::convert(name, metadata, &mut remarks).map(Resource::Namespace)
        }
        ResourceKey::ServiceAccount(name) => {
            namespace::convert_account(name, metadata, &mut remarks).map(Resource::ServiceAccount)
        }
        ResourceKey::Node(name) => Some(Resource::Node(node::convert(name, object, &mut remarks))),
        ResourceKey::Policy(key) => Some(Resource::Policy(policy(key, object, metadata, &mut remarks))),
        ResourceKey::Tier(name) => Some(Resource::Tier(tier::convert(name, object, &mut remarks))),
        ResourceKey::NetworkSet(key) => {
            network_set::convert(key, object, &mut remarks).map(Resource::NetworkSet)
        }
        ResourceKey::HostEndpoint(name) => {
            host_endpoint::convert(name, object, &mut remarks).map(Resource::HostEndpoint)
        }
        ResourceKey::Service(name) => Some(Resource::Service(service::convert(name, object, &mut remarks))),
        ResourceKey::EndpointSlice(name) => {
            Some(Resource::EndpointSlice(endpoint_slice::convert(name, object, &mut remarks)))
        }
        ResourceKey::IpPool(name) => ip_pool::convert(name, object, &mut remarks).map(Resource::IpPool),
        ResourceKey::ServiceRanges(name) => {
            Some(Resource::ServiceRanges(service_ranges::convert(name, object, &mut remarks)))
        }
        ResourceKey::Configuration(name) => {
            Some(Resource::Configuration(configuration::convert(name, object, &mut remarks)))
        }
    };
    Converted { key, resource, remarks: remarks.0 }
}

fn policy(
    key: PolicyKey,
    object: &Fields<'_>,
    metadata: &Fields<'_>,
    remarks: &mut Remarks,
) -> crate::policy::Policy {
    match (key.kind, key.namespace.clone()) {
        (PolicyKind::KubernetesNetworkPolicy, Some(namespace)) => {
            kubernetes_network_policy::convert(key, &namespace, object, remarks)
        }
        (PolicyKind::ClusterNetworkPolicy, _) => {
            cluster_network_policy::convert(Api::Cluster, key, object, metadata, remarks)
        }
        (PolicyKind::AdminNetworkPolicy, _) => {
            cluster_network_policy::convert(Api::Admin, key, object, metadata, remarks)
        }
        (PolicyKind::BaselineAdminNetworkPolicy, _) => {
            cluster_network_policy::convert(Api::Baseline, key, object, metadata, remarks)
        }
        (PolicyKind::KubernetesNetworkPolicy, None)
        | (PolicyKind::NetworkPolicy | PolicyKind::GlobalNetworkPolicy, _) => {
            calico_policy::convert(key, object, remarks)
        }
    }
}
