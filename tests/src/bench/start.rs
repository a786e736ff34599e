//! Figure: from the start of the agent to everything programmed, beside `nft -f` of the same text.

use std::time::Instant;

use anyhow::Result;
use ferrule_ruleset::{compile::Options, render::render};

use super::{
    pipeline::Pipeline,
    ratio::{Ratios, median},
    universe::{NODE, Ports, Scale, Selectors},
};
use crate::{agent::Agent, namespace::Namespace};

const ROUNDS: usize = 5;
/// 1,000 policies with 5 rules in either direction, 10,000 remote addresses in 100 groups.
const SCALE: Scale = Scale {
    namespaces: 100,
    local_pods: 100,
    policies: 10,
    rules: 5,
    peers: 10_000,
    ports: Ports::Distinct,
    selectors: Selectors::Groups(100),
};

/// Measures and prints.
pub fn run() -> Result<()> {
    println!(
        "Start to everything programmed: 100 local pods, 1,000 policies x 10 rules, 10,000 remote addresses"
    );
    let manifests = tempfile::tempdir()?;
    std::fs::write(manifests.path().join("all.json"), SCALE.manifests())?;
    let (_, ruleset) = Pipeline::new(&SCALE.manifests(), Options::default());
    let text = render(&ruleset);
    let mut times = Ratios::new(3);
    let mut memory = Vec::new();
    for _ in 0..ROUNDS {
        let (theirs, ours) = (Namespace::create("nft")?, Namespace::create("agent")?);
        ours.execute("ip", &["link", "set", "lo", "up"], "")?;
        let started = Instant::now();
        theirs.execute("nft", &["-f", "-"], &text)?;
        let loaded = started.elapsed();
        let mut ready = Vec::new();
        for _ in 0..2 {
            let started = Instant::now();
            let mut agent = Agent::start(&ours, NODE, manifests.path(), &[])?;
            agent.wait_ready(&ours)?;
            ready.push(started.elapsed());
            memory.push(agent.peak_memory()?);
            agent.end()?;
        }
        times.round([loaded, ready[0], ready[1]].map(|time| time.as_secs_f64() * 1e3).to_vec());
    }
    for (index, name) in [
        "nft -f of the same text",
        "ferrule-agent, process start to ready",
        "ferrule-agent, restart on that kernel state",
    ]
    .iter()
    .enumerate()
    {
        println!("  {name:45} {:7.1} ms x{:.2}", times.median(index), times.ratio(index));
    }
    println!("  peak memory of the agent: {:.1} MiB", median(memory));
    Ok(())
}
