//! What this machine is: the compiler never asks, it is told.

use brolga_compiler::ir::Target;
use brolga_kernels::Isa;

/// The target that this machine is nearest to, and whose code it can run.
pub fn host_target() -> Target {
    match Isa::detect() {
        Isa::Avx512 => Target::X86_64_V4,
        Isa::Avx2 => Target::X86_64_V3,
        Isa::Portable if cfg!(target_arch = "aarch64") => Target::AARCH64,
        Isa::Portable if has_sse42() => Target::X86_64_V2,
        Isa::Portable => Target::X86_64,
    }
}

#[cfg(target_arch = "x86_64")]
fn has_sse42() -> bool {
    is_x86_feature_detected!("sse4.2") && is_x86_feature_detected!("popcnt")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_sse42() -> bool {
    false
}

/// The number of threads that run at once on this machine, at least 1.
pub fn host_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Bytes of memory that this process may expect to get: the machine's, or less where its control
/// group has a limit; all that can be addressed where neither is known.
pub fn host_memory() -> usize {
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits =
        groups.iter().filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok());
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.as_deref().and_then(total_memory);
    limits.chain(machine).min().unwrap_or(isize::MAX as usize)
}

/// The bytes of the line `MemTotal:  16384 kB`.
fn total_memory(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_system_table() {
        let text = "MemTotal:       16384 kB\nMemFree:        1 kB\n";
        assert_eq!(total_memory(text), Some(16 << 20));
        assert_eq!(total_memory("MemFree: 1 kB"), None);
        assert!(host_memory() > 1 << 20);
    }
}
