//! What the node itself sends to its pods, told by the interface it leaves by. Policy has no say on it, of pods or of host endpoints.
//!
//! A prefix tells the interfaces of pods, known or not. A pod that was found by its route may have one that no prefix begins; these are in a map, where
//! there is a host endpoint that could take them for its own.

use imbl::OrdMap;

use super::{Frame, interface};
use crate::{
    compile::rendered::rule,
    ir::Endpoint,
    links::InterfacePrefix,
    name::{InterfaceName, SetName},
    nft::{Elements, InterfaceSide, Rule, Set, Statement, Verdict},
    origin::{Builtin, Origin},
};

/// Whether no prefix tells that the interface of an endpoint is a pod's.
pub(in crate::compile) fn is_unprefixed(endpoint: &Endpoint, prefixes: &[InterfacePrefix]) -> bool {
    !prefixes.iter().any(|prefix| endpoint.interface.as_str().starts_with(prefix.as_str()))
}

/// The rules that admit it. Their counters show a person that probes pass by design.
pub(super) fn rules(frame: &Frame<'_>) -> Vec<Rule> {
    let prefixed = frame.layout.options.prefixes.iter().map(|prefix| {
        let statements = [
            interface(InterfaceSide::Out, prefix.as_str()),
            Statement::Counter,
            Statement::Verdict(Verdict::Accept),
        ];
        rule(statements, Origin::Builtin(Builtin::HostToOwnPod))
    });
    let statement = Statement::InterfaceMap(InterfaceSide::Out, map_name());
    let others = map(frame).map(|_| rule([statement], Origin::Builtin(Builtin::HostToOwnPod)));
    prefixed.chain(others).collect()
}

/// The map of the interfaces that no prefix begins, if a rule asks for it.
pub(super) fn map(frame: &Frame<'_>) -> Option<Set> {
    if frame.hosts.is_empty() {
        return None;
    }
    let unprefixed =
        frame.extras.values().filter(|endpoint| is_unprefixed(endpoint, &frame.layout.options.prefixes));
    let verdicts: OrdMap<InterfaceName, Verdict> =
        unprefixed.map(|endpoint| (endpoint.interface.clone(), Verdict::Accept)).collect();
    let comment = "what the node sends to its own pods, by interfaces without a prefix".into();
    let elements = Elements::InterfaceVerdicts(verdicts.clone());
    (!verdicts.is_empty()).then(|| Set { name: map_name(), capacity: None, comment, elements })
}

fn map_name() -> SetName {
    SetName::from("own-pods")
}
