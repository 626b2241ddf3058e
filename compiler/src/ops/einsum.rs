//! Products of two tensors whose dimensions are told by labels: what `einsum` is made of, closed
//! under differentiation.

use ndarray::{ArcArray, Axis, IxDyn};

use super::attributes::Attributes;
use super::contract::integers;
use super::shape::{accepts, dims_agree, exactly, same_dtype};
use super::{
    Attribute, AttributeSignature, BatchContext, Build, Creation, EvalContext, EvalError,
    GradientContext, GradientError, Indexing, LowerContext, Op, OpRules, Signature, TypeError,
    codes,
};
use crate::ir::{
    AxisId, BinaryFn, Binding, DType, Dim, DimError, Element, IndexId, Literal, Lowering, Monoid,
    NodeId, Reading, TensorType,
};
use crate::with_array;

/// `y = Σ a · b`: each dimension has a label, those of one label are one index, and what the result
/// has not is summed over. Every label occurs in at least two of the three, and in each once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Einsum {
    /// Of the left operand.
    pub a: Vec<char>,
    /// Of the right operand.
    pub b: Vec<char>,
    /// Of the result.
    pub y: Vec<char>,
}

impl From<Einsum> for Op {
    fn from(op: Einsum) -> Op {
        Op::Einsum(op)
    }
}

/// A tile sums over so many levels at most.
const MOST_LEVELS: usize = 3;

/// Products of matrices side by side, in vectors across them, read an element for each
/// multiplication; one after the other they read few, but of copies that have the elements of each
/// together. Where an element is multiplied more often than this, on average, the copies are worth
/// it (measured on cubes).
const MOST_USES: usize = 24;

/// For fewer products side by side, which are two vectors, they are worth it too.
const FEWEST_BESIDE: usize = 32;

static CONTRACT: Signature = Signature {
    name: "contract",
    operands: &["a", "b"],
    attributes: &[AttributeSignature {
        name: "labels",
        default: None,
        doc: "a letter for each dimension: \"ij,jk->ik\"; each letter in at least two of the three",
    }],
    doc: "The sum of products over the letters that the result has not, of any type but bool; \
          einsum is made of it. da and db are such sums of dy with the other operand.",
};

/// The signatures of the family.
pub(super) fn signatures() -> Vec<&'static Signature> {
    vec![&CONTRACT]
}

/// The operation of that name, if it is one of the family.
pub(super) fn from_attributes(a: &Attributes<'_>) -> Result<Option<Op>, TypeError> {
    if a.name() != CONTRACT.name {
        return Ok(None);
    }
    let text = a.text("labels")?;
    let parts =
        text.split_once("->").and_then(|(operands, y)| Some((operands.split_once(',')?, y)));
    let Some(((left, right), y)) = parts else {
        return Err(a.error("labels", "must be as \"ij,jk->ik\""));
    };
    let letters = |part: &str| part.chars().collect::<Vec<char>>();
    Ok(Some(Einsum { a: letters(left), b: letters(right), y: letters(y) }.into()))
}

impl Einsum {
    /// The labels that are summed over, in the order of the left operand.
    fn summed(&self) -> Vec<char> {
        self.a.iter().copied().filter(|label| !self.y.contains(label)).collect()
    }

    /// A letter that is no label yet.
    pub(crate) fn free_letter(&self) -> Option<char> {
        let all = [&self.a, &self.b, &self.y];
        let is_free = |label: &char| !all.iter().any(|labels| labels.contains(label));
        ('a'..='z').chain('A'..='Z').find(is_free)
    }

    /// Refuses labels that do not say what each dimension is.
    fn check(&self) -> Result<(), TypeError> {
        let fail = |why: String| {
            let message = format!("`contract` by \"{}\": {why}", self.text());
            Err(TypeError::new(codes::ATTRIBUTE, message))
        };
        let all = [&self.a, &self.b, &self.y];
        for labels in all {
            for (k, label) in labels.iter().enumerate() {
                if labels[..k].contains(label) {
                    return fail(format!("`{label}` occurs twice in one"));
                }
                if all.iter().filter(|other| other.contains(label)).count() < 2 {
                    return fail(format!("`{label}` occurs in one only"));
                }
            }
        }
        Ok(())
    }

    fn text(&self) -> String {
        let [a, b, y] = [&self.a, &self.b, &self.y].map(|l| l.iter().collect::<String>());
        format!("{a},{b}->{y}")
    }

    /// Whether a tile computes it, where the last dimension of the result is of that size: its
    /// columns, which are of the right operand alone, or of both and adjacent in all; and something
    /// is summed over.
    fn is_tile(&self, columns: usize) -> bool {
        let is_column = |label: &char| !self.a.contains(label);
        let is_each = columns > 1 && is_side_by_side(&self.a, &self.b, &self.y);
        (1..=MOST_LEVELS).contains(&self.summed().len())
            && (is_each || self.y.last().is_some_and(is_column))
    }
}

impl OpRules for Einsum {
    fn signature(&self) -> &'static Signature {
        &CONTRACT
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![Attribute::Name(self.text())]
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
        let [a, b] = exactly(&CONTRACT, operands)?;
        self.check()?;
        same_dtype(CONTRACT.name, a, b)?;
        accepts(CONTRACT.name, a.dtype != DType::Bool, a)?;
        let fail = |why: String| {
            let message = format!("\"{}\" of {a} and {b}: {why}", self.text());
            TypeError::new(codes::SHAPES_CANNOT_BE_MULTIPLIED, message)
        };
        if a.rank() != self.a.len() || b.rank() != self.b.len() {
            return Err(fail("each dimension has one letter".to_string()));
        }
        let of = |label: &char| {
            let find = |x: &TensorType, labels: &[char]| {
                labels.iter().position(|l| l == label).map(|d| x.shape[d].clone())
            };
            (find(a, &self.a), find(b, &self.b))
        };
        for label in &self.a {
            if let (Some(m), Some(n)) = of(label)
                && !dims_agree(&m, &n)
            {
                return Err(fail(format!("`{label}` is {m} and {n}")));
            }
        }
        let dim = |label: &char| {
            let (left, right) = of(label);
            left.or(right).expect("each label of the result is one of an operand")
        };
        let shape: Vec<Dim> = self.y.iter().map(dim).collect();
        Ok(vec![TensorType::new(a.dtype, shape)])
    }

    fn specialise(&self, _: &Binding) -> Result<Op, DimError> {
        Ok(self.clone().into())
    }

    fn eval(&self, cx: &EvalContext<'_>, operands: &[&Literal]) -> Result<Vec<Literal>, EvalError> {
        let is_shared = |label: &&char| self.a.contains(label) && self.b.contains(label);
        let (batch, only): (Vec<char>, Vec<char>) = self.y.iter().partition(is_shared);
        let (rows, columns): (Vec<char>, Vec<char>) =
            only.into_iter().partition(|label| self.a.contains(label));
        let summed = self.summed();
        let a = with_array!(operands[0], x => matrices(x, &self.a, [&batch, &rows, &summed]));
        let b = with_array!(operands[1], x => matrices(x, &self.b, [&batch, &summed, &columns]));
        let y = if a.dtype().is_float() { cx.contraction.matmul(&a, &b) } else { integers(&a, &b) };
        let size = |label: &char| {
            let find = |labels: &[char], x: &Literal| {
                labels.iter().position(|l| l == label).map(|d| x.sizes()[d])
            };
            find(&self.a, operands[0]).or(find(&self.b, operands[1])).expect("infer has seen it")
        };
        let order = [batch, rows, columns].concat();
        let sizes: Vec<usize> = order.iter().map(size).collect();
        Ok(vec![with_array!(&y, y => unfolded(y, &sizes, &order, &self.y))])
    }

    fn carries(&self, _: usize) -> bool {
        true
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn flops(&self, operands: &[&TensorType], result: &TensorType) -> u64 {
        let sizes = operands[0].sizes().unwrap_or_default();
        let summed = self.summed();
        let of_summed = self.a.iter().zip(sizes).filter(|(label, _)| summed.contains(label));
        let terms = of_summed.fold(1, |n: u64, (_, size)| n.saturating_mul(size as u64));
        let each = if summed.is_empty() { 1 } else { 2 };
        super::elements(result).saturating_mul(terms).saturating_mul(each)
    }

    fn gradient(&self, cx: &mut GradientContext<'_>) -> Result<Vec<Option<NodeId>>, GradientError> {
        let (a, b, dy) = (cx.operand(0), cx.operand(1), cx.dy());
        let mut g = cx.build();
        let da = g.contract((dy, &self.y), (b, &self.b), &self.a)?;
        let db = g.contract((a, &self.a), (dy, &self.y), &self.b)?;
        Ok(vec![Some(da), Some(db)])
    }

    fn batch(&self, cx: &mut BatchContext<'_>) -> Result<Option<NodeId>, TypeError> {
        let Some(label) = self.free_letter() else { return Ok(None) };
        let with = |labels: &[char], varies: bool| {
            let leading = if varies { &[label][..] } else { &[] };
            [leading, labels].concat()
        };
        let [a, b] = [cx.operands[0], cx.operands[1]];
        let (of_a, of_b) = (with(&self.a, a.varies), with(&self.b, b.varies));
        let many = Einsum { a: of_a, b: of_b, y: with(&self.y, true) };
        cx.build().node(many, &[a.node, b.node]).map(Some)
    }

    fn lower(&self, cx: &mut LowerContext<'_>) -> Lowering {
        let axes = cx.exprs.axes(&cx.sizes());
        let (of_a, summed) = (cx.operand_sizes(0), self.summed());
        let size = |label: &char| self.a.iter().position(|l| l == label).map(|d| of_a[d]);
        let sizes: Vec<usize> = summed.iter().filter_map(size).collect();
        let reduced = cx.exprs.axes(&sizes);
        let labels = self.y.iter().chain(&summed).zip(axes.iter().chain(&reduced));
        let labels: Vec<(char, AxisId)> = labels.map(|(&label, &axis)| (label, axis)).collect();
        let mut index = |of: &[char]| -> Vec<IndexId> {
            let axis =
                |label: &char| labels.iter().find(|(l, _)| l == label).map(|(_, axis)| *axis);
            of.iter().filter_map(axis).map(|axis| cx.exprs.index_axis(axis)).collect()
        };
        let (a, b) = (index(&self.a), index(&self.b));
        let columns = cx.sizes().last().copied().unwrap_or(0);
        if cx.tiles && cx.operands[0].dtype.is_float() && self.is_tile(columns) {
            let [a, b] = [a, b].map(|index| index.into_iter().map(Reading::from).collect());
            return Lowering::Contract { column: axes.len() - 1, axes, reduced, a, b };
        }
        let (a, b) = (cx.element(0, &a), cx.element(1, &b));
        let body = cx.exprs.binary(BinaryFn::Mul, a, b);
        if reduced.is_empty() {
            return Lowering::Map { axes, body };
        }
        Lowering::Reduce { axes, reduced, monoid: Monoid::Sum, body }
    }
}

/// Whether there is a product for each index of the last dimension, which is last in both operands
/// too: of matrices, one of them perhaps a single row or column.
fn is_side_by_side(a: &[char], b: &[char], y: &[char]) -> bool {
    let is_own = |label: &char| a.contains(label) != b.contains(label);
    y.last().is_some_and(|last| a.last() == Some(last) && b.last() == Some(last))
        && y.iter().any(is_own)
}

/// The array as `[batch, rows, columns]`, of which the labels say the dimensions.
fn matrices<T: Element>(x: &ArcArray<T, IxDyn>, labels: &[char], parts: [&[char]; 3]) -> Literal {
    let at = |label: &char| labels.iter().position(|l| l == label).expect("a label of the operand");
    let perm: Vec<usize> = parts.iter().flat_map(|part| part.iter().map(at)).collect();
    let size = |part: &[char]| part.iter().map(|label| x.len_of(Axis(at(label)))).product();
    let sizes: Vec<usize> = parts.iter().map(|part| size(part)).collect();
    folded(x.clone().permuted_axes(perm), &sizes)
}

/// The matrices with a dimension for each label, in another order.
fn unfolded<T: Element>(
    y: &ArcArray<T, IxDyn>,
    sizes: &[usize],
    from: &[char],
    to: &[char],
) -> Literal {
    let at = |label: &char| from.iter().position(|l| l == label).expect("the same labels");
    let perm: Vec<usize> = to.iter().map(at).collect();
    let apart = y.as_standard_layout().into_owned().into_shape_with_order(IxDyn(sizes));
    let apart = apart.expect("as many elements").permuted_axes(perm);
    Literal::new(apart.as_standard_layout().into_owned())
}

fn folded<T: Element>(x: ArcArray<T, IxDyn>, sizes: &[usize]) -> Literal {
    let x = x.as_standard_layout().into_owned();
    Literal::new(x.into_shape_with_order(IxDyn(sizes)).expect("as many elements"))
}

/// A tensor with a label for each dimension.
type Labelled<'a> = (NodeId, &'a [char]);

impl Build<'_> {
    /// The sum over all labels that `y` has not of the product of any number of tensors, at least
    /// one: `einsum`. A label that one tensor has twice is its diagonal. Errors: dimensions of one
    /// label that differ; a label of `y` that no tensor has, or that it has twice.
    pub fn einsum(
        &mut self,
        operands: &[(NodeId, Vec<char>)],
        y: &[char],
    ) -> Result<NodeId, TypeError> {
        let mut left = vec![];
        for (x, labels) in operands {
            left.push(self.diagonals(*x, labels.clone())?);
        }
        let mut rest = left.into_iter();
        let Some((mut x, mut labels)) = rest.next() else {
            return Err(TypeError::new(codes::OPERAND_COUNT, "`einsum` needs a tensor"));
        };
        while let Some((z, of_z)) = rest.next() {
            let later: Vec<char> = rest.as_slice().iter().flat_map(|(_, l)| l.clone()).collect();
            let is_kept = |label: &char| y.contains(label) || later.contains(label);
            (x, labels) = self.without(x, labels, |l| is_kept(l) || of_z.contains(l))?;
            let (z, of_z) = self.without(z, of_z, |l| is_kept(l) || labels.contains(l))?;
            let both = labels.iter().chain(of_z.iter().filter(|l| !labels.contains(l)));
            let both: Vec<char> = both.copied().filter(is_kept).collect();
            let is_last = later.is_empty() && both.iter().all(|l| y.contains(l));
            let wanted = y.iter().copied().filter(|l| both.contains(l));
            let result = if is_last { wanted.collect() } else { both };
            x = self.contract((x, &labels), (z, &of_z), &result)?;
            labels = result;
        }
        (x, labels) = self.without(x, labels, |label| y.contains(label))?;
        self.in_order(x, &labels, y)
    }

    /// The sum of the products of two tensors, each label of which the other or `y` has: operands
    /// and result as a tile takes them, where it can compute it.
    pub(super) fn contract(
        &mut self,
        (a, of_a): Labelled<'_>,
        (b, of_b): Labelled<'_>,
        y: &[char],
    ) -> Result<NodeId, TypeError> {
        let op = |a: &[char], b: &[char], y: &[char]| Einsum {
            a: a.to_vec(),
            b: b.to_vec(),
            y: y.to_vec(),
        };
        let is_shared = |label: &char| of_a.contains(label) && of_b.contains(label);
        let is_summed = |label: &char| is_shared(label) && !y.contains(label);
        let own = y.iter().rposition(|label| !is_shared(label));
        match (own, of_a.iter().any(is_summed)) {
            (Some(own), true)
                if is_side_by_side(of_a, of_b, y) && self.stays([(a, of_a), (b, of_b)], y) =>
            {
                // The left operand has rows.
                match of_a.contains(&y[own]) {
                    true => self.node(op(of_a, of_b, y), &[a, b]),
                    false => self.node(op(of_b, of_a, y), &[b, a]),
                }
            }
            (Some(own), true) if own + 1 < y.len() => {
                let mut order = y.to_vec();
                let column = order.remove(own);
                order.push(column);
                let found = self.contract((a, of_a), (b, of_b), &order)?;
                self.in_order(found, &order, y)
            }
            (Some(own), true) if of_a.contains(&y[own]) => self.node(op(of_b, of_a, y), &[b, a]),
            (Some(_) | None, _) => self.node(op(of_a, of_b, y), &[a, b]),
        }
    }

    /// Whether products side by side are best computed so: those of a matrix and a vector, and of
    /// many small matrices.
    fn stays(&self, operands: [Labelled<'_>; 2], y: &[char]) -> bool {
        let [(_, of_a), (_, of_b)] = operands;
        let size = |label: &char| {
            let of = |(x, labels): &Labelled<'_>| {
                let at = labels.iter().position(|own| own == label)?;
                self.shape(*x).get(at)?.as_number().and_then(|n| usize::try_from(n).ok())
            };
            operands.iter().find_map(of)
        };
        // Together those that only one operand has, and those that are summed over.
        let side = |is_in: &dyn Fn(&char) -> bool| {
            let labels = of_a.iter().chain(of_b.iter().filter(|label| !of_a.contains(label)));
            labels
                .filter(|label| is_in(label))
                .map(size)
                .try_fold(1, |n: usize, size| Some(n.saturating_mul(size?)))
        };
        let only = |own: &[char], other: &[char]| own.iter().all(|label| other.contains(label));
        if only(of_a, of_b) || only(of_b, of_a) {
            return true;
        }
        let rows = side(&|label| !of_b.contains(label));
        let columns = side(&|label| !of_a.contains(label));
        let sums = side(&|label| !y.contains(label));
        let (Some(m), Some(n), Some(k)) = (rows, columns, sums) else { return false };
        let times = usize::saturating_mul;
        let elements = times(m, k).saturating_add(times(k, n)).saturating_add(times(m, n));
        times(times(m, n), k) <= times(MOST_USES, elements)
            && y.last().and_then(size).is_some_and(|beside| beside >= FEWEST_BESIDE)
    }

    /// The tensor without its labels that are not kept, summed over.
    fn without(
        &mut self,
        x: NodeId,
        labels: Vec<char>,
        is_kept: impl Fn(&char) -> bool,
    ) -> Result<(NodeId, Vec<char>), TypeError> {
        let axes: Vec<usize> = (0..labels.len()).filter(|&d| !is_kept(&labels[d])).collect();
        let kept = labels.into_iter().filter(|label| is_kept(label)).collect();
        Ok((self.sum(x, &axes, false)?, kept))
    }

    /// The tensor with its dimensions in the order of `y`.
    fn in_order(&mut self, x: NodeId, labels: &[char], y: &[char]) -> Result<NodeId, TypeError> {
        let at = |label: &char| labels.iter().position(|l| l == label);
        let perm: Option<Vec<usize>> = y.iter().map(at).collect();
        match perm {
            Some(perm) => self.transpose(x, &perm),
            None => {
                let message = "`einsum`: the result has a letter that no operand has";
                Err(TypeError::new(codes::ATTRIBUTE, message))
            }
        }
    }

    /// The tensor with each of its labels once: the elements at which the dimensions of a label
    /// that occurs twice have one index.
    fn diagonals(
        &mut self,
        mut x: NodeId,
        mut labels: Vec<char>,
    ) -> Result<(NodeId, Vec<char>), TypeError> {
        let of_x = self.tensor_type(x);
        if labels.len() != of_x.rank() {
            let message = format!("`einsum`: {} letters for {of_x}", labels.len());
            return Err(TypeError::new(codes::ATTRIBUTE, message));
        }
        while let Some((first, second)) = twice(&labels) {
            let mut shape = self.shape(x);
            if !dims_agree(&shape[first], &shape[second]) {
                let message = format!(
                    "`einsum` of {of_x}: `{}` is {} and {}",
                    labels[first], shape[first], shape[second]
                );
                return Err(TypeError::new(codes::SHAPES_CANNOT_BE_MULTIPLIED, message));
            }
            shape[second] = Dim::number(1);
            let same = Creation::Iota { shape: shape.clone(), axis: first, dtype: DType::I32 };
            let same = self.node(same, &[])?;
            x = self.node(Indexing::TakeAlongAxis { axis: second }, &[x, same])?;
            shape.remove(second);
            x = self.reshape(x, &shape)?;
            labels.remove(second);
        }
        Ok((x, labels))
    }
}

/// The positions of the first label that occurs twice.
fn twice(labels: &[char]) -> Option<(usize, usize)> {
    let earlier = |k: usize| labels[..k].iter().position(|label| *label == labels[k]);
    (0..labels.len()).find_map(|k| Some((earlier(k)?, k)))
}
