//! Order of tiers, policies and rules (policy-model §4.1, §0 items 1 and 5).

use super::{Reference, by, check, cluster_with};

const FLOW: &str = "default/client default/server tcp 80";

fn gnp(name: &str, fields: &str) -> String {
    format!(
        "{{ apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{ name: {name} }}, spec: {{ types: [Ingress], \
         {fields} }} }}\n---\n"
    )
}

fn tier(name: &str, fields: &str) -> String {
    format!(
        "{{ apiVersion: projectcalico.org/v3, kind: Tier, metadata: {{ name: {name} }}, spec: {{ {fields} }} }}\n---\n"
    )
}

fn first_of(policies: &[(&str, &str)]) -> String {
    let text: String = policies
        .iter()
        .rev()
        .map(|(name, fields)| gnp(name, &format!("ingress: [{{ action: Allow }}], {fields}")))
        .collect();
    by(&cluster_with(&text), FLOW)
}

#[test]
fn policies_stand_by_order_then_by_name_namespace_kind() {
    assert_eq!(first_of(&[("z", "order: -1.5"), ("y", "order: -1"), ("x", "order: 0.5"), ("a", "")]), "z[0]");
    assert_eq!(first_of(&[("x", "order: 1e9"), ("a", "")]), "x[0]");
    // `-` and `.` stand before the `/` that ends the name.
    let names = ["a-b", "a.b", "a", "a0", "ab"];
    for pair in names.windows(2) {
        assert_eq!(first_of(&[(pair[1], ""), (pair[0], "")]), format!("{}[0]", pair[0]));
        assert_eq!(first_of(&[(pair[0], ""), (pair[1], "")]), format!("{}[0]", pair[0]));
    }
}

#[test]
fn tie_break_texts() {
    let keys = [
        ("p", None, "GlobalNetworkPolicy"),
        ("p", Some("a-ns"), "NetworkPolicy"),
        ("p", Some("a"), "NetworkPolicy"),
        ("p", Some("ns1"), "KubernetesNetworkPolicy"),
        ("p", Some("ns1"), "NetworkPolicy"),
    ];
    let texts: Vec<String> = keys
        .into_iter()
        .map(|(name, namespace, kind)| {
            let mut policy = super::super::calico::read(
                &serde_json::json!({"metadata": {"name": name}, "spec": {}}),
                None,
            );
            policy.namespace = namespace.map(str::to_owned);
            policy.kind = kind;
            policy.tie_break()
        })
        .collect();
    assert!(texts.is_sorted(), "{texts:?}");
    assert_eq!(texts[3], "p/ns1/KubernetesNetworkPolicy");
}

/// One policy in each of two tiers; both allow, so that the name tells which came first.
fn two_tiers(resources: &str, one: &str, other: &str) -> String {
    let text = [
        resources,
        &gnp("in-one", &format!("tier: {one}, ingress: [{{ action: Allow }}]")),
        &gnp("in-other", &format!("tier: {other}, ingress: [{{ action: Allow }}]")),
    ]
    .concat();
    by(&cluster_with(&text), FLOW)
}

#[test]
fn tiers_stand_by_order_then_by_name_and_missing_ones_last() {
    assert_eq!(two_tiers(&tier("app", ""), "app", "default"), "in-one[0]");
    assert_eq!(two_tiers(&tier("zeta", ""), "zeta", "default"), "in-other[0]");
    assert_eq!(two_tiers(&tier("zeta", "order: 999999.5"), "zeta", "default"), "in-one[0]");
    assert_eq!(two_tiers("", "absent", "kube-baseline"), "in-other[0]");
    assert_eq!(two_tiers("", "kube-admin", "default"), "in-one[0]");
}

#[test]
fn the_end_of_a_tier() {
    let with = |tier: &str, policy: &str, later: &str| -> Reference {
        cluster_with(&[tier, policy, later].concat())
    };
    let allow = gnp("later", "ingress: [{ action: Allow }]");
    let silent = gnp("silent", "tier: first");
    check(&with(&tier("first", "order: 1"), &silent, &allow), &[(FLOW, "deny")]);
    check(&with(&tier("first", "order: 1, defaultAction: Pass"), &silent, &allow), &[(FLOW, "allow")]);
    // A tier whose policies govern only the other direction is skipped, not closed.
    check(
        &with(&tier("first", "order: 1"), &gnp("silent", "tier: first, selector: app == 'other'"), ""),
        &[(FLOW, "allow")],
    );
    // Pass leaves the tier, later Deny rules included; behind the last tier stands the profile.
    let pass = gnp("pass", "order: 1, ingress: [{ action: Pass }, { action: Deny }]");
    assert_eq!(
        by(&cluster_with(&[pass, gnp("deny", "order: 2, ingress: [{ action: Deny }]")].concat()), FLOW),
        "profile"
    );
}

#[test]
fn types_follow_the_rules_where_they_are_absent() {
    let policy = |fields: &str| {
        cluster_with(&format!(
            "{{ apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {{ name: p }}, spec: {{ selector: app == 'server', {fields} }} }}"
        ))
    };
    let (inward, outward) = (FLOW, "default/server 8.8.8.8 tcp 80");
    check(&policy(""), &[(inward, "deny"), (outward, "allow")]);
    check(&policy("types: []"), &[(inward, "deny"), (outward, "allow")]);
    check(&policy("egress: []"), &[(inward, "deny"), (outward, "allow")]);
    check(&policy("egress: [{ action: Deny }]"), &[(inward, "allow"), (outward, "deny")]);
    check(
        &policy("ingress: [{ action: Deny }], egress: [{ action: Deny }]"),
        &[(inward, "deny"), (outward, "deny")],
    );
    check(
        &policy("types: [Ingress], ingress: [{ action: Allow }], egress: [{ action: Deny }]"),
        &[(inward, "allow"), (outward, "allow")],
    );
    for no_op in ["doNotTrack: true", "preDNAT: true"] {
        check(
            &cluster_with(&gnp(
                "p",
                &format!("{no_op}, applyOnForward: true, ingress: [{{ action: Deny }}]"),
            )),
            &[(inward, "allow")],
        );
    }
}
