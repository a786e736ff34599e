//! `ferrule eval`: whether a flow is allowed, and what decided.

use std::io::{self, Write as _};

use clap::Args;
use ferrule_ruleset::{
    address::Family,
    protocol::Protocol,
    verdict::{Cluster, Flow, Peer, Verdict},
};
use serde_json::json;

use crate::{
    answer,
    batch::{self, Reply},
    exit::Exit,
    flow,
    layout::Layout,
    manifests::Manifests,
    output::Output,
    report::{self, Mention},
};

const USAGE: &str = "\
ferrule eval --manifests <DIR> --from <PEER> --to <PEER> --protocol <PROTOCOL> [--port <PORT>] [OPTIONS]
       ferrule eval --manifests <DIR> --batch [OPTIONS]";

const AFTER_HELP: &str = "\
A PEER is namespace/pod, node/NAME or an IP address. An address that belongs to a pod or node is that pod or node. \
Between two pods by name IPv4 is used if both have it, else IPv6; --family forces one.

The answer names the policy and rule that decided, at both ends and at the host endpoints of the nodes on the way. A built-in may have decided instead:
  end-of-tier            policies select the pod or host endpoint, and no rule of them matched
  profile                no policy governs the pod or host endpoint in that direction, so its profile does
  host-to-own-pod        what a node sends to its own pods is never policed
  endpoint-to-host       what a pod sends to its own node, after its egress policy
  failsafe               a port that policy of host endpoints cannot close
  host-endpoint-default  no policy and no profile of the host endpoint allows it
  encapsulation          nodes carry the traffic of pods to each other; pods send no such packets themselves
  loopback               a pod to itself
  no-policy              no policy governs either end

Nobody looks at the interfaces of nodes: an address of a node is assumed on the interface of the host endpoint that expects it, everything else on the \
only interface that a host endpoint of the node names, or else on one that only a host endpoint of all interfaces (*) governs. Services are not looked \
at: the destination is taken as it arrives.

With --batch, each line of standard input is an object {\"from\", \"to\", \"protocol\", \"port\"} and, where wanted, \
\"source_port\", \"icmp_type\", \"icmp_code\", \"family\"; other keys are ignored. Each line of standard output is its \
answer {\"verdict\", \"by\"}, with a \"detail\" where a built-in or a host endpoint has more to say, or {\"error\"}.

Exit codes: 0 allowed, 1 denied, 2 usage, 3 could not be answered. With --batch: 0 if every line could be answered, \
denials included, else 1.

Examples:
  ferrule eval --manifests manifests/ --from shop/frontend --to shop/api --protocol tcp --port 8080
  ferrule eval --manifests manifests/ --from 203.0.113.7 --to shop/frontend --protocol tcp --port 80
  ferrule eval --manifests manifests/ --from node/node-1 --to shop/db --protocol icmp --output json
  ferrule eval --manifests manifests/ --batch < flows.jsonl";

#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    layout: Layout,

    #[command(flatten)]
    question: Question,

    /// Answer JSON lines from standard input.
    #[arg(long, conflicts_with = "Question")]
    batch: bool,
}

/// One flow.
#[derive(Debug, Args)]
struct Question {
    /// Who opens the flow.
    #[arg(long, value_name = "PEER", required_unless_present = "batch")]
    from: Option<Peer>,

    /// To whom.
    #[arg(long, value_name = "PEER", required_unless_present = "batch")]
    to: Option<Peer>,

    /// The IP protocol, by name or number.
    #[arg(long, value_parser = flow::protocol, required_unless_present = "batch")]
    protocol: Option<Protocol>,

    /// The destination port, for protocols that have ports.
    #[arg(long)]
    port: Option<u16>,

    /// The source port [default: 40000].
    #[arg(long, value_name = "PORT")]
    source_port: Option<u16>,

    /// The ICMP type [default: an echo request].
    #[arg(long, value_name = "TYPE")]
    icmp_type: Option<u8>,

    /// The ICMP code [default: 0].
    #[arg(long, value_name = "CODE")]
    icmp_code: Option<u8>,

    /// The IP version, where both ends have both.
    #[arg(long, value_name = "4|6", value_parser = flow::family)]
    family: Option<Family>,
}

impl Question {
    /// The flow; none in a batch.
    fn flow(self) -> Option<Flow> {
        let Self { from, to, protocol, port, source_port, icmp_type, icmp_code, family } = self;
        let (from, to, protocol) = (from?, to?, protocol?);
        Some(Flow { from, to, protocol, source_port, port, icmp_type, icmp_code, family })
    }
}

impl Arguments {
    pub fn run(self, output: Output) -> anyhow::Result<Exit> {
        let options = self.layout.options();
        let Manifests { directory, store, .. } = Manifests::of_directory(&self.layout.manifests)?;
        report::mention(&directory.findings(), Mention::Errors);
        let cluster = Cluster::new(store, options);
        let Some(flow) = self.question.flow() else { return batch(&cluster) };
        let mut stdout = io::stdout().lock();
        match (cluster.verdict(&flow), output) {
            (Err(error), Output::Text) => Err(error.into()),
            (Err(error), Output::Json) => {
                writeln!(stdout, "{}", json!({ "error": error.to_string() }))?;
                Ok(Exit::Failed)
            }
            (Ok(answer), Output::Text) => {
                stdout.write_all(answer::text(&flow, &answer, &cluster, &directory)?.as_bytes())?;
                Ok(exit(answer.verdict))
            }
            (Ok(answer), Output::Json) => {
                writeln!(stdout, "{}", answer::document(&answer))?;
                Ok(exit(answer.verdict))
            }
        }
    }
}

fn batch(cluster: &Cluster) -> anyhow::Result<Exit> {
    batch::answer(|line| {
        let answer = line
            .and_then(flow::read)
            .and_then(|flow| cluster.verdict(&flow).map_err(|error| error.to_string()));
        match answer {
            Ok(answer) => Reply::Answer(answer::line(&answer)),
            Err(error) => Reply::Refusal(json!({ "error": error })),
        }
    })
}

fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Allow => Exit::Done,
        Verdict::Deny => Exit::No,
    }
}
