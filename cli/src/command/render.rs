//! `ferrule render`: the ruleset of a node as text.

use std::io::{self, Write as _};

use anyhow::bail;
use clap::{Args, ValueEnum};
use ferrule_ruleset::{compile::compile, event::Event, name::NodeName, render::render, resolve::Resolver};
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    layout::Layout,
    manifests::Manifests,
    output::Output,
    report::{self, Mention},
};

const AFTER_HELP: &str = "\
The text replaces the tables `ip ferrule` and `ip6 ferrule` as a whole. Pods are assumed at the interfaces that Calico's \
CNI plug-in names, host endpoints without an interface name at eth0 if they expect an address of the node. Findings about the manifests go to standard error, with --output json into the answer.

Examples:
  ferrule render --manifests manifests/ --node node-1
  ferrule render --manifests manifests/ --node node-1 | nft --check --file -
  diff <(ferrule render --manifests old/ --node node-1) <(ferrule render --manifests new/ --node node-1)";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    layout: Layout,

    /// The node, as in a Pod's spec.nodeName.
    #[arg(long, value_name = "NAME")]
    node: String,

    /// What the text is for.
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    dataplane: Dataplane,
}

/// What enforces policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Dataplane {
    /// nf_tables: a script for `nft -f`.
    #[default]
    Nftables,
    /// ip_tables and ipset.
    Iptables,
}

impl Arguments {
    pub fn run(self, output: Output) -> anyhow::Result<Exit> {
        if self.dataplane == Dataplane::Iptables {
            bail!("the iptables dataplane has no renderer in this version; nftables has");
        }
        let manifests = Manifests::of_directory(&self.layout.manifests)?;
        let node = NodeName::new(self.node);
        let options = self.layout.options();
        let mut resolver = Resolver::new(node.clone(), options.prefixes.clone()).with_layer(&options.layer);
        manifests.store.resources().for_each(|resource| resolver.apply(Event::Upsert(resource.clone())));
        let policy = resolver.resolve();
        if policy.endpoints.is_empty() && policy.host_endpoints.is_empty() {
            eprintln!("ferrule: the manifests place no pod and no host endpoint on node {node}");
        }
        let ruleset = render(&compile(&policy, &options));
        let findings = manifests.findings();
        let mut stdout = io::stdout().lock();
        match output {
            Output::Text => {
                report::mention(&findings, Mention::All);
                stdout.write_all(ruleset.as_bytes())?;
            }
            Output::Json => {
                let findings: Vec<Value> = findings.iter().map(report::json).collect();
                let answer = json!({
                    "node": node.as_str(), "dataplane": "nftables", "ruleset": ruleset, "findings": findings,
                });
                writeln!(stdout, "{answer}")?;
            }
        }
        stdout.flush()?;
        Ok(Exit::Done)
    }
}
