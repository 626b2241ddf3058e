//! Every `batch` rule against the operation done for one after the other.

use super::*;
use crate::ir::{BinaryFn, CompareFn, UnaryFn};
use crate::ops::{
    BatchContext, Batched, Contract, Control, Creation, Elementwise, Indexing, Movement, Op,
    OpRules, Placement, ProductOfOthers, Random, Reduce, ReduceFn,
};

/// How many.
const MANY: usize = 3;

/// Element `t` along the first axis.
fn one_of(x: &Literal, t: usize) -> Literal {
    crate::with_array!(x, a => Literal::new(a.index_axis(ndarray::Axis(0), t).to_owned()))
}

/// The operation for all at once, of operands of which these vary; `None` where it has no rule.
fn batched(op: &Op, types: &[&str], varies: &[bool]) -> Option<Graph> {
    let mut graph = Graph::default();
    let mut operands = vec![];
    for (k, (text, &varies)) in types.iter().zip(varies).enumerate() {
        let mut tensor_type = typed(text);
        if varies {
            tensor_type.shape.insert(0, Dim::from(MANY));
        }
        operands.push(Batched { node: input(&mut graph, k, tensor_type), varies });
    }
    let (length, origin) = (Dim::from(MANY), Origin::default());
    let mut cx = BatchContext { graph: &mut graph, operands: &operands, length, origin };
    let y = op.batch(&mut cx).expect("the types fit")?;
    graph.outputs.push(("y".into(), y));
    verify(&graph, "batch").expect("what is built is well formed");
    Some(graph)
}

/// An i32 can be an index: one of the first two.
fn in_range(x: Literal) -> Literal {
    match x.array::<i32>() {
        Some(ids) => Literal::new(ids.mapv(|i| i.abs() % 2)),
        None => x,
    }
}

/// Checks an operation for every choice of what varies.
fn check(op: impl Into<Op>, types: &[&str]) {
    let op = op.into();
    let name = op.signature().name;
    let single = graph_of(types, |b, x| b.node(op.clone(), x)).expect("the types fit");
    for choice in 1..1usize << types.len() {
        let varies: Vec<bool> = (0..types.len()).map(|k| choice >> k & 1 == 1).collect();
        let all = batched(&op, types, &varies).unwrap_or_else(|| panic!("{name} has no rule"));
        let mut numbers = Numbers(choice as u64);
        let feeds = all.inputs.iter().map(|&x| in_range(numbers.literal(all.tensor_type(x))));
        let feeds: Vec<Literal> = feeds.collect();
        let found = output(&all, &feeds);
        for t in 0..MANY {
            let each = feeds.iter().zip(&varies);
            let each = each.map(|(x, &varies)| if varies { one_of(x, t) } else { x.clone() });
            let wanted = output(&single, &each.collect::<Vec<_>>());
            let found = one_of(&found, t);
            assert_eq!(found.tensor_type(), wanted.tensor_type(), "{name} {varies:?}");
            for (a, b) in found.scalars().zip(wanted.scalars()) {
                let (a, b) = (a.to_f64(), b.to_f64());
                assert!((a - b).abs() <= 1e-12 * b.abs(), "{name} {varies:?}: {a} is not {b}");
            }
        }
    }
}

#[test]
fn many_are_as_one_after_the_other() {
    check(UnaryFn::Tanh, &["f64 2 4"]);
    check(BinaryFn::Sub, &["f64 2 4", "f64 2 4"]);
    check(CompareFn::Lt, &["f64", "f64"]);
    check(Elementwise::Select, &["bool 5", "f64 5", "f64 5"]);
    check(Elementwise::Cast(DType::I32), &["f64 0 4"]);
    let shape = |sizes: &[usize]| sizes.iter().copied().map(Dim::from).collect::<Vec<Dim>>();
    check(Movement::Reshape { shape: shape(&[3, 4]) }, &["f64 2 6"]);
    check(Movement::Transpose { perm: vec![2, 0, 1] }, &["i32 2 3 4"]);
    check(Movement::Broadcast { shape: shape(&[5, 2, 4]) }, &["f64 2 1"]);
    check(Movement::Broadcast { shape: shape(&[2, 3]) }, &["f64"]);
    let slice = Movement::Slice { start: shape(&[1, 0]), len: shape(&[2, 2]), step: vec![1, 2] };
    check(slice, &["u8 4 4"]);
    check(Movement::Reverse { axes: vec![1] }, &["f64 2 5"]);
    for f in ReduceFn::ALL {
        let of = if matches!(f, ReduceFn::All | ReduceFn::Any) { "bool 4 3" } else { "f64 4 3" };
        check(Reduce::new(f, &[0]), &[of]);
    }
    check(Reduce::new(ReduceFn::Sum, &[0, 2]), &["f64 2 3 4"]);
    check(ProductOfOthers { axis: 1 }, &["f64 2 4"]);
    check(Placement::Concat { axis: 1 }, &["f64 2 1", "f64 2 3"]);
    let pad = Placement::Pad {
        before: shape(&[1, 0]),
        after: shape(&[0, 2]),
        interior: shape(&[0, 1]),
        value: Scalar::F64(7.0),
    };
    check(pad, &["f64 2 3"]);
    for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let a = if transpose_a { ["f64 3 2", "f64 5 3 2"] } else { ["f64 2 3", "f64 5 2 3"] };
        let b = if transpose_b { ["f64 4 3", "f64 5 4 3"] } else { ["f64 3 4", "f64 5 3 4"] };
        let product = Contract::Matmul { transpose_a, transpose_b };
        check(product, &[a[0], b[0]]);
        check(product, &[a[1], b[1]]);
    }
    check(Indexing::TakeAlongAxis { axis: 1 }, &["f64 2 4", "i32 2 3"]);
    check(Indexing::PutAlongAxis { axis: 0, size: Dim::from(8usize) }, &["i32 3 2", "f64 3 2"]);
    for mark in [Control::StopGradient, Control::Remat, Control::Same] {
        check(mark, &["f64 3"]);
    }
}

#[test]
fn what_has_no_form_for_many_says_so() {
    let refuses = |op: Op, types: &[&str]| {
        assert!(batched(&op, types, &vec![true; types.len()]).is_none(), "{op:?}");
    };
    let bits = Random::Bits { name: "r".into(), shape: vec![Dim::from(2usize)] };
    refuses(bits.into(), &["i64", "i64"]);
    let iota = Creation::Iota { shape: vec![Dim::from(2usize)], axis: 0, dtype: DType::I32 };
    refuses(iota.into(), &[]);
    refuses(Op::Conv(conv(ConvResult::Output, &[[1, 1, 0, 0]])), &["f64 2 5 1", "f64 3 1 1"]);
    refuses(Control::Result { index: 0 }.into(), &["f64"]);
}
