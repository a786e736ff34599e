//! Figure: one pod more in a set of 100,000 members, from the event to the kernel.

use anyhow::Result;
use ferrule_ruleset::{compile::Options, event::Event, manifest::Directory};

use super::{
    pipeline::Pipeline,
    step::Steps,
    universe::{Ports, Scale, Selectors},
};

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
    let (pipeline, start) = Pipeline::new(&scale.manifests(), Options::default());
    let steps = Steps::measure("member", pipeline, start, events)?;
    let ([computed, total], late) = (steps.medians(), steps.late()?);
    println!(
        "  {what:46} median {total:5.0} us (resolve, compile and diff {computed:3.0} us), 99th percentile {late:5.0} us",
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
