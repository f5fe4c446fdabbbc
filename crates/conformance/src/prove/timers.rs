//! What only time shows: how long a silent tunnel is kept, how long an answer is waited for, how long a head may take.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use wsgen_emit::{Subject, Waiting};
use wsgen_model::config::WebSocketMode;
use wsgen_model::scalar::TunnelIdle;
use wsgen_model::site::RouteId;

use super::probe::{Probe, probes};
use super::{Announced, Difference, Proved, Step};
use crate::own::moved::Moved;
use crate::own::{Own, Sent};
use crate::stage::Stage;
use crate::verdict::Verdict;

/// Longer ones are told, and not waited for.
const LONGEST: Duration = Duration::from_secs(65);
/// Largest difference between two times that count as the same. All servers are under the same load.
const ALIKE: Duration = Duration::from_millis(1500);
/// How much longer than it must an end is waited for.
const LATER: Duration = Duration::from_secs(6);
/// Most timers that run at once.
const AT_ONCE: usize = 16;

/// An exchange that is begun and then left alone, so that a timer ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// A tunnel through which nothing comes.
    Tunnel,
    /// A request that the application does not answer.
    Request,
    /// The first half of a head.
    Head,
}

impl Begun {
    fn waiting(self) -> Waiting {
        match self {
            Self::Tunnel => Waiting::Tunnel,
            Self::Request => Waiting::Answer,
            Self::Head => Waiting::Head,
        }
    }

    fn topic(self) -> &'static str {
        match self {
            Self::Tunnel => "how long a silent tunnel is kept",
            Self::Request => "how long an answer is waited for",
            Self::Head => "how long a head may take",
        }
    }
}

/// One timer of a route.
struct Timer {
    route: RouteId,
    begun: Begun,
    probe: Probe,
    /// Time after which the model ends the exchange.
    limit: Duration,
}

/// Waits for the timers of each route on the original, the model and the new server at once.
pub(super) async fn compare(
    servers: [(&Stage, &Moved); 3],
    own: &Own,
    tried: &[RouteId],
    announced: &Announced,
    proved: &mut Proved,
) {
    let all = timers(own, tried, proved);
    let waited = futures_util::stream::iter(&all).map(|timer| async {
        let [first, middle, second] = servers;
        tokio::join!(lasts(first, own, timer), lasts(middle, own, timer), lasts(second, own, timer))
    });
    let waited: Vec<_> = waited.buffered(AT_ONCE).collect().await;
    for (timer, (one, two, three)) in all.iter().zip(waited) {
        proved.probes += 1;
        for (step, before, after) in [(Step::Reading, one, two), (Step::Rendering, two, three)] {
            if is_alike(before, after) {
                continue;
            }
            let name = own.site.routes[timer.route.0].name.as_ref();
            let place = Some((timer.route, name.map(|name| name.value.as_str())));
            let subject = Subject::TimerOf(timer.begun.waiting());
            let found = announced.excuse(step, &subject, place, &[]);
            let tell = |time: Option<Duration>| {
                time.map_or_else(
                    || format!("longer than {}s", (timer.limit + LATER).as_secs()),
                    |time| format!("{:.1}s", time.as_secs_f64()),
                )
            };
            let announced = found.map(|announcement| announcement.title.clone());
            proved.differences.push(Difference {
                probe: timer.probe.title.clone(),
                step,
                subject,
                topic: timer.begun.topic().to_owned(),
                before: tell(before),
                after: tell(after),
                announced,
            });
        }
    }
}

fn is_alike(one: Option<Duration>, other: Option<Duration>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(other) <= ALIKE,
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The timers that are short enough, with what is begun for each; the others are told.
fn timers(own: &Own, tried: &[RouteId], proved: &mut Proved) -> Vec<Timer> {
    let known = probes(&own.site, &[], false);
    let mut all: Vec<Timer> = Vec::new();
    for id in tried {
        let route = &own.site.routes[id.0];
        let Some(forward) = route.forward() else { continue };
        let mut wanted = vec![(Begun::Request, Duration::from(*forward.timeouts.response_header))];
        if let (false, TunnelIdle::After(idle)) =
            (*forward.websocket.mode == WebSocketMode::Deny, *forward.timeouts.tunnel_idle)
        {
            wanted.push((Begun::Tunnel, Duration::from(idle)));
        }
        let listener = own.site.listener(route.listeners[0]);
        wanted.push((Begun::Head, Duration::from(*listener.timeouts.request_header)));
        for (begun, limit) in wanted {
            let is_known = |timer: &Timer| {
                begun == Begun::Head
                    && timer.begun == begun
                    && timer.probe.listener == route.listeners[0]
            };
            if all.iter().any(is_known) {
                continue;
            }
            let what = begun.topic();
            if limit > LONGEST {
                let left = format!(
                    "{}: {what}, {}s, is not waited for",
                    route.title(*id),
                    limit.as_secs()
                );
                proved.left.push(left);
                continue;
            }
            let fits = |probe: &&Probe| {
                probe.handshake == (begun == Begun::Tunnel) && probe.route(&own.site) == Some(*id)
            };
            match known.iter().find(fits) {
                Some(probe) => {
                    all.push(Timer { route: *id, begun, probe: probe.clone(), limit });
                }
                None => proved.left.push(format!(
                    "{}: no question about {what} could be made up",
                    route.title(*id)
                )),
            }
        }
    }
    all
}

/// Returns the time until the server ends an exchange, or `None` where it lasts longer than `limit` and `LATER`.
async fn lasts((stage, moved): (&Stage, &Moved), own: &Own, timer: &Timer) -> Option<Duration> {
    let wait = timer.limit + LATER;
    let text = match timer.begun {
        Begun::Tunnel => timer.probe.text.clone(),
        // The application waits for longer than anybody here.
        Begun::Request => timer.probe.text.replacen(
            "\r\n\r\n",
            &format!("\r\nX-Teller-Waits: {}\r\n\r\n", (wait + LATER).as_secs()),
            1,
        ),
        Begun::Head => timer.probe.text.replacen("\r\n\r\n", "\r\n", 1),
    };
    let sent = Sent { host: timer.probe.host.clone(), text };
    let begin = Instant::now();
    let lasted = async {
        let mut wire = moved.send(stage, own, timer.probe.listener, &sent).await?;
        if timer.begun == Begun::Tunnel {
            if wire.answer().await?.status() != 101 {
                return Ok(());
            }
            wire.rest_within(wait).await?;
        } else {
            wire.head_within(wait).await?;
        }
        Verdict::Ok(())
    };
    match tokio::time::timeout(wait, lasted).await {
        // An end without an answer is an end.
        Ok(_) if begin.elapsed() < wait => Some(begin.elapsed()),
        _ => None,
    }
}
