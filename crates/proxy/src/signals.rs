//! What the operator says to the process: SIGHUP reloads, SIGTERM and SIGINT stop, a second one ends.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use wsgen_model::site::Site;

use crate::Proxy;

/// What was said.
enum Said {
    Reload,
    Stop,
    Nothing,
}

impl Proxy {
    /// Serves until it is told to stop and everything has ended. `read` reloads and gives the time of the next stop, or
    /// nothing where it has said itself why it cannot; `changed` is asked now and then whether it should.
    pub fn run(
        mut self,
        mut stop: Duration,
        mut read: impl FnMut(&mut Self) -> Option<Duration>,
        mut changed: impl FnMut() -> bool,
    ) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut hup, mut term, mut int) = {
            let _inside = runtime.enter();
            let on = |kind| signal(kind);
            (on(SignalKind::hangup())?, on(SignalKind::terminate())?, on(SignalKind::interrupt())?)
        };
        let mut stopping = false;
        while !self.has_ended() {
            let said = runtime.block_on(async {
                tokio::select! {
                    _ = hup.recv() => Said::Reload,
                    _ = term.recv() => Said::Stop,
                    _ = int.recv() => Said::Stop,
                    () = tokio::time::sleep(Duration::from_millis(50)) => Said::Nothing,
                }
            });
            match said {
                Said::Nothing if !stopping && changed() => {
                    stop = read(&mut self).unwrap_or(stop);
                }
                Said::Reload if !stopping => stop = read(&mut self).unwrap_or(stop),
                Said::Stop if !stopping => {
                    stopping = true;
                    self.stop(stop);
                }
                Said::Stop => self.end(),
                Said::Reload | Said::Nothing => {}
            }
        }
        Ok(())
    }

    /// The time that a stop of a site gives to open tunnels (`drain/stop`).
    pub fn stop_time(site: &Site) -> Duration {
        (*site.drain.stop).into()
    }
}
