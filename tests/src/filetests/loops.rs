//! Files of kernels: one pass over their loops is run, and what it makes computes the same.

use brolga_compiler::ir::{Costs, DType, Scalar};
use brolga_compiler::loop_ir::{
    Kernel, LOOP_PIPELINE, LoopContext, LoopPass, Pointer, expand_math, parse_kernels, run_units,
    verify,
};
use brolga_runtime::data::Counter;

use super::command::TARGET;
use super::header::Header;

/// The passes that choose another order of a fold, or round less often.
const ROUND_OTHERWISE: [&str; 3] = ["vectorise", "columns", "fma"];

/// What the pass of a header makes of the kernels of a text.
pub(super) fn execute(header: &Header, text: &str) -> Result<String, String> {
    let ("pass", [name]) = (header.command.as_str(), &header.arguments[..]) else {
        return Err("the command of kernels is `pass NAME`".to_string());
    };
    let pass = LOOP_PIPELINE.iter().find(|pass| pass.name == name);
    let pass = pass.ok_or(format!("no pass `{name}`"))?;
    let kernels = parse_kernels(text).map_err(|e| e.to_string())?;
    kernels.into_iter().map(|kernel| after(pass, kernel)).collect()
}

/// The text of a kernel after a pass.
fn after(pass: &LoopPass, mut kernel: Kernel) -> Result<String, String> {
    verify(&kernel).map_err(|e| e.to_string())?;
    let before = written(&kernel);
    let exchanged: Vec<bool> = kernel.buffers.iter().map(|buffer| buffer.written).collect();
    let cx = LoopContext { target: &TARGET, costs: &Costs::default(), exchanged: &exchanged };
    (pass.run)(&mut kernel, &cx);
    verify(&kernel).map_err(|e| format!("{e}\n{kernel}"))?;
    let by = if ROUND_OTHERWISE.contains(&pass.name) { 1e-5 } else { 0.0 };
    for (i, (a, b)) in before.iter().zip(written(&kernel)).enumerate() {
        let (a, b) = (a.cast(DType::F64).to_f64(), b.cast(DType::F64).to_f64());
        let is_near = (a - b).abs() <= by * a.abs().max(1.0);
        if a.to_bits() != b.to_bits() && !is_near {
            return Err(format!("element {i} of what is written was {a} and is {b}:\n{kernel}"));
        }
    }
    Ok(kernel.to_string())
}

/// What a kernel writes to its buffers, of drawn elements in all of them. Functions are polynomials, as
/// in code and in the library.
fn written(kernel: &Kernel) -> Vec<Scalar> {
    let mut kernel = kernel.clone();
    expand_math(&mut kernel, &TARGET);
    let kernel = &kernel;
    let counter = Counter::new(&[7]);
    let element = |dtype: DType, i: usize| match dtype {
        DType::F32 | DType::F64 => Scalar::F32(4.0 * counter.unit(i as u64) - 2.0).cast(dtype),
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => {
            Scalar::I64(counter.below(i as u64, 2) as i64).cast(dtype)
        }
    };
    let bytes = |value: Scalar| value.bits().to_le_bytes()[..value.dtype().size()].to_vec();
    let drawn = kernel.buffers.iter().map(|buffer| {
        (0..buffer.len).flat_map(|i| bytes(element(buffer.dtype, i))).collect::<Vec<u8>>()
    });
    let mut memories: Vec<Vec<u8>> = drawn.collect();
    let arguments = (0..memories.len()).map(|memory| Pointer { memory, offset: 0 });
    let arguments: Vec<Pointer> = arguments.collect();
    let units = 0..kernel.n_units();
    run_units(kernel, &TARGET, &arguments, &mut memories, units, &mut 0);
    let values = kernel.buffers.iter().zip(&memories).filter(|(buffer, _)| buffer.written);
    let values = values.flat_map(|(buffer, memory)| {
        let elements = memory.chunks_exact(buffer.dtype.size());
        elements.map(|bytes| {
            let mut bits = [0; 8];
            bits[..bytes.len()].copy_from_slice(bytes);
            Scalar::from_bits(buffer.dtype, u64::from_le_bytes(bits))
        })
    });
    values.collect()
}
