//! Rules of Calico policies and their closed stand-ins: policy-model §1.1, §4.3.

use super::fixture::{gnp, np, rules};

/// The rules of a global policy that holds this one, and the fields of its errors.
fn read(rule: &str) -> (Vec<String>, Vec<String>) {
    let (policy, errors) = gnp(&format!("{{types: [Ingress], ingress: [{rule}]}}"));
    let field = |error: &String| error.split(": ").nth(3).unwrap_or_default().to_owned();
    (rules(&policy.ingress), errors.iter().map(field).collect())
}

#[test]
fn rules_ask_what_the_api_says() {
    for (rule, expected) in [
        ("{action: Allow}", "0 Allow - | - | -"),
        ("{action: Log, metadata: {annotations: {a: 5}}}", "0 Log - | - | -"),
        ("{action: Pass, protocol: TCP}", "0 Pass TCP | - | -"),
        ("{action: Deny, protocol: tcp, notProtocol: '17'}", "0 Deny TCP !UDP | - | -"),
        ("{action: Deny, protocol: 6}", "0 Deny TCP | - | -"),
        ("{action: Deny, protocol: '6'}", "0 Deny TCP | - | -"),
        ("{action: Deny, protocol: UDPLite}", "0 Deny UDPLite | - | -"),
        ("{action: Deny, protocol: 255}", "0 Deny 255 | - | -"),
        ("{action: Deny, protocol: ICMP}", "0 Deny ip ICMP | - | -"),
        ("{action: Deny, protocol: ICMPv6}", "0 Deny ip6 ICMPv6 | - | -"),
        ("{action: Deny, protocol: 1}", "0 Deny ICMP | - | -"),
        ("{action: Deny, protocol: 58, icmp: {type: 128}}", "0 Deny ICMPv6 icmp 128 | - | -"),
        ("{action: Deny, notProtocol: ICMP}", "0 Deny !ICMP | - | -"),
        ("{action: Deny, ipVersion: 6}", "0 Deny ip6 | - | -"),
        ("{action: Deny, protocol: ICMP, icmp: {type: 8, code: 0}}", "0 Deny ip ICMP icmp 8/0 | - | -"),
        ("{action: Deny, protocol: ICMP, icmp: {}}", "0 Deny ip ICMP icmp any | - | -"),
        ("{action: Deny, notICMP: {type: 8, code: 0}}", "0 Deny !icmp 8/0 | - | -"),
        ("{action: Deny, notICMP: {type: 254}}", "0 Deny !icmp 254 | - | -"),
        (
            "{action: Deny, source: {nets: [10.1.2.3/8, 1.2.3.4, 'fd00::1'], notNets: [0.0.0.0/0]}}",
            "0 Deny - | 10.0.0.0/8 1.2.3.4/32 fd00::1/128 !0.0.0.0/0 | -",
        ),
        (
            "{action: Deny, protocol: TCP, destination: {ports: [80, '81', '8000:8080', web, 0:10], notPorts: [5]}}",
            "0 Deny TCP | - | :0-10 :80-81 :8000-8080 :web !:5",
        ),
        ("{action: Deny, protocol: SCTP, source: {ports: ['0:65535', 7]}}", "0 Deny SCTP | :0-65535 | -"),
        ("{action: Deny, destination: {ports: [web, b.c_d-1]}}", "0 Deny - | - | :b.c_d-1 :web"),
        (
            "{action: Deny, destination: {ports: [], nets: [], services: null, selector: ''}}",
            "0 Deny - | - | -",
        ),
    ] {
        assert_eq!(read(rule), (vec![expected.to_owned()], vec![]), "{rule}");
    }
}

/// Parts that are not understood, and what a Deny keeps of a rule that has them.
const NOT_UNDERSTOOD: [(&str, &str, &str); 38] = [
    ("protocol: 0", "protocol", "- | 1.0.0.0/8 | -"),
    ("protocol: 256", "protocol", "- | 1.0.0.0/8 | -"),
    ("protocol: HTTP", "protocol", "- | 1.0.0.0/8 | -"),
    ("protocol: ''", "protocol", "- | 1.0.0.0/8 | -"),
    ("notProtocol: [TCP]", "notProtocol", "- | 1.0.0.0/8 | -"),
    ("ipVersion: 5", "ipVersion", "- | 1.0.0.0/8 | -"),
    ("ipVersion: '4'", "ipVersion", "- | 1.0.0.0/8 | -"),
    ("icmp: {type: 8}", "", "- | 1.0.0.0/8 | -"),
    ("protocol: TCP, icmp: {type: 8}", "", "TCP | 1.0.0.0/8 | -"),
    ("protocol: ICMP, icmp: {type: 255}", "icmp.type", "ip ICMP | 1.0.0.0/8 | -"),
    ("protocol: ICMP, icmp: {code: 0}", "icmp", "ip ICMP | 1.0.0.0/8 | -"),
    ("protocol: ICMP, icmp: {type: 8, kode: 0}", "icmp.kode", "ip ICMP | 1.0.0.0/8 | -"),
    ("protocol: ICMP, notICMP: {type: 8, code: 256}", "notICMP.code", "ip ICMP | 1.0.0.0/8 | -"),
    ("http: {methods: [GET]}", "http", "- | 1.0.0.0/8 | -"),
    ("user: root", "user", "- | 1.0.0.0/8 | -"),
    ("destination: []", "destination", "- | 1.0.0.0/8 | -"),
    ("destination: {services: {name: x}}", "destination.services", "- | 1.0.0.0/8 | -"),
    ("destination: {clusterSelector: a}", "destination.clusterSelector", "- | 1.0.0.0/8 | -"),
    ("destination: {nets: 1.0.0.0/8}", "destination.nets", "- | 1.0.0.0/8 | -"),
    ("destination: {nets: [x]}", "destination.nets[0]", "- | 1.0.0.0/8 | -"),
    ("destination: {nets: [2.0.0.0/8, 1.2.3.256/32]}", "destination.nets[1]", "- | 1.0.0.0/8 | -"),
    ("destination: {notNets: [null]}", "destination.notNets[0]", "- | 1.0.0.0/8 | -"),
    ("destination: {selector: a ==}", "destination.selector", "- | 1.0.0.0/8 | -"),
    ("destination: {selector: global()}", "destination.selector", "- | 1.0.0.0/8 | -"),
    ("destination: {selector: 5}", "destination.selector", "- | 1.0.0.0/8 | -"),
    (
        "destination: {selector: has(a), notSelector: b b}",
        "destination.notSelector",
        "- | 1.0.0.0/8 | <has(a)>",
    ),
    (
        "destination: {selector: has(a), namespaceSelector: b b}",
        "destination.namespaceSelector",
        "- | 1.0.0.0/8 | <has(a)>",
    ),
    (
        "destination: {selector: has(a), serviceAccounts: x}",
        "destination.serviceAccounts",
        "- | 1.0.0.0/8 | <has(a)>",
    ),
    (
        "destination: {serviceAccounts: {names: [5]}}",
        "destination.serviceAccounts.names[0]",
        "- | 1.0.0.0/8 | -",
    ),
    (
        "destination: {serviceAccounts: {selector: a a}}",
        "destination.serviceAccounts.selector",
        "- | 1.0.0.0/8 | -",
    ),
    ("destination: {ports: [80]}", "destination.ports", "- | 1.0.0.0/8 | -"),
    ("destination: {ports: [web, 80]}", "destination.ports", "- | 1.0.0.0/8 | -"),
    ("protocol: UDPLite, destination: {ports: [web]}", "destination.ports", "UDPLite | 1.0.0.0/8 | -"),
    ("notProtocol: UDP, destination: {notPorts: [80]}", "destination.notPorts", "!UDP | 1.0.0.0/8 | -"),
    ("protocol: TCP, destination: {ports: [0]}", "destination.ports[0]", "TCP | 1.0.0.0/8 | -"),
    ("protocol: TCP, destination: {ports: ['90:80']}", "destination.ports[0]", "TCP | 1.0.0.0/8 | -"),
    ("protocol: TCP, destination: {ports: ['80-90']}", "destination.ports[0]", "TCP | 1.0.0.0/8 | -"),
    ("protocol: TCP, destination: {notPorts: ['70000']}", "destination.notPorts[0]", "TCP | 1.0.0.0/8 | -"),
];

#[test]
fn what_is_not_understood_never_admits_more_and_never_denies_less() {
    for (part, field, rest) in NOT_UNDERSTOOD {
        let path = match field {
            "" => "spec.ingress[0]".to_owned(),
            field => format!("spec.ingress[0].{field}"),
        };
        for (action, stand_in) in
            [("Allow", None), ("Log", None), ("Deny", Some("Deny")), ("Pass", Some("Deny"))]
        {
            let (found, fields) = read(&format!(
                "{{action: {action}, source: {{nets: [1.0.0.0/8]}}, {part}}}, {{action: Allow, protocol: UDP}}"
            ));
            let mut expected: Vec<_> =
                stand_in.map(|action| format!("0 {action} {rest}")).into_iter().collect();
            expected.push("1 Allow UDP | - | -".to_owned());
            assert_eq!((found, fields), (expected, vec![path.clone()]), "{action} {part}");
        }
    }
}

#[test]
fn a_rule_without_a_known_action_denies() {
    for (rule, field, expected) in [
        ("{action: allow, protocol: UDP}", "spec.ingress[0].action", "0 Deny UDP | - | -"),
        ("{action: '', protocol: UDP}", "spec.ingress[0].action", "0 Deny UDP | - | -"),
        ("{protocol: UDP}", "spec.ingress[0]", "0 Deny UDP | - | -"),
        ("null", "spec.ingress[0]", "0 Deny - | - | -"),
        ("Allow", "spec.ingress[0]", "0 Deny - | - | -"),
    ] {
        assert_eq!(read(rule), (vec![expected.into()], vec![field.into()]), "{rule}");
    }
}

#[test]
fn a_deny_of_a_namespaced_policy_is_not_held_to_the_namespace_by_what_is_not_understood() {
    for (entity, expected) in [
        ("{namespaceSelector: b b}", "-"),
        ("{selector: has(a), namespaceSelector: b b}", "<has(a)>"),
        ("{notSelector: b b}", "-"),
        ("{namespaceSelector: has(x), selector: b b}", "<has(pcns.x)>"),
    ] {
        let (policy, errors) =
            np(&format!("{{types: [Ingress], ingress: [{{action: Deny, source: {entity}}}]}}"));
        assert_eq!(
            (rules(&policy.ingress), errors.len()),
            (vec![format!("0 Deny - | {expected} | -")], 1),
            "{entity}"
        );
    }
}

#[test]
fn a_list_of_rules_that_is_none_denies() {
    let (policy, errors) =
        np("{types: [Ingress, Egress], ingress: {action: Allow}, egress: [{action: Allow}]}");
    assert_eq!(rules(&policy.ingress), ["0 Deny - | - | -"]);
    assert_eq!(rules(&policy.egress), ["0 Allow - | - | -"]);
    assert_eq!(
        errors,
        [
            "m.yaml:4: error: NetworkPolicy ns/p: spec.ingress: must be a list, not a map (the policy denies everything in this direction)"
        ]
    );
}

#[test]
fn consequences_are_said() {
    for (rule, end) in [
        ("{action: Allow, user: x}", "(the rule matches nothing)"),
        ("{action: Log, user: x}", "(the rule logs nothing)"),
        ("{action: Deny, user: x}", "(the rule denies without asking for this)"),
        ("{action: Pass, user: x}", "(the rule denies instead of passing, without asking for this)"),
        ("{action: Reject}", "(the rule denies what it matches)"),
    ] {
        let (_, errors) = gnp(&format!("{{types: [Ingress], ingress: [{rule}]}}"));
        assert!(errors.len() == 1 && errors[0].ends_with(end), "{errors:?}");
    }
}
