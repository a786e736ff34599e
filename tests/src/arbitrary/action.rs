//! What rules do beside verdicts: limits, marks on the packet, and ends that only some hooks have.

use ferrule_ruleset::{
    address::Family,
    nft::{
        BaseChain, ChainKind, FullyRandom, Hook, LimitSense, NatPorts, RateLimit, RateUnit, Reject, Statement,
    },
    port::PortRange,
};
use proptest::{option, prelude::*, sample::select};

use crate::arbitrary::address;

/// Something on the way, in one rule of six.
pub(super) fn on_the_way() -> impl Strategy<Value = Option<Statement>> {
    let units = vec![RateUnit::Second, RateUnit::Minute, RateUnit::Hour, RateUnit::Day];
    let senses = vec![LimitSense::Over, LimitSense::Under];
    let limit = (select(senses), 1..500_u64, select(units), 1..40_u32)
        .prop_map(|(sense, packets, per, burst)| RateLimit { sense, packets, per, burst });
    let statement = prop_oneof![
        limit.prop_map(Statement::Limit),
        (0..50_u32).prop_map(Statement::ConnectionsOver),
        Just(Statement::Notrack),
        (0..64_u8).prop_map(Statement::Dscp),
    ];
    option::weighted(0.16, statement)
}

/// Ends that the kernel has in a base chain, or in the regular chains that all base chains may lead to.
pub(super) fn ends(family: Family, base: Option<BaseChain>) -> Vec<Statement> {
    let rejections = [Reject::TcpReset, Reject::AdminProhibited].map(Statement::Reject);
    let Some(BaseChain { hook, kind, .. }) = base else { return rejections.into() };
    let ports = [None, Some(PortRange::single(1024)), Some(PortRange { first: 2000, last: 2999 })]
        .map(|range| NatPorts { range, fully_random: FullyRandom::No });
    let ports =
        ports.into_iter().flat_map(|ports| [ports, NatPorts { fully_random: FullyRandom::Yes, ..ports }]);
    let to_source = ports.clone().map(|ports| Statement::SourceNat(address(family, 3), ports));
    match (kind, hook) {
        (ChainKind::Nat, Hook::Postrouting) => ports.map(Statement::Masquerade).chain(to_source).collect(),
        (ChainKind::Nat, Hook::Input) => to_source.collect(),
        (ChainKind::Nat, Hook::Prerouting | Hook::Output) => {
            vec![Statement::DestinationNat(address(family, 4))]
        }
        (ChainKind::Filter | ChainKind::Route, Hook::Postrouting) | (ChainKind::Nat, Hook::Forward) => {
            Vec::new()
        }
        (ChainKind::Filter | ChainKind::Route, _) => rejections.into(),
    }
}
