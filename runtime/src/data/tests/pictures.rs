//! CIFAR-10's records and folders of pictures, small ones and real ones.

use image::{ImageBuffer, ImageFormat, Luma, Rgb, Rgba};

use super::*;

fn read(text: &str, split: Split) -> Result<DataSet, DataError> {
    load(&Source::parse(text).expect("a source"), split)
}

/// A record of label `label` whose planes count up from `first`.
fn record(label: u8, first: u8) -> Vec<u8> {
    let plane = |c: u8| (0..1024u32).map(move |i| (i as u8).wrapping_add(first).wrapping_add(c));
    std::iter::once(label).chain((0..3).flat_map(plane)).collect()
}

#[test]
fn cifar_is_read_file_by_file() {
    let folder = Folder::new("cifar");
    let source = format!("cifar10:{}", folder.path("").display());
    folder.write("data_batch_2.bin", &record(2, 50));
    folder.write("data_batch_1.bin.gz", &gzip(&[record(9, 0), record(0, 7)].concat()));
    // The plain file is the same as the compressed one.
    folder.write("data_batch_2.bin.gz", &gzip(&record(2, 50)));
    let data = read(&source, Split::Train).expect("two files");
    assert_eq!(data.array("label").map(Array::whole), Some(array(&[3], vec![9i32, 0, 2])));
    let image = held::<f32>(&data, "image");
    assert_eq!(image.shape(), [3, 32, 32, 3]);
    for (row, first) in [(0, 0), (1, 7), (2, 50)] {
        for (y, x, c) in [(0, 0, 0), (0, 1, 2), (3, 5, 1), (31, 31, 2)] {
            let byte = ((32 * y + x) as u8).wrapping_add(first).wrapping_add(c as u8);
            assert_eq!(image[[row, y, x, c]], f32::from(byte) / 255.0);
        }
    }
    assert!(data.classes("label").is_empty());
    assert_eq!(code(&read(&source, Split::Test).expect_err("no test part")), "E0625");
    let names: Vec<String> = (0..10).map(|i| format!("class {i}")).collect();
    folder.write("batches.meta.txt", format!("{}\n\n", names.join("\n")).as_bytes());
    assert_eq!(read(&source, Split::Train).expect("named").classes("label"), names);

    folder.write("test_batch.bin", &record(10, 0));
    assert_eq!(code(&read(&source, Split::Test).expect_err("no such class")), "E0604");
    folder.write("test_batch.bin", &record(1, 0)[1..]);
    assert_eq!(code(&read(&source, Split::Test).expect_err("no record")), "E0604");
    folder.write("test_batch.bin", &[]);
    assert_eq!(code(&read(&source, Split::Test).expect_err("no row")), "E0609");
    folder.write("batches.meta.txt", b"cat\ndog\n");
    assert_eq!(code(&read(&source, Split::Train).expect_err("two names")), "E0604");
}

#[test]
fn real_cifar_is_read() {
    let Some(folder) = shared("cifar-10") else { return };
    let source = format!("cifar10:{}", folder.display());
    let data = read(&source, Split::Train).expect("4000 records");
    let test = read(&source, Split::Test).expect("1000 records");
    assert_eq!((data.n_rows(), test.n_rows()), (4000, 1000));
    assert_eq!(data.classes("label")[..3], ["airplane", "automobile", "bird"]);
    // The first image of each part is commonly printed: a frog and a cat.
    let first = |data: &DataSet| {
        let image = held::<f32>(data, "image");
        let label = held::<i32>(data, "label")[[0]];
        (label, (0..4).map(|x| (image[[0, 0, x, 0]] * 255.0).round()).collect::<Vec<f32>>())
    };
    assert_eq!(first(&data), (6, vec![59.0, 43.0, 50.0, 68.0]));
    assert_eq!(first(&test), (3, vec![158.0, 159.0, 165.0, 166.0]));
}

/// Folders `cat` and `dog` with pictures of several kinds.
fn pets(folder: &Folder) {
    for class in ["dog", "cat"] {
        std::fs::create_dir_all(folder.path(class)).expect("a folder of our own");
    }
    let save = |name: &str, picture: image::DynamicImage, format| {
        picture.save_with_format(folder.path(name), format).expect("a folder of our own");
    };
    let red = ImageBuffer::from_pixel(5, 3, Rgb([255u8, 0, 51]));
    save("cat/b.png", red.into(), ImageFormat::Png);
    let grey = ImageBuffer::from_pixel(40, 40, Luma([32768u16]));
    save("cat/a.PNG", grey.into(), ImageFormat::Png);
    let clear = ImageBuffer::from_pixel(1, 1, Rgba([0u8, 255, 0, 0]));
    save("dog/a.png", clear.into(), ImageFormat::Png);
    let blue = ImageBuffer::from_pixel(16, 16, Rgb([0u8, 0, 255]));
    save("dog/c.jpeg", blue.into(), ImageFormat::Jpeg);
    folder.write("readme.txt", b"beside the classes");
    folder.write("dog/.hidden", b"hidden");
}

#[test]
fn folders_of_pictures_are_classes() {
    let folder = Folder::new("images");
    pets(&folder);
    let source = format!("images:{}?size=8", folder.path("").display());
    let data = read(&source, Split::Train).expect("four pictures");
    assert_eq!(data.classes("label"), ["cat", "dog"]);
    assert_eq!(data.array("label").map(Array::whole), Some(array(&[4], vec![0i32, 0, 1, 1])));
    let image = held::<f32>(&data, "image");
    assert_eq!(image.shape(), [4, 8, 8, 3]);
    let grey = 32768.0 / 65535.0;
    let colours = [[grey; 3], [1.0, 0.0, 0.2], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for (row, colour) in colours.iter().enumerate() {
        for (c, expected) in colour.iter().enumerate() {
            for (y, x) in [(0, 0), (3, 4), (7, 7)] {
                // What JPEG loses of one colour is a step of the byte or two.
                let off = (image[[row, y, x, c]] - expected).abs();
                assert!(off < if row == 3 { 0.02 } else { 1e-5 }, "{row} {c}: {off}");
            }
        }
    }
    let part = |split| read(&format!("{source}&test=0.25&seed=3"), split).expect("both parts");
    assert_eq!((part(Split::Train).n_rows(), part(Split::Test).n_rows()), (3, 1));
}

#[test]
fn a_picture_is_made_smaller_by_means_and_larger_by_lines() {
    let folder = Folder::new("images-size");
    std::fs::create_dir_all(folder.path("c")).expect("a folder of our own");
    let steps = ImageBuffer::from_fn(4, 1, |x, _| Luma([[0u8, 0, 255, 255][x as usize]]));
    steps.save_with_format(folder.path("c/a.png"), ImageFormat::Png).expect("a folder of our own");
    let row = |size: usize| -> Vec<f32> {
        let source = format!("images:{}?size={size}", folder.path("").display());
        let data = read(&source, Split::Train).expect("one picture");
        let image = held::<f32>(&data, "image");
        (0..size).map(|x| image[[0, 0, x, 0]]).collect()
    };
    assert_eq!(row(4), [0.0, 0.0, 1.0, 1.0]);
    let two = row(2);
    // Weights 1, 3, 3, 1 of a triangle two pixels wide to each side, cut at the edge.
    assert!((two[0] - 1.0 / 7.0).abs() < 1e-6 && (two[1] - 6.0 / 7.0).abs() < 1e-6, "{two:?}");
    let eight = row(8);
    assert!(eight.is_sorted() && (eight[3] - 0.25).abs() < 1e-6, "{eight:?}");
}

#[test]
fn what_is_no_picture_is_refused() {
    let folder = Folder::new("images-refused");
    let source = format!("images:{}", folder.path("").display());
    let refused = |expected: &str| {
        let error = read(&source, Split::Train).expect_err(expected);
        assert_eq!(code(&error), expected, "{error}");
        error.to_string()
    };
    assert!(refused("E0625").contains("each is a class"));
    std::fs::create_dir_all(folder.path("dog")).expect("a folder of our own");
    assert!(refused("E0625").contains("holds no pictures"));
    pets(&folder);
    folder.write("cat/c.gif", b"GIF89a");
    assert!(refused("E0625").contains("c.gif"));
    std::fs::remove_file(folder.path("cat/c.gif")).expect("it was just written");
    let good = std::fs::read(folder.path("cat/b.png")).expect("it was just written");
    folder.write("cat/c.png", &good[..good.len() / 2]);
    assert!(refused("E0604").contains("c.png"));
    folder.write("cat/c.png", b"no picture");
    assert!(refused("E0604").contains("c.png"));
    folder.write("cat/c.png", b"");
    refused("E0604");
    let mut bomb = good;
    // The width and height of the header, with its checksum left as it was.
    bomb[16..24].copy_from_slice(&[0x7f; 8]);
    folder.write("cat/c.png", &bomb);
    let error = read(&source, Split::Train).expect_err("too large, or damaged");
    assert!(["E0604", "E0606"].contains(&code(&error)), "{error}");
    let wide = ImageBuffer::from_pixel(60_000, 1200, Luma([0u8]));
    wide.save_with_format(folder.path("cat/c.png"), ImageFormat::Png).expect("our own folder");
    assert!(refused("E0606").contains("60000 x 1200"));
}

/// Whatever the bytes are, a value or an error comes back.
#[test]
fn damaged_pictures_do_no_harm() {
    let folder = Folder::new("images-damaged");
    std::fs::create_dir_all(folder.path("c")).expect("a folder of our own");
    let steps = ImageBuffer::from_fn(9, 7, |x, y| Rgb([x as u8 * 20, y as u8 * 30, 90]));
    let source = format!("images:{}?size=4", folder.path("").display());
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let path = folder.path("c/a.png");
        steps.save_with_format(&path, format).expect("a folder of our own");
        let good = std::fs::read(&path).expect("it was just written");
        assert!(read(&source, Split::Train).is_ok());
        for i in 0..good.len() {
            let mut bytes = good.clone();
            bytes[i] ^= 0xff;
            folder.write("c/a.png", &bytes);
            let _ = read(&source, Split::Train);
            if i % 8 == 0 {
                folder.write("c/a.png", &good[..i]);
                let _ = read(&source, Split::Train);
            }
        }
    }
}

/// Folders have the numbers of the training by their names, and classes that `?classes=` chooses.
#[test]
fn classes_have_the_numbers_of_a_training() {
    let folder = Folder::new("picture-terms");
    let picture = |name: &str| {
        let path = folder.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of our own");
        image::RgbImage::new(2, 2).save(path).expect("a picture");
    };
    for part in ["a/cat", "a/dog", "a/owl", "b/owl", "b/cat", "c/owl", "c/emu"] {
        picture(&format!("{part}/1.png"));
    }
    let read = |text: &str, names: &Names| {
        load_as(&Source::parse(text).expect("a source"), Split::Test, names).expect("pictures")
    };
    let source = |part: &str| format!("images:{}?size=2", folder.path(part).display());
    let trained = read(&source("a"), &Names::default());
    let label = |data: &DataSet| data.array("label").map(Array::whole);
    let labels = |numbers: Vec<i32>| Some(array(&[numbers.len()], numbers));
    assert_eq!(label(&read(&source("b"), trained.names())), labels(vec![0, 2]));
    let unknown = read(&source("c"), trained.names());
    assert!(label(&unknown).is_none() && unknown.array("image").is_some());
    assert!(unknown.left_out().is_some_and(|reason| reason.contains("since `emu` is not")));

    let digits = "digits?rows=40&classes=";
    let some = read(&format!("{digits}3,5"), &Names::default());
    let five = read(&format!("{digits}5"), some.names());
    assert!(label(&five).expect("labels").scalars().all(|n| n == Scalar::I32(1)));
    assert_eq!(five.classes("label"), ["3", "5"]);
    assert!(label(&read(&format!("{digits}5,7"), some.names())).is_none());
}
