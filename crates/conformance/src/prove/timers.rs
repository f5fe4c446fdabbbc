//! How long a silent tunnel is kept.

use std::time::{Duration, Instant};

use wsgen_emit::Subject;
use wsgen_model::config::WebSocketMode;
use wsgen_model::scalar::TunnelIdle;
use wsgen_model::site::RouteId;

use super::probe::probes;
use super::{Announced, Difference, Proved, Step};
use crate::own::moved::Moved;
use crate::own::{Own, Sent};
use crate::stage::Stage;
use crate::verdict::Verdict;

/// Longer ones are told, and not waited for.
const LONGEST: Duration = Duration::from_secs(65);
/// What ends within this of each other ends at one time: both are under the same load.
const ALIKE: Duration = Duration::from_millis(1500);
/// How much longer than it must an end is waited for.
const LATER: Duration = Duration::from_secs(6);

/// Leaves a tunnel of each route idle on both servers at once.
pub(super) async fn compare(
    first: (&Stage, &Moved),
    second: (&Stage, &Moved),
    own: &Own,
    tried: &[RouteId],
    announced: &Announced,
    proved: &mut Proved,
) -> Verdict {
    let all = probes(&own.site, &[], false);
    for id in tried {
        let route = &own.site.routes[id.0];
        let Some(forward) = route.forward().filter(|f| *f.websocket.mode != WebSocketMode::Deny)
        else {
            continue;
        };
        let TunnelIdle::After(idle) = *forward.timeouts.tunnel_idle else { continue };
        if Duration::from(idle) > LONGEST {
            proved.left.push(format!("{}: {idle} is not waited for", route.title(*id)));
            continue;
        }
        let own_probe =
            all.iter().find(|probe| probe.handshake && probe.route(&own.site) == Some(*id));
        let Some(probe) = own_probe else {
            proved.left.push(format!("{}: no handshake for it could be made up", route.title(*id)));
            continue;
        };
        let wait = Duration::from(idle) + LATER;
        let sent = Sent { host: probe.host.clone(), text: probe.text.clone() };
        let (one, other) = tokio::join!(
            lasts(first, own, probe.listener, &sent, wait),
            lasts(second, own, probe.listener, &sent, wait)
        );
        let (one, other) = (one?, other?);
        proved.probes += 1;
        let tell = |time: Option<Duration>| {
            time.map_or_else(
                || format!("longer than {}s", wait.as_secs()),
                |t| format!("{:.1}s", t.as_secs_f64()),
            )
        };
        let alike = match (one, other) {
            (Some(one), Some(other)) => one.abs_diff(other) <= ALIKE,
            (one, other) => one.is_none() && other.is_none(),
        };
        if !alike {
            let name = route.name.as_ref().map(|name| name.value.as_str());
            let place = Some((*id, name));
            let mut steps = [Step::Reading, Step::Rendering].into_iter();
            let found = steps.find_map(|step| announced.excuse(step, &Subject::Timer, place, &[]));
            proved.differences.push(Difference {
                probe: probe.title.clone(),
                step: Step::Rendering,
                subject: Subject::Timer,
                topic: "how long a silent tunnel is kept".to_owned(),
                before: tell(one),
                after: tell(other),
                announced: found.map(|announcement| announcement.title.clone()),
            });
        }
    }
    Ok(())
}

/// How long a silent tunnel is kept; nothing where it outlives the patience.
async fn lasts(
    (stage, moved): (&Stage, &Moved),
    own: &Own,
    listener: wsgen_model::site::ListenerId,
    sent: &Sent,
    wait: Duration,
) -> Verdict<Option<Duration>> {
    let mut answered = moved.ask(stage, own, listener, sent).await?;
    if answered.head.status() != 101 {
        return Ok(Some(Duration::ZERO));
    }
    let begin = Instant::now();
    let ended = answered.wire.rest_within(wait).await;
    Ok(ended.is_ok().then(|| begin.elapsed()))
}
