//! `einsum`: what its string says of each dimension.

use brolga_compiler::ir::Dim;
use brolga_compiler::ops::broadcast_shapes;

use super::super::value::Value;
use super::{Args, Elaborator, Entry, Result, Tensor, entry};
use crate::codes::Code;
use crate::diagnostics::Diagnostic;
use crate::source::Span;

/// The operations of this file.
pub(super) const ENTRIES: &[Entry] = &[entry(
    "einsum",
    "equation, operands",
    "the sum of products that a string tells, as in NumPy: `einsum(\"bij,bjk->bik\", x, y)`. A \
     letter names a dimension; what the result has not is summed over, a letter that one operand \
     has twice is its diagonal, `...` are dimensions that broadcast, and without `->` the result \
     has the letters that occur once, in their order. Operands are multiplied from the left",
    einsum,
)];

/// The letters of an operand or the result: those before and after an ellipsis, if it has one.
struct Term {
    before: Vec<char>,
    after: Option<Vec<char>>,
}

impl Term {
    fn letters(&self) -> impl Iterator<Item = char> {
        self.before.iter().chain(self.after.iter().flatten()).copied()
    }

    /// All labels, those of the ellipsis in its place.
    fn labels(&self, ellipsis: &[char]) -> Vec<char> {
        match &self.after {
            Some(after) => [&self.before[..], ellipsis, after].concat(),
            None => self.before.clone(),
        }
    }
}

/// `einsum("ij,jk->ik", a, b)`
pub(super) fn einsum(e: &mut Elaborator<'_>, args: Args) -> Result<Value> {
    let (Value::Str(text), span) = args.value(0) else {
        return Err(e.wrong_argument(&args, 0, "a string"));
    };
    let text = text.clone();
    let operands = e.parts_argument(&args, 1)?;
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&*text, None),
    };
    let mut terms = Vec::new();
    for part in left.split(',') {
        terms.push(term(e, part, span)?);
    }
    if terms.len() != operands.len() {
        let message =
            format!("{} operands for {} parts of the string", operands.len(), terms.len());
        return Err(e.error(Code::OperandCount, message, span, ""));
    }
    let result = match right {
        Some(right) => term(e, right, span)?,
        None => implied(&terms),
    };
    check_result(e, &terms, &result, span)?;
    let (mut labelled, shape) = (Vec::new(), ellipsis_shape(e, &terms, &operands, span)?);
    let unused = ('a'..='z').chain('A'..='Z').filter(|c| !text.contains(*c));
    let labels: Vec<char> = unused.take(shape.len()).collect();
    if labels.len() < shape.len() {
        let message = "there are more dimensions than letters";
        return Err(e.error(Code::Attribute, message, span, ""));
    }
    e.at = args.span;
    for (term, &x) in terms.iter().zip(&operands) {
        labelled.push(narrowed(e, x, term, (&shape, &labels))?);
    }
    let wanted = result.labels(&labels);
    let all: Vec<Tensor> = labelled.iter().map(|(x, _)| *x).collect();
    let y = e.build(&all, |build, nodes| {
        let of_node =
            nodes.iter().zip(&labelled).map(|(&node, (_, labels))| (node, labels.clone()));
        build.einsum(&of_node.collect::<Vec<_>>(), &wanted)
    })?;
    Ok(Value::Tensor(y))
}

/// The letters of a part of the string.
fn term(e: &mut Elaborator<'_>, part: &str, span: Span) -> Result<Term> {
    let part: String = part.chars().filter(|c| *c != ' ').collect();
    let (before, after) = match part.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (&*part, None),
    };
    let mut all = before.chars().chain(after.unwrap_or_default().chars());
    if let Some(c) = all.find(|c| !c.is_ascii_alphabetic()) {
        let message = format!("`{c}` is no letter of `einsum`");
        let error = Diagnostic::error(Code::Attribute, message).at(span, format!("in `{part}`"));
        return Err(e.push(error.help("write letters and `...`, as in \"...ij,jk->...ik\"")));
    }
    let letters = |text: &str| text.chars().collect();
    Ok(Term { before: letters(before), after: after.map(letters) })
}

/// The result where it is not said: the ellipsis, and the letters that occur once in all, in order.
fn implied(terms: &[Term]) -> Term {
    let all: Vec<char> = terms.iter().flat_map(Term::letters).collect();
    let once = |c: &char| all.iter().filter(|other| *other == c).count() == 1;
    let mut letters: Vec<char> = all.iter().copied().filter(once).collect();
    letters.sort_unstable();
    match terms.iter().any(|term| term.after.is_some()) {
        true => Term { before: Vec::new(), after: Some(letters) },
        false => Term { before: letters, after: None },
    }
}

/// Refuses a result that is not made of the operands.
fn check_result(e: &mut Elaborator<'_>, terms: &[Term], result: &Term, span: Span) -> Result<()> {
    let letters: Vec<char> = result.letters().collect();
    let has = |c: &char| terms.iter().any(|term| term.letters().any(|other| other == *c));
    let why = match letters.iter().enumerate().find(|(k, c)| letters[..*k].contains(c) || !has(c)) {
        Some((_, c)) if !has(c) => format!("the result has `{c}`, which no operand has"),
        Some((_, c)) => format!("the result has `{c}` twice"),
        None if result.after.is_some() && terms.iter().all(|term| term.after.is_none()) => {
            "the result has `...`, which no operand has".to_owned()
        }
        None if result.after.is_none() && terms.iter().any(|term| term.after.is_some()) => {
            "the result has no `...`, which an operand has".to_owned()
        }
        None => return Ok(()),
    };
    Err(e.error(Code::Attribute, why, span, ""))
}

/// What the dimensions of all ellipses broadcast to.
fn ellipsis_shape(
    e: &mut Elaborator<'_>,
    terms: &[Term],
    operands: &[Tensor],
    span: Span,
) -> Result<Vec<Dim>> {
    let mut shape: Vec<Dim> = Vec::new();
    for (term, &x) in terms.iter().zip(operands) {
        let of_x = e.tensor_type(x).clone();
        let letters = term.letters().count();
        let fits = match term.after {
            Some(_) => letters <= of_x.rank(),
            None => letters == of_x.rank(),
        };
        if !fits {
            let message = format!("{letters} letters for {} dimensions", of_x.rank());
            return Err(e.error(Code::Attribute, message, span, of_x.to_string()));
        }
        if term.after.is_some() {
            let own = &of_x.shape[term.before.len()..][..of_x.rank() - letters];
            shape = match broadcast_shapes(&shape, own) {
                Ok(shape) => shape,
                Err(error) => return Err(e.type_error(&error)),
            };
        }
    }
    Ok(shape)
}

/// An operand without the dimensions of its ellipsis that are 1 where others are more, and its
/// labels.
fn narrowed(
    e: &mut Elaborator<'_>,
    x: Tensor,
    term: &Term,
    (shape, labels): (&[Dim], &[char]),
) -> Result<(Tensor, Vec<char>)> {
    let of_x = e.tensor_type(x).shape.clone();
    let n = of_x.len() - term.letters().count();
    let own = &labels[labels.len() - n..];
    let all = term.labels(own);
    let is_repeated = |d: usize| {
        let k = labels.iter().position(|label| *label == all[d]);
        k.is_some_and(|k| of_x[d].is_one() && !shape[k].is_one())
    };
    let kept: Vec<usize> = (0..of_x.len()).filter(|&d| !is_repeated(d)).collect();
    let dims: Vec<Dim> = kept.iter().map(|&d| of_x[d].clone()).collect();
    let x = e.build(&[x], |build, x| build.reshape(x[0], &dims))?;
    Ok((x, kept.into_iter().map(|d| all[d]).collect()))
}
