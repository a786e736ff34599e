//! Figure: an agent in a cluster of 250,000 pods and 10,000 policies: its memory, and how long one event takes from its text to the kernel.
//!
//! The agent is a process of its own, so that its memory is its own, and hears of everything in the words of a watch. Beside each time stands what the kernel
//! alone took for the batches of the event, which is what no agent can do without, and what is left.

mod mix;
pub mod replay;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use super::{memory::Memory, population::Population};
use crate::{agent::program, namespace::Namespace};
use mix::{Happening, Kind};

const POPULATION: Population =
    Population { namespaces: 1000, pods: 250_000, local_pods: 200, policies: 10_000 };
/// Rounds of the ordinary mix, of eight events each.
const ROUNDS: usize = 400;
const NAMESPACES: usize = 40;

/// Measures and prints.
pub fn run() -> Result<()> {
    let population = POPULATION.scaled();
    println!(
        "{} pods ({} here), {} policies, {} namespaces, by watch events",
        population.pods, population.local_pods, population.policies, population.namespaces
    );
    let namespace = Namespace::create("scale")?;
    namespace.execute("ip", &["link", "set", "lo", "up"], "")?;
    let mut agent = Replay::start(&namespace)?;
    println!("  at rest                      {}", agent.memory()?);
    let began = Instant::now();
    for object in population.objects() {
        agent.tell(&mix::event("ADDED", &object))?;
    }
    agent.tell("sync")?;
    ensure!(agent.answer()? == "ready", "the agent is not ready");
    println!("  everything told in {:6.1} s   {}", began.elapsed().as_secs_f64(), agent.memory()?);
    let ordinary = agent.replay(mix::ordinary(&population, ROUNDS))?;
    println!(
        "  after {} events            {}",
        ordinary.values().map(Vec::len).sum::<usize>(),
        agent.memory()?
    );
    let all: Vec<Time> = ordinary.values().flatten().copied().collect();
    print_times("all of the ordinary mix", all);
    ordinary.into_iter().for_each(|(kind, times)| print_times(&format!("{kind:?}"), times));
    let rare = agent.replay(mix::relabelled_namespaces(&population, NAMESPACES))?;
    rare.into_iter().for_each(|(kind, times)| print_times(&format!("{kind:?}"), times));
    println!("  at the end                   {}", agent.memory()?);
    Ok(())
}

/// How long an event took, in microseconds.
#[derive(Clone, Copy, Debug)]
struct Time {
    /// From its text to the kernel.
    total: f64,
    /// In the kernel alone.
    kernel: f64,
}

fn print_times(name: &str, times: Vec<Time>) {
    let total = quantiles(times.iter().map(|time| time.total));
    let kernel = quantiles(times.iter().map(|time| time.kernel));
    let ours = quantiles(times.iter().map(|time| time.total - time.kernel));
    let count = times.len();
    println!("  {name:24} {total}; the kernel alone {kernel}; without it {ours} ({count} events)");
}

fn quantiles(times: impl Iterator<Item = f64>) -> String {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    let at =
        |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let [median, late, last] = [0.5, 0.99, 1.0].map(|share| at(share).copied().unwrap_or_default());
    format!("median {median:5.0} us, p99 {late:5.0}, longest {last:5.0}")
}

/// The agent.
#[derive(Debug)]
struct Replay {
    child: Child,
    events: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Replay {
    fn start(namespace: &Namespace) -> Result<Self> {
        let mut command = namespace.command(program("ferrule-replay", "FERRULE_REPLAY")?)?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start the agent")?;
        let events = child.stdin.take().context("its input")?;
        let answers = child.stdout.take().context("its output")?;
        Ok(Self { child, events: BufWriter::new(events), answers: BufReader::new(answers) })
    }

    fn tell(&mut self, line: &str) -> Result<()> {
        writeln!(self.events, "{line}").context("the agent has ended")
    }

    fn answer(&mut self) -> Result<String> {
        self.events.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the agent has ended");
        Ok(line.trim().to_owned())
    }

    /// Tells events one by one; how long each took, by kind.
    fn replay(&mut self, events: impl Iterator<Item = Happening>) -> Result<BTreeMap<Kind, Vec<Time>>> {
        let mut times: BTreeMap<Kind, Vec<Time>> = BTreeMap::new();
        for Happening { kind, text } in events {
            self.tell(&text)?;
            let answer = self.answer()?;
            let (total, kernel) = answer.split_once(' ').context("two times")?;
            let time = Time { total: total.parse()?, kernel: kernel.parse()? };
            times.entry(kind).or_default().push(time);
        }
        Ok(times)
    }

    /// What it holds now and held at most.
    fn memory(&self) -> Result<Memory> {
        Memory::of(self.child.id())
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
