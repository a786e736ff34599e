//! `ferrule selector`.

use serde_json::json;

use crate::{ferrule, ferrule_with_input};

#[test]
fn a_selector_is_explained() {
    let ran = ferrule(&["selector", "app=='web'||!has( tier )", "--label", "app=web"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "match      yes");
    assert_eq!(lines[1], r#"canonical  (app == "web" || !has(tier))"#);
    assert!(lines[2].starts_with("id         s:"), "{}", lines[2]);
}

#[test]
fn exit_code_1_is_for_no_match_and_for_no_selector() {
    let code = |arguments: &[&str]| ferrule(&[&["selector"], arguments].concat()).code;
    assert_eq!(code(&["all()"]), Some(0));
    assert_eq!(code(&["has(app)"]), Some(0), "without labels nobody asked whether it matches");
    assert_eq!(code(&["has(app)", "--label", "app="]), Some(0));
    assert_eq!(code(&["has(app)", "--label", "tier=x"]), Some(1));
    assert_eq!(code(&["app = 'x'"]), Some(1));
    assert_eq!(code(&["has(app)", "--label", "app"]), Some(2));
    assert_eq!(code(&["has(app)", "--batch"]), Some(2));
}

#[test]
fn json_has_all_keys_in_either_case() {
    let valid = ferrule(&["selector", "", "--output", "json"]).json();
    let id = "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug";
    assert_eq!(valid, json!({"valid": true, "match": true, "canonical": "all()", "id": id, "error": null}));
    let invalid = ferrule(&["selector", "a b", "--output", "json"]).json();
    assert_eq!((&invalid["valid"], &invalid["match"]), (&json!(false), &json!(false)));
    assert!(invalid["canonical"].is_null() && invalid["id"].is_null() && invalid["error"].is_string());
}

#[test]
fn a_batch_answers_line_by_line() {
    let lines = [
        r#"{"selector": "a == 'x'", "labels": {"a": "x"}}"#,
        r#"{"selector": "a == 'x'", "labels": {}}"#,
        r#"{"selector": "a != 'x'"}"#,
        r#"{"selector": "a =="}"#,
    ];
    let ran = ferrule_with_input(&["selector", "--batch"], lines.join("\n").as_bytes());
    let answers = ran.json_lines();
    let matches: Vec<_> = answers.iter().map(|answer| (&answer["valid"], &answer["match"])).collect();
    let (yes, no) = (&json!(true), &json!(false));
    assert_eq!((ran.code, matches), (Some(0), vec![(yes, yes), (yes, no), (yes, yes), (no, no)]));

    let ran = ferrule_with_input(&["selector", "--batch"], b"{\"labels\": {}}\n{\"selector\": \"all()\"}\n");
    let answers = ran.json_lines();
    assert_eq!((ran.code, answers.len()), (Some(1), 2));
    assert!(answers[0]["error"].as_str().unwrap().contains("selector"));
    assert_eq!(&answers[1]["valid"], yes);
}

#[test]
fn an_answer_comes_before_the_next_question() {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        process::{Command, Stdio},
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrule"));
    command.args(["selector", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut questions = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        questions.write_all(b"{\"selector\": \"all()\"}\n").unwrap();
        questions.flush().unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert!(answer.contains("\"valid\":true"), "{answer}");
    }
    drop(questions);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    use std::{
        io::{Read as _, Write as _},
        process::{Command, Stdio},
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrule"));
    command.args(["selector", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut questions = child.stdin.take().unwrap();
    let _ = questions.write_all("{\"selector\": \"all()\"}\n".repeat(1_000).as_bytes());
    drop(questions);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
