//! Sorts numbers in place.

/// Puts `n` numbers in ascending order. Nothing is allocated; of equal numbers none is before
/// another.
///
/// # Safety
/// The numbers are readable and writable, and nobody else reads or writes them meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brolga_sort_i64(first: *mut i64, n: usize) {
    if n < 2 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(first, n) }.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend() {
        for n in [0, 1, 2, 7, 20, 33, 1000] {
            let mixed = |i: i64| (i * 7919 % 1009 - 500) << 40;
            let mut numbers: Vec<i64> = (0..n).map(mixed).chain([i64::MAX, i64::MIN, 0]).collect();
            let mut wanted = numbers.clone();
            wanted.sort();
            // SAFETY: the numbers are a vector of that length.
            unsafe { brolga_sort_i64(numbers.as_mut_ptr(), numbers.len()) }
            assert_eq!(numbers, wanted);
        }
    }
}
