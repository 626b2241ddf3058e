//! Modules for the tests of this crate.

use brolga_compiler::ir::{
    BinaryFn, DType, Dim, Graph, Metric, MetricKind, Module, Name, NodeId, Origin, Scalar,
    TensorType, Update, Variable, VariableKind,
};
use brolga_compiler::ops::{Build, Indexing, Leaf};

/// `f32[sizes]`, where a size is a number or a symbol.
fn f32s(shape: &[Dim]) -> TensorType {
    TensorType::new(DType::F32, shape)
}

fn build<'a>(graph: &'a mut Graph, origin: &'a Origin) -> Build<'a> {
    Build { graph, origin }
}

fn named(name: &str) -> Origin {
    Origin::named(name, Default::default())
}

fn input(graph: &mut Graph, name: &str, tensor_type: TensorType) -> NodeId {
    let leaf = Leaf::Input { name: name.into(), tensor_type };
    let id = graph.add(leaf, &[], &named(name)).expect("a leaf");
    graph.inputs.push(id);
    id
}

fn variable(graph: &mut Graph, name: &str, tensor_type: TensorType) -> NodeId {
    let leaf = Leaf::Variable { name: name.into(), tensor_type };
    graph.add(leaf, &[], &named(name)).expect("a leaf")
}

fn filled(tensor_type: TensorType, value: f32) -> Variable {
    let mut initial = Graph::default();
    let origin = named("initial");
    let root = build(&mut initial, &origin)
        .full(Scalar::F32(value), &tensor_type.shape.clone())
        .expect("a constant");
    initial.outputs.push((Name::from("initial"), root));
    Variable { kind: VariableKind::Param, tensor_type, initial, provenance: Default::default() }
}

/// Linear regression of `y: f32[batch]` on `x: f32[batch, 3]` with gradient descent, written by hand:
/// `d = x·w − y`, `loss = mean(d²)`, `w ← w − 0.1 · 2/batch · xᵀd`; output `prediction = x·w`,
/// metric `rmse = sqrt(Σd² / Σbatch)`.
pub(crate) fn regression() -> Module {
    regression_of(Dim::symbol("batch"))
}

/// The same for batches of a dimension.
pub(crate) fn regression_of(batch: Dim) -> Module {
    let graph = |training: bool| {
        let mut graph = Graph::default();
        let x = input(&mut graph, "x", f32s(&[batch.clone(), 3.into()]));
        let y = input(&mut graph, "y", f32s(std::slice::from_ref(&batch)));
        let w = variable(&mut graph, "w", f32s(&[3.into()]));
        let origin = named("value");
        let mut g = build(&mut graph, &origin);
        let roots = (|| {
            let column = g.expand_dims(w, 1)?;
            let prediction = g.matmul(x, column, (false, false))?;
            let prediction = g.reshape(prediction, std::slice::from_ref(&batch))?;
            let d = g.sub(prediction, y)?;
            let square = g.square(d)?;
            let loss = g.mean(square, &[0], false)?;
            let total = g.sum(square, &[0], false)?;
            let rows = g.dim(&batch, DType::F32)?;
            let column = g.expand_dims(d, 1)?;
            let dw = g.matmul(x, column, (true, false))?;
            let dw = g.reshape(dw, &[3.into()])?;
            let dw = g.scale(dw, 0.2)?;
            let dw = g.div(dw, rows)?;
            let next = g.sub(w, dw)?;
            Ok::<_, brolga_compiler::ops::TypeError>((prediction, loss, total, rows, next))
        })();
        let (prediction, loss, total, rows, next) = roots.expect("the regression is well typed");
        graph.outputs.push(("prediction".into(), prediction));
        graph.metrics.push(Metric { name: "loss".into(), kind: MetricKind::Mean(loss) });
        let kind = MetricKind::Total { parts: vec![total, rows], finish: root_of_ratio().into() };
        graph.metrics.push(Metric { name: "rmse".into(), kind });
        if training {
            graph.updates.push(Update { variable: "w".into(), value: next });
        }
        graph
    };
    let variables = [("w".into(), filled(f32s(&[3.into()]), 0.0))].into_iter().collect();
    Module { variables, train: graph(true), infer: graph(false), ..Module::default() }
}

/// `sqrt(a / b)` of two parameters.
fn root_of_ratio() -> Graph {
    let mut graph = Graph::default();
    let parameter = |graph: &mut Graph, number| {
        let leaf = Leaf::Parameter { number, tensor_type: TensorType::scalar(DType::F32) };
        let id = graph.add(leaf, &[], &named("part")).expect("a leaf");
        graph.inputs.push(id);
        id
    };
    let (a, b) = (parameter(&mut graph, 0), parameter(&mut graph, 1));
    let origin = named("value");
    let mut g = build(&mut graph, &origin);
    let ratio = g.binary(BinaryFn::Div, a, b).expect("scalars");
    let root = g.unary(brolga_compiler::ir::UnaryFn::Sqrt, ratio).expect("a scalar");
    graph.outputs.push(("finish".into(), root));
    graph
}

/// `output row = table[id]` for `id: i32[batch]` and `table: f32[10]` of ones.
pub(crate) fn lookup() -> Module {
    let batch = Dim::symbol("batch");
    let mut graph = Graph::default();
    let id = input(&mut graph, "id", TensorType::new(DType::I32, [batch]));
    let table = variable(&mut graph, "table", f32s(&[10.into()]));
    let row =
        graph.add(Indexing::TakeAlongAxis { axis: 0 }, &[table, id], &named("row")).expect("rows");
    graph.outputs.push(("row".into(), row));
    let table = filled(f32s(&[10.into()]), 1.0);
    let variables = [("table".into(), table)].into_iter().collect();
    Module { variables, train: graph.clone(), infer: graph, ..Module::default() }
}
