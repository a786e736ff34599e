//! Directories: which object is in force, what changes, what there is to say.

use proptest::prelude::*;

use crate::{event::Event, manifest::Directory, resource::ResourceKey, store::Store};

fn pod(name: &str, address: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: ns}}\nstatus: {{podIP: {address}}}\n"
    )
}

fn namespace(name: &str, labels: &str) -> String {
    format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n")
}

fn gnp(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

/// Events as `+Pod ns/a` and `-Pod ns/a`.
fn events(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Upsert(resource) => format!("+{}", resource.key()),
        Event::Delete(key) => format!("-{key}"),
        Event::Links(_) => "links".to_owned(),
    };
    events.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn update(directory: &mut Directory, file: &str, text: &str) -> String {
    events(&directory.update(file, Some(text)))
}

fn findings(directory: &Directory) -> Vec<String> {
    directory.findings().iter().map(ToString::to_string).collect()
}

#[test]
fn manifests_are_told_by_their_names() {
    for (file, admitted) in [
        ("a.yaml", true),
        ("a.yml", true),
        ("b/c/a.json", true),
        ("./a.yaml", true),
        ("/etc/ferrule/a.yaml", true),
        ("a.yaml~", false),
        ("a.txt", false),
        ("yaml", false),
        (".yaml", false),
        (".a.yaml", false),
        (".git/a.yaml", false),
        ("b/..data/a.yaml", false),
        ("a.YAML", false),
    ] {
        assert_eq!(Directory::admits(file), admitted, "{file}");
    }
}

#[test]
fn an_update_tells_what_it_changes() {
    let mut directory = Directory::default();
    assert_eq!(update(&mut directory, "a.yaml", &pod("a", "10.0.0.1")), "+Pod ns/a, +Namespace ns");
    assert_eq!(update(&mut directory, "a.yaml", &format!("# same\n{}", pod("a", "10.0.0.1"))), "");
    assert_eq!(
        update(&mut directory, "a.yaml", &(pod("a", "10.0.0.2") + &pod("b", "10.0.0.3"))),
        "+Pod ns/a, +Pod ns/b"
    );
    assert_eq!(update(&mut directory, "b.yaml", &namespace("ns", "a: b")), "+Namespace ns");
    assert_eq!(events(&directory.update("b.yaml", None)), "+Namespace ns");
    assert_eq!(update(&mut directory, "a.yaml", &pod("b", "10.0.0.3")), "-Pod ns/a");
    assert_eq!(events(&directory.update("a.yaml", None)), "-Pod ns/b, -Namespace ns");
    assert_eq!(events(&directory.update("a.yaml", None)), "");
}

#[test]
fn built_in_tiers_stand_where_policies_name_them() {
    let mut directory = Directory::default();
    assert_eq!(
        update(&mut directory, "a.yaml", &gnp("p", "{types: [Ingress]}")),
        "+GlobalNetworkPolicy p, +Tier default"
    );
    assert_eq!(
        update(&mut directory, "a.yaml", &gnp("p", "{types: [Ingress], tier: kube-admin}")),
        "+GlobalNetworkPolicy p, -Tier default, +Tier kube-admin"
    );
    assert_eq!(
        update(&mut directory, "a.yaml", &gnp("p", "{types: [Ingress], tier: own}")),
        "+GlobalNetworkPolicy p, -Tier kube-admin"
    );
    assert_eq!(
        findings(&directory),
        [
            "a.yaml:2: warning: GlobalNetworkPolicy p: spec.tier: no Tier own is defined (it comes after all others and denies what its policies do not decide)"
        ]
    );
}

#[test]
fn lists_hold_objects() {
    let mut directory = Directory::default();
    let typed = "apiVersion: v1\nkind: PodList\nmetadata: {resourceVersion: ''}\nitems:\n- metadata: {name: a, namespace: ns}\n- {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: ns}}\n";
    assert_eq!(update(&mut directory, "a.yaml", typed), "+Pod ns/a, +Pod ns/b, +Namespace ns");
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns}}\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Pod, metadata: {name: c, namespace: ns}}\n- {apiVersion: apps/v1, kind: Deployment}\n";
    assert_eq!(update(&mut directory, "a.yaml", list), "-Pod ns/b, +Pod ns/c");
    assert_eq!(
        directory
            .location(&ResourceKey::Pod(crate::name::ObjectName::new("ns", "c")))
            .map(|place| place.line),
        Some(8)
    );
    for (text, line) in [
        ("kind: List\nitems:\n- {metadata: {name: a}}\n", 3),
        ("kind: PodList\nitems: {}\n", 1),
        ("kind: List\napiVersion: v1\nitems:\n- null\n", 4),
    ] {
        let mut directory = Directory::default();
        update(&mut directory, "a.yaml", text);
        let found = findings(&directory);
        assert!(found.len() == 1 && found[0].starts_with(&format!("a.yaml:{line}: error: ")), "{found:?}");
    }
    assert_eq!(
        update(&mut Directory::default(), "a.yaml", "kind: PodList\napiVersion: v1\nitems: null\n"),
        ""
    );
}

#[test]
fn the_first_definition_is_in_force() {
    let mut directory = Directory::default();
    update(&mut directory, "b.yaml", &pod("a", "10.0.0.2"));
    assert_eq!(
        update(&mut directory, "a.yaml", &(pod("a", "10.0.0.1") + &pod("a", "10.0.0.3"))),
        "+Pod ns/a"
    );
    let errors: Vec<_> =
        findings(&directory).into_iter().filter(|finding| finding.contains("error")).collect();
    assert_eq!(
        errors,
        [
            "a.yaml:7: error: Pod ns/a: the object is defined already, at a.yaml:2 (the first definition is in force)",
            "b.yaml:2: error: Pod ns/a: the object is defined already, at a.yaml:2 (the first definition is in force)",
        ]
    );
    assert_eq!(events(&directory.update("b.yaml", None)), "");
    update(&mut directory, "b.yaml", &pod("a", "10.0.0.2"));
    assert_eq!(events(&directory.update("a.yaml", None)), "+Pod ns/a");
}

#[test]
fn a_broken_file_keeps_its_last_good_version() {
    let mut directory = Directory::default();
    update(&mut directory, "a.yaml", &(pod("a", "10.0.0.1") + &pod("b", "10.0.0.2")));
    for broken in
        ["a: [\n", "a: 1\na: 2\n", "hello\n", "a\0b\n", &(pod("c", "10.0.0.3") + "---\nkind: Pod\n")]
    {
        assert_eq!(update(&mut directory, "a.yaml", broken), "", "{broken:?}");
        assert_eq!(directory.unreadable_files().collect::<Vec<_>>(), ["a.yaml"]);
        let errors: Vec<_> =
            findings(&directory).into_iter().filter(|finding| finding.contains("error")).collect();
        assert!(
            errors.len() == 1 && errors[0].ends_with("(the last good version of the file stays in force)"),
            "{broken:?}: {errors:?}"
        );
    }
    assert_eq!(update(&mut directory, "a.yaml", &pod("a", "10.0.0.1")), "-Pod ns/b");
    assert_eq!(directory.unreadable_files().count(), 0);
    assert_eq!(findings(&directory).iter().filter(|finding| finding.contains("error")).count(), 0);
    assert_eq!(update(&mut directory, "a.yaml", ""), "-Pod ns/a, -Namespace ns");
}

#[test]
fn a_file_that_never_was_good_gives_what_can_be_read() {
    let mut directory = Directory::default();
    assert_eq!(
        update(&mut directory, "a.yaml", &(pod("a", "10.0.0.1") + "---\nx: [\n" + &pod("b", "10.0.0.2"))),
        "+Pod ns/a, +Pod ns/b, +Namespace ns"
    );
    let errors: Vec<_> =
        directory.findings().into_iter().filter(|finding| finding.object.is_none()).collect();
    assert_eq!(
        (errors.len(), errors[0].location.as_ref().map(|place| (place.document, place.line))),
        (1, Some((2, 8)))
    );
    assert!(
        errors[0].to_string().ends_with("(this part is skipped; no earlier version of the file is known)")
    );
    assert_eq!(
        update(&mut directory, "a.yaml", &("---\nx: [\n".to_owned() + &pod("b", "10.0.0.2"))),
        "-Pod ns/a"
    );
    assert_eq!(update(&mut directory, "b.yaml", &pod("c", "10.0.0.3")), "+Pod ns/c");
}

#[test]
fn an_object_that_is_not_understood_is_not_implied() {
    let mut directory = Directory::default();
    update(&mut directory, "a.yaml", &pod("a", "10.0.0.1"));
    assert_eq!(update(&mut directory, "b.yaml", &namespace("ns", "a: 5")), "-Namespace ns");
    assert_eq!(update(&mut directory, "b.yaml", &namespace("ns", "a: '5'")), "+Namespace ns");
}

#[test]
fn implied_namespaces_are_reported_once() {
    let mut directory = Directory::default();
    update(&mut directory, "a.yaml", &(pod("a", "10.0.0.1") + &pod("b", "10.0.0.2")));
    assert_eq!(
        findings(&directory),
        [
            "a.yaml:2: warning: Namespace ns: Namespace ns is named but not defined (it is implied, with its automatic labels only)"
        ]
    );
}

#[test]
fn policies_that_seldom_mean_what_they_say_are_named() {
    let trap = r#"{namespaceSelector: 'name not in {"kube-system"}', types: [Ingress, Egress]}"#;
    for (text, warnings) in [
        (gnp("p", trap), vec!["spec: it selects by the namespace label \"name\""]),
        (gnp("p", trap) + &namespace("kube-system", "name: kube-system"), vec![]),
        (
            gnp(
                "p",
                "{types: [Ingress], ingress: [{action: Allow, source: {namespaceSelector: has(name)}}], selector: has(a)}",
            ),
            vec!["spec: it selects by the namespace label \"name\""],
        ),
        (
            gnp("p", "{types: [Egress], egress: [{action: Allow, destination: {nets: [192.0.2.1/32]}}]}"),
            vec!["spec: without a selector it governs the egress of every pod"],
        ),
        (gnp("p", "{types: [Egress], egress: [{action: Deny, protocol: UDP}, {action: Allow}]}"), vec![]),
        (gnp("p", "{types: [Egress], tier: kube-admin}"), vec![]),
        (gnp("p", "{types: [Egress], selector: has(a)}"), vec![]),
        (
            gnp("p", "{types: [Ingress], selector: has(a), ingress: [{action: Log}]}"),
            vec!["spec.ingress: it has nothing but Log rules"],
        ),
        (gnp("p", "{types: [Ingress], selector: has(a), ingress: [{action: Log}, {action: Allow}]}"), vec![]),
    ] {
        let mut directory = Directory::default();
        update(&mut directory, "a.yaml", &text);
        let found = findings(&directory);
        assert_eq!(found.len(), warnings.len(), "{text}: {found:?}");
        for (found, warning) in found.iter().zip(warnings) {
            assert!(
                found.starts_with(&format!("a.yaml:2: warning: GlobalNetworkPolicy p: {warning}")),
                "{found}"
            );
        }
    }
}

#[test]
fn findings_come_in_order() {
    let mut directory = Directory::default();
    update(&mut directory, "b.yaml", "x: [\n");
    update(&mut directory, "a.yaml", &(gnp("p", "{selector: a b}") + &pod("a", "x") + "---\ny: [\n"));
    let lines: Vec<_> = directory
        .findings()
        .iter()
        .filter_map(|finding| finding.location.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(lines, ["a.yaml:5", "a.yaml:5", "a.yaml:7", "a.yaml:10", "a.yaml:13", "b.yaml:2"]);
}

/// One of a few texts, of which some share objects and some are broken.
fn text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some(String::new())),
        Just(Some(pod("a", "10.0.0.1"))),
        Just(Some(pod("a", "10.0.0.2") + &pod("b", "10.0.0.3"))),
        Just(Some(namespace("ns", "x: y"))),
        Just(Some(namespace("ns", "x: 5") + &gnp("p", "{tier: own}"))),
        Just(Some(gnp("p", "{selector: a b}") + &pod("b", "10.0.0.4"))),
        Just(Some(pod("c", "10.0.0.5") + "---\nx: [\n")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Events, taken in one after the other, lead to what one reading of the final texts leads to, as long as no text is broken.
    #[test]
    fn events_add_up_to_the_final_texts(updates in prop::collection::vec((0..3usize, text()), 1..12)) {
        let files = ["a.yaml", "b/c.yaml", "d.json"];
        let mut directory = Directory::default();
        let mut store = Store::default();
        let mut last = [None, None, None];
        for (file, text) in updates {
            if text.as_ref().is_some_and(|text| text.contains("x: [")) {
                continue;
            }
            directory.update(files[file], text.as_deref()).into_iter().for_each(|event| store.apply(event));
            last[file] = text;
        }
        let mut fresh = Directory::default();
        let mut expected = Store::default();
        for (file, text) in files.into_iter().zip(&last).rev() {
            fresh.update(file, text.as_deref()).into_iter().for_each(|event| expected.apply(event));
        }
        prop_assert_eq!(&store, &expected);
        prop_assert_eq!(directory.findings(), fresh.findings());
    }

    /// A broken text changes nothing that was good, and the next good one is all that counts.
    #[test]
    fn broken_texts_leave_no_trace(before in text(), after in text()) {
        prop_assume!(![&before, &after].into_iter().flatten().any(|text| text.contains("x: [")));
        let mut directory = Directory::default();
        let mut store = Store::default();
        let mut take = |directory: &mut Directory, text: Option<&str>| {
            directory.update("a.yaml", text).into_iter().for_each(|event| store.apply(event));
            store.clone()
        };
        let good = take(&mut directory, before.as_deref());
        let broken = take(&mut directory, Some("x: [\n"));
        prop_assert_eq!(&broken, &good);
        let now = take(&mut directory, after.as_deref());
        let mut expected = Store::default();
        Directory::default().update("a.yaml", after.as_deref()).into_iter().for_each(|event| expected.apply(event));
        prop_assert_eq!(now, expected);
    }
}
