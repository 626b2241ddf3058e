//! What iced-x86 reads in the bytes.

use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction};

use super::*;

/// What iced-x86 reads in the bytes.
fn read(bytes: &[u8]) -> Vec<String> {
    let (mut formatter, mut found) = (GasFormatter::new(), vec![]);
    formatter.options_mut().set_uppercase_hex(false);
    for instruction in &mut Decoder::new(64, bytes, DecoderOptions::NONE) {
        let mut line = String::new();
        let instruction: Instruction = instruction;
        formatter.format(&instruction, &mut line);
        found.push(line);
    }
    found
}

fn placed(op: Op, to: u8, from: [u8; 3], width: Width) -> Placed {
    Placed { op, to, from, has_b: true, at: None, imm: 0, width }
}

fn text(p: Placed) -> String {
    let mut assembler = Assembler::default();
    assembler.inst(&p);
    read(&assembler.bytes).join("; ")
}

#[track_caller]
fn reads(p: Placed, expected: &str) {
    assert_eq!(text(p), expected, "{p:?}");
}

#[test]
fn operations_on_vectors() {
    use Width::{One, Xmm, Ymm, Zmm};
    let v = |op, width| placed(Op::Vector(op), 1, [18, 30, 0], width);
    reads(v(VectorOp::Add, Zmm), "vaddps %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::Sub, Ymm), "vsubps %ymm30,%ymm18,%ymm1");
    reads(v(VectorOp::Mul, Xmm), "vmulps %xmm30,%xmm18,%xmm1");
    reads(v(VectorOp::Div, One), "vdivss %xmm30,%xmm18,%xmm1");
    reads(v(VectorOp::Min, Zmm), "vminps %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::Max, One), "vmaxss %xmm30,%xmm18,%xmm1");
    reads(v(VectorOp::And, Zmm), "vpandd %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::Or, Zmm), "vpord %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::Xor, Ymm), "vpxord %ymm30,%ymm18,%ymm1");
    reads(v(VectorOp::IntAdd, Zmm), "vpaddd %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::IntSub, Zmm), "vpsubd %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::IntMul, Zmm), "vpmulld %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::IntMin, Zmm), "vpminsd %zmm30,%zmm18,%zmm1");
    reads(v(VectorOp::IntMax, Xmm), "vpmaxsd %xmm30,%xmm18,%xmm1");
    let u = |op, imm, width| Placed { imm, ..placed(op, 17, [9, 0, 0], width) };
    reads(u(Op::Sqrt, 0, Zmm), "vsqrtps %zmm9,%zmm17");
    reads(u(Op::Sqrt, 0, One), "vsqrtss %xmm9,%xmm9,%xmm17");
    reads(u(Op::Round, 9, Zmm), "vrndscaleps $9,%zmm9,%zmm17");
    reads(u(Op::Round, 8, One), "vrndscaless $8,%xmm9,%xmm9,%xmm17");
    reads(u(Op::FromInt, 0, Zmm), "vcvtdq2ps %zmm9,%zmm17");
    reads(u(Op::ToInt, 0, Ymm), "vcvttps2dq %ymm9,%ymm17");
    reads(u(Op::Abs, 0, Zmm), "vpabsd %zmm9,%zmm17");
    reads(u(Op::Broadcast, 0, Zmm), "vbroadcastss %xmm9,%zmm17");
    reads(u(Op::BroadcastInt, 0, Zmm), "vpbroadcastd %r9d,%zmm17");
    reads(u(Op::FromWord, 0, Xmm), "vmovd %r9d,%xmm17");
    reads(u(Op::Zero, 0, Xmm), "vpxord %xmm17,%xmm17,%xmm17");
    reads(u(Op::Ones, 0, Zmm), "vpternlogd $0xff,%zmm17,%zmm17,%zmm17");
    reads(u(Op::Extract, 2, Xmm), "vpermilps $0xaa,%xmm9,%xmm17");
    reads(u(Op::Permute, 0x4E, Xmm), "vpermilps $0x4e,%xmm9,%xmm17");
    reads(u(Op::Only, 0, Xmm), "vinsertps $0xe,%xmm9,%xmm9,%xmm17");
    reads(u(Op::Part, 3, Zmm), "vextractf32x4 $3,%zmm9,%xmm17");
    reads(u(Op::Shift(ShiftOp::Left), 23, Zmm), "vpslld $0x17,%zmm9,%zmm17");
    reads(u(Op::Shift(ShiftOp::Right), 1, Zmm), "vpsrld $1,%zmm9,%zmm17");
    reads(u(Op::Shift(ShiftOp::RightSigned), 31, Xmm), "vpsrad $0x1f,%xmm9,%xmm17");
    let w = |op, imm| Placed { imm, ..placed(op, 20, [3, 11, 29], Xmm) };
    reads(w(Op::Insert, 3), "vinsertps $0x30,%xmm11,%xmm3,%xmm20");
    reads(w(Op::InsertInt, 1), "vpinsrd $1,%r11d,%xmm3,%xmm20");
    let extract = Placed { imm: 2, ..placed(Op::ExtractInt, 10, [25, 0, 0], Xmm) };
    reads(extract, "vpextrd $2,%xmm25,%r10d");
}

#[test]
fn operations_that_begin_with_an_operand() {
    use Width::{One, Xmm, Zmm};
    let p = |op, to, width| Placed { imm: 0xCA, ..placed(op, to, [7, 21, 13], width) };
    reads(p(Op::Fma, 7, Zmm), "vfmadd213ps %zmm13,%zmm21,%zmm7");
    reads(p(Op::Fma, 2, One), "vmovaps %zmm7,%zmm2; vfmadd213ss %xmm13,%xmm21,%xmm2");
    reads(p(Op::FmaOnto, 7, Zmm), "vfmadd231ps %zmm13,%zmm21,%zmm7");
    reads(p(Op::FmaOnto, 7, One), "vfmadd231ss %xmm13,%xmm21,%xmm7");
    reads(p(Op::Logic, 7, Zmm), "vpternlogd $0xca,%zmm13,%zmm21,%zmm7");
    reads(p(Op::Choose, 7, Xmm), "vpermt2ps %xmm21,%xmm13,%xmm7");
    let lanes = placed(Op::SetLanes, 4, [4, 3, 0], Zmm);
    reads(lanes, "vpternlogd $0xff,%zmm4,%zmm4,%zmm4{%k3}");
    let lanes = placed(Op::KeepLanes, 4, [19, 3, 0], Zmm);
    reads(lanes, "vmovaps %zmm19,%zmm4{%k3}{z}");
}

#[test]
fn masks() {
    use Width::{One, Xmm, Zmm};
    let compared =
        |float, width| Placed { imm: 1, ..placed(Op::Compare { float }, 5, [26, 4, 0], width) };
    reads(compared(true, Zmm), "vcmpltps %zmm4,%zmm26,%k5");
    reads(compared(true, One), "vcmpltss %xmm4,%xmm26,%k5");
    reads(compared(false, Xmm), "vpcmpltd %xmm4,%xmm26,%k5");
    let chosen = placed(Op::Blend, 6, [1, 24, 2], Zmm);
    reads(chosen, "vblendmps %zmm1,%zmm24,%zmm6{%k2}");
    reads(placed(Op::Mask(MaskOp::And), 1, [2, 3, 0], One), "kandw %k3,%k2,%k1");
    reads(placed(Op::Mask(MaskOp::Or), 1, [2, 3, 0], One), "korw %k3,%k2,%k1");
    reads(placed(Op::Mask(MaskOp::Xor), 1, [2, 3, 0], One), "kxorw %k3,%k2,%k1");
    reads(placed(Op::MaskNot, 1, [2, 0, 0], One), "knotw %k2,%k1");
    reads(placed(Op::MaskToVector, 22, [2, 0, 0], Zmm), "vpmovm2d %k2,%zmm22");
    reads(placed(Op::MaskToInt, 14, [2, 0, 0], One), "kmovw %k2,%r14d");
    reads(placed(Op::IntToMask, 3, [12, 0, 0], One), "kmovw %r12d,%k3");
    let at = Some(At { base: Some(13), index: None, offset: 8 });
    let load = Placed { at, ..placed(Op::MaskLoad, 3, [0; 3], One) };
    reads(load, "kmovw 8(%r13),%k3");
    let store = Placed { at, ..placed(Op::MaskStore, 0, [3, 0, 0], One) };
    reads(store, "kmovw %k3,8(%r13)");
}

#[test]
fn memory() {
    use Width::{One, Two, Xmm, Zmm};
    let load = |base, index, offset, width| Placed {
        at: Some(At { base: Some(base), index, offset }),
        ..placed(Op::Load, 19, [0; 3], width)
    };
    // Every register that addresses treat in its own way, and distances of each length.
    for base in 0..16 {
        for index in [None, Some((0, 1)), Some((5, 8)), Some((12, 4)), Some((13, 2))] {
            for offset in [0, 4, 64, -128, 8128, 100, 1 << 20] {
                let names = [
                    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
                    "r11", "r12", "r13", "r14", "r15",
                ];
                let distance = match offset {
                    0 => String::new(),
                    n if (-9..=9).contains(&n) => format!("{n}"),
                    n if n < 0 => format!("-{:#x}", -n),
                    n => format!("{n:#x}"),
                };
                let scaled = index.map_or(String::new(), |(index, scale): (u8, u8)| {
                    let scale = if scale == 1 { String::new() } else { format!(",{scale}") };
                    format!(",%{}{scale}", names[usize::from(index)])
                });
                let base_name = names[usize::from(base)];
                for (width, name) in
                    [(Zmm, "vmovups"), (Xmm, "vmovups"), (One, "vmovss"), (Two, "vmovsd")]
                {
                    let register = if width == Zmm { "zmm19" } else { "xmm19" };
                    let expected = format!("{name} {distance}(%{base_name}{scaled}),%{register}");
                    reads(load(base, index, offset, width), &expected);
                }
            }
        }
    }
    let at = Some(At { base: Some(6), index: Some((15, 4)), offset: -64 });
    let store = Placed { at, ..placed(Op::Store, 0, [27, 0, 0], Zmm) };
    reads(store, "vmovups %zmm27,-0x40(%rsi,%r15,4)");
    let spread = Placed { at, ..placed(Op::LoadBroadcast, 27, [0; 3], Zmm) };
    reads(spread, "vbroadcastss -0x40(%rsi,%r15,4),%zmm27");
}

#[test]
fn integers() {
    let int = |op, wide, to, b: Option<u8>, imm| Placed {
        has_b: b.is_some(),
        imm,
        ..placed(Op::Int { op, wide }, to, [9, b.unwrap_or(0), 0], Width::One)
    };
    reads(int(IntOp::Add, true, 3, Some(12), 0), "lea (%r9,%r12),%rbx");
    reads(int(IntOp::Add, false, 3, Some(12), 0), "lea (%r9,%r12),%ebx");
    reads(int(IntOp::Add, true, 3, None, 16), "lea 0x10(%r9),%rbx");
    reads(int(IntOp::Add, true, 9, None, 16), "add $0x10,%r9");
    reads(int(IntOp::Add, true, 9, None, 1000), "add $0x3e8,%r9");
    reads(int(IntOp::Sub, true, 9, Some(12), 0), "sub %r12,%r9");
    reads(int(IntOp::Sub, true, 3, Some(12), 0), "mov %r9,%rbx; sub %r12,%rbx");
    reads(int(IntOp::Mul, true, 3, None, 1000), "imul $0x3e8,%r9,%rbx");
    reads(int(IntOp::Mul, false, 9, Some(2), 0), "imul %edx,%r9d");
    reads(int(IntOp::And, true, 9, None, -64), "and $0xffffffffffffffc0,%r9");
    reads(int(IntOp::Or, true, 9, Some(2), 0), "or %rdx,%r9");
    reads(int(IntOp::Xor, true, 9, Some(2), 0), "xor %rdx,%r9");
    reads(int(IntOp::ShiftLeft, true, 9, None, 3), "shl $3,%r9");
    reads(int(IntOp::ShiftRight, true, 9, None, 40), "shr $0x28,%r9");
    reads(int(IntOp::ShiftRightSigned, true, 3, None, 63), "mov %r9,%rbx; sar $0x3f,%rbx");
    reads(int(IntOp::Min, true, 9, Some(2), 0), "cmp %rdx,%r9; cmovg %rdx,%r9");
    reads(int(IntOp::Max, true, 9, Some(2), 0), "cmp %rdx,%r9; cmovl %rdx,%r9");
    let number = |imm| Placed { imm, ..placed(Op::IntConst, 10, [0; 3], Width::One) };
    reads(number(7), "mov $7,%r10d");
    reads(number(-1), "mov $0xffffffffffffffff,%r10");
    reads(number(1 << 40), "movabs $0x10000000000,%r10");
    reads(placed(Op::SignExtend, 10, [3, 0, 0], Width::One), "movslq %ebx,%r10");
    reads(placed(Op::ZeroExtend, 10, [3, 0, 0], Width::One), "mov %ebx,%r10d");
}

#[test]
fn jumps_and_constants_lead_where_they_should() {
    let mut assembler = Assembler::default();
    let (start, end) = (assembler.label(), assembler.label());
    assembler.bind(start);
    assembler.compare(6, Err(100));
    assembler.jump_if(Condition(0xC), end);
    let at = Some(At { base: None, index: None, offset: 4 });
    assembler.inst(&Placed { at, ..placed(Op::LoadBroadcast, 0, [0; 3], Width::Zmm) });
    assembler.jump(start);
    assembler.bind(end);
    assembler.zero_upper();
    assembler.push(12);
    assembler.pop(3);
    assembler.return_();
    let bytes = assembler.finish(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(bytes[64..], [1, 2, 3, 4, 5, 6, 7, 8]);
    let code: Vec<String> = read(&bytes[..64]).into_iter().take(8).collect();
    let expected = [
        "cmp $0x64,%rsi",
        "jl 0x0000000000000019",
        "vbroadcastss 0x44,%zmm0",
        "jmp 0",
        "vzeroupper",
        "push %r12",
        "pop %rbx",
        "ret",
    ];
    assert_eq!(code, expected);
}
