//! `ferrule eval` for one flow.

use serde_json::{Value, json};

use crate::{Ran, ferrule, shop::shop, text};

/// Asks about a flow in the shop; the flow is written as arguments.
fn eval(arguments: &str) -> Ran {
    let directory = shop();
    let mut all = vec!["eval", "--manifests", text(directory.path())];
    all.extend(arguments.split(' '));
    ferrule(&all)
}

#[test]
fn allowed_is_0_and_names_the_rule_of_each_end() {
    let ran = eval("--from shop/frontend --to shop/api --protocol tcp --port 8080");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert_eq!(lines[0], "ALLOW  shop/frontend -> shop/api  TCP 8080");
    assert!(lines[1].contains("egress of shop/frontend: allowed by spec.egress[0]"), "{}", lines[1]);
    assert!(lines[1].contains("KubernetesNetworkPolicy shop/frontend"), "{}", lines[1]);
    assert!(lines[2].contains("ingress of shop/api: allowed by spec.ingress[0]"), "{}", lines[2]);
    assert!(lines[2].contains("policies.yaml:"), "{}", lines[2]);
}

#[test]
fn denied_is_1_and_says_why_no_rule_matched_at_either_end() {
    let ran = eval("--from shop/frontend --to shop/db --protocol tcp --port 5432");
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
    assert_eq!(lines[0], "DENY  shop/frontend -> shop/db  TCP 5432");
    assert!(
        lines[1].starts_with("egress of shop/frontend: denied at the end of tier default"),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("KubernetesNetworkPolicy shop/frontend ("), "{}", lines[2]);
    assert_eq!(lines[3], "spec.egress[0]: wants destination port 8080");
    assert_eq!(lines[4], "spec.egress[1]: wants protocol UDP");
    assert!(
        lines[5].starts_with("beyond that, ingress of shop/db: denied at the end of tier"),
        "{}",
        lines[5]
    );
    assert!(lines[6].starts_with("KubernetesNetworkPolicy shop/db ("), "{}", lines[6]);
    assert!(lines[7].starts_with("spec.ingress[0]: wants source address in "), "{}", lines[7]);
    assert!(lines[7].contains("app == \"api\""), "{}", lines[7]);
    assert_eq!(lines.len(), 8, "{}", ran.stdout);
}

#[test]
fn json_names_what_decided() {
    let rule = |direction: &str, name: &str, rule: u32| {
        json!({
            "direction": direction, "tier": "default", "kind": "KubernetesNetworkPolicy",
            "namespace": "shop", "name": name, "rule": rule,
        })
    };
    let allowed = eval("--from shop/frontend --to shop/api --protocol tcp --port 8080 --output json");
    let expected = json!({
        "verdict": "allow",
        "by": rule("ingress", "api", 0),
        "path": [
            {"verdict": "allow", "by": rule("egress", "frontend", 0)},
            {"verdict": "allow", "by": rule("ingress", "api", 0)},
        ],
    });
    assert_eq!((allowed.code, allowed.json()), (Some(0), expected));

    let denied = eval("--from 10.0.1.1 --to shop/db --protocol 6 --port 5432 --output json");
    let end = json!({
        "verdict": "deny",
        "by": "end-of-tier",
        "detail": {
            "direction": "egress", "pod": "shop/frontend", "tier": "default",
            "policies": [{"kind": "KubernetesNetworkPolicy", "namespace": "shop", "name": "frontend"}],
        },
    });
    let mut expected = end.clone();
    expected["path"] = json!([end]);
    assert_eq!((denied.code, denied.json()), (Some(1), expected));
}

#[test]
fn built_ins_are_named() {
    let by = |flow: &str| {
        let ran = eval(&format!("{flow} --protocol tcp --port 81 --output json"));
        (ran.json()["verdict"].clone(), ran.json()["by"].clone())
    };
    let allowed = |name: &str| (Value::from("allow"), Value::from(name));
    assert_eq!(by("--from node/n1 --to shop/api"), allowed("host-to-own-pod"));
    assert_eq!(by("--from 172.18.0.2 --to 10.0.1.2"), allowed("host-to-own-pod"));
    assert_eq!(by("--from node/n2 --to shop/api"), (Value::from("deny"), Value::from("end-of-tier")));
    assert_eq!(by("--from shop/api --to shop/api"), allowed("loopback"));
    assert_eq!(by("--from node/n1 --to node/n2"), allowed("no-policy"));
    assert_eq!(by("--from 203.0.113.7 --to kube-system/dns"), allowed("profile"));
    assert_eq!(by("--from kube-system/dns --to node/n2"), allowed("endpoint-to-host"));
}

#[test]
fn protocols_go_by_name_and_number_and_icmp_has_types() {
    let code = |flow: &str| eval(flow).code;
    assert_eq!(code("--from 203.0.113.7 --to shop/frontend --protocol TCP --port 80"), Some(0));
    assert_eq!(code("--from 203.0.113.7 --to shop/frontend --protocol 6 --port 80"), Some(0));
    assert_eq!(code("--from 203.0.113.7 --to shop/frontend --protocol 17 --port 80"), Some(1));
    assert_eq!(code("--from 203.0.113.7 --to shop/frontend --protocol icmp --icmp-type 8"), Some(1));
    assert_eq!(code("--from 203.0.113.7 --to kube-system/dns --protocol icmp"), Some(0));
    assert_eq!(code("--from 203.0.113.7 --to kube-system/dns --protocol 47"), Some(0));
    assert_eq!(code("--from 203.0.113.7 --to shop/frontend --protocol ipx --port 80"), Some(2));
}

#[test]
fn a_question_without_an_answer_is_3() {
    for flow in [
        "--from shop/nobody --to shop/api --protocol tcp --port 80",
        "--from node/n9 --to shop/api --protocol tcp --port 80",
        "--from shop/api --to shop/db --protocol tcp",
        "--from shop/api --to shop/db --protocol icmp --port 80",
        "--from shop/api --to shop/db --protocol tcp --port 80 --family 6",
    ] {
        let ran = eval(flow);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{flow}");
        assert!(ran.stderr.starts_with("ferrule: "), "{}", ran.stderr);
        let ran = eval(&format!("{flow} --output json"));
        assert_eq!(ran.code, Some(3));
        assert!(ran.json()["error"].is_string());
    }
    let ran = ferrule(&["eval", "--manifests", "/nowhere", "--batch"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("/nowhere"), "{}", ran.stderr);
}

#[test]
fn a_peer_that_is_none_and_a_mix_with_batch_are_usage() {
    assert_eq!(eval("--from web --to shop/api --protocol tcp --port 80").code, Some(2));
    assert_eq!(eval("--from shop/api --to shop/db --protocol tcp --port 80 --batch").code, Some(2));
    assert_eq!(
        eval("--from shop/api --to shop/db --protocol tcp --port 80 --interface-prefix veth0").code,
        Some(2)
    );
}
