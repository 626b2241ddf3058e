//! A folder in which commands run: the `.graph` files of the tests and some data.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use brolga::Literal;
use brolga::runtime::data::npy::{write_npy, write_npz};
use brolga::runtime::data::{Counter, npy::read_npz};
use serde_json::Value;

/// Rows of `points.npz`: no multiple of the batches that the tests use.
const ROWS: usize = 50;

/// A folder in which commands run.
pub(crate) struct Workplace {
    folder: PathBuf,
}

/// What a command has done.
pub(crate) struct Outcome {
    /// The exit status.
    pub(crate) status: i32,
    /// The text on standard output.
    pub(crate) stdout: String,
    /// The text on standard error.
    pub(crate) stderr: String,
}

impl Workplace {
    /// The folder of a test, named after it, with nothing in it.
    pub(crate) fn empty(test: &str) -> Workplace {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("the last run's folder can be removed");
        }
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        Workplace { folder }
    }

    /// The same with the files of the tests.
    pub(crate) fn new(test: &str) -> Workplace {
        let place = Workplace::empty(test);
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/files");
        for entry in std::fs::read_dir(files).expect("the files are there") {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
            std::fs::copy(&path, place.path(&name)).expect("the files can be copied");
        }
        place.write_arrays();
        place
    }

    /// `points.npz`: points of four numbers, labelled with the largest of the first three;
    /// `points.npy`, `labels.npy`: each alone; `labels.npz`: the same with a label of 11; `integers.npy`: -2 to
    /// 2; `x.npy`: 1 to 6 in rows of three.
    fn write_arrays(&self) {
        let counter = Counter::new(&[1]);
        let x: Vec<f32> = (0..4 * ROWS as u64).map(|i| 2.0 * counter.unit(i) - 1.0).collect();
        let largest = |row: &[f32]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        let mut label: Vec<i32> =
            x.chunks(4).map(|row| largest(row).expect("three numbers") as i32).collect();
        let points = Literal::from_vec(&[ROWS, 4], x).expect("four a row");
        let labels = |label: &[i32]| Literal::from_vec(&[ROWS], label.to_vec()).expect("one a row");
        write_npy(&self.path("points.npy"), &points).expect("the array can be written");
        self.write_npz("points.npz", &[("x", points.clone()), ("label", labels(&label))]);
        write_npy(&self.path("labels.npy"), &labels(&label)).expect("the array can be written");
        label[7] = 11;
        self.write_npz("labels.npz", &[("x", points), ("label", labels(&label))]);
        let integers = Literal::from_vec(&[5], vec![-2i32, -1, 0, 1, 2]).expect("five");
        write_npy(&self.path("integers.npy"), &integers).expect("the array can be written");
        let empty = Literal::from_vec::<f32>(&[0], vec![]).expect("none");
        write_npy(&self.path("empty.npy"), &empty).expect("the array can be written");
        let bytes = Literal::from_vec(&[ROWS, 3], vec![1u8; 3 * ROWS]).expect("three a row");
        write_npy(&self.path("bytes.npy"), &bytes).expect("the array can be written");
        let rows =
            Literal::from_vec(&[2, 3], vec![1f32, 2., 3., 4., 5., 6.]).expect("two of three");
        write_npy(&self.path("x.npy"), &rows).expect("the array can be written");
    }

    /// Writes arrays into the folder.
    pub(crate) fn write_npz(&self, name: &str, arrays: &[(&str, Literal)]) {
        let arrays: Vec<(String, Literal)> =
            arrays.iter().map(|(name, array)| (name.to_string(), array.clone())).collect();
        write_npz(&self.path(name), &arrays).expect("the arrays can be written");
    }

    /// The arrays of a file of the folder.
    pub(crate) fn read_npz(&self, name: &str) -> Vec<(String, Literal)> {
        read_npz(&self.path(name)).expect("the arrays can be read")
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The text of a file of the folder.
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("it is a text")
    }

    /// The bytes of a file of the folder.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("the command has written it")
    }

    /// Writes a file of the folder.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("the folder can be written");
    }

    /// The command with arguments as one would type them, without quotes.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brolga"));
        command.current_dir(&self.folder).args(arguments.split_whitespace());
        // What clap prints is as wide as this says.
        command.env("COLUMNS", "100").stdin(Stdio::null());
        // What is cached goes with the folder.
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Runs the command.
    pub(crate) fn run(&self, arguments: &str) -> Outcome {
        Outcome::of(self.command(arguments).output().expect("the command starts"))
    }

    /// Runs a command that must do what it is asked for.
    pub(crate) fn done(&self, arguments: &str) -> Outcome {
        let outcome = self.run(arguments);
        assert_eq!(outcome.status, 0, "brolga {arguments}\n{}", outcome.stderr);
        outcome
    }

    /// The report of a command that is given `--json`.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        let outcome = self.done(&format!("{arguments} --json"));
        serde_json::from_str(&outcome.stdout).expect("standard output is JSON and nothing else")
    }

    /// The lines of a file of JSON.
    pub(crate) fn json_lines(&self, name: &str) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).expect("each line is JSON");
        self.text(name).lines().map(line).collect()
    }

    /// Trains, and returns the bytes of what was saved.
    pub(crate) fn trained(&self, arguments: &str) -> Vec<u8> {
        self.done(&format!("train {arguments} --save trained.safetensors"));
        self.bytes("trained.safetensors")
    }
}

impl Outcome {
    /// Of a process that has ended by itself.
    pub(crate) fn of(output: Output) -> Outcome {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command writes text");
        Outcome {
            status: output.status.code().expect("no signal has ended it"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
