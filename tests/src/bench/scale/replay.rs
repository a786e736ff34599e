//! An agent whose source are lines of text: watch events, decoded, converted and told to the loop as the source for API servers does it.
//!
//! Answers on standard output: to `sync` with `ready` once the kernel holds everything; to each event after that with the microseconds until the kernel
//! held it, from the line to the end of the reconciliation.

use std::{
    io::{self, BufRead as _, Write as _},
    sync::Arc,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use ferrule_agent::{
    agent::{Agent, Reconciler},
    conntrack,
    dataplane::Kernel,
    metrics::Metrics,
    source::{Message, Report, Source, manifests::Locations},
    status::Status,
};
use ferrule_ruleset::{
    compile::Options,
    convert::{Conversion, convert},
    event::Event,
    links::{Links, ObservedLinks},
    manifest::node::{Node, Value},
    name::NodeName,
};
use serde_json::Value as Json;
use tokio::sync::{mpsc, watch};

use super::population::NODE;

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
    let source = thread::spawn(move || read(&sender, watched));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let reconciler = Reconciler::new(node, Options::default(), Kernel::start()?, Arc::clone(&metrics));
        let agent = Agent::new(reconciler, inbox, status, Locations::default(), metrics)
            .with_conntrack(conntrack::start()?);
        // It ends when the source does.
        agent.run().await.err();
        anyhow::Ok(())
    })?;
    source.join().map_err(|_| anyhow::anyhow!("the source panicked"))?
}

fn read(sender: &mpsc::Sender<Message>, mut status: watch::Receiver<Status>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tell = |source, report| sender.blocking_send(Message { source, report }).context("the loop has ended");
    tell(Source::Links, Report::Events(vec![Event::Links(Links::Observed(ObservedLinks::default()))]))?;
    tell(Source::Links, Report::InSync)?;
    let mut in_sync = false;
    let mut page = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let began = Instant::now();
        let before = status.borrow().reconciliations;
        if line == "sync" {
            tell(Source::Kubernetes, Report::Events(std::mem::take(&mut page)))?;
            tell(Source::Kubernetes, Report::InSync)?;
            in_sync = true;
        } else {
            page.push(decode(&line)?);
            if !in_sync && page.len() < PAGE {
                continue;
            }
            tell(Source::Kubernetes, Report::Events(std::mem::take(&mut page)))?;
            if !in_sync {
                continue;
            }
        }
        runtime.block_on(status.wait_for(|status| status.reconciliations > before))?;
        let microseconds = began.elapsed().as_secs_f64() * 1e6;
        if line == "sync" {
            println!("ready");
        } else {
            println!("{microseconds:.1}");
        }
        io::stdout().flush()?;
    }
    Ok(())
}

fn decode(line: &str) -> Result<Event> {
    let mut event: Json = serde_json::from_str(line)?;
    let node = tree(event["object"].take());
    let Conversion::Object(converted) = convert(&node, None) else { bail!("not an object: {line}") };
    Ok(match (event["type"].as_str(), converted.resource) {
        (Some("DELETED"), _) | (_, None) => Event::Delete(converted.key),
        (_, Some(resource)) => Event::Upsert(resource),
    })
}

fn tree(json: Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(text.into()),
        Json::Array(items) => Value::List(items.into_iter().map(tree).collect()),
        Json::Object(fields) => {
            Value::Map(fields.into_iter().map(|(name, value)| (name.into(), tree(value))).collect())
        }
    };
    Node { line: 0, value }
}
