//! Inputs drawn for a benchmark: floats uniform in [0, 1), integers uniform below what they index.

use brolga::compiler::ir::{CompareFn, DType, Graph, Literal, Name, NodeId, Scalar};
use brolga::compiler::ops::{Creation, Elementwise, Indexing, Leaf, Movement, Op};
use brolga::runtime::data::Counter;
use indexmap::IndexMap;

use crate::failure::Failure;

/// Values for the inputs of a graph whose dimensions are numbers; `ranges` overrides what the
/// graph says of integers. An integer that indexes nothing is 0 or 1.
pub(crate) fn inputs(
    graph: &Graph,
    ranges: &IndexMap<String, u64>,
    seed: u64,
) -> IndexMap<Name, Literal> {
    let drawn = graph.inputs.iter().enumerate().map(|(number, &id)| {
        let node = graph.node(id);
        let tensor_type = &node.types[0];
        let counter = Counter::new(&[seed, number as u64]);
        let range = ranges.get(&*node.name).copied();
        let range = range.or_else(|| indexed(graph, id)).unwrap_or(2).max(1);
        let element = |i: u64| match tensor_type.dtype {
            DType::F32 | DType::F64 => Scalar::F32(counter.unit(i)),
            DType::I32 | DType::I64 | DType::U8 => Scalar::I64(counter.below(i, range) as i64),
            DType::Bool => Scalar::Bool(counter.below(i, 2) == 1),
        };
        (
            node.name.clone(),
            literal(tensor_type.dtype, &tensor_type.sizes().unwrap_or_default(), element),
        )
    });
    drawn.collect()
}

/// What `--range NAME=N` asks of the inputs of a graph.
pub(crate) fn ranges(
    graph: &Graph,
    asked: &[(String, String)],
) -> Result<IndexMap<String, u64>, Failure> {
    let mut ranges = IndexMap::new();
    for (name, n) in asked {
        let refused = |why: &str| Failure::Usage(format!("error: `--range {name}={n}`: {why}\n"));
        let input = graph.inputs.iter().find(|&&i| *graph.node(i).name == **name);
        let unknown = || refused("nothing that is computed needs an input of that name");
        let of_input = graph.tensor_type(*input.ok_or_else(unknown)?);
        if !of_input.dtype.is_int() {
            return Err(refused(&format!("the input is {of_input}, and ranges are for integers")));
        }
        let n = n.parse::<u64>().ok().filter(|n| *n > 0);
        let n = n.ok_or_else(|| refused("it must be a number of at least 1"))?;
        ranges.insert(name.clone(), n);
    }
    Ok(ranges)
}

fn literal(dtype: DType, sizes: &[usize], element: impl Fn(u64) -> Scalar) -> Literal {
    let n = sizes.iter().product::<usize>();
    let mut bytes = vec![0; n * dtype.size()];
    for (i, chunk) in bytes.chunks_exact_mut(dtype.size()).enumerate() {
        let bits = element(i as u64).cast(dtype).bits().to_le_bytes();
        chunk.copy_from_slice(&bits[..chunk.len()]);
    }
    Literal::from_bytes(dtype, sizes, &bytes).expect("as many bytes as the sizes ask for")
}

/// The smallest dimension that the elements of a node index, through whatever only moves them.
fn indexed(graph: &Graph, id: NodeId) -> Option<u64> {
    let mut smallest = None;
    let mut stack = vec![id];
    let mut seen = vec![];
    while let Some(node) = stack.pop() {
        if seen.contains(&node) {
            continue;
        }
        seen.push(node);
        for user in graph.users(node) {
            let operands = graph.operands(user);
            let found = match graph.op(user) {
                Op::Indexing(Indexing::TakeAlongAxis { axis }) if operands[1] == node => {
                    size(graph, operands[0], *axis)
                }
                Op::Indexing(Indexing::PutAlongAxis { size, .. }) if operands[0] == node => {
                    size.as_number().and_then(|n| u64::try_from(n).ok())
                }
                Op::Elementwise(Elementwise::Compare(CompareFn::Eq)) => {
                    operands.iter().filter(|&&o| o != node).find_map(|&o| counted(graph, o))
                }
                Op::Movement(_) | Op::Elementwise(Elementwise::Cast(_)) => {
                    stack.push(user);
                    None
                }
                _ => None,
            };
            smallest = [smallest, found].into_iter().flatten().min();
        }
    }
    smallest
}

fn size(graph: &Graph, id: NodeId, axis: usize) -> Option<u64> {
    graph.tensor_type(id).sizes().map(|sizes| sizes[axis] as u64)
}

/// How far an iota counts that a comparison makes a one-hot mask of.
fn counted(graph: &Graph, id: NodeId) -> Option<u64> {
    match graph.op(id) {
        Op::Creation(Creation::Iota { axis, .. }) => size(graph, id, *axis),
        Op::Movement(Movement::Broadcast { .. } | Movement::Reshape { .. })
        | Op::Elementwise(Elementwise::Cast(_)) => counted(graph, graph.operands(id)[0]),
        Op::Leaf(Leaf::Constant(literal)) => {
            let counts = literal.scalars().enumerate().all(|(i, s)| s.to_f64() == i as f64);
            (counts && literal.n_elements() > 1).then_some(literal.n_elements() as u64)
        }
        _ => None,
    }
}
