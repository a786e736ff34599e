#![allow(missing_docs)]
pub mod dataplane;
pub mod netlink;
