//! Figure: one pod more in a set of 100,000 members, from the event to the kernel.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ferrule_agent::dataplane::Kernel;
use ferrule_ruleset::{compile::Options, diff::diff, event::Event, manifest::Directory};

use super::{
    pipeline::Pipeline,
    ratio::median,
    universe::{Ports, Scale, Selectors},
};
use crate::namespace::Namespace;

const MEMBERS: usize = 100_000;
const ADDITIONS: usize = 300;

/// Measures and prints.
pub fn run() -> Result<()> {
    println!("One pod more in a set of {MEMBERS} members, event to kernel, {ADDITIONS} times");
    let few = measure("1,000 policies", 100, 10)?;
    let many = measure("10,000 policies, 1,000 of them of local pods", 1000, 10)?;
    let all = measure("10,000 policies, all of local pods", 100, 100)?;
    println!(
        "  beside 1,000 policies: x{:.2} with 10,000, x{:.2} if all of them are of local pods",
        many / few,
        all / few
    );
    Ok(())
}

/// The median in microseconds, with so many policies in each of so many namespaces, of which 100 have a local pod.
fn measure(what: &str, namespaces: usize, policies: usize) -> Result<f64> {
    let scale = Scale {
        namespaces,
        local_pods: 100,
        policies,
        rules: 1,
        peers: MEMBERS,
        ports: Ports::Distinct,
        selectors: Selectors::Groups(1),
    };
    let events = additions(&scale);
    let (mut pipeline, mut applied) = Pipeline::new(&scale.manifests(), Options::default());
    let namespace = Namespace::create("member")?;
    let times: Vec<[Duration; 2]> = namespace.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let kernel = Kernel::start()?;
            kernel.commit(diff(None, &applied)).await?;
            let mut times = Vec::new();
            for event in events {
                let started = Instant::now();
                let desired = pipeline.step(event);
                let transaction = diff(Some(&applied), &desired);
                let computed = started.elapsed();
                anyhow::ensure!(!transaction.is_empty(), "a pod that is no member");
                kernel.commit(transaction).await?;
                times.push([computed, started.elapsed()]);
                applied = desired;
            }
            Ok(times)
        })
    })?;
    let part = |index: usize| times.iter().map(|time| time[index].as_secs_f64() * 1e6).collect::<Vec<_>>();
    let total = median(part(1));
    let mut sorted = part(1);
    sorted.sort_by(f64::total_cmp);
    let late = sorted.get(sorted.len() * 99 / 100).context("an addition")?;
    println!(
        "  {what:46} median {total:5.0} us (resolve, compile and diff {:3.0} us), 99th percentile {late:5.0} us",
        median(part(0)),
    );
    Ok(total)
}

/// What a source would say of pods that appear.
fn additions(scale: &Scale) -> Vec<Event> {
    let peers = (MEMBERS..MEMBERS + ADDITIONS).map(|index| scale.peer(index).to_string());
    let events = |text: String| Directory::default().update("peer.json", Some(&text));
    peers
        .flat_map(events)
        .filter(|event| matches!(event, Event::Upsert(ferrule_ruleset::resource::Resource::Pod(_))))
        .collect()
}
