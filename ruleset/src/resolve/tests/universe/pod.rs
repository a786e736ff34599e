//! Pods.

use proptest::{collection, prelude::*, sample::select};

use super::{PODS, some_addresses, some_labels, some_named_port, some_nets};
use crate::{
    name::NodeName,
    policy::PerDirection,
    resolve::tests::fixture::*,
    resource::{Limits, Pod, PodExtras, PodState, Resource, Tenure},
};

fn some_extras() -> impl Strategy<Value = PodExtras> {
    (prop::option::of(1_u32..3), prop::option::of(1_u8..3), some_nets(0..2), some_addresses(0..3)).prop_map(
        |(connections, dscp, allowed_sources, floating)| {
            let ingress = Limits { connections, ..Limits::default() };
            let limits = PerDirection { ingress, ..PerDirection::default() };
            PodExtras { limits, dscp, allowed_sources, floating }
        },
    )
}

pub(super) fn some_pod() -> impl Strategy<Value = Resource> {
    use PodState::{Active, Finished, HostNetwork, Unintelligible};
    (
        select(&PODS[..]),
        (some_labels(), prop::option::of(select(&["s", "t"][..]))),
        prop_oneof![6 => Just(Some(HERE)), 3 => Just(Some("there")), 1 => Just(None)],
        (
            prop_oneof![8 => Just(Active), 1 => Just(Finished), 1 => Just(HostNetwork), 1 => Just(Unintelligible)],
            prop_oneof![3 => Just(Tenure::Lasting), 1 => Just(Tenure::Ending)],
        ),
        (some_addresses(0..3), some_extras()),
        collection::vec(some_named_port(), 0..3),
    )
        .prop_map(|(name, (text, account), node, (state, tenure), (addresses, extras), ports)| {
            let service_account = account.map(Into::into);
            let node = node.map(NodeName::new);
            Resource::Pod(Pod { node, state, tenure, service_account, addresses, ports, extras, ..pod(name, &text, &[]) })
        })
}
