//! Namespaces under deletion, as far as the source has to see to them.

use ferrule_ruleset::{
    convert::Remark, event::Event, finding::Severity, name::NamespaceName, resource::ResourceKey,
};

use super::{
    departure::Answer,
    failure::Failure,
    hub::{Hub, Outcome},
    inquiry,
    object::Object,
    outbox::Remarked,
};

/// Questions about namespaces at the same time.
const QUESTIONS: usize = 8;

impl Hub {
    pub(super) fn note_namespace(&mut self, name: &NamespaceName, object: &Object) {
        let life = inquiry::life(&object.tree);
        let Some(Event::Upsert(stand_in)) = self.departures.note_namespace(name, &object.uid, life) else {
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

    pub(super) fn ask_about_namespaces(&mut self) {
        while self.questions < QUESTIONS
            && let Some(namespace) = self.departures.question()
        {
            self.questions += 1;
            let client = self.target.borrow().client.clone();
            self.tasks.spawn(async move {
                let answer = inquiry::ask(&client, &namespace).await;
                Outcome::Answered(namespace, answer)
            });
        }
    }

    pub(super) fn note_namespace_answer(
        &mut self,
        namespace: &NamespaceName,
        answer: Result<Answer, Failure>,
    ) {
        self.questions -= 1;
        let answer = answer.unwrap_or_else(|failure| {
            tracing::debug!(%namespace, ?failure, "not known whether a namespace is under deletion");
            Answer::Failed
        });
        let has_pods = self.kinds.iter().any(|kind| {
            matches!(kind.example, Some(ResourceKey::Pod(_))) && kind.mirror.has_any_in(namespace)
        });
        for key in self.departures.answer(namespace, answer, has_pods) {
            self.pass_on_deletion(key);
        }
    }
}
