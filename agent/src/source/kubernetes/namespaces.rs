//! Namespaces under deletion, as far as the source has to see to them.

use ferrule_ruleset::{
    convert::Remark, event::Event, finding::Severity, name::NamespaceName, resource::ResourceKey,
};

use tokio::time::Instant;

use super::{
    departure::Answer,
    failure::Failure,
    hub::{Hub, Outcome},
    inquiry,
    object::Object,
    outbox::Remarked,
};

/// What is not followed while a question is not answered: whether policies that are gone may be let go.
const DELETIONS: &str = "deletions of policies (get namespaces)";

impl Hub {
    pub(super) fn note_namespace(&mut self, name: &NamespaceName, object: &Object) {
        let (life, ask_at) = (inquiry::life(&object.tree), self.ask_at());
        let Some(Event::Upsert(stand_in)) = self.departures.note_namespace(name, &object.uid, life, ask_at)
        else {
            return;
        };
        let remark = Remark {
            line: 1,
            severity: Severity::Warning,
            field: String::new(),
            message: format!(
                "namespace {name} was under deletion when it was first seen, and policies of it may be gone"
            ),
            consequence: "its pods are closed but for what the policies that are left allow".to_owned(),
        };
        self.outbox.set_remarks(Remarked::Departing(name.clone()), vec![remark]);
        self.outbox.push(Event::Upsert(stand_in));
    }

    /// When a question that arises now is to be asked.
    pub(super) fn ask_at(&mut self) -> Instant {
        let nodes = self.kinds.iter().find(|kind| matches!(kind.example, Some(ResourceKey::Node(_))));
        let nodes = nodes.map_or(0, |kind| kind.mirror.len());
        self.rounds.ask_at(nodes, &mut self.pause, Instant::now())
    }

    pub(super) fn ask_about_namespaces(&mut self, now: Instant) {
        if !self.rounds.may_begin() {
            return;
        }
        let namespaces = self.departures.questions(now);
        if namespaces.is_empty() {
            return;
        }
        self.rounds.begin(namespaces.len());
        let client = self.target.borrow().client.clone();
        self.tasks.spawn(async move {
            let answers = inquiry::ask(&client, &namespaces).await;
            Outcome::Answered(namespaces.into_iter().zip(answers).collect())
        });
    }

    pub(super) fn note_namespace_answers(&mut self, answers: Vec<(NamespaceName, Result<Answer, Failure>)>) {
        self.rounds.end();
        for (namespace, answer) in answers {
            self.note_namespace_answer(&namespace, answer);
        }
    }

    fn note_namespace_answer(&mut self, namespace: &NamespaceName, answer: Result<Answer, Failure>) {
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
        for key in self.departures.answer(namespace, answer, has_pods, ask_at) {
            self.pass_on_deletion(key);
        }
    }
}
