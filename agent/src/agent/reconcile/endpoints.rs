//! The endpoints as of the last reconciliation, as others need to know them.

use std::{net::IpAddr, sync::Arc};

use ferrule_ruleset::ir::{Endpoint, NodePolicy};
use imbl::ordmap::DiffItem;

use super::Reconciler;
use crate::{
    agent::{
        Dataplane, Rollback,
        strays::{Stray, Unplaced},
    },
    endpoint_status::{EndpointStatus, Endpoints},
    interface_settings::{Interfaces, SourceSpoofing},
    status::Extent,
};

impl<D: Dataplane> Reconciler<D> {
    /// The interfaces of the endpoints of this node, if endpoints or links may have changed since this was last asked.
    pub fn take_interfaces(&mut self) -> Option<Interfaces> {
        let (endpoints, links) = &self.looked_at;
        if endpoints.ptr_eq(&self.policy.endpoints) && *links == self.links {
            return None;
        }
        self.looked_at = (self.policy.endpoints.clone(), self.links.clone());
        Some(self.interfaces())
    }

    fn interfaces(&self) -> Interfaces {
        let spoofing = |endpoint: &Endpoint| {
            if endpoint.allowed_sources.is_empty() {
                SourceSpoofing::Forbidden
            } else {
                SourceSpoofing::Allowed
            }
        };
        let endpoints = self.policy.endpoints.values();
        endpoints.map(|endpoint| (endpoint.interface.clone(), spoofing(endpoint))).collect()
    }

    /// The endpoints with an address but without an interface that exists, if endpoints or links may have changed since this was last asked.
    pub fn take_unplaced(&mut self) -> Option<Unplaced> {
        let (endpoints, links) = self.placed.as_mut()?;
        if endpoints.ptr_eq(&self.policy.endpoints) && links.ptr_eq(&self.links) {
            return None;
        }
        (*endpoints, *links) = (self.policy.endpoints.clone(), self.links.clone());
        let is_unplaced = |endpoint: &&Arc<Endpoint>| {
            !endpoint.addresses.is_empty() && !links.contains(&endpoint.interface)
        };
        let stray = |endpoint: &Arc<Endpoint>| {
            let stray = Stray { addresses: endpoint.addresses.clone(), expected: endpoint.interface.clone() };
            (endpoint.pod.clone(), stray)
        };
        Some(endpoints.values().filter(is_unplaced).map(stray).collect())
    }

    /// The endpoints whose interface exists, leads to their chain in the kernel, and is where the kernel has all of their addresses. A pod whose addresses
    /// are not known yet is none: what it sends would be dropped.
    pub fn endpoints_in_force(&self) -> Endpoints {
        let Some(tenancy) = &self.tenancy else { return Endpoints::new() };
        let is_tenant = |endpoint: &Endpoint, address: &IpAddr| {
            tenancy.tenants(address).any(|tenant| tenant.interface == endpoint.interface)
        };
        let is_in_force = |endpoint: &&Arc<Endpoint>| {
            self.links.contains(&endpoint.interface)
                && !endpoint.addresses.is_empty()
                && endpoint.addresses.iter().all(|address| is_tenant(endpoint, address))
        };
        let status = |endpoint: &Arc<Endpoint>| {
            (endpoint.pod.clone(), EndpointStatus::new(&endpoint.interface, &endpoint.addresses))
        };
        self.policy.endpoints.values().filter(is_in_force).map(status).collect()
    }

    /// How much is enforced.
    pub fn extent(&self) -> Extent {
        let NodePolicy { endpoints, host_endpoints, policies, .. } = &self.policy;
        Extent { endpoints: endpoints.len(), host_endpoints: host_endpoints.len(), policies: policies.len() }
    }

    /// The kernel was given the endpoints of the policy, unless a change is taken back. Returns how many of them are new.
    pub(super) fn give(&mut self) -> usize {
        if self.rollback.as_ref().and_then(Rollback::cut).is_some() {
            return 0;
        }
        let given = std::mem::replace(&mut self.given, self.policy.endpoints.clone());
        given.diff(&self.policy.endpoints).filter(|item| matches!(item, DiffItem::Add(..))).count()
    }
}
