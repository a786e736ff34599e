//! What the server cannot do for one object keeps nothing else waiting.

use super::*;

/// Whose Events cannot be had; before the others in every order.
const CLOSING: &str = "/apis/events.k8s.io/v1/namespaces/closing/events";

/// What API servers say of things that hold for an object or a namespace.
const ANSWERS: [(u16, &str); 6] = [
    (
        403,
        "events.events.k8s.io \"web.1\" is forbidden: unable to create new content in namespace closing because it is being terminated",
    ),
    (
        403,
        "events.events.k8s.io \"web.1\" is forbidden: exceeded quota: few, requested: count/events.events.k8s.io=1",
    ),
    (400, "admission webhook \"guard.example.org\" denied the request: no"),
    (422, "Event.events.k8s.io \"web.1\" is invalid: regarding: Invalid value"),
    (429, "limit reached on type Namespace for key closing"),
    (500, "Internal error occurred: failed calling webhook \"guard.example.org\": connection refused"),
];

fn put_closing(server: &Server) {
    for number in 0..20 {
        let name = format!("web-{number}");
        let path = format!("/apis/networking.k8s.io/v1/namespaces/closing/networkpolicies/{name}");
        server.put(&path, json!({"metadata": {"name": name, "uid": format!("uid-closing-{number}")}}));
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_in_which_no_event_can_be_made_keeps_nobody_waiting() {
    for answer in ANSWERS {
        play(async |server, mut agent| {
            put_closing(&server);
            server.answer_with(CLOSING, Some(answer));
            let mut findings: Vec<Finding> = (0..20)
                .map(|number| finding(policy_in("closing", &format!("web-{number}")), "wrong"))
                .collect();
            findings.push(finding(policy("web"), "wrong"));
            agent.find(findings);
            sleep(3 * MINUTE).await;
            assert_eq!(server.objects("/namespaces/shop/events/").len(), 1, "{answer:?}");
            assert_eq!(agent.complaints(), None, "{answer:?}: nobody can do anything about it here");
            let written = server.writes(NODES);
            for endpoints in 0..57 {
                agent.status.send_modify(|status| status.extent.endpoints = endpoints);
                sleep(MINUTE).await;
            }
            assert!(server.writes(NODES) - written >= 50, "{answer:?}: {}", server.writes(NODES));
            let asked = server.asked(CLOSING);
            assert!(asked.len() <= 20 * 6, "{answer:?}: {}", asked.len());
            assert!(asked.len() >= 20 * 4, "{answer:?}: {}", asked.len());

            server.answer_with(CLOSING, None);
            sleep(60 * MINUTE).await;
            assert_eq!(server.objects(&format!("{CLOSING}/")).len(), 20, "{answer:?}");
        })
        .await;
    }
}

/// Nobody else's is told where the right is missing as a whole, but each is tried in its turn.
#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_in_one_namespace_does_not_silence_the_others() {
    play(async |server, agent| {
        put_closing(&server);
        let refusal = "events.events.k8s.io is forbidden: User \"a\" cannot create resource \"events\" in API group \"events.k8s.io\" in the namespace \"closing\"";
        server.answer_with(CLOSING, Some((403, refusal)));
        agent.find(vec![finding(policy_in("closing", "web-1"), "wrong"), finding(policy("web"), "wrong")]);
        sleep(7 * MINUTE).await;
        assert_eq!(server.objects("/namespaces/shop/events/").len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_form_of_an_object_that_nobody_serves_now_is_no_reason_to_wait() {
    play(async |server, agent| {
        let calico = |group| format!("/apis/{group}/namespaces/shop/networkpolicies/web");
        server.put(
            &calico("crd.projectcalico.org/v1"),
            json!({"metadata": {"name": "web", "uid": "uid-stored"}}),
        );
        server.answer_with("/apis/projectcalico.org/v3", Some((503, "service unavailable")));
        agent.refuse(&[PolicyKey { kind: PolicyKind::NetworkPolicy, ..policy("web") }, policy("db")]);
        sleep(MINUTE).await;
        let mut uids: Vec<Value> =
            server.objects("/events/").iter().map(|event| event["regarding"]["uid"].clone()).collect();
        uids.sort_by_key(Value::to_string);
        assert_eq!(uids, ["uid-db", "uid-stored"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_object_of_the_node_waits_by_itself() {
    play(async |server, agent| {
        server.answer_with("/nodepolicystatuses", Some((500, "failed calling webhook \"guard\"")));
        for number in 0..30 {
            agent.find(vec![finding(policy("web"), &format!("wrong {number}"))]);
            sleep(2 * MINUTE).await;
            assert_eq!(server.objects("/events/").len(), number + 1, "Events are told meanwhile");
        }
        let asked = server.asked("/nodepolicystatuses").len();
        assert!((10..=20).contains(&asked), "{asked}");
        server.answer_with("/nodepolicystatuses", None);
        sleep(6 * MINUTE).await;
        assert_eq!(status_of(&server, "node-1")["findingCount"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_whose_status_cannot_be_written_keeps_no_other_waiting() {
    for answer in ANSWERS {
        play(async |server, mut agent| {
            let mut findings = Vec::new();
            for name in ["a", "b"] {
                server.put(
                    &format!("{GUARDS}/{name}"),
                    json!({"metadata": {"name": name, "uid": name, "generation": 1}}),
                );
                let key =
                    PolicyKey { kind: PolicyKind::AdminNetworkPolicy, namespace: None, name: name.into() };
                findings.push(finding(key, "wrong"));
            }
            server.answer_with("/adminnetworkpolicies/a", Some(answer));
            agent.find(findings);
            sleep(3 * MINUTE).await;
            let said = |name: &str| server.object(&format!("{GUARDS}/{name}")).unwrap()["status"].clone();
            assert_eq!(said("b")["conditions"][0]["status"], "False", "{answer:?}");
            sleep(57 * MINUTE).await;
            assert!(server.asked("/adminnetworkpolicies/a").len() <= 20, "{answer:?}");
            assert_eq!(agent.complaints(), None, "{answer:?}");
            server.answer_with("/adminnetworkpolicies/a", None);
            sleep(60 * MINUTE).await;
            assert_eq!(said("a")["conditions"][0]["status"], "False", "{answer:?}");
        })
        .await;
    }
}
