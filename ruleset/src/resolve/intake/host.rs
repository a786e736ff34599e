//! Nodes and their host endpoints: peers everywhere, host endpoints here.

use crate::{
    name::{HostEndpointName, NodeName},
    resolve::{Resolver, host_endpoint::parents, member::Owner},
    resource::{HostEndpoint, HostEndpointState, Node, ResourceKey},
};

impl Resolver {
    /// The node is now this; `None` if there is none.
    pub(super) fn set_node(&mut self, name: &NodeName, node: Option<Node>) {
        let old = self.nodes.get(name);
        if old == node.as_ref() {
            return;
        }
        let addresses = |node: Option<&Node>| node.map(|node| node.addresses.clone()).unwrap_or_default();
        if addresses(old) != addresses(node.as_ref()) {
            self.network.hosts_changed();
            if *name == self.node {
                self.hosts.addresses_changed();
                let affected = self.pods.set_node_addresses(addresses(node.as_ref()));
                self.refresh(affected);
            }
        }
        if *name == self.node {
            self.settings.labels_changed();
        }
        self.automatic.node_changed(name);
        self.address_sets.set_node(name, node.as_ref());
        match node {
            Some(node) => drop(self.nodes.insert(name.clone(), node)),
            None => drop(self.nodes.remove(name)),
        }
    }

    /// The host endpoint is now this; `None` if there is none.
    pub(super) fn set_host_endpoint(&mut self, name: &HostEndpointName, endpoint: Option<HostEndpoint>) {
        self.automatic.set_object(name, endpoint.as_ref());
        self.set_host_peer(ResourceKey::HostEndpoint(name.clone()), endpoint.as_ref());
        self.hosts.set(name, endpoint.filter(|endpoint| endpoint.node == self.node));
    }

    /// The host endpoint gives its addresses to the sets that select it from now on. One that could not be understood is nobody's peer.
    pub(in crate::resolve) fn set_host_peer(&mut self, key: ResourceKey, endpoint: Option<&HostEndpoint>) {
        match endpoint {
            Some(endpoint) if endpoint.state == HostEndpointState::Active => {
                let owner = Owner::of_endpoint(&endpoint.expected_addresses, endpoint.ports.clone());
                self.address_sets.set_owner(&key, &endpoint.labels, &parents(&endpoint.profiles), &owner);
            }
            Some(_) | None => self.address_sets.remove_owner(&key),
        }
    }

    /// Tells the index of subjects whether the host endpoint has an interface.
    pub(in crate::resolve) fn refresh_host(&mut self, name: HostEndpointName) {
        match self.hosts.placed(&name) {
            // Where labels could not be understood, no policy opens anything.
            Some((object, _)) if object.state != HostEndpointState::Unintelligible => {
                self.host_subjects.set_endpoint(&name, &object.labels, &parents(&object.profiles));
            }
            Some(_) | None => self.host_subjects.remove_endpoint(&name),
        }
        self.changed.hosts.insert(name);
    }
}
