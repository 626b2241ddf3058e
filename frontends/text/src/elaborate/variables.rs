//! Variables: their names, their types, and the closed graphs of their initial values.

use std::sync::Arc;

use brolga_compiler::ir::{self, Graph, Name as NodeName, TensorType};
use brolga_compiler::ops::{Leaf, Op};
use brolga_compiler::optimizer::SLOTS;

use super::calls::{CallSite, Given, is_initialiser, named_after_shape};
use super::regions::RegionKind;
use super::types::agree;
use super::value::{FunctionRef, GivenArg, Tensor, Value};
use super::{Declared, Elaborator, Failed, Result};
use crate::ast::{self, Name, VariableKind};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::source::Span;

/// What a declaration of a variable says.
#[derive(Clone, Copy)]
pub(super) struct Declaration<'d> {
    pub(super) kind: VariableKind,
    pub(super) name: &'d Name,
    /// Its type with the place where it is written.
    pub(super) tensor_type: &'d TensorType,
    pub(super) type_span: Span,
    /// Reads the initial value, in a graph of its own, with the place where it is written.
    pub(super) initial: &'d dyn Fn(&mut Elaborator<'_>) -> Result<Value>,
    pub(super) initial_span: Span,
}

impl Elaborator<'_> {
    /// `param NAME: TYPE = INIT`, `state NAME: TYPE = INIT`
    pub(super) fn variable(&mut self, variable: &ast::Variable) -> Result<()> {
        let ast::Variable { kind, name, ty, init, .. } = variable;
        let declared = Some(word(*kind));
        let again = self.here().values.get(&name.text).is_some_and(|b| b.declared == declared);
        if !again || self.here().loops.is_empty() {
            self.check_new_name(name)?;
        }
        let tensor_type = self.written_type(ty)?;
        self.add_variable(Declaration {
            kind: *kind,
            name,
            tensor_type: &tensor_type,
            type_span: ty.span,
            initial: &|e| e.expr(init),
            initial_span: init.span,
        })?;
        Ok(())
    }

    /// The variable that a declaration makes, or meets again.
    pub(super) fn add_variable(&mut self, declaration: Declaration<'_>) -> Result<Tensor> {
        let Declaration { kind, name, tensor_type, type_span, .. } = declaration;
        let full: NodeName = self.here().below(&name.text).into();
        if self.variables.contains_key(&full) {
            self.meet_again(&full, tensor_type, type_span)?;
        } else {
            self.check_variable(declaration)?;
            let initial = self.initial(&full, declaration)?;
            self.at = name.span;
            let provenance = self.provenance();
            let kind = match kind {
                VariableKind::Param => ir::VariableKind::Param,
                VariableKind::State if full.starts_with(SLOTS) => ir::VariableKind::Slot,
                VariableKind::State => ir::VariableKind::State,
            };
            let tensor_type = tensor_type.clone();
            let made = ir::Variable { kind, tensor_type, initial, provenance };
            let shown = self.shown(name.span);
            let declared = Declared { variable: made, span: name.span, shown };
            self.variables.insert(full.clone(), declared);
        }
        self.n_touched += 1;
        self.at = name.span;
        let leaf = self.read_variable(&full)?;
        self.declare(name, Value::Tensor(leaf), word(kind));
        Ok(leaf)
    }

    /// A variable that exists may be made again by the shared layer that made it.
    fn meet_again(&mut self, full: &NodeName, wanted: &TensorType, span: Span) -> Result<()> {
        let is_inside = |number: &usize| {
            let shared = &self.shared[*number];
            shared.made && full.starts_with(&format!("{}.", shared.path))
        };
        let open = self.frames.iter().filter_map(|frame| frame.shared).find(is_inside);
        let known = &self.variables[full];
        let (of_known, declared) = (known.variable.tensor_type.clone(), known.span);
        match open {
            None => {
                let message = format!("the variable `{full}` exists already");
                let error = Diagnostic::error(Code::VariableExists, message).at(span, "");
                Err(self.push(error.with(declared, "first declared here")))
            }
            Some(_) if of_known == *wanted => Ok(()),
            Some(number) => {
                let name = self.shared[number].name.text.clone();
                let message = format!("`{name}` is called with another shape than before");
                let label = format!("`{full}` is {of_known}, here {wanted}");
                let error = Diagnostic::error(Code::SharedMismatch, message).at(span, label);
                let help = "the first call of a shared layer fixes the shapes of its variables";
                Err(self.push(error.help(help)))
            }
        }
    }

    fn check_variable(&mut self, declaration: Declaration<'_>) -> Result<()> {
        let Declaration { kind, name, tensor_type: of_it, type_span, .. } = declaration;
        if matches!(self.region().kind, RegionKind::Initial) || self.in_metric {
            let message =
                format!("the variable `{}` is made in an initial value or metric", name.text);
            return Err(self.error(Code::InitialNotClosed, message, name.span, ""));
        }
        if kind == VariableKind::Param && !of_it.dtype.is_float() {
            let message = format!("a param cannot be {}", of_it.dtype);
            let error = Diagnostic::error(Code::ParamNotFloat, message).at(type_span, "");
            return Err(
                self.push(error.help("params are trained, so they are floats; use `state`"))
            );
        }
        let symbols = of_it.shape.iter().flat_map(|dim| dim.symbols());
        let batch = symbols.into_iter().find(|symbol| Some(&symbol.0) == self.batch.as_ref());
        if let Some(batch) = batch {
            let message = format!("the variable `{}` would depend on the batch size", name.text);
            let label = format!("{of_it}: `{batch}` is the batch dimension");
            let error = Diagnostic::error(Code::BatchVariable, message).at(type_span, label);
            return Err(self.push(error.help("the last batch of an epoch may be smaller")));
        }
        Ok(())
    }

    /// The variable's leaf, in the innermost graph.
    pub(super) fn read_variable(&mut self, name: &NodeName) -> Result<Tensor> {
        let known = self.regions[0].variables.get(name).copied();
        let leaf = match known {
            Some(node) => Tensor { node, region: self.regions[0].id },
            None => {
                let declared = &self.variables[name];
                let tensor_type = declared.variable.tensor_type.clone();
                let leaf = Leaf::Variable { name: name.clone(), tensor_type };
                let leaf = self.named_leaf(name, leaf);
                self.regions[0].variables.insert(name.clone(), leaf.node);
                leaf
            }
        };
        let node = self.bring_here(leaf)?;
        Ok(self.tensor(node))
    }

    /// The name of the variable that a tensor is, if it is one, by whatever name.
    pub(super) fn variable_of(&self, x: Tensor) -> Option<NodeName> {
        match self.graph_of(x.region).op(self.value_itself(x).node) {
            Op::Leaf(Leaf::Variable { name, .. }) => Some(name.clone()),
            _ => None,
        }
    }

    /// The initial value as a closed graph.
    fn initial(&mut self, full: &NodeName, declaration: Declaration<'_>) -> Result<Graph> {
        self.open_region(RegionKind::Initial);
        let value = self.initial_value(full, declaration);
        let mut region = self.close_region();
        region.graph.outputs.push(("initial".into(), value?));
        region.graph.dissolve_bindings();
        Ok(region.graph)
    }

    fn initial_value(
        &mut self,
        full: &NodeName,
        declaration: Declaration<'_>,
    ) -> Result<ir::NodeId> {
        let (wanted, span) = (declaration.tensor_type, declaration.initial_span);
        let wish = self.here().wish.clone();
        let named = Some(full.to_string());
        let value = self.with_wish(named.clone(), named.clone(), |e| (declaration.initial)(e))?;
        self.at = span;
        let value = match &value {
            Value::Function(function) => self.initialise(function, &[], wanted, span, &named)?,
            Value::Initial(initial) => {
                let args = named_after_shape(&initial.function, &initial.args);
                self.initialise(&initial.function, &args, wanted, initial.span, &named)?
            }
            _ => value,
        };
        debug_assert_eq!(wish, self.here().wish);
        self.at = span;
        let value = match (&value, wanted.rank()) {
            (Value::Bare(_), 1..) => {
                let scalar = self.materialise(&value, Some(wanted.dtype), span)?;
                let shape = wanted.shape.clone();
                Value::Tensor(self.build(&[scalar], |build, x| build.broadcast_to(x[0], &shape))?)
            }
            (_, _) => value,
        };
        let what = format!("the initial value of `{full}`");
        let x = self.of_type(&value, wanted, &what, (span, declaration.type_span))?;
        debug_assert!(agree(self.tensor_type(x), wanted));
        self.bring_here(x)
    }

    /// Calls an initialiser for a variable's type.
    fn initialise(
        &mut self,
        function: &FunctionRef,
        args: &[GivenArg],
        wanted: &TensorType,
        span: Span,
        named: &Option<String>,
    ) -> Result<Value> {
        let shape = Value::list(wanted.shape.iter().cloned().map(Value::dim).collect());
        let by_name = |name: &str, value: Value| GivenArg { name: Some(name.into()), value, span };
        let mut all = vec![by_name("shape", shape), by_name("dtype", Value::Element(wanted.dtype))];
        all.extend(args.iter().cloned());
        let name = match function {
            FunctionRef::Graph(_, f) if is_initialiser(f) => f.name.text.clone(),
            FunctionRef::Builtin(b) if b.is_initialiser() => Arc::from(b.name),
            FunctionRef::Graph(..) | FunctionRef::Builtin(_) | FunctionRef::Shared(_) => {
                let message = "this function is no initialiser";
                let error = Diagnostic::error(Code::WrongKind, message).at(span, "");
                let help = "an initialiser's first arguments are `shape` and `dtype`";
                return Err(self.push(error.help(help)));
            }
        };
        let given = Given { args: all, name: None, training: None };
        let site = CallSite { name: &name, span, is_whole: true };
        // Its random numbers are called after the variable.
        self.with_wish(named.clone(), named.clone(), |e| e.call_function(function, given, site))
    }

    /// The params of which a pattern takes the name, in the order in which they were made.
    pub(super) fn matching_params(&self, pattern: &str) -> Vec<NodeName> {
        let params = self.variables.iter();
        let params = params.filter(|(_, d)| d.variable.kind == ir::VariableKind::Param);
        params.filter(|(name, _)| takes(pattern, name)).map(|(name, _)| name.clone()).collect()
    }

    /// Reports a pattern that takes nothing.
    pub(super) fn no_match(&mut self, pattern: &str, span: Span) -> Failed {
        let message = format!("no param matches `{pattern}`");
        let error = Diagnostic::error(Code::NoMatch, message).at(span, "");
        let params = self.variables.iter();
        let params = params.filter(|(_, d)| d.variable.kind == ir::VariableKind::Param);
        let names: Vec<&str> = params.map(|(name, _)| &**name).take(12).collect();
        let help = match names.is_empty() {
            true => "there are no params so far".to_owned(),
            false => format!("the params so far are {}", names.join(", ")),
        };
        self.push(error.help(help))
    }
}

/// The word that declares a variable.
fn word(kind: VariableKind) -> &'static str {
    match kind {
        VariableKind::Param => "param",
        VariableKind::State => "state",
    }
}

/// Whether a pattern takes a name: `*` stands for any text, and what lies below a name that is
/// taken is taken too.
pub(super) fn takes(pattern: &str, name: &str) -> bool {
    let ends = name.match_indices('.').map(|(at, _)| at).chain([name.len()]);
    ends.into_iter().any(|end| glob(pattern.as_bytes(), &name.as_bytes()[..end]))
}

/// Whether a pattern with stars fits a text. `O(pattern · text)`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            last_star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star, from)) = last_star {
            (p, t) = (star + 1, from + 1);
            last_star = Some((star, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::takes;

    #[test]
    fn patterns_take_names_and_what_lies_below() {
        let cases = [
            ("*.w", "h.w", true),
            ("*.w", "h.1.w", true),
            ("*.w", "w", false),
            ("generator", "generator.h.w", true),
            ("generator", "generator2.h.w", false),
            ("gen*", "generator2.h.w", true),
            ("*", "w", true),
            ("h.*.b", "h.x.y.b", true),
            ("*.h", "a.h.b.c", true),
            ("**", "", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(takes(pattern, name), expected, "{pattern} takes {name}");
        }
    }
}
