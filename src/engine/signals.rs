use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGINT, SIGTERM and SIGHUP cancel: the step in hand comes to a safe end, then the run is parked.
///
/// Must be called inside a tokio runtime; the signals no longer end the process by themselves.
pub fn cancel_on_signals() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let mut stream = signal(kind)?;
        let token = token.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                token.cancel();
            }
        });
    }
    Ok(token)
}
