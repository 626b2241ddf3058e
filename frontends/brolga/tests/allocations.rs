//! A step allocates nothing: loading, feeding, running and adding up what it reports.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use brolga::{
    BatchReport, BatchSize, Callbacks, EpochReport, FitOptions, Optimizer, Prepared, Progress,
    RunError, Session, SessionOptions, build_module, f32, fit, i32, init, load_data,
};

/// The system's allocator, which counts.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Notes how many allocations there were after each batch.
struct Counts(Vec<usize>);

impl Callbacks for Counts {
    fn batch(
        &mut self,
        _: &BatchReport<'_>,
        _: &Prepared<'_>,
    ) -> Result<ControlFlow<()>, RunError> {
        self.0.push(ALLOCATIONS.load(Ordering::Relaxed));
        Ok(ControlFlow::Continue(()))
    }

    fn epoch(
        &mut self,
        _: &EpochReport,
        _: &Session,
        _: &Progress,
    ) -> Result<ControlFlow<()>, RunError> {
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn a_step_allocates_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let module = build_module(|g| {
        let batch = g.dim("batch");
        let image = g.input("image", f32([batch.clone(), 28.into(), 28.into()]));
        let label = g.input("label", i32([batch]));
        let w = g.param("w", f32([784.into(), 10.into()]), init::glorot_uniform());
        let loss = image.flatten().matmul(w).sparse_softmax_cross_entropy(label);
        g.minimize(loss, Optimizer::adam(1e-3));
    })?;
    let data = load_data("digits?rows=200")?;
    for augment in [None, Some("flip,shift:2,crop:1,rotate:10,noise:0.1".parse()?)] {
        let mut session = Session::new(module.clone(), SessionOptions::default())?;
        let batches = BatchSize { rows: 10.try_into()?, ..BatchSize::default() };
        let options = FitOptions { batches, augment, ..FitOptions::new(1) };
        let mut counts = Counts(Vec::with_capacity(100));
        fit(&mut session, &data, &options, &mut counts)?;
        // The first batch compiles, and the loader's thread begins.
        let counts = &counts.0[1..];
        assert_eq!(counts.len(), 19);
        assert!(counts.iter().all(|&n| n == counts[0]), "{counts:?}");
    }
    Ok(())
}
