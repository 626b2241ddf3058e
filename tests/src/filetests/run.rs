//! The command `run`: a file is executed by the oracle, by the interpreter of the loop IR and by
//! machine code, after every prefix of the passes, with fusion and without, on several threads.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use brolga_compiler::compile::compile;
use brolga_compiler::entry::Entry;
use brolga_compiler::ir::{Binding, DType, Literal, Module, Name, Scalar, TensorType};
use brolga_compiler::passes::{PIPELINE, Pass};
use brolga_compiler::program::Program;
use brolga_runtime::data::Counter;
use brolga_runtime::session::{Backend, Clock, Session, SessionOptions};
use indexmap::IndexMap;

use super::command::entry_name;
use super::header::Header;
use crate::compare::{Tolerance, close, same};
use crate::read_back::reads_back;
use crate::ways::{Way, extremes};

/// The seed of variables and inputs.
const SEED: i64 = 7;

/// The values of a run by name: outputs, metrics, and the variables after it.
type Values = IndexMap<String, Literal>;

struct Case<'a> {
    header: &'a Header,
    module: Arc<Module>,
    entry: Entry,
    binding: Binding,
    steps: usize,
}

/// Runs a file for each binding; the text shows what the oracle has computed.
pub(crate) fn execute(header: &Header, module: &Module) -> Result<String, String> {
    let entry = entry_name(header, module)?;
    let steps = header.number("steps", if entry == Entry::Train { 2 } else { 1 });
    let module = Arc::new(module.clone());
    let mut text = String::new();
    for binding in header.bindings()? {
        let case = Case {
            header,
            module: module.clone(),
            entry: entry.clone(),
            binding: binding.clone(),
            steps,
        };
        let dims: Vec<String> = binding.iter().map(|(s, n)| format!("{s}={n}")).collect();
        let at = |why: String| format!("{}: {why}", dims.join(" "));
        reads_back(&case.module, &case.entry, &case.binding).map_err(at)?;
        let values = case.agreed().map_err(|why| format!("{}: {why}", dims.join(" ")))?;
        if !dims.is_empty() {
            text.push_str(&format!("{}\n", dims.join(" ")));
        }
        for (name, value) in &values {
            text.push_str(&format!("{name}: {} = {}\n", value.tensor_type(), shown(value)));
        }
    }
    Ok(text)
}

/// Whether everything that trains a module agrees on every variable and result; `ways` says how it is
/// compiled.
pub(crate) fn trains_alike(header: &Header, module: &Module, ways: &[Way]) -> Result<(), String> {
    let case = Case {
        header,
        module: Arc::new(module.clone()),
        entry: Entry::Train,
        binding: Binding::default(),
        steps: header.number("steps", 3),
    };
    let wanted = case.values(&Way::usual(), Backend::Oracle, 1)?;
    let near = |found: &Literal, wanted: &Literal| {
        let size = wanted.scalars().map(|s| s.to_f64().abs()).fold(1.0, f64::max);
        close(found, wanted, Tolerance { relative: 1e-3, absolute: 1e-4 * size })
    };
    agree("eager", &case.values(&Way::usual(), Backend::Eager, 2)?, &wanted, near)?;
    for way in ways {
        let loops = case.values(way, Backend::Interpreter, 1)?;
        agree(&format!("loops {}", way.name), &loops, &wanted, near)?;
        let code = case.values(way, Backend::Jit, 1)?;
        agree(&format!("code against loops {}", way.name), &code, &loops, same)?;
        let shared = case.values(way, Backend::Jit, 3)?;
        agree(&format!("3 threads {}", way.name), &shared, &code, same)?;
    }
    Ok(())
}

/// Whether the oracle, the loop interpreter and machine code agree on every result of a module, the
/// last two bit for bit, and on several threads too.
pub(crate) fn runs_alike(header: &Header, module: &Module, entry: Entry) -> Result<(), String> {
    let (module, binding) = (Arc::new(module.clone()), Binding::default());
    let case = Case { header, module, entry, binding, steps: 1 };
    let usual = Way::usual();
    let wanted = case.values(&usual, Backend::Oracle, 1)?;
    let by = Tolerance { relative: 1e-5, absolute: 1e-6 };
    let loops = case.values(&usual, Backend::Interpreter, 1)?;
    agree("loops", &loops, &wanted, |a, b| close(a, b, by))?;
    for threads in [1, 3] {
        let code = case.values(&usual, Backend::Jit, threads)?;
        agree(&format!("{threads} threads"), &code, &loops, same)?;
    }
    Ok(())
}

/// The elements with four digits, or the mean of more than twelve.
fn shown(value: &Literal) -> String {
    let digits = |x: f64| {
        if x == 0.0 || (1e-3..1e5).contains(&x.abs()) {
            format!("{x:.4}")
        } else {
            format!("{x:.4e}")
        }
    };
    if value.n_elements() > 12 {
        let sum: f64 = value.scalars().map(Scalar::to_f64).sum();
        return format!("mean {}", digits(sum / value.n_elements() as f64));
    }
    let element = |s: Scalar| if s.dtype().is_float() { digits(s.to_f64()) } else { s.to_string() };
    let list: Vec<String> = value.scalars().map(element).collect();
    format!("[{}]", list.join(", "))
}

impl Case<'_> {
    /// The oracle's values, with which everything else agrees.
    fn agreed(&self) -> Result<Values, String> {
        let usual = Way::usual();
        let wanted = self.values(&usual, Backend::Oracle, 1)?;
        let by = Tolerance {
            relative: self.header.number("tolerance", 1e-5),
            absolute: self.header.number("absolute", 1e-6),
        };
        let eager = self.values(&usual, Backend::Eager, 2)?;
        agree("eager", &eager, &wanted, |a, b| close(a, b, by))?;
        let mut known = HashSet::new();
        for (way, makes_code) in configurations() {
            // A pass that changes nothing makes the same program again.
            if !known.insert(self.program(&way)?) {
                continue;
            }
            let loops = self.values(&way, Backend::Interpreter, 1)?;
            agree(&format!("loops {}", way.name), &loops, &wanted, |a, b| close(a, b, by))?;
            if !makes_code {
                continue;
            }
            let code = self.values(&way, Backend::Jit, 1)?;
            agree(&format!("code against loops {}", way.name), &code, &loops, same)?;
        }
        for way in extremes() {
            let [one, three] = [1, 3].map(|n| self.values(&way, Backend::Jit, n));
            agree(&format!("3 threads, {}", way.name), &three?, &one?, same)?;
        }
        let one = self.values(&usual, Backend::Jit, 1)?;
        for threads in [2, 4] {
            let code = self.values(&usual, Backend::Jit, threads)?;
            agree(&format!("{threads} threads"), &code, &one, same)?;
        }
        Ok(wanted)
    }

    /// All that the program of a way says, in a few bytes.
    fn program(&self, way: &Way) -> Result<u64, String> {
        let SessionOptions { target, compiler, .. } = way.session(Backend::Jit, 1);
        let compiled = compile(&self.module, &self.entry, &self.binding, &target, &compiler);
        let program = compiled.map_err(|e| e.to_string())?.program;
        let mut hasher = DefaultHasher::new();
        for (offset, value) in &program.constants {
            let elements = value.scalars().map(|s| s.bits());
            (offset, value.tensor_type(), elements.collect::<Vec<u64>>()).hash(&mut hasher);
        }
        let Program { constants: _, kernels, phases, variables, feeds, outputs, checks, .. } =
            &program;
        let parts = (kernels, phases, variables, feeds, outputs, checks);
        let sizes = (program.constants_bytes, program.arena_bytes, program.scratch_bytes);
        format!("{parts:?} {sizes:?}").hash(&mut hasher);
        Ok(hasher.finish())
    }

    fn values(&self, way: &Way, backend: Backend, threads: usize) -> Result<Values, String> {
        let options = SessionOptions { seed: SEED, ..way.session(backend, threads) };
        let said = |e: brolga_runtime::RunError| format!("{backend:?}: {e}");
        let mut session = Session::new(self.module.clone(), options).map_err(said)?;
        let mut prepared = session.prepare(&self.entry, &self.binding).map_err(said)?;
        let types: Vec<(Name, TensorType)> =
            prepared.feeds().iter().map(|f| (f.name.clone(), f.tensor_type.clone())).collect();
        let mut values = Values::new();
        for step in 0..self.steps {
            prepared.feed_all(&self.inputs(&types, step as u64)?).map_err(said)?;
            prepared.run(step as i64).map_err(said)?;
            prepared.set_clock(Clock { step: step as i64 + 1, epoch: 0 });
            let results = prepared.results().map_err(said)?;
            let outputs = results.outputs.iter().chain(&results.metrics);
            values.extend(outputs.map(|(name, value)| (name.to_string(), value.clone())));
        }
        if self.entry == Entry::Train {
            let variables = session.variables();
            values.extend(variables.map(|(name, _, value)| (name.to_string(), value)));
        }
        Ok(values)
    }

    /// What the header says of an input, else drawn numbers: floats uniform in [-2, 2), integers
    /// below their range.
    fn inputs(
        &self,
        types: &[(Name, TensorType)],
        step: u64,
    ) -> Result<IndexMap<Name, Literal>, String> {
        let mut inputs = IndexMap::new();
        for (name, tensor_type) in types {
            let n = tensor_type.n_elements().ok_or("too large")?;
            // By name: backends may list the inputs in another order.
            let letters = name.bytes().map(u64::from);
            let key: Vec<u64> = letters.chain([SEED as u64, step]).collect();
            let counter = Counter::new(&key);
            let range = self.header.range(name);
            let given = self.header.inputs.get(&**name);
            let element = |i: usize| match (given, tensor_type.dtype) {
                (Some(list), _) => Scalar::F64(list[i % list.len()]),
                (None, DType::F32 | DType::F64) => Scalar::F32(4.0 * counter.unit(i as u64) - 2.0),
                (None, DType::I32 | DType::I64 | DType::U8) => {
                    Scalar::I64(counter.below(i as u64, range) as i64)
                }
                (None, DType::Bool) => Scalar::Bool(counter.below(i as u64, 2) == 1),
            };
            let size = tensor_type.dtype.size();
            let bytes: Vec<u8> = (0..n)
                .flat_map(|i| {
                    element(i).cast(tensor_type.dtype).bits().to_le_bytes()[..size].to_vec()
                })
                .collect();
            let sizes = tensor_type.sizes().ok_or("a dimension has no number")?;
            let literal = Literal::from_bytes(tensor_type.dtype, &sizes, &bytes).ok_or("sizes")?;
            inputs.insert(name.clone(), literal);
        }
        Ok(inputs)
    }
}

/// All passes as they are, without fusion, without loops in kernels, without vectors, and with costs at
/// their extremes; then every prefix of them, which machine code is not made of: it is a function of
/// the loops, whatever passes have made those.
fn configurations() -> Vec<(Way, bool)> {
    let usual = Way::usual();
    let prefix = |pass: &Pass| {
        let stop_after = Some(pass.name.to_string());
        // All passes are verified where all of them run.
        usual.but(format!("after {}", pass.name), |o| {
            o.passes.stop_after = stop_after;
            o.passes.verify = false;
        })
    };
    let all: Vec<&str> = PIPELINE.iter().map(|p| p.name).collect();
    let parts = [usual.unfused(), usual.in_waves(), usual.without(&["vectorise"])];
    let prefixes = [usual.without(&all)].into_iter().chain(PIPELINE.iter().map(prefix));
    let whole = [usual.clone()].into_iter().chain(parts).chain(extremes());
    whole.map(|way| (way, true)).chain(prefixes.map(|way| (way, false))).collect()
}

fn agree(
    what: &str,
    found: &Values,
    wanted: &Values,
    compare: impl Fn(&Literal, &Literal) -> Result<(), String>,
) -> Result<(), String> {
    for (name, value) in wanted {
        let found = found.get(name).ok_or(format!("{what}: `{name}` is missing"))?;
        compare(found, value).map_err(|why| format!("{what}: `{name}`: {why}"))?;
    }
    Ok(())
}
