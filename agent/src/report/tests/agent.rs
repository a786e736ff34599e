//! An agent, as far as what is told to people asks of one.

use super::*;

/// An agent of a node, as far as people are told of it.
pub struct Agent {
    server: Server,
    pub status: watch::Sender<Status>,
    findings: mpsc::Receiver<Message>,
}

impl Agent {
    pub fn start(server: &Server, node: &str) -> Self {
        server.put(
            &format!("/api/v1/nodes/{node}"),
            json!({"metadata": {"name": node, "uid": format!("uid-{node}")}}),
        );
        let node = NodeName::from(node);
        let mut first = Status::new(node.clone(), Source::Kubernetes.awaited_with(), Instant::now());
        first.awaited.clear();
        first.reconciliations = 1;
        first.behind_since = None;
        let (status, receiver) = watch::channel(first);
        let (sender, findings) = mpsc::channel(8);
        tokio::spawn(Reporter::new(server.client(), node).run(receiver, sender, async || None));
        Self { server: server.clone(), status, findings }
    }

    /// This is wrong with objects of the cluster, which the agent has seen as the server holds them now.
    pub fn find(&self, findings: Vec<Finding>) {
        let told: BTreeSet<&ResourceKey> =
            findings.iter().filter_map(|finding| finding.object.as_ref()).collect();
        let with_condition = self.server.cluster_policies();
        let keys = told.into_iter().chain(&with_condition);
        let judgements =
            keys.filter_map(|key| Some((key.clone(), judged(&self.server, key, &findings)?))).collect();
        self.status.send_modify(|status| {
            status.judgements = Arc::new(judgements);
            status.findings = BTreeMap::from([(Source::Kubernetes, findings)]);
        });
    }

    /// The kernel refuses these.
    pub fn refuse(&self, policies: &[PolicyKey]) {
        let refusal = |policy: &PolicyKey| Refusal {
            policy: policy.clone(),
            location: None,
            reason: "EINVAL".to_owned(),
        };
        self.status.send_modify(|status| status.refused = policies.iter().map(refusal).collect());
    }

    /// What the agent itself was last told of all this.
    pub fn complaints(&mut self) -> Option<Vec<String>> {
        let mut last = None;
        while let Ok(message) = self.findings.try_recv() {
            let Report::Findings(findings) = message.report else { panic!("{message:?}") };
            last = Some(findings.iter().map(Finding::to_string).collect());
        }
        last
    }
}

/// The object as the server holds it.
fn judged(server: &Server, key: &ResourceKey, findings: &[Finding]) -> Option<Judged> {
    let place = Place::of(key);
    let versions = ["v1", "networking.k8s.io/v1", "policy.networking.k8s.io/v1alpha1"];
    let versions = versions.into_iter().chain(["policy.networking.k8s.io/v1beta1"]);
    versions.filter_map(|version| Some((version, place.resource(version)?))).find_map(
        |(version, resource)| {
            let path = place.api(&server.client(), resource).resource_url().to_owned();
            let object = server.object(&format!("{path}/{}", place.name))?;
            let errors = findings.iter().filter(|finding| {
                finding.object.as_ref() == Some(key) && finding.severity == Severity::Error
            });
            Some(Judged {
                api_version: version,
                uid: object["metadata"]["uid"].as_str()?.into(),
                generation: object["metadata"]["generation"].as_i64(),
                errors: errors.cloned().collect(),
            })
        },
    )
}
