//! The table of operations by name: what a frontend reads a printed graph back with.

use super::{
    Attribute, Attributes, Op, OpRules, Signature, TypeError, argsort, codes, contract, control,
    conv, creation, einsum, elementwise, indexing, leaf, movement, others, placement, pool, prefix,
    random, reduce,
};
use crate::ir::TensorType;

/// The signatures of every operation, family by family.
pub fn signatures() -> Vec<&'static Signature> {
    [
        leaf::signatures(),
        elementwise::signatures(),
        movement::signatures(),
        creation::signatures(),
        reduce::signatures(),
        others::signatures(),
        prefix::signatures(),
        contract::signatures(),
        einsum::signatures(),
        conv::signatures(),
        pool::signatures(),
        placement::signatures(),
        argsort::signatures(),
        indexing::signatures(),
        random::signatures(),
        control::signatures(),
    ]
    .concat()
}

type Reader = fn(&Attributes<'_>) -> Result<Option<Op>, TypeError>;

const FAMILIES: [Reader; 16] = [
    leaf::from_attributes,
    elementwise::from_attributes,
    movement::from_attributes,
    creation::from_attributes,
    reduce::from_attributes,
    others::from_attributes,
    prefix::from_attributes,
    contract::from_attributes,
    einsum::from_attributes,
    conv::from_attributes,
    pool::from_attributes,
    placement::from_attributes,
    argsort::from_attributes,
    indexing::from_attributes,
    random::from_attributes,
    control::from_attributes,
];

/// The operation of a name with attributes by name, for operands of these types: the inverse of
/// [`OpRules::signature`] and [`OpRules::attributes`]. Inputs, variables, parameters and scans,
/// which have more to them, are made by the frontend itself. Errors: an unknown name; an
/// attribute that is missing, unknown or of another kind.
pub fn build_op(
    name: &str,
    attributes: &[(String, Attribute)],
    operands: &[&TensorType],
) -> Result<Op, TypeError> {
    let attributes = Attributes::new(name, attributes, operands);
    for read in FAMILIES {
        if let Some(op) = read(&attributes)? {
            attributes.check(op.signature())?;
            return Ok(op);
        }
    }
    let message = format!("there is no operation `{name}`");
    Err(TypeError::new(codes::NO_SUCH_OPERATION, message))
}
