//! The join of all new packets that are forwarded, and of those from pods to their node.

use super::{Frame, lookup, to_workload, unknown};
use crate::{
    compile::{
        host::{FORWARD_IN, FORWARD_OUT},
        rendered::rule,
        service_loop,
    },
    name::ChainName,
    nft::{Chain, InterfaceSide, Match, Operator, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::Direction,
    settings::EndpointToHost,
};

/// Behind egress policy: the receiver's ingress policy, if the receiver is an endpoint of this node. Every way through it ends in a verdict, since
/// rules of a chain that was jumped to go here and must not come back.
///
/// Every new packet that is forwarded comes by, whoever sent it, and no established one. So host endpoints judge forwarded packets here, ahead of the
/// receiver's policy. What came in is looked at under both hooks, since pre-DNAT policy also judges what pods send to their node.
pub(super) fn chain(frame: &Frame<'_>) -> Chain {
    let Frame { layout, hosts, .. } = *frame;
    let jump = |chain| Statement::Verdict(Verdict::Jump(ChainName::from(chain)));
    let dispatch = || Origin::Builtin(Builtin::Dispatch);
    let mut rules = Vec::new();
    if hosts.forward(Direction::Ingress) {
        rules.push(rule([jump(FORWARD_IN)], dispatch()));
    }
    if hosts.forward(Direction::Egress) {
        let forwarded = Statement::Match(Match::HasInterface(InterfaceSide::Out, Operator::Is));
        rules.push(rule([forwarded, jump(FORWARD_OUT)], dispatch()));
    }
    rules.push(lookup(Direction::Ingress));
    rules.extend(unknown(InterfaceSide::Out, layout));
    rules.extend(service_loop::rules(frame));
    match layout.settings.endpoint_to_host {
        EndpointToHost::Drop => rules.push(rule(
            [
                Statement::Match(Match::LocalDestination),
                Statement::Counter,
                Statement::Verdict(Verdict::Drop),
            ],
            Origin::Builtin(Builtin::EndpointToHost),
        )),
        EndpointToHost::Accept | EndpointToHost::Return => {}
    }
    rules.push(rule([Statement::Verdict(Verdict::Accept)], Origin::Builtin(Builtin::NoPolicy)));
    Chain { name: to_workload(), base: None, rules }
}
