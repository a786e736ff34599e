//! Structured logs on standard error.

use std::io::{self, IsTerminal as _};

use crate::config::{LogFormat, Logging};

/// Installs the subscriber of the process; a second call has no effect.
pub fn init(logging: Logging) {
    let builder = tracing_subscriber::fmt().with_env_filter(logging.filter).with_writer(io::stderr);
    let installed = match logging.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "logging was set up before");
    }
}
