//! Which known word a misspelt one is near.

/// The candidate that is closest to a misspelt name, if one is close: one of the same letters in
/// another case or without underscores (`LayerNorm`, `isnan`), else the fewest changes of letters.
pub fn similar<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let candidates: Vec<&str> = candidates.collect();
    let same = candidates.iter().filter(|c| **c != name && has_letters_of(name, c)).min();
    same.or_else(|| nearest(name, &candidates)).copied()
}

/// Whether two names differ in the case of their letters and in underscores alone.
pub(crate) fn has_letters_of(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.replace('_', "").to_lowercase();
    letters(a) == letters(b)
}

fn nearest<'c, 'n>(name: &str, candidates: &'c [&'n str]) -> Option<&'c &'n str> {
    let limit = (name.chars().count() / 3).max(1);
    let others = candidates.iter().filter(|c| **c != name);
    let near = others.map(|c| (distance(name, c, limit), c));
    // Of equally near names one that goes on where the other ends.
    let goes_on = |c: &str| c.starts_with(name) || name.starts_with(c);
    near.filter(|(d, _)| *d <= limit).min_by_key(|(d, c)| (*d, !goes_on(c), **c)).map(|(_, c)| c)
}

/// The number of letters to insert, delete, replace or swap with their neighbour; more than
/// `limit` where the lengths alone say so.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > limit || a.len() > 100 {
        return limit + 1;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let above: &Vec<usize> = &rows[i - 1];
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
