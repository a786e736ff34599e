//! Structured logs on standard error.

use std::io::{self, IsTerminal as _};

use crate::config::{LogFormat, Logging};

/// Installs the subscriber of the process; a second call has no effect.
pub fn init(logging: Logging) {
    // The client library logs every request that fails, as an error. The source reports what lasts, once; who wants more names the library in the filter.
    let mut filter = logging.filter;
    if !filter.to_string().contains("kube")
        && let Ok(silence) = "kube_client=off".parse()
    {
        filter = filter.add_directive(silence);
    }
    // A reader of the log that goes away must not end enforcement: reporting the failed write where nobody reads would be fatal.
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    let installed = match logging.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "logging was set up before");
    }
}
