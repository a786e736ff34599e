//! The source as a whole against a fake API server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ferrule_ruleset::{event::Event, resource::Resource};
use tokio::time::timeout;

use super::{
    super::fake::{Fake, Reply, bookmark, status},
    *,
};

const GROUPS: &str = r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[
    {"name":"networking.k8s.io","versions":[{"groupVersion":"networking.k8s.io/v1","version":"v1"}]},
    {"name":"projectcalico.org","versions":[{"groupVersion":"projectcalico.org/v3","version":"v3"}]}]}"#;

fn resources(group_version: &str, kinds: &[(&str, &str)]) -> String {
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, name)| {
            format!(
                r#"{{"name":"{name}","singularName":"","namespaced":true,"kind":"{kind}","verbs":["get","list","watch"]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"{group_version}","resources":[{}]}}"#,
        kinds.join(",")
    )
}

/// A cluster of pods, namespaces and policies of Kubernetes; Calico's group answers with this.
fn cluster(target: &str, calico: &Reply) -> Reply {
    let path = target.split('?').next().unwrap();
    let namespace =
        r#"{"type":"ADDED","object":{"metadata":{"name":"shop","uid":"u","resourceVersion":"1"}}}"#;
    match path {
        "/readyz" => Reply::new(200, "ok"),
        "/apis" => Reply::new(200, GROUPS),
        "/api/v1" => Reply::new(
            200,
            resources("v1", &[("Pod", "pods"), ("Pod", "pods/status"), ("Namespace", "namespaces")]),
        ),
        "/apis/networking.k8s.io/v1" => {
            Reply::new(200, resources("networking.k8s.io/v1", &[("NetworkPolicy", "networkpolicies")]))
        }
        "/apis/projectcalico.org/v3" => calico.clone(),
        "/api/v1/namespaces" if !target.contains("watch=") => {
            Reply::new(200, r#"{"metadata":{"resourceVersion":"7"},"items":[]}"#)
        }
        "/api/v1/namespaces" => Reply::open(&[format!("{namespace}\n"), bookmark(7, true)]),
        "/api/v1/pods" | "/apis/networking.k8s.io/v1/networkpolicies" => Reply::open(&[bookmark(7, true)]),
        _ => Reply::new(404, "404 page not found"),
    }
}

fn no_calico() -> Reply {
    Reply::new(200, resources("projectcalico.org/v3", &[]))
}

/// Starts the source.
fn follow(fake: &Fake) -> mpsc::Receiver<Message> {
    let (sender, inbox) = mpsc::channel(64);
    let connection = Connection { client: fake.client(), address: fake.address.clone() };
    let hub = Hub::new(Access::default(), connection, watch::channel(None).0, sender);
    tokio::spawn(hub.run());
    inbox
}

/// What the source says until this holds for something that it says.
async fn until(inbox: &mut mpsc::Receiver<Message>, is_it: impl Fn(&Report) -> bool) -> Vec<Report> {
    let mut heard = Vec::new();
    loop {
        let waited = timeout(Duration::from_secs(120), inbox.recv()).await;
        let message =
            waited.unwrap_or_else(|_| panic!("nothing more for two minutes after {heard:?}")).unwrap();
        heard.push(message.report);
        if heard.last().is_some_and(&is_it) {
            return heard;
        }
    }
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_waited_for_by_nobody() {
    let fake = Fake::start(|target| cluster(target, &no_calico())).await;
    let mut inbox = follow(&fake);
    let heard = until(&mut inbox, |report| *report == Report::InSync).await;
    let events: Vec<&Event> = heard
        .iter()
        .filter_map(|report| if let Report::Events(events) = report { Some(events) } else { None })
        .flatten()
        .collect();
    let is_tier = |event: &&&Event| matches!(event, Event::Upsert(Resource::Tier(_)));
    let is_namespace = |event: &&&Event| matches!(event, Event::Upsert(Resource::Namespace(_)));
    assert_eq!(events.iter().filter(is_tier).count(), 3);
    assert_eq!(events.iter().filter(is_namespace).count(), 1);
    assert!(
        !heard.iter().any(|report| matches!(report, Report::Obstacles(list) if !list.is_empty())),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_group_that_does_not_answer_is_an_obstacle_and_holds_everything_back() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let fake = Fake::start(move |target| {
        let calico =
            if up.load(Ordering::SeqCst) { no_calico() } else { Reply::new(503, "service unavailable") };
        cluster(target, &calico)
    })
    .await;
    let mut inbox = follow(&fake);
    let has_obstacle = |report: &Report| matches!(report, Report::Obstacles(list) if !list.is_empty());
    let heard = until(&mut inbox, has_obstacle).await;
    assert!(!heard.contains(&Report::InSync));
    let Some(Report::Obstacles(obstacles)) = heard.last() else { panic!("{heard:?}") };
    let expected = ("projectcalico.org/v3", "HTTP 503: service unavailable");
    assert_eq!((obstacles[0].subject.as_str(), obstacles[0].reason.as_str()), expected);
    assert_eq!(obstacles.len(), 1);
    is_up.store(true, Ordering::SeqCst);
    until(&mut inbox, |report| *report == Report::InSync).await;
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let fake = Fake::start(|target| {
        if target.starts_with("/apis/networking.k8s.io/v1/networkpolicies") {
            Reply::new(403, status(403, "User cannot list resource networkpolicies"))
        } else {
            cluster(target, &no_calico())
        }
    })
    .await;
    let mut inbox = follow(&fake);
    let has_obstacle = |report: &Report| matches!(report, Report::Obstacles(list) if !list.is_empty());
    let heard = until(&mut inbox, has_obstacle).await;
    assert!(!heard.contains(&Report::InSync));
    let Some(Report::Obstacles(obstacles)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!(obstacles[0].subject, "networkpolicies.networking.k8s.io");
    assert!(
        obstacles[0].reason.contains("403") && obstacles[0].reason.contains("ClusterRole"),
        "{obstacles:?}"
    );
}

/// Calico moves its objects to another store: its API server goes, and the definitions that answer in its place hold nothing yet.
fn migration(target: &str, has_begun: bool) -> Reply {
    const WRITTEN: &str = "/apis/projectcalico.org/v3";
    const STORED: &str = "/apis/crd.projectcalico.org/v1";
    let policy = |name: &str| {
        format!(
            "{{\"type\":\"ADDED\",\"object\":{{\"metadata\":{{\"name\":\"{name}\",\"resourceVersion\":\"5\"}},\"spec\":{{\"selector\":\"all()\"}}}}}}\n"
        )
    };
    let is_watch = target.contains("watch=true");
    let is_list = target.contains("sendInitialEvents");
    match target.split('?').next().unwrap() {
        "/apis" => Reply::new(
            200,
            r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[
                {"name":"projectcalico.org","versions":[{"groupVersion":"projectcalico.org/v3","version":"v3"}]},
                {"name":"crd.projectcalico.org","versions":[{"groupVersion":"crd.projectcalico.org/v1","version":"v1"}]}]}"#,
        ),
        WRITTEN | STORED => {
            Reply::new(200, resources("group", &[("GlobalNetworkPolicy", "globalnetworkpolicies")]))
        }
        "/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org" => {
            let service = if has_begun { "null" } else { r#"{"name":"calico-api"}"# };
            Reply::new(200, format!(r#"{{"spec":{{"service":{service}}}}}"#))
        }
        path if path.strip_prefix(STORED) == Some("/globalnetworkpolicies") && is_watch => {
            Reply::open(&[policy("default.deny"), policy("last"), bookmark(9, true)])
        }
        path if path.strip_prefix(STORED) == Some("/globalnetworkpolicies") => Reply::new(
            200,
            r#"{"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"default.deny"}}]}"#,
        ),
        path if path.strip_prefix(WRITTEN) == Some("/globalnetworkpolicies") => match (has_begun, is_list) {
            (false, true) => Reply::lines(&[policy("deny"), bookmark(7, true)]),
            (false, false) => Reply::lines(&[]),
            (true, _) if !is_watch => Reply::new(200, r#"{"metadata":{"resourceVersion":"8"},"items":[]}"#),
            (true, true) => Reply::open(&[bookmark(8, true)]),
            (true, false) => Reply::new(410, status(410, "too old")),
        },
        _ => cluster(target, &no_calico()),
    }
}

#[tokio::test]
async fn a_store_that_is_emptied_behind_a_group_takes_nothing_with_it_that_the_other_group_holds() {
    let has_begun = Arc::new(AtomicBool::new(false));
    let begun = Arc::clone(&has_begun);
    let fake = Fake::start(move |target| migration(target, begun.load(Ordering::SeqCst))).await;
    let mut inbox = follow(&fake);
    let told = |report: &Report, name: &str, is_there: bool| {
        let Report::Events(events) = report else { return false };
        events.iter().any(|event| match event {
            Event::Upsert(resource) => is_there && resource.key().to_string().ends_with(name),
            Event::Delete(key) => !is_there && key.to_string().ends_with(name),
            Event::Links(_) => false,
        })
    };
    until(&mut inbox, |report| *report == Report::InSync).await;
    has_begun.store(true, Ordering::SeqCst);
    // The old name goes when the other group has been listed, and not before.
    let heard = until(&mut inbox, |report| told(report, " deny", false)).await;
    assert!(heard.iter().any(|report| told(report, " last", true)), "{heard:?}");
    assert!(heard.iter().any(|report| told(report, " default.deny", true)), "{heard:?}");
}

#[tokio::test]
async fn whoever_refuses_a_question_is_there() {
    let fake = Fake::script(Vec::new()).await;
    let connection = Connection { client: fake.client(), address: fake.address.clone() };
    let mut hub = Hub::new(Access::default(), connection, watch::channel(None).0, mpsc::channel(64).0);
    let mut probed = |answer: Result<(), Failure>| {
        hub.note_outcome(Ok(Outcome::Probed(answer)));
        hub.standing.server_lost_since().is_none()
    };
    let refused = |code| Err(Failure::Refused { code, message: String::new() });
    assert!(probed(refused(403)) && probed(refused(503)));
    assert!(!probed(Err(Failure::Unreachable("no answer".to_owned()))));
    assert!(probed(refused(404)) && !probed(refused(401)) && probed(Ok(())));
}
