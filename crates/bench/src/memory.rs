//! What processes hold in memory, and the kernel for them.

use std::fs;

/// Proportional set size of processes, in bytes: shared pages count once in all (proc(5), `smaps_rollup`).
pub(crate) fn proportional(processes: &[u32]) -> u64 {
    let of = |id: &u32| -> u64 {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    processes.iter().map(of).sum::<u64>() * 1024
}

/// What the kernel holds in slabs, in bytes: sockets are among it.
pub(crate) fn slab() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Slab:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
