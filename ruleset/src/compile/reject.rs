//! What a deny does where the node is told to answer: one chain for all, which every deny of the hooks `input`, `forward` and `output` goes to. The kernel
//! refuses rejections elsewhere, so that denies ahead of connection tracking and behind routing drop under every setting.

use super::{Layout, rendered::rule};
use crate::{
    name::ChainName,
    nft::{Chain, Match, Operator, Reject, Rule, Statement, Verdict},
    origin::{Builtin, Origin},
    protocol::Protocol,
    settings::DenyAction,
};

/// Not `reject`, which is a word of nft.
fn name() -> ChainName {
    ChainName::from("rejected")
}

/// Where a deny leads in a hook that permits rejections.
pub(super) fn deny(layout: &Layout) -> Verdict {
    match layout.settings.deny {
        DenyAction::Drop => Verdict::Drop,
        DenyAction::Reject => Verdict::Goto(name()),
    }
}

/// The chain, where denies lead to it.
pub(super) fn chain(layout: &Layout) -> Option<Chain> {
    match layout.settings.deny {
        DenyAction::Drop => None,
        DenyAction::Reject => {
            Some(Chain { name: name(), base: None, rules: vec![reset(), prohibited(Builtin::Dispatch)] })
        }
    }
}

/// A TCP client hears that nobody listens.
fn reset() -> Rule {
    let tcp = Statement::Match(Match::Protocol(Operator::Is, Protocol::TCP));
    rule([tcp, Statement::Reject(Reject::TcpReset)], Origin::Builtin(Builtin::Dispatch))
}

fn prohibited(role: Builtin) -> Rule {
    rule([Statement::Reject(Reject::AdminProhibited)], Origin::Builtin(role))
}
