//! Facts as they come in: what each concerns is put into the indexes, and what it touches is noted.

mod host;
mod pod;
mod policy;

use super::{Resolver, labelled::Parent, member::Owner};
use crate::{
    event::Event,
    labels::Labels,
    name::NamespaceName,
    resource::{Namespace, NetworkSet, Resource, ResourceKey},
};

impl Resolver {
    /// Takes in a fact. Cheap: cost depends on what the fact concerns.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Upsert(resource) => self.upsert(resource),
            Event::Delete(key) => self.delete(&key),
            Event::Links(links) => {
                self.hosts.set_links(links.clone());
                let affected = self.pods.set_links(links);
                self.refresh(affected);
            }
        }
    }

    fn upsert(&mut self, resource: Resource) {
        match resource {
            Resource::Pod(pod) => self.set_pod(pod),
            Resource::Namespace(namespace) => self.set_namespace(&namespace.name, Some(&namespace)),
            Resource::ServiceAccount(account) => {
                self.set_parent(&Parent::ServiceAccount(account.name), Some(&account.labels));
            }
            Resource::Node(node) => self.set_node(&node.name.clone(), Some(node)),
            Resource::Policy(policy) => self.set_policy(&policy.key.clone(), Some(policy)),
            Resource::Tier(tier) => self.set_tier(&tier.name.clone(), Some(tier)),
            Resource::NetworkSet(set) => self.set_network_set(set),
            Resource::HostEndpoint(endpoint) => {
                self.set_host_endpoint(&endpoint.name.clone(), Some(endpoint))
            }
            Resource::Service(service) => {
                self.address_sets.set_service(&service.name.clone(), Some(service));
            }
            Resource::EndpointSlice(slice) => self.address_sets.set_slice(&slice.name.clone(), Some(slice)),
            Resource::IpPool(pool) => self.network.set_pool(&pool.name.clone(), Some(pool)),
            Resource::ServiceRanges(ranges) => self.network.set_ranges(&ranges.name.clone(), Some(ranges)),
            Resource::Configuration(configuration) => {
                self.settings.set(&configuration.name.clone(), Some(configuration));
            }
        }
    }

    fn delete(&mut self, key: &ResourceKey) {
        match key {
            ResourceKey::Pod(name) => {
                self.address_sets.remove_owner(key);
                let affected = self.pods.remove(name);
                self.refresh(affected);
            }
            ResourceKey::Namespace(name) => self.set_namespace(name, None),
            ResourceKey::ServiceAccount(name) => self.set_parent(&Parent::ServiceAccount(name.clone()), None),
            ResourceKey::Node(name) => self.set_node(name, None),
            ResourceKey::Policy(name) => self.set_policy(name, None),
            ResourceKey::Tier(name) => self.set_tier(name, None),
            ResourceKey::NetworkSet(_) => self.address_sets.remove_owner(key),
            ResourceKey::HostEndpoint(name) => self.set_host_endpoint(name, None),
            ResourceKey::Service(name) => self.address_sets.set_service(name, None),
            ResourceKey::EndpointSlice(name) => self.address_sets.set_slice(name, None),
            ResourceKey::IpPool(name) => self.network.set_pool(name, None),
            ResourceKey::ServiceRanges(name) => self.network.set_ranges(name, None),
            ResourceKey::Configuration(name) => self.settings.set(name, None),
        }
    }

    fn set_namespace(&mut self, name: &NamespaceName, namespace: Option<&Namespace>) {
        let news = match namespace {
            Some(_) => self.namespaces.insert(name.clone()),
            None => self.namespaces.remove(name),
        };
        if news {
            self.changed.pods.extend(self.pods.of_namespace(name));
            self.changed.hosts.extend(self.hosts.of_namespace(name).cloned());
        }
        self.set_parent(&Parent::Namespace(name.clone()), namespace.map(|namespace| &namespace.labels));
    }

    fn set_parent(&mut self, parent: &Parent, labels: Option<&Labels>) {
        self.pod_subjects.set_parent(parent, labels);
        self.host_subjects.set_parent(parent, labels);
        self.address_sets.set_parent(parent, labels);
    }

    fn set_network_set(&mut self, set: NetworkSet) {
        let NetworkSet { key, labels, nets } = set;
        let parents: Vec<Parent> = key.namespace.clone().map(Parent::Namespace).into_iter().collect();
        let owner = Owner::of_network_set(nets);
        self.address_sets.set_owner(&ResourceKey::NetworkSet(key), &labels, &parents, &owner);
    }
}
