//! Text to trees: what is read, what is refused, and on which line.

use crate::manifest::{
    document,
    node::{Node, Value},
    read::{self, ReadError},
};

/// The documents of a text, as compact text with the line of each value that is no map or list.
fn documents(text: &str) -> Vec<Result<String, String>> {
    let mut documents = Vec::new();
    for chunk in document::split(text) {
        read::read(&chunk.text, chunk.lines_before, |document| {
            documents.push(match document {
                Ok(node) => Ok(show(&node)),
                Err(ReadError { line, message }) => Err(format!("{line}: {message}")),
            });
        });
    }
    documents
}

fn show(node: &Node) -> String {
    let line = node.line;
    match &node.value {
        Value::Null => format!("null@{line}"),
        Value::Bool(value) => format!("{value}@{line}"),
        Value::Integer(value) => format!("{value}@{line}"),
        Value::Float(value) => format!("{value:?}@{line}"),
        Value::String(text) => format!("{text:?}@{line}"),
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, node)| format!("{key}:{}", show(node))).collect();
            format!("{{{}}}", entries.join(" "))
        }
    }
}

fn good(text: &str) -> String {
    let documents = documents(text);
    assert_eq!(documents.len(), 1, "{documents:?}");
    documents[0].clone().unwrap()
}

fn error(text: &str) -> String {
    documents(text).into_iter().find_map(Result::err).unwrap()
}

#[test]
fn values_know_the_lines_of_their_keys() {
    assert_eq!(good("a:\n  b: 1\n\n  c:\n  - x\n  -\n    d: 'y'\n"), r#"{a:{b:1@2 c:["x"@5 {d:"y"@7}]}}"#);
    assert_eq!(good("# head\n---\na: >\n  x\n  y\nb:\n  80\n"), r#"{a:"x y\n"@3 b:80@6}"#);
    assert_eq!(good("\u{feff}a: 1\r\nb: 2\r\n"), "{a:1@1 b:2@2}");
}

#[test]
fn json_is_read_by_the_same_reader() {
    let text = "{\n\t\"a\" :\t[1, 2.5, true, null, \"\\u00e9\\/\\ud83d\\ude00\"],\n\t\"80\":\n\t\t{\"b\": {}},\n\t\"c\": []\n}\n";
    assert_eq!(good(text), r#"{80:{b:{}} a:[1@2 2.5@2 true@2 null@2 "é/😀"@2] c:[]}"#);
    assert_eq!(good(r#"{"a":{"b":"c: d # e"}}"#), r#"{a:{b:"c: d # e"@1}}"#);
}

#[test]
fn quoted_and_tagged_scalars_are_what_they_say() {
    assert_eq!(
        good("[80, '80', \"true\", !!str 80, ! 80, !!int '80', |\n 80\n]").matches("\"80\"").count(),
        3
    );
    assert_eq!(good("{80: a, true: b}"), r#"{80:"a"@1 true:"b"@1}"#);
    assert_eq!(good("!!map {a: !!seq [b]}"), r#"{a:["b"@1]}"#);
    assert_eq!(error("a: !secret x\n"), "1: the tag !secret has no meaning here");
    assert_eq!(error("a: !secret {}\n"), "1: the tag !secret has no meaning here");
    assert_eq!(error("a: !!int x\n"), "1: \"x\" is no value of the tag !!int");
}

#[test]
fn an_error_costs_its_own_document_only() {
    assert_eq!(
        documents("a: 1\n---\nb: [\n---\nc: 3\n...\n---\n--- x\n"),
        [
            Ok("{a:1@1}".into()),
            Err("4: not YAML: while parsing a node, did not find expected node content".into()),
            Ok("{c:3@5}".into()),
            Ok("null@8".into()),
            Ok("\"x\"@8".into()),
        ]
    );
}

#[test]
fn a_key_stands_once() {
    assert_eq!(
        error("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n"),
        "5: the key \"c\" stands twice in one map, first on line 3"
    );
    assert_eq!(error("{\"a\": 1, 'a': 2}"), "1: the key \"a\" stands twice in one map, first on line 1");
    assert_eq!(error("{1: 1, '1': 2}"), "1: the key \"1\" stands twice in one map, first on line 1");
    assert_eq!(error("? [a]\n: b\n"), "1: a key is a list; it must be a string");
    assert_eq!(error("~: b\n"), "1: a key is null; it must be a string");
}

#[test]
fn aliases_and_merges_are_copies() {
    assert_eq!(
        good("a: &x {b: 1, c: 2}\nd: *x\ne:\n  <<: *x\n  c: 3\n"),
        "{a:{b:1@1 c:2@1} d:{b:1@1 c:2@1} e:{b:1@1 c:3@5}}"
    );
    assert_eq!(
        good("a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y]}\n"),
        "{a:{b:1@1} c:{b:2@2 d:3@2} e:{b:1@1 d:3@2}}"
    );
    assert_eq!(good("'<<': 1\n"), "{<<:1@1}");
    assert_eq!(error("a:\n  <<: 5\n"), "2: only maps can be merged by the key <<");
    assert_eq!(error("a: &x [*x]\n"), "1: an alias stands inside its own anchor");
    assert!(error("a: *x\n").starts_with("1: not YAML: "));
    assert!(error("a: &x 1\n---\nb: *x\n").starts_with("3: not YAML: "), "anchors end with their document");
}

#[test]
fn aliases_cannot_grow_without_bound() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(error(&bomb).ends_with(": its anchors and aliases stand for more than 100000 values"));
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(good(&nested(128)).len(), 256);
    assert_eq!(error(&nested(129)), "1: lists and maps nest deeper than 128 levels");
    assert!(error(&"[".repeat(100_000)).contains("recursion limit"));
    assert!(error(&"- ".repeat(100_000)).contains("deeper than 128"));
}
