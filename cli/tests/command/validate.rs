//! `ferrule validate`.

use std::fs;

use crate::{ferrule, manifests, shop, shop::shop, text};

const BAD_SELECTOR: &str = "\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: broken, namespace: shop}
spec:
  selector: app = 'web'
  types: [Ingress]
";

#[test]
fn clean_manifests_are_0() {
    let directory = shop();
    let ran = ferrule(&["validate", text(directory.path())]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "{}", ran.stderr);
    let ran = ferrule(&["validate", text(directory.path()), "--output", "json"]);
    assert_eq!((ran.code, ran.json()), (Some(0), serde_json::json!([])));
}

#[test]
fn an_error_is_1_and_says_where() {
    let directory = manifests(&[("pods.yaml", shop::PODS), ("deep/er/bad.yaml", BAD_SELECTOR)]);
    let ran = ferrule(&["validate", text(directory.path())]);
    assert_eq!(ran.code, Some(1));
    let file = directory.path().join("deep/er/bad.yaml");
    let start = format!("{}:5: error: NetworkPolicy shop/broken: spec.selector: ", file.display());
    assert!(ran.stdout.starts_with(&start), "{}", ran.stdout);
    assert!(ran.stderr.contains("1 error"), "{}", ran.stderr);

    let ran = ferrule(&["validate", text(directory.path()), "--output", "json"]);
    let findings = ran.json();
    let finding = &findings[0];
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        (finding["file"].as_str(), finding["document"].as_u64(), finding["line"].as_u64()),
        (file.to_str(), Some(1), Some(5))
    );
    assert_eq!(finding["object"].as_str(), Some("NetworkPolicy shop/broken"));
    assert_eq!(
        (finding["field"].as_str(), finding["severity"].as_str()),
        (Some("spec.selector"), Some("error"))
    );
    assert!(!finding["message"].as_str().unwrap().is_empty());
}

#[test]
fn warnings_alone_are_0() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: nowhere}\nspec: {nodeName: n1}\nstatus: {podIP: 10.0.0.1}\n";
    let directory = manifests(&[("pod.yaml", pod)]);
    let ran = ferrule(&["validate", text(directory.path())]);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(ran.stdout.contains("pod.yaml:") && ran.stdout.contains(": warning: "), "{}", ran.stdout);
}

#[test]
fn files_are_judged_together_and_may_have_any_name() {
    let directory = manifests(&[
        ("pods.yaml", shop::PODS),
        ("bad.txt", BAD_SELECTOR),
        (".hidden/bad.yaml", BAD_SELECTOR),
    ]);
    let path = |name: &str| directory.path().join(name);
    assert_eq!(ferrule(&["validate", text(directory.path())]).code, Some(0));
    let ran = ferrule(&["validate", text(&path("pods.yaml")), text(&path("bad.txt"))]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.stdout.lines().count(),
        1,
        "the namespace of the policy is in the other file: {}",
        ran.stdout
    );
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_still_judged() {
    let directory = manifests(&[("bad.yaml", BAD_SELECTOR), ("pods.yaml", shop::PODS)]);
    fs::write(directory.path().join("binary.yaml"), b"kind: Pod\n\xff").unwrap();
    let ran = ferrule(&["validate", text(directory.path())]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("binary.yaml: line 2 is not UTF-8"), "{}", ran.stdout);
    assert!(ran.stdout.contains("bad.yaml:5: error"), "{}", ran.stdout);
    assert_eq!(ferrule(&["validate", text(&directory.path().join("absent.yaml"))]).code, Some(3));
}

#[test]
fn a_link_back_up_ends_the_walk() {
    let directory = manifests(&[("a/bad.yaml", BAD_SELECTOR), ("pods.yaml", shop::PODS)]);
    std::os::unix::fs::symlink(directory.path(), directory.path().join("a/up")).unwrap();
    let ran = ferrule(&["validate", text(directory.path())]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(1), 1), "{}", ran.stdout);
}
