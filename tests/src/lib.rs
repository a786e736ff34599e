//! The judge: cases as data, and everything that it takes to judge them with real packets.
//!
//! ```text
//! case folder ─→ Cluster ─→ Topology (namespaces, veth, routes) ─→ Prober (packets out, packets that arrived)
//!            └─→ flows with expected verdicts ──────────────────────────┘
//! ```
//!
//! Architecture invariants:
//! * A verdict is "did the request reach its destination", seen at the destination after its node's input hook; a reply proves nothing and is not waited for.
//! * No source port, ICMP identifier or flow is used twice in the life of a topology: a live connection tracking entry looks like an allow.
//! * Only namespaces that this crate created are touched. A missing capability fails the test; it never skips it.
//! * Nothing here shares code with the compiler that it judges.

pub mod agent;
pub mod arbitrary;
pub mod bench;
pub mod case;
pub mod cluster;
pub mod conntrack;
pub mod listing;
pub mod namespace;
pub mod packet;
pub mod probe;
pub mod topology;
