//! The judge of Ferrule: what is correct said a second time and in another way, cases as data, and everything that it takes to judge them with real
//! packets.
//!
//! ```text
//! case folder ─→ Cluster ─→ Topology (namespaces, veth, routes) ─→ Prober (packets out, packets that arrived)
//!            ├─→ flows with expected verdicts ──────────────────────────┘
//!            └─→ objects ─→ reference model
//! case folder ─→ API server in a namespace of its own ─→ the same agents with --kubernetes
//! seed ─→ Universe ─→ objects and flows
//! Services ─→ kube-proxy's rules on a bed of three nodes ─→ what policy sees, what it decides ─→ docs/services.md
//! ```
//!
//! Architecture invariants:
//! * A verdict is "did the request reach its destination", seen at the destination after its node's input hook; a reply proves nothing and is not
//!   waited for. What has not arrived when the queues on its way are empty ([`backlog`]) does not arrive; no pause decides.
//! * A live connection tracking entry looks like an allow: a prober uses no source port or ICMP identifier twice, and connections of earlier batches
//!   are forgotten.
//! * Only namespaces that this crate created are touched. A missing capability fails the test; it never skips it.
//! * Nothing here shares code with the compiler that it judges.

pub mod admission;
pub mod agent;
pub mod api_server;
pub mod arbitrary;
pub mod backlog;
pub mod bench;
pub mod call;
pub mod case;
pub mod cluster;
pub mod cluster_rig;
pub mod compare;
pub mod compiled;
pub mod conntrack;
pub mod decider;
pub mod demo;
pub mod deployment;
pub mod flow;
pub mod generate;
pub mod listing;
pub mod monitor;
pub mod namespace;
pub mod objects;
pub mod packet;
pub mod probe;
pub mod proxy;
pub mod reference;
pub mod rig;
pub mod service;
pub mod stream;
pub mod topology;
pub mod verdict;
pub mod wires;
