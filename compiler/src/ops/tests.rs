//! Every rule of every family against an independent account of the same thing: gradients
//! against central differences, lowering against `eval`, printed attributes against `build_op`.

mod batch;
mod gradients;
mod lowering;
mod pullback;
mod values;

use super::{
    Build, Conv, ConvResult, Einsum, EvalContext, Lag, Leaf, Leaves, Pool, PoolFn, Prefix,
    PrefixFn, Reference, TypeError, Window, evaluate,
};
use crate::error::CompileError;
use crate::ir::{Binding, DType, Dim, Graph, Literal, NodeId, Origin, Scalar, TensorType, verify};

/// Values of inputs, by position.
struct Feeds<'a>(&'a [Literal]);

impl Leaves for Feeds<'_> {
    fn leaf(&self, leaf: &Leaf) -> Option<Literal> {
        match leaf {
            Leaf::Input { name, .. } => self.0.get(name[1..].parse::<usize>().ok()?).cloned(),
            Leaf::Seed => Some(Scalar::I64(7).into()),
            Leaf::Step => Some(Scalar::I64(3).into()),
            Leaf::Epoch => Some(Scalar::I64(1).into()),
            Leaf::Batch => Some(Scalar::I64(5).into()),
            Leaf::Variable { .. }
            | Leaf::Constant(_)
            | Leaf::Dim { .. }
            | Leaf::Parameter { .. } => None,
        }
    }
}

/// The pool of windows `[length, stride, dilation, before, after]`, one per axis.
fn pool(f: PoolFn, windows: &[[i64; 5]]) -> Pool {
    let window = |&[_, stride, dilation, before, after]: &[i64; 5]| Window {
        stride,
        dilation,
        before,
        after,
    };
    let lengths = windows.iter().map(|w| w[0] as usize).collect();
    Pool { f, lengths, windows: windows.iter().map(window).collect() }
}

/// The convolution for a result with a window `[stride, dilation, before, after]` per axis.
fn conv(result: ConvResult, windows: &[[i64; 4]]) -> Conv {
    let window =
        |&[stride, dilation, before, after]: &[i64; 4]| Window { stride, dilation, before, after };
    Conv { result, windows: windows.iter().map(window).collect(), parts: 0, groups: 0 }
}

/// The product of two tensors by letters.
fn einsum(a: &str, b: &str, y: &str) -> Einsum {
    let [a, b, y] = [a, b, y].map(|labels| labels.chars().collect());
    Einsum { a, b, y }
}

/// Every running value along an axis.
fn prefixes(axis: usize) -> impl Iterator<Item = Prefix> {
    let switch = [false, true];
    let sums = switch.map(|exclusive| PrefixFn::Sum { exclusive });
    let products = switch.map(|exclusive| PrefixFn::Product { exclusive });
    let recurrences = [Lag::None, Lag::Factors, Lag::Both].map(PrefixFn::Recurrence);
    let all = sums.into_iter().chain(products).chain(recurrences);
    all.flat_map(move |f| switch.map(|reverse| Prefix { f, axis, reverse }))
}

/// The type that a text such as `f64 n 3` stands for.
fn typed(text: &str) -> TensorType {
    let mut words = text.split_whitespace();
    let dtype = words.next().and_then(DType::from_name).expect("a test names an element type");
    let dim = |w: &str| w.parse::<usize>().map_or_else(|_| Dim::symbol(w), Dim::from);
    TensorType::new(dtype, words.map(dim).collect::<Vec<Dim>>())
}

fn input(graph: &mut Graph, k: usize, tensor_type: TensorType) -> NodeId {
    let name: std::sync::Arc<str> = format!("x{k}").into();
    let origin = Origin { name: Some(name.clone()), ..Origin::default() };
    let id = graph.add(Leaf::Input { name, tensor_type }, &[], &origin).expect("a leaf");
    graph.inputs.push(id);
    id
}

/// A graph of inputs `x0`, `x1` ... of these types with the output that `f` builds.
fn graph_of(
    types: &[&str],
    f: impl FnOnce(&mut Build<'_>, &[NodeId]) -> Result<NodeId, TypeError>,
) -> Result<Graph, TypeError> {
    let mut graph = Graph::default();
    let xs: Vec<NodeId> =
        types.iter().enumerate().map(|(k, t)| input(&mut graph, k, typed(t))).collect();
    let y = f(&mut Build { graph: &mut graph, origin: &Origin::default() }, &xs)?;
    graph.outputs.push(("y".into(), y));
    verify(&graph, "build").expect("what is built is well formed");
    Ok(graph)
}

fn bound(graph: &Graph, n: u64, m: u64) -> Result<Graph, CompileError> {
    crate::specialise::specialise(graph, &Binding::from_iter([("n", n), ("m", m)]))
}

/// The value of the output.
fn output(graph: &Graph, feeds: &[Literal]) -> Literal {
    let leaves = Feeds(feeds);
    let cx = EvalContext::new(&leaves, &Reference);
    let y = graph.outputs[0].1;
    evaluate(graph, &cx, &[y]).expect("the operands are in range").remove(0)
}

/// A stream of numbers without structure, in `0..1`.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        // Knuth's MMIX generator.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A tensor of a specialised type: floats in -2..2, integers in -4..4, u8 in 0..8.
    fn literal(&mut self, t: &TensorType) -> Literal {
        let sizes = t.sizes().expect("a specialised type");
        let n = sizes.iter().product();
        let elements: Vec<f64> = (0..n).map(|_| self.next()).collect();
        let of = |f: &dyn Fn(f64) -> f64| elements.iter().map(|&x| f(x)).collect::<Vec<f64>>();
        let made = match t.dtype {
            DType::F32 => Literal::from_vec(
                &sizes,
                of(&|x| x * 4.0 - 2.0).iter().map(|&x| x as f32).collect(),
            ),
            DType::F64 => Literal::from_vec(&sizes, of(&|x| x * 4.0 - 2.0)),
            DType::I32 => Literal::from_vec(
                &sizes,
                of(&|x| x * 8.0 - 4.0).iter().map(|&x| x as i32).collect(),
            ),
            DType::I64 => Literal::from_vec(
                &sizes,
                of(&|x| x * 8.0 - 4.0).iter().map(|&x| x as i64).collect(),
            ),
            DType::U8 => {
                Literal::from_vec(&sizes, of(&|x| x * 8.0).iter().map(|&x| x as u8).collect())
            }
            DType::Bool => {
                Literal::from_vec(&sizes, elements.iter().map(|&x| x < 0.5).collect::<Vec<bool>>())
            }
        };
        made.expect("as many elements as the shape has")
    }
}
