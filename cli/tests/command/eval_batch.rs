//! `ferrule eval --batch`.

use serde_json::{Value, json};

use crate::{Ran, ferrule_with_input, shop::shop, text};

fn batch(lines: &[&[u8]]) -> Ran {
    let directory = shop();
    ferrule_with_input(&["eval", "--manifests", text(directory.path()), "--batch"], &lines.join(&b'\n'))
}

fn verdicts(ran: &Ran) -> Vec<Value> {
    ran.json_lines().into_iter().map(|line| line["verdict"].clone()).collect()
}

#[test]
fn each_line_has_its_answer_and_denials_are_answers() {
    let ran = batch(&[
        br#"{"from": "shop/frontend", "to": "shop/api", "protocol": "tcp", "port": 8080}"#,
        br#"{"from": "shop/api", "to": "shop/frontend", "protocol": "TCP", "port": 80}"#,
        br#"{"from": "shop/api", "to": "kube-system/dns", "protocol": 17, "port": 53, "source_port": 5353, "family": 4}"#,
        br#"{"from": "203.0.113.7", "to": "kube-system/dns", "protocol": "icmp", "icmp_type": 3, "icmp_code": null, "why": "ours"}"#,
    ]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(verdicts(&ran), ["allow", "deny", "allow", "allow"]);
    let keys: Vec<Vec<String>> =
        ran.json_lines().iter().map(|line| line.as_object().unwrap().keys().cloned().collect()).collect();
    assert_eq!(keys[0], ["verdict", "by"]);
    assert_eq!(keys[1], ["verdict", "by", "detail"]);
}

#[test]
fn a_line_that_cannot_be_answered_is_an_error_and_the_batch_goes_on() {
    let good: &[u8] = br#"{"from": "shop/frontend", "to": "shop/api", "protocol": "tcp", "port": 8080}"#;
    let long = vec![b'x'; 3 << 20];
    let bad: [(&[u8], &str); 11] = [
        (
            br#"{"from": "shop/nobody", "to": "shop/api", "protocol": "tcp", "port": 80}"#,
            "no pod shop/nobody",
        ),
        (br#"{"from": "web", "to": "shop/api", "protocol": "tcp", "port": 80}"#, "from: \"web\" is no peer"),
        (br#"{"to": "shop/api", "protocol": "tcp", "port": 80}"#, "from is missing"),
        (br#"{"from": "shop/api", "to": "shop/db", "port": 80}"#, "protocol is missing"),
        (br#"{"from": "shop/api", "to": "shop/db", "protocol": "tcp"}"#, "TCP needs a destination port"),
        (
            br#"{"from": "shop/api", "to": "shop/db", "protocol": "tcp", "port": 65536}"#,
            "port: 65536 is no number",
        ),
        (
            br#"{"from": "shop/api", "to": "shop/db", "protocol": 256, "port": 80}"#,
            "protocol: \"256\" is no protocol",
        ),
        (
            br#"{"from": "shop/api", "to": "shop/db", "protocol": "tcp", "port": 80, "family": 5}"#,
            "family: \"5\"",
        ),
        (br#"{"from": "shop/api""#, "at column"),
        (b"\xff", "not UTF-8"),
        (&long, "longer than"),
    ];
    let mut lines = vec![good];
    lines.extend(bad.iter().map(|(line, _)| *line));
    lines.push(good);
    let ran = batch(&lines);
    assert_eq!(ran.code, Some(1));
    let answers = ran.json_lines();
    assert_eq!(answers.len(), lines.len());
    for ((_, expected), answer) in bad.iter().zip(&answers[1..]) {
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(expected), "{error} does not say {expected}");
        assert_eq!(answer.as_object().unwrap().len(), 1);
    }
    assert_eq!(
        (&answers[0]["verdict"], &answers[lines.len() - 1]["verdict"]),
        (&json!("allow"), &json!("allow"))
    );
}

#[test]
fn blank_lines_and_an_empty_input_ask_nothing() {
    let ran = batch(&[b"", b"  ", b""]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
}

#[test]
fn many_lines_keep_their_order() {
    let lines: Vec<Vec<u8>> = (0..5_000)
        .map(|port| {
            format!(
                r#"{{"from":"203.0.113.7","to":"shop/frontend","protocol":"tcp","port":{}}}"#,
                70 + port % 20
            )
        })
        .map(String::into_bytes)
        .collect();
    let ran = batch(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let expected: Vec<Value> =
        (0..5_000).map(|port| json!(if port % 20 == 10 { "allow" } else { "deny" })).collect();
    assert_eq!((ran.code, verdicts(&ran)), (Some(0), expected));
}
