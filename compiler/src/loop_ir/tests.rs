//! Text, verifier and interpreter on kernels written by hand.

use super::*;
use crate::ir::{Costs, Target};

/// `y[i] = x[i] / Σ x` for each of `rows` rows of `n`, rows in blocks of `block`.
fn normalise(rows: usize, n: usize, block: usize, lanes: u8) -> Kernel {
    let (size, blocks, step) = (rows * n, rows.div_ceil(block), block * n);
    let text = format!(
        "\
kernel normalise, cost 10
  buffer x: f32[{size}]
  written y: f32[{size}]
  units u0 < {blocks}:
    for i0 < min({block}, {rows} - {block} u0):
      v0: f32 = 0.0
      for i1 < {n} vector {lanes}:
        v0 sum= x[{step} u0 + {n} i0 + i1]
      for i2 < {n} vector {lanes}:
        y[{step} u0 + {n} i0 + i2] = x[{step} u0 + {n} i0 + i2] / v0
"
    );
    read(&text)
}

/// The kernel of a text, which prints as that text.
fn read(text: &str) -> Kernel {
    let kernel: Kernel = text.parse().expect("a kernel's text");
    assert_eq!(kernel.to_string(), text);
    kernel
}

#[test]
fn tails_of_blocks_are_within_bounds() {
    let mut kernel = normalise(7, 10, 4, 8);
    assert_eq!(verify(&kernel), Ok(()));
    kernel.buffers[0].len = 69;
    let error = verify(&kernel).expect_err("a buffer that is too small");
    let want = "kernel `normalise`, fold 0.0: reaches `x` at 40 to 69, which has 69 elements";
    assert_eq!(error.to_string(), want);
}

#[test]
fn sums_in_the_documented_order() {
    let (rows, n) = (7, 21);
    let kernel = normalise(rows, n, 4, 8);
    let x: Vec<f32> = (0..rows * n).map(|i| (i as f32 * 0.37).sin() + 2.0).collect();
    let bytes = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    let mut memories = vec![bytes, vec![0; 4 * rows * n]];
    let pointers = [0, 1].map(|memory| Pointer { memory, offset: 0 });
    let mut status = 0;
    run_units(&kernel, &Target::X86_64_V4, &pointers, &mut memories, 0..2, &mut status);
    for (row, y) in x.chunks(n).zip(memories[1].chunks(4 * n)) {
        let mut lanes = [0f32; 8];
        (0..n).for_each(|i| lanes[i % 8] += row[i]);
        let four: Vec<f32> = (0..4).map(|i| lanes[i] + lanes[i + 4]).collect();
        let sum = (four[0] + four[2]) + (four[1] + four[3]);
        for (x, y) in row.iter().zip(y.as_chunks::<4>().0) {
            assert_eq!(f32::from_le_bytes(*y), x / sum);
        }
    }
}

#[test]
fn shared_expressions_are_printed_once() {
    let kernel = read(
        "\
kernel share, cost 1
  buffer x: f32[1]
  written y: f32[1]
  once:
    t0 = exp(x[0])
    t1 = t0 * t0
    y[0] = t1 + x[0] - t1
",
    );
    assert_eq!(verify(&kernel), Ok(()));
}

/// `y[i] = tanh(exp(x[i])) + x[i]` and, if `folds`, the sum of `exp(x[i])`.
fn two_functions(n: usize, folds: bool) -> Kernel {
    let lines = match folds {
        true => ["    v0: f32 = 0.0\n", "      v0 sum= exp(x[i0])\n", "v0"],
        false => ["", "", "0.0"],
    };
    let [before, fold, sum] = lines;
    let text = format!(
        "\
kernel two, cost 1
  buffer x: f32[{n}]
  written y: f32[{n}]
  written z: f32[1]
  once:
{before}    for i0 < {n} vector 8:
      y[i0] = tanh(exp(x[i0])) + x[i0]
{fold}    z[0] = {sum}
"
    );
    read(&text)
}

#[test]
fn chunks_keep_the_bits() {
    for (n, folds, chunks) in
        [(20, true, 0), (200, false, 2), (512, true, 2), (3000, true, 2), (3000, false, 2)]
    {
        let run = |chunked: bool| {
            let mut kernel = two_functions(n, folds);
            if chunked {
                chunk(&mut kernel, &Costs::default(), &Target::X86_64_V3);
            }
            expand_math(&mut kernel, &Target::X86_64_V4);
            assert_eq!(verify(&kernel), Ok(()), "{kernel}");
            let x = (0..n).flat_map(|i| ((i as f32 * 0.37).sin() * 3.0).to_le_bytes()).collect();
            let mut memories = vec![x, vec![0; 4 * n], vec![0; 4]];
            let pointers = [0, 1, 2].map(|memory| Pointer { memory, offset: 0 });
            run_units(&kernel, &Target::X86_64_V4, &pointers, &mut memories, 0..1, &mut 0);
            (memories, kernel.to_string())
        };
        let ((plain, _), (chunked, text)) = (run(false), run(true));
        assert_eq!(plain, chunked, "{n} {folds}\n{text}");
        assert_eq!(text.matches("chunk f32").count(), chunks, "{n} {folds}\n{text}");
    }
}

/// Names, operators and numbers that could be read as others.
#[test]
fn odd_texts_read_back() {
    let kernel = read(
        r#"kernel a, cost 3, cost 7
  buffer "two words": f64[3]
  buffer "nan": i64[1]
  buffer f32#2: i64[12]
  written for: u8[12]
  written "1": i32[12]
  local "\"": f64[4]
  units u0 < 3, u1 < 2:
    for i0 < 2:
      v0: i64 = f32#2[u0 + (-u1 + 2 i0 + 3) // 4 + 5 (i0) % 3]
      t0 = exp("two words"[clamp(v0, 3)])
      "\""[0] = (t0 - 1.0_f64) ** -t0 - (t0 - -1e-300_f64) * (t0 ** (2.0_f64 ** nan_f64))
      for[0] = u8(((v0 << 3) - 1 >> 60 > 4_i64) and ((true or (v0 != i64[u0])) == false))
      "1"[2] = bits_i32(fma(2.0, nan, nan_0xffc00001)) * (2 * (3 // 4))
    chunk 4: "1"[0] = philox(key f32#2, "nan", f32#2, first 4 u0 + 1)
"#
        .replace("-t0", "neg(t0)")
        .as_str(),
    );
    assert_eq!(kernel.place_len(PlaceId::Buffer(2)), 12);
}

/// What is no kernel is refused at its place.
#[test]
fn wrong_texts_are_refused() {
    let whole = normalise(7, 10, 4, 8).to_string();
    let cases = [
        ("cost 10", "cost ten", "1:1: the cost is a number"),
        ("buffer", "buffet", "2:1: a memory is a `buffer`, `written` or `local`"),
        ("written y", "written x", "3:11: there is a memory of this name"),
        ("f32[70]", "f16[70]", "2:13: `f16` stands where a type is needed"),
        ("units", "unit", "4:11: `<` stands where `:` is needed"),
        ("    for i0", "  for i0", "5:1: the line is indented otherwise than those around it"),
        ("    for i0", "   for i0", "5:3: a line is indented by an odd number of spaces"),
        ("7 - 4 u0", "7 - 5 u0", "5:27: a block has two sizes"),
        ("v0: f32 = 0.0", "v0: f64 = 0.0", "6:11: the value is f32, not f64"),
        ("v0: f32 = 0.0", "v1: f32 = 0.0", "8:9: `v0` stands where a bound value is needed"),
        ("v0 sum=", "v0 sums=", "8:12: `sums` stands where `:` is needed"),
        ("i0 + i1]", "i0 + i3]", "8:35: `i3` stands where an axis is needed"),
        ("i0 + i1]", "i0 + i0]", "8:37: the position before has a term twice or 0 times"),
        ("/ v0", "/ v0 v0", "10:60: `v0` stands where the end of the line is needed"),
        ("/ v0", "/", "10:55: a value is missing at the end of the line"),
        ("/ v0", "/ exp(v0, v0)", "10:57: there is no function `exp` of 2 values"),
        ("/ v0", "or v0 and v0", "10:61: what stands before this needs parentheses"),
        ("/ v0", "/ 1_u7", "10:57: `1_u7` stands where a number of its type is needed"),
        ("/ v0", "$ v0", "10:55: `$` begins nothing"),
        (
            "f32[70]",
            "f32[281474976710657]",
            "2:32: 281474976710657 before this is more than 281474976710656",
        ),
        ("u0 < 2", "u0 < 281474976710656, u1 < 2", "4:34: there are too many units to count"),
    ];
    for (from, to, wanted) in cases {
        let text = whole.replacen(from, to, 1);
        assert_ne!(text, whole);
        let error = text.parse::<Kernel>().expect_err(wanted).to_string();
        assert_eq!(error, wanted, "{text}");
    }
    let deep = whole.replacen("/ v0", &format!("/ {}v0{}", "(".repeat(999), ")".repeat(999)), 1);
    let error = deep.parse::<Kernel>().expect_err("too deep").to_string();
    assert!(error.ends_with("there are too many parentheses in each other"), "{error}");
    // No prefix of a text makes the reader panic.
    for end in 0..whole.len() {
        let _ = whole[..end].parse::<Kernel>();
    }
}
