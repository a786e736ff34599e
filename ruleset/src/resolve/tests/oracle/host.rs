//! Host endpoints.

use std::{collections::BTreeSet, net::IpAddr};

use super::{World, inherit_account, inherit_namespace};
use crate::{
    ir::{self, Profile, TierStep, Verdicts},
    labels::Labels,
    links::Links,
    name::{InterfaceName, ObjectName},
    policy::{Direction, PerDirection, Policy, Stage, TierAction},
    resource::{HostEndpoint, HostEndpointState, HostInterface, Resource, ResourceKey},
    settings::Switch,
    store::Store,
};

pub(super) fn is_active(host: &HostEndpoint) -> bool {
    host.state == HostEndpointState::Active
}

pub(super) fn labels(store: &Store, host: &HostEndpoint) -> Labels {
    let mut effective = host.labels.clone();
    for profile in &host.profiles {
        if let Some(namespace) = profile.strip_prefix("kns.") {
            inherit_namespace(store, &mut effective, namespace);
        } else if let Some((namespace, account)) =
            profile.strip_prefix("ksa.").and_then(|account| account.split_once('.'))
        {
            inherit_account(store, &mut effective, ObjectName::new(namespace, account));
        }
    }
    effective
}

/// All of the cluster, with those that nobody had to write.
pub(super) fn all(world: World<'_>) -> Vec<HostEndpoint> {
    let written = world.store.resources();
    let mut hosts: Vec<HostEndpoint> = written
        .filter_map(|it| if let Resource::HostEndpoint(host) = it { Some(host.clone()) } else { None })
        .collect();
    let mut automatic = Vec::new();
    for resource in world.store.resources() {
        let Resource::Node(node) = resource else { continue };
        let name = format!("{}-auto-hep", node.name);
        let is_in_the_way = |host: &HostEndpoint| {
            let is_for_others = host.node == node.name && host.interface == HostInterface::Others;
            host.name.as_str() == name || is_for_others && is_active(host)
        };
        if world.settings.auto_host_endpoints == Switch::Disabled || hosts.iter().any(is_in_the_way) {
            continue;
        }
        let reserved = |key: &str| {
            key.starts_with("pcns.")
                || key.starts_with("pcsa.")
                || ["namespace", "orchestrator", "serviceaccount"]
                    .iter()
                    .any(|name| key == format!("projectcalico.org/{name}"))
        };
        let mut labels = node.labels.clone();
        labels.retain(|key| !reserved(key));
        automatic.push(HostEndpoint {
            name: name.as_str().into(),
            node: node.name.clone(),
            interface: HostInterface::Others,
            expected_addresses: node.addresses.clone(),
            labels,
            profiles: vec!["projectcalico-default-allow".into()],
            ports: Vec::new(),
            state: HostEndpointState::Active,
        });
    }
    hosts.extend(automatic);
    hosts.sort_by_key(|host| host.name.clone());
    hosts
}

/// Those of this node that have an interface.
pub(super) fn placed(world: World<'_>) -> Vec<(HostEndpoint, ir::HostInterface)> {
    let mut here = all(world);
    here.retain(|host| host.node == *world.node);
    here.sort_by_key(|host| host.state);
    let of_workload =
        |name: &InterfaceName| world.prefixes.iter().any(|prefix| name.as_str().starts_with(prefix.as_str()));
    let mut placed: Vec<(HostEndpoint, ir::HostInterface)> = Vec::new();
    let others = here.iter().find(|host| host.interface == HostInterface::Others);
    placed.extend(others.map(|host| (host.clone(), ir::HostInterface::Others)));

    let named: BTreeSet<&InterfaceName> = here
        .iter()
        .filter_map(|host| if let HostInterface::Named(name) = &host.interface { Some(name) } else { None })
        .filter(|name| !of_workload(name))
        .collect();
    for name in &named {
        let wanted = HostInterface::Named((*name).clone());
        let first = here.iter().find(|host| host.interface == wanted).unwrap();
        placed.push((first.clone(), ir::HostInterface::Named([(*name).clone()].into())));
    }

    let bearers: Vec<(InterfaceName, Vec<IpAddr>)> = match world.store.links() {
        Links::Assumed => {
            let node = match world.store.get(&ResourceKey::Node(world.node.clone())) {
                Some(Resource::Node(node)) => node.addresses.clone(),
                _missing => Vec::new(),
            };
            vec![("eth0".into(), node)]
        }
        Links::Observed(observed) => observed
            .addresses
            .iter()
            .map(|(name, addresses)| (name.clone(), addresses.iter().copied().collect()))
            .collect(),
    };
    for (name, addresses) in bearers {
        if of_workload(&name) || named.contains(&name) {
            continue;
        }
        let expects =
            |host: &HostEndpoint| host.expected_addresses.iter().any(|address| addresses.contains(address));
        let first = here.iter().find(|host| host.interface == HostInterface::ByAddress && expects(host));
        let Some(first) = first else { continue };
        match placed.iter_mut().find(|(host, _)| host.name == first.name) {
            Some((_, ir::HostInterface::Named(names))) => drop(names.insert(name)),
            Some((_, ir::HostInterface::Others)) => unreachable!("found by address"),
            None => placed.push((first.clone(), ir::HostInterface::Named([name].into()))),
        }
    }
    placed
}

pub(super) fn endpoint(
    world: World<'_>,
    host: &HostEndpoint,
    interface: ir::HostInterface,
) -> ir::HostEndpoint {
    let of_stages = |stages: &[Stage]| -> Vec<&Policy> {
        let policies = world.policies();
        policies.filter(|policy| stages.contains(&policy.stage) && world.selects_host(policy, host)).collect()
    };
    let steps = |stages: &[Stage], direction| world.steps(of_stages(stages), direction);
    let passing = |stage, direction| -> Vec<TierStep> {
        let steps = steps(&[stage], direction).into_iter();
        steps.map(|step| TierStep { end: TierAction::Pass, ..step }).collect()
    };
    let local = |direction| Verdicts {
        tiers: steps(&[Stage::Local, Stage::LocalAndForwarded], direction),
        profile: profile(world.store, host),
    };
    let is_for_others = interface == ir::HostInterface::Others;
    let untracked = |direction| if is_for_others { Vec::new() } else { passing(Stage::Untracked, direction) };
    ir::HostEndpoint {
        name: host.name.clone(),
        interface,
        local: PerDirection::from_fn(local),
        forwarded: PerDirection::from_fn(|direction| steps(&[Stage::LocalAndForwarded], direction)),
        forwarded_end: if host.state == HostEndpointState::Unintelligible {
            Profile::Deny
        } else {
            Profile::Allow
        },
        pre_dnat: passing(Stage::PreDnat, Direction::Ingress),
        untracked: PerDirection::from_fn(untracked),
    }
}

fn profile(store: &Store, host: &HostEndpoint) -> Profile {
    for profile in &host.profiles {
        if profile.starts_with("ksa.") && profile.matches('.').count() > 1 {
            continue;
        }
        let namespace = profile.strip_prefix("kns.").map(|name| ResourceKey::Namespace(name.into()));
        let exists = namespace.is_some_and(|key| store.get(&key).is_some());
        let opens = **profile == *"projectcalico-default-allow" || exists;
        return if opens && is_active(host) { Profile::Allow } else { Profile::Deny };
    }
    Profile::Deny
}
