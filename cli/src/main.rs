//! `ferrule`: the operator's tool.
//!
//! Everything here works from manifests alone, without root, a kernel or a cluster; what it says of a policy is what an agent would program, because both
//! use the same compiler. Input and output are the only things this crate adds.
#![forbid(unsafe_code)]

mod answer;
mod batch;
mod command;
mod exit;
mod flow;
mod layout;
mod manifests;
mod output;
mod report;

use std::process::ExitCode;

use clap::Parser;

use command::Command;
use exit::Exit;
use output::Output;

const AFTER_HELP: &str = "\
Exit codes:
  0  done; of a question: yes (allowed, valid)
  1  the answer is no (denied, invalid)
  2  the command line is wrong
  3  the command could not do its work

Examples:
  ferrule validate manifests/
  ferrule eval --manifests manifests/ --from shop/frontend --to shop/api --protocol tcp --port 8080
  ferrule render --manifests manifests/ --node node-1 | nft --check --file -
  ferrule selector 'app == \"web\" && tier in {\"a\", \"b\"}' --label app=web --label tier=b";

/// Ask and inspect network policy as Ferrule enforces it.
#[derive(Debug, Parser)]
#[command(name = "ferrule", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// How to answer.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", display_order = 100)]
    output: Output,
}

fn main() -> ExitCode {
    let Cli { command, output } = Cli::parse();
    command.run(output).unwrap_or_else(|error| Exit::of_error(&error)).into()
}
