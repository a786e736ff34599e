//! Structured logs on standard error.

use std::io::{self, IsTerminal as _};

use crate::config::{LogFormat, Logging};

/// Installs the subscriber of the process; a second call has no effect.
pub fn init(logging: Logging) {
    // A reader of the log that goes away must not end enforcement: reporting the failed write where nobody reads would be fatal.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(logging.filter)
        .with_writer(io::stderr)
        .log_internal_errors(false);
    let installed = match logging.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "logging was set up before");
    }
}
