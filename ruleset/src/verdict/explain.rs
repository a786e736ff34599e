//! What a person asks after a deny: why did no rule match, and is it only this end that denies?

use crate::{
    nft::Hook,
    policy::Direction,
    verdict::{
        Cluster, Decision, Flow, FlowError, Miss, Place, Reason,
        end::{self, Owner},
        route::{Crossing, Route},
    },
};

impl Cluster {
    /// Why no rule matched at the end of a tier: the rules of its policies in order, each with what it asks that the flow does not meet. Empty for other
    /// decisions.
    pub fn misses(&self, flow: &Flow, decision: &Decision) -> Result<Vec<Miss>, FlowError> {
        let Reason::EndOfTier { direction, policies, .. } = &decision.reason else { return Ok(Vec::new()) };
        let (from, to) = self.ends(flow)?;
        let Route::Hooks(crossings) = self.route(&from, &to) else { return Ok(Vec::new()) };
        let concerns = |crossing: &&Crossing| match &decision.at {
            Some(Place::Pod(pod)) => [&crossing.sender, &crossing.receiver].contains(&&Some(pod.clone())),
            Some(Place::HostEndpoint { node, .. }) => {
                let sees = match crossing.hook {
                    Hook::Prerouting | Hook::Input => *direction == Direction::Ingress,
                    Hook::Output | Hook::Postrouting => *direction == Direction::Egress,
                    Hook::Forward => true,
                };
                sees && crossing.node == *node
            }
            None => false,
        };
        let Some(crossing) = crossings.iter().find(concerns) else { return Ok(Vec::new()) };
        let header = end::header(flow, &from, &to)?;
        Ok(self.node(&crossing.node)?.misses(crossing, header, *direction, policies))
    }

    /// What the receiver's side says about a flow, even if the sender's does not let it get there. Empty if policy does not see the flow there.
    pub fn receiver(&self, flow: &Flow) -> Result<Vec<Decision>, FlowError> {
        let (from, to) = self.ends(flow)?;
        let Route::Hooks(crossings) = self.route(&from, &to) else { return Ok(Vec::new()) };
        let last = crossings.last().map(|crossing| (crossing.hook, crossing));
        let crossing = match (&to.owner, last) {
            (_, None | Some((Hook::Output, _))) | (Owner::Outside | Owner::Loopback, _) => {
                return Ok(Vec::new());
            }
            // To the ingress policy it is all the same by which interface the packet came in.
            (Owner::Pod { pod, node }, Some(_)) => Crossing::new(node, None, Some(pod), Hook::Forward),
            // What the node's own pod sends it has been judged as a whole.
            (Owner::Node(_), Some((_, crossing))) if crossing.sender.is_some() => return Ok(Vec::new()),
            (Owner::Node(_), Some((_, crossing))) => crossing.clone(),
        };
        let decisions = self.node(&crossing.node)?.judge(&crossing, end::header(flow, &from, &to)?);
        Ok(decisions.into_iter().filter(|decision| *decision != Decision::no_policy()).collect())
    }
}
