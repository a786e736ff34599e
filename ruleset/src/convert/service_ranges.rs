//! BGPConfiguration of Calico, as far as it says which addresses are those of services.

use std::sync::Arc;

use super::{
    field::{Field, Fields, Problem, Problems},
    nets,
    remark::Remarks,
};
use crate::resource::ServiceRanges;

/// The only object whose ranges count.
const DEFAULT: &str = "default";

/// Fields that hold ranges, as lists of `{cidr}`.
const RANGES: [&str; 3] = ["serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs"];

/// Reads the ranges. One that is not understood is missing, the others are not.
pub(super) fn convert(name: Arc<str>, object: &Fields<'_>, remarks: &mut Remarks) -> ServiceRanges {
    let mut problems = Problems::default();
    let spec = problems.map_or_empty(object, "spec");
    let mut ranges = Vec::new();
    for list in RANGES {
        for item in problems.or_default(spec.items(list)) {
            ranges.extend(problems.or_default(range(&item).map(Some)));
        }
        if let Some(field) = spec.field(list).filter(|_| &*name != DEFAULT) {
            remarks.warning(
                field.problem("only the object named default has a say in this"),
                "it has no effect",
            );
        }
    }
    remarks.errors(problems, "packets to these addresses may go in circles where no service answers");
    ranges.sort();
    ranges.dedup();
    ServiceRanges { name, nets: ranges }
}

fn range(item: &Field<'_>) -> Result<ipnet::IpNet, Problem> {
    let fields = item.fields()?;
    let cidr = fields.field("cidr").ok_or_else(|| fields.problem("cidr is missing"))?;
    nets::net(&cidr)
}
