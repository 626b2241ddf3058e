//! What `perf` reads of code that is made while a process runs: the map of symbols that names
//! kernels, `/tmp/perf-PID.map`, and the dump of code and lines that `perf inject -j` takes
//! (the specification is in the kernel's sources, `tools/perf/Documentation/jitdump-specification.txt`).

use std::fs::{File, OpenOptions};
use std::io::{Result, Write};
use std::path::PathBuf;
use std::process;
use std::sync::Mutex;

use brolga_compiler::ir::Position;
use memmap2::{Mmap, MmapOptions};

/// A function of the code.
pub(super) struct Function<'a> {
    pub(super) name: String,
    /// Where it is.
    pub(super) address: *const u8,
    pub(super) code: &'a [u8],
    /// From which byte on which line is in force.
    pub(super) lines: Vec<(u32, Option<Position>)>,
}

/// The files of this process.
static FILES: Mutex<Option<Files>> = Mutex::new(None);

struct Files {
    map: File,
    dump: File,
    /// By this map of the dump `perf record` knows of it.
    _marker: Mmap,
    /// How many functions were written.
    n: u64,
}

/// Writes functions for `perf`, into `/tmp` and, the dump, into the folder of the process.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write(functions: &[Function<'_>]) -> Result<()> {
    let mut files = FILES.lock().unwrap_or_else(|e| e.into_inner());
    if files.is_none() {
        *files = Some(Files::new()?);
    }
    let Some(files) = files.as_mut() else { return Ok(()) };
    functions.iter().try_for_each(|function| files.write(function))
}

impl Files {
    fn new() -> Result<Files> {
        let pid = process::id();
        let map = File::create(format!("/tmp/perf-{pid}.map"))?;
        let path = PathBuf::from(format!("jit-{pid}.dump"));
        let mut options = OpenOptions::new();
        let mut dump = options.read(true).write(true).create(true).truncate(true).open(path)?;
        let mut header: Vec<u8> = vec![];
        header.extend(0x4A69_5444u32.to_le_bytes());
        // Version, bytes of the header, machine (x86-64 or AArch64), padding, process.
        let machine = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
        for word in [1, 40, machine, 0, pid] {
            header.extend(u32::to_le_bytes(word));
        }
        header.extend(now().to_le_bytes());
        header.extend(0u64.to_le_bytes());
        dump.write_all(&header)?;
        // SAFETY: nothing is read of it, and nobody makes the file shorter.
        let marker = unsafe { MmapOptions::new().len(4096).map_exec(&dump)? };
        Ok(Files { map, dump, _marker: marker, n: 0 })
    }

    fn write(&mut self, function: &Function<'_>) -> Result<()> {
        let (address, size) = (function.address as u64, function.code.len() as u64);
        writeln!(self.map, "{address:x} {size:x} {}", function.name)?;
        self.dump.write_all(&lines(address, &function.lines))?;
        let mut body: Vec<u8> = vec![];
        body.extend(process::id().to_le_bytes());
        body.extend(process::id().to_le_bytes());
        for word in [address, address, size, self.n] {
            body.extend(word.to_le_bytes());
        }
        body.extend(function.name.as_bytes());
        body.push(0);
        body.extend(function.code);
        self.n += 1;
        self.dump.write_all(&record(0, &body))
    }
}

/// The lines of a function that is written next.
fn lines(address: u64, lines: &[(u32, Option<Position>)]) -> Vec<u8> {
    let known: Vec<(u32, &Position)> =
        lines.iter().filter_map(|(at, position)| Some((*at, position.as_ref()?))).collect();
    if known.is_empty() {
        return vec![];
    }
    let mut body: Vec<u8> = vec![];
    body.extend(address.to_le_bytes());
    body.extend((known.len() as u64).to_le_bytes());
    for (at, position) in known {
        body.extend((address + u64::from(at)).to_le_bytes());
        body.extend(position.line.to_le_bytes());
        body.extend(0u32.to_le_bytes());
        body.extend(position.file.as_bytes());
        body.push(0);
    }
    record(2, &body)
}

/// A record of a kind, its body filled up to whole words.
fn record(kind: u32, body: &[u8]) -> Vec<u8> {
    let size = (16 + body.len()).next_multiple_of(8);
    let mut record: Vec<u8> = Vec::with_capacity(size);
    record.extend(kind.to_le_bytes());
    record.extend((size as u32).to_le_bytes());
    record.extend(now().to_le_bytes());
    record.extend(body);
    record.resize(size, 0);
    record
}

/// Nanoseconds of the clock that `perf record -k mono` uses.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is that of a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
