//! nf_tables, and the table of connection tracking, over netlink: what is said to the kernel and what it answers, in bytes.
//!
//! ```text
//! Operation ─encode→ Batch ─one sendmsg→ kernel ─Fault (sequence number)→ Place (operation, part)
//! Request ─dump→ listing
//! ```
//!
//! Invariants:
//! * All `unsafe` of the agent is in `ffi`, but for two calls that tell the allocator something ([`crate::allocator`]).
//! * A batch is one `sendmsg`: the kernel takes what is between BATCH_BEGIN and BATCH_END of one datagram, and nothing else, as a transaction.
//!   `nftnl::Batch` and `mnl::Socket::send_all` are deliberately absent: they cut at 128 KiB and the cut batch is aborted with positive answers.
//! * Only BATCH_END asks for an acknowledgement. Failing messages answer without being asked; an answer per message would overrun the receive buffer.
//! * Tables, chains and rules are written by libnftnl; sets, elements, requests and everything that is read are encoded and decoded here, because
//!   libnftnl would hold every element in memory and ends the process on an attribute of a size it does not expect.

mod acting;
mod batch;
mod conntrack;
mod element;
mod encode;
mod expression;
mod ffi;
mod key;
mod listing;
mod matching;
mod read;
mod rule;
mod set;
mod socket;
mod source_address;
mod uapi;
mod write;

pub use batch::{Batch, Place, Sealed};
pub use encode::{Handles, Unencodable, encode};
pub use socket::{Fault, Generation, Opening, PortId, Socket};

pub(crate) use element::{ListedElement, element_at};
pub(crate) use ffi::{Membership, watch};
pub(crate) use key::{read_address, read_interface, read_protocol_port};
pub(crate) use listing::{ListedChain, ListedRule, ListedSet, ListedTable};
pub(crate) use read::{Message, Messages, text};
pub(crate) use set::Kind;
pub(crate) use socket::{listen, open_monitor};
pub(crate) use uapi::{attribute, message, protocol_family};
