//! Values by hand, types that are refused, and attributes there and back.

use std::sync::Arc;

use super::*;
use crate::ir::{BinaryFn, CompareFn, NodeId, UnaryFn};
use crate::ops::evaluate::implied_broadcasts;
use crate::ops::{
    Argsort, Attribute, Contract, Control, Creation, Elementwise, EvalError, Indexing, Movement,
    Op, OpRules, Placement, ProductOfOthers, Random, Reduce, ReduceFn, Scan, build_op, signatures,
};

fn floats(sizes: &[usize], elements: &[f32]) -> Literal {
    Literal::from_vec(sizes, elements.to_vec()).expect("a test's shape")
}

fn eval(op: impl Into<Op>, operands: &[&Literal]) -> Result<Literal, EvalError> {
    let cx = EvalContext::new(&(), &Reference);
    op.into().eval(&cx, operands).map(|mut r| r.remove(0))
}

fn refused(op: impl Into<Op>, types: &[&str]) -> &'static str {
    let types: Vec<TensorType> = types.iter().map(|t| typed(t)).collect();
    let types: Vec<&TensorType> = types.iter().collect();
    op.into().infer(&types).map_err(|e| e.code).expect_err("it is refused")
}

const MATMUL: Contract = Contract::Matmul { transpose_a: false, transpose_b: false };

#[test]
fn nan_is_largest_and_smallest() {
    let x = floats(&[4], &[1.0, f32::NAN, 3.0, f32::NAN]);
    for (f, index) in [(ReduceFn::ArgMax, 1), (ReduceFn::ArgMin, 1)] {
        assert_eq!(eval(Reduce::new(f, &[0]), &[&x]), Ok(Scalar::I32(index).into()));
    }
    for f in [ReduceFn::Max, ReduceFn::Min, ReduceFn::Sum, ReduceFn::Prod] {
        let y = eval(Reduce::new(f, &[0]), &[&x]).expect("floats");
        assert!(y.scalars().all(|s| s.to_f64().is_nan()), "{f:?}");
    }
}

#[test]
fn empty_reductions_are_neutral() {
    let x = floats(&[0], &[]);
    let of = |f| eval(Reduce::new(f, &[0]), &[&x]).expect("floats").to_string();
    assert_eq!(of(ReduceFn::Sum), "0.0");
    assert_eq!(of(ReduceFn::Prod), "1.0");
    assert_eq!(of(ReduceFn::Max), "-inf");
    assert_eq!(refused(Reduce::new(ReduceFn::ArgMax, &[0]), &["f32 0"]), "E0207");
}

#[test]
fn letters_that_say_nothing_are_refused() {
    for (a, b, y) in [("ii", "i", "i"), ("ij", "i", "i"), ("i", "i", "ij"), ("i", "i", "ii")] {
        assert_eq!(refused(einsum(a, b, y), &["f32 2 2", "f32 2"]), "E0208", "{a},{b}->{y}");
    }
    assert_eq!(refused(einsum("ij", "jk", "ik"), &["f32 2 3", "f32 4 5"]), "E0203");
    assert_eq!(refused(einsum("ij", "jk", "ik"), &["f32 2 3", "f32 3"]), "E0203");
    assert_eq!(refused(einsum("i", "i", ""), &["f32 2", "f64 2"]), "E0201");
    assert_eq!(refused(einsum("i", "i", ""), &["bool 2", "bool 2"]), "E0204");
}

#[test]
fn equal_elements_stay_in_their_order() {
    let x = floats(&[7], &[0.0, f32::NAN, -0.0, -1.0, f32::INFINITY, -f32::NAN, 0.0]);
    let of = |descending| {
        eval(Argsort { axis: 0, descending, count: None }, &[&x]).expect("floats").to_string()
    };
    assert_eq!(of(false), "[3, 0, 2, 6, 4, 1, 5]");
    assert_eq!(of(true), "[1, 5, 4, 0, 2, 6, 3]");
}

#[test]
fn an_index_out_of_range_is_an_error() {
    let x = floats(&[3], &[1.0, 2.0, 3.0]);
    let take = |id: i32| {
        let ids = Literal::from_vec(&[1], vec![id]).expect("a vector");
        eval(Indexing::TakeAlongAxis { axis: 0 }, &[&x, &ids])
    };
    assert_eq!(take(2), Ok(floats(&[1], &[3.0])));
    assert_eq!(take(3), Err(EvalError::IndexOutOfRange { index: 3, size: 3 }));
    assert_eq!(take(-1), Err(EvalError::IndexOutOfRange { index: -1, size: 3 }));
}

#[test]
fn padding_is_not_read() {
    let x = floats(&[1, 4, 1], &[1.0, 2.0, 3.0, 4.0]);
    let w = floats(&[3, 1, 1], &[f32::NAN, 1.0, f32::INFINITY]);
    // Of the filter's elements the outermost lie in the padding.
    let y = eval(conv(ConvResult::Output, &[[3, 4, 4, 4]]), &[&x, &w]).expect("floats");
    assert_eq!(y.to_string(), "[[[1.0], [4.0]]]");
}

#[test]
fn convolutions_by_hand() {
    let x = floats(&[1, 5, 1], &[1.0, 2.0, 3.0, 4.0, 5.0]);
    let w = floats(&[3, 1, 1], &[1.0, 10.0, 100.0]);
    let of = |stride, dilation, before, after| {
        let window = [stride, dilation, before, after];
        eval(conv(ConvResult::Output, &[window]), &[&x, &w]).expect("floats").to_string()
    };
    assert_eq!(of(1, 1, 0, 0), "[[[321.0], [432.0], [543.0]]]");
    assert_eq!(of(2, 1, 1, 1), "[[[210.0], [432.0], [54.0]]]");
    assert_eq!(of(1, 2, 0, 0), "[[[531.0]]]");
    let dy = floats(&[1, 3, 1], &[1.0, 2.0, 3.0]);
    let windows = [[2, 1, 1, 1]];
    let size = |n: usize| vec![Dim::from(n)];
    let dx = eval(conv(ConvResult::Input { size: size(5) }, &windows), &[&dy, &w]);
    assert_eq!(
        dx.map(|x| x.to_string()),
        Ok("[[[10.0], [102.0], [20.0], [203.0], [30.0]]]".into())
    );
    let dw = eval(conv(ConvResult::Filter { size: size(3) }, &windows), &[&x, &dy]);
    assert_eq!(dw.map(|x| x.to_string()), Ok("[[[16.0]], [[22.0]], [[10.0]]]".into()));
}

#[test]
fn padding_becomes_numbers() {
    let same = |x: &str, w: &str, stride: i64| {
        let attributes = [
            ("padding".to_string(), Attribute::Name("same".into())),
            ("strides".to_string(), Attribute::Dim(Dim::number(stride))),
        ];
        build_op("conv1d", &attributes, &[&typed(x), &typed(w)])
    };
    let padded =
        |stride, before, after| Ok(conv(ConvResult::Output, &[[stride, 1, before, after]]).into());
    assert_eq!(same("f32 1 5 2", "f32 3 2 4", 1), padded(1, 1, 1));
    assert_eq!(same("f32 1 5 2", "f32 4 2 4", 1), padded(1, 1, 2));
    assert_eq!(same("f32 1 n 2", "f32 4 2 4", 1), padded(1, 1, 2));
    assert_eq!(same("f32 1 6 2", "f32 3 2 4", 2), padded(2, 0, 1));
    assert_eq!(same("f32 1 6 2", "f32 1 2 4", 3), padded(3, 0, 0));
    let refused = |made: Result<Op, TypeError>| made.map_err(|e| e.code);
    assert_eq!(refused(same("f32 1 n 2", "f32 3 2 4", 2)), Err("E0208"));
    assert_eq!(refused(same("f32 1 5 2", "f32 3 2 4", 0)), Err("E0208"));
    assert_eq!(refused(same("f32 5 2", "f32 3 2 4", 1)), Err("E0203"));
}

#[test]
fn convolutions_that_do_not_fit_are_refused() {
    let valid = [1, 1, 0, 0];
    let conv1 = |window: [i64; 4]| conv(ConvResult::Output, &[window]);
    assert_eq!(refused(conv1(valid), &["f32 1 5 2", "f64 3 2 4"]), "E0201");
    assert_eq!(refused(conv1(valid), &["f32 1 5 2", "f32 3 1 4"]), "E0203");
    assert_eq!(refused(conv1(valid), &["f32 5 2", "f32 3 2 4"]), "E0203");
    assert_eq!(refused(conv1(valid), &["f32 1 5 5 2", "f32 3 3 2 4"]), "E0203");
    assert_eq!(refused(conv1(valid), &["i32 1 5 2", "i32 3 2 4"]), "E0204");
    assert_eq!(refused(conv1(valid), &["f32 1 5 2", "f32 6 2 4"]), "E0207");
    assert_eq!(refused(conv1(valid), &["f32 1 5 2", "f32 0 2 4"]), "E0207");
    assert_eq!(refused(conv1([1, 3, 0, 0]), &["f32 1 6 2", "f32 3 2 4"]), "E0207");
    assert_eq!(refused(conv1([0, 1, 0, 0]), &["f32 1 5 2", "f32 3 2 4"]), "E0208");
    assert_eq!(refused(conv1([1, 0, 0, 0]), &["f32 1 5 2", "f32 3 2 4"]), "E0208");
    assert_eq!(refused(conv1(valid), &["f32 1 5 2"]), "E0209");
    assert_eq!(refused(conv1([1, i64::MAX, 0, 0]), &["f32 1 5 2", "f32 3 2 4"]), "E0210");
    assert_eq!(refused(conv1([1, 1, -1, 0]), &["f32 1 5 2", "f32 3 2 4"]), "E0211");
    assert_eq!(refused(conv(ConvResult::Output, &[]), &["f32 1 5 2", "f32 3 2 4"]), "E0208");
    let size = |n: &[i64]| n.iter().map(|&n| Dim::number(n)).collect::<Vec<Dim>>();
    let input = |n: &[i64]| conv(ConvResult::Input { size: size(n) }, &[valid]);
    assert_eq!(refused(input(&[6]), &["f32 1 3 4", "f32 3 2 4"]), "E0203");
    assert_eq!(refused(input(&[5]), &["f32 1 3 4", "f32 3 2 3"]), "E0203");
    assert_eq!(refused(input(&[5, 5]), &["f32 1 3 4", "f32 3 2 4"]), "E0208");
    assert_eq!(refused(input(&[-1]), &["f32 1 3 4", "f32 3 2 4"]), "E0211");
    let filter = |n: &[i64]| conv(ConvResult::Filter { size: size(n) }, &[valid]);
    assert_eq!(refused(filter(&[3]), &["f32 2 5 2", "f32 1 3 4"]), "E0203");
    assert_eq!(refused(filter(&[2]), &["f32 1 5 2", "f32 1 3 4"]), "E0203");
}

#[test]
fn symbolic_convolutions_are_checked_with_numbers() {
    let strided = graph_of(&["f32 n m 2", "f32 3 2 4"], |b, x| {
        b.node(conv(ConvResult::Output, &[[2, 1, 0, 0]]), x)
    });
    let strided = strided.expect("m may be 3 or more");
    assert_eq!(strided.tensor_type(strided.outputs[0].1).to_string(), "f32[n, (m - 1) // 2, 4]");
    assert!(bound(&strided, 2, 3).is_ok());
    assert_eq!(bound(&strided, 2, 2).map_err(|e| e.code), Err("E0207"));
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(refused(BinaryFn::Add, &["f32 2", "i32 2"]), "E0201");
    assert_eq!(refused(BinaryFn::Add, &["f32 2", "f32 3"]), "E0202");
    assert_eq!(refused(BinaryFn::Add, &["f32 n", "f32 3"]), "E0202");
    assert_eq!(refused(BinaryFn::Add, &["f32 n", "f32 m"]), "E0202");
    assert_eq!(refused(MATMUL, &["f32 n 784", "f32 785 128"]), "E0203");
    assert_eq!(refused(MATMUL, &["f32 784", "f32 784 2"]), "E0203");
    assert_eq!(refused(UnaryFn::Exp, &["i32 2"]), "E0204");
    assert_eq!(refused(BinaryFn::Add, &["bool 2", "bool 2"]), "E0204");
    assert_eq!(refused(Movement::Reshape { shape: vec![Dim::number(5)] }, &["f32 2 3"]), "E0205");
    assert_eq!(refused(Reduce::new(ReduceFn::Sum, &[2]), &["f32 2 3"]), "E0206");
    let slice =
        Movement::Slice { start: vec![Dim::number(2)], len: vec![Dim::number(2)], step: vec![1] };
    assert_eq!(refused(slice, &["f32 3"]), "E0207");
    assert_eq!(refused(Movement::Transpose { perm: vec![0, 0] }, &["f32 2 3"]), "E0208");
    assert_eq!(refused(UnaryFn::Exp, &[]), "E0209");
    let shape = vec![Dim::number(-1)];
    assert_eq!(refused(Movement::Broadcast { shape }, &["f32"]), "E0211");
}

#[test]
fn messages_show_what_met() {
    let (a, b) = (typed("f32 batch 784"), typed("f32 785 128"));
    let error = Op::from(MATMUL).infer(&[&a, &b]).expect_err("it is refused");
    assert_eq!(error.to_string(), "f32[batch, 784] @ f32[785, 128]: 784 is not 785");
    let (a, b) = (typed("f32 3"), typed("i32 3"));
    let error = Op::from(BinaryFn::Add).infer(&[&a, &b]).expect_err("it is refused");
    assert_eq!(error.help.as_deref(), Some("write cast(..., f32) around the other operand"));
}

#[test]
fn open_dimensions_are_decided_by_numbers() {
    let halves = |b: &mut Build<'_>, xs: &[NodeId]| {
        let half = Dim::symbol("n").floor_div(&Dim::number(2)).expect("small");
        let slice = Movement::Slice { start: vec![Dim::number(0)], len: vec![half], step: vec![1] };
        let x = b.node(slice, &[xs[0]])?;
        b.add(x, xs[1])
    };
    let graph = graph_of(&["f32 n", "f32 4"], halves).expect("n // 2 may be 4");
    assert!(bound(&graph, 9, 1).is_ok());
    let error = bound(&graph, 10, 1).expect_err("5 is not 4");
    assert_eq!((error.code, error.label.as_deref()), ("E0202", Some("`add`")));
    let huge = graph_of(&["f32 n n n"], |b, x| b.unary(UnaryFn::Exp, x[0])).expect("open");
    assert_eq!(bound(&huge, 1 << 20, 1).map_err(|e| e.code), Err("E0216"));
    assert_eq!(bound(&huge, u64::MAX, 1).map_err(|e| e.code), Err("E0210"));
}

#[test]
fn a_scan_sums_up() {
    let length = Dim::symbol("n");
    let body = {
        let mut body = Graph::default();
        let parameters = ["f32 2", "f32 2", "f32", "i64"];
        for (number, t) in parameters.iter().enumerate() {
            let leaf = Leaf::Parameter { number, tensor_type: typed(t) };
            let id = body.add(leaf, &[], &Origin::default()).expect("a leaf");
            body.inputs.push(id);
        }
        let p = body.inputs.clone();
        let mut b = Build { graph: &mut body, origin: &Origin::default() };
        let scaled = b.mul(p[1], p[2]).expect("floats");
        let sum = b.add(p[0], scaled).expect("floats");
        let at = b.cast(p[3], DType::F32).expect("a number");
        let emitted = b.add(sum, at).expect("floats");
        body.outputs = vec![("h".into(), sum), ("e".into(), emitted)];
        body
    };
    // Walked from the end: 4 + 2 · 4 = 12 at 2, then 16 and 18; each with its iteration added.
    let cases = [
        (false, "[[6.0, 6.0], [11.0, 13.0], [20.0, 24.0]]"),
        (true, "[[18.0, 22.0], [17.0, 21.0], [14.0, 16.0]]"),
    ];
    for (reverse, want) in cases {
        let (length, body) = (length.clone(), body.clone());
        let graph = graph_of(&["f32 2", "f32 n 2", "f32"], |b, x| {
            let scan = Scan {
                body: Arc::new(body),
                n_carries: 1,
                n_sequences: 1,
                axis: 0,
                reverse,
                length,
            };
            let scan = b.node(scan, &[x[0], x[1], x[2]])?;
            b.node(Control::Result { index: 1 }, &[scan])
        })
        .expect("the types fit");
        let graph = bound(&graph, 3, 1).expect("n is bound");
        verify(&graph, "specialise").expect("well formed");
        let x = floats(&[3, 2], &[1.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let first = floats(&[2], &[4.0, 4.0]);
        let factor = Literal::scalar(Scalar::F32(2.0));
        let got = output(&graph, &[first, x, factor]);
        assert_eq!(got.to_string(), want);
    }
}

#[test]
fn random_words_do_not_depend_on_their_number() {
    let (few, many) = (crate::ops::random_words(1, 2, 3, 5), crate::ops::random_words(1, 2, 3, 64));
    assert_eq!(few, many[..5]);
    assert_ne!(few, crate::ops::random_words(1, 2, 4, 5));
}

/// One op of every signature that can be read back.
fn samples() -> Vec<(Op, Vec<&'static str>)> {
    let dims = |n: &[i64]| n.iter().map(|&n| Dim::number(n)).collect::<Vec<Dim>>();
    let running = |f| Prefix { f, axis: 1, reverse: true }.into();
    let mut all: Vec<(Op, Vec<&'static str>)> = vec![];
    all.extend(UnaryFn::ALL.map(|f| (f.into(), vec!["f32 2"])));
    all.extend(BinaryFn::ALL.map(|f| (f.into(), vec!["f32 2", "f32 2"])));
    all.extend(CompareFn::ALL.map(|f| (f.into(), vec!["f32 2", "f32 2"])));
    all.extend(ReduceFn::ALL.map(|f| (Reduce::new(f, &[1]).into(), vec!["f32 2 3"])));
    all.extend([
        (Leaf::constant(Scalar::F32(1.5)).into(), vec![]),
        (Leaf::Dim { dim: Dim::symbol("n"), dtype: DType::F32 }.into(), vec![]),
        (Leaf::Seed.into(), vec![]),
        (Leaf::Step.into(), vec![]),
        (Leaf::Epoch.into(), vec![]),
        (Leaf::Batch.into(), vec![]),
        (Elementwise::Select.into(), vec!["bool", "f32", "f32"]),
        (Elementwise::Cast(DType::U8).into(), vec!["f32"]),
        (Movement::Reshape { shape: vec![Dim::symbol("n")] }.into(), vec!["f32 n 1"]),
        (Movement::Transpose { perm: vec![1, 0] }.into(), vec!["f32 2 3"]),
        (Movement::Broadcast { shape: dims(&[2, 3]) }.into(), vec!["f32 3"]),
        (
            Movement::Slice { start: dims(&[1]), len: dims(&[2]), step: vec![2] }.into(),
            vec!["f32 5"],
        ),
        (Movement::Reverse { axes: vec![0] }.into(), vec!["f32 5"]),
        (Creation::Iota { shape: dims(&[5]), axis: 0, dtype: DType::F32 }.into(), vec![]),
        (
            Contract::Matmul { transpose_a: true, transpose_b: false }.into(),
            vec!["f32 2 3", "f32 2 4"],
        ),
        (conv(ConvResult::Output, &[[1, 1, 0, 0]]).into(), vec!["f32 1 5 2", "f32 3 2 4"]),
        (
            conv(ConvResult::Input { size: vec![Dim::symbol("n")] }, &[[2, 1, 0, 1]]).into(),
            vec!["f32 1 3 4", "f32 3 2 4"],
        ),
        (
            conv(ConvResult::Filter { size: dims(&[3]) }, &[[1, 2, 3, 3]]).into(),
            vec!["f32 1 5 2", "f32 1 7 4"],
        ),
        (
            conv(ConvResult::Output, &[[1, 2, 0, 0], [2, 2, 1, 0]]).into(),
            vec!["f32 1 5 5 2", "f32 2 2 2 4"],
        ),
        (
            conv(ConvResult::Input { size: dims(&[5, 6]) }, &[[3, 1, 0, 0], [3, 1, 0, 0]]).into(),
            vec!["f32 1 1 2 4", "f32 3 3 2 4"],
        ),
        (
            Conv {
                groups: 2,
                ..conv(ConvResult::Filter { size: dims(&[3, 3]) }, &[[1, 1, 0, 0], [1, 3, 1, 1]])
            }
            .into(),
            vec!["f32 1 5 5 2 2", "f32 1 3 1 2 4"],
        ),
        (einsum("bij", "bjk", "kbi").into(), vec!["f32 2 3 4", "f32 2 4 5"]),
        (einsum("", "i", "i").into(), vec!["f32", "f32 4"]),
        (ProductOfOthers { axis: 1 }.into(), vec!["f32 2 3", "f32 2 3"]),
        (running(PrefixFn::Sum { exclusive: true }), vec!["f32 2 3"]),
        (running(PrefixFn::Product { exclusive: false }), vec!["i64 2 3"]),
        (running(PrefixFn::Recurrence(Lag::None)), vec!["f32 2 3", "f32 2 3"]),
        (running(PrefixFn::Recurrence(Lag::Factors)), vec!["f32 2 3", "f32 2 3"]),
        (running(PrefixFn::Recurrence(Lag::Both)), vec!["f32 2 3", "f32 2 3"]),
        (Placement::Concat { axis: 0 }.into(), vec!["f32 2", "f32 3"]),
        (
            Placement::Pad {
                before: dims(&[1]),
                after: dims(&[2]),
                interior: dims(&[1]),
                value: Scalar::F32(f32::NEG_INFINITY),
            }
            .into(),
            vec!["f32 2"],
        ),
        (Argsort { axis: 1, descending: true, count: None }.into(), vec!["f32 2 3"]),
        (
            Argsort { axis: 1, descending: true, count: Some(Dim::number(2)) }.into(),
            vec!["f32 2 3"],
        ),
        (Indexing::TakeAlongAxis { axis: 0 }.into(), vec!["f32 2", "i32 3"]),
        (Indexing::PutAlongAxis { axis: 0, size: Dim::symbol("n") }.into(), vec!["i32 3", "f32 3"]),
        (Random::Bits { name: "x.dropout".into(), shape: dims(&[4]) }.into(), vec!["i64", "i64"]),
        (Control::Result { index: 1 }.into(), vec!["f32", "f32"]),
        (Control::StopGradient.into(), vec!["f32"]),
        (Control::Remat.into(), vec!["f32"]),
        (Control::Same.into(), vec!["f32"]),
        (Control::Pending.into(), vec!["f32"]),
    ]);
    let windows = [[3, 2, 1, 0, 0], [2, 2, 1, 1, 2]];
    for windows in [&windows[..1], &windows[..]] {
        let x = format!("f32 2 {} 5", ["", "7", "7 9"][windows.len()]);
        let ids = x.replace('f', "i");
        let size = || vec![Dim::from(8usize); windows.len()];
        for f in [PoolFn::Max, PoolFn::Argmax, PoolFn::Sum, PoolFn::Spread { size: size() }] {
            all.push((pool(f, windows).into(), vec![x.clone().leak()]));
        }
        for f in [PoolFn::Take, PoolFn::Put { size: size() }] {
            all.push((pool(f, windows).into(), vec![x.clone().leak(), ids.clone().leak()]));
        }
    }
    all
}

#[test]
fn attributes_read_back() {
    let mut names: Vec<&str> = vec!["input", "variable", "parameter", "scan"];
    for (op, types) in samples() {
        let types: Vec<TensorType> = types.iter().map(|t| typed(t)).collect();
        let types: Vec<&TensorType> = types.iter().collect();
        let signature = op.signature();
        let names_of = signature.attributes.iter().map(|a| a.name.to_string());
        let attributes: Vec<(String, Attribute)> = names_of.zip(op.attributes()).collect();
        assert_eq!(attributes.len(), signature.attributes.len(), "{}", signature.name);
        assert_eq!(build_op(signature.name, &attributes, &types), Ok(op));
        names.push(signature.name);
    }
    for signature in signatures() {
        assert!(names.contains(&signature.name), "no sample of {}", signature.name);
    }
    let mut all: Vec<&str> = signatures().iter().map(|s| s.name).collect();
    let n = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), n, "names are unique");
    let error = build_op("exp", &[("axis".to_string(), Attribute::Bool(true))], &[]);
    assert_eq!(error.map_err(|e| e.to_string()), Err("`exp`: `axis` is no attribute of it".into()));
    assert_eq!(build_op("exq", &[], &[]).map_err(|e| e.code), Err("E0212"));
}

#[test]
fn elementwise_operands_may_be_implied_broadcasts() {
    let full = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let mask = Literal::from_vec(&[2, 3], vec![true, false, true, false, true, false]);
    let mask = mask.expect("six bools");
    let repeat = |x: &Literal| {
        let shape = vec![Dim::number(2), Dim::number(3)];
        eval(Movement::Broadcast { shape }, &[x]).expect("it broadcasts")
    };
    let scalar = Literal::scalar(Scalar::F32(0.5));
    for small in [scalar.clone(), floats(&[3], &[3.0, 2.0, 1.0]), floats(&[2, 1], &[7.0, 8.0])] {
        let same = |op: Op, implied: &[&Literal], made: &[&Literal]| {
            assert_eq!(eval(op.clone(), implied), eval(op, made));
        };
        let made = repeat(&small);
        same(BinaryFn::Sub.into(), &[&full, &small], &[&full, &made]);
        same(BinaryFn::Sub.into(), &[&small, &full], &[&made, &full]);
        same(CompareFn::Lt.into(), &[&small, &full], &[&made, &full]);
        same(Elementwise::Select.into(), &[&mask, &full, &small], &[&mask, &full, &made]);
        same(Elementwise::Select.into(), &[&mask, &small, &full], &[&mask, &made, &full]);
        let (s, m) = (&small, &made);
        same(Elementwise::Select.into(), &[&mask, s, &scalar], &[&mask, m, &repeat(&scalar)]);
    }
}

#[test]
fn a_broadcast_beside_a_full_operand_is_implied() {
    let graph = graph_of(&["f32 2 3", "f32 3"], |b, x| {
        let sum = b.add(x[0], x[1])?;
        let alone = b.broadcast_to(x[1], &[Dim::number(2), Dim::number(3)])?;
        let turned = b.transpose(alone, &[1, 0])?;
        let back = b.transpose(turned, &[1, 0])?;
        b.add(sum, back)
    });
    let graph = graph.expect("the types fit");
    let order = graph.order();
    let implied = |wanted: &[NodeId]| implied_broadcasts(&graph, &order, wanted).len();
    assert_eq!(implied(&graph.roots()), 1);
    assert_eq!(implied(&order), 0, "what is wanted is made");
}
