//! What policy sees of traffic to Services.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use ferrule_tests::service::{Mode, bed::Bed, policy::NodePortPolicy, truth};

#[test]
fn first_packets() {
    let mut bed = Bed::wire("svc").unwrap();
    for mode in Mode::ALL {
        let table = truth::measure(&mut bed, mode, NodePortPolicy::Standard, "").unwrap();
        println!("{mode:?} {}", table.len());
    }
    bed.close().unwrap();
}
