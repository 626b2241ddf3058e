//! The command `run`: a file is executed by the oracle, by the interpreter of the loop IR and by
//! machine code, after every prefix of the passes, with fusion and without, on several threads.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use brolga_compiler::compile::{Compiled, Options, compile, optimized};
use brolga_compiler::entry::{Entry, entry_graph};
use brolga_compiler::error::CompileError;
use brolga_compiler::ir::{Binding, DType, Graph, Literal, Module, Name, Scalar, TensorType};
use brolga_compiler::passes::{PIPELINE, Pass};
use brolga_compiler::program::Program;
use brolga_compiler::specialise::specialise;
use brolga_runtime::RunError;
use brolga_runtime::data::Counter;
use brolga_runtime::session::{Backend, Clock, Prepared, Session, SessionOptions};
use indexmap::IndexMap;

use super::command::entry_name;
use super::header::Header;
use crate::compare::{Tolerance, close, same};
use crate::loop_text::of_texts;
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
    initial: OnceCell<IndexMap<Name, Literal>>,
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
            initial: OnceCell::new(),
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
        initial: OnceCell::new(),
    };
    let wanted = case.values(Backend::Oracle)?;
    let near = |found: &Literal, wanted: &Literal| {
        let size = wanted.scalars().map(|s| s.to_f64().abs()).fold(1.0, f64::max);
        close(found, wanted, Tolerance { relative: 1e-3, absolute: 1e-4 * size })
    };
    agree("eager", &case.values(Backend::Eager)?, &wanted, near)?;
    ways.iter().try_for_each(|way| case.agrees(way, &case.compiled(way)?, &wanted, near, &[3, 1]))
}

/// Whether the oracle, the loop interpreter and machine code agree on every result of a module, the
/// last two bit for bit, and on several threads too.
pub(crate) fn runs_alike(header: &Header, module: &Module, entry: Entry) -> Result<(), String> {
    let (module, binding) = (Arc::new(module.clone()), Binding::default());
    let case = Case { header, module, entry, binding, steps: 1, initial: OnceCell::new() };
    let wanted = case.values(Backend::Oracle)?;
    let by = Tolerance { relative: 1e-5, absolute: 1e-6 };
    let near = |found: &Literal, wanted: &Literal| close(found, wanted, by);
    case.agrees(&Way::usual(), &case.compiled(&Way::usual())?, &wanted, near, &[3, 1])
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
        let wanted = self.values(Backend::Oracle)?;
        let by = Tolerance {
            relative: self.header.number("tolerance", 1e-5),
            absolute: self.header.number("absolute", 1e-6),
        };
        let near = |found: &Literal, wanted: &Literal| close(found, wanted, by);
        agree("eager", &self.values(Backend::Eager)?, &wanted, near)?;
        let usual = Way::usual();
        let parts = [usual.unfused(), usual.in_waves(), usual.without(&["vectorise"])];
        let known = [(usual, &[4, 2, 1][..])];
        let known = known.into_iter().chain(parts.map(|way| (way, &[1][..])));
        let known = known.chain(extremes().into_iter().map(|way| (way, &[3, 1][..])));
        // Machine code is a function of the loops, whatever passes have made those.
        let prefixes = self.prefixes()?.into_iter().map(|way| (way, &[][..]));
        let mut seen = HashSet::new();
        for (way, threads) in known.chain(prefixes) {
            let compiled = self.compiled(&way)?;
            // A part that changes nothing makes the same program again.
            if seen.insert(said_by(&compiled.program)) {
                self.agrees(&way, &compiled, &wanted, near, threads)?;
            }
        }
        Ok(wanted)
    }

    /// The passes up to each that changes something, and none of them; not verified, as all of them
    /// are where all of them run.
    fn prefixes(&self) -> Result<Vec<Way>, String> {
        let usual = Way::usual();
        let all: Vec<&str> = PIPELINE.iter().map(|pass| pass.name).collect();
        let mut prefixes = vec![usual.without(&all)];
        let said = |e: CompileError| e.to_string();
        let entry = entry_graph(&self.module, &self.entry).map_err(said)?;
        let graph = specialise(&entry.graph, &self.binding).map_err(said)?;
        let mut before = format!("{graph:?}");
        let mut observe = |pass: &Pass, graph: &Graph| {
            let after = format!("{graph:?}");
            if after != before {
                let stop_after = Some(pass.name.to_string());
                prefixes.push(usual.but(format!("after {}", pass.name), |o| {
                    o.passes.stop_after = stop_after;
                    o.passes.verify = false;
                }));
            }
            before = after;
        };
        optimized(graph, &Options::default(), &mut observe).map_err(said)?;
        Ok(prefixes)
    }

    fn compiled(&self, way: &Way) -> Result<Compiled, String> {
        let SessionOptions { target, compiler, .. } = way.session(Backend::Jit, 1);
        let compiled = compile(&self.module, &self.entry, &self.binding, &target, &compiler);
        compiled.map_err(|e| format!("{}: {e}", way.name))
    }

    /// Whether the loops compute what is wanted, nearly, and machine code what the loops do, to the
    /// bit, on each of these numbers of threads.
    fn agrees(
        &self,
        way: &Way,
        compiled: &Compiled,
        wanted: &Values,
        near: impl Fn(&Literal, &Literal) -> Result<(), String>,
        threads: &[usize],
    ) -> Result<(), String> {
        let said = |e: RunError| format!("{}: {e}", way.name);
        // The loops that run are those that their text is read as.
        let program = of_texts(&compiled.program).map_err(|why| format!("{}: {why}", way.name))?;
        let of_texts = Compiled { program, ..compiled.clone() };
        let loops = self.ready(way, Backend::Interpreter, &of_texts).and_then(|mut session| {
            self.steps(session.prepare(&self.entry, &self.binding).map_err(said)?)
        })?;
        agree(&format!("loops {}", way.name), &loops, wanted, near)?;
        if threads.is_empty() {
            return Ok(());
        }
        let mut session = self.ready(way, Backend::Jit, compiled)?;
        for &n in threads {
            session.set_threads(n).map_err(said)?;
            session.set_clock(Clock::default());
            session.set_variables(self.initial(compiled)?).map_err(said)?;
            let code = self.steps(session.prepare(&self.entry, &self.binding).map_err(said)?)?;
            let what = format!("code on {n} threads against loops {}", way.name);
            agree(&what, &code, &loops, same)?;
        }
        Ok(())
    }

    /// A session with initial values, in which the program of the case is compiled.
    fn ready(&self, way: &Way, backend: Backend, compiled: &Compiled) -> Result<Session, String> {
        let said = |e: RunError| format!("{}: {e}", way.name);
        let options = self.seeded(way, backend, 1);
        let mut session = Session::new(self.module.clone(), options).map_err(said)?;
        session.set_variables(self.initial(compiled)?).map_err(said)?;
        let prepared = session.prepare_compiled(&self.entry, &self.binding, compiled.clone());
        prepared.map(|_| ()).map_err(said)?;
        Ok(session)
    }

    /// What variables begin with: computed once, as it takes the interpreter long.
    fn initial(&self, compiled: &Compiled) -> Result<IndexMap<Name, Literal>, String> {
        if let Some(values) = self.initial.get() {
            return Ok(values.clone());
        }
        let said = |e: RunError| format!("initial values: {e}");
        let options = self.seeded(&Way::usual(), Backend::Jit, 1);
        let mut session = Session::new(self.module.clone(), options).map_err(said)?;
        let prepared = session.prepare_compiled(&self.entry, &self.binding, compiled.clone());
        prepared.map(|_| ()).map_err(said)?;
        let values = session.variables().map(|(name, _, value)| (name.clone(), value));
        Ok(self.initial.get_or_init(|| values.collect()).clone())
    }

    fn seeded(&self, way: &Way, backend: Backend, threads: usize) -> SessionOptions {
        SessionOptions { seed: SEED, ..way.session(backend, threads) }
    }

    /// What a session computes node by node.
    fn values(&self, backend: Backend) -> Result<Values, String> {
        let said = |e: RunError| format!("{backend:?}: {e}");
        let options = self.seeded(&Way::usual(), backend, 2);
        let mut session = Session::new(self.module.clone(), options).map_err(said)?;
        self.steps(session.prepare(&self.entry, &self.binding).map_err(said)?)
    }

    fn steps(&self, mut prepared: Prepared<'_>) -> Result<Values, String> {
        let backend = prepared.session().options().backend;
        let said = |e: RunError| format!("{backend:?}: {e}");
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
            let variables = prepared.session().variables();
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

/// All that a program says, in a few bytes.
fn said_by(program: &Program) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (offset, value) in &program.constants {
        let elements = value.scalars().map(|s| s.bits());
        (offset, value.tensor_type(), elements.collect::<Vec<u64>>()).hash(&mut hasher);
    }
    let Program { constants: _, kernels, phases, variables, feeds, outputs, checks, .. } = program;
    let parts = (kernels, phases, variables, feeds, outputs, checks);
    let sizes = (program.constants_bytes, program.arena_bytes, program.scratch_bytes);
    format!("{parts:?} {sizes:?}").hash(&mut hasher);
    hasher.finish()
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
