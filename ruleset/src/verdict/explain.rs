//! What a person asks after a deny: why did no rule match, and is it only this end that denies?

use crate::{
    nft::Hook,
    verdict::{
        Cluster, Decision, Flow, FlowError, Miss, Reason,
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
        let Route::Hooks(crossings) = Route::between(&from, &to) else { return Ok(Vec::new()) };
        let concerns = |crossing: &&Crossing| [&crossing.sender, &crossing.receiver].contains(&&decision.pod);
        let Some(crossing) = crossings.iter().find(concerns) else { return Ok(Vec::new()) };
        let header = end::header(flow, &from, &to)?;
        Ok(self.node(&crossing.node)?.misses(crossing, header, *direction, policies))
    }

    /// What the receiving pod's ingress says about a flow, even if the sender's egress does not let it get there. Empty if the receiver is no pod, or
    /// policy does not see the flow there.
    pub fn receiver(&self, flow: &Flow) -> Result<Vec<Decision>, FlowError> {
        let (from, to) = self.ends(flow)?;
        let (Owner::Pod { pod, node }, Route::Hooks(crossings)) = (&to.owner, Route::between(&from, &to))
        else {
            return Ok(Vec::new());
        };
        if crossings.iter().any(|crossing| crossing.hook == Hook::Output) {
            return Ok(Vec::new());
        }
        // To the ingress policy it is all the same by which interface the packet came in.
        let crossing = Crossing::new(node, None, Some(pod), Hook::Forward);
        Ok(self.node(node)?.judge(&crossing, end::header(flow, &from, &to)?))
    }
}
