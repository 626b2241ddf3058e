//! The text of small graphs.

use std::sync::Arc;

use super::{Dot, GraphText, Json};
use crate::ir::{
    CompareFn, DType, Dim, Graph, Literal, Metric, MetricKind, Module, Name, NodeId, Origin,
    Position, Provenance, Scalar, Site, TensorType, Update, Variable, VariableKind,
};
use crate::ops::build::Build;
use crate::ops::{Control, Leaf, Op, Scan};

fn origin(name: &str) -> Origin {
    let position = Position { file: "a.graph".into(), line: 3, column: 5, length: 0 };
    Origin::named(name, Provenance::of(Site { chain: vec![position], role: None }))
}

fn add(graph: &mut Graph, name: &str, op: impl Into<Op>, operands: &[NodeId]) -> NodeId {
    graph.add(op, operands, &origin(name)).expect("the types fit")
}

fn leaf(dtype: DType, sizes: &[usize]) -> TensorType {
    TensorType::of_sizes(dtype, sizes)
}

fn sample() -> Module {
    let mut graph = Graph::default();
    let of_x = TensorType::new(DType::F32, vec![Dim::symbol("batch"), Dim::number(3)]);
    let x = add(&mut graph, "x", Leaf::Input { name: "x".into(), tensor_type: of_x }, &[]);
    graph.inputs.push(x);
    let of_w = leaf(DType::F32, &[3, 2]);
    let w = add(
        &mut graph,
        "h.w",
        Leaf::Variable { name: "h.w".into(), tensor_type: of_w.clone() },
        &[],
    );
    let o = origin("h");
    let mut build = Build { graph: &mut graph, origin: &o };
    let h = build.matmul(x, w, (false, false)).expect("fits");
    let zero = build.constant_like(h, 0.0).expect("fits");
    let mask = build.compare(CompareFn::Gt, h, zero).expect("fits");
    let y = build.select(mask, h, zero).expect("fits");
    let s = build.sum(y, &[1], true).expect("fits");
    let table = Literal::from_vec(&[17], vec![1u8; 17]).expect("17 elements");
    let table = build.node(Leaf::constant(table), &[]).expect("fits");
    let count = build.dim(&Dim::symbol("batch"), DType::F32).expect("fits");
    graph.outputs = vec![("y".into(), y), ("h".into(), h), ("table".into(), table)];
    graph.metrics.push(Metric { name: "sum".into(), kind: MetricKind::Mean(s) });
    let mut finish = Graph::default();
    let part = |number| Leaf::Parameter { number, tensor_type: TensorType::scalar(DType::F32) };
    let a = add(&mut finish, "a", part(0), &[]);
    let b = add(&mut finish, "b", part(1), &[]);
    let mut build = Build { graph: &mut finish, origin: &o };
    let ratio = build.div(a, b).expect("fits");
    let half = build.scale(ratio, 0.5).expect("fits");
    finish.outputs.push(("r".into(), half));
    let kind = MetricKind::Total { parts: vec![count, count], finish: Arc::new(finish) };
    graph.metrics.push(Metric { name: "ratio".into(), kind });
    graph.updates.push(Update { variable: "h.w".into(), value: w });
    let initial = initial(&of_w, false);
    let variable = |kind, initial| Variable {
        kind,
        tensor_type: of_w.clone(),
        initial,
        provenance: Provenance::default(),
    };
    let variables = [
        ("h.w".into(), variable(VariableKind::Param, initial)),
        ("h.v".into(), variable(VariableKind::State, self::initial(&of_w, true))),
    ];
    Module {
        name: Some("m".into()),
        variables: variables.into(),
        train: graph,
        ..Module::default()
    }
}

/// `-1 + 0.5`, or the same value twice over, repeated to a type.
fn initial(tensor_type: &TensorType, twice: bool) -> Graph {
    let mut graph = Graph::default();
    let o = Origin::default();
    let mut build = Build { graph: &mut graph, origin: &o };
    let a = build.scalar(Scalar::F32(-1.0)).expect("fits");
    let b = if twice { a } else { build.scalar(Scalar::F32(0.5)).expect("fits") };
    let sum = build.add(a, b).expect("fits");
    let full = build.broadcast_to(sum, &tensor_type.shape).expect("fits");
    graph.outputs.push(("initial".into(), full));
    graph
}

fn text(module: &Module) -> String {
    let variables: Vec<(&Name, &Variable)> = module.variables.iter().collect();
    GraphText { name: module.name.as_deref(), variables, graph: &module.train }.to_string()
}

/// The text with two spaces before every `#@`.
fn unaligned(text: &str) -> String {
    let line = |line: &str| match line.split_once(" #@") {
        Some((left, mark)) => format!("{}  #@{mark}\n", left.trim_end()),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn a_graph_prints_one_operation_a_line() {
    let expected = "\
version 1
graph m

input x: f32[batch, 3]  #@ a.graph:3:5

param h.w: f32[3, 2] = broadcast_to((-1.0) + 0.5, shape=[3, 2])
fn initial_h_v() {
    constant: f32 = -1.0
    add: f32 = constant + constant
    broadcast_to: f32[3, 2] = broadcast_to(add, shape=[3, 2])
    return broadcast_to
}
state h.v: f32[3, 2] = initial_h_v()

h: f32[batch, 2] = x @ h.w  #@ a.graph:3:5
h.1: f32 = 0.0  #@ a.graph:3:5
h.2: f32[batch, 2] = broadcast_to(h.1, shape=[batch, 2])  #@ a.graph:3:5
h.3: bool[batch, 2] = h > h.2  #@ a.graph:3:5
h.4: f32[batch, 2] = select(h.3, h, h.2)  #@ a.graph:3:5
h.7: u8[17] = hex(\"0101010101010101010101010101010101\")  #@ a.graph:3:5
h.5: f32[batch] = sum(h.4, axis=[1])  #@ a.graph:3:5
h.6: f32[batch, 1] = reshape(h.5, shape=[batch, 1])  #@ a.graph:3:5
h.8: f32 = batch  #@ a.graph:3:5

output y = h.4  #@ a.graph:3:5
output h  #@ a.graph:3:5
output table = h.7  #@ a.graph:3:5
metric sum = h.6  #@ a.graph:3:5
metric ratio = (total(h.8) / total(h.8)) * 0.5  #@ a.graph:3:5
update h.w <- h.w  #@ a.graph:3:5
";
    assert_eq!(unaligned(&text(&sample())), expected);
}

#[test]
fn a_scan_prints_its_block() {
    let mut body = Graph::default();
    let f = |number, dtype| Leaf::Parameter { number, tensor_type: TensorType::scalar(dtype) };
    for (number, name) in ["a", "b", "t", "k"].into_iter().enumerate() {
        let id = add(&mut body, name, f(number, DType::F32), &[]);
        body.inputs.push(id);
    }
    let i = add(&mut body, "i", f(4, DType::I64), &[]);
    body.inputs.push(i);
    let o = origin("s");
    let (a, b, t, k) = (body.inputs[0], body.inputs[1], body.inputs[2], body.inputs[3]);
    let mut build = Build { graph: &mut body, origin: &o };
    let s = build.add(t, k).expect("fits");
    let count = build.cast(i, DType::F32).expect("fits");
    let s = build.mul(s, count).expect("fits");
    body.outputs = vec![("a".into(), b), ("b".into(), a), ("emit".into(), s)];
    let mut graph = Graph::default();
    let of_x = leaf(DType::F32, &[5]);
    let x = add(&mut graph, "x", Leaf::Input { name: "x".into(), tensor_type: of_x }, &[]);
    graph.inputs.push(x);
    let zero = add(&mut graph, "zero", Leaf::constant(Scalar::F32(0.0)), &[]);
    let scan = Scan {
        body: Arc::new(body),
        n_carries: 2,
        n_sequences: 1,
        axis: 0,
        reverse: true,
        length: Dim::number(5),
    };
    let scan = add(&mut graph, "scan", scan, &[zero, zero, x, zero]);
    let last = add(&mut graph, "last", Control::Result { index: 0 }, &[scan]);
    let all = add(&mut graph, "all", Control::Result { index: 2 }, &[scan]);
    graph.outputs = vec![("last".into(), last), ("all".into(), all)];
    let expected = "\
version 1

input x: f32[5]  #@ a.graph:3:5

zero: f32 = 0.0  #@ a.graph:3:5
last: f32, _, all: f32[5] = scan(t in x, a = zero, b = zero, reverse=true) {  #@ a.graph:3:5
    i: i64 = iteration()  #@ a.graph:3:5
    s: f32 = t + zero  #@ a.graph:3:5
    s.1: f32 = cast(i, type=f32)  #@ a.graph:3:5
    s.2: f32 = s * s.1  #@ a.graph:3:5
    emit s.2
    a, b = [b, a]
}

output last  #@ a.graph:3:5
output all  #@ a.graph:3:5
";
    assert_eq!(unaligned(&graph.to_string()), expected);
}

#[test]
fn drawings_and_data_name_every_node() {
    let module = sample();
    let text = GraphText { name: None, variables: vec![], graph: &module.train };
    let (dot, json) = (Dot(&text).to_string(), Json(&text).to_string());
    for id in module.train.order() {
        let name = &module.train.node(id).name;
        assert!(dot.contains(&format!("label=\"{name}\\n")), "{name} is drawn");
        assert!(json.contains(&format!("{{\"name\": \"{name}\", \"op\"")), "{name} is listed");
    }
}
