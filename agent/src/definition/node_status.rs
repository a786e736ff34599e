//! `NodePolicyStatus` (`ferrule.io/v1alpha1`): how the policy of one node stands, written by its agent for people to read.
//!
//! Invariants:
//! * Named after its node, and owned by the Node object, so that it goes with it.
//! * Bounded: its lists hold the first of what there is, and the numbers beside them count all.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing is asked of an agent by this object.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "ferrule.io",
    version = "v1alpha1",
    kind = "NodePolicyStatus",
    plural = "nodepolicystatuses",
    singular = "nodepolicystatus",
    shortname = "nps",
    category = "ferrule",
    status = "Enforcement",
    doc = "How the network policy of one node stands. Written by the agent on the node; a change by anybody else is overwritten.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the kernel holds what the API says"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why, in a word"
    ),
    printcolumn(
        name = "Version",
        type_ = "string",
        json_path = ".status.version",
        description = "Of the agent"
    ),
    printcolumn(
        name = "Endpoints",
        type_ = "integer",
        json_path = ".status.endpoints",
        description = "Pods of the node that are governed"
    ),
    printcolumn(
        name = "Policies",
        type_ = "integer",
        json_path = ".status.policies",
        description = "Policies that govern something on the node"
    ),
    printcolumn(
        name = "Findings",
        type_ = "integer",
        json_path = ".status.findingCount",
        description = "Things wrong with the objects that the agent reads"
    ),
    printcolumn(
        name = "Behind",
        type_ = "date",
        json_path = ".status.behindSince",
        description = "For how long the kernel has not held what the API says"
    ),
    printcolumn(
        name = "Changed",
        type_ = "date",
        json_path = ".status.lastChangeTime",
        description = "How long ago the kernel was last changed"
    ),
    printcolumn(
        name = "Reported",
        type_ = "date",
        json_path = ".status.reportTime",
        description = "How long ago the agent last wrote this; more than 15 minutes: it is gone or cannot reach the API server"
    ),
    printcolumn(
        name = "Dataplane",
        type_ = "string",
        json_path = ".status.dataplane",
        description = "What enforces",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "Why, at length",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", priority = 1)
)]
pub struct NodePolicyStatusSpec {}

/// How the policy of a node stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Enforcement {
    /// The version of the agent.
    pub version: String,
    /// What enforces, such as `nftables`.
    pub dataplane: String,
    /// When the agent wrote this.
    pub report_time: Option<Time>,
    /// When the kernel was last changed; none if the agent has found everything as it should be since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change_time: Option<Time>,
    /// Since when the kernel has not held what the API says; none if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind_since: Option<Time>,
    /// Pods of the node that are governed.
    pub endpoints: i32,
    /// HostEndpoints of the node.
    pub host_endpoints: i32,
    /// Policies that govern something on the node.
    pub policies: i32,
    /// All findings.
    pub finding_count: i32,
    /// `Ready`: whether the kernel holds what the API says.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The gravest findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<NodeFinding>,
    /// What the agent cannot follow. What it knows of it stays enforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<NodeObstacle>,
}

/// Something wrong with an object that the agent reads, or with the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeFinding {
    /// `error`: part of the object was not understood, or could not be enforced, and something closed stands in for it. `warning`: it may not do what its
    /// author meant.
    pub severity: String,
    /// The object, such as `NetworkPolicy default/web`; none for what is about the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field, such as `spec.ingress[0].ports[1].port`; none for the object as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What the agent does about it; none where nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
}

/// Something that keeps the agent from following a part of the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeObstacle {
    /// The part, such as `networkpolicies.networking.k8s.io`.
    pub subject: String,
    /// Since when.
    pub since: Time,
    /// Why.
    pub reason: String,
}
