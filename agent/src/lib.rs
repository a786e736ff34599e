//! The node agent: sources of facts, the loop that keeps the kernel in step with them, and what it tells of itself.
//!
//! ```text
//! source::manifests or source::kubernetes ─┐
//! source::links ───────────────────────────┴─Message→ agent::Agent ─Transaction→ agent::Dataplane (kernel thread)
//!                                   ├─ Status → health     └─ Metrics → health
//!                                   ├─ Status → report (Events, conditions and the node's object, for people)
//!                                   └─ Endpoints → endpoint_status (files for CNI plug-ins)
//! ```
//!
//! Architecture invariants:
//! * One task owns the resolver, the compiler and the memory of what the kernel holds; there is no lock around them.
//! * Nothing is written to the kernel before every source is in sync.
//! * No policy is understood here; that is done in `ferrule-ruleset`.
//! * No program is executed.

pub mod agent;
pub mod allocator;
pub mod api_server;
pub mod config;
pub mod conntrack;
pub mod dataplane;
pub mod definition;
pub mod endpoint_status;
pub mod health;
pub mod interface_settings;
pub mod logging;
pub mod metrics;
pub mod netlink;
pub mod reachability;
pub mod report;
pub mod sole;
pub mod source;
pub mod status;
mod turns;
