//! Ctrl-C, and what else asks a process to end (SIGTERM, SIGHUP): the first asks for an end after
//! the step, the second ends at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

use crate::failure::Failure;

static ASKED: AtomicBool = AtomicBool::new(false);

/// The exit status of a process that is interrupted: 128 and the number of the signal.
const INTERRUPTED: i32 = 130;

/// The bar of the training that runs; there is one once the signals are taken over.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Takes over the signals; what is to be said then is said beside the bar.
pub(crate) fn watch(bar: ProgressBar) -> Result<(), Failure> {
    let before = BAR.lock().unwrap_or_else(PoisonError::into_inner).replace(bar);
    if before.is_some() {
        return Ok(());
    }
    let handler = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        let text = "ending after this step; press Ctrl-C again to end at once";
        let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner).clone();
        bar.iter().for_each(|bar| bar.suspend(|| eprintln!("{text}")));
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::Machine(format!("error: Ctrl-C cannot be watched: {error}\n")))
}

/// Whether an end was asked for.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
