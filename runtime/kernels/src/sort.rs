//! Sorts numbers in place.

/// Puts the `first` smallest of `n` numbers first, in ascending order, and the others after them in
/// any. Nothing is allocated; of equal numbers none is before another.
///
/// # Safety
/// The numbers are readable and writable, and nobody else reads or writes them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_sort_i64(numbers: *mut i64, n: usize, first: usize) {
    if n < 2 {
        return;
    }
    // SAFETY: the caller's promise.
    let numbers = unsafe { core::slice::from_raw_parts_mut(numbers, n) };
    if (1..n).contains(&first) {
        numbers.select_nth_unstable(first - 1);
    }
    numbers[..first.min(n)].sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend() {
        for n in [0, 1, 2, 7, 20, 33, 1000] {
            let mixed = |i: i64| (i * 7919 % 1009 - 500) << 40;
            let numbers: Vec<i64> = (0..n).map(mixed).chain([i64::MAX, i64::MIN, 0]).collect();
            let mut wanted = numbers.clone();
            wanted.sort();
            for first in [0, 1, 2, numbers.len() / 2, numbers.len(), numbers.len() + 1] {
                let mut numbers = numbers.clone();
                // SAFETY: the numbers are a vector of that length.
                unsafe { brolga_sort_i64(numbers.as_mut_ptr(), numbers.len(), first) }
                let first = first.min(numbers.len());
                assert_eq!(numbers[..first], wanted[..first]);
                numbers.sort();
                assert_eq!(numbers, wanted);
            }
        }
    }
}
