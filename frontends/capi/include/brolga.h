/* Brolga, a graph compiler that trains on the CPU, as a C library.
 *
 * Statuses. A function that may fail returns BROLGA_OK or who is at fault; the functions
 * brolga_error_... then tell the thread that called what is wrong. A function that failed has
 * changed nothing, unless it says so.
 *
 * Ownership. A graph and a session are freed by the caller. What the library points the caller to
 * is the library's, and never freed; each function says until when it is there. What the caller
 * points the library to is read during the call alone. Where a pointer takes something, it may
 * not be NULL.
 *
 * Threads. A graph may be used by several threads at once. A session may be used by any thread,
 * but by one at a time. A thread needs 2 MiB of stack. Errors are of the thread that made the
 * call.
 *
 * Texts are UTF-8 and end with a zero byte. Tensors lie row after row, little-endian. */

#ifndef BROLGA_H
#define BROLGA_H

#include <stddef.h>
#include <stdint.h>

// A graph that was read: inputs, variables, model, losses and optimisers. It is never changed, so
// several threads may use it at once.
typedef struct brolga_graph brolga_graph;

// A graph with variables, threads and machine code. It may be used by any thread, but by one at a
// time.
typedef struct brolga_session brolga_session;

// What a function returns: BROLGA_OK, or who has to change something. What is wrong is said by the
// functions brolga_error_...
typedef int brolga_status;

// Another value for a const of a text.
typedef struct {
    // The name.
    const char *name;
    // The value as the language writes it: "64", "0.5", "true".
    const char *value;
} brolga_const;

// What a tensor is in its graph: BROLGA_INPUT, BROLGA_OUTPUT, BROLGA_METRIC, BROLGA_PARAM,
// BROLGA_STATE or BROLGA_SLOT.
typedef int brolga_kind;

// The type of the elements of a tensor: BROLGA_F32, BROLGA_F64, BROLGA_I32, BROLGA_I64, BROLGA_U8
// or BROLGA_BOOL.
typedef int brolga_dtype;

// What a tensor is. The library's, with all that it points to: each function that lists tensors
// says until when.
typedef struct {
    // The name.
    const char *name;
    // What it is in its graph.
    brolga_kind kind;
    // The type of its elements.
    brolga_dtype dtype;
    // The number of its dimensions; 0 for a number alone.
    size_t rank;
    // The sizes of the dimensions, so many as rank says; -1 where the graph leaves a size open,
    // such as that of a batch.
    const int64_t *shape;
    // The type as the language writes it: "f32[batch, 28, 28]".
    const char *text;
} brolga_tensor;

// A number for a dimension that a graph leaves open.
typedef struct {
    // The name that the graph gives the dimension.
    const char *name;
    // The number, at least 1.
    int64_t size;
} brolga_dim;

// What a session is made with. All zero is what most programs want.
typedef struct {
    // The seed of initial values and of all randomness.
    int64_t seed;
    // The number of threads; 0 for one on each core. It changes no bit of a result.
    size_t threads;
    // Numbers for dimensions in every call. What is fed says them too, so most programs need none.
    const brolga_dim *dims;
    // How many there are.
    size_t n_dims;
} brolga_options;

// What a graph is compiled for: BROLGA_TRAIN, BROLGA_EVAL or BROLGA_PREDICT.
typedef int brolga_entry;

// What the variables of a session have been trained for.
typedef struct {
    // Steps, which brolga_session_train counts. A graph reads them as `step`.
    int64_t step;
    // Epochs, which the program counts: see brolga_session_set_clock. A graph reads them as
    // `epoch`.
    int64_t epoch;
} brolga_clock;

// A tensor of the caller's, which the library reads during a call and never keeps.
typedef struct {
    // The name of the input or variable that takes it.
    const char *name;
    // The type of its elements, that of the input or variable.
    brolga_dtype dtype;
    // The number of its dimensions; 0 for a number alone.
    size_t rank;
    // The sizes of the dimensions, so many as rank says; may be NULL if that is 0.
    const int64_t *shape;
    // The elements, row after row (the last index moves fastest), without gaps: so many as the
    // product of the sizes. The memory need not be aligned.
    const void *data;
} brolga_array;

// What became of the tensors of a file. The lists are the session's, until the next call of
// brolga_session_load, or until it is freed.
typedef struct {
    // The names of the variables that have a value of the file now.
    const char *const *matched;
    // How many there are.
    size_t n_matched;
    // The names of the params and states that the file has no value for.
    const char *const *missing;
    // How many there are.
    size_t n_missing;
    // The names in the file that are no variable's.
    const char *const *unknown;
    // How many there are.
    size_t n_unknown;
} brolga_loaded;

// It is done.
#define BROLGA_OK 0

// The graph, its data or a file is at fault.
#define BROLGA_ERROR_INPUT 1

// The call makes no sense: a pointer is NULL, a name is unknown, a type is another one.
#define BROLGA_ERROR_CALL 2

// The machine is at fault: no memory, no threads, a full disk.
#define BROLGA_ERROR_MACHINE 3

// Brolga is at fault: please report it.
#define BROLGA_ERROR_BUG 4

// float, 4 bytes.
#define BROLGA_F32 0

// double, 8 bytes.
#define BROLGA_F64 1

// int32_t.
#define BROLGA_I32 2

// int64_t.
#define BROLGA_I64 3

// uint8_t.
#define BROLGA_U8 4

// A byte: 0 is false, what is not 0 is true.
#define BROLGA_BOOL 5

// An input: it is fed.
#define BROLGA_INPUT 0

// An output, or a value that was asked for by its name.
#define BROLGA_OUTPUT 1

// A metric or a loss.
#define BROLGA_METRIC 2

// A variable that is trained.
#define BROLGA_PARAM 3

// A variable that is updated otherwise, such as a running mean.
#define BROLGA_STATE 4

// A variable of an optimiser, such as Adam's moments.
#define BROLGA_SLOT 5

// A step of training: brolga_session_train.
#define BROLGA_TRAIN 0

// The metrics of a batch: brolga_session_eval.
#define BROLGA_EVAL 1

// All outputs: brolga_session_predict without names.
#define BROLGA_PREDICT 2

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library: "0.1.0". The text is the library's, for ever.
const char *brolga_version(void);

// What the last function of this thread has returned that returns a status.
//
// The texts of the functions brolga_error_... are the library's. They are there until this thread
// calls another function that returns a status; those that free something change nothing. They are
// never NULL: where there is no error, they are empty.
brolga_status brolga_error_status(void);

// The code of the error, "E0301", which the command `brolga explain E0301` explains.
const char *brolga_error_code(void);

// What is wrong, in one sentence; of several errors in a text, the first.
const char *brolga_error_message(void);

// The file, or the name of the text, in which the error stands; empty if it has no place there.
const char *brolga_error_file(void);

// The line of the error in its file, from 1; 0 if it has no place there.
uint32_t brolga_error_line(void);

// The column of the error in its line, in characters from 1; 0 if it has no place there.
uint32_t brolga_error_column(void);

// All that is to say, as the command prints it: every error with its code, the lines of the file
// with marks under them, and what to change. It ends with a line end.
const char *brolga_error_text(void);

// Reads a graph from a file; what it imports is found beside it.
//
// consts: values for consts of the file instead of its own; NULL if n_consts is 0.
// graph: takes the graph, which the caller frees by brolga_graph_free; NULL after an error.
//
// Errors: a file that cannot be read (E0603); everything that is wrong with its text, with its
// lines.
brolga_status brolga_graph_from_file(const char *path,
                                     const brolga_const *consts,
                                     size_t n_consts,
                                     brolga_graph **graph);

// Reads a graph from a text, which ends with a zero byte and imports nothing.
//
// name: what messages call the text: "model.graph".
// consts: values for consts of the text instead of its own; NULL if n_consts is 0.
// graph: takes the graph, which the caller frees by brolga_graph_free; NULL after an error.
//
// Errors: everything that is wrong with the text, with its lines.
brolga_status brolga_graph_from_text(const char *name,
                                     const char *text,
                                     const brolga_const *consts,
                                     size_t n_consts,
                                     brolga_graph **graph);

// Frees a graph; nothing, if it is NULL. Sessions that were made of it keep what they need.
void brolga_graph_free(brolga_graph *graph);

// Lists the inputs of a graph, in the order of its text.
//
// inputs, n_inputs: take the list and its length. The list is the graph's, until it is freed.
brolga_status brolga_graph_inputs(const brolga_graph *graph,
                                  const brolga_tensor **inputs,
                                  size_t *n_inputs);

// Lists the outputs of a graph, in the order of its text.
//
// outputs, n_outputs: take the list and its length. The list is the graph's, until it is freed.
brolga_status brolga_graph_outputs(const brolga_graph *graph,
                                   const brolga_tensor **outputs,
                                   size_t *n_outputs);

// Tells what in the text of a graph is legal but probably not meant, as the command prints it.
//
// warnings: takes the text, which is empty if there is nothing to tell. It is the graph's, until
// that is freed.
brolga_status brolga_graph_warnings(const brolga_graph *graph, const char **warnings);

// Makes a session. Nothing is compiled yet; each call compiles what it needs when it first meets
// the sizes that it is fed with.
//
// graph: may be freed afterwards.
// options: NULL for seed 0 and a thread on each core.
// session: takes the session, which the caller frees by brolga_session_free; NULL after an error.
//
// Errors: a dimension that no input has (E0704); threads that the system refuses (E0662).
brolga_status brolga_session_new(const brolga_graph *graph,
                                 const brolga_options *options,
                                 brolga_session **session);

// Frees a session, its threads and all that it has given lists of; nothing, if it is NULL.
void brolga_session_free(brolga_session *session);

// Compiles now what a later call would, so that its first step is as fast as the others. The
// variables get their initial values, the optimisers' too.
//
// entry: BROLGA_TRAIN, BROLGA_EVAL or BROLGA_PREDICT.
// dims: the sizes that will be fed, such as {"batch", 32}; NULL if n_dims is 0.
//
// Errors: what the compiler refuses, at its place in the text; a dimension that no input has
// (E0704).
brolga_status brolga_session_compile(brolga_session *session,
                                     brolga_entry entry,
                                     const brolga_dim *dims,
                                     size_t n_dims);

// Runs on so many threads from now on; 0 for one on each core. It changes no bit of a result.
//
// Errors: threads that the system refuses (E0662).
brolga_status brolga_session_set_threads(brolga_session *session, size_t threads);

// Tells what the variables have been trained for.
brolga_status brolga_session_clock(brolga_session *session, brolga_clock *clock);

// Sets what the variables have been trained for: the epoch where one ends, if the graph reads it.
brolga_status brolga_session_set_clock(brolga_session *session, brolga_clock clock);

// Trains on one batch: computes the losses and their gradients, updates the variables, and counts
// the step. The losses and metrics of the batch are read by brolga_session_result.
//
// feeds: a tensor for each input that training needs, of its type; NULL if n_feeds is 0. They are
// not changed, and not needed after the call.
//
// Errors: an input that is missing (E0656), unknown (E0657), of another element type (E0658) or
// shape (E0611, E0612); an index or label out of range (E0655); what the compiler refuses. The
// variables are as before then, the step is not counted, and there are no results.
brolga_status brolga_session_train(brolga_session *session,
                                   const brolga_array *feeds,
                                   size_t n_feeds);

// Computes the losses and metrics of a batch without training. They are read by
// brolga_session_result.
//
// feeds: as for brolga_session_train.
//
// Errors: as for brolga_session_train.
brolga_status brolga_session_eval(brolga_session *session,
                                  const brolga_array *feeds,
                                  size_t n_feeds);

// Computes outputs, which are read by brolga_session_result.
//
// names: outputs, or any names that the text gives to values; NULL for all outputs, if n_names is
// 0.
// feeds: a tensor for each input that these depend on, as for brolga_session_train.
//
// Errors: as for brolga_session_train; a name that is not in the graph (E0301).
brolga_status brolga_session_predict(brolga_session *session,
                                     const char *const *names,
                                     size_t n_names,
                                     const brolga_array *feeds,
                                     size_t n_feeds);

// Lists the results of the last call of brolga_session_train, _eval or _predict: of the first two
// the losses and metrics, of the third the outputs. There are none if it has failed.
//
// results, n_results: take the list and its length. The list is the session's, until
// brolga_session_results is called again or the session is freed.
brolga_status brolga_session_results(brolga_session *session,
                                     const brolga_tensor **results,
                                     size_t *n_results);

// Copies a result of the last call of brolga_session_train, _eval or _predict into memory of the
// caller's.
//
// dtype, n_elements: the element type and the number of elements that the memory is for; 1 for a
// number alone, such as a loss.
// data: takes the elements, row after row.
//
// Errors: a name that is no result (E0704); a result of another type or number of elements
// (E0706). Nothing is copied then.
brolga_status brolga_session_result(brolga_session *session,
                                    const char *name,
                                    brolga_dtype dtype,
                                    void *data,
                                    size_t n_elements);

// Lists the variables that have a value: params and states from the beginning (those whose size
// depends on what is fed, after the first call), the optimisers' slots after the first step. They
// are in the order of the text, then the slots by name.
//
// variables, n_variables: take the list and its length. The list is the session's, until
// brolga_session_variables is called again or the session is freed.
//
// Errors: what the compiler or the machine refuses where initial values are made.
brolga_status brolga_session_variables(brolga_session *session,
                                       const brolga_tensor **variables,
                                       size_t *n_variables);

// Copies the value of a variable into memory of the caller's.
//
// dtype, n_elements: the element type and the number of elements that the memory is for.
// data: takes the elements, row after row.
//
// Errors: a name that no variable with a value has (E0704); a variable of another type or number
// of elements (E0706). Nothing is copied then.
brolga_status brolga_session_read(brolga_session *session,
                                  const char *name,
                                  brolga_dtype dtype,
                                  void *data,
                                  size_t n_elements);

// Gives variables other values: all of these, or none of them after an error.
//
// values: a tensor for each variable, of its type; NULL if n_values is 0. They are not changed,
// and not needed after the call.
//
// Errors: a name that is no variable's (E0704); a tensor of another type than its variable
// (E0661).
brolga_status brolga_session_write(brolga_session *session,
                                   const brolga_array *values,
                                   size_t n_values);

// Writes the variables that have a value and the clock into a file (.safetensors), as the
// command's `--save` does. A file that is there is replaced as a whole, or not at all after an
// error.
//
// Errors: a file that cannot be written (E0618).
brolga_status brolga_session_save(brolga_session *session, const char *path);

// Takes variables and clock over from a file (.safetensors) that brolga_session_save or the
// command's `--save` wrote, or from any other of named tensors.
//
// loaded: NULL if the file is to be one of this graph: every param and state has a value in it,
// and every tensor is a variable's or an optimiser's (E0637). Otherwise it takes what has become
// of the tensors, and what does not fit by name is left out; after an error its lists are empty.
//
// Errors: a file that cannot be read (E0603, E0604); a tensor of another type than its variable
// (E0661). Nothing is taken then.
brolga_status brolga_session_load(brolga_session *session, const char *path, brolga_loaded *loaded);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BROLGA_H */
