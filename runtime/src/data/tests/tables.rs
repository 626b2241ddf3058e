//! Tables: what columns become, what is refused and where, and real tables.

use super::*;

/// The table of `text` under the options.
fn read(folder: &Folder, text: &str, options: &str) -> Result<DataSet, DataError> {
    let path = folder.write("t.csv", text.as_bytes());
    load(&Source::parse(&format!("{}{options}", path.display()))?, Split::Train)
}

fn numbers(data: &DataSet, name: &str) -> Vec<f64> {
    data.array(name).expect("it is there").whole().scalars().map(Scalar::to_f64).collect()
}

const PEOPLE: &str = "age, town ,married,\"height, m\"\n\
     30,Rome,yes,1.5\n\
     40,\"Paris, \"\"the\"\"\ncity\",no,2\n\
     \n\
     50,Rome,no,1e0\n";

#[test]
fn columns_are_numbers_or_categories() {
    let folder = Folder::new("csv");
    let data = read(&folder, PEOPLE, "").expect("a table");
    let names = ["age", "town=Paris, \"the\"\ncity", "town=Rome", "married=no", "married=yes"];
    assert_eq!(data.columns("x")[..5], names);
    assert_eq!(data.columns("x")[5], "height, m");
    assert_eq!(data.array("x").map(Array::sizes), Some(&[3, 6][..]));
    assert_eq!(numbers(&data, "x")[..6], [30.0, 0.0, 1.0, 0.0, 1.0, 1.5]);
    assert_eq!(numbers(&data, "x")[6..12], [40.0, 1.0, 0.0, 1.0, 0.0, 2.0]);
    assert!(data.array("label").is_none() && data.classes("label").is_empty());

    let data = read(&folder, PEOPLE, "?label=married&ignore=town,age").expect("a table");
    assert_eq!(data.array("label").map(Array::whole), Some(array(&[3], vec![1i32, 0, 0])));
    assert_eq!(data.classes("label"), ["no", "yes"]);
    assert_eq!(data.array("x").map(Array::whole), Some(array(&[3, 1], vec![1.5f32, 2.0, 1.0])));

    let one = read(&folder, "\u{feff}\"only\"\r\n1\r\n2\r\n", "").expect("a byte order mark");
    assert_eq!((one.columns("x"), numbers(&one, "x")), (vec!["only".to_string()], vec![1.0, 2.0]));

    let text = "10;a\n9;b\n10;b\n";
    let data = read(&folder, text, "?header=no&separator=;&categories=1").expect("a table");
    assert_eq!(data.columns("x"), ["1=9", "1=10", "2=a", "2=b"]);
    assert_eq!(numbers(&data, "x")[..4], [0.0, 1.0, 1.0, 0.0]);
    let data = read(&folder, &text.replace(';', "\t"), "?header=no&separator=tab&label=2");
    assert_eq!(numbers(&data.expect("a table"), "x"), [10.0, 9.0, 10.0]);
}

#[test]
fn the_label_is_what_its_cells_or_the_options_say() {
    let folder = Folder::new("csv-label");
    let label = |cells: &str, options: &str| {
        let rows: String = cells.split(' ').map(|cell| format!("1,{cell}\n")).collect();
        let data = read(&folder, &format!("x,y\n{rows}"), &format!("?label=y{options}"));
        let data = data.unwrap_or_else(|e| panic!("{cells}: {e}"));
        (data.array("label").map(Array::whole), data.classes("label").join(" "))
    };
    let none = String::new();
    assert_eq!(label("3 1 3", ""), (Some(array(&[3], vec![3i32, 1, 3])), none.clone()));
    assert_eq!(label("3.0 1 3", ""), (Some(array(&[3], vec![3f32, 1.0, 3.0])), none.clone()));
    assert_eq!(label("3 1 9999999999", "").0, Some(array(&[3], vec![3f32, 1.0, 1e10])));
    assert_eq!(label("3 1 3", "&label-type=number").0, Some(array(&[3], vec![3f32, 1.0, 3.0])));
    let classes = label("10 9.5 10", "&label-type=classes");
    assert_eq!(classes, (Some(array(&[3], vec![1i32, 0, 1])), "9.5 10".to_string()));
    assert_eq!(label("10 9.5 10", "&categories=y"), classes);
    assert_eq!(label("b a b", ""), (Some(array(&[3], vec![1i32, 0, 1])), "a b".to_string()));
}

#[test]
fn missing_values_are_dropped_filled_or_refused() {
    let folder = Folder::new("csv-missing");
    let text = "a,b,y\n1,red,0\n,blue,1\n3,NA,0\n8,red,1\n";
    let error = read(&folder, text, "?label=y").expect_err("a value is missing");
    assert_eq!(code(&error), "E0622");
    assert!(error.to_string().ends_with("t.csv`, line 3, column `a`: the value is missing"));
    let data = read(&folder, text, "?label=y&missing=drop").expect("two rows are left");
    assert_eq!(numbers(&data, "x"), [1.0, 1.0, 8.0, 1.0]);
    assert_eq!(data.columns("x"), ["a", "b=red"]);
    let data = read(&folder, text, "?label=y&missing=mean").expect("all rows are filled");
    let x = [1.0, 0.0, 1.0, 4.0, 1.0, 0.0, 3.0, 0.0, 0.0, 8.0, 0.0, 1.0];
    assert_eq!(numbers(&data, "x"), x);
    // Where the column is left out, nothing is missing.
    assert!(read(&folder, text, "?label=y&ignore=a,b").is_err());
    assert!(read(&folder, "a,y\n,1\n2,?\n", "?ignore=a&missing=drop").is_ok());
    let error = read(&folder, "a,y\n1,1\n2,?\n", "?label=y&missing=mean").expect_err("no label");
    assert_eq!(code(&error), "E0622");
    assert!(error.help().contains("missing=drop"), "{}", error.help());
    let error = read(&folder, "a,b\n?,1\n", "?missing=drop").expect_err("no row is left");
    assert_eq!(code(&error), "E0609");
}

#[test]
fn a_part_is_held_back_and_means_come_from_the_other() {
    let folder = Folder::new("csv-split");
    let rows: String = (0..50).map(|i| format!("{i},{}\n", i % 3)).collect();
    let text = format!("a,y\n{rows}");
    let part = |options: &str| {
        numbers(&read(&folder, &text, &format!("?test=0.2{options}")).expect("both parts"), "x")
    };
    let (training, test) = (part("&ignore=y"), part("&split=test&ignore=y"));
    assert_eq!((training.len(), test.len()), (40, 10));
    let mut all = [training.clone(), test.clone()].concat();
    all.sort_by(f64::total_cmp);
    assert_eq!(all, (0..50).map(f64::from).collect::<Vec<f64>>());
    assert!(training.is_sorted() && part("&ignore=y&seed=0") == training);
    assert_ne!(part("&ignore=y&seed=1"), training);

    // Row 0 is filled with the mean of the training part, whichever part it is in itself.
    let text = format!("a,y\n,0\n{}", rows.replace("0,0\n1,1", "1,1"));
    for split in ["train", "test"] {
        let options = format!("?test=0.2&missing=mean&ignore=y&split={split}");
        let x = numbers(&read(&folder, &text, &options).expect("both parts"), "x");
        let known = read(&folder, &text, "?test=0.2&missing=mean&ignore=y").expect("a table");
        let mut known = numbers(&known, "x");
        known.retain(|x| x.fract() == 0.0);
        let mean = (known.iter().sum::<f64>() / known.len() as f64) as f32;
        assert!(x.iter().all(|x| x.fract() == 0.0 || *x == f64::from(mean)), "{split}: {x:?}");
    }
    // Categories are those of both parts.
    let text = format!("a,y\n{}z,0\n", "y,1\n".repeat(49));
    for split in ["train", "test"] {
        let data = read(&folder, &text, &format!("?label=y&test=0.5&split={split}"));
        assert_eq!(data.expect("both parts").columns("x"), ["a=y", "a=z"]);
    }
}

#[test]
fn what_would_have_to_be_guessed_is_refused() {
    let folder = Folder::new("csv-refused");
    let names: String = (0..40).map(|i| format!("n{i},1\n")).collect();
    let cases = [
        ("a,b\n1,2\n3\n", "", "E0621", "line 3: it has 1 cells where the first line has 2"),
        ("a,b\n1,\"x\n2,y\n3,z\n", "", "E0621", "line 2: a quote in this row or before it"),
        (
            "a;b\n1;x\n",
            "",
            "E0621",
            "line 1: it is one cell: are its cells parted by `separator=;`",
        ),
        ("a\tb\n1\t2\n", "?header=no", "E0621", "`separator=tab`"),
        ("a,b\n1,2\n", "?separator=;", "E0621", "`separator=,`"),
        ("a,b\n1,2\n3,x\n", "", "E0621", "line 3, column `b`: `x` is no number, but `2` in line 2"),
        ("a,b\n1,1e40\n", "", "E0621", "line 2, column `b`: `1e40` is larger than f32 holds"),
        ("a,b\n1,inf\n", "", "E0621", "line 2, column `b`"),
        ("a,\n1,2\n", "", "E0621", "line 1, column `2`: the column has no name"),
        ("1,2\n3,4\n", "", "E0621", "line 1, column `1`: the name of a column is a number"),
        ("a,a\n3,4\n", "", "E0621", "line 1, column `2`: a column before it is called `a` too"),
        ("a\nx\n", "?label=b", "E0623", "has no column `b`, which `label=` asks for"),
        ("a\n1\n", "?ignore=c", "E0623", "its columns are: `a`"),
        ("a\n1\n", "?categories=c", "E0623", "`categories=`"),
        ("a\n1\n", "?label=a", "E0609", "no column is left"),
        ("", "", "E0609", "holds no rows"),
        ("a,b\n", "", "E0609", "holds no rows"),
        (&format!("n,y\n{names}"), "", "E0624", "holds 40 different texts in 40 rows"),
        ("a,y\n1,u\n", "?label=y&label-type=number", "E0621", "`u` is no number"),
        ("a,y\n1,2\n", "?test=0.2", "E0617", "leaves one part empty"),
    ];
    for (text, options, expected, said) in cases {
        let error = read(&folder, text, options).expect_err(text);
        assert_eq!(code(&error), expected, "{text}: {error}");
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
    let path = folder.write("t.csv", b"a,b\n1,2\n3,\xff\n");
    let error = load(&Source::parse(&path.display().to_string()).expect("a source"), Split::Train);
    let error = error.expect_err("no UTF-8").to_string();
    assert!(error.ends_with("line 3, column 2: the cell is no UTF-8 text"), "{error}");
    assert!(read(&folder, &format!("n,y\n{names}"), "?categories=n").is_ok());
    assert!(read(&folder, &format!("y,x\n{names}"), "?label=y&label-type=classes").is_ok());
    let folder_error = Source::parse(&format!("{}/none.csv", folder.path("").display()));
    let error = load(&folder_error.expect("a source"), Split::Train).expect_err("no file");
    assert_eq!(code(&error), "E0603");
}

/// Whatever the bytes are, a value or an error comes back.
#[test]
fn damaged_tables_do_no_harm() {
    let folder = Folder::new("csv-damaged");
    let source = format!("{}?label=town&test=0.4", folder.path("t.csv").display());
    let source = Source::parse(&source).expect("a source");
    for i in 0..PEOPLE.len() {
        for change in [0x01, 0x80] {
            let mut bytes = PEOPLE.as_bytes().to_vec();
            bytes[i] ^= change;
            folder.write("t.csv", &bytes);
            let _ = load(&source, Split::Train);
        }
        folder.write("t.csv", &PEOPLE.as_bytes()[..i]);
        let _ = load(&source, Split::Test);
    }
}

#[test]
fn real_tables_are_what_their_owners_say() {
    let Some(tables) = shared("tabular") else { return };
    let read = |text: &str| {
        let source = Source::parse(&format!("{}/{text}", tables.display())).expect("a source");
        load(&source, Split::Train)
    };
    let iris = read("iris.csv?label=species").expect("iris");
    assert_eq!(iris.array("x").map(Array::sizes), Some(&[150, 4][..]));
    assert_eq!(iris.classes("label"), ["setosa", "versicolor", "virginica"]);
    let housing = "california_housing.csv?label=median_house_value";
    let error = read(housing).expect_err("207 values are missing");
    assert!(error.to_string().ends_with("line 292, column `total_bedrooms`: the value is missing"));
    let dropped = read(&format!("{housing}&missing=drop")).expect("housing");
    assert_eq!(dropped.array("x").map(Array::sizes), Some(&[20_433, 13][..]));
    assert_eq!(dropped.array("label").map(|l| l.dtype()), Some(DType::F32));
    let filled = read(&format!("{housing}&missing=mean&test=0.2")).expect("housing");
    assert_eq!(filled.n_rows(), 16_512);
    assert_eq!(code(&read("mpg.csv?label=mpg&missing=drop").expect_err("names")), "E0624");
    let mpg = read("mpg.csv?label=mpg&missing=drop&ignore=name").expect("mpg");
    assert_eq!(mpg.array("x").map(Array::sizes), Some(&[392, 9][..]));
    let penguins = read("penguins.csv?label=species&missing=drop").expect("penguins");
    assert_eq!((penguins.n_rows(), penguins.classes("label").len()), (333, 3));
}

/// The table of `text` under the options, in the terms of `names`.
fn read_as(
    folder: &Folder,
    text: &str,
    options: &str,
    names: &Names,
) -> Result<DataSet, DataError> {
    let path = folder.write("other.csv", text.as_bytes());
    load_as(&Source::parse(&format!("{}{options}", path.display()))?, Split::Test, names)
}

/// Few rows are a table of the training's columns, categories and classes.
#[test]
fn tables_are_read_in_the_terms_of_a_training() {
    let folder = Folder::new("csv-terms");
    let trees = "age,colour,size,kind\n1,red,2,oak\n2,blue,1,elm\n6,green,5,ash\n";
    let trained = read(&folder, trees, "?label=kind").expect("a table");
    let names = trained.names().clone();
    let label = |data: &DataSet| numbers(data, "label");
    assert_eq!((trained.columns("x").len(), label(&trained)), (5, vec![2.0, 1.0, 0.0]));

    let few = "kind,size,colour,age\noak,7,red,9\nelm,8,red,\n";
    let options = "?label=kind&missing=mean";
    let data = read_as(&folder, few, options, &names).expect("known names");
    assert_eq!(numbers(&data, "x"), [9.0, 0., 0., 1., 7., 3.0, 0., 0., 1., 8.]);
    assert_eq!((label(&data), data.names()), (vec![2.0, 1.0], &names));
    let unlabelled = "colour,size,age\nblue,7,9\n";
    let data = read_as(&folder, unlabelled, "", &names).expect("no label");
    assert_eq!(numbers(&data, "x"), [9.0, 1.0, 0.0, 0.0, 7.0]);

    let options = "?label=kind&missing=mean";
    let cases = [
        (few.replace("oak", "yew"), "line 2: `yew` is no kind that was trained on: `ash`, `elm`"),
        (trees.replace("blue", "pink"), "line 3: `pink` is no colour that was trained on: `blue`"),
        (trees.replace("age", "years"), "it has no column `age`, trained on; new is `years`"),
        (unlabelled.to_string(), "has no column `kind`"),
        ("a,age,colour,size,kind\n1,1,red,2,oak\n".into(), "not trained on `a`; `ignore=a`"),
        (trees.replace('6', "six"), "line 4, column `age`: `six` is no number"),
    ];
    for (text, reason) in cases {
        let error = read_as(&folder, &text, options, &names).expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let error = read_as(&folder, trees, "", &names).expect_err("one column too many").to_string();
    assert!(error.contains("were not trained on `kind`; `ignore=kind`"), "{error}");

    // More texts than rows are free text, unless they are known; numbers can be categories.
    let many: String = (0..40).map(|i| format!("{i},c{}\n", i % 20)).collect();
    let many = read(&folder, &format!("a,b\n{many}"), "?label=b&categories=a").expect("a table");
    let few: String = (0..18).map(|i| format!("{},c{}\n", 2 * i, i)).collect();
    let few = format!("a,b\n{few}");
    assert_eq!(read(&folder, &few, "?label=b").expect_err("free text").code(), "E0624");
    let few = read_as(&folder, &few, "?label=b", many.names()).expect("known names");
    assert_eq!((few.array("x").map(Array::sizes), label(&few).len()), (Some(&[18, 40][..]), 18));
    assert_eq!(few.names(), many.names());
}
