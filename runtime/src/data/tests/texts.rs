//! Texts by character and by word, small ones and real ones.

use super::*;

fn read(text: &str, split: Split) -> Result<DataSet, DataError> {
    load(&Source::parse(text).expect("a source"), split)
}

fn rows(data: &DataSet, name: &str) -> Vec<Vec<i32>> {
    let array = held::<i32>(data, name);
    array.outer_iter().map(|row| row.iter().copied().collect()).collect()
}

#[test]
fn a_text_is_windows_of_characters() {
    let folder = Folder::new("text");
    // Twenty characters: eighteen for training, two for the test.
    let path = folder.write("t.txt", "abcabcabcabcabcabcé\n".as_bytes());
    let source = format!("text:{}?seq=4", path.display());
    let data = read(&source, Split::Train).expect("a text");
    assert_eq!(data.classes("tokens"), ["\n", "a", "b", "c", "é"]);
    assert_eq!(data.classes("next"), data.classes("tokens"));
    let windows = [[1, 2, 3, 1], [2, 3, 1, 2], [3, 1, 2, 3], [1, 2, 3, 1]];
    assert_eq!(rows(&data, "tokens"), windows);
    assert_eq!(rows(&data, "next")[0], [2, 3, 1, 2]);
    let data = read(&format!("{source}&stride=7"), Split::Train).expect("a text");
    assert_eq!(rows(&data, "tokens"), [[1, 2, 3, 1], [2, 3, 1, 2]]);
    assert_eq!(code(&read(&source, Split::Test).expect_err("too short")), "E0609");
    let one = format!("text:{}?seq=1&stride=9&split=test", path.display());
    let data = read(&one, Split::Train).expect("two characters are one window");
    assert_eq!((rows(&data, "tokens"), rows(&data, "next")), (vec![vec![4]], vec![vec![0]]));
    let empty = folder.write("e.txt", b"");
    let error = read(&format!("text:{}", empty.display()), Split::Train).expect_err("no text");
    assert_eq!(code(&error), "E0609");
    let bad = folder.write("b.txt", b"good\nbad \xff\n");
    let error = read(&format!("text:{}", bad.display()), Split::Train).expect_err("no UTF-8");
    assert!(error.to_string().contains("line 2 is no UTF-8 text"), "{error}");
}

#[test]
fn lines_are_words_by_frequency() {
    let folder = Folder::new("lines");
    // The tenth line of each file is the test part's; a blank one does not count.
    let a = folder.write("a.txt", format!("b A a\n\n{}c d zz\n", "a b\n".repeat(8)).as_bytes());
    let b = folder.write("b.txt", b"d c d.\n");
    let source = format!("lines:{},{}?vocab=6&length=3", a.display(), b.display());
    let data = read(&source, Split::Train).expect("texts");
    // a is there ten times, b nine, d twice; of . and c, once each, . comes first.
    assert_eq!(data.classes("tokens"), ["", "<unknown>", "a", "b", "d", "."]);
    assert_eq!(data.classes("label"), ["a", "b"]);
    let tokens = rows(&data, "tokens");
    assert_eq!(
        (&tokens[0], &tokens[1], &tokens[9]),
        (&vec![3, 2, 2], &vec![2, 3, 0], &vec![4, 1, 4])
    );
    assert_eq!(
        data.array("label").map(Array::whole),
        Some(array(&[10], [vec![0i32; 9], vec![1]].concat()))
    );
    let test = read(&source, Split::Test).expect("texts");
    assert_eq!(rows(&test, "tokens"), [[1, 4, 1]]);
    assert_eq!(test.classes("tokens"), data.classes("tokens"));
    let small = read(&format!("lines:{}?vocab=1&length=2", b.display()), Split::Train);
    assert_eq!(rows(&small.expect("no words"), "tokens"), [[1, 1]]);
}

#[test]
fn real_texts_are_read() {
    if let Some(folder) = shared("text/tinyshakespeare") {
        let source = format!("text:{}/input.txt", folder.display());
        let (data, test) = (read(&source, Split::Train), read(&source, Split::Test));
        let (data, test) = (data.expect("a text"), test.expect("a text"));
        assert_eq!(data.classes("tokens").len(), 65);
        // 1,003,854 characters, and 111,540.
        assert_eq!((data.n_rows(), test.n_rows()), (15_685, 1_742));
    }
    if let Some(folder) = shared("text/rt-polarity") {
        let folder = folder.display();
        let source = format!("lines:{folder}/rt-polarity.neg,{folder}/rt-polarity.pos");
        let (data, test) = (read(&source, Split::Train), read(&source, Split::Test));
        let (data, test) = (data.expect("texts"), test.expect("texts"));
        assert_eq!(data.classes("label"), ["rt-polarity.neg", "rt-polarity.pos"]);
        assert_eq!((data.n_rows(), test.n_rows()), (9_596, 1_066));
        assert_eq!(data.classes("tokens").len(), 10_000);
        assert_eq!(data.classes("tokens")[2..6], [".", "the", ",", "a"]);
    }
}

/// Characters, words and files have the numbers of the training.
#[test]
fn texts_are_read_in_the_terms_of_a_training() {
    let folder = Folder::new("text-terms");
    let file = |name: &str, text: &str| folder.write(name, text.as_bytes()).display().to_string();
    let read = |text: &str, names: &Names| {
        load_as(&Source::parse(text).expect("a source"), Split::Test, names)
    };
    let numbers = |data: &DataSet, name: &str| -> Vec<f64> {
        data.array(name).expect("it is there").whole().scalars().map(Scalar::to_f64).collect()
    };
    let abc = format!("text:{}?seq=2&test=0", file("abc.txt", "abcabc"));
    let trained = read(&abc, &Names::default()).expect("a text");
    assert_eq!(numbers(&trained, "tokens"), [0.0, 1.0, 2.0, 0.0]);
    let few = format!("text:{}?seq=2&test=0", file("few.txt", "cbcb"));
    assert_eq!(numbers(&read(&few, trained.names()).expect("known"), "next"), [1.0, 2.0]);
    let other = format!("text:{}?seq=2&test=0", file("other.txt", "ab\nabé"));
    let error = read(&other, trained.names()).expect_err("unknown").to_string();
    assert!(error.contains("other.txt`, line 1: the character '\\n' was not"), "{error}");

    let (good, bad) = (file("x.good", "fine\nfine day\n"), file("x.bad", "rain\nrain rain\n"));
    let lines = format!("lines:{bad},{good}?length=2&test=0");
    let trained = read(&lines, &Names::default()).expect("lines");
    assert_eq!(trained.classes("tokens"), ["", "<unknown>", "rain", "fine", "day"]);
    assert_eq!(numbers(&trained, "tokens"), [2.0, 0.0, 2.0, 2.0, 3.0, 0.0, 3.0, 4.0]);
    assert_eq!(trained.classes("label"), ["x.bad", "x.good"]);
    let one = format!("lines:{good}?length=2&test=0");
    let one = read(&one, trained.names()).expect("one of the files");
    assert_eq!((numbers(&one, "label"), numbers(&one, "tokens")[3]), (vec![1.0, 1.0], 4.0));
    let new = format!("lines:{}?length=2&test=0", file("new.txt", "day snow\n"));
    let new = read(&new, trained.names()).expect("lines of no class");
    assert_eq!(numbers(&new, "tokens"), [4.0, 1.0]);
    assert!(new.array("label").is_none());
    let reason = new.left_out().expect("a reason");
    assert!(reason.contains("`new` is not among the classes") && reason.contains("`x.good`"));
}
