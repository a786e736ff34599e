//! What became of a request, and which of the things that are asked for cannot be had.

use std::{collections::BTreeMap, future::Future, time::Duration};

use ferrule_ruleset::finding::{Finding, Severity};
use tokio::time::{Instant, timeout};

use super::CLOSED;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long something may be wanted again before it counts as not wanted any more.
const GRACE: Duration = Duration::from_secs(30);

/// The server did not answer, or does not know who we are: everything has to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreachable(pub String);

/// What became of a request.
#[derive(Debug)]
pub(super) enum Outcome<T> {
    /// It was carried out.
    Done(T),
    /// There is no such object, or no such kind.
    NotFound,
    /// There is one already, or it is not any more as it was read.
    Conflict,
    /// Not with this object as it is, or not in its namespace, which may be on its way out or have used up its quota. Others may fare better.
    Declined(String),
    /// Something did not work behind the server, such as a webhook that is called for this object only. Others may fare better, and so may it later.
    Failed(String),
    /// We may not do this at all.
    Refused(String),
}

/// Something that the server is asked to do, as people would call it: verb and resource.
pub(super) type Sink = &'static str;

/// What cannot be had now.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    closed: BTreeMap<Sink, Closed>,
}

#[derive(Debug)]
struct Closed {
    reason: String,
    until: Instant,
}

/// Asks.
pub(super) async fn attempt<T>(
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Outcome<T>, Unreachable> {
    let error = match timeout(PATIENCE, request).await {
        Ok(Ok(answer)) => return Ok(Outcome::Done(answer)),
        Ok(Err(error)) => error,
        Err(_) => return Err(Unreachable(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    let kube::Error::Api(status) = &error else { return Err(Unreachable(error.to_string())) };
    match status.code {
        404 => Ok(Outcome::NotFound),
        409 => Ok(Outcome::Conflict),
        401 => Err(Unreachable(status.message.clone())),
        // A limit of requests may be that of a namespace (the admission plug-in EventRateLimit).
        429 | 500.. => Ok(Outcome::Failed(status.message.clone())),
        403 if is_of_authorizer(&status.message) => Ok(Outcome::Refused(status.message.clone())),
        _ => Ok(Outcome::Declined(status.message.clone())),
    }
}

/// Whether a request was refused for who asks, not for what it is about: admission says 403 too. The words are those of the API server, whatever authorizer
/// it has (`forbiddenMessage` in its `endpoints/handlers/responsewriters`): `RESOURCE is forbidden: User "NAME" cannot VERB resource …`.
fn is_of_authorizer(message: &str) -> bool {
    let why = message.split_once(" is forbidden: ").map(|(_, why)| why);
    why.is_some_and(|why| why.starts_with("User \"") && why.contains("\" cannot "))
}

impl<T> Outcome<T> {
    /// The same with another answer.
    pub fn map<U>(self, answer: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(value) => Outcome::Done(answer(value)),
            Self::NotFound => Outcome::NotFound,
            Self::Conflict => Outcome::Conflict,
            Self::Declined(reason) => Outcome::Declined(reason),
            Self::Failed(reason) => Outcome::Failed(reason),
            Self::Refused(reason) => Outcome::Refused(reason),
        }
    }
}

impl Sinks {
    /// Whether there is a point in asking now.
    pub fn is_open(&self, sink: Sink, now: Instant) -> bool {
        self.closed.get(sink).is_none_or(|closed| closed.until <= now)
    }

    /// It cannot be had; asked for again after a while.
    pub fn close(&mut self, sink: Sink, reason: String, now: Instant) {
        self.close_for(sink, reason, now, CLOSED);
    }

    /// It cannot be had for so long.
    pub fn close_for(&mut self, sink: Sink, reason: String, now: Instant, pause: Duration) {
        self.closed.insert(sink, Closed { reason, until: now + pause });
    }

    /// This came of asking.
    pub fn note<T>(&mut self, sink: Sink, outcome: &Outcome<T>, now: Instant) {
        match outcome {
            Outcome::Refused(reason) => self.close(sink, reason.clone(), now),
            Outcome::Done(_)
            | Outcome::NotFound
            | Outcome::Conflict
            | Outcome::Declined(_)
            | Outcome::Failed(_) => self.open(sink),
        }
    }

    /// It was had.
    pub fn open(&mut self, sink: Sink) {
        self.closed.remove(sink);
    }

    /// The same for people. What nobody asked for again when it was time to is forgotten.
    pub fn findings(&mut self, now: Instant) -> Vec<Finding> {
        self.closed.retain(|_, closed| now < closed.until + GRACE);
        let finding = |(sink, closed): (&Sink, &Closed)| Finding {
            location: None,
            severity: Severity::Warning,
            object: None,
            field: String::new(),
            message: format!("cannot {sink}: {}", closed.reason),
            consequence: "people are not told in that place; enforcement does not depend on it".to_owned(),
        };
        self.closed.iter().map(finding).collect()
    }
}
