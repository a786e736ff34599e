//! What is told, over an API server in memory. Time is paused: it passes only while everything waits.

mod agent;
mod condition;
mod postponed;
mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use ferrule_ruleset::{
    finding::{Finding, Severity},
    name::NamespaceName,
    policy::{PolicyKey, PolicyKind},
    resource::ResourceKey,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    agent::{Cut, Remedy},
    source::{Judged, Obstacle},
    status::{Extent, Refusal},
};
use agent::Agent;
use object::Place;
use server::Server;

const NODES: &str = "/apis/ferrule.io/v1alpha1/nodepolicystatuses";
const POLICIES: &str = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies";
const GUARDS: &str = "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies";
const MINUTE: Duration = Duration::from_secs(60);

async fn play<F: Future<Output = ()>>(script: impl FnOnce(Server, Agent) -> F) {
    let server = Server::default();
    for name in ["web", "db"] {
        server.put(
            &format!("{POLICIES}/{name}"),
            json!({"metadata": {"name": name, "uid": format!("uid-{name}")}}),
        );
    }
    let agent = Agent::start(&server, "node-1");
    script(server, agent).await;
}

fn policy(name: &str) -> PolicyKey {
    policy_in("shop", name)
}

fn policy_in(namespace: &str, name: &str) -> PolicyKey {
    let namespace = Some(NamespaceName::from(namespace));
    PolicyKey { kind: PolicyKind::KubernetesNetworkPolicy, namespace, name: name.into() }
}

fn finding(object: PolicyKey, message: &str) -> Finding {
    Finding {
        location: None,
        severity: Severity::Error,
        object: Some(ResourceKey::Policy(object)),
        field: "spec.ingress[0]".to_owned(),
        message: message.to_owned(),
        consequence: "the rule matches nothing".to_owned(),
    }
}

fn status_of(server: &Server, node: &str) -> Value {
    server.object(&format!("{NODES}/{node}")).map_or(Value::Null, |object| object["status"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_finding_is_an_event_on_its_object_and_stands_in_the_nodes() {
    play(async |server, agent| {
        agent.find(vec![finding(policy("web"), "port 70000 is none")]);
        sleep(MINUTE).await;
        let events = server.objects("/events/");
        assert_eq!(events.len(), 1, "{events:#?}");
        let event = &events[0];
        assert_eq!(event["regarding"]["uid"], "uid-web");
        assert_eq!(event["regarding"]["apiVersion"], "networking.k8s.io/v1");
        assert_eq!(event["reason"], "NotUnderstood");
        assert_eq!(event["note"], "spec.ingress[0]: port 70000 is none (the rule matches nothing)");
        assert_eq!(event["metadata"]["namespace"], "shop");
        let node = server.object(&format!("{NODES}/node-1")).unwrap();
        assert_eq!(node["metadata"]["ownerReferences"][0]["uid"], "uid-node-1");
        assert_eq!(node["status"]["findingCount"], 1);
        assert_eq!(node["status"]["findings"][0]["object"], "KubernetesNetworkPolicy shop/web");
        assert_eq!(node["status"]["conditions"][0]["status"], "True");

        agent.find(Vec::new());
        sleep(MINUTE).await;
        assert_eq!(status_of(&server, "node-1")["findingCount"], 0);
        assert_eq!(server.objects("/events/").len(), 1, "what was mended is history");
        assert_eq!(server.writes("/events"), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn many_nodes_meet_at_one_event_but_each_tells_of_its_own_kernel() {
    play(async |server, first| {
        let others = ["node-2", "node-3"].map(|node| Agent::start(&server, node));
        for agent in others.iter().chain([&first]) {
            agent.find(vec![finding(policy("web"), "port 70000 is none")]);
            agent.refuse(&[policy("db")]);
        }
        sleep(2 * MINUTE).await;
        let about = |name: &str| server.objects(&format!("/events/{name}."));
        assert_eq!(about("web").len(), 1);
        assert_eq!(about("db").len(), 3);
        let mut tellers: Vec<Value> =
            about("db").iter().map(|event| event["reportingInstance"].clone()).collect();
        tellers.sort_by_key(Value::to_string);
        assert_eq!(tellers, ["node-1", "node-2", "node-3"]);
        assert_eq!(server.objects(NODES).len(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_event_is_renewed_before_it_is_forgotten() {
    play(async |server, agent| {
        agent.find(vec![finding(policy("web"), "port 70000 is none")]);
        sleep(55 * MINUTE).await;
        assert_eq!(server.objects("/events/")[0]["series"]["count"], 2);
        assert_eq!(server.writes("/events"), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_findings_is_told_at_a_bounded_rate() {
    play(async |server, agent| {
        agent.find((0..10_000).map(|number| finding(policy("web"), &format!("wrong {number:05}"))).collect());
        sleep(30 * MINUTE).await;
        assert!(server.peak("/events", MINUTE) <= 22, "{}", server.peak("/events", MINUTE));
        assert_eq!(server.objects("/events/").len(), concern::LIMIT);
        assert_eq!(server.asked(POLICIES).len(), 0, "what was seen of the object is known");
        let status = status_of(&server, "node-1");
        assert_eq!(
            (status["findingCount"].as_u64(), status["findings"].as_array().unwrap().len()),
            (Some(10_000), 32)
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn churn_does_not_become_writes() {
    play(async |server, agent| {
        for round in 0..6000_usize {
            agent.find(
                (0..round % 7)
                    .map(|number| finding(policy("web"), &format!("wrong {round} {number}")))
                    .collect(),
            );
            agent.status.send_modify(|status| {
                status.extent = Extent { endpoints: round, ..Extent::default() };
                status.changed_at = Some(Instant::now());
                status.failure = (round % 3 == 0).then(|| "busy".to_owned());
            });
            sleep(Duration::from_millis(100)).await;
        }
        // Ten minutes: an object of the node every ten seconds at most, and the first time one more request to make it.
        assert!(server.writes(NODES) <= 62, "{}", server.writes(NODES));
        assert!(server.peak("/events", MINUTE) <= 22, "{}", server.peak("/events", MINUTE));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_node_writes_now_and_then() {
    play(async |server, agent| {
        sleep(2 * MINUTE).await;
        let before = server.asked("").len();
        for _ in 0..60 * 6 {
            agent.status.send_modify(|status| {
                status.alive_at = Instant::now();
                status.reconciliations += 1;
            });
            sleep(Duration::from_secs(10)).await;
        }
        let requests = server.asked("").len() - before;
        assert!((10..=14).contains(&requests), "{requests}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_one_finding_and_no_loop() {
    for (part, verb) in [
        ("/events", "create and patch events.events.k8s.io"),
        ("/nodepolicystatuses", "create and patch nodepolicystatuses.ferrule.io"),
        ("/networkpolicies", "get an object that something is wrong with"),
        ("/nodes/", "get the Node"),
        ("/adminnetworkpolicies", "get and list policies of policy.networking.k8s.io"),
    ] {
        play(async |server, mut agent| {
            let refusal =
                "things is forbidden: User \"nobody\" cannot touch resource \"things\" in API group \"\"";
            server.answer_with(part, Some((403, refusal)));
            server.put(&format!("{GUARDS}/guard"), json!({"metadata": {"name": "guard"}}));
            agent.find(vec![finding(policy("web"), "wrong")]);
            agent.refuse(&[policy("db")]);
            sleep(4 * MINUTE).await;
            let complaints = agent.complaints().unwrap();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(complaints[0].contains(&format!("cannot {verb}: {refusal}")), "{complaints:?}");
            sleep(60 * MINUTE).await;
            assert!(server.asked(part).len() <= 26, "{part}: {}", server.asked(part).len());
            // An object that may not be read is told about all the same.
            assert_eq!(server.objects("/events/").len(), if part == "/events" { 0 } else { 2 });

            server.answer_with(part, None);
            agent.find(vec![finding(policy("db"), "wrong")]);
            sleep(6 * MINUTE).await;
            assert_eq!(agent.complaints(), Some(Vec::new()), "{part}");
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_definition_may_come_later() {
    play(async |server, mut agent| {
        server.answer_with("/nodepolicystatuses", Some((404, "page not found")));
        sleep(20 * MINUTE).await;
        let complaints = agent.complaints().unwrap();
        assert!(complaints[0].contains("apply deploy/base"), "{complaints:?}");
        assert!(server.asked("/nodepolicystatuses").len() <= 10);
        server.answer_with("/nodepolicystatuses", None);
        sleep(6 * MINUTE).await;
        assert_eq!(status_of(&server, "node-1")["dataplane"], "nftables");
        assert_eq!(agent.complaints(), Some(Vec::new()));
    })
    .await;
}

/// An object that nobody owns would stay when the node has gone for good.
#[tokio::test(start_paused = true)]
async fn nothing_is_made_for_a_node_that_is_gone() {
    play(async |server, mut agent| {
        server.forget("/api/v1/nodes/node-1");
        sleep(4 * MINUTE).await;
        assert!(server.object(&format!("{NODES}/node-1")).is_none());
        let complaints = agent.complaints().unwrap();
        assert!(complaints[0].contains("there is no Node node-1"), "{complaints:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_joins_after_its_agent_is_told_of_within_a_minute() {
    play(async |server, mut agent| {
        server.forget("/api/v1/nodes/node-1");
        sleep(Duration::from_secs(15)).await;
        server.put("/api/v1/nodes/node-1", json!({"metadata": {"name": "node-1", "uid": "u"}}));
        sleep(MINUTE).await;
        assert_eq!(status_of(&server, "node-1")["dataplane"], "nftables");
        assert_eq!(agent.complaints(), Some(Vec::new()));
    })
    .await;
}

/// As when the authority that vouches for the server was replaced.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_reach_the_server_is_replaced() {
    let server = Server::default();
    server.put("/api/v1/nodes/node-1", json!({"metadata": {"name": "node-1", "uid": "u"}}));
    let outdated = async |_: http::Request<kube::client::Body>| {
        Err::<http::Response<kube::client::Body>, _>(io::Error::other("unknown authority"))
    };
    let outdated = Client::new(tower::service_fn(outdated), "default");
    let first = Status::new(NodeName::from("node-1"), Source::Kubernetes.awaited_with(), Instant::now());
    let (_status, receiver) = watch::channel(first);
    let (sender, _findings) = mpsc::channel(8);
    let renewed = server.client();
    let renew = async move || Some(renewed.clone());
    tokio::spawn(Reporter::new(outdated, "node-1".into()).run(receiver, sender, renew));
    sleep(MINUTE).await;
    assert_eq!(status_of(&server, "node-1")["dataplane"], "nftables");
}

/// As when the Node object was made anew: the garbage collector took ours along.
#[tokio::test(start_paused = true)]
async fn an_object_that_went_comes_again() {
    play(async |server, _agent| {
        sleep(MINUTE).await;
        server.forget(&format!("{NODES}/node-1"));
        sleep(7 * MINUTE).await;
        assert_eq!(status_of(&server, "node-1")["dataplane"], "nftables");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_asked_less_and_less_and_told_when_it_is_back() {
    play(async |server, mut agent| {
        server.answer_with("/", Some((503, "not now")));
        agent.find(vec![finding(policy("web"), "wrong")]);
        sleep(60 * MINUTE).await;
        assert!(server.asked("").len() <= 20, "{}", server.asked("").len());
        assert_eq!(agent.complaints(), None, "the source reports that");
        server.answer_with("/", None);
        sleep(7 * MINUTE).await;
        assert_eq!(server.objects("/events/").len(), 1);
        assert_eq!(status_of(&server, "node-1")["findingCount"], 1);
    })
    .await;
}

/// The condition of the node says what readiness says.
#[tokio::test(start_paused = true)]
async fn the_node_is_ready_where_readiness_says_so() {
    let now = Instant::now();
    let start = Status::new(NodeName::from("n"), Source::Kubernetes.awaited_with(), now);
    let refusal = Refusal { policy: policy("web"), location: None, reason: "EINVAL".to_owned() };
    let cut = |remedy| Cut { change: "rule".to_owned(), since: now, remedy };
    let obstacle = Obstacle { subject: "pods".to_owned(), since: now, reason: "forbidden".to_owned() };
    type Change<'a> = &'a dyn Fn(&mut Status);
    let changes: [(&str, Change<'_>); 7] = [
        ("InStep", &|_| {}),
        ("NotRead", &|status| status.awaited.extend([Source::Links])),
        ("KernelBehind", &|status| status.failure = Some("busy".to_owned())),
        ("KernelBehind", &|status| status.behind_since = Some(now)),
        ("PolicyRefused", &|status| status.refused.push(refusal.clone())),
        ("RolledBack", &|status| status.cut = Some(cut(Remedy::PutBack))),
        ("InStep", &|status| drop(status.obstacles.insert(Source::Kubernetes, vec![obstacle.clone()]))),
    ];
    for (reason, change) in changes {
        let mut status = start.clone();
        status.awaited.clear();
        status.reconciliations = 1;
        status.behind_since = None;
        change(&mut status);
        let later = now + Duration::from_secs(5);
        let enforcement = node::enforcement(&status, later, &Clock::new(now));
        let ready = &enforcement.conditions[0];
        assert_eq!(ready.reason, reason);
        assert_eq!(ready.status == "True", status.shortfalls(later).is_empty(), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_namespace_does_not_keep_others_from_being_told_about() {
    play(async |server, agent| {
        let mut findings: Vec<Finding> =
            (0..400).map(|number| finding(policy_in("a", "web"), &format!("wrong {number:05}"))).collect();
        server.put(
            "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies/web",
            json!({"metadata": {"name": "web"}}),
        );
        findings.push(Finding { severity: Severity::Warning, ..finding(policy("web"), "perhaps") });
        agent.find(findings);
        sleep(MINUTE).await;
        assert_eq!(server.objects("/namespaces/shop/events/").len(), 1);
    })
    .await;
}
