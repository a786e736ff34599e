//! The members of the node: endpoints of pods and host endpoints, the groups they are in, and the skeleton that leads to them.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Compiler,
    address_set::changes,
    around::Around,
    each_way, endpoint,
    group::Member,
    host::{self, Hosts},
    name,
    rendered::{Assembly, Rendered},
    set_name,
    skeleton::{self, Frame},
};
use crate::{
    address::Family,
    ir::{AddressSetKey, Endpoint, HostEndpoint, NodePolicy, Verdicts},
    links::InterfacePrefix,
    name::{HostEndpointName, ObjectName},
    nft::Verdict,
    policy::{Direction, PolicyKey},
};

impl Compiler {
    /// Renders the members that changed, and those in which a policy did.
    pub(super) fn render_members(
        &mut self,
        last: &NodePolicy,
        policy: &NodePolicy,
        stale: &BTreeSet<PolicyKey>,
    ) {
        let affected = self.regroup(last, policy, stale);
        let mut pods = false;
        let mut extras = false;
        for member in &affected {
            match member {
                Member::Pod(pod) => {
                    pods = true;
                    let (before, now) = (last.endpoints.get(pod), policy.endpoints.get(pod));
                    extras |= self.render_endpoint(pod, before, now);
                }
                Member::Host(name) => self.render_host(name, policy),
            }
        }
        if pods {
            self.render_dispatch();
        }
        let around = !last.host_endpoints.ptr_eq(&policy.host_endpoints)
            || !Arc::ptr_eq(&last.surroundings, &policy.surroundings);
        if extras || around {
            self.render_skeleton(policy);
        }
    }

    /// Moves members to the groups that their policies put them in; those whose chains change.
    fn regroup(
        &mut self,
        last: &NodePolicy,
        policy: &NodePolicy,
        stale: &BTreeSet<PolicyKey>,
    ) -> BTreeSet<Member> {
        let set_name = |family: Family, key: &AddressSetKey| set_name(&self.sets, family, key);
        let around = Around { policies: &policy.policies, layout: &self.layout, set_name: &set_name };
        let (groups, assembly) = (&mut self.groups, &mut self.assembly);
        let mut affected = BTreeSet::new();
        let mut move_over = |member: &Member,
                             direction,
                             before: Option<&Verdicts>,
                             now: Option<&Verdicts>,
                             assembly: &mut Assembly| {
            if before == now {
                return;
            }
            // Joining first, so that a group whose only member changes in another way is not rendered anew.
            if let Some(now) = now {
                groups.join(member, direction, now, around, assembly);
            }
            if let Some(before) = before {
                groups.leave(member, direction, before, assembly);
            }
        };
        for (pod, now) in changes(&last.endpoints, &policy.endpoints) {
            let member = Member::Pod(pod.clone());
            let before = last.endpoints.get(pod);
            for direction in Direction::ALL {
                let (before, now) =
                    (before.map(|it| it.verdicts(direction)), now.map(|it| it.verdicts(direction)));
                move_over(&member, direction, before, now, assembly);
            }
            affected.insert(member);
        }
        for (name, now) in changes(&last.host_endpoints, &policy.host_endpoints) {
            let member = Member::Host(name.clone());
            let before = last.host_endpoints.get(name).map(|it| &it.local.ingress);
            move_over(&member, Direction::Ingress, before, now.map(|it| &it.local.ingress), assembly);
            affected.insert(member);
        }
        if !stale.is_empty() {
            affected.extend(groups.refresh(stale, around, assembly));
            let touched = policy
                .host_endpoints
                .values()
                .filter(|endpoint| host::policies(endpoint).any(|policy| stale.contains(policy)));
            affected.extend(touched.map(|endpoint| Member::Host(endpoint.name.clone())));
        }
        affected
    }

    /// Renders a pod's endpoint; whether the skeleton depends on what changed.
    fn render_endpoint(
        &mut self,
        pod: &ObjectName,
        before: Option<&Arc<Endpoint>>,
        now: Option<&Arc<Endpoint>>,
    ) -> bool {
        let rendered = now.map(|endpoint| self.endpoint_units(endpoint));
        self.assembly.exchange(self.endpoints.get(pod), rendered.as_ref());
        match rendered {
            Some(rendered) => self.endpoints.insert(pod.clone(), rendered),
            None => self.endpoints.remove(pod),
        };
        for (direction, map) in &mut self.dispatch {
            // A jump, though no packet comes back: see `skeleton::dispatch`.
            let ours = Verdict::Jump(name::endpoint(pod, *direction));
            // An interface that has passed on to another endpoint in this round is not taken away from it.
            if let Some(before) = before.filter(|before| map.get(&before.interface) == Some(&ours)) {
                map.remove(&before.interface);
            }
            if let Some(endpoint) = now {
                map.insert(endpoint.interface.clone(), ours);
            }
        }
        let was_extra = self.extras.remove(pod).is_some();
        let extra = now.filter(|endpoint| is_extra(endpoint, &self.layout.options.prefixes));
        self.extras.extend(extra.map(|endpoint| (pod.clone(), Arc::clone(endpoint))));
        was_extra || extra.is_some()
    }

    fn endpoint_units(&self, endpoint: &Endpoint) -> Rendered {
        let member = Member::Pod(endpoint.pod.clone());
        let chains = each_way().map(|(family, direction)| {
            let steps = self.groups.steps(&member, direction, endpoint.verdicts(direction), family);
            (family, Arc::new(endpoint::chain(endpoint, direction, family, steps, &self.layout)))
        });
        Rendered { chains: chains.collect(), sets: Vec::new() }
    }

    fn render_host(&mut self, name: &HostEndpointName, policy: &NodePolicy) {
        let rendered = policy.host_endpoints.get(name).map(|endpoint| self.host_units(endpoint, policy));
        self.assembly.exchange(self.hosts.get(name), rendered.as_ref());
        match rendered {
            Some(rendered) => self.hosts.insert(name.clone(), rendered),
            None => self.hosts.remove(name),
        };
    }

    fn host_units(&self, endpoint: &HostEndpoint, policy: &NodePolicy) -> Rendered {
        let set_name = |family: Family, key: &AddressSetKey| set_name(&self.sets, family, key);
        let around = Around { policies: &policy.policies, layout: &self.layout, set_name: &set_name };
        let member = Member::Host(endpoint.name.clone());
        let steps = |family| self.groups.steps(&member, Direction::Ingress, &endpoint.local.ingress, family);
        host::units(endpoint, steps, around)
    }

    pub(super) fn render_dispatch(&mut self) {
        let mut now = Rendered::default();
        for (direction, verdicts) in &self.dispatch {
            let set = Arc::new(skeleton::dispatch(*direction, verdicts));
            now.sets.extend(Family::ALL.map(|family| (family, set.clone())));
        }
        self.assembly.exchange(Some(&self.dispatch_sets), Some(&now));
        self.dispatch_sets = now;
    }

    pub(super) fn render_skeleton(&mut self, policy: &NodePolicy) {
        let mut now = Rendered::default();
        for family in Family::ALL {
            let frame = Frame {
                family,
                layout: &self.layout,
                hosts: Hosts(&policy.host_endpoints),
                surroundings: &policy.surroundings,
                extras: &self.extras,
            };
            now.extend(skeleton::render(&frame));
        }
        self.assembly.exchange(Some(&self.skeleton), Some(&now));
        self.skeleton = now;
    }
}

/// Whether base chains do more for an endpoint than dispatch.
fn is_extra(endpoint: &Endpoint, prefixes: &[InterfacePrefix]) -> bool {
    endpoint.dscp.is_some()
        || !endpoint.floating.is_empty()
        || endpoint.limits.ingress.packets.is_some()
        || skeleton::is_unprefixed(endpoint, prefixes)
}
