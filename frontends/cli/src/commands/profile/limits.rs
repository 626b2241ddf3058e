//! The machine's limits, measured once and kept among the user's cached files.

use std::path::{Path, PathBuf};

use brolga::runtime::profile::{Limits, measure_limits};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The limits for so many threads: from the cache, unless there are none for this machine or they
/// are to be measured `again`.
pub(super) fn limits(threads: usize, again: bool) -> Result<Limits, Failure> {
    let (file, machine) = (cache_file(threads), machine());
    let kept = file.as_deref().filter(|_| !again).and_then(|file| kept(file, &machine, threads));
    if let Some(limits) = kept {
        return Ok(limits);
    }
    eprintln!("measuring what {threads} threads of this machine can do at most (once) ...");
    let refused = |e: brolga::RunError| Failure::Machine(format!("error: {e}\n"));
    let limits = measure_limits(threads).map_err(refused)?;
    if let Some(file) = file {
        // Without a cache the next profile measures again.
        let _ = keep(&file, &machine, &limits);
    }
    Ok(limits)
}

/// Where they are kept: `$XDG_CACHE_HOME/brolga`, or `~/.cache/brolga`.
fn cache_file(threads: usize) -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")))?;
    Some(folder.join("brolga").join(format!("limits-{threads}.json")))
}

/// The processor, as the system calls it.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|rest| rest.split_once(':')).map_or("", |(_, name)| name.trim());
    format!("{name}, {} cores", brolga::host_threads())
}

fn kept(file: &Path, machine: &str, threads: usize) -> Option<Limits> {
    let value: Value = serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()?;
    let same = value["machine"] == machine && value["threads"] == threads;
    let pair = |pair: &Value| Some((pair[0].as_u64()? as usize, pair[1].as_f64()?));
    let bytes: Option<Vec<(usize, f64)>> = value["bytes"].as_array()?.iter().map(pair).collect();
    let limits = Limits { threads, operations: value["operations"].as_f64()?, bytes: bytes? };
    (same && limits.operations > 0.0 && !limits.bytes.is_empty()).then_some(limits)
}

fn keep(file: &Path, machine: &str, limits: &Limits) -> std::io::Result<()> {
    let Limits { threads, operations, bytes } = limits;
    let text = json!({
        "machine": machine, "threads": threads, "operations": operations, "bytes": bytes,
    });
    std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(file, format!("{text}\n"))
}
