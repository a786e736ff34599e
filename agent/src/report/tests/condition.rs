//! Conditions on policies of the network-policy-api.

use ferrule_ruleset::name::ObjectName;

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
    play(async |server, agent| {
        put_admin(
            &server,
            &json!([{"type": "ferrule.io/Understood", "status": "False", "reason": "NotUnderstood"}]),
        );
        agent.find(Vec::new());
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

/// Whatever else there is to tell, and whatever of it is told.
#[tokio::test(start_paused = true)]
async fn a_policy_is_not_called_understood_because_there_is_too_much_to_tell() {
    play(async |server, agent| {
        put_admin(&server, &json!([]));
        agent.find(vec![finding(admin(), "no such port")]);
        sleep(2 * MINUTE).await;
        assert_eq!(understood(&server)[0]["status"], "False");

        let pod = |number| ResourceKey::Pod(ObjectName { namespace: "shop".into(), name: name_of(number) });
        let of_pod = |number| Finding { object: Some(pod(number)), ..finding(admin(), "not a pod") };
        let others: Vec<Finding> = (0..500).map(of_pod).collect();
        agent.find([others.clone(), vec![finding(admin(), "no such port")]].concat());
        sleep(40 * MINUTE).await;
        assert_eq!(understood(&server)[0]["status"], "False");

        // As when the source tells so many findings at most: this one is not told, but the policy is judged.
        let judgements = Arc::clone(&agent.status.borrow().judgements);
        agent.find(others);
        agent.status.send_modify(|status| status.judgements = judgements);
        sleep(40 * MINUTE).await;
        assert_eq!(understood(&server)[0]["status"], "False");
        assert_eq!(server.writes(ADMIN), 1);
    })
    .await;
}

fn name_of(number: usize) -> Arc<str> {
    format!("pod-{number:03}").into()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_a_policy_that_was_not_seen() {
    play(async |server, agent| {
        put_admin(&server, &json!([]));
        agent.find(vec![finding(admin(), "no such port")]);
        sleep(2 * MINUTE).await;
        agent.find(Vec::new());
        agent.status.send_modify(|status| status.judgements = Arc::default());
        sleep(40 * MINUTE).await;
        assert_eq!(understood(&server)[0]["status"], "False");
    })
    .await;
}

/// The generation is that of what was judged; a node that lags says nothing of a newer one.
#[tokio::test(start_paused = true)]
async fn a_generation_that_was_not_judged_is_not_spoken_of() {
    play(async |server, agent| {
        put_admin(&server, &json!([]));
        agent.find(vec![finding(admin(), "no such port")]);
        let newer = json!({"metadata": {"name": "guard", "uid": "uid-guard", "generation": 4}});
        server.put(ADMIN, newer);
        sleep(10 * MINUTE).await;
        assert_eq!(understood(&server), Vec::<Value>::new());
        assert!((4..=40).contains(&server.asked(ADMIN).len()), "{}", server.asked(ADMIN).len());

        agent.find(vec![finding(admin(), "no such port")]);
        sleep(2 * MINUTE).await;
        assert_eq!(understood(&server)[0]["observedGeneration"], 4);
        server.put(ADMIN, json!({"metadata": {"name": "guard", "uid": "another", "generation": 4}}));
        sleep(40 * MINUTE).await;
        assert_eq!(understood(&server), Vec::<Value>::new(), "another object of that name");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_condition_is_written_in_the_version_that_is_served() {
    const PATH: &str = "/apis/policy.networking.k8s.io/v1beta1/clusternetworkpolicies";
    for conditions in [json!([]), json!([{"type": "ferrule.io/Understood", "status": "False"}])] {
        play(async |server, agent| {
            server.put(
                &format!("{PATH}/guard"),
                json!({"metadata": {"name": "guard", "generation": 1}, "status": {"conditions": conditions}}),
            );
            let key =
                PolicyKey { kind: PolicyKind::ClusterNetworkPolicy, namespace: None, name: "guard".into() };
            let is_wrong = conditions == json!([]);
            agent.find(is_wrong.then(|| finding(key, "no such port")).into_iter().collect());
            sleep(3 * MINUTE).await;
            let object = server.object(&format!("{PATH}/guard")).unwrap();
            let expected = if is_wrong { "False" } else { "True" };
            assert_eq!(object["status"]["conditions"][0]["status"], expected);
            assert_eq!(server.asked("/v1alpha2/").len(), 0);
        })
        .await;
    }
}
