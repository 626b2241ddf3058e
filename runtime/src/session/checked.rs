//! Steps that end at the first call that makes a value that is not finite: in the program as it is
//! compiled, after every call of a kernel, by one thread, which gives the same bits.
//!
//! What the call wrote says where; the graph after the compiler's passes, run node by node on the same
//! variables and data, says which of the operations in the kernel it was, and of what.

use std::collections::BTreeSet;
use std::sync::Mutex;

use brolga_compiler::ir::{DType, Graph, Literal, Name, NodeId};
use brolga_compiler::ops::{Leaf, Op};
use brolga_compiler::program::Program;

use super::Prepared;
use super::eager::{Given, Values};
use super::feed::Clocks;
use super::finite::{NotFinite, Range, position};
use super::first::Run;
use crate::RunError;
use crate::eager::{Evaluator, Kernels};
use crate::link::{Observer, Part};

/// A call that made a value that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeNotFinite {
    /// The kernel.
    pub kernel: String,
    /// The value.
    pub first: NotFinite,
}

/// What a call wrote that is not finite.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// The number of the call.
    call: usize,
    /// The argument.
    argument: usize,
    /// The position of the element there.
    at: usize,
    is_nan: bool,
}

/// Looks at what each call has written; after a find no more calls run.
struct Watch<'a> {
    /// For each call the arguments that it writes, of floats.
    written: Vec<Vec<(usize, DType)>>,
    /// The calls and arguments of which it is known that an infinity is meant.
    meant: &'a BTreeSet<(usize, usize)>,
    found: Mutex<Option<Found>>,
}

impl Watch<'_> {
    fn new<'a>(program: &Program, meant: &'a BTreeSet<(usize, usize)>) -> Watch<'a> {
        let written = program.calls().map(|(call, _)| {
            let buffers = program.kernels[call.kernel].buffers.iter().enumerate();
            let floats = buffers.filter(|(_, b)| b.written && b.dtype.is_float());
            floats.map(|(i, b)| (i, b.dtype)).collect()
        });
        Watch { written: written.collect(), meant, found: Mutex::new(None) }
    }

    fn found(&self) -> Option<Found> {
        *self.found.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Observer for Watch<'_> {
    fn call(&self, part: &Part<'_>, run: &mut dyn FnMut()) {
        if self.found().is_some() {
            return;
        }
        let written = &self.written[part.number];
        // Bits that were there before are of another use of the memory.
        let before: Vec<Vec<u8>> = written.iter().map(|&(i, _)| part.copy(i)).collect();
        run();
        for (&(argument, dtype), before) in written.iter().zip(before) {
            let is_meant = self.meant.contains(&(part.number, argument));
            let after = part.copy(argument);
            let size = dtype.size();
            let elements = after.chunks_exact(size).zip(before.chunks_exact(size)).enumerate();
            let wrong = elements.filter(|(_, (new, old))| new != old).find_map(|(at, (new, _))| {
                let is_nan = not_finite(dtype, new)?;
                (is_nan || !is_meant).then_some((at, is_nan))
            });
            if let Some((at, is_nan)) = wrong {
                let found = Found { call: part.number, argument, at, is_nan };
                *self.found.lock().unwrap_or_else(|e| e.into_inner()) = Some(found);
                return;
            }
        }
    }
}

/// Whether a number that is not finite is a NaN; `None` of a finite one.
fn not_finite(dtype: DType, bytes: &[u8]) -> Option<bool> {
    let (is_finite, is_nan) = match *bytes {
        [a, b, c, d] if dtype == DType::F32 => {
            let x = f32::from_le_bytes([a, b, c, d]);
            (x.is_finite(), x.is_nan())
        }
        [a, b, c, d, e, f, g, h] => {
            let x = f64::from_le_bytes([a, b, c, d, e, f, g, h]);
            (x.is_finite(), x.is_nan())
        }
        _ => (true, false),
    };
    (!is_finite).then_some(is_nan)
}

/// The loop of a graph in which nodes of these names are, if they are in one, and the body that they are
/// in, which may be that of a loop in it.
fn region_of<'g>(graph: &'g Graph, names: &BTreeSet<&Name>) -> Option<(NodeId, &'g Graph)> {
    graph.order().into_iter().find_map(|id| {
        let body = &*graph.op(id).scan()?.body;
        let is_it = names.iter().any(|name| body.find(name).is_some());
        if is_it { Some((id, body)) } else { region_of(body, names).map(|(_, inner)| (id, inner)) }
    })
}

/// Whether a graph has a constant that is infinite.
fn asks_for_infinity(graph: &Graph) -> bool {
    graph.order().into_iter().any(|id| match graph.op(id) {
        Op::Leaf(Leaf::Constant(value)) => {
            value.dtype().is_float() && value.scalars().any(|x| x.to_f64().is_infinite())
        }
        _ => false,
    })
}

impl Prepared<'_> {
    /// Runs the program as [`Prepared::run`], of a session that makes code to be observed, and ends it
    /// at the first call that makes a NaN or an infinity that the file does not ask for; the variables
    /// are then as they were before.
    ///
    /// # Errors
    /// As for [`Prepared::run`]; where something is not finite, also if all values of the graph do not
    /// fit in memory at once.
    pub fn run_checked(&mut self, batch: i64) -> Result<Option<MadeNotFinite>, RunError> {
        let pool = self.session.pool.take();
        let result = self.checked(batch);
        self.session.pool = pool;
        result
    }

    fn checked(&mut self, batch: i64) -> Result<Option<MadeNotFinite>, RunError> {
        let program = self.program().expect("machine code is of a program");
        let names: Vec<Name> = program.variables.iter().map(|(name, _)| name.clone()).collect();
        let store = &self.session.store;
        let value = |name: Name| {
            let value = store.get(&name).expect("a program's variables are in the store").literal();
            (name, value)
        };
        let before: Vec<(Name, Literal)> = names.into_iter().map(value).collect();
        loop {
            let instance = self.instance();
            let (program, meant) = (self.program().expect("as above"), instance.meant.clone());
            let watch = Watch::new(program, &meant);
            let done = self.run_observed(batch, Some(&watch));
            let Some(found) = watch.found() else { return done.map(|()| None) };
            for (name, value) in &before {
                self.session.store.set(name, value)?;
            }
            match self.explained(found, batch)? {
                Some(made) => return Ok(Some(made)),
                None => {
                    let instance = &mut self.session.instances[self.at];
                    instance.meant.insert((found.call, found.argument));
                }
            }
        }
    }

    /// Which operation of the call it was; `None` if the infinity is one that the file asks for.
    fn explained(&self, found: Found, batch: i64) -> Result<Option<MadeNotFinite>, RunError> {
        let instance = self.instance();
        let program = self.program().expect("machine code is of a program");
        let (call, _) = program.calls().nth(found.call).expect("a call of the program");
        let kernel = &program.kernels[call.kernel];
        let mut graph = (**instance.graph.as_ref().expect("it is kept to be observed")).clone();
        let all = graph.order();
        graph.outputs = all.iter().map(|&id| (graph.node(id).name.clone(), id)).collect();
        let purpose = "every value of the graph at once";
        let mut evaluator = Evaluator::new(graph.into(), &self.session.budget, purpose)?;
        let clocks = Clocks { seed: self.session.options.seed, clock: self.session.clock, batch };
        let given = Given { feeds: &instance.feeds, clocks };
        let leaves = Values { call: &given, store: &self.session.store };
        let kernels = Kernels { pool: None };
        evaluator.run(&leaves, &kernels)?;
        let graph = evaluator.graph();
        let run = Run { graph, value: &|id| evaluator.value(id), kernels: &kernels };
        let of_call: BTreeSet<&Name> = call.nodes.iter().map(|(name, _)| name).collect();
        let is_of_call = |id: NodeId| of_call.contains(&graph.node(id).name);
        let name = kernel.name.clone();
        if let Some(first) = run.first(&all, &is_of_call) {
            return Ok(Some(MadeNotFinite { kernel: name, first }));
        }
        let region = region_of(graph, &of_call);
        if !found.is_nan && region.is_none_or(|(_, body)| asks_for_infinity(body)) {
            return Ok(None);
        }
        let within = region.and_then(|(id, _)| run.within(id));
        Ok(Some(match within {
            Some(first) => MadeNotFinite { kernel: name, first },
            // Finite node by node: the kernel rounds otherwise.
            None => {
                let buffer = &kernel.buffers[found.argument];
                let wanted = |(name, _): &&(Name, _)| **name == *buffer.name;
                let node = call.nodes.iter().find(wanted).or(call.nodes.first());
                let (node, provenance) = node.cloned().unwrap_or_default();
                let range = Range::of_one(found.is_nan);
                let sizes = graph.find(&node).and_then(|id| graph.tensor_type(id).sizes());
                let position = position(&sizes.unwrap_or_else(|| vec![buffer.len]), found.at);
                let (operands, row) = (vec![], None);
                let iteration = None;
                let first =
                    NotFinite { node, provenance, range, position, operands, row, iteration };
                MadeNotFinite { kernel: name, first }
            }
        }))
    }
}
