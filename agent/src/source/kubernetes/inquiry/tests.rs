//! Questions about namespaces, to a fake API server.

use super::{
    super::fake::{Fake, Reply, status},
    *,
};

fn namespace(name: &str, is_going: bool) -> String {
    let phase = if is_going { "Terminating" } else { "Active" };
    format!(r#"{{"metadata":{{"name":"{name}"}},"status":{{"phase":"{phase}"}}}}"#)
}

/// As a list of metadata has it.
fn metadata(name: &str, is_going: bool) -> String {
    let deletion = if is_going { r#","deletionTimestamp":"2026-01-01T00:00:00Z""# } else { "" };
    format!(r#"{{"metadata":{{"name":"{name}"{deletion}}}}}"#)
}

fn names(count: usize) -> Vec<NamespaceName> {
    (0..count).map(|number| NamespaceName::new(format!("n{number}"))).collect()
}

/// Namespace n0 goes, n1 is there, all others are gone. Lists come in two pages.
fn reply(target: &str) -> Reply {
    let list = |item: &str, next: &str| {
        let metadata = format!(r#"{{"resourceVersion":"7","continue":"{next}"}}"#);
        Reply::new(200, format!(r#"{{"metadata":{metadata},"items":[{item}]}}"#))
    };
    match target.split('?').next().unwrap() {
        "/api/v1/namespaces/n0" => Reply::new(200, namespace("n0", true)),
        "/api/v1/namespaces/n1" => Reply::new(200, namespace("n1", false)),
        "/api/v1/namespaces" if target.contains("continue=") => list(&metadata("n1", false), ""),
        "/api/v1/namespaces" => list(&metadata("n0", true), "more"),
        _ => Reply::new(404, status(404, "not found")),
    }
}

#[tokio::test]
async fn a_few_namespaces_are_asked_about_one_by_one_and_many_at_once() {
    let there = |life| Ok(Answer::There(life));
    for (count, requests) in [(1, 1), (3, 3), (4, 2), (500, 2)] {
        let fake = Fake::start(reply).await;
        let mut expected = vec![there(Life::Terminating), there(Life::Active)];
        expected.resize(count.max(2), Ok(Answer::Gone));
        expected.truncate(count);
        assert_eq!(ask(&fake.client(), &names(count)).await, expected, "{count}");
        assert_eq!(fake.requests().len(), requests, "{count}: {:?}", fake.requests());
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_answers_nothing() {
    let fake = Fake::start(|target| {
        if target.contains("continue=") { Reply::new(410, status(410, "expired")) } else { reply(target) }
    })
    .await;
    let answers = ask(&fake.client(), &names(4)).await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
}
