//! Traffic to Services: what policy sees of it and what it makes of it, in both modes of kube-proxy and both families; and the document that says so.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{fs, path::Path, time::Instant};

use ferrule_tests::service::{
    Mode,
    bed::Bed,
    document::{self, Measurements},
    policy::NodePortPolicy,
    scenario::{self, Exceptions},
    truth,
};

/// The document, from the root of the repository.
const DOCUMENT: &str = "docs/services.md";

/// Measures everything in both modes of kube-proxy, which have to agree.
fn measure(bed: &mut Bed, node_ports: NodePortPolicy) -> Measurements {
    let mut exceptions = Exceptions::new();
    let [(table, reached), second] = Mode::ALL.map(|mode| {
        let table = truth::measure(bed, mode, node_ports, "").unwrap();
        let reached = scenario::node_ports(bed, mode, node_ports).unwrap();
        exceptions.extend(scenario::exceptions(bed, mode).unwrap());
        (table, reached)
    });
    assert_eq!((&table, &reached), (&second.0, &second.1), "the modes of kube-proxy agree");
    Measurements { table, node_ports: reached, exceptions }
}

#[test]
fn policy_sees_and_decides_as_documented() {
    let begin = Instant::now();
    let mut bed = Bed::wire("services").unwrap();
    let measured = measure(&mut bed, NodePortPolicy::Standard);
    bed.close().unwrap();
    let text = document::render(&measured).unwrap();
    println!("{}", document::node_ports(&measured.node_ports));
    println!("{} questions answered in {:?}", measured.table.len(), begin.elapsed());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let same = expected.lines().zip(text.lines()).take_while(|(expected, now)| expected == now).count();
    assert!(
        expected == text,
        "{DOCUMENT} differs from line {} on: {:?} is measured; UPDATE_EXPECT=1 writes it anew",
        same + 1,
        text.lines().nth(same)
    );
}
