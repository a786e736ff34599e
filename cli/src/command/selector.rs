//! `ferrule selector`: what a selector means.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use clap::Args;
use ferrule_ruleset::selector::Selector;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    batch::{self, Reply},
    exit::Exit,
    output::Output,
};

const USAGE: &str = "\
ferrule selector <EXPR> [--label <KEY=VALUE>]... [OPTIONS]
       ferrule selector --batch";

const AFTER_HELP: &str = "\
With --label, exit code 1 means that the selector does not match; without, nothing is asked but whether it is valid.

With --batch, each line of standard input is an object {\"selector\", \"labels\": {…}}, and each line of standard output \
its answer {\"valid\", \"match\", \"canonical\", \"id\", \"error\"}; other keys are ignored. An invalid selector is an \
answer. The exit code is 0 if every line could be read, else 1.

Examples:
  ferrule selector 'app == \"web\" && has(tier)'
  ferrule selector 'role in {\"api\", \"db\"}' --label role=db
  ferrule selector --batch < selectors.jsonl";

#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = AFTER_HELP)]
pub struct Arguments {
    /// The selector, in the language of projectcalico.org/v3.
    #[arg(value_name = "EXPR", required_unless_present = "batch", conflicts_with = "batch")]
    expression: Option<String>,

    /// A label of the object that it is held against.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label, conflicts_with = "batch")]
    labels: Vec<(String, String)>,

    /// Answer JSON lines from standard input.
    #[arg(long)]
    batch: bool,
}

/// A line of a batch.
#[derive(Debug, Deserialize)]
struct Line {
    selector: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Arguments {
    pub fn run(self, output: Output) -> anyhow::Result<Exit> {
        let Some(expression) = self.expression else {
            return batch::answer(|line| match line.and_then(read) {
                Ok(line) => Reply::Answer(json(&meaning(&line.selector, &line.labels.unwrap_or_default()))),
                Err(error) => Reply::Refusal(json(&Err(error))),
            });
        };
        let asked = !self.labels.is_empty();
        let meaning = meaning(&expression, &self.labels.into_iter().collect());
        let mut stdout = io::stdout().lock();
        match (output, &meaning) {
            (Output::Json, _) => writeln!(stdout, "{}", json(&meaning))?,
            (Output::Text, Err(error)) => eprintln!("ferrule: no selector: {error}"),
            (Output::Text, Ok(meaning)) => {
                writeln!(stdout, "match      {}", if meaning.matches { "yes" } else { "no" })?;
                writeln!(stdout, "canonical  {}", meaning.selector.canonical())?;
                writeln!(stdout, "id         {}", meaning.selector.id().as_str())?;
            }
        }
        Ok(match meaning {
            Err(_) => Exit::No,
            Ok(meaning) if asked && !meaning.matches => Exit::No,
            Ok(_) => Exit::Done,
        })
    }
}

fn read(line: &str) -> Result<Line, String> {
    serde_json::from_str(line).map_err(|error| batch::syntax(&error))
}

/// What a selector means.
struct Meaning {
    selector: Selector,
    matches: bool,
}

fn meaning(expression: &str, labels: &BTreeMap<String, String>) -> Result<Meaning, String> {
    let selector = Selector::parse(expression).map_err(|error| error.to_string())?;
    let matches = selector.matches(&|key| labels.get(key).map(String::as_str));
    Ok(Meaning { selector, matches })
}

fn json(meaning: &Result<Meaning, String>) -> Value {
    match meaning {
        Ok(Meaning { selector, matches }) => json!({
            "valid": true,
            "match": matches,
            "canonical": selector.canonical().as_ref(),
            "id": selector.id().as_str(),
            "error": null,
        }),
        Err(error) => {
            json!({ "valid": false, "match": false, "canonical": null, "id": null, "error": error })
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}
