use ferrule_ruleset::convert;

use super::*;

fn keep(kind: &str) -> Keep {
    let followed = convert::followed();
    followed.into_iter().find(|followed| followed.apis.iter().any(|(_, name)| *name == kind)).unwrap().keep
}

fn present(kind: &str, object: &str) -> Object {
    let line = format!(r#"{{"type":"ADDED","object":{object}}}"#);
    let line = Line::read(line.as_bytes(), keep(kind)).unwrap();
    let Line::Present(object) = line else { panic!("{line:?}") };
    object
}

fn node(ready_at: &str, version: &str, address: &str) -> Object {
    let object = format!(
        r#"{{"kind":"Node","apiVersion":"v1","metadata":{{"name":"n","uid":"u","resourceVersion":"{version}",
            "managedFields":[{{"time":"{ready_at}"}}],"annotations":{{"volumes.kubernetes.io/x":"{ready_at}"}}}},
            "status":{{"conditions":[{{"lastHeartbeatTime":"{ready_at}"}}],"images":[{{"names":["a"]}}],
            "addresses":[{{"type":"InternalIP","address":"{address}"}}]}}}}"#
    );
    present("Node", &object)
}

#[test]
fn a_heartbeat_is_no_news_and_an_address_is() {
    let key = RandomState::new();
    let before = node("12:00", "1", "10.0.0.1");
    assert_eq!((&*before.version, &*before.uid), ("1", "u"));
    assert_eq!(before.digest(&key), node("12:01", "2", "10.0.0.1").digest(&key));
    assert_ne!(before.digest(&key), node("12:00", "1", "10.0.0.2").digest(&key));
}

#[test]
fn an_object_is_the_same_from_a_list_and_from_a_watch() {
    let item =
        r#"{"metadata":{"name":"web","namespace":"shop","resourceVersion":"4"},"spec":{"nodeName":"n"}}"#;
    let page = format!(
        r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"9"}},"items":[{item}]}}"#
    );
    let page = Page::read(page.as_bytes(), keep("Pod")).unwrap();
    assert_eq!((&*page.version, page.next), ("9", None));
    let watched = item.replacen('{', r#"{"kind":"Pod","apiVersion":"v1","#, 1);
    assert_eq!(page.items, [present("Pod", &watched)]);
}

#[test]
fn a_page_may_hold_nothing() {
    let page = Page::read(br#"{"metadata":{"resourceVersion":"9","continue":"x"},"items":null}"#, Keep::All)
        .unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (0, Some("x")));
}

#[test]
fn an_error_is_read_whatever_is_watched() {
    let line = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
    let expected = Failure::Refused { code: 410, message: "too old".to_owned() };
    assert_eq!(Line::read(line, keep("Pod")), Ok(Line::Failed(expected)));
    for garbage in
        ["", "{", "[]", r#"{"type":"ADDED"}"#, r#"{"object":{}}"#, r#"{"type":"NEWS","object":{}}"#]
    {
        assert!(
            matches!(Line::read(garbage.as_bytes(), Keep::All), Err(Failure::Unintelligible(_))),
            "{garbage}"
        );
    }
}

/// A policy that no reader with a bounded stack reads.
fn deep(name: &str) -> String {
    let nested = "[".repeat(200) + &"]".repeat(200);
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"shop","uid":"u","resourceVersion":"4"}},"spec":{{"x":{nested}}}}}"#
    )
}

#[test]
fn an_object_that_cannot_be_read_is_closed_and_costs_no_other() {
    use ferrule_ruleset::resource::Resource;
    let keep = keep("NetworkPolicy");
    let watched = present("NetworkPolicy", &deep("deep"));
    assert_eq!((&*watched.version, &*watched.uid, watched.metadata("name")), ("4", "u", Some("deep")));
    assert!(watched.unread.as_ref().unwrap().contains("recursion limit"), "{watched:?}");
    let conversion = convert::convert(&watched.tree, Some(("networking.k8s.io/v1", "NetworkPolicy")));
    let convert::Conversion::Object(converted) = conversion else { panic!("{conversion:?}") };
    let Some(Resource::Policy(policy)) = converted.resource else { panic!("{converted:?}") };
    assert!(policy.ingress.is_empty() && policy.egress.is_empty() && !converted.remarks.is_empty());

    let good = r#"{"metadata":{"name":"web","namespace":"shop"},"spec":{"podSelector":{}}}"#;
    let items = [good.to_owned(), deep("a"), deep("b"), good.replace("web", "db")].join(",");
    let page = format!(r#"{{"metadata":{{"resourceVersion":"9"}},"items":[{items}]}}"#);
    let page = Page::read(page.as_bytes(), keep).unwrap();
    let read: Vec<_> =
        page.items.iter().map(|item| (item.metadata("name").unwrap(), item.unread.is_none())).collect();
    assert_eq!(read, [("web", true), ("a", false), ("b", false), ("db", true)]);
    let line = format!(r#"{{"type":"DELETED","object":{}}}"#, deep("deep"));
    assert!(matches!(Line::read(line.as_bytes(), keep), Ok(Line::Deleted(_))));
    // What is not even JSON is still a failure of the whole.
    assert!(Page::read(br#"{"metadata":{},"items":[{"metadata":{"#, keep).is_err());
}

/// Pod life as the API shows it, from the text to what the loop gets.
#[test]
fn pods_are_read_as_they_live() {
    use ferrule_ruleset::resource::{PodState, Resource};
    let pod = |metadata: &str, spec: &str, phase: &str| {
        let object = present(
            "Pod",
            &format!(
                r#"{{"metadata":{{"name":"web","namespace":"shop"{metadata}}},"spec":{{"nodeName":"n"{spec},"containers":
                [{{"name":"c","image":"i","env":[{{"name":"A","value":"b"}}],"ports":[{{"name":"http","containerPort":80}}]}}]}},
                "status":{{"phase":"{phase}","podIP":"10.1.0.1","podIPs":[{{"ip":"10.1.0.1"}}],"containerStatuses":[]}}}}"#
            ),
        );
        let conversion = convert::convert(&object.tree, Some(("v1", "Pod")));
        let convert::Conversion::Object(converted) = conversion else { panic!("{conversion:?}") };
        let Some(Resource::Pod(pod)) = converted.resource else { panic!("{converted:?}") };
        pod
    };
    let running = pod("", "", "Running");
    assert_eq!((running.state, running.addresses.len(), running.ports.len()), (PodState::Active, 1, 1));
    let terminating = pod(r#","deletionTimestamp":"2026-01-01T00:00:00Z""#, "", "Running");
    assert_eq!((terminating.state, terminating.addresses.len()), (PodState::Active, 1));
    for phase in ["Succeeded", "Failed"] {
        let finished = pod("", "", phase);
        assert_eq!((finished.state, finished.addresses.len()), (PodState::Finished, 0));
    }
    assert_eq!(pod("", r#","hostNetwork":true"#, "Running").state, PodState::HostNetwork);
}
