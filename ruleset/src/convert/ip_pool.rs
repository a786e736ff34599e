//! IPPools of Calico: which addresses are those of pods, and how their traffic leaves the cluster.
//!
//! | not understood | counts as |
//! |---|---|
//! | `cidr` | no pool |
//! | `natOutgoing` | not translated |
//! | `allowedUses` | for workloads |
//! | `ipipMode`, `vxlanMode` | no tunnel: what comes from other nodes so has no exemption from host endpoint policy |
//!
//! How addresses are handed out (`blockSize`, `nodeSelector`, `disabled`, …) is of no interest: a pool that hands out none has pods nevertheless.

use std::sync::Arc;

use super::{
    field::{Field, Fields, Problem, Problems},
    nets,
    remark::Remarks,
};
use crate::resource::{IpPool, PoolNat, PoolUse, Tunnel};

/// Reads a pool.
pub(super) fn convert(name: Arc<str>, object: &Fields<'_>, remarks: &mut Remarks) -> Option<IpPool> {
    let mut problems = Problems::default();
    let spec = problems.map_or_empty(object, "spec");
    let cidr = spec.field("cidr").ok_or_else(|| spec.problem("cidr is missing"));
    let net = problems.or_default(cidr.and_then(|field| nets::cidr(&field)).map(Some));
    remarks.errors(problems, "the pool counts as absent");

    let mut problems = Problems::default();
    let nat = if problems.or_default(spec.flag("natOutgoing")) { PoolNat::Outgoing } else { PoolNat::None };
    let uses = problems.or_default(uses(&spec).map(Some)).unwrap_or(PoolUse::Workloads);
    let tunnel = problems.or_default(tunnel(&spec));
    remarks.errors(problems, "the pool counts without this");
    net.map(|net| IpPool { name, net, uses, nat, tunnel })
}

/// `allowedUses`; by default workloads and tunnels.
fn uses(spec: &Fields<'_>) -> Result<PoolUse, Problem> {
    let items = spec.items("allowedUses")?;
    let is_for_balancers = |item: &Field<'_>| match item.text()? {
        "LoadBalancer" => Ok(true),
        "Workload" | "Tunnel" => Ok(false),
        other => Err(item.problem(format!("{other:?} is no use; use Workload, Tunnel or LoadBalancer"))),
    };
    let uses = items.iter().map(is_for_balancers).collect::<Result<Vec<_>, _>>()?;
    let is_only = !uses.is_empty() && uses.iter().all(|is_for_balancers| *is_for_balancers);
    Ok(if is_only { PoolUse::LoadBalancersOnly } else { PoolUse::Workloads })
}

fn tunnel(spec: &Fields<'_>) -> Result<Option<Tunnel>, Problem> {
    match (is_tunnelled(spec, "ipipMode")?, is_tunnelled(spec, "vxlanMode")?) {
        (true, true) => Err(spec.problem("a pool cannot have both ipipMode and vxlanMode")),
        (true, false) => Ok(Some(Tunnel::Ipip)),
        (false, true) => Ok(Some(Tunnel::Vxlan)),
        (false, false) => Ok(None),
    }
}

/// Whether a mode means that at least some nodes need the tunnel.
fn is_tunnelled(spec: &Fields<'_>, name: &str) -> Result<bool, Problem> {
    let Some(field) = spec.field(name) else { return Ok(false) };
    match field.text()? {
        "" | "Never" => Ok(false),
        "Always" | "CrossSubnet" => Ok(true),
        other => Err(field.problem(format!("{other:?} is no mode; use Never, Always or CrossSubnet"))),
    }
}
