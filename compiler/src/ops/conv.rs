//! Convolutions: the trilinear form `∑ x · w · y` of an input `x: [n, i.., c]`, a filter
//! `w: [k.., c, f]` and an output `y: [n, o.., f]`, with one or two spatial axes `i`, `k` and `o`.
//! Along each of them three indices meet where `i = o · stride + k · dilation - before`; where
//! there is no such `i` there is no term, so that padding is never read.
//!
//! An operation is the derivative of the form by one of the three tensors. The derivatives of that
//! by the other two are operations of the family again. With `parts` the examples are as many runs
//! of equal length, each with a filter of its own, `w: [parts, k.., c, f]`: so the gradient by a
//! filter can be had as sums over parts of the examples, or of each example. With `groups` the
//! channels of each tensor are in as many groups, an axis of its own, and each group meets its own
//! alone:
//! `x: [n, i.., g, c]`, `w: [k.., c, g, f]` and `y: [n, o.., g, f]`.

mod attributes;
mod lowering;
mod products;
mod reference;

pub(super) use attributes::{from_attributes, signatures};
pub use products::{Strided, StridedProduct};
pub(super) use reference::reference;

use attributes::written;
use lowering::{as_contraction, as_reduction};

use super::shape::{accepts, bind, dims_agree, exactly, same_dtype};
use super::window::{self, Window, examples_of_all, examples_of_each};
use super::{
    Attribute, BatchContext, EvalContext, EvalError, GradientContext, GradientError, LowerContext,
    Op, OpRules, Signature, TypeError, codes, elements,
};
use crate::ir::{Binding, Dim, DimError, Literal, Lowering, NodeId, TensorType};

/// A tile of fewer columns has no vectors; a reduction has those of the groups.
const NARROWEST: usize = 2;

/// A convolution or one of its gradients.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Which tensor of the form is computed of the other two.
    pub result: ConvResult,
    /// How the filter moves along each spatial axis, of which there are one or two.
    pub windows: Vec<Window>,
    /// How many filters there are, each for a run of the examples; 0 for one without an axis for
    /// them.
    pub parts: usize,
    /// How many groups of channels there are; 0 for tensors without an axis for them.
    pub groups: usize,
}

/// The tensor of the form that a convolution computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConvResult {
    /// Operands x and w: the convolution.
    Output,
    /// Operands y and w: the gradient with respect to the input.
    Input {
        /// The spatial sizes of the input.
        size: Vec<Dim>,
    },
    /// Operands x and y: the gradient with respect to the filter.
    Filter {
        /// The spatial sizes of the filter.
        size: Vec<Dim>,
    },
}

impl From<Conv> for Op {
    fn from(op: Conv) -> Op {
        Op::Conv(op)
    }
}

impl Conv {
    /// How many spatial axes there are.
    fn n_axes(&self) -> usize {
        self.windows.len()
    }

    /// Operands and result as input, filter and output, and the other way round: both are the same
    /// exchange of two.
    fn exchanged<T>(&self, [a, b, c]: [T; 3]) -> [T; 3] {
        match self.result {
            ConvResult::Output => [a, b, c],
            ConvResult::Input { .. } => [c, b, a],
            ConvResult::Filter { .. } => [a, c, b],
        }
    }

    /// The same windows with another result.
    fn computing(&self, result: ConvResult) -> Conv {
        Conv { result, ..self.clone() }
    }

    /// How many axes the groups have.
    fn grouping(&self) -> usize {
        usize::from(self.groups > 0)
    }

    /// How many axes of a filter come before the spatial ones.
    fn leading(&self) -> usize {
        usize::from(self.parts > 0)
    }

    /// A filter's axes without that of the parts.
    fn of_filter<'w, T>(&self, w: &'w [T]) -> &'w [T] {
        &w[self.leading()..]
    }

    /// The spatial sizes of input and filter. Errors: wrong ranks, or sizes for other axes.
    fn spatial_sizes(&self, a: &TensorType, b: &TensorType) -> Result<[Vec<Dim>; 2], TypeError> {
        let n = self.n_axes();
        let of_a = n + 2 + self.grouping();
        let of_b = match self.result {
            ConvResult::Output | ConvResult::Input { .. } => of_a + self.leading(),
            ConvResult::Filter { .. } => of_a,
        };
        if a.rank() != of_a || b.rank() != of_b {
            // Those that a file writes: groups and parts are ours.
            let all = n + 2;
            let why = format!("the axes must be {all} and {all}, of which {n} are spatial");
            return Err(self.does_not_fit(a, b, &why));
        }
        let (input, filter) = match &self.result {
            ConvResult::Output => (&a.shape[1..=n], &self.of_filter(&b.shape)[..n]),
            ConvResult::Input { size } => (&size[..], &self.of_filter(&b.shape)[..n]),
            ConvResult::Filter { size } => (&a.shape[1..=n], &size[..]),
        };
        if input.len() != n || filter.len() != n {
            let message = format!("`{}`: `size` must have {n} numbers", self.signature().name);
            return Err(TypeError::new(codes::ATTRIBUTE, message));
        }
        Ok([input.to_vec(), filter.to_vec()])
    }

    /// The dimension of the result that has a tile's columns: the last, or if every group is one
    /// channel of each tensor the groups.
    fn column(&self, cx: &LowerContext<'_>) -> usize {
        let sizes = [cx.operand_sizes(0), cx.operand_sizes(1), cx.sizes()];
        let is_each = self.groups > 0 && sizes.iter().all(|sizes| sizes.last() == Some(&1));
        sizes[2].len() - if is_each { 2 } else { 1 }
    }

    fn does_not_fit(&self, a: &TensorType, b: &TensorType, why: &str) -> TypeError {
        let message = format!("`{}` of {a} and {b}: {why}", self.signature().name);
        TypeError::new(codes::SHAPES_CANNOT_BE_MULTIPLIED, message)
    }

    /// Refuses examples that are no equal parts, and filters that are not one for each.
    fn check_parts(&self, a: &TensorType, b: &TensorType) -> Result<(), TypeError> {
        let parts = self.parts;
        let rest = a.shape[0].as_number().map(|n| n.checked_rem(parts as i64).unwrap_or(0));
        if rest.is_some_and(|rest| rest != 0) {
            let why = format!("{} examples are not {parts} equal parts", a.shape[0]);
            return Err(self.does_not_fit(a, b, &why));
        }
        let is_filter = !matches!(self.result, ConvResult::Filter { .. });
        if parts > 0 && is_filter && !dims_agree(&b.shape[0], &Dim::from(parts)) {
            let why = format!("there are {} filters for {parts} parts", b.shape[0]);
            return Err(self.does_not_fit(a, b, &why));
        }
        Ok(())
    }
}

impl OpRules for Conv {
    fn signature(&self) -> &'static Signature {
        let [output, input, filter] = &attributes::SIGNATURES[usize::from(self.n_axes() != 1)];
        match self.result {
            ConvResult::Output => output,
            ConvResult::Input { .. } => input,
            ConvResult::Filter { .. } => filter,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        written(self)
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let name = self.signature().name;
        let [a, b] = exactly(self.signature(), operands)?;
        same_dtype(name, a, b)?;
        accepts(name, a.dtype.is_float(), a)?;
        window::check(name, &self.windows)?;
        let [input, filter] = self.spatial_sizes(a, b)?;
        let output = window::places(name, "filter", &self.windows, &input, &filter)?;
        self.check_parts(a, b)?;
        let same = |what: &str, x: &Dim, y: &Dim| match dims_agree(x, y) {
            true => Ok(()),
            false => Err(self.does_not_fit(a, b, &format!("the {what} {x} and {y} differ"))),
        };
        let outputs = |found: &[Dim]| {
            let mut pairs = found.iter().zip(&output);
            pairs.try_for_each(|(x, y)| same("outputs", x, y))
        };
        let n = self.n_axes();
        let groups = [Dim::from(self.groups)];
        let groups = &groups[..self.grouping()];
        let in_groups = |found: &[Dim]| match (found, groups) {
            ([x], [y]) => same("groups", x, y),
            _ => Ok(()),
        };
        let last = n + 1 + self.grouping();
        let (first, spatial, grouped) = (0, 1..=n, n + 1..last);
        in_groups(&a.shape[grouped.clone()])?;
        let shape = match &self.result {
            ConvResult::Output => {
                let w = self.of_filter(&b.shape);
                in_groups(&w[grouped])?;
                same("channels", &a.shape[last], &w[n])?;
                [&a.shape[..=first], &output, groups, &w[last..]].concat()
            }
            ConvResult::Input { size } => {
                let w = self.of_filter(&b.shape);
                in_groups(&w[grouped])?;
                same("channels", &a.shape[last], &w[last])?;
                outputs(&a.shape[spatial])?;
                [&a.shape[..=first], size, groups, &w[n..=n]].concat()
            }
            ConvResult::Filter { size } => {
                in_groups(&b.shape[grouped])?;
                same("examples", &a.shape[first], &b.shape[first])?;
                outputs(&b.shape[spatial])?;
                let parts = [Dim::from(self.parts)];
                let parts = &parts[..self.leading()];
                [parts, size, &a.shape[last..], groups, &b.shape[last..]].concat()
            }
        };
        Ok(vec![TensorType::new(a.dtype, shape)])
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        let result = match &self.result {
            ConvResult::Output => ConvResult::Output,
            ConvResult::Input { size } => ConvResult::Input { size: bind(size, binding)? },
            ConvResult::Filter { size } => ConvResult::Filter { size: bind(size, binding)? },
        };
        Ok(self.computing(result).into())
    }

    fn eval(&self, cx: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        Ok(vec![cx.contraction.convolve(self, operands[0], operands[1])])
    }

    fn carries(&self, _: usize) -> bool {
        true
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn flops(&self, operands: &[&TensorType], result: &TensorType) -> u64 {
        let [_, w, y] = self.exchanged([operands[0], operands[1], result]);
        let filters = w.sizes().and_then(|sizes| sizes.last().copied()).unwrap_or(0) as u64;
        let filters = filters.saturating_mul(self.groups.max(1) as u64);
        let filters = filters.saturating_mul(self.parts.max(1) as u64);
        let terms_of_output = elements(w).checked_div(filters).unwrap_or(0);
        elements(y).saturating_mul(2).saturating_mul(terms_of_output)
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let (a, b, dz) = (cx.operand(0), cx.operand(1), cx.dy());
        let mut g = cx.build();
        let n = self.n_axes();
        let output = || self.computing(ConvResult::Output);
        let (of_a, of_b) = (g.shape(a), g.shape(b));
        let input = || self.computing(ConvResult::Input { size: of_a[1..=n].to_vec() });
        let filter = |size: &[Dim]| self.computing(ConvResult::Filter { size: size[..n].to_vec() });
        let (da, db) = match self.result {
            ConvResult::Output => {
                (g.node(input(), &[dz, b])?, g.node(filter(self.of_filter(&of_b)), &[a, dz])?)
            }
            ConvResult::Input { .. } => {
                (g.node(output(), &[dz, b])?, g.node(filter(self.of_filter(&of_b)), &[dz, a])?)
            }
            ConvResult::Filter { .. } => (g.node(input(), &[b, dz])?, g.node(output(), &[a, dz])?),
        };
        Ok(vec![Some(da), Some(db)])
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let [a, b] = [cx.operands[0], cx.operands[1]];
        // Filters of their own, or sums over the examples of each, are not one convolution.
        let is_filter = matches!(self.result, ConvResult::Filter { .. });
        if b.varies || is_filter || self.parts > 0 {
            return Ok(None);
        }
        let length = cx.length.clone();
        let mut g = cx.build();
        let a = examples_of_all(&mut g, a.node)?;
        let y = g.node(self.clone(), &[a, b.node])?;
        examples_of_each(&mut g, y, length).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        // Which filter an example has is no view of the filters.
        let is_view = self.parts == 0 || matches!(self.result, ConvResult::Filter { .. });
        let narrow = self.groups > 0 && cx.sizes()[self.column(cx)] < NARROWEST;
        let tiles = cx.tiles && is_view && !narrow;
        if tiles { as_contraction(self, cx) } else { as_reduction(self, cx) }
    }
}
