//! A namespace in an API server, its lists and streams of events delivered in any interleaving, and what the loop has been told.

use std::collections::{BTreeSet, VecDeque};

use ferrule_ruleset::policy::{PolicyKey, PolicyKind};

use super::*;

pub const POLICIES: u8 = 3;
pub const PODS: u8 = 2;
/// The only kind that restricts pods, by number.
pub const KIND: usize = 0;

/// Something that happens in the API server, on the way, or in the agent.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    CreateNamespace,
    DeleteNamespace,
    CreatePolicy(u8),
    DeletePolicy(u8),
    CreatePod(u8),
    DeletePod(u8),
    /// What the namespace controller does once the namespace is under deletion.
    EmptyPolicy(u8),
    EmptyPod(u8),
    Finalize,
    /// The agent starts anew; the kernel holds what the one before has written.
    Restart,
    /// A watch breaks off and cannot be taken up, or there has been none; the server takes a list, which arrives later.
    LoseNamespaces,
    LosePolicies,
    ListNamespaces,
    ListPolicies,
    /// The next event of a watch arrives, or the next part of a list.
    HearNamespaces,
    HearPolicies,
    HearPods,
    /// The agent asks; the server answers at once, and the answer arrives later.
    Ask,
    AskInVain,
    /// One of those that are on their way, in any order.
    HearAnswer(u8),
    AskAgain,
    Survey,
    HearSurvey,
}

#[derive(Clone, Debug)]
enum NamespaceNews {
    List(Option<(u32, Life)>),
    Present(u32, Life),
    Gone,
}

#[derive(Clone, Debug, PartialEq)]
enum PolicyNews {
    ListBegan,
    ListEnded(BTreeSet<u8>),
    Present(u8),
    Deleted(u8),
}

#[derive(Default)]
pub struct World {
    uid: u32,
    pub life: Option<Life>,
    pub policies: BTreeSet<u8>,
    pods: BTreeSet<u8>,
    /// The policies that stood when the namespace was deleted, while it is there.
    protected: BTreeSet<u8>,
    are_namespaces_watched: bool,
    are_policies_watched: bool,
    namespaces: VecDeque<NamespaceNews>,
    policy_events: VecDeque<PolicyNews>,
    pod_events: VecDeque<(u8, bool)>,
    answers: Vec<(u64, Answer)>,
    surveys: VecDeque<(u64, Vec<NamespaceName>)>,
    pub departures: Departures,
    are_namespaces_listed: bool,
    are_policies_listed: bool,
    pub is_in_sync: bool,
    /// Whether the agent knows a namespace.
    knows_namespace: bool,
    /// What was sent of policies and is not known to be gone.
    mirror: BTreeSet<u8>,
    /// The policies whose latest creation the agent has heard of.
    heard: BTreeSet<u8>,
    /// What the loop knows.
    pub told: BTreeSet<ResourceKey>,
    told_pods: BTreeSet<u8>,
}

pub fn namespace() -> NamespaceName {
    NamespaceName::new("shop")
}

pub fn policy(number: u8) -> ResourceKey {
    ResourceKey::Policy(PolicyKey {
        kind: PolicyKind::KubernetesNetworkPolicy,
        namespace: Some(namespace()),
        name: format!("p{number}").into(),
    })
}

impl World {
    /// An agent that has just started, beside an API server that holds nothing.
    pub fn new() -> Self {
        let mut world = Self::default();
        world.step(Step::Restart);
        world
    }

    pub fn step(&mut self, step: Step) {
        match step {
            Step::CreateNamespace
            | Step::DeleteNamespace
            | Step::Finalize
            | Step::CreatePolicy(_)
            | Step::DeletePolicy(_)
            | Step::EmptyPolicy(_)
            | Step::CreatePod(_)
            | Step::DeletePod(_)
            | Step::EmptyPod(_) => self.serve(step),
            Step::Restart
            | Step::LoseNamespaces
            | Step::LosePolicies
            | Step::ListNamespaces
            | Step::ListPolicies => self.connect(step),
            Step::HearNamespaces => self.hear_namespaces(),
            Step::HearPolicies => self.hear_policies(),
            Step::HearPods => {
                if let Some((number, is_there)) = self.pod_events.pop_front() {
                    if is_there {
                        self.told_pods.insert(number);
                    } else {
                        self.told_pods.remove(&number);
                    }
                }
            }
            Step::Ask | Step::AskInVain => {
                if let Some(round) = self.departures.begin_round(now()) {
                    let answer = self.life.map_or(Answer::Gone, Answer::There);
                    let is_vain = matches!(step, Step::AskInVain);
                    self.answers.push((round.number, if is_vain { Answer::Failed } else { answer }));
                }
            }
            Step::HearAnswer(index) => {
                if !self.answers.is_empty() {
                    let (number, answer) = self.answers.remove(usize::from(index) % self.answers.len());
                    let has_pods = !self.told_pods.is_empty();
                    for key in self.departures.answer(&namespace(), number, answer, has_pods, now()) {
                        self.told.remove(&key);
                    }
                }
            }
            Step::AskAgain => self.departures.ask_again(now()),
            Step::Survey => {
                if let Some(number) = self.departures.survey.begin() {
                    let is_terminating = self.life == Some(Life::Terminating);
                    self.surveys.push_back((number, is_terminating.then(namespace).into_iter().collect()));
                }
            }
            Step::HearSurvey => {
                if let Some((number, terminating)) = self.surveys.pop_front() {
                    for (_, event) in self.departures.note_survey(number, terminating, now()) {
                        self.tell(Some(event));
                    }
                }
            }
        }
        let are_listed = self.are_namespaces_listed && self.are_policies_listed;
        self.is_in_sync |= are_listed && self.departures.survey.is_complete();
    }

    /// What happens in the API server.
    fn serve(&mut self, step: Step) {
        let is_active = self.life == Some(Life::Active);
        let is_terminating = self.life == Some(Life::Terminating);
        match step {
            Step::CreateNamespace if self.life.is_none() => {
                self.uid += 1;
                self.life = Some(Life::Active);
                self.show_namespace(NamespaceNews::Present(self.uid, Life::Active));
            }
            Step::DeleteNamespace if is_active => {
                self.life = Some(Life::Terminating);
                self.protected.clone_from(&self.policies);
                self.show_namespace(NamespaceNews::Present(self.uid, Life::Terminating));
            }
            Step::Finalize if is_terminating && self.policies.is_empty() && self.pods.is_empty() => {
                self.life = None;
                self.protected.clear();
                self.show_namespace(NamespaceNews::Gone);
            }
            Step::CreatePolicy(number) if is_active && self.policies.insert(number) => {
                self.heard.remove(&number);
                self.show_policy(PolicyNews::Present(number));
            }
            Step::DeletePolicy(number) if is_active && self.policies.remove(&number) => {
                self.show_policy(PolicyNews::Deleted(number));
            }
            Step::EmptyPolicy(number) if is_terminating && self.policies.remove(&number) => {
                self.show_policy(PolicyNews::Deleted(number));
            }
            Step::CreatePod(number) if is_active && self.pods.insert(number) => {
                self.pod_events.push_back((number, true));
            }
            Step::DeletePod(number) | Step::EmptyPod(number) if self.pods.remove(&number) => {
                self.pod_events.push_back((number, false));
            }
            _ => {}
        }
    }

    fn show_namespace(&mut self, news: NamespaceNews) {
        if self.are_namespaces_watched {
            self.namespaces.push_back(news);
        }
    }

    fn show_policy(&mut self, news: PolicyNews) {
        if self.are_policies_watched {
            self.policy_events.push_back(news);
        }
    }

    /// What happens to the agent and its connections.
    fn connect(&mut self, step: Step) {
        match step {
            Step::Restart => {
                *self = Self {
                    uid: self.uid,
                    life: self.life,
                    policies: std::mem::take(&mut self.policies),
                    protected: std::mem::take(&mut self.protected),
                    pod_events: self.pods.iter().map(|number| (*number, true)).collect(),
                    pods: std::mem::take(&mut self.pods),
                    ..Self::default()
                };
                self.departures.survey.note_unlisted(KIND);
            }
            Step::LoseNamespaces => {
                self.are_namespaces_watched = false;
                self.namespaces.clear();
            }
            Step::LosePolicies => {
                self.are_policies_watched = false;
                self.policy_events.clear();
            }
            Step::ListNamespaces if !self.are_namespaces_watched => {
                self.are_namespaces_watched = true;
                self.namespaces.push_back(NamespaceNews::List(self.life.map(|life| (self.uid, life))));
            }
            Step::ListPolicies if !self.are_policies_watched => {
                self.are_policies_watched = true;
                let list = [PolicyNews::ListBegan, PolicyNews::ListEnded(self.policies.clone())];
                self.policy_events.extend(list);
            }
            _ => {}
        }
    }

    fn tell(&mut self, event: Option<Event>) {
        if let Some(Event::Upsert(resource)) = event {
            self.told.insert(resource.key());
        }
    }

    fn hear_namespaces(&mut self) {
        let news = self.namespaces.pop_front();
        self.are_namespaces_listed |= matches!(news, Some(NamespaceNews::List(_)));
        match news {
            Some(NamespaceNews::Present(uid, life) | NamespaceNews::List(Some((uid, life)))) => {
                self.knows_namespace = true;
                let event = self.departures.note_namespace(&namespace(), &uid.to_string(), life, now());
                self.tell(event);
            }
            Some(NamespaceNews::Gone | NamespaceNews::List(None)) => {
                if std::mem::take(&mut self.knows_namespace) {
                    self.departures.note_namespace_gone(&namespace(), now());
                }
            }
            None => {}
        }
    }

    fn hear_policies(&mut self) {
        match self.policy_events.pop_front() {
            Some(PolicyNews::Present(number)) => self.present(number),
            Some(PolicyNews::Deleted(number)) => self.deleted(number),
            Some(PolicyNews::ListBegan) => self.departures.survey.note_unlisted(KIND),
            Some(PolicyNews::ListEnded(list)) => {
                let missing: Vec<u8> = self.mirror.difference(&list).copied().collect();
                list.into_iter().for_each(|number| self.present(number));
                missing.into_iter().for_each(|number| self.deleted(number));
                self.are_policies_listed = true;
                self.departures.survey.note_listed(KIND);
            }
            None => {}
        }
    }

    fn present(&mut self, number: u8) {
        self.mirror.insert(number);
        self.heard.insert(number);
        self.departures.note_present(&policy(number));
        self.told.insert(policy(number));
    }

    fn deleted(&mut self, number: u8) {
        self.heard.remove(&number);
        if self.mirror.remove(&number) && self.departures.note_deleted(&policy(number), now()) {
            self.told.remove(&policy(number));
        }
    }

    /// A policy that stood when the namespace was deleted, that the loop could know by now and does not, although a pod lives on.
    pub fn hole(&self) -> Option<u8> {
        if !self.is_in_sync || self.life != Some(Life::Terminating) || self.pods.is_empty() {
            return None;
        }
        // A policy that was made while nobody listened is late as any other is, until somebody could know.
        let is_of_list = |news: &PolicyNews| matches!(news, PolicyNews::ListBegan | PolicyNews::ListEnded(_));
        let is_listing = !self.are_policies_watched || self.policy_events.iter().any(is_of_list);
        let is_late = is_listing || !self.departures.survey.is_complete();
        let is_under_way = |number: &u8| {
            self.policy_events.iter().any(|news| match news {
                PolicyNews::Present(present) => present == number,
                PolicyNews::ListEnded(list) => list.contains(number),
                PolicyNews::ListBegan | PolicyNews::Deleted(_) => false,
            })
        };
        let is_unheard = |number: &u8| is_under_way(number) || is_late && !self.heard.contains(number);
        let stand_in = ResourceKey::Policy(departing_namespace_key(&namespace()));
        let is_closed = |number: &u8| self.told.contains(&policy(*number)) || self.told.contains(&stand_in);
        self.protected.iter().copied().find(|number| !is_unheard(number) && !is_closed(number))
    }

    /// Lets everything arrive and be answered.
    pub fn settle(&mut self) {
        [Step::ListNamespaces, Step::ListPolicies].into_iter().for_each(|step| self.step(step));
        while !(self.namespaces.is_empty() && self.policy_events.is_empty() && self.pod_events.is_empty()) {
            [Step::HearNamespaces, Step::HearPolicies, Step::HearPods]
                .into_iter()
                .for_each(|step| self.step(step));
        }
        for _ in 0..8 {
            let steps = [Step::HearSurvey, Step::Survey, Step::HearSurvey];
            steps.into_iter().for_each(|step| self.step(step));
            (0..self.answers.len()).for_each(|_| self.step(Step::HearAnswer(0)));
            let steps = [Step::AskAgain, Step::Ask, Step::HearAnswer(0)];
            steps.into_iter().for_each(|step| self.step(step));
        }
    }
}
