//! From the start until the sources have been read.

use ferrule_ruleset::{
    address::Family,
    diff::diff,
    name::{ChainName, InterfaceName},
    nft::Ruleset,
};

use super::*;

/// The node's links are known, with these names; the source of policy has said nothing yet.
async fn links(world: &World, names: &[&str]) {
    let names = names.iter().map(|name| InterfaceName::from(*name)).collect();
    let links = Links::Observed(ObservedLinks { names, ..ObservedLinks::default() });
    world.send(Source::Links, Report::Events(vec![Event::Links(links)])).await;
    world.send(Source::Links, Report::InSync).await;
    world.settle().await;
}

async fn policy(world: &World) {
    world.send(Source::Manifests, Report::Events(vec![namespace(), pod("web-0"), allow("web", 80)])).await;
    world.send(Source::Manifests, Report::InSync).await;
    world.settle().await;
}

fn protected_by(protection: StartupProtection) -> impl FnOnce(Agent<Fake>, &Fake) -> Agent<Fake> {
    move |agent, _| agent.with_startup_protection(protection, Boot::LongAgo)
}

/// The ruleset that knows no pod.
fn closed() -> Ruleset {
    compile(&NodePolicy::default(), &Options::default())
}

fn is_closed(world: &World) -> bool {
    world.kernel.held().is_some_and(|held| diff(Some(&held), &closed()).is_empty())
}

#[tokio::test(start_paused = true)]
async fn at_boot_workload_interfaces_are_closed_as_soon_as_links_are_known() {
    World::play(async |world| {
        world.settle().await;
        assert_eq!(world.kernel.held(), None);
        links(&world, &["lo", "eth0"]).await;
        assert!(is_closed(&world));
        assert!(world.shortfalls().contains(&"workload interfaces are closed until then".to_owned()));
        policy(&world).await;
        assert_eq!(world.kernel.rules_of(&key("web")), 1);
        assert_eq!(world.shortfalls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn where_workloads_run_already_their_traffic_stays_as_it_is() {
    World::play(async |world| {
        links(&world, &["lo", "cali0123456789a"]).await;
        // Another pod's interface makes no difference either way.
        links(&world, &["lo"]).await;
        assert_eq!(world.kernel.attempts(), 0);
        policy(&world).await;
        assert_eq!(world.kernel.rules_of(&key("web")), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn after_a_boot_workloads_that_were_quicker_than_the_agent_are_closed_too() {
    let booted =
        |agent: Agent<Fake>, _: &Fake| agent.with_startup_protection(StartupProtection::Auto, Boot::Recent);
    World::play_with(booted, async |world| {
        world.settle().await;
        assert!(is_closed(&world), "no link has to be known for that");
        links(&world, &["lo", "cali0123456789a"]).await;
        assert!(is_closed(&world));
        policy(&world).await;
        assert_eq!(world.kernel.rules_of(&key("web")), 1);
    })
    .await;
    let open =
        |agent: Agent<Fake>, _: &Fake| agent.with_startup_protection(StartupProtection::Open, Boot::Recent);
    World::play_with(open, async |world| {
        links(&world, &["lo", "cali0123456789a"]).await;
        assert_eq!(world.kernel.attempts(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn closed_closes_before_anything_is_known_and_open_never_does() {
    World::play_with(protected_by(StartupProtection::Closed), async |world| {
        world.settle().await;
        assert!(is_closed(&world));
        links(&world, &["lo", "cali0123456789a"]).await;
        assert!(is_closed(&world));
    })
    .await;
    World::play_with(protected_by(StartupProtection::Open), async |world| {
        links(&world, &["lo"]).await;
        assert_eq!(world.kernel.attempts(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_agent_left_stays() {
    let left = |agent: Agent<Fake>, kernel: &Fake| {
        kernel.hold(Some(Ruleset::default()));
        agent.with_startup_protection(StartupProtection::Closed, Boot::LongAgo)
    };
    World::play_with(left, async |world| {
        links(&world, &["lo"]).await;
        assert_eq!(world.kernel.held(), Some(Ruleset::default()));
        assert_eq!(world.kernel.attempts(), 0);
        world.kernel.touch();
        world.settle().await;
        assert_eq!(world.kernel.attempts(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_agent_left_does_not_go_without_being_replaced() {
    let left = |protection| {
        move |agent: Agent<Fake>, kernel: &Fake| {
            kernel.hold(Some(Ruleset::default()));
            agent.with_startup_protection(protection, Boot::LongAgo)
        }
    };
    World::play_with(left(StartupProtection::Auto), async |world| {
        links(&world, &["lo", "cali0123456789a"]).await;
        assert_eq!(world.kernel.attempts(), 0);
        world.kernel.flush();
        world.settle().await;
        assert!(is_closed(&world));
    })
    .await;
    World::play_with(left(StartupProtection::Open), async |world| {
        links(&world, &["lo"]).await;
        world.kernel.flush();
        world.settle().await;
        assert_eq!(world.kernel.attempts(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flush_meanwhile_is_undone_and_a_failure_tried_again() {
    World::play(async |world| {
        world.kernel.fail_next(vec![CommitError::Failed("busy".to_owned())]);
        links(&world, &["lo"]).await;
        assert_eq!(world.kernel.held(), None);
        sleep(FRESH_PAUSE).await;
        world.settle().await;
        assert!(is_closed(&world));
        links(&world, &["lo", "cali0123456789a"]).await;
        world.kernel.flush();
        world.settle().await;
        assert!(is_closed(&world));
        let forward = ChainName::from("forward");
        assert!(world.kernel.held().unwrap().table(Family::V4).chains.contains_key(&forward));
    })
    .await;
}
