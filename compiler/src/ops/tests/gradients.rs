//! Every gradient rule, and its own gradient, against central differences in f64.

use super::*;
use crate::autodiff::differentiate;
use crate::ir::{BinaryFn, UnaryFn};
use crate::ops::{Contract, Indexing, Movement, Op, Placement, ProductOfOthers, ReduceFn};

type Function = Box<dyn Fn(&mut Build<'_>, &[NodeId]) -> Result<NodeId, TypeError>>;

/// `sum(y · c)` for numbers `c` without structure, so that no two elements of the cotangent agree.
fn weighted_sum(b: &mut Build<'_>, y: NodeId) -> Result<NodeId, TypeError> {
    // Symbolic shapes have no constant: weights are a function of the indices.
    let mut weights = b.constant_like(y, 0.3)?;
    let shape = b.shape(y);
    for axis in 0..shape.len() {
        let iota = crate::ops::Creation::Iota { shape: shape.clone(), axis, dtype: DType::F64 };
        let iota = b.node(iota, &[])?;
        let scaled = b.scale(iota, 1.7 + axis as f64)?;
        let wave = b.unary(UnaryFn::Sin, scaled)?;
        weights = b.add(weights, wave)?;
    }
    let product = b.mul(y, weights)?;
    let axes: Vec<usize> = (0..shape.len()).collect();
    b.sum(product, &axes, false)
}

/// Turns the output of `graph` into the weighted sum of the gradient of the weighted sum of the
/// output, with respect to all float inputs; returns the gradients.
fn differentiated(graph: &Graph) -> (Graph, Vec<(usize, NodeId)>) {
    let mut graph = graph.clone();
    let y = graph.outputs[0].1;
    let origin = Origin::default();
    let loss = weighted_sum(&mut Build { graph: &mut graph, origin: &origin }, y).expect("floats");
    let xs: Vec<(usize, NodeId)> = graph.inputs.iter().copied().enumerate().collect();
    let xs: Vec<_> =
        xs.into_iter().filter(|(_, x)| graph.tensor_type(*x).dtype == DType::F64).collect();
    let nodes: Vec<NodeId> = xs.iter().map(|(_, x)| *x).collect();
    let gradients = differentiate(&mut graph, loss, &nodes).expect("every rule is there");
    let mut found = vec![];
    let mut b = Build { graph: &mut graph, origin: &origin };
    let mut total = b.scalar(Scalar::F64(0.0)).expect("a constant");
    for ((k, x), dx) in xs.into_iter().zip(gradients) {
        let Some(dx) = dx else { continue };
        assert_eq!(b.tensor_type(dx), b.tensor_type(x));
        found.push((k, dx));
        let sum = weighted_sum(&mut b, dx).expect("floats");
        total = b.add(total, sum).expect("floats");
    }
    graph.outputs[0].1 = total;
    graph.updates = vec![];
    verify(&graph, "differentiate").expect("gradients are well formed");
    (graph, found)
}

pub(super) fn values_of(graph: &Graph, nodes: &[NodeId], feeds: &[Literal]) -> Vec<Vec<f64>> {
    let leaves = Feeds(feeds);
    let cx = EvalContext::new(&leaves, &Reference);
    let values = evaluate(graph, &cx, nodes).expect("the operands are in range");
    values.iter().map(|v| v.scalars().map(Scalar::to_f64).collect()).collect()
}

/// Compares the gradient of the weighted sum of the output of `graph` with central differences.
fn compare(name: &str, graph: &Graph, feeds: &[Literal], tolerance: f64) {
    let mut with_loss = graph.clone();
    let y = with_loss.outputs[0].1;
    let origin = Origin::default();
    let mut b = Build { graph: &mut with_loss, origin: &origin };
    let loss = weighted_sum(&mut b, y).expect("floats");
    let (gradient_graph, gradients) = differentiated(graph);
    for (k, dx) in gradients {
        let got = values_of(&gradient_graph, &[dx], feeds).remove(0);
        let x = feeds[k].array::<f64>().expect("gradients are of f64").to_owned();
        for (i, got) in got.into_iter().enumerate() {
            let at = |h: f64| {
                let mut moved = x.as_standard_layout().into_owned();
                if let Some(x) = moved.as_slice_mut() {
                    x[i] += h;
                }
                let mut feeds = feeds.to_vec();
                feeds[k] = Literal::new(moved);
                values_of(&with_loss, &[loss], &feeds)[0][0]
            };
            let h = 1e-5;
            let want = (at(h) - at(-h)) / (2.0 * h);
            let close = (got - want).abs() <= tolerance * (1.0 + want.abs());
            assert!(close, "{name}: d x{k}[{i}] is {got}, by differences {want}");
        }
    }
}

/// Checks first and second order at three bindings of `n` and `m`.
fn check(name: &str, types: &[&str], domain: impl Fn(f64) -> f64, f: Function) {
    let symbolic = graph_of(types, |b, xs| f(b, xs)).expect("the types fit");
    let (gradient, _) = differentiated(&symbolic);
    for (n, m) in [(1, 1), (2, 3), (5, 4)] {
        let graph = bound(&symbolic, n, m).expect("the symbols are bound");
        let second = bound(&gradient, n, m).expect("the symbols are bound");
        verify(&second, "specialise").expect("specialised gradients are well formed");
        let mut numbers = Numbers(n * 31 + m);
        let feeds: Vec<Literal> = graph
            .inputs
            .iter()
            .map(|&x| match numbers.literal(graph.tensor_type(x)) {
                Literal::F64(a) => Literal::new(a.map(|&x| domain(x))),
                // Integers are indices.
                Literal::I32(a) => Literal::new(a.map(|&i| i.unsigned_abs() as i32 % 3)),
                other => other,
            })
            .collect();
        compare(&format!("{name} n={n} m={m}"), &graph, &feeds, 1e-6);
        compare(&format!("{name} twice n={n} m={m}"), &second, &feeds, 1e-4);
    }
}

fn any(x: f64) -> f64 {
    // Away from 0, where some functions have a kink.
    x + 0.05 * x.signum()
}

fn positive(x: f64) -> f64 {
    x.abs() + 0.3
}

#[test]
fn unary_rules() {
    for f in UnaryFn::ALL.into_iter().filter(|f| f.accepts(DType::F64)) {
        let (low, high) = f.domain();
        let domain = move |x: f64| match (low.is_finite(), high.is_finite()) {
            (true, true) => low + (high - low) * (0.5 + 0.3 * x.tanh()),
            (true, false) => low + positive(x),
            (false, _) => any(x),
        };
        check(f.name(), &["f64 n 3"], domain, Box::new(move |b, x| b.unary(f, x[0])));
    }
}

#[test]
fn binary_rules() {
    for f in BinaryFn::ALL.into_iter().filter(|f| f.accepts(DType::F64)) {
        let name = f.name();
        check(name, &["f64 n m", "f64 m"], positive, Box::new(move |b, x| b.binary(f, x[0], x[1])));
        check(name, &["f64 m", "f64 n 1"], positive, Box::new(move |b, x| b.binary(f, x[0], x[1])));
    }
}

#[test]
fn select_and_cast() {
    let select: Function = Box::new(|b, x| b.select(x[0], x[1], x[2]));
    check("select", &["bool n 3", "f64 n 3", "f64 3"], any, select);
    let relu: Function = Box::new(|b, x| {
        let (cast, mask) = (b.cast(x[0], DType::F32)?, b.cast(x[0], DType::Bool)?);
        let (cast, mask) = (b.cast(cast, DType::F64)?, b.cast(mask, DType::F64)?);
        let same = b.sub(cast, cast)?;
        let y = b.mul(mask, x[0])?;
        b.add(y, same)
    });
    check("cast", &["f64 n 3"], any, relu);
}

#[test]
fn movement_rules() {
    let n = || Dim::symbol("n");
    let m = || Dim::symbol("m");
    let six = |d: Dim| d.mul(&Dim::number(6)).expect("small");
    let reshape: Function = Box::new(move |b, x| {
        let y = b.reshape(x[0], &[m(), Dim::number(-1), Dim::number(3)])?;
        b.square(y)
    });
    check("reshape", &["f64 n 6 m"], any, reshape);
    let flat: Function = Box::new(move |b, x| b.reshape(x[0], &[six(n())]));
    check("reshape", &["f64 n 2 3"], any, flat);
    let transpose: Function = Box::new(|b, x| {
        let y = b.transpose(x[0], &[2, 0, 1])?;
        b.mul(y, y)
    });
    check("transpose", &["f64 n 2 m"], any, transpose);
    let broadcast: Function =
        Box::new(move |b, x| b.broadcast_to(x[0], &[Dim::number(2), n(), m(), Dim::number(3)]));
    check("broadcast_to", &["f64 n 1 3"], any, broadcast);
    let slice: Function = Box::new(move |b, x| {
        let y = b.node(
            Movement::Slice {
                start: vec![Dim::number(0), Dim::number(1)],
                len: vec![n(), Dim::number(3)],
                step: vec![1, 2],
            },
            &[x[0]],
        )?;
        b.square(y)
    });
    check("slice", &["f64 n 7"], any, slice);
    let reverse: Function = Box::new(|b, x| {
        let y = b.node(Movement::Reverse { axes: vec![0, 1] }, &[x[0]])?;
        b.square(y)
    });
    check("reverse", &["f64 n 3"], any, reverse);
}

#[test]
fn reduce_rules() {
    for f in [ReduceFn::Sum, ReduceFn::Prod, ReduceFn::Max, ReduceFn::Min] {
        for axes in [vec![0], vec![1], vec![2], vec![0, 2], vec![0, 1, 2]] {
            let reduce: Function = Box::new(move |b, x| b.reduce(f, x[0], &axes, false));
            check(&format!("{f:?}"), &["f64 n 3 m"], any, reduce);
        }
    }
    let mean: Function = Box::new(|b, x| {
        let square = b.square(x[0])?;
        b.mean(square, &[0, 2], true)
    });
    check("mean", &["f64 n 3 m"], any, mean);
}

#[test]
fn running_rules() {
    for axis in [0, 1] {
        for op in prefixes(axis) {
            let name = format!("{op:?}");
            match op.f {
                PrefixFn::Sum { .. } | PrefixFn::Product { .. } => {
                    check(&name, &["f64 n m"], any, Box::new(move |b, x| b.node(op, &[x[0]])));
                }
                PrefixFn::Recurrence(_) => {
                    let types = ["f64 n m", "f64 n m"];
                    check(&name, &types, any, Box::new(move |b, x| b.node(op, &[x[0], x[1]])));
                }
            }
        }
    }
}

#[test]
fn contract_rules() {
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
        let a = if ta { "f64 2 3 n" } else { "f64 2 n 3" };
        let b_type = if tb { "f64 2 m 3" } else { "f64 2 3 m" };
        let op = Contract::Matmul { transpose_a: ta, transpose_b: tb };
        let matmul: Function = Box::new(move |b, x| b.node(op, &[x[0], x[1]]));
        check(&format!("{op:?}"), &[a, b_type], any, matmul);
    }
    for (a, b_type) in [
        ("f64 3", "f64 3"),
        ("f64 n 3", "f64 3"),
        ("f64 3", "f64 n 3 m"),
        ("f64 n 2 3", "f64 3 m"),
        ("f64 2 3", "f64 n 3 m"),
        ("f64 n 1 2 3", "f64 m 3 4"),
    ] {
        let matmul: Function = Box::new(move |b, x| b.matmul(x[0], x[1], (false, false)));
        check(&format!("{a} @ {b_type}"), &[a, b_type], any, matmul);
    }
}

#[test]
fn einsum_rules() {
    let cases: [(&str, &[&str], &[&str], &str); 8] = [
        ("matrices", &["f64 n m", "f64 m 3"], &["ij", "jk"], "ik"),
        ("turned", &["f64 n m", "f64 m 3"], &["ij", "jk"], "ki"),
        ("batches", &["f64 2 n m", "f64 3 m 2"], &["bij", "kjb"], "ikb"),
        ("two sums", &["f64 n 2 m", "f64 m 2 3"], &["ijk", "kjl"], "li"),
        ("alone", &["f64 n m 2", "f64 3 n"], &["ija", "bi"], "j"),
        ("outer", &["f64 n", "f64 m"], &["i", "j"], "ji"),
        ("diagonal", &["f64 n m n"], &["iji"], "ij"),
        ("three", &["f64 n 2", "f64 2 m", "f64 m n"], &["ij", "jk", "ki"], ""),
    ];
    for (name, types, letters, y) in cases {
        let letters: Vec<Vec<char>> = letters.iter().map(|l| l.chars().collect()).collect();
        let f: Function = Box::new(move |b, x| {
            let operands: Vec<_> = x.iter().copied().zip(letters.iter().cloned()).collect();
            b.einsum(&operands, &y.chars().collect::<Vec<_>>())
        });
        check(name, types, any, f);
    }
}

#[test]
fn conv_rules() {
    for (window, k) in [([1, 1, 0, 0], 1), ([1, 1, 1, 2], 3), ([2, 1, 1, 0], 2), ([3, 2, 4, 1], 3)]
    {
        let filter = format!("f64 {k} 2 3");
        let one: Function =
            Box::new(move |b, x| b.node(conv(ConvResult::Output, &[window]), &[x[0], x[1]]));
        check(&format!("conv1d {window:?}"), &["f64 n 5 2", &filter], any, one);
    }
    // The input's size is symbolic, so is the filter's.
    let wide: Function =
        Box::new(|b, x| b.node(conv(ConvResult::Output, &[[1, 1, 1, 1]]), &[x[0], x[1]]));
    check("conv1d of symbols", &["f64 2 n 2", "f64 n 2 m"], any, wide);
    let two: Function = Box::new(|b, x| {
        b.node(conv(ConvResult::Output, &[[2, 1, 1, 1], [1, 2, 0, 1]]), &[x[0], x[1]])
    });
    check("conv2d", &["f64 n m 4 2", "f64 2 2 2 1"], any, two);
    // Gradients are operations of the language too.
    let size = |n: &[usize]| n.iter().map(|&n| Dim::from(n)).collect::<Vec<Dim>>();
    let input: Function = Box::new(move |b, x| {
        let op = conv(ConvResult::Input { size: size(&[6, 2]) }, &[[2, 1, 1, 0], [1, 1, 0, 0]]);
        b.node(op, &[x[0], x[1]])
    });
    check("conv2d_input_gradient", &["f64 n 3 1 m", "f64 3 2 2 m"], any, input);
    let filter: Function = Box::new(move |b, x| {
        let op = conv(ConvResult::Filter { size: size(&[2, 3]) }, &[[1, 1, 0, 0], [2, 1, 1, 1]]);
        b.node(op, &[x[0], x[1]])
    });
    check("conv2d_filter_gradient", &["f64 n 3 4 m", "f64 n 2 2 m"], any, filter);
    for result in [
        ConvResult::Output,
        ConvResult::Input { size: size(&[5]) },
        ConvResult::Filter { size: size(&[3]) },
    ] {
        let types: [&str; 2] = match result {
            ConvResult::Output => ["f64 4 5 2", "f64 2 3 2 3"],
            ConvResult::Input { .. } => ["f64 4 3 3", "f64 2 3 2 3"],
            ConvResult::Filter { .. } => ["f64 4 5 2", "f64 4 3 3"],
        };
        let op = Conv { parts: 2, ..conv(result, &[[2, 1, 1, 1]]) };
        let of_parts: Function = Box::new(move |b, x| b.node(op.clone(), &[x[0], x[1]]));
        check("parts", &types, any, of_parts);
    }
    for (c, f) in [(2, 3), (1, 1), (1, 2)] {
        for (result, types) in [
            (ConvResult::Output, [format!("4 5 2 {c}"), format!("3 {c} 2 {f}")]),
            (
                ConvResult::Input { size: size(&[5]) },
                [format!("4 3 2 {f}"), format!("3 {c} 2 {f}")],
            ),
            (ConvResult::Filter { size: size(&[3]) }, [format!("4 5 2 {c}"), format!("4 3 2 {f}")]),
        ] {
            let op = Conv { groups: 2, ..conv(result, &[[2, 1, 1, 1]]) };
            let grouped: Function = Box::new(move |b, x| b.node(op.clone(), &[x[0], x[1]]));
            let types = types.map(|sizes| format!("f64 {sizes}"));
            check("groups", &types.each_ref().map(String::as_str), any, grouped);
        }
    }
}

#[test]
fn pool_rules() {
    let size = |n: &[i64]| n.iter().copied().map(Dim::number).collect::<Vec<Dim>>();
    let ids = |b: &mut Build<'_>, x: NodeId, windows: &[[i64; 5]]| {
        b.node(pool(PoolFn::Argmax, windows), &[x])
    };
    for window in [[2, 2, 1, 0, 0], [3, 2, 1, 1, 1], [2, 1, 2, 1, 0], [2, 3, 1, 0, 0]] {
        for f in [PoolFn::Max, PoolFn::Sum] {
            let name = format!("{f:?} {window:?}");
            let one: Function = Box::new(move |b, x| b.node(pool(f.clone(), &[window]), &[x[0]]));
            check(&name, &["f64 n 5 2"], any, one);
        }
        let both = [window, [2, 1, 1, 0, 1]];
        let two: Function = Box::new(move |b, x| b.node(pool(PoolFn::Max, &both), &[x[0]]));
        check("max of two axes", &["f64 n 6 m 2"], any, two);
        let take: Function = Box::new(move |b, x| {
            let ids = ids(b, x[1], &both)?;
            b.node(pool(PoolFn::Take, &both), &[x[0], ids])
        });
        check("take", &["f64 1 6 4 2", "f64 1 6 4 2"], any, take);
        let put: Function = Box::new(move |b, x| {
            let ids = ids(b, x[0], &both)?;
            let dy = b.node(pool(PoolFn::Sum, &both), &[x[0]])?;
            b.node(pool(PoolFn::Put { size: size(&[6, 4]) }, &both), &[dy, ids])
        });
        check("put", &["f64 1 6 4 2"], any, put);
        let spread: Function = Box::new(move |b, x| {
            let dy = b.node(pool(PoolFn::Sum, &[window]), &[x[0]])?;
            b.node(pool(PoolFn::Spread { size: size(&[6]) }, &[window]), &[dy])
        });
        check("spread", &["f64 1 6 2"], any, spread);
    }
}

#[test]
fn placement_rules() {
    let concat: Function = Box::new(|b, x| {
        let y = b.node(Placement::Concat { axis: 1 }, &[x[0], x[1], x[0]])?;
        b.square(y)
    });
    check("concat", &["f64 n 2", "f64 n m"], any, concat);
    let pad: Function = Box::new(|b, x| {
        let dims = |n: [i64; 2]| n.map(Dim::number).to_vec();
        let op = Placement::Pad {
            before: dims([1, 0]),
            after: dims([0, 2]),
            interior: dims([0, 1]),
            value: Scalar::F64(3.0),
        };
        let y = b.node(op, &[x[0]])?;
        b.square(y)
    });
    check("pad", &["f64 n 3"], any, pad);
}

#[test]
fn indexing_rules() {
    let take: Function = Box::new(|b, x| {
        let y = b.node(Indexing::TakeAlongAxis { axis: 1 }, &[x[0], x[1]])?;
        b.square(y)
    });
    check("take_along_axis", &["f64 n 3", "i32 n m"], any, take);
    let put: Function = Box::new(|b, x| {
        let op = Indexing::PutAlongAxis { axis: 0, size: Dim::number(3) };
        let y = b.node(op, &[x[0], x[1]])?;
        b.square(y)
    });
    check("put_along_axis", &["i32 n 2", "f64 n 2"], any, put);
}

#[test]
fn marks() {
    let remat: Function = Box::new(|b, x| {
        let kept = b.node(Op::Control(crate::ops::Control::Remat), &[x[0]])?;
        b.square(kept)
    });
    check("remat", &["f64 n"], any, remat);
    let same: Function = Box::new(|b, x| {
        let own = b.node(Op::Control(crate::ops::Control::Same), &[x[0]])?;
        b.mul(own, x[0])
    });
    check("same", &["f64 n"], any, same);
}

/// The gradient of the output's sum at given numbers.
fn gradient_at(
    f: impl Fn(&mut Build<'_>, NodeId) -> Result<NodeId, TypeError>,
    x: &[f64],
) -> Vec<f64> {
    let types = [format!("f64 {}", x.len())];
    let mut graph = graph_of(&[&types[0]], |b, xs| {
        let y = f(b, xs[0])?;
        let axes: Vec<usize> = (0..b.shape(y).len()).collect();
        b.sum(y, &axes, false)
    })
    .expect("the types fit");
    let (x_node, y) = (graph.inputs[0], graph.outputs[0].1);
    let dx = differentiate(&mut graph, y, &[x_node]).expect("rules")[0].expect("it depends");
    let feed = Literal::from_vec(&[x.len()], x.to_vec()).expect("a vector");
    values_of(&graph, &[dx], &[feed]).remove(0)
}

#[test]
fn products_with_zeros() {
    let prod = |b: &mut Build<'_>, x| b.reduce(ReduceFn::Prod, x, &[0], false);
    assert_eq!(gradient_at(prod, &[2.0, 3.0, 4.0]), [12.0, 8.0, 6.0]);
    assert_eq!(gradient_at(prod, &[2.0, 0.0, 4.0]), [0.0, 8.0, 0.0]);
    assert_eq!(gradient_at(prod, &[0.0, 0.0, 4.0]), [0.0, 0.0, 0.0]);
}

#[test]
fn running_products_with_zeros() {
    let f = PrefixFn::Product { exclusive: false };
    let product = Prefix { f, axis: 0, reverse: false };
    let of = |x: &[f64]| gradient_at(|b, x| b.node(product, &[x]), x);
    // Of `x + x y + x y z`: 1 + y + y z, x + x z, x y.
    assert_eq!(of(&[2.0, 3.0, 4.0]), [16.0, 10.0, 6.0]);
    assert_eq!(of(&[2.0, 0.0, 4.0]), [1.0, 10.0, 0.0]);
    assert_eq!(of(&[0.0, 3.0, 0.0]), [4.0, 0.0, 0.0]);
    assert_eq!(of(&[0.0, 0.0, 0.0]), [1.0, 0.0, 0.0]);
    let twice = |b: &mut Build<'_>, x: NodeId| {
        let y = b.node(product, &[x])?;
        let total = b.sum(y, &[0], false)?;
        let dx = differentiate(b.graph, total, &[x]).expect("rules")[0].expect("it depends");
        Ok(dx)
    };
    // The sum of all second derivatives with respect to each: 1 + z + y, 1 + z + x, y + x.
    assert_eq!(gradient_at(twice, &[2.0, 3.0, 4.0]), [8.0, 7.0, 5.0]);
    assert_eq!(gradient_at(twice, &[0.0, 0.0, 4.0]), [5.0, 5.0, 0.0]);
    assert_eq!(gradient_at(twice, &[0.0, 0.0, 0.0]), [1.0, 1.0, 0.0]);
}

#[test]
fn products_of_others_along_directions() {
    for axis in [0, 1] {
        let others = ProductOfOthers { axis };
        let plain: Function = Box::new(move |b, x| b.node(others, &[x[0]]));
        check("prod_others", &["f64 n m"], any, plain);
        let along: Function = Box::new(move |b, x| b.node(others, &[x[0], x[1]]));
        check("prod_others along one", &["f64 n m", "f64 n m"], any, along);
        let both: Function = Box::new(move |b, x| b.node(others, &[x[0], x[1], x[2]]));
        check("prod_others along two", &["f64 n 3", "f64 n 3", "f64 n 3"], any, both);
    }
}

#[test]
fn a_product_has_nine_derivatives() {
    let mut graph = graph_of(&["f64 n"], |b, x| b.reduce(ReduceFn::Prod, x[0], &[0], false))
        .expect("the types fit");
    let (x, mut y) = (graph.inputs[0], graph.outputs[0].1);
    let derivative = |graph: &mut Graph, y: NodeId| {
        let dx = differentiate(graph, y, &[x])?.remove(0).expect("it depends");
        let origin = Origin::default();
        Ok::<NodeId, CompileError>(
            Build { graph, origin: &origin }.sum(dx, &[0], false).expect("floats"),
        )
    };
    // The k-th of n elements that are 0: k! where k is n, else 0.
    let mut factorial = 1.0;
    for order in 1..=9 {
        y = derivative(&mut graph, y).expect("an order that there is");
        factorial *= f64::from(order);
        for n in [order - 1, order, order + 1].into_iter().filter(|n| *n > 0) {
            let mut of_zeros = graph.clone();
            of_zeros.outputs[0].1 = y;
            let of_zeros = bound(&of_zeros, n as u64, 1).expect("the symbol is bound");
            let zeros = Literal::from_vec(&[n as usize], vec![0.0; n as usize]).expect("zeros");
            let want = if n == order { factorial } else { 0.0 };
            let root = of_zeros.outputs[0].1;
            assert_eq!(values_of(&of_zeros, &[root], &[zeros]), [[want]], "order {order} of {n}");
        }
    }
    let error = derivative(&mut graph, y).map(|_| ()).expect_err("the tenth is refused");
    assert!(error.message.contains("of order 9 at most"), "{}", error.message);
}

#[test]
fn ties_share_and_kinks_are_flat() {
    let max = |b: &mut Build<'_>, x| b.max(x, &[0], false);
    assert_eq!(gradient_at(max, &[1.0, 3.0, 3.0]), [0.0, 0.5, 0.5]);
    let with_itself = |b: &mut Build<'_>, x| {
        let other = b.scalar(Scalar::F64(1.0))?;
        b.binary(BinaryFn::Max, x, other)
    };
    assert_eq!(gradient_at(with_itself, &[0.0, 1.0, 2.0]), [0.0, 0.5, 1.0]);
    let relu = |b: &mut Build<'_>, x| b.unary(UnaryFn::Relu, x);
    assert_eq!(gradient_at(relu, &[-1.0, 0.0, 1.0]), [0.0, 0.0, 1.0]);
    let abs = |b: &mut Build<'_>, x| b.unary(UnaryFn::Abs, x);
    assert_eq!(gradient_at(abs, &[-1.0, 0.0, 1.0]), [-1.0, 0.0, 1.0]);
    let power = |exponent: f64| {
        move |b: &mut Build<'_>, x| {
            let e = b.scalar(Scalar::F64(exponent))?;
            b.binary(BinaryFn::Pow, x, e)
        }
    };
    assert_eq!(gradient_at(power(2.0), &[-3.0, 0.0]), [-6.0, 0.0]);
    assert_eq!(gradient_at(power(0.0), &[-3.0, 0.0]), [0.0, 0.0]);
}

#[test]
fn what_is_stopped_has_no_gradient() {
    let stopped = |b: &mut Build<'_>, x| {
        let still = b.node(Op::Control(crate::ops::Control::StopGradient), &[x])?;
        b.mul(x, still)
    };
    assert_eq!(gradient_at(stopped, &[2.0, 3.0]), [2.0, 3.0]);
}

#[test]
fn cotangents_are_named_after_what_they_belong_to() {
    let mut graph = graph_of(&["f64 3"], |b, x| {
        let y = b.unary(UnaryFn::Tanh, x[0])?;
        b.sum(y, &[0], false)
    })
    .expect("the types fit");
    let (x, y) = (graph.inputs[0], graph.outputs[0].1);
    let dx = differentiate(&mut graph, y, &[x]).expect("rules")[0].expect("it depends");
    assert_eq!(&*graph.node(dx).name, "d.x0");
    let error = differentiate(&mut graph, x, &[x]).map_err(|e| e.code);
    assert_eq!(error, Err("E0214"));
}
