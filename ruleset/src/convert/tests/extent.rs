//! Lists that multiply.

use super::fixture::{knp, np, policy};

/// `count` times an item, numbered from 0, in flow style.
fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..count).map(item).collect();
    format!("[{}]", items.join(", "))
}

fn numbered(count: usize) -> String {
    list(count, |it| format!("{{port: {}}}", 2 * it + 1))
}

fn named(count: usize) -> String {
    list(count, |it| format!("{{port: p{it}}}"))
}

fn peers(count: usize) -> String {
    list(count, |it| format!("{{podSelector: {{matchLabels: {{a: v{it}}}}}}}"))
}

#[test]
fn a_rule_whose_lists_multiply_beyond_measure_matches_nothing() {
    for (peer_count, ports, expected) in [
        (100, numbered(100), 100),
        (300, numbered(300), 300),
        (100, named(100), 100),
        (700, numbered(700), 0),
        (200, named(200), 0),
    ] {
        let rule = format!("{{from: {}, ports: {ports}}}", peers(peer_count));
        let (policy, errors) = knp(&format!("{{podSelector: {{}}, ingress: [{rule}, {{}}]}}"));
        let (multiplied, rest): (Vec<_>, Vec<_>) = policy.ingress.iter().partition(|rule| rule.index == 0);
        assert_eq!((multiplied.len(), rest.len()), (expected, 1), "{peer_count} peers: {errors:?}");
        assert_eq!(errors.len(), usize::from(expected == 0), "{errors:?}");
        assert!(errors.iter().all(|error| error.contains("split the policy")), "{errors:?}");
    }
}

#[test]
fn many_rules_share_what_one_may_come_to() {
    let rule = format!("{{from: {}, ports: {}}}", peers(60), named(60));
    let (policy, errors) =
        knp(&format!("{{podSelector: {{}}, ingress: [{}]}}", vec![&rule[..]; 10].join(", ")));
    assert!((240..=360).contains(&policy.ingress.len()), "{}", policy.ingress.len());
    assert!(!errors.is_empty());
}

#[test]
fn what_does_not_multiply_is_never_too_long() {
    let rules = list(30_000, |it| format!("{{ports: [{{port: {}}}]}}", 1 + it));
    let (policy, errors) = knp(&format!("{{podSelector: {{}}, ingress: {rules}}}"));
    assert_eq!((policy.ingress.len(), errors), (30_000, vec![]));
    let (policy, errors) = knp(&format!("{{podSelector: {{}}, ingress: [{{from: {}}}]}}", peers(30_000)));
    assert_eq!((policy.ingress.len(), errors), (30_000, vec![]));
}

#[test]
fn a_deny_that_is_too_large_denies_whatever_the_port() {
    let ports = |count| list(count, |it| format!("p{it}"));
    let rule = |action: &str| {
        format!(
            "{{action: {action}, protocol: TCP, source: {{ports: {}, nets: [10.0.0.0/8]}}, destination: {{ports: {}}}}}",
            ports(200),
            ports(200)
        )
    };
    let (policy, errors) = np(&format!("{{ingress: [{}, {}]}}", rule("Allow"), rule("Deny")));
    assert_eq!((policy.ingress.len(), errors.len()), (1, 2), "{errors:?}");
    let deny = &policy.ingress[0];
    assert!(deny.index == 1 && deny.source.ports.is_empty() && deny.destination.ports.is_empty());
    assert_eq!(deny.source.nets.len(), 1);
}

#[test]
fn the_policies_of_an_administrator_are_bounded_too() {
    let peers = list(200, |it| format!("{{namespaces: {{matchLabels: {{a: v{it}}}}}}}"));
    let ports = list(200, |it| format!("{{namedPort: p{it}}}"));
    let rule = |action| format!("{{action: {action}, from: {peers}, ports: {ports}}}");
    let text = format!(
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {{name: x}}\nspec: {{priority: 1, subject: {{namespaces: {{}}}}, ingress: [{}, {}]}}\n",
        rule("Allow"),
        rule("Deny")
    );
    let (policy, errors) = policy(&text);
    assert_eq!(errors.iter().filter(|error| error.contains("split the policy")).count(), 2, "{errors:?}");
    assert_eq!(policy.ingress.len(), 200);
    assert!(policy.ingress.iter().all(|rule| rule.index == 1 && rule.destination.ports.is_empty()));
}
