//! The loop over a kernel in memory. Time is paused: it passes only while everything waits.
mod endpoint_status;
mod fake;
mod objects;
mod reports;
mod rollback;
mod startup;

use std::{future::Future, time::Duration};

use ferrule_ruleset::{
    compile::{Options, compile},
    event::Event,
    ir::NodePolicy,
    links::{InterfacePrefix, Links, ObservedLinks},
    name::{InterfaceName, ObjectName},
    resource::{Pod, Resource, ResourceKey},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use super::*;
use fake::Fake;
use objects::{allow, host, key, namespace, node, pod};

/// The agent's surroundings.
struct World {
    kernel: Fake,
    sender: mpsc::Sender<Message>,
    status: watch::Receiver<Status>,
}

impl World {
    async fn play<F: Future<Output = ()>>(script: impl FnOnce(Self) -> F) {
        Self::play_with(|agent, _| agent, script).await;
    }

    /// The same with an agent that is made more of.
    async fn play_with<F: Future<Output = ()>>(
        equip: impl FnOnce(Agent<Fake>, &Fake) -> Agent<Fake>,
        script: impl FnOnce(Self) -> F,
    ) {
        let (sender, inbox) = mpsc::channel(64);
        let (status_sender, status) =
            watch::channel(Status::new(node(), Source::Manifests.awaited_with(), Instant::now()));
        let kernel = Fake::default();
        let metrics = Arc::new(Metrics::new());
        let reconciler = Reconciler::new(node(), Options::default(), kernel.clone(), Arc::clone(&metrics));
        let agent = Agent::new(reconciler, inbox, status_sender, Locations::default(), metrics);
        let agent = equip(agent, &kernel);
        let world = Self { kernel, sender, status };
        tokio::select! {
            result = agent.run() => panic!("the agent ended: {:?}", result.err()),
            () = script(world) => {}
        }
    }

    /// With a pod and these policies in force.
    async fn in_step<F: Future<Output = ()>>(policies: &[&str], script: impl FnOnce(Self) -> F) {
        let events = policies.iter().map(|name| allow(name, 80)).collect();
        Self::play(async move |world| {
            world.start(events).await;
            assert_eq!(world.shortfalls(), Vec::<String>::new());
            script(world).await;
        })
        .await;
    }

    /// Both sources deliver what they begin with, with these events besides.
    async fn start(&self, events: Vec<Event>) {
        self.send(Source::Manifests, Report::Events([vec![namespace(), pod("web-0")], events].concat()))
            .await;
        self.send(Source::Manifests, Report::InSync).await;
        self.send(
            Source::Links,
            Report::Events(vec![Event::Links(Links::Observed(ObservedLinks::default()))]),
        )
        .await;
        self.send(Source::Links, Report::InSync).await;
        self.settle().await;
    }

    async fn send(&self, source: Source, report: Report) {
        self.sender.send(Message { source, report }).await.unwrap();
    }

    async fn tell(&self, event: Event) {
        self.send(Source::Manifests, Report::Events(vec![event])).await;
    }

    /// Lets the agent work until it waits for something.
    async fn settle(&self) {
        sleep(Duration::from_millis(1)).await;
    }

    fn shortfalls(&self) -> Vec<String> {
        self.status.borrow().shortfalls(Instant::now())
    }
}

fn unknown(files: &[&str]) -> Report {
    Report::Unknown(files.iter().map(|file| (*file).to_owned()).collect())
}

#[tokio::test(start_paused = true)]
async fn what_is_enforced_stays_while_a_file_has_never_been_read() {
    World::play(async |world| {
        world.kernel.hold(Some(compile(&NodePolicy::default(), &Options::default())));
        world.send(Source::Manifests, unknown(&["policy.yaml"])).await;
        world.start(Vec::new()).await;
        sleep(Duration::from_secs(60)).await;
        assert_eq!(world.kernel.attempts(), 0);
        assert!(
            world.shortfalls().iter().any(|line| line.contains("policy.yaml")),
            "{:?}",
            world.shortfalls()
        );

        world.send(Source::Manifests, unknown(&[])).await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(world.kernel.commits(), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_can_be_read_is_enforced_where_nothing_is_yet() {
    World::play(async |world| {
        world.send(Source::Manifests, unknown(&["policy.yaml"])).await;
        world.start(Vec::new()).await;
        assert_eq!(world.kernel.commits(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_every_source_is_in_sync() {
    World::play(async |world| {
        world.send(Source::Manifests, Report::Events(vec![namespace(), pod("web-0")])).await;
        world.send(Source::Manifests, Report::InSync).await;
        sleep(Duration::from_secs(60)).await;
        assert_eq!((world.kernel.commits(), world.kernel.adoptions()), (0, 0));
        assert_eq!(world.shortfalls(), ["links: not read yet"]);
        world.send(Source::Links, Report::InSync).await;
        world.settle().await;
        assert_eq!(world.kernel.commits(), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn facts_that_arrive_together_are_one_commit() {
    World::in_step(&[], async |world| {
        let before = world.kernel.commits();
        for number in 0..20 {
            world.tell(allow(&format!("policy-{number}"), number)).await;
        }
        world.settle().await;
        assert_eq!(world.kernel.commits(), before + 1);
        assert_eq!(world.kernel.rules_of(&key("policy-19")), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_nothing_changed_writes_nothing() {
    let kernel = Fake::default();
    World::in_step(&["web"], async |world| kernel.hold(world.kernel.held())).await;
    World::play(async |world| {
        world.kernel.hold(kernel.held());
        world.start(vec![allow("web", 80)]).await;
        assert_eq!((world.kernel.commits(), world.kernel.adoptions()), (0, 1));
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_policy_holds_back_nothing_else_and_is_named() {
    World::play(async |world| {
        world.kernel.refuse(&["bad", "worse"]);
        world.start(["bad", "good", "worse"].map(|name| allow(name, 80)).into()).await;
        assert_eq!(world.kernel.rules_of(&key("good")), 1);
        assert_eq!(world.kernel.rules_of(&key("bad")) + world.kernel.rules_of(&key("worse")), 0);
        let shortfalls = world.shortfalls();
        assert_eq!(shortfalls.len(), 2, "{shortfalls:?}");
        assert!(
            shortfalls[0].starts_with("GlobalNetworkPolicy bad: the kernel refuses it: rule `gnp/bad"),
            "{shortfalls:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_policy_is_tried_again_when_it_changes() {
    World::play(async |world| {
        world.kernel.refuse(&["bad"]);
        world.start(vec![allow("bad", 80)]).await;
        world.kernel.refuse(&[]);
        world.tell(allow("bad", 81)).await;
        world.settle().await;
        assert_eq!(world.kernel.rules_of(&key("bad")), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_policy_is_tried_again_from_time_to_time() {
    World::play(async |world| {
        world.kernel.refuse(&["bad"]);
        world.start(vec![allow("bad", 80)]).await;
        let before = world.kernel.attempts();
        sleep(Duration::from_secs(60)).await;
        // 1, 2, 4 … s: each time it is refused, and what is committed stays as it was.
        let tried = world.kernel.attempts() - before;
        assert!((5..=6).contains(&tried), "{tried}");
        world.kernel.refuse(&[]);
        sleep(Duration::from_secs(61)).await;
        assert_eq!(world.kernel.rules_of(&key("bad")), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_policy_is_not_refused_any_more() {
    World::play(async |world| {
        world.kernel.refuse(&["bad"]);
        world.start(vec![allow("bad", 80)]).await;
        world.tell(Event::Delete(ResourceKey::Policy(key("bad")))).await;
        world.settle().await;
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flush_is_undone_at_once() {
    World::in_step(&["web"], async |world| {
        let before = world.kernel.held();
        world.kernel.flush();
        world.settle().await;
        assert_eq!(world.kernel.held(), before);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_foreign_change_that_changes_nothing_is_not_answered() {
    World::in_step(&["web"], async |world| {
        let before = world.kernel.commits();
        world.kernel.touch();
        world.settle().await;
        assert_eq!(world.kernel.commits(), before);
        assert_eq!(world.kernel.adoptions(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_war_is_not_fought_at_full_speed() {
    World::in_step(&["web"], async |world| {
        for _ in 0..REPAIRS.0 {
            world.kernel.flush();
            world.settle().await;
            assert!(world.kernel.held().is_some());
        }
        let before = world.kernel.commits();
        for _ in 0..500 {
            world.kernel.flush();
            world.settle().await;
        }
        assert!(world.kernel.commits() - before <= 10, "{}", world.kernel.commits() - before);
        sleep(Duration::from_secs(2)).await;
        assert!(world.kernel.held().is_some());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stale_transaction_is_made_anew_at_once() {
    World::in_step(&[], async |world| {
        world.kernel.fail_next(vec![CommitError::Stale("generation".to_owned())]);
        world.tell(allow("web", 80)).await;
        world.settle().await;
        assert_eq!(world.kernel.rules_of(&key("web")), 1);
        assert_eq!(world.kernel.adoptions(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_with_growing_pauses_and_shows() {
    World::in_step(&["old"], async |world| {
        let before = world.kernel.held();
        world.kernel.fail_next(vec![CommitError::Failed("no memory".to_owned()); 3]);
        let attempts = world.kernel.attempts();
        world.tell(allow("new", 80)).await;
        // Attempts after 0, 100, 300 and 700 ms.
        for (after, expected) in [(50, 1), (100, 2), (200, 3)] {
            sleep(Duration::from_millis(after)).await;
            assert_eq!(world.kernel.attempts() - attempts, expected);
            assert_eq!(world.kernel.held(), before);
            assert!(world.shortfalls()[0].ends_with("no memory"), "{:?}", world.shortfalls());
        }
        sleep(Duration::from_millis(400)).await;
        assert_eq!(world.kernel.rules_of(&key("new")), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn new_facts_shorten_a_long_pause_but_not_at_any_rate() {
    World::in_step(&[], async |world| {
        world.kernel.fail_next(vec![CommitError::Failed("no memory".to_owned()); 1000]);
        world.tell(allow("web", 80)).await;
        sleep(Duration::from_secs(300)).await;
        let before = world.kernel.attempts();
        for number in 0..50 {
            world.tell(allow("web", number)).await;
            sleep(Duration::from_millis(100)).await;
        }
        let attempts = world.kernel.attempts() - before;
        assert!((4..=7).contains(&attempts), "{attempts}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_an_interface_is_named_after_a_while_and_no_more_when_it_has_one() {
    World::in_step(&["web"], async |world| {
        let unplaced = || world.status.borrow().findings.get(&Source::Endpoints).cloned().unwrap_or_default();
        sleep(Duration::from_secs(29)).await;
        assert_eq!(unplaced(), []);
        sleep(Duration::from_secs(2)).await;
        let told = unplaced();
        assert!(told[0].to_string().contains("Pod default/web-0: no interface"), "{told:?}");
        assert_eq!(world.shortfalls(), Vec::<String>::new());
        let interface = InterfacePrefix::default().interface_of(&ObjectName::new("default", "web-0"));
        let links = ObservedLinks { names: [interface].into_iter().collect(), ..ObservedLinks::default() };
        world.send(Source::Links, Report::Events(vec![Event::Links(Links::Observed(links))])).await;
        world.settle().await;
        assert_eq!(unplaced(), []);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn findings_show_without_ending_readiness() {
    World::in_step(&[], async |world| {
        let finding = ferrule_ruleset::finding::Finding {
            location: None,
            severity: ferrule_ruleset::finding::Severity::Error,
            object: None,
            field: String::new(),
            message: "not YAML".to_owned(),
            consequence: String::new(),
        };
        world.send(Source::Manifests, Report::Findings(vec![finding])).await;
        world.settle().await;
        assert_eq!(world.shortfalls(), Vec::<String>::new());
        assert!(world.status.borrow().text(Instant::now()).contains("error: not YAML"));
    })
    .await;
}
