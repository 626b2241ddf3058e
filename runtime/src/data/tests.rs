//! Round trips, damaged files of every kind, the match of arrays to inputs, the loader's order,
//! and real files where they lie beside the workspace.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use brolga_compiler::ir::{Binding, DType, Dim, Element, Literal, Scalar, TensorType};
use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::{ArcArray, IxDyn};

use super::*;

mod mapped;
mod tables;
mod texts;
mod pictures;

/// The elements of an array of that type.
fn held<T: Element>(data: &DataSet, name: &str) -> ArcArray<T, IxDyn> {
    data.array(name).expect("it is there").whole().array::<T>().expect("the type").clone()
}

/// A folder for one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("brolga-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        Folder(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a folder of our own");
        path
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("a folder of our own");
        let name = |e: std::io::Result<std::fs::DirEntry>| {
            e.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn array<T: brolga_compiler::ir::Element>(sizes: &[usize], elements: Vec<T>) -> Literal {
    Literal::from_vec(sizes, elements).expect("as many elements as the sizes ask for")
}

/// A tensor of every element type, with odd bits and shapes.
pub(crate) fn one_of_each() -> Vec<(String, Literal)> {
    let name = |n: &str| n.to_string();
    vec![
        (name("h.w"), array(&[2, 3], vec![0.0f32, -0.0, f32::NAN, f32::INFINITY, 1e-45, 0.1])),
        (name("d"), array(&[2], vec![f64::MIN_POSITIVE, -0.1])),
        (name("i"), array(&[3, 1], vec![i32::MIN, 0, i32::MAX])),
        (name("l"), array(&[1], vec![i64::MIN])),
        (name("u"), array(&[5], vec![0u8, 1, 127, 128, 255])),
        (name("b"), array(&[2, 2], vec![true, false, false, true])),
        (name("empty"), array::<f32>(&[0, 4], vec![])),
        (name("scalar"), Literal::scalar(Scalar::F32(2.5))),
    ]
}

fn same(a: &[(String, Literal)], b: &[(String, Literal)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
}

fn code(error: &DataError) -> &'static str {
    assert!(!error.to_string().is_empty() && !error.help().is_empty());
    error.code()
}

// ---- npy and npz

#[test]
fn npz_comes_back_and_its_bytes_are_stable() {
    let folder = Folder::new("npz");
    let (a, b) = (folder.path("a.npz"), folder.path("b.npz"));
    npy::write_npz(&a, &one_of_each()).expect("a folder of our own");
    npy::write_npz(&b, &one_of_each()).expect("a folder of our own");
    assert!(same(&npy::read_npz(&a).expect("what was written"), &one_of_each()));
    assert_eq!(read_all(&a), read_all(&b));
    for (name, literal) in one_of_each() {
        let path = folder.path(&format!("{name}.npy"));
        npy::write_npy(&path, &literal).expect("a folder of our own");
        assert!(npy::read_npy(&path).expect("what was written") == literal, "{name}");
    }
}

fn npy_bytes(dictionary: &str, body: &[u8]) -> Vec<u8> {
    let length = (dictionary.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", length.as_slice(), dictionary.as_bytes(), body].concat()
}

fn npy_of(descr: &str, order: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    npy_bytes(
        &format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"),
        body,
    )
}

#[test]
fn npy_of_other_orders_and_types_is_read() {
    let folder = Folder::new("npy-types");
    let read = |bytes: &[u8]| npy::read_npy(&folder.write("a.npy", bytes));
    let fortran = npy_of("'|u1'", "True", "(2, 3)", &[1, 2, 3, 4, 5, 6]);
    assert_eq!(read(&fortran), Ok(array(&[2, 3], vec![1u8, 3, 5, 2, 4, 6])));
    let big = npy_of("'>i4'", "False", "(2,)", &[0, 0, 0, 1, 255, 255, 255, 254]);
    assert_eq!(read(&big), Ok(array(&[2], vec![1i32, -2])));
    let short = npy_of("'<i2'", "False", "(2,)", &[1, 0, 0xff, 0xff]);
    assert_eq!(read(&short), Ok(array(&[2], vec![1i32, -1])));
    let unsigned = npy_of("'<u4'", "False", "(1,)", &[0xff; 4]);
    assert_eq!(read(&unsigned), Ok(array(&[1], vec![i64::from(u32::MAX)])));
}

#[test]
fn damaged_npy_is_an_error() {
    let folder = Folder::new("npy-damaged");
    let good = npy_of("'<f4'", "False", "(2,)", &[0; 8]);
    let deep = format!("{}{}\n", "(".repeat(4000), ")".repeat(4000));
    let mut version = good.clone();
    version[6] = 9;
    let long_header = [b"\x93NUMPY\x02\x00".as_slice(), &[0xff; 4], &[b' '; 100]].concat();
    let many = format!("({})", "1,".repeat(100));
    let cases = [
        (vec![], "E0604"),
        (b"PK\x03\x04 no array".to_vec(), "E0604"),
        (good[..good.len() - 1].to_vec(), "E0604"),
        ([good.as_slice(), &[0]].concat(), "E0604"),
        (version, "E0604"),
        (long_header, "E0604"),
        (npy_bytes(&deep, &[]), "E0604"),
        (npy_bytes("{'shape': 3}\n", &[]), "E0604"),
        (npy_bytes("3\n", &[]), "E0604"),
        (npy_bytes("\u{e9}\n", &[]), "E0604"),
        (npy_bytes("", &[]), "E0604"),
        (npy_of("'<f4'", "False", "(1099511627776,)", &[0; 8]), "E0604"),
        (npy_of("'<f4'", "False", "(4294967296, 4294967296, 4294967296)", &[0; 8]), "E0604"),
        (npy_of("'<f4'", "False", "(0, 9223372036854775807)", &[]), "E0604"),
        (npy_of("'<f4'", "False", "(99999999999999999999999,)", &[]), "E0604"),
        (npy_of("'<f4'", "False", "(-1,)", &[]), "E0604"),
        (npy_of("'<f4'", "False", &many, &[0; 4]), "E0604"),
        (npy_of("'|b1'", "False", "(2,)", &[1, 7]), "E0604"),
        (npy_of("'<u8'", "False", "(1,)", &[0; 8]), "E0605"),
        (npy_of("'|O'", "False", "(1,)", &[0; 8]), "E0605"),
        (npy_of("[('a', '<f4')]", "False", "(2,)", &[0; 8]), "E0605"),
    ];
    for (i, (bytes, expected)) in cases.iter().enumerate() {
        let path = folder.write("a.npy", bytes);
        for mapped_from in [usize::MAX, 0] {
            let error = npy::open_npy(&path, mapped_from).expect_err(&format!("case {i}"));
            assert_eq!(code(&error), *expected, "case {i}: {error}");
        }
    }
    for i in 0..good.len() {
        let mut bytes = good.clone();
        for change in [0x01, 0x20, 0x80, 0xff] {
            bytes[i] = good[i] ^ change;
            // Whatever comes back, it is a value.
            let path = folder.write("a.npy", &bytes);
            let (read, opened) = (npy::read_npy(&path), npy::open_npy(&path, 0));
            let (Ok(read), Ok(opened)) = (read, opened) else { continue };
            assert!(opened == Array::from(read), "byte {i}");
        }
    }
    assert_eq!(code(&npy::read_npy(&folder.path("none.npy")).expect_err("none")), "E0603");
    assert_eq!(code(&npy::read_npy(&folder.path("")).expect_err("a folder")), "E0603");
    assert_eq!(code(&npy::read_npy(Path::new("/dev/zero")).expect_err("a device")), "E0603");
}

#[test]
fn damaged_npz_is_an_error() {
    let folder = Folder::new("npz-damaged");
    let path = folder.path("a.npz");
    let arrays = vec![("x".to_string(), array(&[3], vec![1.5f32, 2.5, 3.5]))];
    npy::write_npz(&path, &arrays).expect("a folder of our own");
    let good = read_all(&path).expect("just written");
    let read = |bytes: &[u8]| npy::read_npz(&folder.write("b.npz", bytes));
    for cut in 0..good.len() {
        assert_eq!(code(&read(&good[..cut]).expect_err("cut")), "E0604", "cut at {cut}");
    }
    assert_eq!(code(&read(&[7; 1000]).expect_err("garbage")), "E0604");
    for i in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[i] ^= change;
            if let Ok(read) = read(&bytes) {
                assert!(read.iter().all(|(_, a)| a.n_elements() <= 3), "byte {i}");
            }
            if let Ok(opened) = npy::open_npz(&folder.path("b.npz"), 0) {
                assert!(opened.iter().all(|(_, a)| a.n_elements() <= 3), "byte {i}");
            }
        }
    }
    let zip = |name: &str, body: &[u8]| {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
        writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory");
        writer.write_all(body).expect("memory");
        writer.finish().expect("memory").into_inner()
    };
    let lie = npy_of("'<f4'", "False", "(1099511627776,)", &[0; 8]);
    assert_eq!(code(&read(&zip("x.npy", &lie)).expect_err("a lie")), "E0604");
    assert_eq!(code(&read(&zip("readme", b"hello")).expect_err("no array")), "E0604");
    let shape = npy_of("'<f4'", "False", "(1000000,)", &vec![0; 4_000_000]);
    assert_eq!(read(&zip("x.npy", &shape)).map(|a| a[0].1.n_elements()), Ok(1_000_000));
}

// ---- idx

fn idx_bytes(magic: [u8; 4], sizes: &[u32], body: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|d| d.to_be_bytes()).collect();
    [magic.as_slice(), &sizes, body].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

const IMAGES: [u8; 4] = [0, 0, 8, 3];
const LABELS: [u8; 4] = [0, 0, 8, 1];

#[test]
fn idx_is_read_plain_and_compressed() {
    let folder = Folder::new("idx");
    let images = idx_bytes(IMAGES, &[2, 1, 3], &[0, 255, 51, 1, 2, 3]);
    let labels = idx_bytes(LABELS, &[2], &[7, 255]);
    folder.write("train-images-idx3-ubyte", &images);
    folder.write("train-labels-idx1-ubyte.gz", &gzip(&labels));
    let source = Source::parse(&format!("mnist:{}", folder.path("").display()));
    let data = load(&source.expect("a source"), Split::Train).expect("both files");
    let pixels = vec![0.0f32, 1.0, 0.2, 1.0 / 255.0, 2.0 / 255.0, 3.0 / 255.0];
    assert_eq!(data.array("image").map(Array::whole), Some(array(&[2, 1, 3], pixels)));
    assert_eq!(data.array("label").map(Array::whole), Some(array(&[2], vec![7i32, 255])));
    let source = Source::parse(&format!("mnist:{}", folder.path("").display()));
    let error = load(&source.expect("a source"), Split::Test).expect_err("no test part");
    assert_eq!(code(&error), "E0603");
}

#[test]
fn damaged_idx_is_an_error() {
    let folder = Folder::new("idx-damaged");
    let labels = folder.write("labels", &idx_bytes(LABELS, &[2], &[7, 1]));
    let good = idx_bytes(IMAGES, &[2, 1, 3], &[0; 6]);
    let packed = gzip(&good);
    let mut checksum = packed.clone();
    let n = checksum.len();
    checksum[n - 6] ^= 1;
    let cases = [
        (vec![], "E0604"),
        (vec![0, 0], "E0604"),
        (idx_bytes([1, 0, 8, 3], &[2, 1, 3], &[0; 6]), "E0604"),
        (idx_bytes([0, 0, 13, 3], &[2, 1, 3], &[0; 24]), "E0605"),
        (idx_bytes([0, 0, 8, 1], &[2], &[0; 2]), "E0604"),
        (idx_bytes([0, 0, 8, 255], &[1; 255], &[0; 1]), "E0604"),
        (idx_bytes(IMAGES, &[2, 1], &[]), "E0604"),
        (idx_bytes(IMAGES, &[u32::MAX; 3], &[0; 6]), "E0604"),
        (idx_bytes(IMAGES, &[1_000_000, 28, 28], &[0; 6]), "E0604"),
        (good[..good.len() - 1].to_vec(), "E0604"),
        ([good.as_slice(), &[0]].concat(), "E0604"),
        (gzip(&good[..good.len() - 1]), "E0604"),
        (gzip(&[good.as_slice(), &[0]].concat()), "E0604"),
        (gzip(&idx_bytes(IMAGES, &[u32::MAX; 3], &[0; 6])), "E0604"),
        (gzip(&gzip(&good)), "E0604"),
        (checksum, "E0604"),
        ([[0x1f, 0x8b].as_slice(), &[0x55; 100]].concat(), "E0604"),
        (idx_bytes(IMAGES, &[3, 1, 3], &[0; 9]), "E0607"),
        (idx_bytes(IMAGES, &[0, 1, 3], &[]), "E0609"),
    ];
    for (i, (bytes, expected)) in cases.iter().enumerate() {
        let images = folder.write("images", bytes);
        for mapped_from in [usize::MAX, 0] {
            let error = idx::open_pair(&images, &labels, mapped_from)
                .and_then(|arrays| DataSet::new("x", arrays))
                .expect_err(&format!("case {i}"));
            assert_eq!(code(&error), *expected, "case {i}: {error}");
        }
    }
    for cut in 0..packed.len() {
        let images = folder.write("images", &packed[..cut]);
        assert!(idx::open_pair(&images, &labels, 0).is_err(), "cut at {cut}");
    }
}

// ---- data sets

#[test]
fn arrays_without_common_rows_are_refused() {
    let x = |n: usize| array(&[n, 2], vec![0.0f32; 2 * n]);
    let name = |n: &str| n.to_string();
    let new = |arrays| DataSet::new("x", arrays).map(|d| d.n_rows()).map_err(|e| code(&e));
    assert_eq!(new(vec![(name("a"), x(3)), (name("b"), x(3))]), Ok(3));
    assert_eq!(new(vec![(name("a"), x(3)), (name("b"), x(2))]), Err("E0607"));
    assert_eq!(new(vec![(name("a"), x(3)), (name("a"), x(3))]), Err("E0608"));
    assert_eq!(new(vec![(name("a"), x(0))]), Err("E0609"));
    assert_eq!(new(vec![]), Err("E0609"));
    let scalar = (name("s"), Literal::scalar(Scalar::F32(1.0)));
    assert_eq!(new(vec![scalar.clone()]), Err("E0609"));
    assert_eq!(new(vec![scalar, (name("a"), x(3))]), Ok(3));
}

// ---- feeds

/// A type from its text, `f32[batch, 28, n]`.
fn ty(text: &str) -> TensorType {
    let (dtype, shape) = text.trim_end_matches(']').split_once('[').unwrap_or((text, ""));
    let dim = |d: &str| d.parse().map_or_else(|_| Dim::symbol(d), Dim::number);
    let shape: Vec<Dim> = shape.split(", ").filter(|d| !d.is_empty()).map(dim).collect();
    TensorType::new(DType::from_name(dtype).expect("an element type"), shape)
}

fn inputs(list: &[(&str, &str)]) -> Vec<(String, TensorType)> {
    list.iter().map(|(name, text)| (name.to_string(), ty(text))).collect()
}

/// A data set of zeros of these types, with rows counted from 0 in `label`s.
fn zeros(list: &[(&str, &str)]) -> DataSet {
    let arrays = inputs(list).into_iter().map(|(name, ty)| {
        let sizes = ty.sizes().expect("numbers");
        let zeros = Literal::filled(&sizes, Scalar::zero(ty.dtype));
        (name, zeros)
    });
    DataSet::new("zeros", arrays.collect()).expect("common rows")
}

#[test]
fn arrays_match_inputs() {
    // Arrays, inputs, then for each input its array and its sizes at a batch of 2.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a str);
    let digits = [("image", "f32[6, 28, 28]"), ("label", "i32[6]")];
    let cases: &[Case<'_>] = &[
        (&digits, &[("image", "f32[batch, 28, 28]")], "0:[2, 28, 28]"),
        (&digits, &[("x", "f32[batch, 784]"), ("y", "i32[batch]")], "0:[2, 784] 1:[2]"),
        (&digits, &[("label", "i32[n]"), ("x", "f32[n, 28, 28, 1]")], "1:[2] 0:[2, 28, 28, 1]"),
        (&digits, &[("x", "f32[batch, h, w]")], "0:[2, 28, 28] h=28 w=28"),
        (&digits, &[("x", "f32[batch, h, w, 1]")], "0:[2, 28, 28, 1] h=28 w=28"),
        (&digits, &[("x", "f32[batch, n]")], "0:[2, 784] n=784"),
        (&digits, &[("x", "f32[2, 784]")], "0:[2, 784]"),
        (&digits, &[("label", "f32[batch, 10]")], "1:[2, 10]"),
        (&digits, &[("label", "i32[batch, 1]")], "1:[2, 1]"),
        (&digits, &[], ""),
        (
            &[("x", "f64[4, 3]"), ("y", "i64[4]")],
            &[("x", "f32[b, 3]"), ("y", "i32[b]")],
            "0:[2, 3] 1:[2]",
        ),
        (&[("x", "u8[4, 3, 1]")], &[("x", "u8[b, 3]")], "0:[2, 3]"),
        (&[("y", "u8[4]")], &[("y", "f64[b, 5]")], "0:[2, 5]"),
        (&[("y", "i32[4, 1]")], &[("y", "f32[b, 5]")], "0:[2, 5]"),
        (&digits, &[("label", "f32[b]"), ("x", "f64[b, 28, 28]")], "1:[2] 0:[2, 28, 28]"),
        (&digits, &[("label", "f32[b, 1]")], "1:[2, 1]"),
        (&digits, &[("label", "i64[b]")], "1:[2]"),
        (&[("x", "u8[4, 4]")], &[("x", "f32[b, 2, 2]")], "0:[2, 2, 2]"),
        (&[("x", "f32[4, 784]")], &[("x", "f32[b, 28, 28]")], "0:[2, 28, 28]"),
        (&[("x", "f32[4, 784]")], &[("x", "f32[b, 28, 28, 1]")], "0:[2, 28, 28, 1]"),
        (&[("x", "f32[4, 1, 12]")], &[("x", "f32[b, 2, 1, 3, 2]")], "0:[2, 2, 1, 3, 2]"),
        (
            &[("x", "f32[4, 6]"), ("h", "f32[4, 2]")],
            &[("x", "f32[b, n, 3]"), ("h", "f32[b, n]")],
            "0:[2, 2, 3] 1:[2, 2] n=2",
        ),
        (&[("lr", "f32"), ("x", "f32[4]")], &[("x", "f32[b]"), ("rate", "f32")], "1:[2] 0:[]"),
    ];
    for (arrays, declared, expected) in cases {
        let plan = feed_plan(&inputs(declared), &zeros(arrays), &Binding::default());
        let plan = plan.unwrap_or_else(|e| panic!("{declared:?}: {e}"));
        let feed = |f: &Feed| format!("{}:{:?}", f.array, f.sizes(2));
        let symbols = plan.binding.iter().map(|(s, n)| format!("{s}={n}"));
        let text: Vec<String> = plan.feeds.iter().map(feed).chain(symbols).collect();
        assert_eq!(text.join(" "), *expected, "{declared:?}");
    }
}

#[test]
fn what_does_not_match_is_an_error() {
    type Case<'a> = (&'a [(&'a str, &'a str)], &'static str);
    let data = zeros(&[
        ("image", "f32[6, 28, 28]"),
        ("label", "i32[6]"),
        ("wide", "i64[6, 3]"),
        ("pixels", "u8[6, 2]"),
        ("flat", "f32[6, 784]"),
        ("cube", "f32[6, 4, 4, 4]"),
    ]);
    let cases: &[Case<'_>] = &[
        (
            &[
                ("a", "f32[b, 28, 28]"),
                ("b", "i32[b]"),
                ("c", "i64[b, 3]"),
                ("pixels", "u8[b, 2]"),
                ("flat", "f32[b, 784]"),
                ("cube", "f32[b, 64]"),
                ("d", "f32[b]"),
            ],
            "E0610",
        ),
        (&[("s", "f32")], "E0610"),
        (&[("image", "f32")], "E0611"),
        (&[("image", "f32[b, 28]")], "E0611"),
        (&[("image", "f32[b, 783]")], "E0611"),
        (&[("image", "f32[b, 56, 14]")], "E0611"),
        (&[("image", "i32[b, 28, 28]")], "E0611"),
        (&[("image", "f32[b, b, 28]")], "E0611"),
        (&[("label", "bool[b]")], "E0611"),
        (&[("label", "f32[b, 2, 5]")], "E0611"),
        (&[("pixels", "bool[b, 2]")], "E0611"),
        (&[("flat", "f32[b, 28, 27]")], "E0611"),
        (&[("flat", "f32[b, 28, b]")], "E0611"),
        (&[("flat", "i32[b, 784]")], "E0611"),
        (&[("flat", "f32[b, n, 28]")], "E0613"),
        (&[("cube", "f32[b, 4, 2, 8]")], "E0611"),
        (&[("image", "f32[b, n, 28]"), ("wide", "i64[b, n]")], "E0612"),
        (&[("label", "f32[b, n]")], "E0613"),
        (&[("image", "f32[b, 784]"), ("label", "i32[n]")], "E0614"),
        (&[("image", "f32[0, 784]")], "E0615"),
    ];
    for (declared, expected) in cases {
        let error = feed_plan(&inputs(declared), &data, &Binding::default())
            .expect_err(&format!("{declared:?}"));
        assert_eq!(code(&error), *expected, "{declared:?}: {error}");
    }
    let twice = Dim::symbol("b").mul(&Dim::number(2)).expect("no overflow");
    let declared = [("label".to_string(), TensorType::new(DType::I32, vec![twice]))];
    let error = feed_plan(&declared, &data, &Binding::default()).expect_err("2b");
    assert_eq!(code(&error), "E0615");
}

#[test]
fn errors_show_both_types() {
    let data = zeros(&[("image", "f32[6, 28, 28]"), ("wide", "i64[6, 3]")]);
    let text = |list: &[(&str, &str)]| {
        feed_plan(&inputs(list), &data, &Binding::default()).expect_err("no match").to_string()
    };
    assert_eq!(
        text(&[("x", "f32[batch, 783]")]),
        "the input `x: f32[batch, 783]` cannot take the array `image: f32[6, 28, 28]` (first \
         dimension: rows)"
    );
    assert_eq!(
        text(&[("image", "f32[batch, n, 28]"), ("wide", "i64[batch, n]")]),
        "the dimension `n` is 28 (by `image`), but the input `wide: i64[batch, n]` and its array \
         `wide: i64[6, 3]` make it 3"
    );
    assert_eq!(
        text(&[("image", "f32[batch, 784]"), ("wide", "i64[batch, 3]"), ("y", "i32[batch]")]),
        "no array is left for the input `y: i32[batch]`; the data hold `image: f32[6, 28, 28]`, \
         `wide: i64[6, 3]`"
    );
}

#[test]
fn given_dimensions_decide_and_polynomials_are_checked() {
    let data = zeros(&[("x", "f32[6, 8]"), ("h", "f32[6, 4]"), ("label", "i32[6]")]);
    let given = Binding::from_iter([("n", 10), ("b", 3)]);
    let plan = feed_plan(&inputs(&[("label", "f32[b, n]")]), &data, &given).expect("n is given");
    assert_eq!(plan.feeds[0].sizes(2), [2, 10]);
    assert_eq!(plan.binding, Binding::from_iter([("n", 10)]));
    let half = |n: i64| Dim::symbol("k").floor_div(&Dim::number(n)).expect("no overflow");
    let declared = |n| {
        let h = TensorType::new(DType::F32, vec![Dim::symbol("b"), half(n)]);
        [("h".to_string(), h), ("x".to_string(), ty("f32[b, k]"))]
    };
    assert!(feed_plan(&declared(2), &data, &Binding::default()).is_ok());
    let error = feed_plan(&declared(3), &data, &Binding::default()).expect_err("8 // 3 is not 4");
    assert_eq!(code(&error), "E0611");
    let error = feed_plan(&declared(2)[..1], &data, &Binding::default()).expect_err("no k");
    assert_eq!(code(&error), "E0613");
}

fn batches(data: &DataSet, declared: &[(&str, &str)], options: BatchOptions) -> Batches {
    let plan = feed_plan(&inputs(declared), data, &Binding::default()).expect("they match");
    Batches::new(data, &plan, options)
}

fn options(batch_size: usize, tail: Tail, shuffle: Option<u64>) -> BatchOptions {
    let batch_size = NonZeroUsize::new(batch_size).expect("not 0");
    BatchOptions { batch_size, tail, shuffle }
}

#[test]
fn rows_are_converted() {
    let data = DataSet::new(
        "x",
        vec![
            ("d".to_string(), array(&[3, 2], vec![0.1f64, 1.0, 2.0, 3.0, 4.0, 5.0])),
            ("l".to_string(), array(&[3], vec![2i64, 0, 1])),
            ("u".to_string(), array(&[3, 1], vec![0u8, 1, 2])),
            ("t".to_string(), array(&[3, 2], vec![true, false, false, false, true, true])),
            ("s".to_string(), Literal::scalar(Scalar::F64(0.5))),
        ],
    );
    let data = data.expect("three rows");
    let of = |input, ty| {
        let b = batches(&data, &[(input, ty)], options(2, Tail::Keep, None));
        (b.literal(0, 0), b.literal(1, 0))
    };
    assert_eq!(
        of("d", "f32[b, 2]"),
        (array(&[2, 2], vec![0.1f32, 1.0, 2.0, 3.0]), array(&[1, 2], vec![4f32, 5.0]))
    );
    assert_eq!(of("l", "i32[b]"), (array(&[2], vec![2i32, 0]), array(&[1], vec![1i32])));
    assert_eq!(
        of("l", "f32[b, 3]"),
        (array(&[2, 3], vec![0f32, 0.0, 1.0, 1.0, 0.0, 0.0]), array(&[1, 3], vec![0f32, 1.0, 0.0]))
    );
    assert_eq!(of("u", "f64[b, 3]").1, array(&[1, 3], vec![0f64, 0.0, 1.0]));
    assert_eq!(of("u", "u8[b]").1, array(&[1], vec![2u8]));
    assert_eq!(of("l", "u8[b]").0, array(&[2], vec![2u8, 0]));
    assert_eq!(of("l", "f32[b]").0, array(&[2], vec![2f32, 0.0]));
    assert_eq!(of("u", "i64[b]").0, array(&[2], vec![0i64, 1]));
    assert_eq!(of("t", "f32[b, 2]").1, array(&[1, 2], vec![1f32, 1.0]));
    assert_eq!(of("t", "u8[b, 2, 1]").0, array(&[2, 2, 1], vec![1u8, 0, 0, 0]));
    assert_eq!(of("t", "i32[b, 2]").0, array(&[2, 2], vec![1i32, 0, 0, 0]));
    let scalar = Literal::scalar(Scalar::F32(0.5));
    assert_eq!(of("s", "f32"), (scalar.clone(), scalar));
}

#[test]
fn numbers_that_do_not_fit_are_errors() {
    let data = DataSet::new(
        "x",
        vec![
            ("l".to_string(), array(&[3], vec![2i64, 0, -1])),
            ("big".to_string(), array(&[3, 2], vec![0i64, 0, 0, 1 << 40, 0, 0])),
            ("odd".to_string(), array(&[3], vec![0i32, 1 << 24, (1 << 24) + 1])),
            ("huge".to_string(), array(&[3], vec![0i64, i64::MIN, i64::MAX])),
        ],
    );
    let data = data.expect("three rows");
    let text = |input, ty| {
        let error = feed_plan(&inputs(&[(input, ty)]), &data, &Binding::default());
        let error = error.expect_err("out of range");
        assert_eq!(code(&error), "E0616");
        error.to_string()
    };
    assert_eq!(
        text("l", "f32[b, 3]"),
        "the array `l` holds -1 in row 2, but the input `l: f32[b, 3]` takes the classes 0 to 2"
    );
    assert!(text("l", "f32[b, 2]").contains("holds 2 in row 0"));
    assert!(text("big", "i32[b, 2]").contains("holds 1099511627776 in row 1"));
    assert_eq!(
        text("odd", "f32[b]"),
        "the array `odd` holds 16777217 in row 2, but the input `odd: f32[b]` holds 32-bit floats, \
         none of which is that"
    );
    assert!(text("odd", "u8[b]").contains("holds 16777216 in row 1"));
    assert!(text("huge", "f32[b]").contains("holds 9223372036854775807 in row 2"));
    assert!(text("huge", "f64[b]").contains("holds 9223372036854775807 in row 2"));
    assert!(text("l", "u8[b]").contains("holds -1 in row 2"));
}

#[test]
fn whole_arrays_are_fed_by_name() {
    let arrays = vec![
        ("x".to_string(), array(&[2, 3], vec![1f64, 2.0, 3.0, 4.0, 5.0, 6.0])),
        ("h".to_string(), array(&[3], vec![1i64, 2, 3])),
        ("none".to_string(), array(&[0], Vec::<f32>::new())),
    ];
    let feed = |list: &[(&str, &str)]| {
        feed_whole(&inputs(list), &arrays, &Binding::default()).map_err(|e| code(&e))
    };
    let fed = feed(&[("h", "i32[k]"), ("x", "f32[n, k]")]).expect("they match");
    assert_eq!(fed.values[0], array(&[3], vec![1i32, 2, 3]));
    assert_eq!(fed.values[1], array(&[2, 3], vec![1f32, 2.0, 3.0, 4.0, 5.0, 6.0]));
    assert_eq!(fed.binding, Binding::from_iter([("k", 3), ("n", 2)]));
    assert_eq!(feed(&[("h", "i32[k]"), ("x", "f32[k, k]")]), Err("E0612"));
    assert_eq!(feed(&[("x", "f32[6]")]), Err("E0611"));
    let floats = feed(&[("h", "f32[3]")]).expect("they are held exactly");
    assert_eq!(floats.values[0], array(&[3], vec![1f32, 2.0, 3.0]));
    assert_eq!(feed(&[("x", "i32[2, 3]")]), Err("E0611"));
    assert_eq!(feed(&[("y", "f32[3]")]), Err("E0656"));
    assert_eq!(feed(&[("none", "f32[n]")]), Err("E0609"));
}

// ---- the loader

fn epoch(batches: &Batches) -> Vec<u32> {
    (0..batches.n_batches()).flat_map(|i| batches.rows(i).to_vec()).collect()
}

#[test]
fn an_epoch_is_a_permutation_of_seed_and_epoch() {
    let data = zeros(&[("x", "f32[103, 2]")]);
    let declared = [("x", "f32[b, 2]")];
    let mut a = batches(&data, &declared, options(10, Tail::Keep, Some(7)));
    let first = epoch(&a);
    assert_eq!((a.n_batches(), a.rows(10).len(), a.rows(11).len()), (11, 3, 0));
    a.set_epoch(1);
    let second = epoch(&a);
    assert_ne!(first, second);
    for order in [&first, &second] {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..103).collect::<Vec<u32>>());
    }
    // No history: epoch 1 of a new loader, and epoch 0 again.
    let mut b = batches(&data, &declared, options(10, Tail::Keep, Some(7)));
    b.set_epoch(1);
    assert_eq!(epoch(&b), second);
    a.set_epoch(0);
    assert_eq!(epoch(&a), first);
    let other = batches(&data, &declared, options(10, Tail::Keep, Some(8)));
    assert_ne!(epoch(&other), first);
    let plain = batches(&data, &declared, options(10, Tail::Drop, None));
    assert_eq!(epoch(&plain), (0..100).collect::<Vec<u32>>());
    assert_eq!((plain.n_batches(), plain.n_rows()), (10, 100));
}

#[test]
fn every_row_comes_first_equally_often() {
    let data = zeros(&[("x", "f32[10]")]);
    let mut loader = batches(&data, &[("x", "f32[b]")], options(1, Tail::Keep, Some(0)));
    let mut counts = [[0usize; 10]; 10];
    for e in 0..10_000 {
        loader.set_epoch(e);
        for (i, counts) in counts.iter_mut().enumerate() {
            counts[loader.rows(i)[0] as usize] += 1;
        }
    }
    assert!(counts.iter().flatten().all(|n| (880..1120).contains(n)), "{counts:?}");
}

#[test]
fn a_fraction_is_split_off() {
    let (training, validation) = split_rows(1000, 0.1, 3).expect("both have rows");
    assert_eq!((training.len(), validation.len()), (900, 100));
    assert!(training.is_sorted() && validation.is_sorted());
    let mut all = [training.clone(), validation].concat();
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<u32>>());
    assert_eq!(split_rows(1000, 0.1, 3).map(|s| s.0), Ok(training.clone()));
    assert_ne!(split_rows(1000, 0.1, 4).map(|s| s.0), Ok(training));
    for (n, fraction) in [(1, 0.5), (10, 0.0), (10, 1.0), (10, 0.01), (10, 0.99), (10, f64::NAN)] {
        assert_eq!(split_rows(n, fraction, 0).map_err(|e| code(&e)), Err("E0617"), "{fraction}");
    }
    let data = zeros(&[("x", "f32[10]")]);
    let plan = feed_plan(&inputs(&[("x", "f32[b]")]), &data, &Binding::default()).expect("x");
    let part = Batches::of_rows(&data, &plan, options(2, Tail::Keep, Some(1)), vec![9, 4, 6]);
    let mut rows = epoch(&part);
    rows.sort_unstable();
    assert_eq!(rows, [4, 6, 9]);
}

// ---- the built-in digits

/// FNV-1a of bytes (Fowler, Noll and Vo), to pin what must be the same on every machine.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn digits(split: Split, rows: usize) -> (Vec<f32>, Vec<i32>) {
    let data = generated(Generated::Digits, split, rows);
    let [(_, image), (_, label)] = data.arrays() else { panic!("two arrays") };
    let images = image.whole().array::<f32>().expect("f32").iter().copied().collect();
    (images, label.whole().array::<i32>().expect("i32").iter().copied().collect())
}

fn generated(what: Generated, split: Split, rows: usize) -> DataSet {
    what.data_set(what.name(), split, rows).expect("few rows")
}

#[test]
fn what_is_generated_is_the_same_everywhere() {
    let hash = |what| {
        let data = generated(what, Split::Train, 64);
        let hashes =
            data.arrays().iter().map(|(_, a)| format!("{:016x}", fnv(&a.whole().to_bytes())));
        hashes.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(hash(Generated::Digits), "05ada233495db9e8 d9e4d71a8aeb946b");
    assert_eq!(hash(Generated::Dates), "a5dbc6957eb58919 3a9d141cdf55f356");
    assert_eq!(hash(Generated::Ratings), "d2e1fa4c8c93589b 0b1a6f085ea2da4b 811496550d9ccf94");
    assert_eq!(hash(Generated::Tones), "8cb06b2786bd6bcf e3ad5be4f47e4152");
    for what in Generated::ALL {
        let (more, fewer) = (generated(what, Split::Test, 9), generated(what, Split::Test, 5));
        for ((_, more), (_, fewer)) in more.arrays().iter().zip(fewer.arrays()) {
            assert!(more.whole().to_bytes().starts_with(&fewer.whole().to_bytes()), "{what}");
        }
        let error = what.data_set("x", Split::Test, MAX_ROWS + 1).expect_err("too many");
        assert_eq!(code(&error), "E0606", "{what}");
    }
}

#[test]
fn classes_are_chosen_and_numbered_anew() {
    let read = |text: &str| {
        let source = Source::parse(text).expect("a source");
        load(&source, Split::Train)
    };
    let (all, some) = (read("digits?rows=200"), read("digits?rows=200&classes=5,3"));
    let (all, some) = (all.expect("rows"), some.expect("rows"));
    let label = |data: &DataSet, row| {
        let labels = held::<i32>(data, "label");
        labels[[row]]
    };
    let chosen: Vec<usize> = (0..200).filter(|&row| [3, 5].contains(&label(&all, row))).collect();
    assert_eq!(some.n_rows(), chosen.len());
    for (row, &from) in chosen.iter().enumerate() {
        assert_eq!(label(&some, row), i32::from(label(&all, from) == 3));
        let image = |data: &DataSet, row| data.array("image").expect("images").row(row);
        assert_eq!(image(&some, row), image(&all, from));
    }
    assert_eq!(some.classes("label"), ["5", "3"]);
    let named = read("tones?rows=50&classes=rising,falling").expect("rows");
    assert_eq!(named.classes("label"), ["rising", "falling"]);
    for text in ["digits?rows=50&classes=11", "digits?rows=50&classes=x", "dates?classes=1"] {
        assert_eq!(code(&read(text).expect_err("no such class")), "E0602", "{text}");
    }
}

#[test]
fn digits_have_all_classes() {
    let (images, labels) = digits(Split::Train, 512);
    assert!(images.iter().all(|x| (0.0..=1.0).contains(x)));
    assert!((0..10).all(|c| labels.iter().filter(|&&l| l == c).count() > 25), "{labels:?}");
    let (test, _) = digits(Split::Test, 512);
    let row = |images: &[f32], i: usize| images[i * 784..(i + 1) * 784].to_vec();
    assert!((0..512).all(|i| row(&test, i) != row(&images, i)));
    let source = Source::parse("digits?rows=32&split=test").expect("a source");
    let data = load(&source, Split::Train).expect("few rows");
    let expected = generated(Generated::Digits, Split::Test, 32);
    assert_eq!(data.array("image"), expected.array("image"));
}

/// The digits have a shape of their own: the mean image of a class is nearer than any other's for
/// most rows, but not for so many that a classifier without a hidden layer would do.
#[test]
fn digits_are_neither_trivial_nor_hopeless() {
    let (images, labels) = digits(Split::Train, 2000);
    let (test, test_labels) = digits(Split::Test, 1000);
    let mut means = vec![[0f32; 784]; 10];
    for (image, &label) in images.chunks_exact(784).zip(&labels) {
        let n = labels.iter().filter(|&&l| l == label).count() as f32;
        for (m, x) in means[label as usize].iter_mut().zip(image) {
            *m += x / n;
        }
    }
    let nearest = |image: &[f32]| {
        let distance = |m: &[f32; 784]| m.iter().zip(image).map(|(m, x)| (m - x) * (m - x)).sum();
        let distances: Vec<f32> = means.iter().map(distance).collect();
        (0..10).min_by(|&a, &b| distances[a].total_cmp(&distances[b]))
    };
    let right = test
        .chunks_exact(784)
        .zip(&test_labels)
        .filter(|(image, label)| nearest(image) == Some(**label as usize))
        .count();
    assert!((500..850).contains(&right), "{right} of 1000");
}

// ---- real files

/// The folder of real data beside the workspace; `None`, with a line that says so, where absent.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is absent", folder.display());
    None
}

fn mnist(name: &str, split: Split) -> Option<(Vec<usize>, f64, f64)> {
    let folder = shared(name)?;
    let source = Source::parse(&format!("{name}:{}", folder.display())).expect("a source");
    let data = load(&source, split).expect("original files");
    let labels = held::<i32>(&data, "label");
    let mut counts = vec![0; 10];
    for label in labels {
        counts[label as usize] += 1;
    }
    let images = held::<f32>(&data, "image");
    assert_eq!(images.shape(), [data.n_rows(), 28, 28]);
    let n = images.len() as f64;
    let mean = images.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let square = images.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / n;
    Some((counts, mean, (square - mean * mean).sqrt()))
}

#[test]
fn mnist_is_what_its_authors_published() {
    if let Some((counts, mean, deviation)) = mnist("mnist", Split::Train) {
        assert_eq!(counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
        assert!((mean - 0.1307).abs() < 5e-5 && (deviation - 0.3081).abs() < 5e-5);
    }
    if let Some((counts, _, _)) = mnist("mnist", Split::Test) {
        assert_eq!(counts, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    }
    if let Some((counts, mean, deviation)) = mnist("fashion-mnist", Split::Train) {
        assert_eq!(counts, [6000; 10]);
        assert!((mean - 0.2860).abs() < 5e-5 && (deviation - 0.3530).abs() < 5e-5);
    }
}
