//! What is a part of the instruction that uses it: the sum and the shift of an address, the comparison of
//! a larger or smaller number, that of a jump.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{self, InstructionData, Opcode, Value, types};
use rustc_hash::FxHashMap;

use super::inst::{Condition, VectorOp};
use super::select::Selector;

/// The larger or the smaller of two values, as a choice between them.
pub(super) struct Extreme {
    /// The comparison, and what takes its bits for numbers.
    parts: Vec<ir::Inst>,
    pub(super) op: VectorOp,
    pub(super) a: Value,
    pub(super) b: Value,
}

impl Selector<'_> {
    /// Finds what is a part of its uses.
    pub(super) fn find_parts(&mut self) {
        for block in self.func.layout.blocks() {
            let mut addresses = vec![];
            for inst in self.func.layout.block_insts(block) {
                match self.func.dfg.insts[inst].opcode() {
                    Opcode::Bitselect => {
                        if let Some(extreme) = self.extreme(inst) {
                            self.parts.extend(extreme.parts);
                        }
                    }
                    Opcode::Brif => {
                        if let Some((compared, ..)) = self.compared(self.argument(inst, 0)) {
                            self.parts.insert(compared);
                        }
                    }
                    Opcode::Load => addresses.push(self.argument(inst, 0)),
                    Opcode::Store => addresses.push(self.argument(inst, 1)),
                    _ => {}
                }
            }
            let sums = self.used_as(addresses, block, |sum| self.is_address(sum));
            let shifted = sums.iter().map(|&sum| self.argument(sum, 1)).collect();
            let shifts = self.used_as(shifted, block, |shift| self.is_scale(shift));
            self.parts.extend(sums);
            self.parts.extend(shifts);
        }
    }

    /// The instructions of a block that are such and whose values are used as these alone.
    pub(super) fn used_as(
        &self,
        values: Vec<Value>,
        block: ir::Block,
        is_such: impl Fn(ir::Inst) -> bool,
    ) -> Vec<ir::Inst> {
        let mut counts: FxHashMap<Value, u32> = FxHashMap::default();
        values.into_iter().for_each(|value| *counts.entry(value).or_default() += 1);
        let all_uses = counts.iter().filter(|(value, n)| self.uses.get(value) == Some(n));
        let made = all_uses.filter_map(|(&value, _)| self.made_by(value));
        made.filter(|&inst| self.func.layout.inst_block(inst) == Some(block) && is_such(inst))
            .collect()
    }

    /// Whether an instruction makes what an address may be: a sum of a register and another one or a
    /// number.
    pub(super) fn is_address(&self, inst: ir::Inst) -> bool {
        self.func.dfg.insts[inst].opcode() == Opcode::Iadd
            && self.number(self.argument(inst, 0)).is_none()
            && self.number(self.argument(inst, 1)).is_none_or(|n| i32::try_from(n).is_ok())
    }

    /// Whether an instruction makes what an index of an address may be: a register times 1, 2, 4 or 8.
    pub(super) fn is_scale(&self, inst: ir::Inst) -> bool {
        self.func.dfg.insts[inst].opcode() == Opcode::Ishl
            && self.number(self.argument(inst, 1)).is_some_and(|n| (0..=3).contains(&n))
    }

    /// What a choice between two values is, if it takes the larger or the smaller one.
    pub(super) fn extreme(&self, inst: ir::Inst) -> Option<Extreme> {
        let [mask, yes, no] = [0, 1, 2].map(|n| self.argument(inst, n));
        let (mut mask, mut parts) = (mask, vec![]);
        while let (cast, Opcode::Bitcast) = self.opcode_of(mask)? {
            if !self.is_used_once(mask) {
                return None;
            }
            parts.push(cast);
            mask = self.argument(cast, 0);
        }
        let compared = self.made_by(mask).filter(|_| self.is_used_once(mask))?;
        let InstructionData::FloatCompare { cond, .. } = self.func.dfg.insts[compared] else {
            return None;
        };
        let (p, q) = match cond {
            FloatCC::LessThan => (self.argument(compared, 0), self.argument(compared, 1)),
            FloatCC::GreaterThan => (self.argument(compared, 1), self.argument(compared, 0)),
            _ => return None,
        };
        parts.push(compared);
        // `p < q`
        match (yes, no) {
            _ if (yes, no) == (q, p) => Some(Extreme { parts, op: VectorOp::Max, a: q, b: p }),
            _ if (yes, no) == (p, q) => Some(Extreme { parts, op: VectorOp::Min, a: p, b: q }),
            _ => None,
        }
    }

    /// A comparison of integers that only a jump reads.
    pub(super) fn compared(&self, value: Value) -> Option<(ir::Inst, Condition, [Value; 2])> {
        let inst = self.made_by(value).filter(|_| self.is_used_once(value))?;
        let InstructionData::IntCompare { cond, .. } = self.func.dfg.insts[inst] else {
            return None;
        };
        let operands = [self.argument(inst, 0), self.argument(inst, 1)];
        (self.type_of(operands[0]) == types::I64).then_some((inst, Condition::of(cond), operands))
    }
}
