//! What is followed, by what a server says of its groups.

use std::collections::BTreeMap;

use super::{
    super::fake::{Fake, Reply, status},
    *,
};

const STORED: &str = "crd.projectcalico.org/v1";
const WRITTEN: &str = "projectcalico.org/v3";
const AGGREGATED: &str = r#"{"metadata":{"name":"v3.projectcalico.org"},"spec":{"service":{"name":"calico-api","namespace":"calico-system"}}}"#;
const LOCAL: &str = r#"{"metadata":{"name":"v3.projectcalico.org"},"spec":{"group":"projectcalico.org"}}"#;

/// A server that serves these kinds of these groups, and answers paths with these texts.
#[derive(Clone, Default)]
struct Cluster {
    kinds: BTreeMap<&'static str, Vec<&'static str>>,
    answers: BTreeMap<String, String>,
}

impl Cluster {
    /// Both groups of Calico, with these global policies.
    fn calico(registration: &str, written: &[&str], stored: &[&str]) -> Self {
        let mut cluster = Self::default();
        for (group, names) in [(WRITTEN, written), (STORED, stored)] {
            cluster.kinds.insert(group, vec!["GlobalNetworkPolicy", "Tier"]);
            cluster.answer(&format!("/apis/{group}/globalnetworkpolicies"), &list(names));
            cluster.answer(&format!("/apis/{group}/tiers"), &list(&[]));
        }
        cluster.answer("/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org", registration);
        cluster
    }

    fn answer(&mut self, path: &str, text: &str) {
        self.answers.insert(path.to_owned(), text.to_owned());
    }

    /// The store is open for Calico, or not.
    fn lock(&mut self, group: &str, is_open: bool) {
        let text = format!(r#"{{"metadata":{{"name":"default"}},"spec":{{"datastoreReady":{is_open}}}}}"#);
        self.answer(&format!("/apis/{group}/clusterinformations/default"), &text);
    }

    fn reply(&self, target: &str) -> Reply {
        let path = target.split('?').next().unwrap();
        if let Some(answer) = self.answers.get(path) {
            return Reply::new(200, answer.clone());
        }
        match path {
            "/readyz" => Reply::new(200, "ok"),
            "/apis" => Reply::new(200, self.groups()),
            "/api/v1" => Reply::new(200, resources("v1", &[])),
            _ => path
                .strip_prefix("/apis/")
                .and_then(|group| Some(Reply::new(200, resources(group, self.kinds.get(group)?))))
                .unwrap_or_else(|| Reply::new(404, status(404, "not found"))),
        }
    }

    fn groups(&self) -> String {
        let group = |api_version: &&str| {
            let (group, version) = api_version.split_once('/').unwrap();
            format!(
                r#"{{"name":"{group}","versions":[{{"groupVersion":"{api_version}","version":"{version}"}}]}}"#
            )
        };
        let groups: Vec<String> = self.kinds.keys().map(group).collect();
        format!(r#"{{"kind":"APIGroupList","apiVersion":"v1","groups":[{}]}}"#, groups.join(","))
    }

    /// What is found out about kinds of this name, followed by this API now, and everything that was asked for.
    async fn discover(
        &self,
        name: &str,
        current: Option<&'static str>,
    ) -> (Presence, Vec<Remark>, Vec<String>) {
        let cluster = self.clone();
        let fake = Fake::start(move |target| cluster.reply(target)).await;
        let kinds: Vec<_> =
            ferrule_ruleset::convert::followed().into_iter().map(|kind| (kind, current)).collect();
        let found = discover(&fake.client(), &kinds).await.unwrap();
        let index = kinds.iter().position(|(kind, _)| kind.apis.iter().any(|(_, kind)| *kind == name));
        (found.presences[index.unwrap()].clone(), found.remarks, fake.requests())
    }
}

fn list(names: &[&str]) -> String {
    let items: Vec<String> =
        names.iter().map(|name| format!(r#"{{"metadata":{{"name":"{name}"}}}}"#)).collect();
    format!(r#"{{"metadata":{{"resourceVersion":"7"}},"items":[{}]}}"#, items.join(","))
}

fn resources(group_version: &str, kinds: &[&str]) -> String {
    let plural = |kind: &str| {
        let kind = kind.to_lowercase();
        kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"))
    };
    let resource = |kind: &&str| {
        let name = plural(kind);
        format!(
            r#"{{"name":"{name}","singularName":"","namespaced":false,"kind":"{kind}","verbs":["list","watch"]}}"#
        )
    };
    let kinds: Vec<String> = kinds.iter().map(resource).collect();
    format!(
        r#"{{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"{group_version}","resources":[{}]}}"#,
        kinds.join(",")
    )
}

fn followed(presence: &Presence) -> &'static str {
    let Presence::Served { served, is_paired: true } = presence else { panic!("{presence:?}") };
    served.api_version
}

fn has_listed(requests: &[String]) -> bool {
    requests.iter().any(|request| request.starts_with("/apis/crd.projectcalico.org/v1/globalnetworkpolicies"))
}

#[tokio::test]
async fn what_an_aggregated_server_shows_is_not_compared_with_its_store() {
    let cluster = Cluster::calico(AGGREGATED, &[], &["deny"]);
    for (current, expected) in [(None, WRITTEN), (Some(WRITTEN), WRITTEN), (Some(STORED), STORED)] {
        let (presence, remarks, requests) = cluster.discover("GlobalNetworkPolicy", current).await;
        assert_eq!((followed(&presence), remarks), (expected, Vec::new()));
        assert!(!has_listed(&requests), "{requests:?}");
    }
}

#[tokio::test]
async fn definitions_that_are_not_used_do_not_hide_what_is_stored() {
    let cluster = Cluster::calico(LOCAL, &[], &["deny"]);
    for current in [None, Some(WRITTEN), Some(STORED)] {
        let (presence, remarks, _) = cluster.discover("GlobalNetworkPolicy", current).await;
        assert_eq!(followed(&presence), STORED);
        assert!(remarks[0].message.contains("all objects are in crd.projectcalico.org/v1"), "{remarks:?}");
    }
}

#[tokio::test]
async fn the_group_that_people_write_is_followed_once_it_holds_everything() {
    let cluster = Cluster::calico(LOCAL, &["deny", "new"], &["default.deny"]);
    for current in [None, Some(WRITTEN), Some(STORED)] {
        let (presence, remarks, _) = cluster.discover("GlobalNetworkPolicy", current).await;
        assert_eq!((followed(&presence), remarks), (WRITTEN, Vec::new()));
    }
}

#[tokio::test]
async fn where_neither_group_holds_everything_nobody_knows_and_both_are_named() {
    let cluster = Cluster::calico(LOCAL, &["new"], &["a", "b", "c", "d"]);
    for current in [None, Some(WRITTEN), Some(STORED)] {
        let (presence, _, _) = cluster.discover("Tier", current).await;
        let Presence::Unknown { subject, reason } = presence else { panic!("{presence:?}") };
        assert_eq!(subject, "projectcalico.org/v3 and crd.projectcalico.org/v1");
        let stored = "only in crd.projectcalico.org/v1 4 (globalnetworkpolicies a, globalnetworkpolicies b, globalnetworkpolicies c, …)";
        assert!(reason.contains(stored), "{reason}");
        assert!(reason.contains("only in projectcalico.org/v3 1 (globalnetworkpolicies new)"), "{reason}");
    }
}

#[tokio::test]
async fn a_store_that_calico_has_left_is_left_over() {
    let mut cluster = Cluster::calico(LOCAL, &["new"], &["old"]);
    cluster.lock(STORED, false);
    let (presence, _, _) = cluster.discover("Tier", None).await;
    assert!(matches!(presence, Presence::Unknown { .. }), "it has not arrived at the other: {presence:?}");
    cluster.lock(WRITTEN, true);
    let (presence, _, _) = cluster.discover("Tier", Some(STORED)).await;
    assert_eq!(followed(&presence), WRITTEN);
}

#[tokio::test]
async fn a_store_that_may_not_be_read_is_named() {
    let mut cluster = Cluster::calico(LOCAL, &["new"], &[]);
    cluster.answers.remove("/apis/crd.projectcalico.org/v1/globalnetworkpolicies");
    let (presence, _, _) = cluster.discover("Tier", None).await;
    let Presence::Unknown { reason, .. } = presence else { panic!("{presence:?}") };
    assert!(reason.contains("HTTP 404"), "{reason}");
}

#[tokio::test]
async fn a_kind_in_a_version_that_is_not_understood_is_named_and_stays_if_it_was_followed() {
    let mut cluster = Cluster::default();
    cluster.kinds.insert("policy.networking.k8s.io/v7", vec!["ClusterNetworkPolicy"]);
    let (presence, remarks, _) = cluster.discover("ClusterNetworkPolicy", None).await;
    assert_eq!(presence, Presence::Absent);
    let [remark] = &remarks[..] else { panic!("{remarks:?}") };
    let expected = "ClusterNetworkPolicy of policy.networking.k8s.io: it is served only as v7, and understood as v1beta1, v1alpha2: ";
    assert!(remark.message.starts_with(expected), "{remark:?}");

    let beta = "policy.networking.k8s.io/v1beta1";
    let (presence, remarks, _) = cluster.discover("ClusterNetworkPolicy", Some(beta)).await;
    let Presence::Unknown { subject, .. } = presence else { panic!("{presence:?}") };
    assert_eq!((subject.as_str(), remarks.len()), ("ClusterNetworkPolicy of policy.networking.k8s.io", 0));

    cluster.kinds.insert(beta, vec!["ClusterNetworkPolicy"]);
    let (presence, remarks, _) = cluster.discover("ClusterNetworkPolicy", None).await;
    assert!(matches!(presence, Presence::Served { .. }) && remarks.is_empty(), "{presence:?} {remarks:?}");
}
