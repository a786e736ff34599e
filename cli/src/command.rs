//! The subcommands, one file each.

mod completion;
mod eval;
mod render;
mod selector;
mod validate;

use clap::Subcommand;

use crate::{exit::Exit, output::Output};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether a flow is allowed, and which policy and rule decided.
    Eval(eval::Arguments),
    /// Print the ruleset of a node as text that `nft -f` accepts.
    Render(render::Arguments),
    /// Say what a selector means: whether it matches, its canonical text and its id.
    Selector(selector::Arguments),
    /// Check manifests and print every finding.
    Validate(validate::Arguments),
    /// Print a completion script for a shell.
    Completion(completion::Arguments),
}

impl Command {
    /// Does it.
    pub fn run(self, output: Output) -> anyhow::Result<Exit> {
        match self {
            Self::Eval(arguments) => arguments.run(output),
            Self::Render(arguments) => arguments.run(output),
            Self::Selector(arguments) => arguments.run(output),
            Self::Validate(arguments) => arguments.run(output),
            Self::Completion(arguments) => arguments.run(output),
        }
    }
}
