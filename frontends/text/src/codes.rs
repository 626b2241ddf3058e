//! The closed list of error codes: one line and one explanation for each.
//!
//! Groups: E01xx syntax, E02xx types and shapes, E03xx names and scopes, E04xx variables, steps
//! and modes, E05xx limits, E06xx data and runs, E07xx calls of the C library. A code keeps its
//! meaning for ever.

/// Lists the codes: the variant, its number, its title and its explanation.
macro_rules! codes {
    ($($variant:ident $id:literal $title:literal $explanation:literal)*) => {
        /// An error code, such as `E0203`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// All codes, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as it is printed: `E0203`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$variant => $id,)* }
            }

            /// What the code means, in one line.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// What the code means at length, with an example; what `brolga explain` prints.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$variant => $explanation,)* }
            }
        }
    };
}

impl Code {
    /// The code that is printed as `id`, in either case.
    pub fn from_id(id: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(id))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

codes! {
    UnexpectedText "E0101" "this text does not fit the grammar here"
"The parser expected something else at the marked place.

A statement ends at the end of its line; only inside ( ) and [ ] does it run on, and a line that
begins with `over`, `with` or `every` continues the one before:

    x = relu(
        dense(image, 128))

Lists and arguments have no comma after the last member."

    UnclosedBracket "E0102" "this bracket is never closed"
"A `(`, `[` or `{` has no closing partner. The error stands at the opening bracket; the place
where the parser noticed is marked too."

    StrayBracket "E0103" "this closing bracket closes nothing"
"A `)`, `]` or `}` has no opening partner."

    UnknownCharacter "E0104" "this character is not part of the language"
"Outside of comments and strings a file holds ASCII letters, digits, `_`, the signs of the
grammar, spaces, tabs and line ends. Strings may hold any character but control characters."

    NotUtf8 "E0105" "this file is not UTF-8 text"
"A `.graph` file is UTF-8. The first byte that is not is marked. A file that was saved in another
encoding must be converted; a binary file is no `.graph` file."

    MalformedNumber "E0106" "this is not a number"
"Numbers are written `3`, `0.1`, `1e-3`, `inf` and `nan`. A point needs a digit on both sides:
`1.0` and `0.5`, not `1.` and `.5`. There are no hexadecimal numbers, digit separators or
suffixes."

    MalformedString "E0107" "this string is malformed"
"A string stands in double quotes on one line. Inside it `\\\"` is a quote, `\\\\` a backslash and
`\\n` a line end; a backslash before any other character is an error."

    ReservedWord "E0108" "a reserved word cannot be a name"
"The words of the grammar, the element types and `training`, `step`, `epoch`, `inf` and `nan` are
reserved: no value, variable, function or argument may have such a name, nor begin with one before
a dot. Later parts of a scoped name may be any word."

    MalformedName "E0109" "this is not a name"
"A name is a letter or `_` followed by letters, digits and `_`. Names of values and variables may
be scoped: parts joined by dots, where a later part may be a number (`encoder.dense.1.w`). Names of
inputs, consts, functions, shared layers and arguments have no dot. There are no methods: write
`reshape(x, [3])`, not `x.reshape([3])`."

    MisplacedStatement "E0110" "this statement may not stand here"
"`import`, `const`, `input`, `fn`, `output`, `metric` and `minimize` stand at the top of a file or
in an `if` there, not in the body of a function, `for` or `scan`. `return` stands in a function,
`emit` in a `scan`; `update` stands anywhere but in a `scan`. `version` and `graph` stand first in
the file, in this order. A `scan` is the whole right side of a binding."

    NotAStatement "E0111" "a line must say what happens to its value"
"An expression alone is no statement. Bind the value to a name, or report it:

    y = softmax(x)
    output y"

    UnknownVersion "E0112" "this version of the language is not known"
"`version 1` is the only version. A file that needs a later one needs a later release."

    ArgumentOrder "E0113" "an argument without a name follows one that has it"
"In a call positional arguments come first, then named ones: `dense(x, 128, act=relu)`. In the
definition of a function, arguments with defaults come last. In a `scan` the sequences come before
the carries."

    RepeatedArgument "E0114" "an argument is given twice"
"Each argument of a function, call or `scan` has a name of its own."

    ChainedComparison "E0115" "comparisons do not chain"
"`a < b < c` is not allowed, since it could mean two things. Write `a < b and b < c` with bare
numbers and bools; with tensors, combine the two masks by `minimum` or `select`."

    NotPositive "E0116" "this number must be at least 1"
"`every N` runs a step on each N-th batch, so N is at least 1."

    DTypesDiffer "E0201" "these element types differ"
"Element types never change silently: `f32 + i32` is an error. Write which one is meant:

    loss = mean(x * cast(count, f32))

A bare number takes the type of the tensor that it meets and needs no cast."

    ShapesDiffer "E0202" "these shapes do not fit together"
"Shapes broadcast as in NumPy: they are aligned at their ends, and only a missing axis or the
number 1 takes the length of the other. Two dimensions agree when they are equal numbers or equal
polynomials; a symbol is never taken for 1:

    x: f32[batch, 3]   y: f32[3]   x + y: f32[batch, 3]"

    ShapesCannotBeMultiplied "E0203" "these shapes cannot be multiplied"
"`a @ b` sums over the last axis of `a` and the second to last of `b` (the only one if `b` is a
vector), so the two must have the same length:

    x: f32[batch, 784]   w: f32[784, 128]   x @ w: f32[batch, 128]

`conv2d(x, w)` sums over the places of the filter and the channels, which both must have:

    x: f32[batch, 28, 28, 3]   w: f32[5, 5, 3, 8]   conv2d(x, w): f32[batch, 24, 24, 8]

Dimensions agree when they are equal numbers or equal polynomials of symbols; different symbols
never agree."

    DTypeRefused "E0204" "this operation does not exist for this element type"
"`/`, roots, exponentials and gradients are for floats, `and`, `or` and `not` for bools. Write
`cast(x, f32)` around the operand."

    ReshapeSize "E0205" "a reshape keeps the number of elements"
"The product of the new dimensions must be that of the old ones. One dimension may be -1: it
becomes what is left.

    x = reshape(image, [batch, 784])"

    NoSuchAxis "E0206" "there is no such axis"
"Axes count from 0; negative ones count from the end. A tensor of rank 2 has the axes 0, 1, -1
and -2."

    OutOfRange "E0207" "this is out of range"
"An index or slice must lie within its axis or list; negative indices count from the end. A step is
positive: `reverse(x, axis)` turns an axis around. A filter, with what `dilation` puts between its
elements, is no larger than the input with its padding."

    Attribute "E0208" "an argument of an operation is wrong"
"An argument is missing, unknown, given twice, or of the wrong kind. `brolga ops NAME` shows the
arguments of an operation."

    OperandCount "E0209" "the number of operands is wrong"
"`brolga ops NAME` shows how many operands an operation takes."

    Dimension "E0210" "this dimension cannot be computed"
"A dimension is an integer of 64 bits, made of numbers and symbols by `+ - * // %`. It overflows, is
divided by zero, or has become too large a formula."

    NegativeDimension "E0211" "this dimension does not fit"
"A dimension is at least 0, and what `//` and `%` leave open must fit once the symbols are bound."

    NoSuchOperation "E0212" "there is no operation of this name"
"`brolga ops` lists the operations, `brolga std` the functions of the library."

    Scan "E0213" "this scan does not fit together"
"All sequences have one length along `axis`; what a carry's name is bound to at the end of the body
is its next value, of the same type as the first:

    last = scan(x_t in x, axis=1, h = zeros([batch, 8])) {
        h = tanh(x_t + h)
    }"

    NotAFloatScalar "E0214" "a loss or gradient needs a float scalar"
"What is minimised, and the first argument of `grad`, is a single float. `mean(x)` or `sum(x)` makes
one of a tensor."

    TooManyBytes "E0216" "this tensor has more bytes than can be addressed"
"The product of the dimensions and the size of an element must fit in 63 bits."

    TypeMismatch "E0217" "a value does not have the type that is written"
"A written type is checked: element type and shape must be those of the value. Only bare numbers and
lists of numbers take the element type that is written."

    WrongKind "E0218" "this value is of the wrong kind"
"A tensor, number, bool, string, list, element type or function stands where another is needed."

    NotCompileTime "E0219" "this must be known at compile time"
"Conditions of `if`, ranges of `for`, axes, indices, shapes and consts are decided before any data
is seen. `select(cond, a, b)` chooses at run time, `gather` picks by a tensor, `scan` loops."

    NoGradient "E0220" "there is no gradient through this"
"An operation on the way from the loss to a param has no gradient. `stop_gradient(x)` keeps it out."

    BareNumber "E0221" "this number does not fit the type that it meets"
"A bare number takes the type of the tensor that it meets: an integer may become a float, but a
fraction no integer, a number no bool, and 300 no u8."

    Bf16 "E0222" "`bf16` is not available yet"
"The element type is reserved for a later release. Use `f32`."

    ShapesUnequal "E0223" "these shapes must be equal"
"A loss or metric compares each element of a prediction with one of the target, so both have the
same shape: [batch, 1] and [batch] would be every prediction against every target.

    y = squeeze(dense(x, 1), -1)
    loss = mean_squared_error(y, target)

Labels, the numbers of classes, have the shape of the prediction without its last axis: a
prediction f32[batch, 10] has labels i32[batch]. A scalar may be the target of all elements in the
losses `mean_squared_error`, `mean_absolute_error`, `huber`, `hinge` and `sigmoid_cross_entropy`.
What is to be repeated is written so: `broadcast_to(target, shape(y))`."

    UnknownName "E0301" "there is no value of this name"
"Values are bound before they are used. A function sees its arguments, the consts, functions, shared
layers and dimension symbols of its file, and no other values. Only the types of inputs bring in
dimension symbols."

    AlreadyDeclared "E0302" "this name is declared twice"
"`input`, `param`, `state`, `const`, `shared` and `fn` may not repeat a name, and no value takes the
name of a const or dimension. A plain binding may take any value's name again: `x = relu(x)`."

    UnknownFunction "E0303" "there is no function of this name"
"`brolga ops` lists the operations, `brolga std` the functions of the library. Before `(` a name is
a function, elsewhere a value."

    WrongArguments "E0304" "the arguments of this call do not fit"
"Positional arguments come first and fill the arguments in order; those without a default must be
given. Any call also takes `name` and `training`. Functions of the library also refuse arguments of
other shapes than they take, which the help says:

    x: f32[batch, 8]   lstm(x, 64)                     # it takes [batch, time, features]
    x: f32[batch, 8]   lstm(expand_dims(x, 1), 64)     # one step of time"

    NotAvailableYet "E0305" "this is not available yet"
"A later release brings it. `brolga help language` says what there is."

    CallsItself "E0306" "a function calls itself"
"Functions are expanded at compile time, so none may call itself, not through others either. `for`
repeats at compile time, `scan` at run time."

    ImportFailed "E0307" "an import cannot be read"
"The path is relative to the importing file. Files may not import each other in a circle."

    UnknownConst "E0308" "there is no such const to set"
"`--const NAME=V` sets a `const` that the file declares, to a value as it would be written there."

    CountMismatch "E0309" "names and values differ in number"
"`a, b = EXPR` binds the members of a list, all of them; `_` drops one:

    q, _, v = split(x, 3, axis=1)"

    NoReturn "E0310" "a function returns nothing"
"The block of a function ends with `return EXPR`, also where it only writes variables."

    VariableInOneMode "E0401" "a variable exists in one mode only"
"All commands see the same variables, so none may be made under `if training`. Make it outside of
the `if` and use it inside."

    VariableExists "E0402" "a variable of this name exists already"
"A variable's name is the path of calls that made it. Give one of the two calls a `name=`, or declare
one instance for both by `shared`."

    InitialNotClosed "E0403" "an initial value must be closed"
"An initial value is known before any data: it may use numbers, shapes, initialisers and random
numbers, but no inputs and no variables, and makes no variables."

    BatchVariable "E0404" "a variable may not depend on the batch size"
"The batch dimension changes, with the last batch of an epoch at the latest, but a variable has one
shape."

    NoMatch "E0405" "a pattern matches nothing"
"`*` stands for any text, dots included; a pattern also takes all that lies below a name that it
matches. Names of variables are shown by `brolga check`."

    StepExists "E0406" "two steps have one name"
"A file has one `minimize`, or any number of steps with names of their own:

    step critic: minimize critic_loss over critic with adam()"

    NotAVariable "E0407" "only variables are written"
"`update NAME <- EXPR` writes a `param` or `state`."

    UpdateInScan "E0408" "no variable is written here"
"`update` may stand neither in a `scan` nor in what a metric calls. Carry the value through the scan
and write it after."

    Total "E0409" "`total` does not fit here"
"`total(e)` is the sum of `e` over the batches of an epoch, allowed only in what a metric calls. What
is computed with totals may use totals and numbers, but no values of a single batch:

    metric rmse = sqrt(total(sum(square(d))) / total(batch))

In Rust, a value that was made in a metric or in the body of a scan is known there alone: a scan
hands out its carries and what it emits."

    Optimizer "E0410" "an optimiser is called with what it does not know"
"`brolga ops NAME` shows the arguments of an optimiser, `brolga ops` lists all of them with the
operations. Numbers may be scalar tensors, such as learning rates that depend on `step`:

    minimize loss with adam(lr=cosine_decay(1e-3, 10000))"

    NothingToCompute "E0411" "this file says nothing to compute"
"A file needs an `output`, a `metric`, a step or an `update`; or it holds only functions and consts,
to be imported."

    NothingToTrain "E0412" "the loss depends on no param"
"No differentiable path leads from the loss to a param. `argmax`, comparisons, casts to integers and
`stop_gradient` cut such paths."

    ParamNotFloat "E0413" "a param is of a float type"
"Params are trained by gradients. What no optimiser touches is a `state`, of any type."

    SharedMismatch "E0414" "a shared layer is called with another shape"
"The first call of a shared layer fixes the shapes of its variables."

    ZeroGradient "E0415" "a gradient is zero"
"`grad(y, x)` is zero where no differentiable path leads from `y` to `x`."

    NotRead "E0416" "nothing reads this"
"A layer, a param, a state or an input is there, but no output, metric, loss or update needs it:
often a name was bound anew, or another one was meant.

    a = relu(dense(x, 64))
    b = relu(dense(x, 64))      # `a` is meant: nothing reads it"

    NotTrained "E0417" "no loss reaches this param"
"Something reads the param, but no differentiable path leads from a loss to it, so that it stays what
it was at first. `argmax`, comparisons, casts to integers and `stop_gradient` cut such paths. What
is not to be trained is a `state`."

    NestingTooDeep "E0501" "this is nested too deeply"
"Brackets, blocks, and operators before a value may be nested only so deep. Chains such as
`a + b + c`, `x[0][1]` and `else if` count as one level. Bind inner expressions to names, or raise
`--max-nesting`."

    FileTooLarge "E0502" "this file is too large"
"A file may have only so many bytes. Large constants belong into a `.npy` file, read by
`load(\"file.npy\")`; or raise `--max-file-bytes`."

    NumberOutOfRange "E0503" "this number is out of range"
"Integers are 64 bits wide: from -9223372036854775808 to 9223372036854775807. Other numbers are
64-bit floats, at most about 1.8e308; write `inf` for infinity."

    TooManyIterations "E0504" "too many iterations are expanded"
"`for` is expanded at compile time. Loops of many iterations are for `scan`; or raise
`--max-iterations`."

    Memory "E0505" "a step needs more memory than is allowed"
"Use a smaller batch, or raise `--memory-limit`."

    UnknownPass "E0506" "there is no pass of this name"
"`brolga dump --pass-by-pass` names the passes."

    TooManyNodes "E0507" "the graph is too large"
"The file expands to too many operations. Long loops are for `scan`; or raise
`--max-nodes`."

    TensorTooLarge "E0508" "this tensor is too large"
"A tensor's size in bytes is limited, so that a slip in a shape does not exhaust the machine;
`--max-tensor-bytes` raises the limit."

    CallsTooDeep "E0509" "calls and expressions nest too deeply"
"Expressions and calls of functions nest only so deep, together. Bind inner values to names, or raise
`--max-depth`."

    ListTooLarge "E0510" "this list is too large"
"Lists and constants have a largest size, and a depth. Large constants belong into files; or raise
`--max-list`."

    TooManyCalls "E0511" "too many calls are expanded"
"Every call of a function is expanded at compile time. Long loops are for `scan`; or raise
`--max-calls`."

    UnknownSource "E0601" "this names no source of data"
"`--data`, `--validation` and `brolga data` take:

    digits                    built in: image f32[28, 28] in [0, 1], label
    dates                     built in: source i32[18], target i32[10]: dates in words, in numbers
    ratings                   built in: user i32, film i32, rating f32, with noise of deviation 0.5
    tones                     built in: wave f32[4000] in [-1, 1], label: half a second at 8 kHz
    mnist:DIR                 the same from the four original files, plain or .gz
    fashion-mnist:DIR         the same; the classes have names
    mnist, fashion-mnist      fetched once into the user's cache: `brolga explain E0635`
    cifar10:DIR               image f32[32, 32, 3] in [0, 1], label: every data_batch*, test_batch*
    idx:IMAGES,LABELS         a pair of IDX files
    FILE.npz, FILE.safetensors, x=a.npy,y=b.npy      arrays by their names
    FILE.csv?label=COLUMN     x f32[columns], label: see `brolga explain E0621`; plain or .gz
    images:DIR?size=32        image f32[size, size, 3] in [0, 1], label: one folder a class
    text:FILE?seq=64          tokens i32[seq], next i32[seq]: characters as numbers; ?stride=N
    lines:A,B,...             tokens i32[length], label: one file a class, one example a line;
                              ?vocab=10000&length=50

What is built in (of as many rows as `?rows=N` says), mnist, fashion-mnist, cifar10, text and lines
come in a training and a test part; a table and images do with `?test=0.2`. `train` takes the
training part, `eval`, `predict` and `--validation` the test part; `?split=train` or `?split=test`
chooses. `?classes=3,5` keeps the rows whose label is one of these numbers or names of classes, and
numbers them 0, 1, ... as they stand there.
`?standardise` is for all of them but text and lines: see `brolga explain E0630`.

A file may be larger than the memory: an array of 256 MiB and more stays in its file, and the rows
of a batch are read when it is their turn, where the file is an .npy (also in an .npz that is not
compressed), .safetensors or plain IDX. Of anything else, all elements are read first.

`images` reads PNG and JPEG, of folders and files in the order of their names. A picture is
stretched to size x size; each pixel is a mean of those that it covers, with linear weights. Grey
is repeated, transparency dropped.

`text` numbers the file's characters in the order of code points. The last tenth of the file is its
test part. Windows begin every `stride` characters in the training part (by default every `seq`),
and every `seq` in the test part.

`lines` takes words in lower case, parted at white space; marks around a word are words of their
own. 0 fills a line up to `length`, 1 is a word outside of the vocabulary, which counts `vocab`
numbers in all: the most frequent of the training part first, ties in the order of code points.
Every tenth line of a file is the test part's. Blank lines are left out."

    SourceOption "E0602" "a source of data does not take this option"
"Options follow the source after `?`, with `&` between them: `digits?rows=1000&split=test`. `split`
is for sources that come in a training and a test part, `classes` for those that have an array of
whole numbers named `label`. `brolga explain E0601` lists the sources
with their options, `brolga explain E0621` those of a table."

    UnreadableFile "E0603" "a file cannot be read"
"The file does not exist, or may not be read. The message says what the system answered."

    DamagedFile "E0604" "a file is damaged"
"The bytes of the file are not what its format asks for. Fetch or write the file again."

    ArrayElementType "E0605" "an array has elements of a type that no tensor has"
"Save the array as float32, float64, int32, int64, uint8 or bool."

    TooMuchData "E0606" "there is more data than can be held"
"A data set is held in memory as a whole. Use fewer rows, or several files one after the other."

    RowsDiffer "E0607" "arrays have different numbers of rows"
"All arrays of a source have the same first dimension, one row for each example."

    ArrayNamedTwice "E0608" "two arrays have one name"
"Give each array a name of its own."

    NoData "E0609" "there are no rows"
"A source needs at least one array of at least one row, and a benchmark a whole batch."

    NoArrayForInput "E0610" "there is no array for an input"
"An input takes the array of its name, else the next array that no other input takes. Add an array
of the input's name, or leave out what needs the input."

    ArrayMismatch "E0611" "an array does not fit its input"
"An input takes the array of its name, else the next array that no other input takes. What is
converted on the way:

    labels         integers, one a row, become one-hot where the input is a float [batch, n]
    shapes         [rows, 28, 28] feeds [batch, 784], and [rows, 784] feeds [batch, 28, 28]; axes
                   of 1 may come and go, as in [batch, 28, 28, 1]
    bool, u8       to any number: true is 1
    i32, i64       to u8, i32, i64, f32 and f64, if every number of the array is held exactly
    f32, f64       to each other; f64 to f32 rounds

Values are kept as they are: u8 images feed an f32 input with 0 to 255, so divide them in the file
(`x / 255`). Only the sources `mnist`, `fashion-mnist`, `idx`, `cifar10` and `images` scale their
pixels, to [0, 1]. Floats never become integers, and numbers never bool. A number that the input
does not hold, or a label of no class, is E0616 and names its row.

Whatever else differs is this error, and the message shows both types. The array's first dimension
is its rows: of a source in two parts `train` takes the training part, `eval`, `predict` and
`--validation` the test part, unless `?split=` chooses.

The numbers of a table's columns become one column of `x` each, and each of a column's categories
one of its own: `brolga data SOURCE` lists what `x` is made of, and its last dimension is how many
there are."

    DataSymbol "E0612" "the data give a dimension two sizes"
"A symbol stands for one number. Give the two dimensions different names, or make the sizes equal."

    UndecidedSymbol "E0613" "the data leave a dimension open"
"No array says how large the dimension is. Say it with `--dim NAME=N`."

    BatchDimension "E0614" "the inputs have no common batch dimension"
"The first dimension of all inputs that data feed is the same symbol, or the same number:

    input x: f32[batch, 784]
    input label: i32[batch]"

    BatchForm "E0615" "this cannot be the batch dimension"
"The first dimension of an input that data feed is a symbol of its own, such as `batch`, or a number
of at least 1."

    DataOutOfRange "E0616" "the data hold a number that the input cannot"
"An integer is not held exactly by the input's type (f32 holds all of them up to 16777216), or a
label is negative or not below the number of classes."

    ValidationFraction "E0617" "this fraction leaves a part without rows"
"`--validation-split` takes a fraction above 0 and below 1 that leaves at least one row for each
part."

    UnwritableFile "E0618" "a file cannot be written"
"The folder does not exist, may not be written, or the disk is full. A file is replaced as a whole or
not at all."

    TableCell "E0621" "a line or a cell of a table cannot be read"
"A table `FILE.csv` is cells with commas between them, in quotes where a cell holds a comma, a line
end or a quote (which is written twice). Every line has as many cells as the first. Its first line
names the columns; `?header=no` says that it does not, and they are called 1, 2, ...

    housing.csv?label=price&missing=mean&test=0.2&split=test

    label=COLUMN        the label; every other column is of x
    label-type=classes  (or number) what the label is, instead of the rule below
    missing=drop        leaves out rows with a missing value: an empty cell, ?, NA, N/A, NaN, null
    missing=mean        puts the mean of the column in the training part there; a category is none
    test=0.2, seed=0    holds back this part of the rows, drawn by the seed
    ignore=A,B          columns to leave out
    categories=A,B      columns that are categories though they look like numbers; a label too
    header=no, separator=;    (or tab)

A column is of numbers if all of its cells are; a text among numbers is an error. A column of texts
is of categories: each is a column of x that is 1 where the row is of it and 0 elsewhere, in the
order of code points (of size, for `categories` of numbers). A label of texts is an i32, the number
of its class in that order; a label of whole numbers without a point is an i32 as it stands; any
other an f32. Numbers are rounded to f32, of seven digits. Types and categories come from the whole
table, also when it is split."

    MissingValue "E0622" "a value of a table is missing"
"A cell is empty, or `?`, `NA`, `N/A`, `NaN` or `null`. `?missing=drop` leaves such rows out, and
`?missing=mean` puts the mean of the column in the training part there (a category is then none of
them). A label is never made up."

    NoColumn "E0623" "a table has no such column"
"An option of a table names a column that it does not have. Names are as in the first line, without
spaces around them; with `?header=no` they are the numbers from 1."

    FreeText "E0624" "a column of a table holds texts that are no categories"
"More than half of the rows have a text of their own in this column, such as a name: as categories
it would make x as wide as the table is long. Leave it out with `?ignore=COLUMN`, or ask for it
with `?categories=COLUMN` (for a label, `?label-type=classes`)."

    SourceFolder "E0625" "a folder does not hold what its source asks for"
"`cifar10:DIR` holds the files `data_batch*` and `test_batch*`, plain or .gz. `images:DIR` holds a
folder for each class, and each of these .png, .jpg and .jpeg files, at least one, and nothing else
but hidden files: what could not be read would be missing without a word."

    ClassWeights "E0626" "the data cannot be weighed by class"
"`--class-weight` weighs each example that is trained on by its class, which the array `label` says:
an integer a row, or a float that is one, or one-hot, where the largest number says it. `balanced`
gives a class of n examples among N of K classes N / (K n). A file gives weights of its own, numbers
of at least 0, a line for each class or as a JSON object:

    cat        1                      {\"cat\": 1, \"dog\": 2.5}
    dog        2.5   # remark

A class is called by its name, where the data have names, else by its number; `brolga data` lists
both. A class that is not in the file weighs 1, one that the data do not have is this error. The
weights become an array `weight` of the data, which must not have one already."

    UnreadWeights "E0627" "the training does not read what its examples weigh"
"`--class-weight` gives the input `weight` a number for each example. Let the loss read it:

    input weight: f32[batch]
    if training { w = weight } else { w = 1 }
    minimize sparse_softmax_cross_entropy(logits, label, weight=w) with adam(lr=1e-3)

The loss of each example is multiplied by its weight; the mean is over the number of examples, as
Keras takes it with class weights. Written so, `eval` and `--validation` weigh nothing and need no
weights. Metrics are not weighed."

    Augment "E0628" "this does not say how pictures are changed"
"`--augment` changes the pictures that are trained on, anew in each epoch; never those that are
evaluated. The changes follow one another as they are written:

    flip         every second picture, by chance, is mirrored, left to right
    shift:N      moved by up to N pixels each way; the pixels at its edges are repeated
    crop:N       N rows and columns of zeros are put around it, and a part of its own size is cut
                 out anywhere
    rotate:D     turned about its middle by up to D degrees each way, bilinear; 0 outside
    noise:S      to each element a number of the normal distribution is added, of deviation S

All numbers are drawn evenly. What becomes of a picture depends on the seed, the epoch and its row
alone: not on the batch, on threads or on a break. Pictures that are fed together, such as one and
its mask, are moved alike; each has its own noise."

    NoPictures "E0629" "there are no pictures to change"
"`--augment` changes the inputs of f32[batch, height, width] and f32[batch, height, width, channels]
that are trained on, which must be larger than what they are moved by. An input f32[batch, 784] says
nothing of rows and columns: declare it as a picture, and flatten it in the file:

    input image: f32[batch, 28, 28]
    hidden = dense(flatten(image), 128)"

    Standards "E0630" "the data cannot be standardised"
"`?standardise` behind a source gives each column the mean 0 and the standard deviation 1 of the rows
that are trained on, not of those that `?test=`, `--validation-split` or a fold holds back:

    brolga train mpg.graph --data 'mpg.csv?label=mpg&test=0.2&standardise' --save mpg.safetensors
    brolga eval mpg.graph --data 'mpg.csv?label=mpg&test=0.2' --params mpg.safetensors

`standardise` (or `standardise=features`) is for all arrays of floats but `label`; `standardise=all`
takes a `label` of floats too (of a table, `label-type=number` makes it one), whose predictions and
errors are then in standard deviations from its mean. A column is one of [rows, columns], a channel
of [rows, height, width, channels]; all numbers of [rows] or [rows, height, width] are one. One that
never changes becomes 0. The columns of a table's categories stay 0 and 1.

The means and deviations are kept with the weights, by `--save` and in checkpoints; `--validation`,
`eval` and `predict` measure all data by them; so what is evaluated needs `--params`, and the same
columns. Numbers that are not finite have no mean."

    OtherNames "E0631" "the data hold what was not trained on"
"Weights keep what the numbers and columns of their data stood for: a table's columns, categories
and means, classes, characters, words. `eval`, `predict` and `--validation` read other data in those
terms, and so does a training that goes on, if it can:

    a table         its columns by name, in any order; one that is missing or new is this error,
                    and so is a category or a class that is new. A column of the label that is not
                    asked for by `label=` is new too: leave it out with `ignore=COLUMN`
    missing=mean    puts the mean of the training's column
    images, lines   folders, files and `?classes=` have their numbers by name; with one that is new
                    there is no `label`, and `predict` goes on without
    text            a character that is new is this error
    lines           words have their numbers; a new one is `<unknown>`

`brolga data FILE.safetensors` lists what weights know. A training on other columns or classes says
that they are numbered anew."

    Undrawn "E0633" "this array is no picture"
"`brolga run FILE --output NAME.png` draws an output as a grid of pictures: f32 of the shape
`[rows, height, width]`, or `[rows, height, width, channels]` with one channel or three. 0 is black
and 1 white or a full colour. `reshape` brings rows of numbers into this form."

    Renaming "E0634" "a file of names does not fit"
"`--names FILE` says what variables are called in the files of `--params`, where other software has
written them. A line for each variable: its name, `=`, the file's tensor, and after a colon what is
done with it, in order: `transpose`, `reshape`, or `parts`, which puts equal parts of the last axis
into another order. Tensors with `+` between them are added, with `&` stacked along a new first
axis. Tensors that no line names keep their own names.

    # PyTorch keeps filters as [out, in, height, width], and weights as [out, in].
    conv1.conv.w = conv1.weight: transpose 2 3 1 0
    fc1.w        = fc1.weight: reshape 32 64 8 8, transpose 2 3 1 0, reshape 4096 32
    lstm.b       = lstm.bias_ih_l0 + lstm.bias_hh_l0

    # Its GRU has the gates in the order reset, update, new, where ours is update, reset, new.
    gru.wx       = gru.weight_ih_l0: transpose 1 0, parts 1 0 2
    gru.wh       = gru.weight_hh_l0: transpose 1 0, parts 1 0 2
    gru.b        = gru.bias_ih_l0 & gru.bias_hh_l0: parts 1 0 2

Files are `.safetensors`, `.npz`, and those of Keras: `.h5`, `.weights.h5`, `.keras`. Of these a
layer's parts are called as ours are: `dense.w`, `norm.mean`, `lstm.wx`; where the file numbers
them, `dense.0`, `dense.1`, in Keras' order: kernel, recurrent kernel, bias; gamma, beta, mean,
variance."

    NotFetched "E0635" "a data set cannot be fetched"
"`mnist` and `fashion-mnist` without a folder are fetched once by `curl` into the folder that
`BROLGA_DATA` names, or into `brolga` among the user's caches, and checked by their SHA-256. The
environment variable `BROLGA_MIRROR` names another place that has the folders `mnist` and
`fashion-mnist` with the original files. Files that are there already are taken as they are."

    NoCharacters "E0636" "no characters are known for these numbers"
"`brolga run FILE --input tokens=text:Once --text tokens` feeds a text and prints one. What character
a number stands for is kept with the weights that a training by `--data text:FILE` has saved, and
which `--params` gives. The text is filled up in front with number 0; of a longer one the end is
fed."

    OtherVariables "E0637" "a file of weights is of another model"
"Where a file is to give every variable its value, it has a tensor of the name of each, and no other
but optimisers' slots. `brolga data FILE` lists what it has, `brolga check` the variables."

    OutOfMemory "E0651" "the machine has no memory left"
"Use smaller batches, or a machine with more memory. `brolga check` says how much a step needs."

    MemoryLimit "E0652" "more memory is needed than is allowed"
"Use smaller batches, or raise `--memory-limit`. `brolga check` says how much a step needs."

    UnknownKernel "E0653" "the program calls what the runtime does not have"
"Machine code may only call the library's own kernels. This is a bug: please report it with the file."

    NoMachineCode "E0654" "no machine code could be made"
"This is a bug, or a machine that the code generator does not know: please report it with the file."

    IndexOutOfRange "E0655" "an index is out of range"
"A value that is used as an index, such as a label, is negative or not below the size of what it
indexes. The message names the operation and, where it indexes by an input, the row of the data,
counted from 0; the data are at fault:

    loss = sparse_softmax_cross_entropy(logits, label)   # label 11 of ten classes"

    Unfed "E0656" "an input is needed, but not fed"
"Feed it: `--input NAME=FILE.npy`. Each command needs only the inputs that its results depend on."

    UnknownInput "E0657" "there is no such input"
"The name is not that of an `input` of the file."

    FedType "E0658" "an input is fed with another type than it has"
"The element type and every dimension must agree."

    SymbolFedTwice "E0659" "two inputs give a dimension different sizes"
"A symbol stands for one number in a call: feed arrays whose sizes agree."

    VariableFixed "E0660" "a variable's type is fixed by its first use"
"The dimensions of a variable that depend on a symbol are bound when it is first used, and cannot
change after that."

    LoadedType "E0661" "a loaded tensor has another type than its variable"
"The file was saved by another model, or with other sizes. `brolga check` lists the variables."

    NoThreads "E0662" "the system refused a thread"
"The limit on processes may be reached. Use fewer `--threads`."

    NotByRows "E0663" "the outputs of several batches cannot be joined"
"An output of `predict` has the batch as its first dimension; `run` gives any other."

    LogNotWritten "E0664" "the log cannot be written"
"The disk is full, or the file was taken away."

    UnknownDimension "E0665" "a dimension is not known"
"The type of a variable or input depends on a symbol without a number. Say it with `--dim NAME=N`."

    FixedBatch "E0666" "the rows do not fill the batches"
"The file fixes the number of rows of a batch, and some rows would be left out. Make the first
dimension of the inputs a symbol, such as `batch`, or give a multiple of rows."

    NoMetric "E0667" "there is no such metric"
"Early stopping looks at a metric of the file, or the loss, that is a single number. The help lists
those that there are."

    OtherTraining "E0668" "the checkpoint is of another training"
"A training goes on with the same bits only if everything that they depend on is as it was: the
program, the seed, the data, the batch size, the order of rows and the validation. Give what the
training was begun with, or begin another one from the checkpoint's weights by `--params`."

    NotFinite "E0669" "the loss is not finite"
"The loss of a batch is NaN or infinite, and what is learned from it would be too. The message
says which step and value went wrong first. Often the learning rate is too high, a logarithm or a
division meets 0, or the data hold a NaN. `--allow-nan` goes on all the same."

    Frozen "E0670" "nothing to freeze, or nothing left"
"`--freeze` names params by their name, by a scope, or with `*` for any characters; each pattern must
name one that a step trains, and one must be left to train. `brolga check` lists them."

    NotLinked "E0671" "a shared library cannot be linked"
"`brolga compile -o NAME.so` writes the object file itself, and lets the system's C compiler `cc`
link it with the kernels. Without one, write `NAME.a`, which needs no linker, and link it where
there is one: `cc main.c NAME.a -lpthread -lm`."

    MadeNotFinite "E0672" "a kernel makes a value that is not finite"
"With `--check-nan` a training ends at the first kernel that makes a NaN or an infinity that the
file does not ask for. The message says which element of which value, the help of what it was made,
and the line where it stands in the file."

    NoKernels "E0673" "there are no kernels for the target"
"A static library holds the kernels that a model calls, compiled for its processor. They are part of
`brolga` for the machine that built it, and for 64-bit ARM if its Rust toolchain could compile for
that. The object file alone (`-o NAME.o`) needs no kernels until it is linked."

    NullPointer "E0701" "a pointer of a call is not usable"
"A function of the C library was given NULL where it needs something, or a pointer that is not
aligned as what it points to. A list may be NULL where its length is 0."

    TextOfCall "E0702" "a text of a call is not UTF-8"
"Names, paths and texts are UTF-8 that ends with a zero byte."

    NumberOfCall "E0703" "a number of a call makes no sense"
"An element type, an entry, a size or a number of threads is none: types and entries are the
constants of `brolga.h`, the sizes of a shape are not negative, and it is not larger than memory."

    NameOfCall "E0704" "nothing has the name that a call gives"
"The help lists the names that there are. Results are those of the last step, evaluation or
prediction; where that has failed, there are none."

    RepeatedName "E0705" "a call gives a name twice"
"Each input, variable, const and dimension of a call has one value."

    ReadAsOther "E0706" "a value is read as another type or size than it has"
"Values are copied as they are: the caller's memory is of the element type of the value, and of as
many elements."

    AfterBug "E0707" "a session is used after a bug was met in it"
"An invariant did not hold in an earlier call, so nothing is known of the session's variables. All
that can be done is to free it."

    CompilerBug "E0999" "a bug of the compiler"
"An invariant of the compiler does not hold. Please report it with the file."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_described() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].id() < pair[1].id(), "{} stands before {}", pair[0], pair[1]);
        }
        for &code in Code::ALL {
            assert_eq!(Code::from_id(&code.id().to_lowercase()), Some(code));
            assert!(code.explanation().len() > code.title().len(), "{code} is explained");
            assert!(code.explanation().lines().all(|line| line.len() <= 100), "{code} is wrapped");
        }
    }
}
