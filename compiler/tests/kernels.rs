//! The runtime's functions of many elements are the compiler's expansions, written as Rust: so their
//! coefficients and operations stand once, and their bits agree. This holds what is checked in
//! against what the expansions are now; `BLESS=1` writes it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::PathBuf;

use brolga_compiler::ir::{
    BinaryFn, DType, Expr, ExprId, Exprs, LibraryFn, Scalar, Target, UnaryFn,
};
use brolga_compiler::ops::{Expansion, Instruction};

/// The operands of a function.
const NAMES: [&str; 2] = ["x", "y"];

/// Where a file comes from.
const HEADER: &str = "//! Made from the expansions of the compiler by its test `kernels`; not to be \
                      edited.\n\n";

/// What a file of functions begins with: functions of numbers, for a build without the standard
/// library.
const REAL: &str = "#[cfg(not(any(feature = \"std\", test)))]\n#[allow(unused_imports)]\n\
                    use crate::real::Real as _;\n";

#[test]
fn kernels_are_the_expansions() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../runtime/kernels/src/math/expanded");
    let wanted = files();
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(&folder).expect("the source can be written");
        for (name, text) in &wanted {
            std::fs::write(folder.join(name), text).expect("the source can be written");
        }
    }
    let entries = std::fs::read_dir(&folder).expect("`BLESS=1` makes the folder");
    let entries = entries.map(|entry| entry.expect("the folder can be read").path());
    let found: BTreeMap<String, String> = entries
        .map(|path| {
            let name = path.file_name().expect("an entry has a name").to_string_lossy();
            (name.into_owned(), std::fs::read_to_string(&path).expect("source is UTF-8"))
        })
        .collect();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&wanted), "`BLESS=1` writes them, but deletes none");
    for (name, text) in wanted {
        assert!(found[&name] == text, "{name} is not what the compiler expands to: set BLESS=1");
    }
}

/// The files by name: one for each function, and the list of the symbols.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let (mut mods, mut list) = (String::new(), String::new());
    for f in LibraryFn::all() {
        let name = f.name();
        let mut text = format!("{HEADER}{REAL}\n");
        writeln!(mods, "mod {name};").expect("a string takes all");
        for dtype in [DType::F32, DType::F64] {
            let rare = function(&mut text, f, dtype);
            let rare = if rare { format!(", {dtype}_is_rare {dtype}_rare") } else { String::new() };
            let operands = NAMES[..f.n_operands()].join(" ");
            writeln!(
                list,
                "    brolga_{name}_{dtype}({operands}) {dtype} {name} {dtype}_value{rare};"
            )
            .expect("a string takes all");
        }
        files.insert(format!("{name}.rs"), text);
    }
    let text = format!("{HEADER}{mods}\nsuper::symbols! {{\n{list}}}\n");
    files.insert("mod.rs".into(), text);
    files
}

/// Writes the functions for an element type; returns whether some arguments are rare.
fn function(text: &mut String, f: LibraryFn, dtype: DType) -> bool {
    let [fused, plain] = [&Target::X86_64_V4, &Target::X86_64_V2].map(|target| {
        let mut exprs = Exprs::default();
        let variable = |exprs: &mut Exprs| {
            let var = exprs.var();
            exprs.intern(Expr::Var(var, dtype))
        };
        let operands: Vec<ExprId> = (0..f.n_operands()).map(|_| variable(&mut exprs)).collect();
        let expansion = f.expand(&mut exprs, &operands, target);
        let expansion = expansion.expect("the function is expanded");
        (exprs, expansion)
    });
    let of = |which: fn(&Expansion) -> Option<ExprId>| {
        [&fused, &plain].map(|(exprs, e)| which(e).map(|id| body(exprs, id)))
    };
    let mut write = |name: &str, result: &str, [fused, plain]: [Option<String>; 2]| {
        let (Some(fused), Some(plain)) = (fused, plain) else { return false };
        let parameters = NAMES[..f.n_operands()].iter().map(|name| format!("{name}: {dtype}"));
        let parameters = parameters.collect::<Vec<_>>().join(", ");
        let head = format!(
            "#[inline(always)]\npub(super) fn {dtype}_{name}<const FMA: bool>({parameters}) -> \
             {result}"
        );
        let written = if fused == plain {
            writeln!(text, "{head} {{\n{}}}\n", indented(&fused, 4))
        } else {
            let [fused, plain] = [fused, plain].map(|body| indented(&body, 8));
            writeln!(text, "{head} {{\n    if FMA {{\n{fused}    }} else {{\n{plain}    }}\n}}\n")
        };
        written.is_ok()
    };
    write("value", &dtype.to_string(), of(|e| Some(e.value)));
    write("is_rare", "bool", of(|e| e.rare.map(|(condition, _)| condition)));
    write("rare", &dtype.to_string(), of(|e| e.rare.map(|(_, value)| value)))
}

fn indented(body: &str, spaces: usize) -> String {
    body.lines().map(|line| format!("{:spaces$}{line}\n", "")).collect()
}

/// The statements that compute an expression of variables, and its value.
fn body(exprs: &Exprs, id: ExprId) -> String {
    let mut body = Body { exprs, names: HashMap::new(), lines: vec![] };
    let value = body.name(id);
    body.lines.push(value);
    body.lines.join("\n")
}

struct Body<'a> {
    exprs: &'a Exprs,
    names: HashMap<ExprId, String>,
    lines: Vec<String>,
}

impl Body<'_> {
    /// The name of a value, once the lines compute it; what needs no computation is its own name.
    fn name(&mut self, id: ExprId) -> String {
        if let Some(name) = self.names.get(&id) {
            return name.clone();
        }
        let operands = self.exprs.operands(id);
        let operands: Vec<String> = operands.map(|x| self.name(x)).collect();
        let mut name = expression(self.exprs, id, &operands);
        if !operands.is_empty() {
            let value = std::mem::replace(&mut name, format!("v{}", self.lines.len()));
            self.lines.push(format!("let {name} = {value};"));
        }
        self.names.insert(id, name.clone());
        name
    }
}

fn expression(exprs: &Exprs, id: ExprId, operands: &[String]) -> String {
    let dtype = exprs.dtype(id);
    match (exprs.expr(id), operands) {
        (Expr::Var(var, _), _) => NAMES[var.0 as usize].into(),
        (Expr::Const(dtype, bits), _) => number(Scalar::from_bits(*dtype, *bits)),
        (Expr::Unary(f, _), [x]) => unary(*f, x),
        (Expr::Binary(f, first, _), [a, b]) => {
            binary(*f, dtype, exprs.as_constant(*first).is_some(), [a, b])
        }
        (Expr::Compare(f, ..), [a, b]) => format!("{a} {} {b}", f.symbol()),
        (Expr::Select(..), [c, a, b]) => format!("if {c} {{ {a} }} else {{ {b} }}"),
        (Expr::Cast(to, from), [x]) => cast(exprs.dtype(*from), *to, x),
        (Expr::Fma(..), [a, b, c]) => format!("{}.mul_add({b}, {c})", receiver(a)),
        (Expr::Bitcast(DType::I32 | DType::I64, _), [x]) => {
            format!("{x}.to_bits().cast_signed()")
        }
        (Expr::Bitcast(DType::F32, _), [x]) => format!("f32::from_bits({x}.cast_unsigned())"),
        (Expr::Bitcast(DType::F64, _), [x]) => format!("f64::from_bits({x}.cast_unsigned())"),
        (Expr::ShiftLeft(_, bits), [x]) => format!("{x} << {bits}"),
        (Expr::ShiftRightSigned(_, bits), [x]) => format!("{x} >> {bits}"),
        (other, _) => panic!("{other:?} is in no expansion"),
    }
}

/// Without `as`, for which clippy goes back through all that a value is made of, path by path.
fn cast(from: DType, to: DType, x: &str) -> String {
    match (from, to) {
        (DType::F32, DType::F64) => format!("f64::from({x})"),
        (DType::F64, DType::F32) => format!("crate::math::narrow({x})"),
        (DType::I32, DType::F32) => format!("crate::math::rounded({x})"),
        _ => panic!("a cast from {from} to {to} is in no expansion"),
    }
}

/// A value of which a method is called: a negative literal in brackets.
fn receiver(x: &str) -> String {
    if x.starts_with('-') { format!("({x})") } else { x.into() }
}

/// A literal with its type.
fn number(value: Scalar) -> String {
    let special = |dtype: DType, x: f64| match x {
        x if x.is_nan() => Some(format!("{dtype}::NAN")),
        f64::INFINITY => Some(format!("{dtype}::INFINITY")),
        f64::NEG_INFINITY => Some(format!("{dtype}::NEG_INFINITY")),
        _ => None,
    };
    match value {
        Scalar::F32(x) => special(DType::F32, x.into()).unwrap_or(format!("{x:?}_f32")),
        Scalar::F64(x) => special(DType::F64, x).unwrap_or(format!("{x:?}_f64")),
        Scalar::I32(x) => format!("{x}_i32"),
        Scalar::I64(x) => format!("{x}_i64"),
        Scalar::U8(x) => format!("{x}_u8"),
        Scalar::Bool(x) => format!("{x}"),
    }
}

fn unary(f: UnaryFn, x: &str) -> String {
    match f.instruction().expect("expansions are of instructions") {
        Instruction::Neg => format!("-{x}"),
        Instruction::Abs => format!("{x}.abs()"),
        Instruction::Sqrt => format!("{x}.sqrt()"),
        Instruction::Floor => format!("{x}.floor()"),
        Instruction::Ceil => format!("{x}.ceil()"),
        Instruction::Round => format!("{x}.round_ties_even()"),
        Instruction::Not => format!("!{x}"),
        Instruction::Sign | Instruction::Relu => panic!("{} is in no expansion", f.name()),
    }
}

fn binary(f: BinaryFn, dtype: DType, constant: bool, [a, b]: [&str; 2]) -> String {
    let float = dtype.is_float();
    let nan = if constant { String::new() } else { format!(" || {a} != {a}") };
    match f {
        BinaryFn::Add if float => format!("{a} + {b}"),
        BinaryFn::Sub if float => format!("{a} - {b}"),
        BinaryFn::Mul if float => format!("{a} * {b}"),
        BinaryFn::Div if float => format!("{a} / {b}"),
        BinaryFn::Add => format!("{}.wrapping_add({b})", receiver(a)),
        BinaryFn::Sub => format!("{}.wrapping_sub({b})", receiver(a)),
        BinaryFn::Max if float => format!("if {b} < {a}{nan} {{ {a} }} else {{ {b} }}"),
        BinaryFn::Min if float => format!("if {a} < {b}{nan} {{ {a} }} else {{ {b} }}"),
        BinaryFn::And => format!("{a} & {b}"),
        BinaryFn::Or => format!("{a} | {b}"),
        BinaryFn::Xor => format!("{a} ^ {b}"),
        BinaryFn::Mul
        | BinaryFn::Div
        | BinaryFn::FloorDiv
        | BinaryFn::Mod
        | BinaryFn::Max
        | BinaryFn::Min
        | BinaryFn::Pow
        | BinaryFn::Atan2
        | BinaryFn::ShiftRight => panic!("{} of {dtype} is in no expansion", f.name()),
    }
}
