//! Host endpoints: interfaces of the node that policy governs.
//!
//! ```text
//! raw-prerouting:  iifname vmap @from-host-untracked ─→ host/raw-in/<name>       only where there is untracked policy
//! raw-output:      oifname vmap @to-host-untracked   ─→ host/raw-out/<name>
//! input:           iifname vmap @from-host           ─→ host/in/<name>
//! output:          oifname vmap @to-host             ─→ host/out/<name>
//! postrouting:     what the node sends to a translated destination, which only now knows its interface ─→ host/out/<name>
//! to-workload:     host-forward-in, host-forward-out ─→ host/forward-in/<name>, host/forward-out/<name>
//! ```
//!
//! Without a host endpoint none of this exists. The stages of one host endpoint are the modules below this one.

mod dispatch;
mod forwarded;
mod local;
mod pre_dnat;
mod program;
mod untracked;

pub(super) use dispatch::{FORWARD_IN, FORWARD_OUT, Hosts};

use std::sync::Arc;

use super::{around::Around, rendered::Rendered};
use crate::{
    address::Family,
    ir::HostEndpoint,
    name::HostEndpointName,
    nft::Rule,
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey},
};

/// Whose chains are rendered, and for which table.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) endpoint: &'a HostEndpointName,
    pub(super) family: Family,
    pub(super) around: Around<'a>,
}

impl Place<'_> {
    /// The origin of what belongs to the endpoint itself.
    pub(super) fn origin(self, direction: Direction, role: Builtin) -> Arc<Origin> {
        Arc::new(Origin::HostEndpoint { name: self.endpoint.clone(), direction, role })
    }
}

/// All chains of a host endpoint. `steps` are those of its group: what is local and comes in.
pub(super) fn units<'a>(
    endpoint: &HostEndpoint,
    steps: impl Fn(Family) -> &'a [Rule],
    around: Around<'_>,
) -> Rendered {
    let mut rendered = Rendered::default();
    for family in Family::ALL {
        let place = Place { endpoint: &endpoint.name, family, around };
        local::inbound(place, endpoint, steps(family), &mut rendered);
        local::outbound(place, endpoint, &mut rendered);
        forwarded::inbound(place, endpoint, &mut rendered);
        forwarded::outbound(place, endpoint, &mut rendered);
        untracked::raw(place, endpoint, &mut rendered);
    }
    rendered
}

/// The policies whose rules are laid out in its chains, and those that stand in its group.
pub(super) fn policies(endpoint: &HostEndpoint) -> impl Iterator<Item = &PolicyKey> {
    let both = Direction::ALL.into_iter().flat_map(|direction| {
        let tiers = [&endpoint.local.get(direction).tiers, endpoint.forwarded.get(direction)];
        tiers.into_iter().chain([endpoint.untracked.get(direction)])
    });
    both.chain([&endpoint.pre_dnat]).flatten().flat_map(|step| &step.policies)
}
