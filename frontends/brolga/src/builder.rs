//! Graphs made in Rust: values that are combined with operators and methods, each of which
//! remembers the line that called it.
//!
//! Nothing is computed while a graph is built. What does not fit is reported when it is done, all
//! of it at once and each at its line; until then a value that could not be made stands in for
//! itself in whatever uses it, without a further error.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::panic::Location;

use brolga_compiler::error::CompileError;
use brolga_compiler::ir::{
    BinaryFn, CompareFn, DType, Dim, Graph, Metric, MetricKind, Module, Name, NodeId,
    OptimizerArgument, OptimizerCall, Origin, ParameterGroup, Provenance, Scalar, TensorType,
    TrainingStep, UnaryFn, Update, Variable, VariableKind,
};
use brolga_compiler::ops::{Build, Indexing, Leaf, Random, ReduceFn, TypeError};
use indexmap::IndexMap;

/// Calls `build` once for each mode (`training` true, then false) and returns the module. The two
/// calls must make the same variables.
///
/// # Errors
/// Everything that does not fit, each at the line that asked for it.
pub fn build_module(mut build: impl FnMut(&GraphBuilder)) -> Result<Module, Vec<CompileError>> {
    let mut of_mode = |training: bool| {
        let builder = GraphBuilder::new(training);
        build(&builder);
        builder.state.into_inner()
    };
    let (train, infer) = (of_mode(true), of_mode(false));
    let mut errors = train.errors;
    errors.extend(infer.errors.into_iter().filter(|e| !errors.contains(e)).collect::<Vec<_>>());
    let differ = |a: &IndexMap<Name, Variable>, b: &IndexMap<Name, Variable>| {
        a.iter()
            .find(|(name, v)| b.get(*name).is_none_or(|w| w.tensor_type != v.tensor_type))
            .map(|(name, v)| (name.clone(), v.provenance.clone()))
    };
    let differing = differ(&train.variables, &infer.variables)
        .or_else(|| differ(&infer.variables, &train.variables));
    if let Some((name, provenance)) = differing {
        let message = format!("the variable `{name}` is not the same with and without training");
        errors.push(CompileError::new(codes::MODES, message, &provenance));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Module { name: None, variables: train.variables, train: train.graph, infer: infer.graph })
}

/// Codes of errors that only the builder finds.
mod codes {
    /// A name is declared twice.
    pub(super) const DECLARED_TWICE: &str = "E0302";
    /// The modes differ in their variables.
    pub(super) const MODES: &str = "E0420";
}

/// A graph that is being built in one mode.
pub struct GraphBuilder {
    training: bool,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    graph: Graph,
    variables: IndexMap<Name, Variable>,
    errors: Vec<CompileError>,
}

/// A value of a graph that is being built.
#[derive(Clone, Copy)]
pub struct Value<'g> {
    builder: &'g GraphBuilder,
    /// None where it could not be made, which is reported already.
    node: Option<NodeId>,
}

/// The value that a variable has at first.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// This number everywhere.
    Constant(f64),
    /// Uniform between two numbers, the second not included.
    Uniform(f64, f64),
    /// Uniform within ±√(6 / (rows + columns)) of a matrix (Glorot and Bengio 2010, section 4.2.1);
    /// of any other shape, rows are the last dimension but one times those before it.
    GlorotUniform,
}

/// An optimiser with its arguments by name; those that are left out have their defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    name: Name,
    arguments: Vec<(Name, OptimizerArgument)>,
}

impl Optimizer {
    /// An optimiser of that name: `sgd`, `adam`.
    pub fn new(name: &str) -> Optimizer {
        Optimizer { name: name.into(), arguments: vec![] }
    }

    /// Gradient descent.
    pub fn sgd(lr: f64) -> Optimizer {
        Optimizer::new("sgd").with("lr", lr)
    }

    /// Adam (Kingma and Ba 2015).
    pub fn adam(lr: f64) -> Optimizer {
        Optimizer::new("adam").with("lr", lr)
    }

    /// The same with an argument.
    pub fn with(mut self, argument: &str, value: f64) -> Optimizer {
        self.arguments.push((argument.into(), OptimizerArgument::Number(value)));
        self
    }
}

/// `f32[shape]`.
pub fn f32(shape: impl Into<Vec<Dim>>) -> TensorType {
    TensorType::new(DType::F32, shape)
}

/// `i32[shape]`.
pub fn i32(shape: impl Into<Vec<Dim>>) -> TensorType {
    TensorType::new(DType::I32, shape)
}

impl GraphBuilder {
    fn new(training: bool) -> GraphBuilder {
        GraphBuilder { training, state: RefCell::default() }
    }

    /// Whether this call builds the graph that is trained.
    pub fn training(&self) -> bool {
        self.training
    }

    /// The dimension of that name.
    pub fn dim(&self, name: &str) -> Dim {
        Dim::symbol(name)
    }

    /// A value that is fed at each call.
    #[track_caller]
    pub fn input(&self, name: &str, tensor_type: TensorType) -> Value<'_> {
        let leaf = Leaf::Input { name: name.into(), tensor_type };
        let value = self.declare(name, leaf, Location::caller());
        self.state.borrow_mut().graph.inputs.extend(value.node);
        value
    }

    /// A variable that is trained.
    #[track_caller]
    pub fn param(&self, name: &str, tensor_type: TensorType, initial: Initial) -> Value<'_> {
        self.variable(name, tensor_type, &initial, (VariableKind::Param, Location::caller()))
    }

    /// A variable that only [`GraphBuilder::update`] writes.
    #[track_caller]
    pub fn state(&self, name: &str, tensor_type: TensorType, initial: Initial) -> Value<'_> {
        self.variable(name, tensor_type, &initial, (VariableKind::State, Location::caller()))
    }

    /// A number, which takes the type of what it meets when it is an operand.
    #[track_caller]
    pub fn constant(&self, value: impl Into<Scalar>) -> Value<'_> {
        let scalar = value.into();
        self.node(Location::caller(), |g| g.scalar(scalar))
    }

    /// Names a result of `run` and `predict`.
    pub fn output(&self, name: &str, value: Value<'_>) {
        let mut state = self.state.borrow_mut();
        state.graph.outputs.extend(value.node.map(|node| (name.into(), node)));
    }

    /// Reports a value, averaged over the rows of an epoch.
    pub fn metric(&self, name: &str, value: Value<'_>) {
        let metric = |node| Metric { name: name.into(), kind: MetricKind::Mean(node) };
        self.state.borrow_mut().graph.metrics.extend(value.node.map(metric));
    }

    /// Trains every param that the loss depends on.
    #[track_caller]
    pub fn minimize(&self, loss: Value<'_>, optimizer: Optimizer) {
        let provenance = Provenance::of_caller(Location::caller());
        let mut state = self.state.borrow_mut();
        let params = state.variables.iter().filter(|(_, v)| v.kind == VariableKind::Param);
        let variables = params.map(|(name, _)| name.clone()).collect();
        let Optimizer { name, arguments } = optimizer;
        let group = ParameterGroup { variables, optimizer: OptimizerCall { name, arguments } };
        state.graph.steps.extend(loss.node.map(|loss| TrainingStep {
            name: "minimize".into(),
            loss,
            groups: vec![group],
            every: 1,
            provenance,
        }));
    }

    /// Writes a variable at the end of each training batch.
    #[track_caller]
    pub fn update(&self, variable: &str, value: Value<'_>) {
        if self.training {
            let update = |value| Update { variable: variable.into(), value };
            self.state.borrow_mut().graph.updates.extend(value.node.map(update));
        }
    }

    fn variable(
        &self,
        name: &str,
        tensor_type: TensorType,
        initial: &Initial,
        (kind, at): (VariableKind, &Location<'_>),
    ) -> Value<'_> {
        let leaf = Leaf::Variable { name: name.into(), tensor_type: tensor_type.clone() };
        let value = self.declare(name, leaf, at);
        let provenance = Provenance::of_caller(at);
        let mut state = self.state.borrow_mut();
        match initial.graph(name, &tensor_type, &provenance) {
            Ok(initial) => {
                let variable = Variable { kind, tensor_type, initial, provenance };
                state.variables.insert(name.into(), variable);
            }
            Err(error) => state.errors.push(of_type(error, &provenance)),
        }
        drop(state);
        value
    }

    /// Adds a leaf that has the name as its own.
    fn declare(&self, name: &str, leaf: Leaf, at: &Location<'_>) -> Value<'_> {
        let provenance = Provenance::of_caller(at);
        let mut state = self.state.borrow_mut();
        if state.graph.find(name).is_some() {
            let message = format!("`{name}` is declared twice");
            state.errors.push(CompileError::new(codes::DECLARED_TWICE, message, &provenance));
        }
        drop(state);
        let origin = Origin::named(name, provenance);
        self.add(&origin, |g| g.node(leaf, &[]))
    }

    fn node(
        &self,
        at: &Location<'_>,
        make: impl FnOnce(&mut Build<'_>) -> Result<NodeId, TypeError>,
    ) -> Value<'_> {
        self.add(&Origin { name: None, provenance: Provenance::of_caller(at) }, make)
    }

    fn add(
        &self,
        origin: &Origin,
        make: impl FnOnce(&mut Build<'_>) -> Result<NodeId, TypeError>,
    ) -> Value<'_> {
        let mut state = self.state.borrow_mut();
        let made = make(&mut Build { graph: &mut state.graph, origin });
        let node = made.map_err(|error| state.errors.push(of_type(error, &origin.provenance))).ok();
        Value { builder: self, node }
    }
}

fn of_type(error: TypeError, provenance: &Provenance) -> CompileError {
    let refused = CompileError::new(error.code, error.message, provenance);
    match error.help {
        Some(help) => refused.with_help(help),
        None => refused,
    }
}

impl Initial {
    /// The closed graph of the value; random ones depend on the variable's name and the seed.
    fn graph(
        &self,
        name: &str,
        tensor_type: &TensorType,
        provenance: &Provenance,
    ) -> Result<Graph, TypeError> {
        let mut graph = Graph::default();
        let origin = Origin { name: None, provenance: provenance.clone() };
        let mut g = Build { graph: &mut graph, origin: &origin };
        let shape = &tensor_type.shape;
        let value = match self {
            Initial::Constant(value) => {
                g.full(Scalar::F64(*value).cast(tensor_type.dtype), shape)?
            }
            Initial::Uniform(low, high) => {
                let unit = uniform(&mut g, name, tensor_type)?;
                let spread = g.scale(unit, high - low)?;
                let low = g.scalar_like(spread, *low)?;
                g.add(spread, low)?
            }
            Initial::GlorotUniform => {
                let unit = uniform(&mut g, name, tensor_type)?;
                let twice = g.scale(unit, 2.0)?;
                let one = g.scalar_like(twice, 1.0)?;
                let symmetric = g.sub(twice, one)?;
                let fans = g.dim(&fan_sum(shape)?, tensor_type.dtype)?;
                let six = g.scalar_like(fans, 6.0)?;
                let ratio = g.div(six, fans)?;
                let limit = g.unary(UnaryFn::Sqrt, ratio)?;
                g.mul(symmetric, limit)?
            }
        };
        graph.outputs.push((Name::from("initial"), value));
        Ok(graph)
    }
}

/// Uniform numbers in [0, 1): 24 bits of a word for each, as many as every f32 has.
fn uniform(g: &mut Build<'_>, name: &str, tensor_type: &TensorType) -> Result<NodeId, TypeError> {
    let seed = g.node(Leaf::Seed, &[])?;
    let step = g.scalar(Scalar::I64(0))?;
    let key = key(&format!("{name}.random_uniform"));
    let random = Random::Bits { key, shape: tensor_type.shape.clone() };
    let words = g.node(random, &[seed, step])?;
    let unused = g.constant_like(words, 8.0)?;
    let bits = g.binary(BinaryFn::ShiftRight, words, unused)?;
    let number = g.cast(bits, tensor_type.dtype)?;
    g.scale(number, 1.0 / f64::from(1 << 24))
}

/// The key of a random operation, as in the language: the 64-bit FNV-1a hash of its name.
fn key(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The numbers of inputs and outputs of a weight together.
fn fan_sum(shape: &[Dim]) -> Result<Dim, TypeError> {
    match shape {
        [] => Ok(Dim::number(2)),
        [n] => Ok(n.add(n)?),
        [field @ .., rows, columns] => {
            let fans = rows.add(columns)?;
            Ok(field.iter().try_fold(fans, |fans, d| fans.mul(d))?)
        }
    }
}

/// The functions of one value, each as its operation in the language.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident, $function:ident;)*) => {
        impl<'g> Value<'g> {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(self) -> Value<'g> {
                self.map(Location::caller(), |g, x| g.unary(UnaryFn::$function, x))
            }
        )*}
    };
}
unary! {
    /// `|x|`.
    abs, Abs;
    /// `e^x`.
    exp, Exp;
    /// The natural logarithm.
    log, Log;
    /// The square root.
    sqrt, Sqrt;
    /// The hyperbolic tangent.
    tanh, Tanh;
    /// `1 / (1 + e^-x)`.
    sigmoid, Sigmoid;
    /// `max(x, 0)`.
    relu, Relu;
}

impl<'g> Value<'g> {
    /// The type; `None` where the value could not be made.
    pub fn tensor_type(self) -> Option<TensorType> {
        Some(self.builder.state.borrow().graph.tensor_type(self.node?).clone())
    }

    /// `x²`.
    #[track_caller]
    pub fn square(self) -> Value<'g> {
        self.map(Location::caller(), |g, x| g.square(x))
    }

    /// The product of matrices, as NumPy's `matmul`.
    #[track_caller]
    pub fn matmul(self, other: Value<'g>) -> Value<'g> {
        self.zip(other, Location::caller(), |g, a, b| g.matmul(a, b, (false, false)))
    }

    /// The sum over axes.
    #[track_caller]
    pub fn sum(self, axes: &[usize]) -> Value<'g> {
        self.map(Location::caller(), |g, x| g.sum(x, axes, false))
    }

    /// The mean over all axes.
    #[track_caller]
    pub fn mean(self) -> Value<'g> {
        self.map(Location::caller(), |g, x| {
            let axes: Vec<usize> = (0..g.shape(x).len()).collect();
            g.mean(x, &axes, false)
        })
    }

    /// The first index of the largest along an axis, as i32.
    #[track_caller]
    pub fn argmax(self, axis: usize) -> Value<'g> {
        self.map(Location::caller(), |g, x| g.reduce(ReduceFn::ArgMax, x, &[axis], false))
    }

    /// The same elements in row-major order in another shape.
    #[track_caller]
    pub fn reshape(self, shape: &[Dim]) -> Value<'g> {
        self.map(Location::caller(), |g, x| g.reshape(x, shape))
    }

    /// The same numbers in another element type.
    #[track_caller]
    pub fn cast(self, dtype: DType) -> Value<'g> {
        self.map(Location::caller(), |g, x| g.cast(x, dtype))
    }

    /// Where the elements are equal, as bool.
    #[track_caller]
    pub fn equals(self, other: Value<'g>) -> Value<'g> {
        self.zip(other, Location::caller(), |g, a, b| g.compare(CompareFn::Eq, a, b))
    }

    /// `x - log Σ e^x` along the last axis.
    #[track_caller]
    pub fn log_softmax(self) -> Value<'g> {
        self.map(Location::caller(), log_softmax)
    }

    /// `e^x / Σ e^x` along the last axis.
    #[track_caller]
    pub fn softmax(self) -> Value<'g> {
        self.map(Location::caller(), |g, x| {
            let log = log_softmax(g, x)?;
            g.unary(UnaryFn::Exp, log)
        })
    }

    /// The mean cross-entropy of logits `[n, classes]` with the classes `labels: i32[n]`.
    #[track_caller]
    pub fn sparse_softmax_cross_entropy(self, labels: Value<'g>) -> Value<'g> {
        self.zip(labels, Location::caller(), |g, logits, labels| {
            let log = log_softmax(g, logits)?;
            let column = g.expand_dims(labels, 1)?;
            let picked = g.node(Indexing::TakeAlongAxis { axis: 1 }, &[log, column])?;
            let mean = g.mean(picked, &[0, 1], false)?;
            g.neg(mean)
        })
    }

    fn map(
        self,
        at: &Location<'_>,
        make: impl FnOnce(&mut Build<'_>, NodeId) -> Result<NodeId, TypeError>,
    ) -> Value<'g> {
        match self.node {
            Some(x) => self.builder.node(at, |g| make(g, x)),
            None => self,
        }
    }

    fn zip(
        self,
        other: Value<'g>,
        at: &Location<'_>,
        make: impl FnOnce(&mut Build<'_>, NodeId, NodeId) -> Result<NodeId, TypeError>,
    ) -> Value<'g> {
        match (self.node, other.node) {
            (Some(a), Some(b)) => self.builder.node(at, |g| make(g, a, b)),
            (None, _) => self,
            (_, None) => other,
        }
    }
}

fn log_softmax(g: &mut Build<'_>, x: NodeId) -> Result<NodeId, TypeError> {
    let Some(last) = g.shape(x).len().checked_sub(1) else {
        let message = "softmax of a scalar: there is no axis";
        return Err(TypeError::new(brolga_compiler::ops::codes::NO_SUCH_AXIS, message));
    };
    let largest = g.max(x, &[last], true)?;
    let shifted = g.sub(x, largest)?;
    let powers = g.unary(UnaryFn::Exp, shifted)?;
    let sum = g.sum(powers, &[last], true)?;
    let log = g.unary(UnaryFn::Log, sum)?;
    g.sub(shifted, log)
}

/// An operator between values, and between a value and a number of its type.
macro_rules! operator {
    ($($trait:ident, $method:ident;)*) => {$(
        impl<'g> $trait for Value<'g> {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, other: Value<'g>) -> Value<'g> {
                self.zip(other, Location::caller(), |g, a, b| g.$method(a, b))
            }
        }

        impl<'g> $trait<f64> for Value<'g> {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, other: f64) -> Value<'g> {
                self.map(Location::caller(), |g, a| {
                    let b = g.scalar_like(a, other)?;
                    g.$method(a, b)
                })
            }
        }

        impl<'g> $trait<Value<'g>> for f64 {
            type Output = Value<'g>;
            #[track_caller]
            fn $method(self, other: Value<'g>) -> Value<'g> {
                other.map(Location::caller(), |g, b| {
                    let a = g.scalar_like(b, self)?;
                    g.$method(a, b)
                })
            }
        }
    )*};
}
operator! {
    Add, add;
    Sub, sub;
    Mul, mul;
    Div, div;
}

impl<'g> Neg for Value<'g> {
    type Output = Value<'g>;
    #[track_caller]
    fn neg(self) -> Value<'g> {
        self.map(Location::caller(), |g, x| g.neg(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_reported_together_at_their_lines() {
        let line = line!();
        let errors = build_module(|g| {
            let x = g.input("x", f32([g.dim("batch"), 3.into()]));
            let w = g.param("w", f32([4.into(), 2.into()]), Initial::Constant(0.0));
            let y = (x.matmul(w) + 1.0).tanh();
            let z = x + w;
            g.output("y", y * z);
            g.input("x", f32([]));
        })
        .expect_err("three things do not fit");
        let lines: Vec<u32> =
            errors.iter().map(|e| e.provenance.places()[0].chain[0].line - line).collect();
        assert_eq!(lines, [4, 5, 7]);
        assert_eq!(errors.iter().map(|e| e.code).collect::<Vec<_>>(), ["E0203", "E0202", "E0302"]);
    }

    #[test]
    fn initial_values_are_those_of_the_language() -> Result<(), Box<dyn std::error::Error>> {
        use crate::{Binding, Session, SessionOptions};
        let text = "input x: f32[n, 20]\nparam w: f32[20, 3] = glorot_uniform\noutput y = x @ w";
        let loaded = brolga_text::load("w.graph", text.as_bytes(), &Default::default());
        let of_text = loaded.map_err(|_| "the text is right")?.module;
        let of_rust = build_module(|g| {
            let x = g.input("x", f32([g.dim("n"), 20.into()]));
            let w = g.param("w", f32([20.into(), 3.into()]), Initial::GlorotUniform);
            g.output("y", x.matmul(w));
        });
        let of_rust = of_rust.map_err(|errors| errors[0].to_string())?;
        let initial = |module: Module| {
            let mut session =
                Session::new(module, SessionOptions { seed: 7, ..Default::default() })?;
            session.initialise(&Binding::default())?;
            Ok::<_, crate::RunError>(session.variable("w"))
        };
        let (a, b) = (initial(of_text)?.ok_or("w")?, initial(of_rust)?.ok_or("w")?);
        for (a, b) in a.scalars().zip(b.scalars()) {
            assert!((a.to_f64() - b.to_f64()).abs() < 1e-6, "{a} {b}");
        }
        Ok(())
    }

    #[test]
    fn modes_must_have_the_same_variables() {
        let errors = build_module(|g| {
            if g.training() {
                g.param("w", f32([]), Initial::Constant(0.0));
            }
        })
        .expect_err("only one mode has it");
        assert_eq!(errors[0].code, "E0420");
    }
}
