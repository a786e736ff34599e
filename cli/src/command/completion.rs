//! `ferrule completion`: a completion script for a shell.

use std::io::{self, Write as _};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{Cli, exit::Exit, output::Output};

const AFTER_HELP: &str = "\
Examples:
  ferrule completion bash > /etc/bash_completion.d/ferrule
  source <(ferrule completion zsh)
  ferrule completion fish > ~/.config/fish/completions/ferrule.fish";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The shell to write it for.
    shell: Shell,
}

impl Arguments {
    pub fn run(self, output: Output) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "ferrule", &mut script);
        let mut stdout = io::stdout().lock();
        match output {
            Output::Text => stdout.write_all(&script)?,
            Output::Json => {
                let script = String::from_utf8(script)?;
                let answer = serde_json::json!({ "shell": self.shell.to_string(), "script": script });
                writeln!(stdout, "{answer}")?;
            }
        }
        Ok(Exit::Done)
    }
}
