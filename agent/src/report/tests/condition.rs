//! Conditions on policies of the network-policy-api.

use super::*;

const ADMIN: &str = "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies/guard";

fn admin() -> PolicyKey {
    PolicyKey { kind: PolicyKind::AdminNetworkPolicy, namespace: None, name: "guard".into() }
}

fn understood(server: &Server) -> Vec<Value> {
    let conditions =
        server.object(ADMIN).unwrap()["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().filter(|one| one["type"] == "ferrule.io/Understood").collect()
}

fn put_admin(server: &Server, conditions: &Value) {
    let metadata = json!({"name": "guard", "uid": "uid-guard", "generation": 3});
    server.put(ADMIN, json!({"metadata": metadata, "status": {"conditions": conditions}}));
}

#[tokio::test(start_paused = true)]
async fn a_condition_says_what_is_not_understood_until_it_is_mended() {
    play(async |server, first| {
        let second = Agent::start(&server, "node-2");
        let foreign = json!({"type": "Ready-In-Zone-a", "status": "True"});
        put_admin(&server, &json!([foreign]));
        for agent in [&first, &second] {
            agent.find(vec![finding(admin(), "no such port"), finding(admin(), "no such peer")]);
        }
        sleep(3 * MINUTE).await;
        let ours = understood(&server);
        assert_eq!(ours.len(), 1);
        assert_eq!((&ours[0]["status"], &ours[0]["observedGeneration"]), (&json!("False"), &json!(3)));
        let message = ours[0]["message"].as_str().unwrap();
        assert!(message.contains("no such port") && message.contains("no such peer"), "{message}");
        assert_eq!(server.writes(ADMIN), 1, "the second node finds it said");
        assert!(server.object(ADMIN).unwrap()["status"]["conditions"].as_array().unwrap().contains(&foreign));

        for agent in [&first, &second] {
            agent.find(Vec::new());
        }
        sleep(3 * MINUTE).await;
        assert_eq!(understood(&server)[0]["status"], "True");
        assert_eq!(server.writes(ADMIN), 2);
        let requests = server.asked(ADMIN).len();
        sleep(120 * MINUTE).await;
        assert_eq!(server.asked(ADMIN).len(), requests, "what is mended is nobody's business any more");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_nobody_lived_to_clear_is_cleared_at_the_next_start() {
    play(async |server, _agent| {
        put_admin(
            &server,
            &json!([{"type": "ferrule.io/Understood", "status": "False", "reason": "NotUnderstood"}]),
        );
        sleep(3 * MINUTE).await;
        assert_eq!(understood(&server)[0]["status"], "True");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn policies_that_are_understood_are_left_alone() {
    play(async |server, agent| {
        put_admin(&server, &json!([]));
        let warning = Finding { severity: Severity::Warning, ..finding(admin(), "perhaps not meant so") };
        agent.find(vec![warning]);
        sleep(10 * MINUTE).await;
        assert_eq!(understood(&server), Vec::<Value>::new());
        assert_eq!(server.writes(ADMIN), 0);
    })
    .await;
}
