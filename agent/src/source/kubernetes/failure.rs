//! Why the API server did not do what it was asked.

use crate::api_server::AccessError;

/// Statuses of HTTP that say something in particular.
const UNAUTHORIZED: u16 = 401;
const NOT_FOUND: u16 = 404;
const GONE: u16 = 410;

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The credentials cannot be read, or the server could not be reached or be trusted; why.
    Unreachable(String),
    /// The server answered with this status of HTTP, and said this.
    Refused {
        /// The status.
        code: u16,
        /// What the server said.
        message: String,
    },
    /// The server answered with something that is not what the API says; what.
    Unintelligible(String),
    /// Nothing came for too long.
    Silent,
}

impl Failure {
    /// The server does not know what was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: NOT_FOUND, .. })
    }

    /// The server has forgotten the version that it was asked to go on from.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Refused { code: GONE, .. })
    }

    /// It may be that less could be asked for at once: the answer did not begin in time, or somebody on the way gave up or refused it.
    pub fn is_of_size(&self) -> bool {
        matches!(self, Self::Silent | Self::Refused { code: 413 | 500 | 502 | 504, .. })
    }

    /// It concerns the server as a whole, and not what it was asked for.
    pub fn is_of_server(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Refused { code: UNAUTHORIZED, .. } => true,
            Self::Refused { .. } | Self::Unintelligible(_) | Self::Silent => false,
        }
    }

    /// What a person needs to know, about a request of this name in the API.
    pub fn text(&self, resource: &str) -> String {
        match self {
            Self::Unreachable(reason) => reason.clone(),
            Self::Refused { code: UNAUTHORIZED, message } => {
                format!("HTTP 401: {message}; the credentials are not accepted: is the token still valid?")
            }
            Self::Refused { code: 403, message } => format!(
                "HTTP 403: forbidden: {message}; grant get, list and watch on {resource} in the ClusterRole of the agent"
            ),
            Self::Refused { code, message } => format!("HTTP {code}: {}", message.trim()),
            Self::Unintelligible(reason) => format!("the answer is not understood: {reason}"),
            Self::Silent => "the server accepted the request and says nothing".to_owned(),
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        if let kube::Error::Api(status) = error {
            return Self::Refused { code: status.code, message: status.message };
        }
        if let kube::Error::Service(error) = &error {
            return Self::Unreachable(chain(&**error));
        }
        if matches!(error, kube::Error::SerdeError(_) | kube::Error::FromUtf8(_)) {
            return Self::Unintelligible(chain(&error));
        }
        Self::Unreachable(chain(&error))
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        Self::Unreachable(chain(&error))
    }
}

/// An error with what caused it, which is what a person can act on; each part once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}
