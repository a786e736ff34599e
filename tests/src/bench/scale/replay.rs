//! An agent whose source are lines of text: watch events, decoded, converted and told to the loop as the source for API servers does it.
//!
//! Answers on standard output: to `sync` with `ready` once the kernel holds everything; to each event after that with two numbers of microseconds: those
//! until the kernel held it, from the line to the end of the reconciliation, and those of them in which the kernel worked on the batches themselves.

use std::{
    collections::BTreeMap,
    hash::RandomState,
    io::{self, BufRead as _, Write as _},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use ferrule_agent::{
    agent::{Agent, Reconciler},
    conntrack,
    dataplane::{Kernel, KernelTime},
    metrics::Metrics,
    source::{
        Message, Report, Source,
        kubernetes::{mirror::Mirror, object::Line},
        manifests::Locations,
    },
    status::Status,
};
use ferrule_ruleset::{
    compile::Options,
    convert::{self, Conversion},
    event::Event,
    links::{Links, ObservedLinks},
    manifest::pruned::Keep,
    name::NodeName,
    resource::Resource,
};
use tokio::sync::{mpsc, watch};

use crate::bench::population::NODE;

/// How many events the source tells at once before it is in sync.
const PAGE: usize = 500;
/// How many messages may wait for the loop.
const INBOX: usize = 64;

/// Works until standard input ends.
pub fn run() -> Result<()> {
    let node = NodeName::from(NODE);
    let (sender, inbox) = mpsc::channel(INBOX);
    let awaited = Source::Kubernetes.awaited_with();
    let (status, watched) = watch::channel(Status::new(node.clone(), awaited, tokio::time::Instant::now()));
    let metrics = Arc::new(Metrics::new());
    let (told, time) = std::sync::mpsc::channel();
    let source = thread::spawn(move || read(&sender, watched, &time.recv()?));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let kernel = Kernel::start()?;
        told.send(kernel.time())?;
        let reconciler = Reconciler::new(node, Options::default(), kernel, Arc::clone(&metrics));
        let agent = Agent::new(reconciler, inbox, status, Locations::default(), metrics)
            .with_conntrack(conntrack::start()?);
        // It ends when the source does.
        agent.run().await.err();
        anyhow::Ok(())
    })?;
    source.join().map_err(|_| anyhow::anyhow!("the source panicked"))?
}

fn read(
    sender: &mpsc::Sender<Message>,
    mut status: watch::Receiver<Status>,
    kernel: &KernelTime,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tell =
        |source, report| sender.blocking_send(Message { source, report }).context("the loop has ended");
    tell(Source::Links, Report::Events(vec![Event::Links(Links::Observed(ObservedLinks::default()))]))?;
    tell(Source::Links, Report::InSync)?;
    let mut decoder = Decoder::new();
    let tiers = ["default", "kube-admin", "kube-baseline"].map(convert::built_in_tier);
    let tiers = tiers.into_iter().flatten().map(|tier| Event::Upsert(Resource::Tier(tier)));
    tell(Source::Kubernetes, Report::Events(tiers.collect()))?;
    let mut in_sync = false;
    let mut page = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let began = Instant::now();
        let before = status.borrow().reconciliations;
        let kernel_before = kernel.total();
        if line == "sync" {
            tell(Source::Kubernetes, Report::Events(std::mem::take(&mut page)))?;
            tell(Source::Kubernetes, Report::InSync)?;
            in_sync = true;
        } else {
            page.extend(decoder.decode(&line)?);
            if in_sync && page.is_empty() {
                answer(&times(began.elapsed(), Duration::ZERO))?;
                continue;
            }
            if !in_sync && page.len() < PAGE {
                continue;
            }
            tell(Source::Kubernetes, Report::Events(std::mem::take(&mut page)))?;
            if !in_sync {
                continue;
            }
        }
        runtime.block_on(status.wait_for(|status| status.reconciliations > before))?;
        let times = times(began.elapsed(), kernel.total() - kernel_before);
        answer(if line == "sync" { "ready" } else { &times })?;
    }
    Ok(())
}

fn times(total: Duration, kernel: Duration) -> String {
    let [total, kernel] = [total, kernel].map(|time| time.as_secs_f64() * 1e6);
    format!("{total:.1} {kernel:.1}")
}

fn answer(text: &str) -> Result<()> {
    println!("{text}");
    Ok(io::stdout().flush()?)
}

/// A kind that is followed.
#[derive(Debug)]
struct Kind {
    api: (&'static str, &'static str),
    keep: Keep,
    mirror: Mirror,
}

/// What the source remembers, kind by kind.
#[derive(Debug, Default)]
struct Decoder {
    kinds: BTreeMap<String, Kind>,
    digests: RandomState,
}

impl Decoder {
    fn new() -> Self {
        let kinds = convert::followed().into_iter().filter_map(|followed| {
            let api = *followed.apis.first()?;
            Some((
                format!("{} {}", api.0, api.1),
                Kind { api, keep: followed.keep, mirror: Mirror::default() },
            ))
        });
        Self { kinds: kinds.collect(), digests: RandomState::new() }
    }

    /// The event that a line is; none if it says nothing new.
    fn decode(&mut self, line: &str) -> Result<Option<Event>> {
        let (kind, text) = line.split_once('\t').context("a kind and an event")?;
        let Kind { api, keep, mirror } = self.kinds.get_mut(kind).context("a kind that is followed")?;
        let line = Line::read(text.as_bytes(), *keep).map_err(|failure| anyhow!("{failure:?}"))?;
        let (Line::Present(object) | Line::Deleted(object)) = &line else { bail!("no event of an object") };
        let key = convert::identity(&object.tree, Some(*api)).context("an object without identity")?;
        if matches!(line, Line::Deleted(_)) {
            return Ok(mirror.forget(&key.place()).then_some(Event::Delete(key)));
        }
        let digest = object.digest(&self.digests);
        let known = mirror.note_known(&key.place(), digest);
        if known == Some(false) {
            return Ok(None);
        }
        let Conversion::Object(converted) = convert::convert(&object.tree, Some(*api)) else {
            bail!("not an object")
        };
        if known.is_none() {
            mirror.note(converted.key.place(), digest);
        }
        Ok(Some(converted.resource.map_or(Event::Delete(key), Event::Upsert)))
    }
}
