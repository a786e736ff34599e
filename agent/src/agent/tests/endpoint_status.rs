//! Which endpoints files are kept for.

use std::{collections::BTreeSet, sync::mpsc as std_mpsc};

use super::*;
use crate::endpoint_status::{self, EndpointStatus, EndpointStatusFiles, Endpoints};

/// The links of the node are these.
fn links(names: &[&InterfaceName]) -> Event {
    let names = names.iter().copied().cloned().collect();
    Event::Links(Links::Observed(ObservedLinks { names, ..ObservedLinks::default() }))
}

fn web() -> ObjectName {
    ObjectName::new("default", "web-0")
}

fn interface() -> InterfaceName {
    InterfacePrefix::default().interface_of(&web())
}

/// What is to be kept for the pod of [`World::start`] at its interface.
fn up() -> Endpoints {
    let addresses = BTreeSet::from(["10.0.0.1".parse().unwrap()]);
    Endpoints::from([(web(), EndpointStatus::new(&interface(), &addresses))])
}

/// All orders since the last time.
fn orders(inbox: &std_mpsc::Receiver<Endpoints>) -> Vec<Endpoints> {
    inbox.try_iter().collect()
}

async fn play<F: Future<Output = ()>>(
    script: impl FnOnce(World, std_mpsc::Receiver<Endpoints>, mpsc::Sender<endpoint_status::Report>) -> F,
) {
    let (files, inbox, outbox) = EndpointStatusFiles::channel();
    World::play_with(
        |agent, _| agent.with_endpoint_status(Some(files)),
        |world| script(world, inbox, outbox),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_file_is_kept_while_the_interface_exists_and_the_kernel_has_the_pod() {
    play(async |world, inbox, _outbox| {
        world.start(Vec::new()).await;
        assert_eq!(orders(&inbox), [Endpoints::new()], "no interface yet, but what was left behind goes");

        world.send(Source::Links, Report::Events(vec![links(&[&interface()])])).await;
        world.settle().await;
        assert_eq!(orders(&inbox).last(), Some(&up()));

        world.send(Source::Links, Report::Events(vec![links(&[])])).await;
        world.settle().await;
        assert_eq!(orders(&inbox).last(), Some(&Endpoints::new()), "the interface went before the pod");

        world.send(Source::Links, Report::Events(vec![links(&[&interface()])])).await;
        world.tell(Event::Delete(ResourceKey::Pod(web()))).await;
        world.settle().await;
        assert_eq!(orders(&inbox).last(), Some(&Endpoints::new()), "the pod went before the interface");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_to_be_in_force_before_the_kernel_has_it() {
    play(async |world, inbox, _outbox| {
        world.kernel.fail_next(vec![CommitError::Failed("busy".to_owned())]);
        world.start(vec![links(&[&interface()])]).await;
        world.send(Source::Links, Report::Events(vec![links(&[&interface()])])).await;
        world.settle().await;
        assert_eq!(orders(&inbox), Vec::<Endpoints>::new());
        sleep(Duration::from_secs(2)).await;
        assert_eq!(orders(&inbox).last(), Some(&up()));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_an_address_is_waited_for() {
    play(async |world, inbox, _outbox| {
        world.start(Vec::new()).await;
        let Event::Upsert(Resource::Pod(pod)) = pod("web-0") else { panic!("a pod") };
        world.tell(Event::Upsert(Resource::Pod(Pod { addresses: Vec::new(), ..pod }))).await;
        world.send(Source::Links, Report::Events(vec![links(&[&interface()])])).await;
        world.settle().await;
        assert_eq!(orders(&inbox).last(), Some(&Endpoints::new()));
    })
    .await;
}

/// What cannot be written is told until it can be, and ends neither readiness nor the loop.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_a_finding() {
    play(async |world, _inbox, outbox| {
        world.start(Vec::new()).await;
        let problems = vec!["/run/x: no space".to_owned(), "/run/y: no space".to_owned()];
        outbox.send(endpoint_status::Report { problems }).await.unwrap();
        world.settle().await;
        let findings: Vec<String> = world.status.borrow().findings().map(ToString::to_string).collect();
        assert_eq!(findings.len(), 1);
        assert!(findings[0].contains("/run/x: no space (and 1 more)"), "{findings:?}");
        assert_eq!(world.shortfalls(), Vec::<String>::new());
        outbox.send(endpoint_status::Report::default()).await.unwrap();
        world.settle().await;
        assert_eq!(world.status.borrow().findings().count(), 0);
    })
    .await;
}
