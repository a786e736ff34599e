//! From text to the model and back to short text, so that a test is a table.

use crate::{
    event::Event,
    manifest::Directory,
    policy::{Entity, Policy, Rule},
    protocol::Icmp,
    resource::{Resource, ResourceKey},
};

/// What a text becomes: its objects less implied ones, and its findings as text.
pub(super) fn read(text: &str) -> (Vec<Resource>, Vec<String>) {
    let mut directory = Directory::default();
    let events = directory.update("m.yaml", Some(text));
    let findings = directory.findings().iter().map(ToString::to_string).collect();
    let resources = events.into_iter().filter_map(|event| match event {
        Event::Upsert(resource) => directory.location(&resource.key()).map(|_| resource),
        Event::Delete(_) | Event::Links(_) => None,
    });
    (resources.collect(), findings)
}

/// The only object of a text.
pub(super) fn one(text: &str) -> (Resource, Vec<String>) {
    let (mut resources, findings) = read(text);
    assert_eq!(resources.len(), 1, "{resources:?} {findings:?}");
    (resources.remove(0), findings)
}

pub(super) fn policy(text: &str) -> (Policy, Vec<String>) {
    match one(text) {
        (Resource::Policy(policy), findings) => (policy, errors(findings)),
        (other, _) => panic!("{other:?}"),
    }
}

/// An object of Calico's API named `x`, of this kind and with these texts in place of its metadata and its other fields, in flow style.
pub(super) fn calico(kind: &str, metadata: &str, rest: &str) -> String {
    format!("apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: x{metadata}}}\n{rest}\n")
}

/// Severity and field of each finding, as `error spec.node`.
pub(super) fn places(findings: &[String]) -> Vec<String> {
    let place = |finding: &String| {
        let parts: Vec<_> = finding.split(": ").collect();
        format!("{} {}", parts[1], parts[3])
    };
    findings.iter().map(place).collect()
}

/// Errors only, less their place.
fn errors(findings: Vec<String>) -> Vec<String> {
    findings.into_iter().filter(|finding| finding.contains(": error: ")).collect()
}

/// A Calico NetworkPolicy in namespace `ns` with this spec, given in flow style.
pub(super) fn np(spec: &str) -> (Policy, Vec<String>) {
    policy(&format!(
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: ns}}\nspec: {spec}\n"
    ))
}

/// A GlobalNetworkPolicy with this spec.
pub(super) fn gnp(spec: &str) -> (Policy, Vec<String>) {
    policy(&format!(
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"
    ))
}

/// A Kubernetes NetworkPolicy in namespace `ns` with this spec.
pub(super) fn knp(spec: &str) -> (Policy, Vec<String>) {
    policy(&format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, namespace: ns}}\nspec: {spec}\n"
    ))
}

/// A policy of `policy.networking.k8s.io` with this kind, version, name and spec; of its findings those that are errors.
pub(super) fn administrative(kind: &str, version: &str, name: &str, spec: &str) -> (Policy, Vec<String>) {
    policy(&format!(
        "apiVersion: policy.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    ))
}

/// A ClusterNetworkPolicy with this spec.
pub(super) fn cnp(spec: &str) -> (Policy, Vec<String>) {
    administrative("ClusterNetworkPolicy", "v1alpha2", "p", spec)
}

/// Rules, each as `index Action traffic | source | destination`; `-` where nothing is asked.
pub(super) fn rules(rules: &[Rule]) -> Vec<String> {
    rules.iter().map(rule).collect()
}

fn rule(rule: &Rule) -> String {
    let traffic = &rule.traffic;
    let icmp = |icmp: &Icmp| match icmp {
        Icmp::Any => "any".to_owned(),
        Icmp::Type(kind) => kind.to_string(),
        Icmp::TypeCode(kind, code) => format!("{kind}/{code}"),
    };
    let parts = [
        traffic.family.map(|family| family.to_string()),
        traffic.protocol.map(|protocol| protocol.to_string()),
        traffic.not_protocol.map(|protocol| format!("!{protocol}")),
        traffic.icmp.as_ref().map(|value| format!("icmp {}", icmp(value))),
        traffic.not_icmp.as_ref().map(|value| format!("!icmp {}", icmp(value))),
    ];
    let traffic = dash(&parts.into_iter().flatten().collect::<Vec<_>>());
    format!(
        "{} {:?} {traffic} | {} | {}",
        rule.index,
        rule.action,
        entity(&rule.source),
        entity(&rule.destination)
    )
}

fn entity(entity: &Entity) -> String {
    let mut parts = Vec::new();
    parts.extend(entity.nets.iter().map(ToString::to_string));
    parts.extend(entity.not_nets.iter().map(|net| format!("!{net}")));
    parts.extend(entity.selector.iter().map(|selector| format!("<{selector}>")));
    parts.extend(entity.nodes.iter().map(|selector| format!("nodes<{selector}>")));
    parts.extend(entity.not_selector.iter().map(|selector| format!("!<{selector}>")));
    parts.extend(entity.ports.iter().map(port));
    parts.extend(entity.not_ports.iter().map(|value| format!("!{}", port(value))));
    parts.extend(entity.service.iter().map(|service| format!("@{service}")));
    dash(&parts)
}

fn port(port: &crate::port::Port) -> String {
    match port {
        crate::port::Port::Number(range) => format!(":{range}"),
        crate::port::Port::Named(name) => format!(":{name}"),
    }
}

fn dash(parts: &[String]) -> String {
    if parts.is_empty() { "-".into() } else { parts.join(" ") }
}

/// The directions of a policy as one word.
pub(super) fn directions(policy: &Policy) -> String {
    policy.directions.iter().map(ToString::to_string).collect::<Vec<_>>().join("+")
}

/// The findings of a text that is about no object in force, or about several.
pub(super) fn findings(text: &str) -> Vec<String> {
    read(text).1
}

/// The keys of the objects of a text.
pub(super) fn keys(text: &str) -> Vec<String> {
    read(text).0.iter().map(|resource| ResourceKey::to_string(&resource.key())).collect()
}
