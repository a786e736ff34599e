//! `ferrule validate`: every finding about manifests.

use std::{
    io::{self, BufWriter, Write as _},
    path::PathBuf,
};

use clap::Args;
use ferrule_ruleset::finding::{Finding, Severity};

use crate::{exit::Exit, manifests::Manifests, output::Output, report};

const AFTER_HELP: &str = "\
All files are judged together, as if they were one directory of manifests: a policy may name a namespace or a tier of \
another file. Each finding is one line, FILE:LINE: SEVERITY: OBJECT: FIELD: MESSAGE (CONSEQUENCE). Exit code 1 means that \
there are errors; warnings alone do not.

Examples:
  ferrule validate manifests/
  ferrule validate policy.yaml namespaces.yaml
  ferrule validate --output json manifests/ | jq '.[] | select(.severity == \"error\")'";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// Files, and directories whose *.yaml, *.yml and *.json files are read at any depth.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Arguments {
    pub fn run(self, output: Output) -> anyhow::Result<Exit> {
        let mut manifests = Manifests::default();
        for path in &self.files {
            manifests.read(path)?;
        }
        let findings = manifests.findings();
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        match output {
            Output::Text => text(&findings, errors)?,
            Output::Json => json(&findings)?,
        }
        Ok(if errors > 0 { Exit::No } else { Exit::Done })
    }
}

fn text(findings: &[Finding], errors: usize) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    for finding in findings {
        writeln!(stdout, "{finding}")?;
    }
    stdout.flush()?;
    let warnings = findings.len() - errors;
    match (errors, warnings) {
        (0, 0) => eprintln!("no findings"),
        (_, _) => eprintln!("{}, {}", report::count(errors, "error"), report::count(warnings, "warning")),
    }
    Ok(())
}

/// One array, one finding per line.
fn json(findings: &[Finding]) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    write!(stdout, "[")?;
    for (place, finding) in findings.iter().enumerate() {
        write!(stdout, "{}\n  {}", if place == 0 { "" } else { "," }, report::json(finding))?;
    }
    writeln!(stdout, "{}]", if findings.is_empty() { "" } else { "\n" })?;
    stdout.flush()
}
