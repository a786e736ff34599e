//! A case: a folder with objects, flows with their expected verdicts, and the text of the ruleset that they compile to.
//!
//! ```text
//! cases/<behaviour>/*.yaml          what the cluster holds; the first line of the first file says what is shown and why it is so
//!                   flows.txt       one line per expectation, see [`line`]
//!                   arguments       optional: settings for agent and tool, one --NAME=VALUE per line
//!                   errors.txt      optional: a text for each error that the agent is expected to log
//!                   ruleset.nft     what `ferrule render` prints for each node (written by UPDATE_EXPECT=1)
//! ```

pub mod line;

use std::{
    collections::BTreeSet,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use ferrule_ruleset::{
    address::Family,
    compile::Options,
    settings::{EndpointToHost, NodePortPolicy, Switch},
};
use serde_json::Value;

use crate::{
    cluster::{Cluster, Place},
    flow::{Flow, Peer},
    objects,
    probe::{Delivery, Probe, Request},
    proxy::Proxy,
    reference::Reference,
    topology::Topology,
    verdict::Outcome,
};
use line::Line;

/// A case as its folder holds it.
#[derive(Debug)]
pub struct Case {
    /// The name of the folder.
    pub name: String,
    /// The folder; a directory of manifests as well.
    pub directory: PathBuf,
    /// Everything in it.
    pub objects: Vec<Value>,
    /// Its nodes and pods.
    pub cluster: Cluster,
    /// What kube-proxy makes of its Services.
    pub proxy: Proxy,
    /// Settings for the agent and for `ferrule`, as on their command lines.
    pub arguments: Vec<String>,
    /// Texts that lines of the agent's log at level ERROR contain; no other error is expected.
    pub errors: Vec<String>,
    /// What is expected, flow by flow.
    pub questions: Vec<Question>,
}

/// One flow of a case, in one family.
#[derive(Clone, Debug)]
pub struct Question {
    /// The place of the expectation in `flows.txt`, from 1.
    pub number: usize,
    /// The line it is one instance of.
    pub line: Line,
    /// The request as a packet.
    pub probe: Probe,
}

impl Case {
    /// Reads a case.
    pub fn read(directory: &Path) -> Result<Self> {
        let name =
            directory.file_name().and_then(|name| name.to_str()).context("name of the case")?.to_owned();
        let objects = objects::from_folder(directory)?;
        let cluster = Cluster::from_objects(&objects);
        let arguments = lines(&directory.join("arguments"))?;
        let reference = reference(&objects, &arguments)?;
        let flows = directory.join("flows.txt");
        let text = fs::read_to_string(&flows).with_context(|| format!("read {}", flows.display()))?;
        let mut questions = Vec::new();
        for (number, text) in (1..).zip(text.lines()) {
            let place = || format!("{}:{number}: {text}", flows.display());
            for line in Line::parse(text).with_context(place)? {
                let probes = line.probes(&cluster).with_context(place)?;
                for probe in probes {
                    let mut question = Question { number, line: line.clone(), probe };
                    let arrives = reference.destination(&question.flow());
                    question.probe.arrives = arrives.map_err(anyhow::Error::msg).with_context(place)?;
                    questions.push(question);
                }
            }
        }
        ensure!(!questions.is_empty(), "{} expects nothing", flows.display());
        let errors = lines(&directory.join("errors.txt"))?;
        let proxy = Proxy::of(&objects, &cluster);
        let directory = directory.to_owned();
        Ok(Self { name, directory, objects, cluster, proxy, arguments, errors, questions })
    }

    /// Every case of this repository, in order; only those whose names contain `CASE`, if that is set in the environment.
    pub fn all() -> Result<Vec<Self>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let wanted = std::env::var("CASE").unwrap_or_default();
        let mut folders = BTreeSet::new();
        for entry in fs::read_dir(&root).with_context(|| format!("read {}", root.display()))? {
            folders.insert(entry?.path());
        }
        let folders = folders.iter().filter(|folder| folder.to_string_lossy().contains(&wanted));
        let cases: Vec<_> = folders.map(|folder| Self::read(folder)).collect::<Result<_>>()?;
        ensure!(!cases.is_empty(), "no case {wanted:?} in {}", root.display());
        Ok(cases)
    }

    /// The settings of the agent that the ruleset depends on.
    pub fn options(&self) -> Result<Options> {
        let mut options = Options::default();
        for argument in &self.arguments {
            match argument.as_str() {
                TO_HOST_DROP => {
                    options.layer.endpoint_to_host = Some(EndpointToHost::Drop);
                }
                CONSISTENT => options.layer.node_ports = Some(NodePortPolicy::Consistent),
                AUTOMATIC => options.layer.auto_host_endpoints = Some(Switch::Enabled),
                _ => bail!("{}: {argument} is not known to the judges", self.name),
            }
        }
        Ok(options)
    }

    /// The reference model of its objects and settings.
    pub fn reference(&self) -> Result<Reference> {
        reference(&self.objects, &self.arguments)
    }

    /// Addresses that flows name and that belong to no pod, no node and no Service.
    pub fn outside(&self) -> BTreeSet<IpAddr> {
        let ends = self.questions.iter().flat_map(|question| [question.probe.source, question.probe.arrives]);
        ends.filter(|address| self.cluster.owner(*address) == Place::Outside).collect()
    }

    /// Its namespaces, wired up. The world outside has a route to every address of a Service that it calls.
    pub fn topology(&self) -> Result<Topology> {
        let topology = Topology::build(&self.name, &self.cluster, &self.outside())?;
        for Question { line, probe, .. } in &self.questions {
            if let (Some(node), Place::Outside) = (&line.at, &probe.sender) {
                topology.route(&[probe.destination], node)?;
            }
        }
        Ok(topology)
    }

    /// A failure in words: what was expected, what a judge said instead, and how to look closer.
    pub fn report(&self, judge: &str, question: &Question, said: &str) -> String {
        let Question { number, line, probe } = question;
        let case = &self.name;
        let eval = line.eval_arguments(probe);
        format!(
            "{case}, flows.txt:{number}: {line}\n  {} -> {}: expected {}, {judge}: {said}\n  \
             ferrule eval --manifests {} {eval}",
            probe.source,
            probe.destination,
            line.expectation(),
            self.directory.display(),
        )
    }
}

impl Question {
    /// The question as a flow between addresses.
    pub fn flow(&self) -> Flow {
        let probe = &self.probe;
        let family = match Family::of(&probe.source) {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        let mut flow = Flow {
            from: Peer::Address(probe.source),
            to: Peer::Address(probe.destination),
            protocol: probe.request.protocol().0,
            source_port: None,
            port: None,
            icmp_type: None,
            icmp_code: None,
            family: Some(family),
            at: self.line.at.clone(),
        };
        match probe.request {
            Request::Ports { port, source, .. } => {
                flow.port = Some(port);
                flow.source_port = Some(source.unwrap_or(40_000));
            }
            Request::Icmp { kind, code, .. } => {
                flow.icmp_type = Some(kind);
                flow.icmp_code = Some(code);
            }
            Request::Other(_) => {}
        }
        flow
    }

    /// The verdict in the words of a line.
    pub fn expected(&self) -> &'static str {
        verdict(self.probe.expected)
    }
}

/// A delivery in the words of a line.
pub fn verdict(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Arrived => "allow",
        Delivery::Lost => "deny",
    }
}

const TO_HOST_DROP: &str = "--default-endpoint-to-host-action=Drop";
const CONSISTENT: &str = "--nodeport-policy=consistent";
const AUTOMATIC: &str = "--auto-host-endpoints=enabled";

fn reference(objects: &[Value], arguments: &[String]) -> Result<Reference> {
    let mut reference = Reference::new(objects);
    for argument in arguments {
        reference = match argument.as_str() {
            TO_HOST_DROP => reference.with_endpoint_to_host(Outcome::Deny),
            CONSISTENT => reference.with_consistent_node_ports(),
            AUTOMATIC => reference.with_automatic_host_endpoints(),
            _ => bail!("{argument} is not known to the judges"),
        };
    }
    Ok(reference)
}

/// Reads the lines of a file; no file, no lines.
fn lines(file: &Path) -> Result<Vec<String>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}
