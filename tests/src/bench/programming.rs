//! Figure: programming a whole ruleset, beside the bare batch of the same objects and beside `nft -f` of the same text.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ferrule_agent::dataplane::{BareBatch, Kernel};
use ferrule_ruleset::{
    address::Family,
    compile::Options,
    diff::{Transaction, diff},
    nft::Ruleset,
    render::render,
};

use super::{
    pipeline::Pipeline,
    ratio::Ratios,
    universe::{Ports, Scale, Selectors},
};
use crate::namespace::Namespace;

const ROUNDS: usize = 7;
/// 249 policies with 10 rules in either direction, in two families; 30 sets, each with all peers.
const SCALE: Scale = Scale {
    namespaces: 83,
    local_pods: 83,
    policies: 3,
    rules: 10,
    peers: 3_400,
    ports: Ports::Distinct,
    selectors: Selectors::Own,
};

/// Measures and prints.
pub fn run() -> Result<()> {
    let (_, ruleset) = Pipeline::new(&SCALE.manifests(), Options::default());
    let text = render(&ruleset);
    let tables = Family::ALL.map(|family| ruleset.table(family));
    let rules: usize =
        tables.iter().flat_map(|table| table.chains.values()).map(|chain| chain.rules.len()).sum();
    let members: usize =
        tables.iter().flat_map(|table| table.sets.values()).map(|set| set.elements.len()).sum();
    println!("Programming {rules} rules with {members} set elements, from nothing");
    let mut times = Ratios::new(3);
    let mut bytes = 0;
    for _ in 0..ROUNDS {
        let [bare, ours, nft] = ["bare", "ours", "nft"].map(Namespace::create);
        let (bare, ours, nft) = (bare?, ours?, nft?);
        let (length, sent) = bare.run(|| send_bare(&ruleset))?;
        bytes = length;
        let committed = ours.run(|| commit(&ruleset))?;
        let started = Instant::now();
        nft.execute("nft", &["-f", "-"], &text)?;
        times.round([sent, committed, started.elapsed()].map(|time| time.as_secs_f64() * 1e3).to_vec());
    }
    let names = [
        format!("bare batch of {} KiB", bytes / 1024),
        "ferrule: diff, encode, commit".to_owned(),
        "nft -f of the same text".to_owned(),
    ];
    for (index, name) in names.iter().enumerate() {
        println!("  {name:40} {:7.1} ms x{:.2}", times.median(index), times.ratio(index));
    }
    Ok(())
}

fn send_bare(ruleset: &Ruleset) -> Result<(usize, Duration)> {
    let Transaction { batches } = diff(None, ruleset);
    let mut batch = BareBatch::prepare(batches.first().context("a batch")?)?;
    let started = Instant::now();
    batch.send()?;
    Ok((batch.length(), started.elapsed()))
}

fn commit(ruleset: &Ruleset) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let kernel = Kernel::start()?;
        let started = Instant::now();
        kernel.commit(diff(None, ruleset)).await?;
        Ok(started.elapsed())
    })
}
