//! What the machine is, who runs where, and what processes have used.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A core, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    Any,
    Only(usize),
}

/// The cores that this process may use.
pub(crate) fn cores() -> Vec<usize> {
    let allowed = sched_getaffinity(None);
    allowed
        .map_or_else(|_| vec![0], |set| (0..CpuSet::MAX_CPU).filter(|at| set.is_set(*at)).collect())
}

/// Keeps this thread, and what it starts from now on, on a core.
pub(crate) fn pin(core: Core) {
    let mut set = CpuSet::new();
    match core {
        Core::Any => cores_of_all().into_iter().for_each(|at| set.set(at)),
        Core::Only(at) => set.set(at),
    }
    // Without that right everything runs everywhere, and the report says how many cores there were.
    let _ = sched_setaffinity(None, &set);
}

/// The cores of the first thread: what a pinned thread may go back to.
fn cores_of_all() -> Vec<usize> {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = text.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut all = Vec::new();
    for part in list.unwrap_or("0").trim().split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) {
            all.extend(from..=to);
        }
    }
    all
}

/// A process and all that it has started, by their parents (proc(5)).
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if let Some(parent) = parent.and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let (mut all, mut at) = (vec![root], 0);
    while at < all.len() {
        all.extend(children.get(&all[at]).into_iter().flatten());
        at += 1;
    }
    all
}

/// The time that processes have had on a processor: of all their threads, in nanoseconds (schedstats of the kernel).
pub(crate) fn used(processes: &[u32]) -> Duration {
    let of_thread = |path: std::path::PathBuf| -> u64 {
        let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
    };
    let threads = processes.iter().flat_map(|id| {
        let all = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        all.map(|entry| entry.path()).collect::<Vec<_>>()
    });
    Duration::from_nanos(threads.map(of_thread).sum())
}

/// How long all cores have been busy since the machine began, in ticks of 10 ms.
pub(crate) fn busy() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    // User, nice, system, idle, iowait, irq, softirq, steal.
    let busy: u64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|at| numbers.get(*at)).sum();
    Duration::from_millis(busy * 10)
}

/// What the machine is, for a report.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("a processor", |(_, model)| model.trim()).to_owned();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{} cores of {model}, Linux {}", cores_of_all().len(), kernel.trim())
}
