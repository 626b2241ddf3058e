//! Positions and addresses.
//!
//! An address is built from the outermost known part inwards, so that an inner loop adds its own
//! count alone; the constant part and the lane are the displacement of the access.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use super::emitter::{Emitter, Int, IntOp, Places, Val, data};
use super::error::CodegenError;
use crate::ir::{AxisId, DType, ExprId, IndexId, PlaceId, Term};
use crate::loop_ir::Extent;

/// Where an element is: an address and a displacement in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) base: Value,
    pub(super) offset: i32,
}

/// How an index depends on the lane of the vector loop around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stride {
    /// All lanes have the same.
    Same,
    /// So many elements from lane to lane.
    Step(i64),
    /// Otherwise.
    Irregular,
}

impl Emitter<'_> {
    /// How far a loop counts.
    pub(super) fn extent(&mut self, extent: Extent) -> Int {
        match extent {
            Extent::Const(n) => Int::Const(n as i64),
            Extent::Block { block, total, .. } if total % block == 0 => Int::Const(block as i64),
            Extent::Block { axis, block, total } => {
                let before = self.axis(axis);
                let before = self.int_mul(before, block as i64);
                match self.int_sub(Int::Const(total as i64), before) {
                    Int::Const(rest) => Int::Const(rest.min(block as i64)),
                    Int::Value(rest, level) => {
                        self.int(IntOp::Min, (rest, level), Int::Const(block as i64))
                    }
                }
            }
        }
    }

    fn axis(&self, axis: AxisId) -> Int {
        self.axes.get(&axis).copied().unwrap_or(Int::Const(0))
    }

    /// How the position varies over lanes.
    pub(super) fn stride(&mut self, index: IndexId) -> Result<Stride, CodegenError> {
        let Some(lanes) = self.lanes else { return Ok(Stride::Same) };
        let kernel = self.kernel;
        let mut step = 0;
        for &(term, c) in &kernel.exprs.index(index).terms {
            match term {
                Term::Axis(axis) if axis == lanes.axis => step += c,
                Term::Axis(_) => {}
                Term::Div(x, _) | Term::Mod(x, _) => {
                    if self.stride(x)? != Stride::Same {
                        return Ok(Stride::Irregular);
                    }
                }
                Term::Data(value, _) => {
                    if let Val::Many(_) = self.expr(value)?.val {
                        return Ok(Stride::Irregular);
                    }
                }
            }
        }
        Ok(if step == 0 { Stride::Same } else { Stride::Step(step) })
    }

    /// The memories that an index is read from.
    pub(super) fn index_reads(&mut self, index: IndexId) -> Result<Places, CodegenError> {
        let kernel = self.kernel;
        let mut reads = Places::default();
        for &(term, _) in &kernel.exprs.index(index).terms {
            let more = match term {
                Term::Axis(_) => Places::default(),
                Term::Div(x, _) | Term::Mod(x, _) => self.index_reads(x)?,
                Term::Data(value, _) => self.expr(value)?.reads,
            };
            reads = reads.with(more);
        }
        Ok(reads)
    }

    /// Whether an axis of an index is a number: one of a loop whose iterations are written out.
    pub(super) fn has_number(&self, index: IndexId) -> bool {
        self.kernel.exprs.index(index).terms.iter().any(|&(term, _)| match term {
            Term::Axis(axis) => matches!(self.axis(axis), Int::Const(_)),
            Term::Div(x, _) | Term::Mod(x, _) => self.has_number(x),
            Term::Data(..) => false,
        })
    }

    /// The value of an index in a lane.
    pub(super) fn index(&mut self, index: IndexId, lane: usize) -> Result<Int, CodegenError> {
        let kernel = self.kernel;
        let index = kernel.exprs.index(index);
        let mut parts = vec![Int::Const(index.constant)];
        for &(term, c) in &index.terms {
            let value = self.term(term, lane)?;
            parts.push(self.int_mul(value, c));
        }
        Ok(self.sum(parts))
    }

    /// The sum, outermost parts first.
    fn sum(&mut self, mut parts: Vec<Int>) -> Int {
        parts.sort_by_key(|part| match part {
            Int::Value(_, level) => *level,
            Int::Const(_) => usize::MAX,
        });
        parts.into_iter().fold(Int::Const(0), |sum, part| self.int_add(sum, part))
    }

    fn term(&mut self, term: Term, lane: usize) -> Result<Int, CodegenError> {
        match term {
            Term::Axis(axis) => {
                let lanes = self.lanes.filter(|lanes| lanes.axis == axis);
                let lane = lanes.map_or(0, |lanes| lanes.first + lane);
                let value = self.axis(axis);
                Ok(self.int_add(value, Int::Const(lane as i64)))
            }
            Term::Div(x, n) => {
                let value = self.index(x, lane)?;
                let range = self.kernel.exprs.range(x);
                Ok(self.int_div(value, n, range))
            }
            Term::Mod(x, n) => {
                let value = self.index(x, lane)?;
                let range = self.kernel.exprs.range(x);
                Ok(self.int_mod(value, n, range))
            }
            Term::Data(value, n) => self.data_index(value, n, lane),
        }
    }

    /// An element as an index, clamped.
    fn data_index(&mut self, id: ExprId, n: i64, lane: usize) -> Result<Int, CodegenError> {
        let value = self.expr(id)?;
        let dtype = self.kernel.exprs.dtype(id);
        let one = self.lane_at(value.level, dtype, &value.val, lane);
        let wide = self.widen(dtype, one, value.level);
        let below = self.int(IntOp::Min, (wide, value.level), Int::Const(n - 1));
        Ok(match below {
            Int::Value(below, level) => self.int(IntOp::Max, (below, level), Int::Const(0)),
            Int::Const(_) => below,
        })
    }

    /// A scalar of an integer type as 64 bits.
    pub(super) fn widen(&mut self, dtype: DType, value: Value, level: usize) -> Value {
        let op = match dtype {
            DType::I32 => IntOp::SignExtend,
            DType::U8 | DType::Bool => IntOp::ZeroExtend,
            DType::I64 | DType::F32 | DType::F64 => return value,
        };
        let wide = self.int(op, (value, level), Int::Const(0));
        self.int_value(wide)
    }

    /// The address of the element at an index in a lane.
    pub(super) fn address(
        &mut self,
        place: PlaceId,
        index: IndexId,
        lane: usize,
    ) -> Result<Address, CodegenError> {
        let size = self.kernel.place_dtype(place).size() as i64;
        let (base, mut offset) = self.base(place);
        let kernel = self.kernel;
        let index = kernel.exprs.index(index);
        offset += index.constant * size;
        let mut parts = vec![];
        for &(term, c) in &index.terms {
            // The lane goes into the displacement.
            let value = match (term, self.lanes) {
                (Term::Axis(axis), Some(lanes)) if axis == lanes.axis => {
                    offset += (lanes.first + lane) as i64 * c * size;
                    self.axis(axis)
                }
                (Term::Axis(_) | Term::Div(..) | Term::Mod(..) | Term::Data(..), _) => {
                    self.term(term, lane)?
                }
            };
            match self.int_mul(value, c * size) {
                Int::Const(c) => offset += c,
                part @ Int::Value(..) => parts.push(part),
            }
        }
        if i32::try_from(offset).is_err() {
            parts.push(Int::Value(self.far_offset(offset), 0));
            offset = 0;
        }
        parts.push(Int::Value(base, 0));
        // A stable sort: the base comes last among those of level 0, so it goes first.
        parts.rotate_right(1);
        let address = self.sum(parts);
        Ok(Address { base: self.int_value(address), offset: offset as i32 })
    }

    fn far_offset(&mut self, offset: i64) -> Value {
        self.at(0).ins().iconst(types::I64, offset)
    }

    /// The address itself, for a call.
    pub(super) fn pointer(
        &mut self,
        place: PlaceId,
        index: IndexId,
    ) -> Result<Value, CodegenError> {
        let address = self.address(place, index, 0)?;
        if address.offset == 0 {
            return Ok(address.base);
        }
        let (base, here) = (address.base, self.here());
        let offset = Int::Const(address.offset.into());
        let value = self.int(IntOp::Add, (base, here), offset);
        Ok(self.int_value(value))
    }

    /// Loads from an address.
    pub(super) fn load_at(&mut self, ty: Type, address: Address, offset: i32) -> Value {
        self.ins().ins().load(ty, data(), address.base, address.offset.wrapping_add(offset))
    }

    /// Stores to an address.
    pub(super) fn store_at(&mut self, value: Value, address: Address, offset: i32) {
        self.ins().ins().store(data(), value, address.base, address.offset.wrapping_add(offset));
    }
}
