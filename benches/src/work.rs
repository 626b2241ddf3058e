//! How much arithmetic a graph asks for, in units that can be compared with the rate of a product.

use brolga::compiler::ir::{
    BinaryFn, Expr, ExprId, Exprs, Graph, NodeId, Target, TensorType, UnaryFn,
};
use brolga::compiler::loop_ir::{expand_binary, expand_unary};
use brolga::compiler::ops::{Elementwise, Op, OpRules};

/// Operations of 32 bits that a random word takes: of a block of four words each of ten rounds has
/// two products, two shifts and four exclusive ors, of 64 bits (`runtime/kernels/src/philox.rs`).
const WORD: u64 = 10 * 8 * 2 / 4;

/// Floating-point operations at the rate of a product, where a multiply-add counts as two: two for
/// each term of a product, and two for every other operation of an element, as it takes the place
/// of a multiply-add. A function is the operations of its expansion.
pub fn work(graph: &Graph, target: &Target) -> u64 {
    let of_node = |id: NodeId| {
        let node = graph.node(id);
        let (operands, result) = (graph.operand_types(&node.op, &node.operands), &node.types[0]);
        let flops = || node.op.flops(&operands, result);
        let elements = || result.n_elements().unwrap_or(0) as u64;
        match &node.op {
            Op::Contract(_) | Op::Einsum(_) | Op::Conv(_) => flops(),
            Op::Elementwise(Elementwise::Unary(f)) => 2 * elements() * unary(*f, result, target),
            Op::Elementwise(Elementwise::Binary(f)) => 2 * elements() * binary(*f, result, target),
            Op::Random(_) => 2 * elements() * WORD,
            Op::Leaf(_)
            | Op::Elementwise(
                Elementwise::Compare(_) | Elementwise::Select | Elementwise::Cast(_),
            )
            | Op::Movement(_)
            | Op::Creation(_)
            | Op::Reduce(_)
            | Op::ProductOfOthers(_)
            | Op::Prefix(_)
            | Op::Pool(_)
            | Op::Placement(_)
            | Op::Argsort(_)
            | Op::Indexing(_)
            | Op::Control(_) => 2 * flops(),
        }
    };
    graph.order().into_iter().map(of_node).sum()
}

fn unary(f: UnaryFn, of: &TensorType, target: &Target) -> u64 {
    let mut exprs = Exprs::default();
    let x = exprs.element(0, &[], of.dtype);
    let expanded = expand_unary(&mut exprs, f, x, target);
    operations(&exprs, expanded)
}

fn binary(f: BinaryFn, of: &TensorType, target: &Target) -> u64 {
    let mut exprs = Exprs::default();
    let operands = [0, 1].map(|operand| exprs.element(operand, &[], of.dtype));
    let expanded = expand_binary(&mut exprs, f, operands, target);
    operations(&exprs, expanded)
}

/// The operations of an expression, each once: all that is neither a number nor the same bits under
/// another type.
fn operations(exprs: &Exprs, of: ExprId) -> u64 {
    let mut seen = vec![];
    let mut stack = vec![of];
    let mut count = 0;
    while let Some(id) = stack.pop() {
        if !seen.contains(&id) {
            seen.push(id);
            count += u64::from(is_operation(exprs.expr(id)));
            stack.extend(exprs.operands(id));
        }
    }
    count
}

fn is_operation(expr: &Expr) -> bool {
    match expr {
        Expr::Const(..) | Expr::Element { .. } | Expr::Load { .. } | Expr::Var(..) => false,
        Expr::Index(..) | Expr::Bitcast(..) => false,
        Expr::Unary(..) | Expr::Binary(..) | Expr::Compare(..) | Expr::Select(..) => true,
        Expr::Cast(..) | Expr::Fma(..) => true,
        Expr::ShiftLeft(..) | Expr::ShiftRightSigned(..) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brolga::compiler::ir::DType;

    #[test]
    fn a_function_is_its_expansion() {
        let of = TensorType::new(DType::F32, vec![]);
        assert_eq!(unary(UnaryFn::Neg, &of, &Target::X86_64_V4), 1);
        assert!(unary(UnaryFn::Exp, &of, &Target::X86_64_V4) > 10);
        assert!(binary(BinaryFn::Pow, &of, &Target::X86_64_V4) > 40);
    }
}
