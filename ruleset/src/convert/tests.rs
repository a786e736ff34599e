//! Snippets of manifests and the model they become.

mod calico_policy;
mod calico_rule;
mod fixture;
mod identity;
mod kubernetes_network_policy;
mod mutation;
mod network_set;
mod pod;
mod selectors;
