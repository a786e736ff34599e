//! What rendering a unit depends on besides the unit itself.

use std::sync::Arc;

use super::Layout;
use crate::{
    address::Family,
    ir::{ActivePolicy, AddressSetKey},
    name::SetName,
    policy::PolicyKey,
};

/// Finds the policies that tiers refer to.
pub(super) type Policies = imbl::OrdMap<PolicyKey, Arc<ActivePolicy>>;

/// What rendering a unit depends on besides the unit itself.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) policies: &'a Policies,
    pub(super) layout: &'a Layout,
    pub(super) set_name: &'a dyn Fn(Family, &AddressSetKey) -> SetName,
}
