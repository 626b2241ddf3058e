//! Texts as numbers: windows of characters of one file, and lines of words of several.
//!
//! Invariant: a number's name is the vocabulary's at that place, in both parts of a source.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use brolga_compiler::ir::Literal;

use super::input::open;
use super::{DataError, Split};

/// The number of what fills a line up.
const PADDING: i32 = 0;

/// The number of a word that is not in the vocabulary.
const UNKNOWN: i32 = 1;

/// The first number of a word.
const FIRST_WORD: usize = 2;

/// Of ten lines, the last is the test part's; of a text, the last tenth.
const PARTS: usize = 10;

/// Arrays whose numbers stand for the names.
pub struct Named {
    /// The arrays.
    pub arrays: Vec<(String, Literal)>,
    /// What the numbers of the tokens stand for.
    pub vocabulary: Vec<String>,
}

/// Returns `tokens` and `next` (i32 `[rows, seq]`) of a text: windows of `seq` characters, and the
/// same windows one character on. A character's number is its place among the text's characters in
/// the order of code points. The training part is the first nine tenths, the test part the rest;
/// windows begin every `stride` characters in the training part and every `seq` in the test part;
/// without a part they are of the whole text, every `stride`. A character has its number in `known`
/// instead, if that names any. Errors: no UTF-8, a character that is not known, a part shorter than
/// one window (which is a part without rows).
pub fn windows(
    path: &Path,
    (seq, stride): (usize, usize),
    split: Option<Split>,
    known: &[String],
) -> Result<Named, DataError> {
    let text = read_text(path)?;
    let vocabulary: Vec<String> = match known {
        [] => text.chars().collect::<BTreeSet<char>>().into_iter().map(String::from).collect(),
        known => known.to_vec(),
    };
    let numbers: HashMap<&str, i32> = vocabulary.iter().map(String::as_str).zip(0..).collect();
    let mut all: Vec<i32> = Vec::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let number = numbers.get(&text[at..end]).copied();
        all.push(number.ok_or_else(|| DataError::OtherNames {
            place: format!("`{}`, line {}", path.display(), text[..end].lines().count()),
            reason: format!("the character {c:?} was not in the text that was trained on"),
        })?);
    }
    let cut = (all.len() as u128 * (PARTS as u128 - 1) / PARTS as u128) as usize;
    let (part, stride) = match split {
        None => (&all[..], stride),
        Some(Split::Train) => (&all[..cut], stride),
        Some(Split::Test) => (&all[cut..], seq),
    };
    let starts = || (0..part.len().saturating_sub(seq)).step_by(stride.max(1));
    let rows = starts().len();
    let n = rows.checked_mul(seq).filter(|n| *n <= isize::MAX as usize / 4);
    let refused = || DataError::TooLarge {
        name: path.display().to_string(),
        reason: format!("memory for {rows} windows of {seq} characters is refused"),
    };
    let windows = |ahead: usize| {
        let mut tokens: Vec<i32> = vec![];
        tokens.try_reserve_exact(n.ok_or_else(refused)?).map_err(|_| refused())?;
        tokens.extend(starts().flat_map(|at| &part[at + ahead..at + ahead + seq]));
        Ok(Literal::from_vec(&[rows, seq], tokens).expect("a window a row"))
    };
    let arrays = vec![("tokens".to_string(), windows(0)?), ("next".to_string(), windows(1)?)];
    Ok(Named { arrays, vocabulary })
}

/// Returns `tokens` (i32 `[rows, length]`) and `label` (i32 `[rows]`, the number of the line's
/// file) of the lines of `files` that are not blank, file after file. Every tenth line of a file is
/// the test part's. A line's words are numbered from 2 on by how often the training part has them,
/// the most frequent first, ties in the order of code points, up to `vocab` numbers in all; others
/// are 1, and 0 fills the line up to `length`, beyond which words are left out. Without a part all
/// lines are meant, as training part and as rows. A word has its number in `known` instead, if that
/// names any. Errors: no UTF-8.
pub fn lines(
    files: &[PathBuf],
    (vocab, length): (usize, usize),
    split: Option<Split>,
    known: &[String],
) -> Result<Named, DataError> {
    let (mut training, mut test) = (vec![], vec![]);
    for (path, label) in files.iter().zip(0i32..) {
        let text = read_text(path)?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        for (i, line) in lines.enumerate() {
            let is_test = split.is_some() && i % PARTS == PARTS - 1;
            let part = if is_test { &mut test } else { &mut training };
            part.push((words(line), label));
        }
    }
    let vocabulary: Vec<String> = match known {
        [] => {
            let reserved = [String::new(), "<unknown>".to_string()];
            let words = training.iter().flat_map(|(words, _)| words);
            reserved.into_iter().chain(frequent(words, vocab)).collect()
        }
        known => known.to_vec(),
    };
    let words = vocabulary.iter().map(String::as_str).zip(0..).skip(FIRST_WORD);
    let numbers: HashMap<&str, i32> = words.collect();
    let part = match split {
        None | Some(Split::Train) => &training,
        Some(Split::Test) => &test,
    };
    let refused = || DataError::TooLarge {
        name: files.first().map(|f| f.display().to_string()).unwrap_or_default(),
        reason: format!("memory for {} lines of {length} words is refused", part.len()),
    };
    let n = part.len().checked_mul(length).ok_or_else(refused)?;
    let mut tokens: Vec<i32> = vec![];
    tokens.try_reserve_exact(n).map_err(|_| refused())?;
    for (words, _) in part {
        let known = |word: &String| numbers.get(word.as_str()).copied().unwrap_or(UNKNOWN);
        let line = words.iter().map(known).chain(std::iter::repeat(PADDING));
        tokens.extend(line.take(length));
    }
    let labels: Vec<i32> = part.iter().map(|(_, label)| *label).collect();
    let tokens = Literal::from_vec(&[part.len(), length], tokens).expect("a line a row");
    let labels = Literal::from_vec(&[labels.len()], labels).expect("one axis");
    let arrays = vec![("tokens".to_string(), tokens), ("label".to_string(), labels)];
    Ok(Named { arrays, vocabulary })
}

/// The words of a line in lower case. White space parts them; punctuation at either end of what is
/// between is a word of its own, a run of the same mark one word (`...`), and what stands inside
/// stays (`it's`, `co-writer`). So a text of separate words
/// comes apart at its spaces alone.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    for piece in line.to_lowercase().split_whitespace() {
        let inner = piece.trim_matches(is_mark);
        // Where there is nothing but marks, all of it is before.
        let start = piece.len() - piece.trim_start_matches(is_mark).len();
        push_marks(&piece[..start], &mut words);
        if !inner.is_empty() {
            words.push(inner.to_string());
            push_marks(&piece[start + inner.len()..], &mut words);
        }
    }
    words
}

/// Whether a character is punctuation: neither a letter or digit, nor something that modifies one.
fn is_mark(c: char) -> bool {
    c.is_ascii_punctuation() || (!c.is_ascii() && MARKS.contains(&c))
}

/// Punctuation beyond ASCII that texts in Latin letters are written with.
const MARKS: [char; 16] =
    ['‘', '’', '‚', '“', '”', '„', '«', '»', '‹', '›', '–', '—', '…', '¡', '¿', '·'];

/// Appends the runs of equal marks.
fn push_marks(marks: &str, words: &mut Vec<String>) {
    let mut rest = marks;
    while let Some(mark) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(mark).len();
        words.push(rest[..run].to_string());
        rest = &rest[run..];
    }
}

/// The words that get a number, in its order.
fn frequent<'a>(words: impl Iterator<Item = &'a String>, vocab: usize) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    // Stable: words that occur equally often stay in their order.
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts.truncate(vocab.saturating_sub(FIRST_WORD));
    counts.into_iter().map(|(word, _)| word.to_string()).collect()
}

/// What the classes of `files` are called: by their stems, or where two are equal by their names, or
/// paths; by whichever of them `known` has for all.
pub fn file_names(files: &[PathBuf], known: &[String]) -> Vec<String> {
    let texts = |part: fn(&Path) -> Option<&std::ffi::OsStr>| -> Vec<String> {
        let text = |path: &PathBuf| part(path).unwrap_or_default().to_string_lossy().into_owned();
        files.iter().map(text).collect()
    };
    let forms = [texts(Path::file_stem), texts(Path::file_name), texts(whole_name)];
    let is_known = |names: &&Vec<String>| names.iter().all(|name| known.contains(name));
    let differ = |names: &&Vec<String>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    let different = || forms.iter().filter(differ);
    let chosen = different().find(is_known).or(different().next());
    chosen.unwrap_or(&forms[2]).clone()
}

fn whole_name(path: &Path) -> Option<&std::ffi::OsStr> {
    Some(path.as_os_str())
}

fn read_text(path: &Path) -> Result<String, DataError> {
    String::from_utf8(open(path)?.read_to_end(path)?).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        DataError::corrupt(path, format!("line {line} is no UTF-8 text"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_apart_at_spaces_and_at_marks_around_words() {
        let cases = [
            ("It's GOOD, really!", "it's|good|,|really|!"),
            ("(well...) --co-writer/director's", "(|well|...|)|--|co-writer/director's"),
            ("  \t ?!! . ", "?|!!|."),
            ("", ""),
            ("“Ça” — 3.5%", "“|ça|”|—|3.5|%"),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line).join("|"), expected, "{line}");
        }
    }

    #[test]
    fn files_of_equal_stems_have_their_endings() {
        let names =
            |list: &[&str]| file_names(&list.iter().map(PathBuf::from).collect::<Vec<_>>(), &[]);
        assert_eq!(names(&["a/x.txt", "b/y.txt"]), ["x", "y"]);
        assert_eq!(names(&["a/rt.neg", "a/rt.pos"]), ["rt.neg", "rt.pos"]);
        assert_eq!(names(&["a/x.txt", "b/x.txt"]), ["a/x.txt", "b/x.txt"]);
    }
}
