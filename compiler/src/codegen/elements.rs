//! Elements of memory: one, or those of the lanes, as registers; and lanes that change places.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};

use super::emitter::{Emitted, Emitter, Places, Val, little, scalar_type};
use super::error::CodegenError;
use super::index::{Address, Stride};
use super::ops::Registers;
use crate::ir::{DType, ExprId, IndexId, PlaceId};

type Result<T> = std::result::Result<T, CodegenError>;

impl Emitter<'_> {
    /// The elements at an index.
    pub(super) fn load(&mut self, place: PlaceId, index: IndexId, dtype: DType) -> Result<Emitted> {
        let stride = self.stride(index)?;
        let reads = self.index_reads(index)?.with(Places::of(place));
        let level = self.here();
        let n = self.lanes.map_or(1, |l| l.n);
        let val = match stride {
            Stride::Same => {
                let address = self.address(place, index, 0)?;
                Val::One(self.load_one(dtype, address))
            }
            Stride::Step(1) => {
                let address = self.address(place, index, 0)?;
                Val::Many(self.load_many(dtype, address, n).into())
            }
            // Lanes against memory: a vector that begins at the last lane, turned.
            Stride::Step(-1) if dtype.size() >= 4 => {
                let address = self.address(place, index, n - 1)?;
                let found = self.load_many(dtype, address, n);
                Val::Many(found.into_iter().rev().map(|x| self.backwards(x, n)).collect())
            }
            Stride::Step(_) | Stride::Irregular => {
                let mut lanes = vec![];
                for lane in 0..n {
                    let address = self.address(place, index, lane)?;
                    lanes.push(self.load_one(dtype, address));
                }
                Val::Many(self.packed(level, dtype, &lanes).into())
            }
        };
        Ok(Emitted { val, level, reads })
    }

    /// The first `n` lanes of a register from the last of them.
    fn backwards(&mut self, x: Value, n: usize) -> Value {
        let last = (self.type_of(x).lane_count() as usize).min(n) - 1;
        self.rearranged(x, |lane| last - lane.min(last))
    }

    /// Registers of 128 bits with the lanes of longer ones.
    pub(super) fn narrowed(&mut self, registers: Registers) -> Registers {
        let mut narrow = vec![];
        for register in registers {
            let ty = self.type_of(register);
            let n = ty.bits() / types::F128.bits();
            if n == 1 {
                narrow.push(register);
                continue;
            }
            let (Some(parts), Some(part)) =
                (types::F128.by(n), ty.lane_type().by(ty.lane_count() / n))
            else {
                narrow.push(register);
                continue;
            };
            let mut at = self.ins();
            let parts = at.ins().bitcast(parts, little(), register);
            for i in 0..n {
                let found = at.ins().extractlane(parts, i as u8);
                narrow.push(at.ins().bitcast(part, little(), found));
            }
        }
        narrow
    }

    /// A register whose lane `l` is lane `from(l)` of another.
    pub(super) fn rearranged(&mut self, x: Value, from: impl Fn(usize) -> usize) -> Value {
        self.chosen(x, x, from)
    }

    /// A register whose lane `l` is lane `from(l)` of two, those of the second after the first's.
    pub(super) fn chosen(&mut self, a: Value, b: Value, from: impl Fn(usize) -> usize) -> Value {
        let ty = self.type_of(a);
        let size = ty.lane_type().bytes() as usize;
        let order: Vec<u8> = (0..16).map(|i| (from(i / size) * size + i % size) as u8).collect();
        let mask = self.func.dfg.immediates.push(order.as_slice().into());
        let mut at = self.ins();
        let [a, b] = [a, b].map(|x| at.ins().bitcast(types::I8X16, little(), x));
        let both = at.ins().shuffle(a, b, mask);
        at.ins().bitcast(ty, little(), both)
    }

    fn load_one(&mut self, dtype: DType, address: Address) -> Value {
        let value = self.load_at(scalar_type(dtype), address, 0);
        if dtype != DType::Bool {
            return value;
        }
        let mut at = self.ins();
        let zero = at.ins().iconst(types::I8, 0);
        at.ins().icmp(cranelift_codegen::ir::condcodes::IntCC::NotEqual, value, zero)
    }

    fn load_many(&mut self, dtype: DType, address: Address, n: usize) -> Registers {
        if dtype.size() > 1 {
            let ty = self.vector_type(dtype);
            let per = ty.lane_count() as usize;
            if n < per {
                return vec![self.load_half(ty, address)];
            }
            let size = ty.bytes() as i32;
            return (0..n / per).map(|r| self.load_at(ty, address, size * r as i32)).collect();
        }
        let wide = self.load_bytes(address, n);
        if dtype == DType::U8 {
            return wide;
        }
        let here = self.here();
        let zero = self.constant(here, types::I32X4, 0);
        let mut at = self.ins();
        let not_equal = cranelift_codegen::ir::condcodes::IntCC::NotEqual;
        wide.into_iter().map(|x| at.ins().icmp(not_equal, x, zero)).collect()
    }

    /// Half a register, in both halves: the load that puts zeros into the other takes longer.
    fn load_half(&mut self, ty: Type, address: Address) -> Value {
        let half = self.load_at(types::F64, address, 0);
        let mut at = self.ins();
        let half = at.ins().splat(types::F64X2, half);
        at.ins().bitcast(ty, little(), half)
    }

    /// Bytes, each widened to 32 bits.
    fn load_bytes(&mut self, address: Address, n: usize) -> Registers {
        let bytes = match n {
            16 => self.load_at(types::I8X16, address, 0),
            8 => {
                let bytes = self.load_at(types::I64, address, 0);
                let mut at = self.ins();
                let bytes = at.ins().scalar_to_vector(types::I64X2, bytes);
                at.ins().bitcast(types::I8X16, little(), bytes)
            }
            2 => {
                let bytes = self.load_at(types::I16, address, 0);
                let mut at = self.ins();
                let bytes = at.ins().uextend(types::I32, bytes);
                let bytes = at.ins().scalar_to_vector(types::I32X4, bytes);
                at.ins().bitcast(types::I8X16, little(), bytes)
            }
            _ => {
                let bytes = self.load_at(types::I32, address, 0);
                let mut at = self.ins();
                let bytes = at.ins().scalar_to_vector(types::I32X4, bytes);
                at.ins().bitcast(types::I8X16, little(), bytes)
            }
        };
        let mut at = self.ins();
        let mut wide = vec![at.ins().uwiden_low(bytes)];
        if n == 16 {
            wide.push(at.ins().uwiden_high(bytes));
        }
        let wide: Registers = wide
            .into_iter()
            .flat_map(|x| [at.ins().uwiden_low(x), at.ins().uwiden_high(x)])
            .collect();
        wide[..n.div_ceil(4)].to_vec()
    }

    /// Writes a value to the elements at an index, in the order of the lanes.
    pub(super) fn store(&mut self, place: PlaceId, index: IndexId, value: ExprId) -> Result<()> {
        let dtype = self.kernel.exprs.dtype(value);
        let value = self.expr(value)?;
        let here = self.here();
        match (self.lanes, self.stride(index)?) {
            (None, _) => {
                let value = self.one(here, dtype, &value.val);
                let address = self.address(place, index, 0)?;
                self.store_at(value, address, 0);
            }
            // All lanes write one element: the last one stays.
            (Some(lanes), Stride::Same) => {
                let value = self.lane(dtype, &value.val, lanes.n - 1);
                let address = self.address(place, index, 0)?;
                self.store_at(value, address, 0);
            }
            (Some(lanes), Stride::Step(1)) => {
                let registers = self.many(here, dtype, &value);
                let address = self.address(place, index, 0)?;
                self.store_many(dtype, &registers, address, lanes.n);
            }
            (Some(lanes), Stride::Step(_) | Stride::Irregular) => {
                for lane in 0..lanes.n {
                    let value = self.lane(dtype, &value.val, lane);
                    let address = self.address(place, index, lane)?;
                    self.store_at(value, address, 0);
                }
            }
        }
        self.forget(Places::of(place));
        Ok(())
    }

    fn store_many(&mut self, dtype: DType, registers: &[Value], address: Address, n: usize) {
        if dtype.size() > 1 && n < self.vector_type(dtype).lane_count() as usize {
            let mut at = self.ins();
            let halves = at.ins().bitcast(types::F64X2, little(), registers[0]);
            let half = at.ins().extractlane(halves, 0);
            return self.store_at(half, address, 0);
        }
        if dtype.size() > 1 {
            let mut offset = 0;
            for &register in registers {
                self.store_at(register, address, offset);
                offset += self.type_of(register).bytes() as i32;
            }
            return;
        }
        let here = self.here();
        let mut registers = registers.to_vec();
        if dtype == DType::Bool {
            registers = self.narrow_masks(here, &registers);
            let one = self.constant(here, types::I32X4, 1);
            let mut at = self.ins();
            registers = registers.into_iter().map(|x| at.ins().band(x, one)).collect();
        }
        let mut at = self.ins();
        let pairs: Registers = registers
            .chunks(2)
            .map(|pair| at.ins().unarrow(pair[0], pair[pair.len() - 1]))
            .collect();
        let bytes = at.ins().unarrow(pairs[0], pairs[pairs.len() - 1]);
        let stored = match n {
            16 => bytes,
            8 => {
                let words = at.ins().bitcast(types::I64X2, little(), bytes);
                at.ins().extractlane(words, 0)
            }
            2 => {
                let words = at.ins().bitcast(types::I16X8, little(), bytes);
                at.ins().extractlane(words, 0)
            }
            _ => {
                let words = at.ins().bitcast(types::I32X4, little(), bytes);
                at.ins().extractlane(words, 0)
            }
        };
        self.store_at(stored, address, 0);
    }
}
