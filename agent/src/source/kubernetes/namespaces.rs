//! Namespaces under deletion, as far as the source has to see to them.

use std::time::Duration;

use ferrule_ruleset::{
    convert::Remark, event::Event, finding::Severity, name::NamespaceName, resource::ResourceKey,
};

use tokio::time::{Instant, sleep};

use super::{
    departure::{Answer, Round},
    errands::ASK_AGAIN,
    failure::Failure,
    hub::{Hub, Outcome},
    inquiry,
    object::Object,
    outbox::Remarked,
};

/// What is not followed while a question is not answered: whether policies that are gone may be let go.
const DELETIONS: &str = "deletions of policies (get namespaces)";
/// What is not followed while the survey has no answer: whether policies that are gone are missed.
const SURVEY: &str = "namespaces under deletion (list namespaces)";

impl Hub {
    pub(super) fn note_namespace(&mut self, name: &NamespaceName, object: &Object) {
        let (life, ask_at) = (inquiry::life(&object.tree), self.ask_at());
        if let Some(stand_in) = self.departures.note_namespace(name, &object.uid, life, ask_at) {
            self.push_stand_in(name, stand_in);
        }
    }

    fn push_stand_in(&mut self, name: &NamespaceName, stand_in: Event) {
        let remark = Remark {
            line: 1,
            severity: Severity::Warning,
            field: String::new(),
            message: format!(
                "namespace {name} was under deletion before all policies were read, and policies of it may be gone"
            ),
            consequence: "its pods are closed but for what the policies that are left allow".to_owned(),
        };
        self.outbox.set_remarks(Remarked::Departing(name.clone()), vec![remark]);
        self.outbox.push(stand_in);
    }

    /// Asks which namespaces are under deletion, once after each time that something was listed that restricts pods.
    pub(super) fn begin_survey(&mut self) {
        if self.is_discovered
            && let Some(number) = self.departures.survey.begin()
        {
            self.survey(number, Duration::ZERO);
        }
    }

    fn survey(&mut self, number: u64, pause: Duration) {
        let client = self.target.borrow().client.clone();
        self.tasks.spawn(async move {
            sleep(pause).await;
            Outcome::Surveyed(number, inquiry::terminating(&client).await)
        });
    }

    pub(super) fn note_survey(&mut self, number: u64, answer: Result<Vec<NamespaceName>, Failure>) {
        match answer {
            Ok(terminating) => {
                self.standing.note_success(SURVEY);
                let ask_at = self.ask_at();
                for (name, stand_in) in self.departures.note_survey(number, terminating, ask_at) {
                    self.push_stand_in(&name, stand_in);
                }
            }
            Err(failure) if self.departures.survey.is_under_way(number) => {
                if !failure.is_of_server() {
                    self.standing.note_trouble(SURVEY, &failure.text("namespaces"), Instant::now());
                }
                self.survey(number, ASK_AGAIN);
            }
            // Another one follows.
            Err(_) => {}
        }
    }

    /// When a question that arises now is to be asked.
    pub(super) fn ask_at(&mut self) -> Instant {
        let nodes = self.kinds.iter().find(|kind| matches!(kind.example, Some(ResourceKey::Node(_))));
        let nodes = nodes.map_or(0, |kind| kind.mirror.count());
        self.rounds.ask_at(nodes, &mut self.pause, Instant::now())
    }

    pub(super) fn ask_about_namespaces(&mut self, now: Instant) {
        if !self.rounds.may_begin() {
            return;
        }
        let Some(Round { number, namespaces }) = self.departures.begin_round(now) else { return };
        self.rounds.begin(namespaces.len());
        let client = self.target.borrow().client.clone();
        self.tasks.spawn(async move {
            let answers = inquiry::ask(&client, &namespaces).await;
            Outcome::Answered(number, namespaces.into_iter().zip(answers).collect())
        });
    }

    pub(super) fn note_namespace_answers(
        &mut self,
        number: u64,
        answers: Vec<(NamespaceName, Result<Answer, Failure>)>,
    ) {
        self.rounds.end();
        for (namespace, answer) in answers {
            self.note_namespace_answer(&namespace, number, answer);
        }
    }

    fn note_namespace_answer(
        &mut self,
        namespace: &NamespaceName,
        number: u64,
        answer: Result<Answer, Failure>,
    ) {
        match &answer {
            Ok(_) => self.standing.note_success(DELETIONS),
            Err(failure) if failure.is_of_server() => {}
            // Until it is answered nothing that was deleted in the namespace is let go.
            Err(failure) => {
                self.standing.note_trouble(DELETIONS, &failure.text("namespaces"), Instant::now())
            }
        }
        let answer = answer.unwrap_or(Answer::Failed);
        let has_pods = self.kinds.iter().any(|kind| {
            matches!(kind.example, Some(ResourceKey::Pod(_))) && kind.mirror.has_any_in(namespace)
        });
        let ask_at = self.ask_at();
        for key in self.departures.answer(namespace, number, answer, has_pods, ask_at) {
            self.pass_on_deletion(key);
        }
    }
}
