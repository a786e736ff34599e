//! Snippets of manifests and the model they become.

mod calico_policy;
mod calico_rule;
mod cluster_network_policy;
mod configuration;
mod endpoint_slice;
mod extent;
mod extras;
mod fixture;
mod followed;
mod host_endpoint;
mod identity;
mod ip_pool;
mod kubernetes_network_policy;
mod mutation;
mod network_set;
mod pod;
mod selectors;
mod service;
mod service_match;
mod service_ranges;
mod stage;
