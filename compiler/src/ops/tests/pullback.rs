//! Cotangents pulled back through graphs and, by the context of a rule, through regions.

use std::sync::Arc;

use super::gradients::values_of;
use super::*;
use crate::autodiff::pullback;
use crate::ir::UnaryFn;
use crate::ops::{Control, Cotangent, GradientContext, Scan};

fn floats(sizes: &[usize], elements: &[f64]) -> Literal {
    Literal::from_vec(sizes, elements.to_vec()).expect("a test's shape")
}

#[test]
fn what_several_cotangents_make_of_an_x_is_added() {
    let mut graph = graph_of(&["f64 2", "f64 2", "f64 2"], |b, x| {
        let y = b.unary(UnaryFn::Exp, x[0])?;
        b.square(y)
    })
    .expect("the types fit");
    let [x, dy, dz] = graph.inputs[..] else { panic!("three inputs") };
    let z = graph.outputs[0].1;
    let y = graph.operands(z)[0];
    let of = |node, value| Cotangent { node, result: 0, value };
    // y = exp x, z = y²: dx = y dy + 2 y² dz.
    let cotangents = [of(y, dy), of(z, dz), of(y, dy)];
    let dx = pullback(&mut graph, &cotangents, &[x, dy]).expect("rules");
    let [Some(dx), None] = dx[..] else { panic!("nothing depends on a cotangent: {dx:?}") };
    let feeds = [[0.0, 1.0], [3.0, 5.0], [7.0, 11.0]].map(|x| floats(&[2], &x));
    let e = 1f64.exp();
    let want = [2.0 * 3.0 + 2.0 * 7.0, 2.0 * 5.0 * e + 2.0 * e * e * 11.0];
    let got = values_of(&graph, &[dx], &feeds).remove(0);
    assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} {want:?}");
}

#[test]
fn a_cotangent_has_the_type_of_its_result() {
    let mut graph = graph_of(&["f64 2"], |b, x| b.sum(x[0], &[0], false)).expect("the types fit");
    let (x, y) = (graph.inputs[0], graph.outputs[0].1);
    let found = pullback(&mut graph, &[Cotangent { node: y, result: 0, value: x }], &[x]);
    assert_eq!(found.map_err(|e| e.code), Err("E0202"));
}

/// Values of a region's parameters.
struct Given(Vec<Literal>);

impl Leaves for Given {
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

fn parameter(region: &mut Graph, t: &str) -> NodeId {
    let leaf = Leaf::Parameter { number: region.inputs.len(), tensor_type: typed(t) };
    let node = region.add(leaf, &[], &Origin::default()).expect("a leaf");
    region.inputs.push(node);
    node
}

/// h ← tanh(w h + x); emits h x.
fn recurrence() -> Graph {
    let mut body = Graph::default();
    let [h, x, w, _] = ["f64 2", "f64 2", "f64", "i64"].map(|t| parameter(&mut body, t));
    let mut b = Build { graph: &mut body, origin: &Origin::default() };
    let scaled = b.mul(h, w).expect("floats");
    let sum = b.add(scaled, x).expect("floats");
    let next = b.unary(UnaryFn::Tanh, sum).expect("floats");
    let emitted = b.mul(next, x).expect("floats");
    body.outputs = vec![("h".into(), next), ("e".into(), emitted)];
    body
}

/// A graph of `h`, `xs` and `w` with the loop, and what a loop's rule would have of it.
fn loop_over(body: &Graph) -> (Graph, NodeId) {
    let scan = Scan {
        body: Arc::new(body.clone()),
        n_carries: 1,
        n_sequences: 1,
        axis: 0,
        reverse: false,
        length: Dim::number(3),
    };
    // The sum of the last carry and of all that is emitted.
    let graph = graph_of(&["f64 2", "f64 3 2", "f64"], |b, x| {
        let scan = b.node(scan, x)?;
        let [last, all] = [0, 1].map(|index| Control::Result { index });
        let (last, all) = (b.node(last, &[scan])?, b.node(all, &[scan])?);
        let (last, all) = (b.sum(last, &[0], false)?, b.sum(all, &[0, 1], false)?);
        b.add(last, all)
    })
    .expect("the types fit");
    let is_loop = |&id: &NodeId| graph.op(id).scan().is_some();
    let scan = graph.order().into_iter().find(is_loop).expect("it was added");
    (graph, scan)
}

/// The region that makes of a body's parameters, and the cotangents of its outputs after them,
/// the cotangents of `h`, `x` and `w`; by what a rule of the loop is given.
fn reversed(graph: &mut Graph, scan: NodeId) -> Graph {
    let mut region = graph.op(scan).region().expect("a loop").clone();
    let xs = region.inputs[..3].to_vec();
    let outputs: Vec<NodeId> = region.outputs.iter().map(|(_, node)| *node).collect();
    let cotangents: Vec<Cotangent> = outputs
        .into_iter()
        .map(|node| Cotangent { node, result: 0, value: parameter(&mut region, "f64 2") })
        .collect();
    let origin = Origin::default();
    let (none, wanted) = (&[None, None], &[true; 3]);
    let cx = GradientContext { graph, node: scan, cotangents: none, wanted, origin, pullback };
    let found = cx.pull_back(&mut region, &cotangents, &xs).expect("every rule is there");
    let named = ["dh", "dx", "dw"].map(Into::into).into_iter();
    region.outputs = named.zip(found.into_iter().map(|dx| dx.expect("it depends"))).collect();
    verify(&region, "pull back").expect("gradients are well formed");
    region
}

fn outputs_of(region: &Graph, given: Vec<Literal>) -> Vec<Literal> {
    let wanted: Vec<NodeId> = region.outputs.iter().map(|(_, node)| *node).collect();
    let leaves = Given(given);
    let cx = EvalContext::new(&leaves, &Reference);
    evaluate(region, &cx, &wanted).expect("no data are refused")
}

#[test]
fn a_region_is_differentiated_through_the_context() {
    let body = recurrence();
    let (mut graph, scan) = loop_over(&body);
    let xs = [[0.3, -0.2], [0.5, 0.1], [-0.4, 0.7]];
    let (h, w) = ([0.2, -0.6], 0.9);
    let feeds = [floats(&[2], &h), floats(&[3, 2], &xs.concat()), floats(&[], &[w])];

    // Forward, keeping each iteration's carry; then backward through the region.
    let reversed = reversed(&mut graph, scan);
    let at = |t: usize| Literal::scalar(Scalar::I64(t as i64));
    let mut carries = vec![feeds[0].clone()];
    for (t, x) in xs.iter().enumerate() {
        let given = vec![carries[t].clone(), floats(&[2], x), feeds[2].clone(), at(t)];
        carries.push(outputs_of(&body, given).swap_remove(0));
    }
    let ones = || floats(&[2], &[1.0, 1.0]);
    let (mut dh, mut dxs, mut dw) = (ones(), vec![], 0.0);
    for (t, x) in xs.iter().enumerate().rev() {
        let (h, x) = (carries[t].clone(), floats(&[2], x));
        let found = outputs_of(&reversed, vec![h, x, feeds[2].clone(), at(t), dh, ones()]);
        dxs.splice(..0, found[1].scalars().map(Scalar::to_f64));
        dw += found[2].scalars().map(Scalar::to_f64).sum::<f64>();
        dh = found[0].clone();
    }
    let dh: Vec<f64> = dh.scalars().map(Scalar::to_f64).collect();

    // Against central differences of the loop as it is run.
    for (k, got) in [dh, dxs, vec![dw]].iter().enumerate() {
        for (i, got) in got.iter().enumerate() {
            let moved = |by: f64| {
                let mut feeds = feeds.clone();
                let mut x: Vec<f64> = feeds[k].scalars().map(Scalar::to_f64).collect();
                x[i] += by;
                feeds[k] = floats(feeds[k].sizes(), &x);
                output(&graph, &feeds).scalars().map(Scalar::to_f64).sum::<f64>()
            };
            let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((got - want).abs() < 1e-9, "operand {k}, element {i}: {got} is not {want}");
        }
    }
}
