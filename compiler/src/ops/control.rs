//! Control: a region run so many times, the choice of one result, and marks on values.

mod gradient;
mod kept;

pub(crate) use kept::takes_long;

use std::ops::Range;
use std::sync::Arc;

use ndarray::{ArcArray, ArrayViewD, Axis, IxDyn, stack};

use super::attributes::Attributes;
use super::evaluate::{EvalFailure, EvalPlan, Values};
use super::shape::{dims_agree, exactly, types_agree};
use super::{
    Attribute, AttributeSignature, BatchContext, EvalContext, EvalError, GradientContext,
    GradientError, Leaf, Leaves, LowerContext, Op, OpRules, RegionError, Signature, TypeError,
    captured_once, codes,
};
use crate::ir::{
    Binding, DType, Dim, DimError, Element, Graph, Literal, Lowering, NodeId, Scalar, TensorType,
};
use crate::with_array;

/// Control of the flow of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// Runs a region once per element of sequences.
    Scan(Scan),
    /// One result of an operation that has several; the only one that may read such a node. Its
    /// rules see all results of the operand as operands.
    Result {
        /// The number of the result.
        index: usize,
    },
    /// The operand, through which no gradient flows.
    StopGradient,
    /// The operand, which the backward pass computes again rather than keeps.
    Remat,
    /// The operand, as a value of its own: what a name is bound to, where its expression gives a
    /// value that was there before. A gradient with respect to it goes by what reads this node.
    Same,
    /// In the value of an update, a variable's own name: what is about to be written to it, by a
    /// training step or an earlier update; the operand is the variable. Training replaces it, so
    /// it is not in a graph that runs.
    Pending,
}

/// A loop over the elements of sequences along an axis.
///
/// Operands: the carries' first values, the sequences, the captured values. The body's inputs
/// are parameters in that order (of a sequence, its element: without the axis), and last the
/// number of the iteration, an i64 scalar that counts along the sequence also when it is walked
/// backwards. The body's outputs are the carries' next values, then what is emitted. Results:
/// the last carries, then each emitted value stacked along the axis in the order of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// The region. It reads its parameters and constants alone.
    pub body: Arc<Graph>,
    /// How many operands are carries.
    pub n_carries: usize,
    /// How many operands after them are sequences.
    pub n_sequences: usize,
    /// The axis of the sequences and of what is emitted.
    pub axis: usize,
    /// Whether the sequences are walked from their end.
    pub reverse: bool,
    /// How many iterations: the length of the sequences.
    pub length: Dim,
}

impl From<Control> for Op {
    fn from(op: Control) -> Op {
        Op::Control(op)
    }
}
impl From<Scan> for Op {
    fn from(scan: Scan) -> Op {
        Op::Control(Control::Scan(scan))
    }
}

const fn attribute(name: &'static str, doc: &'static str) -> AttributeSignature {
    AttributeSignature { name, default: None, doc }
}

static SCAN: Signature = Signature {
    name: "scan",
    operands: &["x..."],
    attributes: &[
        attribute("n_carries", "how many operands are carries"),
        attribute("n_sequences", "how many operands after them are sequences"),
        attribute("axis", "the axis of the sequences and of what is emitted"),
        attribute("reverse", "whether the sequences are walked from their end"),
        attribute("length", "how many iterations"),
    ],
    doc: "Runs a region per element of the sequences: the last carries, then what was emitted.",
};
static RESULT: Signature = Signature {
    name: "result",
    operands: &["x"],
    attributes: &[attribute("index", "the number of the result")],
    doc: "One result of an operation that has several.",
};
static STOP_GRADIENT: Signature = Signature {
    name: "stop_gradient",
    operands: &["x"],
    attributes: &[],
    doc: "x, through which no gradient flows.",
};
static SAME: Signature = Signature {
    name: "same",
    operands: &["x"],
    attributes: &[],
    doc: "x, as a value of its own, as each binding is; dx = dy.",
};
static PENDING: Signature = Signature {
    name: "pending",
    operands: &["variable"],
    attributes: &[],
    doc: "In the update of a variable, what a step or an earlier update writes to it.",
};
static REMAT: Signature = Signature {
    name: "remat",
    operands: &["x"],
    attributes: &[],
    doc: "x, which the backward pass computes again rather than keeps; dx = dy.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&SCAN, &RESULT, &STOP_GRADIENT, &REMAT, &SAME, &PENDING]
}

/// The operation of that name, if it is one of the family; a scan, which has a region, is made
/// by the frontend itself.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    Ok(match a.name() {
        "result" => Some(Control::Result { index: a.axis("index")? }.into()),
        "stop_gradient" => Some(Control::StopGradient.into()),
        "remat" => Some(Control::Remat.into()),
        "same" => Some(Control::Same.into()),
        "pending" => Some(Control::Pending.into()),
        _ => None,
    })
}

impl OpRules for Control {
    fn signature(&self) -> &'static Signature {
        match self {
            Control::Scan(_) => &SCAN,
            Control::Result { .. } => &RESULT,
            Control::StopGradient => &STOP_GRADIENT,
            Control::Remat => &REMAT,
            Control::Same => &SAME,
            Control::Pending => &PENDING,
        }
    }

    fn attributes(&self) -> Vec<Attribute> {
        match self {
            Control::Scan(scan) => vec![
                Attribute::Dim(Dim::from(scan.n_carries)),
                Attribute::Dim(Dim::from(scan.n_sequences)),
                Attribute::Dim(Dim::from(scan.axis)),
                Attribute::Bool(scan.reverse),
                Attribute::Dim(scan.length.clone()),
            ],
            Control::Result { index } => vec![Attribute::Dim(Dim::from(*index))],
            Control::StopGradient | Control::Remat | Control::Same | Control::Pending => vec![],
        }
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        match self {
            Control::Scan(scan) => scan.infer(operands),
            Control::Result { index } => {
                let result = operands.get(*index).ok_or_else(|| {
                    let message = format!("there is no result {index} of {}", operands.len());
                    TypeError::new(codes::ATTRIBUTE, message)
                })?;
                Ok(vec![(*result).clone()])
            }
            Control::StopGradient | Control::Remat | Control::Same | Control::Pending => {
                let [x] = exactly(self.signature(), operands)?;
                Ok(vec![x.clone()])
            }
        }
    }

    fn specialise(&self, binding: &Binding) -> Result<Op, DimError> {
        Ok(Op::Control(match self {
            Control::Scan(scan) => Control::Scan(Scan {
                length: Dim::number(scan.length.evaluate(binding)?),
                ..scan.clone()
            }),
            Control::Result { .. }
            | Control::StopGradient
            | Control::Remat
            | Control::Same
            | Control::Pending => self.clone(),
        }))
    }

    fn eval(&self, cx: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        match self {
            Control::Scan(scan) => scan.eval(cx, operands),
            Control::Result { index } => Ok(vec![operands[*index].clone()]),
            Control::StopGradient | Control::Remat | Control::Same | Control::Pending => {
                Ok(vec![operands[0].clone()])
            }
        }
    }

    fn carries(&self, _: usize) -> bool {
        match self {
            Control::StopGradient => false,
            Control::Scan(_)
            | Control::Result { .. }
            | Control::Remat
            | Control::Same
            | Control::Pending => true,
        }
    }

    fn is_exact(&self) -> bool {
        match self {
            Control::Scan(scan) => super::is_exact(&scan.body),
            Control::StopGradient
            | Control::Result { .. }
            | Control::Remat
            | Control::Same
            | Control::Pending => true,
        }
    }

    fn flops(&self, _: &[&TensorType], _: &TensorType) -> u64 {
        match self {
            Control::Scan(scan) => {
                let length = scan.length.as_number().and_then(|n| u64::try_from(n).ok());
                super::flops(&scan.body).saturating_mul(length.unwrap_or(0))
            }
            Control::StopGradient
            | Control::Result { .. }
            | Control::Remat
            | Control::Same
            | Control::Pending => 0,
        }
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        match self {
            Control::Scan(scan) => gradient::gradient(scan, cx),
            Control::StopGradient => Ok(vec![None]),
            // Of a result, the walk knows to which of the operand's results it belongs.
            Control::Result { .. } | Control::Remat | Control::Same | Control::Pending => {
                Ok(vec![Some(cx.dy())])
            }
        }
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        match self {
            // A loop would have to carry many of each; a variable is one.
            Control::Scan(_) | Control::Result { .. } | Control::Pending => Ok(None),
            Control::StopGradient | Control::Remat | Control::Same => {
                let x = cx.alike()?[0];
                cx.build().node(self.clone(), &[x]).map(Some)
            }
        }
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        match self {
            Control::Scan(_) => Lowering::Repeat,
            Control::Result { .. } => Lowering::Leaf,
            Control::StopGradient | Control::Remat | Control::Same | Control::Pending => {
                let axes = cx.exprs.axes(&cx.sizes());
                let index = cx.exprs.index_axes(&axes);
                Lowering::Map { axes, body: cx.element(0, &index) }
            }
        }
    }
}

fn mismatch(what: &str, k: usize, found: &TensorType, wanted: &TensorType) -> TypeError {
    let message = format!("{what} {k} of the scan is {found}, its body has {wanted}");
    TypeError::new(codes::SCAN, message)
}

impl Scan {
    /// How many operands there are: one per parameter of the body but the iteration.
    pub fn n_operands(&self) -> usize {
        self.body.inputs.len().saturating_sub(1)
    }

    /// Which operands are sequences.
    pub fn sequences(&self) -> Range<usize> {
        self.n_carries..self.n_carries + self.n_sequences
    }

    /// Which operands are values around the loop that the body reads as they are.
    pub fn captured(&self) -> Range<usize> {
        self.n_carries + self.n_sequences..self.n_operands()
    }

    /// The same loop with its operands, given each value around it once, in the order in which the
    /// body reads them, as the language does.
    pub(crate) fn capturing_once(
        self,
        operands: Vec<NodeId>,
    ) -> Result<(Scan, Vec<NodeId>), TypeError> {
        Ok(match captured_once(&self, &operands)? {
            Some((body, operands)) => (Scan { body: Arc::new(body), ..self }, operands),
            None => (self, operands),
        })
    }

    /// How many values the body emits.
    pub fn n_emitted(&self) -> usize {
        self.body.outputs.len().saturating_sub(self.n_carries)
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        self.check_body()?;
        if operands.len() != self.n_operands() {
            let message = format!("the scan takes {} operands", self.n_operands());
            return Err(TypeError::new(codes::OPERAND_COUNT, message));
        }
        for (k, operand) in operands.iter().enumerate() {
            let wanted = self.body.tensor_type(self.body.inputs[k]);
            let is_sequence = self.sequences().contains(&k);
            let found =
                if is_sequence { self.element_type(k, operand)? } else { (*operand).clone() };
            if !types_agree(&found, wanted) {
                return Err(mismatch("operand", k, &found, wanted));
            }
        }
        let (carries, emitted) = self.body.outputs.split_at(self.n_carries);
        let mut types = vec![];
        for (k, (_, next)) in carries.iter().enumerate() {
            let next = self.body.tensor_type(*next);
            if !types_agree(next, operands[k]) {
                return Err(mismatch("carry", k, operands[k], next));
            }
            types.push(operands[k].clone());
        }
        for (k, (_, value)) in emitted.iter().enumerate() {
            let mut stacked = self.body.tensor_type(*value).clone();
            if self.axis > stacked.rank() {
                let message = format!(
                    "emitted value {k}, {stacked}, cannot be stacked on axis {}",
                    self.axis
                );
                return Err(TypeError::new(codes::NO_SUCH_AXIS, message));
            }
            stacked.shape.insert(self.axis, self.length.clone());
            types.push(stacked);
        }
        Ok(types)
    }

    /// Checks what does not depend on operands.
    fn check_body(&self) -> Result<(), TypeError> {
        let fail = |message: &str| Err(TypeError::new(codes::SCAN, message));
        if self.body.outputs.len() < self.n_carries || self.body.outputs.is_empty() {
            return fail("a scan needs a next value per carry, and at least one result");
        }
        if self.n_operands() < self.n_carries + self.n_sequences {
            return fail("a scan's body needs a parameter per carry and sequence");
        }
        if self.length.as_number().is_some_and(|n| n < 0) {
            return fail("a scan's length is negative");
        }
        let iteration = self.body.inputs.last().map(|&i| self.body.tensor_type(i));
        if iteration != Some(&TensorType::scalar(DType::I64)) {
            return fail("the last parameter of a scan's body is its iteration, an i64 scalar");
        }
        Ok(())
    }

    fn element_type(&self, k: usize, sequence: &TensorType) -> Result<TensorType, TypeError> {
        let mut element = sequence.clone();
        if self.axis >= sequence.rank() {
            let message =
                format!("sequence {k} of the scan, {sequence}, has no axis {}", self.axis);
            return Err(TypeError::new(codes::NO_SUCH_AXIS, message));
        }
        let length = element.shape.remove(self.axis);
        if !dims_agree(&length, &self.length) {
            let message = format!(
                "sequence {k} of the scan, {sequence}, has {length} elements along axis {}, not {}",
                self.axis, self.length
            );
            return Err(TypeError::new(codes::SCAN, message));
        }
        Ok(element)
    }

    fn eval(&self, cx: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let length = self.length.as_number().expect("evaluation sees only numbers");
        let made = cx.region.is_none().then(|| EvalPlan::of_region(&self.body));
        let plan = cx.region.or(made.as_ref()).expect("one of the two is there");
        let mut parameters: Vec<Literal> = operands.iter().map(|&o| o.clone()).collect();
        parameters.push(Scalar::I64(0).into());
        let mut emitted = vec![vec![]; self.n_emitted()];
        let mut values = Values::default();
        for i in 0..length {
            let at = if self.reverse { length - 1 - i } else { i };
            for k in self.sequences() {
                parameters[k] = with_array!(operands[k], x => element(x, self.axis, at as usize));
            }
            parameters[operands.len()] = Scalar::I64(at).into();
            let leaves = Parameters(&parameters);
            let inner = EvalContext { leaves: &leaves, region: None, ..*cx };
            plan.run(&self.body, &inner, &mut values).map_err(|failure| self.error(failure))?;
            let outputs = self.body.outputs.iter().map(|(_, node)| values.of(*node).clone());
            for (k, value) in outputs.enumerate() {
                match k.checked_sub(self.n_carries) {
                    Some(k) => emitted[k].push(value),
                    None => parameters[k] = value,
                }
            }
        }
        let mut results = parameters[..self.n_carries].to_vec();
        for (k, mut values) in emitted.into_iter().enumerate() {
            if self.reverse {
                values.reverse();
            }
            results.push(self.stacked(k, &values));
        }
        Ok(results)
    }

    /// What is wrong in the body.
    fn error(&self, failure: EvalFailure) -> EvalError {
        let node = self.body.node(failure.node);
        EvalError::InRegion(Box::new(RegionError {
            node: node.name.clone(),
            provenance: node.provenance.clone(),
            error: failure.error,
        }))
    }

    /// The values that the body has emitted as its output `k`, stacked.
    fn stacked(&self, k: usize, values: &[Literal]) -> Literal {
        let (_, node) = self.body.outputs[self.n_carries + k];
        match values.first() {
            Some(first) => with_array!(first, first => stack_on(first, values, self.axis)),
            None => {
                let of_element = self.body.tensor_type(node);
                let mut sizes = of_element.sizes().expect("evaluation sees only numbers");
                sizes.insert(self.axis, 0);
                Literal::filled(&sizes, Scalar::zero(of_element.dtype))
            }
        }
    }
}

/// The values of a region's parameters.
struct Parameters<'a>(&'a [Literal]);

impl Leaves for Parameters<'_> {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Parameter { number, .. } => self.0.get(*number).cloned(),
            Leaf::Input { .. }
            | Leaf::Variable { .. }
            | Leaf::Constant(_)
            | Leaf::Dim { .. }
            | Leaf::Seed
            | Leaf::Step
            | Leaf::Epoch
            | Leaf::Batch => None,
        }
    }
}

fn element<T: Element>(x: &ArcArray<T, IxDyn>, axis: usize, at: usize) -> Literal {
    T::wrap(x.clone().index_axis_move(Axis(axis), at))
}

fn stack_on<T: Element>(_: &ArcArray<T, IxDyn>, values: &[Literal], axis: usize) -> Literal {
    let arrays = values.iter().map(|v| T::of(v).expect("one node, one type").view());
    let views: Vec<ArrayViewD<'_, T>> = arrays.collect();
    Literal::new(stack(Axis(axis), &views).expect("one node, one shape"))
}
