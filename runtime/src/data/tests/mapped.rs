//! Arrays that stay in their files are the arrays that reading gives, and feed the same bytes.

use super::*;
use crate::data::load::load_mapped;

/// The source as it is read, and with all that can stay in its files.
fn both(source: &str) -> (DataSet, DataSet) {
    let source = Source::parse(source).expect("a source");
    let read = |from| load_mapped(&source, Split::Train, from).expect("it can be read");
    (read(usize::MAX), read(0))
}

fn is_mapped(data: &DataSet, name: &str) -> bool {
    matches!(data.array(name).expect("it is there"), Array::Mapped(_))
}

fn assert_same(source: &str) -> DataSet {
    let (held, mapped) = both(source);
    let names = |data: &DataSet| data.arrays().iter().map(|a| a.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&held), names(&mapped));
    assert_eq!((held.n_bytes() > 0, held.n_rows()), (true, mapped.n_rows()));
    for ((name, a), (_, b)) in held.arrays().iter().zip(mapped.arrays()) {
        assert!(matches!(a, Array::Held(_)) && a == b, "{source}: {name}");
        let last = held.n_rows() - 1;
        assert_eq!((a.row(0), a.row(last)), (b.row(0), b.row(last)), "{source}: {name}");
        assert_eq!(a.select(&[last as u32, 0]), b.select(&[last as u32, 0]), "{source}: {name}");
    }
    assert_eq!(format!("{:?}", summarise(&held)), format!("{:?}", summarise(&mapped)));
    mapped
}

#[test]
fn numpy_files_of_every_type_can_stay_where_they_are() {
    let folder = Folder::new("mapped-npy");
    let bytes: Vec<u8> = (1..=48).collect();
    let types = ["<f4", "<f8", "<i4", "<i8", "|u1", "|i1", "<i2", "<u2", "<u4"];
    let mut entries = vec![];
    for (i, descriptor) in types.iter().enumerate() {
        let size = usize::from(descriptor.as_bytes()[2] - b'0');
        let shape = format!("(2, {}, 1)", 24 / size);
        let file = npy_of(&format!("'{descriptor}'"), "False", &shape, &bytes);
        let path = folder.write(&format!("{i}.npy"), &file);
        let mapped = assert_same(&format!("x={}", path.display()));
        assert!(is_mapped(&mapped, "x") && mapped.n_bytes() == 0, "{descriptor}");
        entries.push((format!("a{i}"), npy::read_npy(&path).expect("it was just read")));
    }
    let path = folder.path("all.npz");
    npy::write_npz(&path, &entries).expect("a folder of our own");
    let mapped = assert_same(&path.display().to_string());
    assert!(entries.iter().all(|(name, _)| is_mapped(&mapped, name)));
    // What lies otherwise is read, and truth values, whose bytes are looked at.
    for (descriptor, order, columns) in
        [(">f4", "False", 6), ("<f4", "True", 6), ("|b1", "False", 24)]
    {
        let shape = format!("(2, {columns})");
        let bytes: Vec<u8> = bytes.iter().map(|b| b % 2).collect();
        let file = npy_of(&format!("'{descriptor}'"), order, &shape, &bytes);
        let path = folder.write("b.npy", &file);
        assert!(!is_mapped(&assert_same(&format!("x={}", path.display())), "x"));
    }
}

#[test]
fn pictures_and_tensors_can_stay_where_they_are() {
    let folder = Folder::new("mapped-idx");
    let pixels: Vec<u8> = (0..24).map(|i| i * 10).collect();
    let images = folder.write("images", &idx_bytes(IMAGES, &[4, 2, 3], &pixels));
    let labels = folder.write("labels", &idx_bytes(LABELS, &[4], &[3, 1, 0, 3]));
    let idx = format!("idx:{},{}", images.display(), labels.display());
    let mapped = assert_same(&idx);
    assert!(is_mapped(&mapped, "image"));
    assert!(!is_mapped(&assert_same(&format!("{idx}?classes=3,1")), "image"));
    let packed = folder.write("packed.gz", &gzip(&read_all(&images).expect("it was just written")));
    let packed = format!("idx:{},{}", packed.display(), labels.display());
    assert!(!is_mapped(&assert_same(&packed), "image"));

    let header = br#"{"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},
        "b":{"dtype":"U32","shape":[2],"data_offsets":[12,20]},
        "c":{"dtype":"F16","shape":[2,1],"data_offsets":[20,24]}}"#;
    let n = (header.len() as u64).to_le_bytes();
    let file = [&n, header.as_slice(), &pixels].concat();
    let path = folder.write("x.safetensors", &file);
    let mapped = assert_same(&path.display().to_string());
    assert!(["a", "b", "c"].iter().all(|name| is_mapped(&mapped, name)));
}

#[test]
fn batches_standards_and_weights_are_those_of_memory() {
    let folder = Folder::new("mapped-feed");
    let numbers: Vec<f32> = (0..21).map(|i| (i * i % 17) as f32).collect();
    let arrays = [
        ("x".to_string(), Literal::from_vec(&[7, 3], numbers).expect("21")),
        ("label".to_string(), array(&[7], vec![2i64, 0, 1, 1, 0, 2, 2])),
    ];
    let path = folder.path("t.npz");
    npy::write_npz(&path, &arrays).expect("a folder of our own");
    let (held, mapped) = both(&path.display().to_string());
    let batch = Dim::symbol("batch");
    let ty = |dtype, n: Option<usize>| {
        let shape = [batch.clone()].into_iter().chain(n.map(Dim::from)).collect();
        TensorType { dtype, shape }
    };
    let cases = [
        (DType::F32, DType::I32, None),
        (DType::F64, DType::I64, None),
        (DType::F32, DType::F32, Some(3)),
        (DType::F64, DType::F64, Some(4)),
    ];
    for (of_x, of_label, classes) in cases {
        let inputs =
            [("x".to_string(), ty(of_x, Some(3))), ("label".into(), ty(of_label, classes))];
        let batches = |data: &DataSet| {
            let plan = feed_plan(&inputs, data, &Binding::default()).expect("they fit");
            let batch_size = const { NonZeroUsize::new(3).expect("not 0") };
            let options = BatchOptions { batch_size, tail: Tail::Keep, shuffle: Some(5) };
            let batches = Batches::new(data, &plan, options);
            let literals = |i| (batches.literal(i, 0), batches.literal(i, 1));
            (0..3).map(literals).collect::<Vec<_>>()
        };
        assert_eq!(batches(&held), batches(&mapped));
    }
    let standards = |data| Standards::of(data, Standardise::Features, Some(&[1, 4, 5]));
    assert_eq!(standards(&held), standards(&mapped));
    let weighed = |data| ClassWeights::Balanced.weigh(data, None).expect("labels");
    assert_eq!(weighed(&held).array(WEIGHT), weighed(&mapped).array(WEIGHT));
    let too_few =
        [("x".into(), ty(DType::F32, Some(3))), ("label".into(), ty(DType::F32, Some(2)))];
    let refused = |data| feed_plan(&too_few, data, &Binding::default()).expect_err("3 classes");
    assert_eq!(refused(&held), refused(&mapped));
}

#[test]
fn arrays_of_several_blocks_are_whole() {
    let folder = Folder::new("mapped-blocks");
    let n = 3_000_001;
    let numbers: Vec<i32> = (0..n).collect();
    npy::write_npy(&folder.path("n.npy"), &array(&[n as usize], numbers)).expect("our own");
    let (held, mapped) = both(&format!("x={}", folder.path("n.npy").display()));
    let blocks = |data: &DataSet| data.array("x").expect("it is there").blocks().count();
    assert_eq!((blocks(&held), blocks(&mapped)), (1, 3));
    assert_eq!(summarise(&held), summarise(&mapped));
    assert!(held.arrays() == mapped.arrays());
}

#[test]
fn a_file_that_is_cut_is_an_error() {
    let folder = Folder::new("mapped-cut");
    let path = folder.path("x.npy");
    npy::write_npy(&path, &array(&[4], vec![1f64, 2.0, 3.0, 4.0])).expect("our own");
    let (held, mapped) = both(&format!("x={}", path.display()));
    assert_eq!(mapped.check_files(), Ok(()));
    let file = std::fs::File::options().write(true).open(&path).expect("it is there");
    file.set_len(100).expect("our own");
    assert_eq!(held.check_files(), Ok(()));
    let error = mapped.check_files().expect_err("28 bytes of its elements are gone");
    assert_eq!(code(&error), "E0603");
    assert!(error.to_string().contains("cut while its rows were in use"), "{error}");
    // What was cut before is not mapped, and reading says what is wrong.
    let source = Source::parse(&format!("x={}", path.display())).expect("a source");
    assert_eq!(code(&load_mapped(&source, Split::Train, 0).expect_err("cut")), "E0604");
}
