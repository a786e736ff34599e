//! A source that cannot be reached while a policy named `cut` is in force, or while it is out of order itself.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ferrule_ruleset::address::Family;
use tokio::time::timeout;

use super::*;
use crate::{
    agent::{Remedy, Scope, rollback::Sighting},
    reachability::{Pace, Reachability},
};

/// For how long the source may be silent.
const AFTER: Duration = Duration::from_secs(10);

/// The switch of the source itself.
#[derive(Clone, Default)]
struct Outage(Arc<AtomicBool>);

impl Outage {
    fn set(&self, out: bool) {
        self.0.store(out, Ordering::Relaxed);
    }

    /// An agent that looks for the source.
    fn equip(&self, agent: Agent<Fake>, kernel: &Fake) -> Agent<Fake> {
        let (reachability, outbox, mut pace) = Reachability::channel();
        let (kernel, outage) = (kernel.clone(), self.clone());
        tokio::spawn(async move {
            loop {
                let began = Instant::now();
                // An answer takes its time.
                sleep(Duration::from_millis(20)).await;
                let reachable = kernel.rules_of(&key("cut")) == 0 && !outage.0.load(Ordering::Relaxed);
                if outbox.send(Sighting { began, reachable }).await.is_err() {
                    return;
                }
                let interval = match *pace.borrow_and_update() {
                    Pace::Steady => Duration::from_secs(5),
                    Pace::Urgent => Duration::from_millis(500),
                };
                // Either the time is up or the pace changes.
                let _ = timeout(interval, pace.changed()).await;
            }
        });
        agent.with_rollback(AFTER, Scope::NodeChanges, reachability)
    }
}

impl World {
    /// With a pod, a host endpoint and a policy `good` in force, and the source in reach.
    async fn in_reach<F: Future<Output = ()>>(script: impl FnOnce(Self, Outage) -> F) {
        let outage = Outage::default();
        let equip = |agent, kernel: &Fake| outage.equip(agent, kernel);
        Self::play_with(equip, async |world: Self| {
            world.start(vec![allow("good", 80), host()]).await;
            sleep(Duration::from_secs(10)).await;
            assert_eq!(world.in_force(), (1, 0));
            assert_eq!(world.shortfalls(), Vec::<String>::new());
            script(world, outage.clone()).await;
        })
        .await;
    }

    /// How many rules of `good` and of `cut` are in force.
    fn in_force(&self) -> (usize, usize) {
        (self.kernel.rules_of(&key("good")), self.kernel.rules_of(&key("cut")))
    }

    fn remedy(&self) -> Option<Remedy> {
        self.status.borrow().cut.as_ref().map(|cut| cut.remedy)
    }
}

async fn seconds(number: u64) {
    sleep(Duration::from_secs(number)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cuts_off_is_taken_back_and_named() {
    World::in_reach(async |world, _| {
        let before = world.kernel.held();
        world.tell(allow("cut", 80)).await;
        seconds(9).await;
        assert_eq!((world.in_force(), world.remedy()), ((1, 1), None), "it is given time");
        seconds(2).await;
        assert_eq!(world.kernel.held(), before);
        let shortfalls = world.shortfalls();
        assert_eq!(shortfalls.len(), 1, "{shortfalls:?}");
        assert!(
            shortfalls[0].contains("was taken back") && shortfalls[0].contains("ingress/gnp/cut"),
            "{shortfalls:?}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_rejected_stays_out_until_the_sources_want_something_else() {
    World::in_reach(async |world, _| {
        world.tell(allow("cut", 80)).await;
        seconds(11).await;
        let attempts = world.kernel.attempts();
        world.tell(allow("cut", 80)).await;
        seconds(600).await;
        assert_eq!((world.kernel.attempts(), world.in_force()), (attempts, (1, 0)));

        world.kernel.flush();
        world.settle().await;
        assert_eq!(world.in_force(), (1, 0), "a repair is of what is in force");

        world.tell(Event::Delete(ResourceKey::Policy(key("cut")))).await;
        world.tell(allow("third", 80)).await;
        world.settle().await;
        assert_eq!(world.kernel.rules_of(&key("third")), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_mended_in_time_is_not_taken_back() {
    World::in_reach(async |world, _| {
        world.tell(allow("cut", 80)).await;
        seconds(5).await;
        world.tell(Event::Delete(ResourceKey::Policy(key("cut")))).await;
        world.tell(allow("third", 80)).await;
        seconds(60).await;
        assert_eq!((world.kernel.rules_of(&key("third")), world.remedy()), (1, None));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_second_change_does_not_hide_the_first_or_gain_it_time() {
    World::in_reach(async |world, _| {
        let before = world.kernel.held();
        world.tell(allow("cut", 80)).await;
        seconds(8).await;
        world.tell(allow("third", 80)).await;
        seconds(3).await;
        assert_eq!(world.kernel.held(), before, "both are taken back, to what was proven");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_was_out_of_reach_before_triggers_nothing() {
    World::in_reach(async |world, outage| {
        outage.set(true);
        seconds(10).await;
        world.tell(allow("cut", 80)).await;
        seconds(600).await;
        assert_eq!((world.in_force(), world.remedy()), ((1, 1), None));
    })
    .await;
}

/// Where nothing judges the node's own packets, a source that falls silent just then undoes nothing.
#[tokio::test(start_paused = true)]
async fn a_change_for_workloads_alone_is_not_on_trial() {
    let outage = Outage::default();
    World::play_with(
        |agent, kernel| outage.equip(agent, kernel),
        async |world| {
            world.start(vec![allow("good", 80)]).await;
            seconds(10).await;
            world.tell(allow("third", 80)).await;
            outage.set(true);
            for _ in 0..30 {
                seconds(1).await;
                assert_eq!((world.kernel.rules_of(&key("third")), world.remedy()), (1, None));
            }
        },
    )
    .await;
}

/// A change for workloads neither ends the trial of one for the node nor makes the next one untried.
#[tokio::test(start_paused = true)]
async fn a_change_for_workloads_does_not_shield_one_for_the_node() {
    let outage = Outage::default();
    World::play_with(
        |agent, kernel| outage.equip(agent, kernel),
        async |world| {
            world.start(vec![allow("good", 80)]).await;
            seconds(10).await;
            world.tell(allow("third", 80)).await;
            world.settle().await;
            world.tell(host()).await;
            world.tell(allow("cut", 80)).await;
            seconds(12).await;
            assert_eq!((world.in_force().1, world.remedy()), (0, Some(Remedy::PutBack)));
            assert_eq!(world.kernel.rules_of(&key("third")), 1, "what was proven or could not cut off stays");
        },
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_not_to_blame_is_made_after_all() {
    World::in_reach(async |world, outage| {
        world.tell(allow("third", 80)).await;
        outage.set(true);
        seconds(11).await;
        assert_eq!((world.kernel.rules_of(&key("third")), world.remedy()), (0, Some(Remedy::PutBack)));
        seconds(11).await;
        assert_eq!((world.kernel.rules_of(&key("third")), world.remedy()), (1, None));
        seconds(600).await;
        assert_eq!(world.kernel.rules_of(&key("third")), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn rejections_in_a_row_wait_longer_and_longer() {
    World::in_reach(async |world, _| {
        world.tell(allow("cut", 80)).await;
        seconds(12).await;
        world.tell(allow("cut", 81)).await;
        seconds(1).await;
        assert_eq!(world.in_force(), (1, 1), "the first time something else is tried at once");
        seconds(11).await;
        assert_eq!(world.in_force(), (1, 0));
        world.tell(allow("cut", 82)).await;
        seconds(25).await;
        assert_eq!(world.in_force(), (1, 0), "the second time not before 30 s have passed");
        seconds(6).await;
        assert_eq!(world.in_force(), (1, 1));
        seconds(11).await;
        world.tell(allow("cut", 83)).await;
        seconds(50).await;
        assert_eq!(world.in_force(), (1, 0));
    })
    .await;
}

/// The ruleset that is found at the start counts as one that worked, if all of it is known.
#[tokio::test(start_paused = true)]
async fn the_first_change_after_a_restart_can_be_taken_back() {
    for whole in [true, false] {
        let left = Arc::new(std::sync::Mutex::new(None));
        World::in_reach(async |world, _| *left.lock().unwrap() = world.kernel.held()).await;
        let mut left = left.lock().unwrap().take().unwrap();
        if !whole {
            let table = left.tables.get_mut(Family::V4);
            let mut chain = (*table.chains["forward"]).clone();
            chain.rules[0].statements.clear();
            table.chains.insert(chain.name.clone(), Arc::new(chain));
        }
        let outage = Outage::default();
        World::play_with(
            |agent, kernel| outage.equip(agent, kernel),
            async |world| {
                world.kernel.hold(Some(left.clone()));
                world.start(vec![allow("good", 80), host(), allow("cut", 80)]).await;
                seconds(12).await;
                let expected = if whole { (0, Remedy::PutBack) } else { (1, Remedy::NothingToPutBack) };
                assert_eq!((world.in_force().1, world.remedy()), (expected.0, Some(expected.1)));
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_was_enforced_there_is_no_way_back_and_that_shows_until_the_source_answers() {
    let outage = Outage::default();
    World::play_with(
        |agent, kernel| outage.equip(agent, kernel),
        async |world| {
            world.start(vec![allow("cut", 80)]).await;
            seconds(12).await;
            assert_eq!((world.in_force(), world.remedy()), ((0, 1), Some(Remedy::NothingToPutBack)));
            assert!(world.shortfalls()[0].contains("no earlier ruleset"), "{:?}", world.shortfalls());
            world.tell(Event::Delete(ResourceKey::Policy(key("cut")))).await;
            seconds(2).await;
            assert_eq!(world.shortfalls(), Vec::<String>::new());
        },
    )
    .await;
}
