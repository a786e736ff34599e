//! Which policies decide at which place of a host endpoint.

use super::fixture::*;
use crate::{
    event::Event,
    ir::{HostEndpoint, NodePolicy, SubjectKind},
    policy::{Direction, Policy, Stage, TierAction},
    resource::{self, HostEndpointState, HostInterface, Pod, Resource, ResourceKey},
};

fn staged(key: &str, subject: &str, stage: Stage) -> Resource {
    Resource::Policy(Policy { stage, ..policy(key, subject) })
}

fn everywhere() -> [Resource; 5] {
    [
        staged("gnp local", "all()", Stage::Local),
        staged("gnp forward", "all()", Stage::LocalAndForwarded),
        staged("gnp early", "all()", Stage::PreDnat),
        staged("gnp raw", "all()", Stage::Untracked),
        tier("default", 1e6, TierAction::Deny),
    ]
}

fn host_of<'a>(resolved: &'a NodePolicy, name: &str) -> &'a HostEndpoint {
    resolved.host_endpoints.get(name).unwrap()
}

#[test]
fn each_stage_has_its_place() {
    let hosts = [host("h", "", named("eth0")), host("o", "", HostInterface::Others)];
    let resolved = resolver(everywhere().into_iter().chain(hosts.map(Resource::HostEndpoint))).resolve();
    for (name, raw) in [("h", "default(Pass): gnp/raw"), ("o", "")] {
        let host = host_of(&resolved, name);
        for direction in Direction::ALL {
            let local = &host.local.get(direction).tiers;
            assert_eq!(step_text(local), "default(Deny): gnp/forward gnp/local");
            assert_eq!(step_text(host.forwarded.get(direction)), "default(Deny): gnp/forward");
            assert_eq!(step_text(host.untracked.get(direction)), raw);
        }
        assert_eq!(step_text(&host.pre_dnat), "default(Pass): gnp/early");
    }
}

#[test]
fn pods_know_two_stages_and_are_not_even_isolated_by_the_others() {
    let mut resolver = resolver(everywhere().into_iter().chain([Resource::Pod(pod("ns/web", "", &[]))]));
    let resolved = resolver.resolve();
    assert_eq!(steps(&resolved, "ns/web", Direction::Egress), "default(Deny): gnp/forward gnp/local");
    assert_eq!(resolved.policies.len(), 2);

    // A policy may move between stages.
    resolver.apply(Event::Upsert(staged("gnp forward", "all()", Stage::Untracked)));
    assert_eq!(steps(&resolver.resolve(), "ns/web", Direction::Egress), "default(Deny): gnp/local");
    resolver.apply(Event::Upsert(staged("gnp forward", "all()", Stage::Local)));
    assert_eq!(
        steps(&resolver.resolve(), "ns/web", Direction::Egress),
        "default(Deny): gnp/forward gnp/local"
    );
}

#[test]
fn a_policy_says_whom_it_governs_here() {
    let mut resolver =
        resolver([staged("gnp p", "app == 'x'", Stage::Local), Resource::Pod(pod("ns/web", "app=x", &[]))]);
    let subjects = |resolved: &NodePolicy| {
        let policy = resolved.policies.get(&policy_key("gnp p")).unwrap();
        policy.subjects.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(subjects(&resolver.resolve()), [SubjectKind::Pod]);
    resolver.apply(Event::Upsert(Resource::HostEndpoint(host("h", "app=x", named("eth0")))));
    assert_eq!(subjects(&resolver.resolve()), [SubjectKind::Pod, SubjectKind::Host]);
    resolver.apply(Event::Upsert(Resource::Pod(Pod { node: None, ..pod("ns/web", "app=x", &[]) })));
    assert_eq!(subjects(&resolver.resolve()), [SubjectKind::Host]);
}

#[test]
fn namespaced_policies_never_govern_host_endpoints() {
    let labels = "projectcalico.org/namespace=ns projectcalico.org/orchestrator=k8s";
    let object = Resource::HostEndpoint(host("h", labels, named("eth0")));
    let text = "projectcalico.org/namespace == 'ns' && projectcalico.org/orchestrator == 'k8s'";
    let policies = ["np ns/p", "knp ns/p"].map(|key| staged(key, text, Stage::Local));
    let resolved = resolver(policies.into_iter().chain([object])).resolve();
    assert!(host_of(&resolved, "h").local.ingress.tiers.is_empty());
    assert!(resolved.policies.is_empty());
}

#[test]
fn what_could_not_be_understood_is_governed_by_nothing_and_nobodys_peer() {
    let broken = resource::HostEndpoint {
        state: HostEndpointState::Unintelligible,
        expected_addresses: vec!["192.0.2.1".parse().unwrap()],
        ..host("h", "app=x", named("eth0"))
    };
    let rules = vec![allow(peer("app == 'x'"), Default::default())];
    let selecting = Policy { ingress: rules, ..policy("gnp p", "all()") };
    let resolved = resolver([
        Resource::HostEndpoint(broken),
        Resource::Pod(pod("ns/web", "", &[])),
        Resource::Policy(selecting),
        staged("gnp q", "has(app)", Stage::Untracked),
    ])
    .resolve();
    let host = host_of(&resolved, "h");
    assert!(host.local.ingress.tiers.is_empty() && host.untracked.ingress.is_empty());
    assert!(members(&resolved, &set_of("app == 'x'")).is_empty());
}

#[test]
fn host_endpoints_are_peers_even_of_negative_namespace_selectors() {
    let there = resource::HostEndpoint {
        node: "there".into(),
        expected_addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        profiles: vec!["kns.ns".into()],
        ..host("h", "area=dummy", HostInterface::ByAddress)
    };
    let texts =
        ["!has(pcns.x)", "pcns.name == 'dummy'", "has(projectcalico.org/namespace)", "area == 'dummy'"];
    let ingress = texts.map(|text| allow(peer(text), Default::default())).to_vec();
    let mut resolver = resolver([
        Resource::HostEndpoint(there),
        Resource::Pod(pod("ns/web", "", &[])),
        Resource::Policy(Policy { ingress, ..policy("gnp p", "has(projectcalico.org/none) || !has(area)") }),
    ]);
    let counts = |resolved: &NodePolicy| texts.map(|text| members(resolved, &set_of(text)).len());
    assert_eq!(counts(&resolver.resolve()), [2, 0, 0, 2]);
    resolver.apply(Event::Upsert(namespace("ns", "x=1 name=dummy")));
    assert_eq!(counts(&resolver.resolve()), [0, 2, 0, 2]);
}

#[test]
fn tiers_that_change_change_for_host_endpoints_too() {
    let object = Resource::HostEndpoint(host("h", "", named("eth0")));
    let mut resolver = resolver(everywhere().into_iter().chain([object]));
    let text = |resolved: &NodePolicy| {
        let host = host_of(resolved, "h");
        let local = step_text(&host.local.ingress.tiers);
        format!("{local}; {}; {}", step_text(&host.forwarded.egress), step_text(&host.untracked.egress))
    };
    let rest = "gnp/forward gnp/local; default(Deny): gnp/forward; default(Pass): gnp/raw";
    assert_eq!(text(&resolver.resolve()), format!("default(Deny): {rest}"));
    resolver.apply(Event::Upsert(tier("default", 1e6, TierAction::Pass)));
    let rest = "gnp/forward gnp/local; default(Pass): gnp/forward; default(Pass): gnp/raw";
    assert_eq!(text(&resolver.resolve()), format!("default(Pass): {rest}"));

    // Where only policies before connection tracking decide, the order of their tiers counts too.
    for key in ["gnp local", "gnp forward", "gnp early"] {
        resolver.apply(Event::Delete(ResourceKey::Policy(policy_key(key))));
    }
    let first = Policy { tier: "first".into(), stage: Stage::Untracked, ..policy("gnp first", "all()") };
    resolver.apply(Event::Upsert(Resource::Policy(first)));
    assert_eq!(text(&resolver.resolve()), "; ; default(Pass): gnp/raw; first(Pass): gnp/first");
    resolver.apply(Event::Upsert(tier("first", 1.0, TierAction::Deny)));
    assert_eq!(text(&resolver.resolve()), "; ; first(Pass): gnp/first; default(Pass): gnp/raw");
}
