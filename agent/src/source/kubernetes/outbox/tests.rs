//! What is told of many findings, and of objects that have a condition.

use ferrule_ruleset::{
    manifest::pruned::Keep,
    policy::{PolicyKey, PolicyKind},
};

use super::{super::object::Line, *};

const API: &str = "policy.networking.k8s.io/v1beta1";

fn policy(kind: PolicyKind, namespace: Option<&str>, name: &str) -> ResourceKey {
    ResourceKey::Policy(PolicyKey { kind, namespace: namespace.map(NamespaceName::from), name: name.into() })
}

fn remark(severity: Severity, message: &str) -> Remark {
    Remark {
        line: 1,
        severity,
        field: String::new(),
        message: message.to_owned(),
        consequence: String::new(),
    }
}

fn object(uid: &str, generation: u32) -> Object {
    let line = format!(
        r#"{{"type":"ADDED","object":{{"metadata":{{"name":"x","uid":"{uid}","generation":{generation}}}}}}}"#
    );
    let Ok(Line::Present(object)) = Line::read(line.as_bytes(), Keep::All) else { panic!("{line}") };
    object
}

struct Told {
    judgements: Arc<Judgements>,
    findings: Vec<Finding>,
}

/// What is told now; none if nothing is.
async fn flush(outbox: &mut Outbox, inbox: &mut mpsc::Receiver<Message>) -> Option<Told> {
    assert!(outbox.flush(outbox.findings_at.unwrap_or_else(Instant::now)).await.is_ok());
    let Report::Judgements(judgements) = inbox.try_recv().ok()?.report else {
        panic!("judgements come first")
    };
    let Report::Findings(findings) = inbox.try_recv().unwrap().report else { panic!("findings follow") };
    Some(Told { judgements, findings })
}

#[tokio::test]
async fn many_findings_of_a_namespace_do_not_hide_those_of_another() {
    let (sender, mut inbox) = mpsc::channel(8);
    let mut outbox = Outbox::new(sender);
    for number in 0..600 {
        let crowd = policy(PolicyKind::KubernetesNetworkPolicy, Some("a"), &format!("p{number:03}"));
        outbox.set_remarks(Remarked::Object(crowd.clone()), vec![remark(Severity::Error, "wrong")]);
        outbox.note_judged(&crowd, "networking.k8s.io/v1", &object("u", 1));
    }
    let lone = policy(PolicyKind::KubernetesNetworkPolicy, Some("b"), "lone");
    outbox.set_remarks(Remarked::Object(lone.clone()), vec![remark(Severity::Warning, "perhaps")]);
    outbox.note_judged(&lone, "networking.k8s.io/v1", &object("lone", 2));
    let Told { judgements, findings } = flush(&mut outbox, &mut inbox).await.unwrap();
    assert_eq!(findings.len(), MOST_FINDINGS + 1);
    assert!(findings.iter().any(|finding| finding.object.as_ref() == Some(&lone)));
    assert_eq!((&*judgements[&lone].uid, judgements[&lone].generation), ("lone", Some(2)));
    let of_findings: BTreeSet<_> = findings.iter().filter_map(|finding| finding.object.clone()).collect();
    let judged: BTreeSet<_> = judgements.keys().cloned().collect();
    assert_eq!(judged, of_findings, "what is told by nobody is not kept in the status");
}

#[tokio::test]
async fn no_number_of_findings_hides_the_judgement_of_a_policy_with_a_condition() {
    let (sender, mut inbox) = mpsc::channel(8);
    let mut outbox = Outbox::new(sender);
    let cluster = |number: usize| policy(PolicyKind::AdminNetworkPolicy, None, &format!("p{number:03}"));
    for number in 0..600 {
        outbox.set_remarks(Remarked::Object(cluster(number)), vec![remark(Severity::Error, "wrong")]);
        outbox.note_judged(&cluster(number), API, &object("u", 1));
    }
    let Told { judgements, findings } = flush(&mut outbox, &mut inbox).await.unwrap();
    assert_eq!(findings.len(), MOST_FINDINGS + 1);
    assert!((0..600).all(|number| judgements[&cluster(number)].errors.len() == 1));
}

#[tokio::test]
async fn a_policy_with_a_condition_is_told_of_as_long_as_it_is_there() {
    let (sender, mut inbox) = mpsc::channel(8);
    let mut outbox = Outbox::new(sender);
    let key = policy(PolicyKind::ClusterNetworkPolicy, None, "guard");
    let other = policy(PolicyKind::GlobalNetworkPolicy, None, "other");
    for key in [&key, &other] {
        outbox.set_remarks(Remarked::Object(key.clone()), Vec::new());
        outbox.note_judged(key, API, &object("u", 1));
    }
    let told = flush(&mut outbox, &mut inbox).await.unwrap();
    let expected = Judged { api_version: API, uid: "u".into(), generation: Some(1), errors: Vec::new() };
    assert_eq!(*told.judgements, BTreeMap::from([(key.clone(), expected.clone())]));

    outbox.note_judged(&key, API, &object("u", 1));
    assert!(flush(&mut outbox, &mut inbox).await.is_none(), "nothing is new");
    outbox.note_judged(&key, API, &object("u", 2));
    let told = flush(&mut outbox, &mut inbox).await.unwrap();
    assert_eq!(told.judgements[&key], Judged { generation: Some(2), ..expected });

    outbox.set_remarks(Remarked::Object(key.clone()), vec![remark(Severity::Warning, "perhaps")]);
    outbox.note_judged(&key, API, &object("u", 3));
    let told = flush(&mut outbox, &mut inbox).await.unwrap();
    assert_eq!((told.judgements[&key].errors.len(), told.findings.len()), (0, 1));

    outbox.set_remarks(Remarked::of(&key), Vec::new());
    outbox.forget(&key);
    let told = flush(&mut outbox, &mut inbox).await.unwrap();
    assert_eq!((told.judgements.len(), told.findings.len()), (0, 0));
}
