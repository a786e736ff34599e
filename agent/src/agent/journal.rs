//! What the loop tells people: each thing once when it comes and once when it goes. ERROR is for what a person has to mend.

use std::{collections::BTreeMap, time::Duration};

use ferrule_ruleset::{
    finding::{Finding, Severity},
    policy::PolicyKey,
    resource::ResourceKey,
};
use tracing::{debug, error, info, warn};

use super::{
    dataplane::CommitError,
    hygiene::Settled,
    reconcile::Summary,
    rollback::{Cut, Remedy, Step},
    trigger::{Cause, Trigger},
};
use crate::{
    endpoint_status,
    interface_settings::Report,
    source::{Obstacle, Source, manifests::Locations},
    status::{Extent, Refusal},
};

/// The memory of what was said.
#[derive(Debug)]
pub struct Journal {
    locations: Locations,
    findings: BTreeMap<Source, Vec<Finding>>,
    refusals: Vec<Refusal>,
    failures: u32,
}

impl Journal {
    /// A journal that finds policies in their files by these locations.
    pub fn new(locations: Locations) -> Self {
        Self { locations, findings: BTreeMap::new(), refusals: Vec::new(), failures: 0 }
    }

    /// What is wrong with the input now.
    pub fn findings(&self) -> &BTreeMap<Source, Vec<Finding>> {
        &self.findings
    }

    /// The policies that the kernel refuses now.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// These are all the findings of a source now.
    pub fn note_findings(&mut self, source: Source, findings: Vec<Finding>) {
        let known = self.findings.insert(source, findings).unwrap_or_default();
        let present = &self.findings[&source];
        for finding in present.iter().filter(|finding| !contains(&known, finding)) {
            announce(finding);
        }
        for finding in known.iter().filter(|finding| !contains(present, finding)) {
            info!(finding = %finding, "mended");
        }
    }

    /// These are all the obstacles of a source now.
    pub fn note_obstacles(&self, known: &[Obstacle], present: &[Obstacle]) {
        let is_in = |obstacles: &[Obstacle], one: &Obstacle| {
            obstacles.iter().any(|other| (&other.subject, &other.reason) == (&one.subject, &one.reason))
        };
        for Obstacle { subject, reason, .. } in present.iter().filter(|one| !is_in(known, one)) {
            warn!(subject, reason, "not followed; what is known of it stays enforced");
        }
        for Obstacle { subject, .. } in known {
            if !present.iter().any(|other| other.subject == *subject) {
                info!(subject, "followed again");
            }
        }
    }

    /// These are all the policies that the kernel refuses now.
    pub fn note_refused(&mut self, refused: &BTreeMap<PolicyKey, String>) {
        let known = std::mem::take(&mut self.refusals);
        for (policy, reason) in refused {
            let location = self.locations.of(&ResourceKey::Policy(policy.clone()));
            if !known.iter().any(|refusal| refusal.policy == *policy) {
                error!(
                    policy = %ResourceKey::Policy(policy.clone()),
                    file = location.as_ref().map(|location| &*location.file),
                    line = location.as_ref().map(|location| location.line),
                    reason,
                    "the kernel refuses a policy; all that it governs is closed"
                );
            }
            self.refusals.push(Refusal { policy: policy.clone(), location, reason: reason.clone() });
        }
        for refusal in known.iter().filter(|refusal| !refused.contains_key(&refusal.policy)) {
            info!(policy = %ResourceKey::Policy(refusal.policy.clone()), "not refused any more");
        }
    }

    /// The kernel is in step.
    pub fn note_success(&mut self, trigger: &Trigger, summary: &Summary, extent: Extent, total: Duration) {
        self.failures = 0;
        let Extent { endpoints, host_endpoints: _, policies } = extent;
        let Summary { changes, batches, newcomers: _, timings } = summary;
        let remarkable = *batches > 0 || trigger.is(Cause::Start) || trigger.is(Cause::ForeignChange);
        if !remarkable {
            debug!(%trigger, ?total, "nothing to change");
            return;
        }
        info!(
            %trigger, endpoints, policies, batches,
            tables = %changes.tables, chains = %changes.chains, rules = %changes.rules,
            sets = %changes.sets, elements = %changes.elements,
            resolve = ?timings.resolve, compile = ?timings.compile, adopt = ?timings.adopt,
            diff = ?timings.diff, commit = ?timings.commit, ?total,
            "{}", if *batches == 0 { "in step" } else { "reconciled" }
        );
    }

    /// The kernel could not be brought in step.
    pub fn note_failure(
        &mut self,
        trigger: &Trigger,
        failure: &CommitError,
        pause: Duration,
        total: Duration,
    ) {
        self.failures += 1;
        // A first failure may pass by itself; a person is needed when it does not.
        if self.failures == 3 {
            error!(%trigger, error = %failure, attempts = self.failures, ?pause, ?total, "cannot bring the kernel in step");
        } else {
            warn!(%trigger, error = %failure, attempts = self.failures, ?pause, ?total, "not reconciled");
        }
    }

    /// The connections of addresses that have left are forgotten, or are not.
    pub fn note_forgotten(&mut self, settled: &Settled) {
        let Settled { addresses, duration, outcome, pause } = settled;
        let findings = match outcome {
            Ok(entries) => {
                info!(addresses, entries, ?duration, "forgot the connections of addresses that have left");
                Vec::new()
            }
            Err(error) => {
                debug!(addresses, %error, ?pause, "not forgotten");
                vec![Finding {
                    location: None,
                    severity: Severity::Warning,
                    object: None,
                    field: String::new(),
                    message: format!(
                        "connections of addresses that have left the node are not all forgotten: {error}"
                    ),
                    consequence: "they may live on with whoever has these addresses now; it is tried again"
                        .to_owned(),
                }]
            }
        };
        self.note_findings(Source::Conntrack, findings);
    }

    /// The settings of interfaces were looked at.
    pub fn note_inspection(&mut self, report: &Report) {
        if report.applied > 0 {
            info!(settings = report.applied, "set what workload interfaces need under /proc/sys");
        }
        self.note_findings(Source::InterfaceSettings, report.findings());
    }

    /// The files about endpoints were looked at.
    pub fn note_endpoint_status(&mut self, report: &endpoint_status::Report) {
        self.note_findings(Source::EndpointStatus, report.findings());
    }

    /// Nobody keeps the files about endpoints any more.
    pub fn note_endpoint_status_gone(&self) {
        error!("the thread that keeps endpoint status files has ended; start the agent anew");
    }

    /// Nobody tells people through the API server any more.
    pub fn note_reports_gone(&mut self) {
        let finding = Finding {
            location: None,
            severity: Severity::Error,
            object: None,
            field: String::new(),
            message: "the thread that tells people through the API server has ended; start the agent anew"
                .to_owned(),
            consequence: "the node's NodePolicyStatus, Events and conditions stay as they are; enforcement does not depend on it".to_owned(),
        };
        self.note_findings(Source::Reports, vec![finding]);
    }

    /// Nobody looks after the settings of interfaces any more.
    pub fn note_inspector_gone(&self) {
        error!("the thread that looks after interface settings has ended; start the agent anew");
    }

    /// A change is taken back, or made after all.
    pub fn note_rollback(&self, step: &Step) {
        match step {
            Step::Reject(Cut { change, remedy: Remedy::PutBack, .. }) => {
                error!(
                    change,
                    "a change cut the agent off from its source; putting back the last ruleset that worked"
                );
            }
            Step::Reject(Cut { change, remedy: Remedy::NothingToPutBack, .. }) => {
                error!(
                    change,
                    "a change cut the agent off from its source, and no earlier ruleset is known to put back"
                );
            }
            Step::Absolve => {
                warn!("the source does not answer without the last change either; making that change again");
            }
            Step::TryAgain => {
                info!("the sources want something other than what cut the agent off; trying that")
            }
        }
    }

    /// Workload interfaces are closed until the sources have been read.
    pub fn note_closed(&self) {
        info!("workload interfaces are closed until the sources have been read");
    }

    /// They are not, though they should be.
    pub fn note_not_closed(&self, error: &CommitError) {
        warn!(%error, "cannot close workload interfaces for the time until the sources have been read; trying again");
    }

    /// Foreign changes come faster than is reasonable to undo.
    pub fn note_war(&self) {
        error!(
            "something keeps changing our tables; undoing it once per second only. Is a second agent at work in this network namespace?"
        );
    }
}

fn announce(finding: &Finding) {
    macro_rules! say {
        ($level:ident) => {
            $level!(
                file = finding.location.as_ref().map(|location| &*location.file),
                line = finding.location.as_ref().map(|location| location.line),
                object = finding.object.as_ref().map(ResourceKey::to_string),
                field = finding.field,
                consequence = finding.consequence,
                "{}",
                finding.message
            )
        };
    }
    match finding.severity {
        Severity::Warning => say!(warn),
        Severity::Error => say!(error),
    }
}

/// Whether a finding is among others; that it moved to another line makes it no other.
fn contains(findings: &[Finding], finding: &Finding) -> bool {
    let file = |finding: &Finding| finding.location.as_ref().map(|location| location.file.clone());
    findings.iter().any(|other| {
        (&other.object, &other.field, &other.message) == (&finding.object, &finding.field, &finding.message)
            && file(other) == file(finding)
    })
}
