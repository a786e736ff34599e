//! The pure core of Ferrule.
//!
//! ```text
//! manifest text ─read→ Object ─convert→ Resource ─Event→ Store ─resolve→ NodePolicy ─compile→ Ruleset ─diff→ Transaction
//!                                                                                        └─render→ text   └─evaluate→ Trace
//! ```
//!
//! Architecture invariants:
//! * Nothing here performs I/O, reads a clock, spawns a thread, or awaits. Every stage is a total, deterministic function.
//! * API objects are understood in [`convert`] and nowhere else; every later stage speaks the model of [`policy`].
//! * Only [`compile`] sees both the intermediate form [`ir`] and the nftables objects [`nft`].
//! * On doubt the answer is closed: see [`convert`] for the stand-ins of objects that cannot be understood.
#![forbid(unsafe_code)]

pub mod address;
pub mod labels;
pub mod name;
pub mod net_set;
pub mod port;
pub mod protocol;

pub mod selector;

pub mod finding;
pub mod manifest;

pub mod policy;
pub mod resource;
pub mod settings;

pub mod convert;

pub mod event;
pub mod links;
pub mod store;

pub mod ir;
pub mod resolve;

pub mod nft;
pub mod origin;

pub mod compile;
pub mod render;

pub mod diff;
pub mod tenancy;

pub mod evaluate;
pub mod packet;

pub mod verdict;
