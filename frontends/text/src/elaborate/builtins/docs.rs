//! What the operations compute that are more than one of the compiler's.

/// By name; the others are told by the compiler.
pub(super) const DOCS: &[(&str, &str)] = &[
    ("append", "the list with one more member"),
    ("bernoulli", "bools that are true with probability `p`; no gradient"),
    (
        "broadcast_to",
        "`x` repeated to a shape, as NumPy broadcasts; dx sums dy over what was repeated",
    ),
    (
        "categorical",
        "indices drawn with the probabilities softmax(logits) over the last axis; no gradient",
    ),
    ("concat", "tensors one after the other along an axis; each gets its part of dy"),
    ("dim", "the size of an axis, a bare number"),
    (
        "dropout",
        "in training, elements are 0 with probability `rate` and the others x / (1 - rate), with dx \
         scaled alike; otherwise `x`",
    ),
    ("dtype", "the element type of `x`"),
    ("expand_dims", "`x` with an axis of size 1 at `axis`"),
    ("flat", "the members of a list, with those of the lists in it in their place"),
    ("flatten", "`x` as [first axis, all else]"),
    ("full", "a tensor of one value"),
    (
        "gather",
        "the parts of `x` along `axis` whose indices are `ids`; dx adds up dy where an index repeats",
    ),
    ("grad", "the gradient of the float scalar `y` with respect to `x`, or to each of a list"),
    ("iota", "indices along an axis: 0, 1, 2 ..."),
    ("iteration", "the number of the iteration of the `scan` around it"),
    ("len", "the number of members of a list"),
    ("load", "an initialiser: the array of a .npy file"),
    ("matmul", "the product `a @ b`, batched; da = dy @ transposed b, db = transposed a @ dy"),
    ("mean", "sum(x) / n over the axes; dx = dy / n"),
    (
        "one_hot",
        "1 where the last, new axis of size `n` has the index that `ids` says, else 0; no gradient",
    ),
    ("ones", "a tensor of ones"),
    ("pad", "`x` with `value` around it, as many before and after each axis as `padding` says"),
    ("params", "the list of the params made so far that match a pattern"),
    ("random_bits", "random i32 for each element, a function of seed, step, key and index"),
    ("random_normal", "normally distributed floats; no gradient"),
    ("random_uniform", "floats from `lo` to `hi`, without `hi`; no gradient"),
    ("rank", "the number of axes, a bare number"),
    ("reshape", "the elements of `x` in another shape, of which one dimension may be -1"),
    ("reverse", "`x` backwards along axes (all where they are left out)"),
    ("seed", "the seed of the run, an i64 scalar"),
    ("shape", "the list of the dimensions of `x`"),
    ("split", "the list of the parts of `x` along `axis`: so many equal ones, or of these sizes"),
    ("squeeze", "`x` without axes of size 1 (all of them where they are left out)"),
    ("stack", "tensors of one type along a new axis"),
    (
        "take_along_axis",
        "the elements of `x` along `axis` whose indices are `ids`, a tensor of its rank",
    ),
    ("tile", "`x` repeated so many times along each axis"),
    ("total", "in a metric alone: the sum over the batches of an epoch, as f32 or f64"),
    ("transpose", "`x` with its axes in another order, reversed where `perm` is left out"),
    ("zeros", "a tensor of zeros"),
];
