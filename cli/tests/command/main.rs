//! The tool as a user runs it: arguments and standard input in, text and exit code out.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod completion;
mod eval;
mod eval_batch;
mod host;
mod render;
mod selector;
mod shop;
mod validate;

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// What a run of the tool came to.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Standard output as one JSON document.
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output as one JSON document per line.
    fn json_lines(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn ferrule(arguments: &[&str]) -> Ran {
    ferrule_with_input(arguments, b"")
}

fn ferrule_with_input(arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrule"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A thread of its own: the tool answers while we still ask.
    let asking = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    asking.join().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A directory of manifests with these files.
fn manifests(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_wrong_command_line_is_2_and_help_is_0() {
    for arguments in
        [&["unknown"][..], &["eval"], &["render", "--manifests", "."], &["validate"], &["selector"]]
    {
        assert_eq!(ferrule(arguments).code, Some(2), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["eval", "--help"], &["validate", "--help"], &["--version"]] {
        let ran = ferrule(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn every_command_shows_examples_in_its_help() {
    for command in ["eval", "render", "selector", "validate", "completion"] {
        let help = ferrule(&[command, "--help"]).stdout;
        assert!(help.contains(&format!("  ferrule {command} ")), "{help}");
        assert!(help.contains("--output"), "{help}");
    }
}
