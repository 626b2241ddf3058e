//! Lines as the compiler prints them, `name: type = op(operands, attribute=value)`, become exactly
//! the node that was printed: nothing is broadcast, simplified or renamed.

use brolga_compiler::ir::{BinaryFn, CompareFn, Literal, Origin, TensorType, UnaryFn};
use brolga_compiler::ops::{Contract, Leaf, Op, OpRules, build_op, signatures};

use super::attribute::attribute;
use super::names::{give_way, node_name};
use super::value::{Tensor, Value};
use super::{Elaborator, Result};
use crate::ast::{BinaryOp, Bind, CallExpr, Expr, ExprKind};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;

impl Elaborator<'_> {
    /// The node of a line with a written type whose right side is one operation on names; `None`
    /// if it is another line, or does not fit as it stands.
    pub(super) fn exact(&mut self, bind: &Bind, expr: &Expr) -> Result<Option<Value>> {
        let [target] = bind.targets.as_slice() else { return Ok(None) };
        let Some(ty) = &target.ty else { return Ok(None) };
        let Some((op, operands)) = self.exact_op(expr, ty)? else { return Ok(None) };
        let wanted = self.written_type(ty)?;
        self.at = expr.span;
        let operands: Vec<_> =
            operands.into_iter().map(|x| self.bring_here(x)).collect::<Result<Vec<_>>>()?;
        let provenance = self.provenance();
        let frame = self.here();
        let is_initial = self.in_initial_value();
        let own = node_name(&target.name.text);
        let name = match frame.path.as_str() {
            path if !path.is_empty() && !is_initial => format!("{path}.{own}"),
            _ => own.to_owned(),
        };
        let region = self.region();
        let found = op.infer(&region.graph.operand_types(&op, &operands));
        if !found.is_ok_and(|found| found.first() == Some(&wanted)) {
            return Ok(None);
        }
        give_way(&mut region.graph, &name);
        let node = region.graph.add(op, &operands, &Origin::named(&name, provenance));
        Ok(node.ok().map(|node| Value::Tensor(self.tensor(node))))
    }

    /// The operation that an expression of names says, with its operands.
    fn exact_op(
        &mut self,
        expr: &Expr,
        ty: &crate::ast::Type,
    ) -> Result<Option<(Op, Vec<Tensor>)>> {
        match &expr.kind {
            ExprKind::Neg(x) => Ok(self.operands(&[x])?.map(|xs| (UnaryFn::Neg.into(), xs))),
            ExprKind::Not(x) => Ok(self.operands(&[x])?.map(|xs| (UnaryFn::Not.into(), xs))),
            ExprKind::Binary(chain) => match chain.rest.as_slice() {
                [link] => {
                    let operands = self.operands(&[&chain.first, &link.rhs])?;
                    Ok(operands.map(|xs| (infix(link.op), xs)))
                }
                _ => Ok(None),
            },
            ExprKind::Call(call) => self.exact_call(call, ty),
            _ => Ok(None),
        }
    }

    /// The values of names, if all are names of tensors.
    fn operands(&mut self, exprs: &[&Expr]) -> Result<Option<Vec<Tensor>>> {
        let mut tensors = Vec::new();
        for expr in exprs {
            if !matches!(expr.kind, ExprKind::Name(_) | ExprKind::Step | ExprKind::Epoch) {
                return Ok(None);
            }
            match self.expr(expr)? {
                Value::Tensor(x) => tensors.push(x),
                _ => return Ok(None),
            }
        }
        Ok(Some(tensors))
    }

    fn exact_call(
        &mut self,
        call: &CallExpr,
        ty: &crate::ast::Type,
    ) -> Result<Option<(Op, Vec<Tensor>)>> {
        let name = &*call.name.text;
        let is_own = self.find_value(name).is_some_and(|b| matches!(b.value, Value::Function(_)));
        let is_function = self.program.function(self.here().file, name).is_some();
        if is_own || is_function {
            return Ok(None);
        }
        match name {
            "hex" => return self.hex(call, ty).map(|leaf| leaf.map(|leaf| (leaf, Vec::new()))),
            // These are one leaf of a graph, wherever they are read.
            "seed" | "batch_number" => return Ok(None),
            "variable" => return self.variable_leaf(call).map(|l| l.map(|l| (l, Vec::new()))),
            _ => {}
        }
        if !signatures().iter().any(|signature| signature.name == name) {
            return Ok(None);
        }
        let positional: Vec<&Expr> =
            call.args.iter().take_while(|arg| arg.name.is_none()).map(|arg| &arg.value).collect();
        let Some(mut operands) = self.operands(&positional)? else { return Ok(None) };
        if name == "result" {
            operands = operands.into_iter().map(|x| self.with_results(x)).collect();
        }
        let mut attributes = Vec::new();
        for arg in &call.args[positional.len()..] {
            let Some(argument) = &arg.name else { return Ok(None) };
            let value = self.expr(&arg.value)?;
            let Some(attribute) = attribute(&value) else { return Ok(None) };
            attributes.push((argument.text.to_string(), attribute));
        }
        let types: Vec<TensorType> =
            operands.iter().map(|&x| self.tensor_type(x).clone()).collect();
        let types: Vec<&TensorType> = types.iter().collect();
        Ok(build_op(name, &attributes, &types).ok().map(|op| (op, operands)))
    }

    /// The node whose result a value is; another result of it is read by `result(x, index=1)`.
    fn with_results(&self, x: Tensor) -> Tensor {
        let graph = self.graph_of(x.region);
        match graph.operands(x.node) {
            [node] if graph.op(x.node).picks_result() => Tensor { node: *node, ..x },
            _ => x,
        }
    }

    /// `hex("...")`: the bytes of a constant of the written type.
    fn hex(&mut self, call: &CallExpr, ty: &crate::ast::Type) -> Result<Option<Op>> {
        let wanted = self.written_type(ty)?;
        let [arg] = call.args.as_slice() else { return Ok(None) };
        let ExprKind::Str(text) = &arg.value.kind else { return Ok(None) };
        let pair = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
        let sizes = wanted.sizes();
        let literal = match (bytes, sizes) {
            (Some(bytes), Some(sizes)) if text.len() % 2 == 0 => {
                Some(Literal::from_bytes(wanted.dtype, &sizes, &bytes)).flatten()
            }
            (_, _) => None,
        };
        match literal {
            Some(literal) => Ok(Some(Leaf::constant(literal).into())),
            None => {
                let message = format!("these are not the bytes of a {wanted}");
                let error = Diagnostic::error(Code::BareNumber, message).at(arg.value.span, "");
                Err(self.push(error.help("two hexadecimal digits a byte, little-endian")))
            }
        }
    }

    /// `variable(name="w")`: a leaf that is called otherwise than its variable.
    fn variable_leaf(&mut self, call: &CallExpr) -> Result<Option<Op>> {
        let [arg] = call.args.as_slice() else { return Ok(None) };
        let ExprKind::Str(text) = &arg.value.kind else { return Ok(None) };
        let Some((name, declared)) = self.variables.get_key_value(&**text) else {
            let message = format!("there is no variable `{text}`");
            return Err(self.error(Code::UnknownName, message, arg.value.span, ""));
        };
        let tensor_type = declared.variable.tensor_type.clone();
        Ok(Some(Leaf::Variable { name: name.clone(), tensor_type }.into()))
    }
}

/// The operation that an operator is, on operands that fit as they are.
fn infix(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Or => BinaryFn::Or.into(),
        BinaryOp::And => BinaryFn::And.into(),
        BinaryOp::Eq => CompareFn::Eq.into(),
        BinaryOp::Ne => CompareFn::Ne.into(),
        BinaryOp::Lt => CompareFn::Lt.into(),
        BinaryOp::Le => CompareFn::Le.into(),
        BinaryOp::Gt => CompareFn::Gt.into(),
        BinaryOp::Ge => CompareFn::Ge.into(),
        BinaryOp::Add => BinaryFn::Add.into(),
        BinaryOp::Sub => BinaryFn::Sub.into(),
        BinaryOp::Mul => BinaryFn::Mul.into(),
        BinaryOp::Div => BinaryFn::Div.into(),
        BinaryOp::FloorDiv => BinaryFn::FloorDiv.into(),
        BinaryOp::Rem => BinaryFn::Mod.into(),
        BinaryOp::Pow => BinaryFn::Pow.into(),
        BinaryOp::MatMul => Contract::Matmul { transpose_a: false, transpose_b: false }.into(),
    }
}
