//! What the kernel says of this process and of the machine. Linux only.

use std::fs::read_to_string;
use std::time::Instant;

use anyhow::{Context, Result};

/// The kernel's ticks in a second, the same on every Linux.
const TICKS: f64 = 100.0;

/// Seconds of the cores since the start, and page faults, at one moment.
pub(crate) struct Usage {
    at: Instant,
    own: f64,
    in_kernel: f64,
    all: f64,
    stolen: f64,
    faults: f64,
}

impl Usage {
    /// What has been used until now.
    pub(crate) fn now() -> Result<Self> {
        let own = read_to_string("/proc/self/stat")?;
        // The name of the program, in brackets, may hold spaces.
        let own = numbers(own.rsplit_once(')').context("no name in the state")?.1);
        let all = numbers(read_to_string("/proc/stat")?.lines().next().unwrap_or_default());
        let (user, kernel) = (own[10] / TICKS, own[11] / TICKS);
        let busy = [0, 1, 2, 5, 6].map(|field| all[field] / TICKS).iter().sum();
        let stolen = all[7] / TICKS;
        let (own, in_kernel, faults) = (user + kernel, kernel, own[6]);
        Ok(Self { at: Instant::now(), own, in_kernel, all: busy, stolen, faults })
    }

    /// Cores in use between two moments, by whom, and faults a second.
    pub(crate) fn since(&self, before: &Self) -> [(&'static str, f64); 5] {
        let seconds = (self.at - before.at).as_secs_f64();
        let rate = |now: f64, before: f64| (now - before) / seconds;
        let own = rate(self.own, before.own);
        [
            ("own_cores", own),
            ("other_cores", (rate(self.all, before.all) - own).max(0.0)),
            ("sys_cores", rate(self.in_kernel, before.in_kernel)),
            ("steal_cores", rate(self.stolen, before.stolen)),
            ("faults_per_s", rate(self.faults, before.faults)),
        ]
    }
}

/// The numbers of a line; what is none counts as zero, so that fields keep their places. The first
/// word, the state or the name of the line, is left out.
fn numbers(line: &str) -> Vec<f64> {
    line.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0.0)).collect()
}

/// The most memory that the process has held, in MB.
pub(crate) fn peak_mb() -> Option<f64> {
    let status = read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
}
