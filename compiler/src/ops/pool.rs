//! Pools: what a window sees at each of its places over an input `x: [n, i.., c]`, channel by
//! channel, as an output `y: [n, o.., c]`, with one or two spatial axes `i` and `o`. At the element
//! `k` of the window `i = o · stride + k · dilation - before`; what lies outside of the input is not
//! there.
//!
//! The gradient of a maximum goes to the first element that is one, whose number in the window, row
//! by row, is a value of its own: [`PoolFn::Argmax`]. The other functions are linear in their first
//! operand and come in pairs, each the gradient of the other: [`PoolFn::Sum`] and [`PoolFn::Spread`],
//! [`PoolFn::Take`] and [`PoolFn::Put`].

mod attributes;
mod lowering;
mod reference;

pub(super) use attributes::{from_attributes, signatures};

use super::shape::{accepts, bind, dims_agree, exactly};
use super::window::{self, Window};
use super::window::{examples_of_all, examples_of_each};
use super::{
    Attribute, BatchContext, EvalContext, EvalError, GradientContext, GradientError, LowerContext,
    Op, OpRules, Signature, TypeError, codes, elements,
};
use crate::ir::{Binding, DType, Dim, DimError, Literal, Lowering, NodeId, TensorType};

/// A function of windows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// What is computed.
    pub f: PoolFn,
    /// The length of the window along each spatial axis, of which there are one or two.
    pub lengths: Vec<usize>,
    /// How the window moves along each.
    pub windows: Vec<Window>,
}

/// What a pool computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PoolFn {
    /// Of x: the largest in the window; NaN if any is, and the lowest of its type if none is there.
    Max,
    /// Of x: the number of the first largest, an i32; a NaN is largest. What is not there counts as
    /// the lowest of the type.
    Argmax,
    /// Of x: the sum.
    Sum,
    /// Of x and numbers of an element of each window: that element, 0 if it is not there.
    Take,
    /// Of y: each element of the input as the sum over the windows that see it.
    Spread {
        /// The spatial sizes of the input.
        size: Vec<Dim>,
    },
    /// Of y and numbers: the same over those windows whose number it has.
    Put {
        /// The spatial sizes of the input.
        size: Vec<Dim>,
    },
}

impl From<Pool> for Op {
    fn from(op: Pool) -> Op {
        Op::Pool(op)
    }
}

impl Pool {
    /// How many spatial axes there are.
    fn n_axes(&self) -> usize {
        self.windows.len()
    }

    /// The same windows with another function.
    fn computing(&self, f: PoolFn) -> Pool {
        Pool { f, ..self.clone() }
    }

    /// The spatial sizes of the input, given the type of the first operand.
    fn input_size(&self, x: &TensorType) -> Result<Vec<Dim>, TypeError> {
        let n = self.n_axes();
        let name = self.signature().name;
        if x.rank() != n + 2 {
            let message = format!("`{name}` of {x}: the axes must be {}, {n} spatial", n + 2);
            return Err(TypeError::new(codes::SHAPES_DIFFER, message));
        }
        match &self.f {
            PoolFn::Max | PoolFn::Argmax | PoolFn::Sum | PoolFn::Take => {
                Ok(x.shape[1..=n].to_vec())
            }
            PoolFn::Spread { size } | PoolFn::Put { size } if size.len() == n => Ok(size.clone()),
            PoolFn::Spread { .. } | PoolFn::Put { .. } => {
                let message = format!("`{name}`: `size` must have {n} numbers");
                Err(TypeError::new(codes::ATTRIBUTE, message))
            }
        }
    }

    /// The types of x and y. Errors: windows that do not fit.
    fn shapes(&self, x: &TensorType) -> Result<[Vec<Dim>; 2], TypeError> {
        let name = self.signature().name;
        window::check(name, &self.windows)?;
        let all = self.lengths.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
        if all.is_none_or(|n| i32::try_from(n).is_err()) {
            let message = format!("`{name}`: a window of more elements than an i32 can number");
            return Err(TypeError::new(codes::OUT_OF_RANGE, message));
        }
        let size = self.input_size(x)?;
        let lengths: Vec<Dim> = self.lengths.iter().copied().map(Dim::from).collect();
        let places = window::places(name, "window", &self.windows, &size, &lengths)?;
        let n = self.n_axes();
        let whole = |spatial: &[Dim]| [&x.shape[..1], spatial, &x.shape[n + 1..]].concat();
        Ok([whole(&size), whole(&places)])
    }

    fn has_shape(&self, x: &TensorType, shape: &[Dim]) -> Result<(), TypeError> {
        if x.rank() == shape.len() && x.shape.iter().zip(shape).all(|(x, y)| dims_agree(x, y)) {
            return Ok(());
        }
        let wanted = TensorType::new(x.dtype, shape.to_vec());
        let message = format!("`{}` of {x}: it must be {wanted}", self.signature().name);
        Err(TypeError::new(codes::SHAPES_DIFFER, message))
    }
}

impl OpRules for Pool {
    fn signature(&self) -> &'static Signature {
        attributes::signature(self)
    }

    fn attributes(&self) -> Vec<Attribute> {
        attributes::written(self)
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let name = self.signature().name;
        let with_numbers = |operands: &[&TensorType]| -> Result<[TensorType; 2], TypeError> {
            let [x, numbers] = exactly(self.signature(), operands)?;
            let is_index = numbers.dtype == DType::I32;
            accepts(name, is_index, numbers).map_err(|e| e.with_help("write cast(..., i32)"))?;
            Ok([x.clone(), numbers.clone()])
        };
        let (first, numbers) = match self.f {
            PoolFn::Take | PoolFn::Put { .. } => {
                let [x, numbers] = with_numbers(operands)?;
                (x, Some(numbers))
            }
            PoolFn::Max | PoolFn::Argmax | PoolFn::Sum | PoolFn::Spread { .. } => {
                let [x] = exactly(self.signature(), operands)?;
                (x.clone(), None)
            }
        };
        accepts(name, first.dtype != DType::Bool, &first)?;
        let [x, y] = self.shapes(&first)?;
        if let Some(numbers) = numbers {
            self.has_shape(&numbers, &y)?;
        }
        let (dtype, shape) = match self.f {
            PoolFn::Max | PoolFn::Sum | PoolFn::Take => (first.dtype, y),
            PoolFn::Argmax => (DType::I32, y),
            PoolFn::Spread { .. } | PoolFn::Put { .. } => {
                self.has_shape(&first, &y)?;
                (first.dtype, x)
            }
        };
        Ok(vec![TensorType::new(dtype, shape)])
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        let f = match &self.f {
            PoolFn::Spread { size } => PoolFn::Spread { size: bind(size, binding)? },
            PoolFn::Put { size } => PoolFn::Put { size: bind(size, binding)? },
            f @ (PoolFn::Max | PoolFn::Argmax | PoolFn::Sum | PoolFn::Take) => f.clone(),
        };
        Ok(self.computing(f).into())
    }

    fn eval(&self, _: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        Ok(vec![reference::evaluate(self, operands)])
    }

    fn carries(&self, operand: usize) -> bool {
        match self.f {
            PoolFn::Argmax => false,
            PoolFn::Max | PoolFn::Sum | PoolFn::Spread { .. } => true,
            PoolFn::Take | PoolFn::Put { .. } => operand == 0,
        }
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn flops(&self, operands: &[&TensorType], result: &TensorType) -> u64 {
        let of_window = self.lengths.iter().fold(1u64, |n, &k| n.saturating_mul(k as u64));
        match self.f {
            PoolFn::Max | PoolFn::Argmax | PoolFn::Sum => {
                elements(result).saturating_mul(of_window)
            }
            PoolFn::Spread { .. } => elements(operands[0]).saturating_mul(of_window),
            PoolFn::Take | PoolFn::Put { .. } => 0,
        }
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let dy = cx.dy();
        let of_x = cx.graph.tensor_type(cx.operand(0)).shape.clone();
        let size = of_x[1..=self.n_axes()].to_vec();
        let numbers = matches!(self.f, PoolFn::Take | PoolFn::Put { .. }).then(|| cx.operand(1));
        let x = cx.operand(0);
        let mut g = cx.build();
        let node = |g: &mut super::Build<'_>, f, of: &[NodeId]| g.node(self.computing(f), of);
        let dx = match (&self.f, numbers) {
            (PoolFn::Max, _) => {
                let numbers = node(&mut g, PoolFn::Argmax, &[x])?;
                node(&mut g, PoolFn::Put { size }, &[dy, numbers])?
            }
            (PoolFn::Sum, _) => node(&mut g, PoolFn::Spread { size }, &[dy])?,
            (PoolFn::Spread { .. }, _) => node(&mut g, PoolFn::Sum, &[dy])?,
            (PoolFn::Take, Some(numbers)) => node(&mut g, PoolFn::Put { size }, &[dy, numbers])?,
            (PoolFn::Put { .. }, Some(numbers)) => node(&mut g, PoolFn::Take, &[dy, numbers])?,
            (PoolFn::Take | PoolFn::Put { .. } | PoolFn::Argmax, _) => return Ok(vec![None]),
        };
        Ok([Some(dx)].into_iter().chain(numbers.map(|_| None)).collect())
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let mut operands = cx.alike()?;
        let length = cx.length.clone();
        let mut g = cx.build();
        for x in &mut operands {
            *x = examples_of_all(&mut g, *x)?;
        }
        let y = g.node(self.clone(), &operands)?;
        examples_of_each(&mut g, y, length).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        match self.f {
            PoolFn::Max | PoolFn::Argmax | PoolFn::Sum | PoolFn::Take => lowering::seen(self, cx),
            PoolFn::Spread { .. } | PoolFn::Put { .. } => lowering::given_back(self, cx),
        }
    }
}
