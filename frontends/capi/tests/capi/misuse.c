/* Calls that make no sense, data that do not fit, files that are none: each is an error with a
 * status, a code and a message, and nothing has changed after it. Arguments: a folder, and how
 * often. */
#include "brolga.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const TEXT =
    "const classes = 3\n"
    "input x: f32[batch, 2]\n"
    "input label: i32[batch]\n"
    "logits = dense(x, classes)\n"
    "output probability = softmax(logits)\n"
    "output count = label + 1\n"
    "minimize sparse_softmax_cross_entropy(logits, label) with adam(lr=0.1)\n";

static int line;

/* Ends the program if a call has not ended so; text is a part of its message. */
static void expect(brolga_status found, brolga_status status, const char *code, const char *text) {
    int is_ok = found == status && brolga_error_status() == status;
    is_ok = is_ok && !strcmp(brolga_error_code(), code);
    is_ok = is_ok && strstr(brolga_error_message(), text) != NULL;
    is_ok = is_ok && (status == BROLGA_OK) == (*brolga_error_text() == '\0');
    is_ok = is_ok && (status == BROLGA_OK || strstr(brolga_error_text(), code) != NULL);
    if (is_ok) return;
    printf("line %d: %d %s %s\n%s", line, found, brolga_error_code(), brolga_error_message(),
           brolga_error_text());
    exit(1);
}

#define OK(call) (line = __LINE__, expect(call, BROLGA_OK, "", ""))
#define INPUT(code, text, call) (line = __LINE__, expect(call, BROLGA_ERROR_INPUT, code, text))
#define CALL(code, text, call) (line = __LINE__, expect(call, BROLGA_ERROR_CALL, code, text))
#define TRUE(condition) \
    do { \
        if (!(condition)) printf("line %d: not " #condition "\n", __LINE__), exit(1); \
    } while (0)

static float x[4] = {1, 2, 3, 4};
static int32_t labels[2] = {0, 2};
static const int64_t shape[2] = {2, 2};
static const brolga_array batch[2] = {
    {"x", BROLGA_F32, 2, shape, x},
    {"label", BROLGA_I32, 1, shape, labels},
};

static brolga_graph *read_graph(const char *text) {
    brolga_graph *graph;
    OK(brolga_graph_from_text("misuse.graph", text, NULL, 0, &graph));
    return graph;
}

static void graphs(const char *folder) {
    brolga_graph *graph = (brolga_graph *)1;
    CALL("E0701", "name is NULL", brolga_graph_from_text(NULL, TEXT, NULL, 0, &graph));
    TRUE(graph == NULL);
    CALL("E0701", "text is NULL", brolga_graph_from_text("a", NULL, NULL, 0, &graph));
    CALL("E0701", "graph is NULL", brolga_graph_from_text("a", TEXT, NULL, 0, NULL));
    CALL("E0701", "consts is NULL", brolga_graph_from_text("a", TEXT, NULL, 1, &graph));
    CALL("E0702", "text is not UTF-8", brolga_graph_from_text("a", "# \xff\n", NULL, 0, &graph));
    CALL("E0702", "\"\\xe9.graph\"", brolga_graph_from_file("\xe9.graph", NULL, 0, &graph));
    INPUT("E0603", "none.graph", brolga_graph_from_file("none.graph", NULL, 0, &graph));
    INPUT("E0603", "cannot be read", brolga_graph_from_file(folder, NULL, 0, &graph));
    const char *const wrong_text = "input x: f32[3]\noutput y = x @ w\n";
    INPUT("E0301", "there is no `w`",
          brolga_graph_from_text("wrong.graph", wrong_text, NULL, 0, &graph));
    TRUE(graph == NULL && !strcmp(brolga_error_file(), "wrong.graph"));
    TRUE(brolga_error_line() == 2 && brolga_error_column() == 16);
    TRUE(strstr(brolga_error_text(), "2 | output y = x @ w\n") != NULL);
    brolga_graph_free(NULL);
    TRUE(brolga_error_status() == BROLGA_ERROR_INPUT);

    const brolga_const unnamed = {NULL, "4"}, unset = {"classes", NULL};
    const brolga_const unknown = {"class", "4"}, wrong = {"classes", "?"};
    const brolga_const twice[] = {{"classes", "4"}, {"classes", "5"}};
    CALL("E0701", "consts[0].name", brolga_graph_from_text("a", TEXT, &unnamed, 1, &graph));
    CALL("E0701", "consts[0].value", brolga_graph_from_text("a", TEXT, &unset, 1, &graph));
    CALL("E0705", "`classes` is given twice", brolga_graph_from_text("a", TEXT, twice, 2, &graph));
    TRUE(brolga_graph_from_text("a", TEXT, &unknown, 1, &graph) == BROLGA_ERROR_INPUT);
    TRUE(strstr(brolga_error_text(), "class") != NULL && brolga_error_line() == 0);
    TRUE(brolga_graph_from_text("a", TEXT, &wrong, 1, &graph) == BROLGA_ERROR_INPUT);

    const brolga_tensor *list;
    size_t n;
    const char *warnings;
    CALL("E0701", "graph is NULL", brolga_graph_inputs(NULL, &list, &n));
    graph = read_graph(TEXT);
    CALL("E0701", "n_inputs is NULL", brolga_graph_inputs(graph, &list, NULL));
    CALL("E0701", "outputs is NULL", brolga_graph_outputs(graph, NULL, &n));
    CALL("E0701", "warnings is NULL", brolga_graph_warnings(graph, NULL));
    OK(brolga_graph_inputs(graph, &list, &n));
    TRUE(n == 2 && !strcmp(list[0].name, "x") && !strcmp(list[0].text, "f32[batch, 2]"));
    TRUE(list[0].kind == BROLGA_INPUT && list[0].dtype == BROLGA_F32 && list[0].rank == 2);
    TRUE(list[0].shape[0] == -1 && list[0].shape[1] == 2 && list[1].dtype == BROLGA_I32);
    OK(brolga_graph_outputs(graph, &list, &n));
    TRUE(n == 2 && !strcmp(list[0].name, "probability") && list[0].kind == BROLGA_OUTPUT);
    OK(brolga_graph_warnings(graph, &warnings));
    TRUE(*warnings == '\0');
    brolga_graph_free(graph);
}

static void sessions(const brolga_graph *graph) {
    brolga_session *session = (brolga_session *)1;
    CALL("E0701", "graph is NULL", brolga_session_new(NULL, NULL, &session));
    TRUE(session == NULL);
    CALL("E0701", "session is NULL", brolga_session_new(graph, NULL, NULL));
    const brolga_dim unknown = {"rows", 2}, none = {"batch", 0};
    const brolga_dim twice[] = {{"batch", 2}, {"batch", 2}};
    const brolga_options options[] = {
        {0, 70000, NULL, 0}, {0, 1, NULL, 1}, {0, 1, &unknown, 1}, {0, 1, &none, 1}, {0, 1, twice, 2},
    };
    CALL("E0703", "70000 threads", brolga_session_new(graph, &options[0], &session));
    CALL("E0701", "options->dims is NULL", brolga_session_new(graph, &options[1], &session));
    CALL("E0704", "dimension `rows`", brolga_session_new(graph, &options[2], &session));
    TRUE(strstr(brolga_error_text(), "help: there are `batch`") != NULL);
    CALL("E0703", "`batch` is 0", brolga_session_new(graph, &options[3], &session));
    CALL("E0705", "`batch` is given twice", brolga_session_new(graph, &options[4], &session));
    TRUE(session == NULL);
    brolga_session_free(session);
    CALL("E0701", "session is NULL", brolga_session_train(NULL, batch, 2));
    CALL("E0701", "session is NULL", brolga_session_save(NULL, "a"));

    OK(brolga_session_new(graph, NULL, &session));
    CALL("E0703", "there is no entry 7", brolga_session_compile(session, 7, NULL, 0));
    CALL("E0704", "`rows`", brolga_session_compile(session, BROLGA_TRAIN, &unknown, 1));
    OK(brolga_session_compile(session, BROLGA_TRAIN, twice, 1));
    CALL("E0703", "99999 threads", brolga_session_set_threads(session, 99999));
    OK(brolga_session_set_threads(session, 2));
    CALL("E0701", "clock is NULL", brolga_session_clock(session, NULL));
    brolga_clock clock = {7, 3};
    OK(brolga_session_set_clock(session, clock));
    OK(brolga_session_train(session, batch, 2));
    OK(brolga_session_clock(session, &clock));
    TRUE(clock.step == 8 && clock.epoch == 3);
    brolga_session_free(session);
}

/* Trains on x with these numbers; what is fed beside it is right. */
static brolga_status train(brolga_session *session, int dtype, size_t rank, const int64_t *sizes,
                           const void *data) {
    brolga_array feeds[2] = {batch[0], batch[1]};
    feeds[0].dtype = dtype;
    feeds[0].rank = rank;
    feeds[0].shape = sizes;
    feeds[0].data = data;
    return brolga_session_train(session, feeds, 2);
}

static void feeds(brolga_session *session) {
    const int64_t negative[] = {2, -2}, huge[] = {INT64_MAX, INT64_MAX}, wide[] = {2, 3};
    const int64_t zero[] = {0, 2}, one[] = {1, 2};
    static float more[6];
    CALL("E0701", "feeds is NULL", brolga_session_train(session, NULL, 2));
    CALL("E0703", "feeds is a list", brolga_session_train(session, batch, SIZE_MAX));
    CALL("E0703", "`x` has the type 99", train(session, 99, 2, shape, x));
    INPUT("E0658", "`x` is f32[batch, 2], but it is fed with f64[1, 2]",
          train(session, BROLGA_F64, 2, one, x));
    INPUT("E0611", "`x: f32[2]`", train(session, BROLGA_F32, 1, shape, x));
    INPUT("E0611", "`x: f32[2, 3]`", train(session, BROLGA_F32, 2, wide, more));
    INPUT("E0612", "`batch`", train(session, BROLGA_F32, 2, one, x));
    INPUT("E0609", "no element", train(session, BROLGA_F32, 2, zero, NULL));
    CALL("E0703", "negative", train(session, BROLGA_F32, 2, negative, x));
    CALL("E0703", "more than memory", train(session, BROLGA_F32, 2, huge, x));
    CALL("E0703", "which no memory holds", train(session, BROLGA_F32, SIZE_MAX / 2, huge, x));
    CALL("E0701", "the shape of the array for `x` is NULL", train(session, BROLGA_F32, 2, NULL, x));
    CALL("E0701", "the data of the array for `x` is NULL",
         train(session, BROLGA_F32, 2, shape, NULL));
    const void *const between = (const char *)shape + 1;
    CALL("E0701", "not aligned", train(session, BROLGA_F32, 1, between, x));
    const brolga_array twice[] = {batch[0], batch[1], batch[0]}, unnamed = {NULL, 0, 0, NULL, x};
    const brolga_array other[] = {batch[0], batch[1], {"y", BROLGA_F32, 1, shape, x}};
    CALL("E0705", "`x` is given twice", brolga_session_train(session, twice, 3));
    CALL("E0701", "feeds[0].name is NULL", brolga_session_train(session, &unnamed, 1));
    INPUT("E0657", "`y`", brolga_session_train(session, other, 3));
    INPUT("E0656", "`label", brolga_session_train(session, batch, 1));
    INPUT("E0656", "`label", brolga_session_eval(session, batch, 1));
    INPUT("E0656", "`x", brolga_session_predict(session, NULL, 0, NULL, 0));
    const char *const names[] = {"logit", NULL};
    INPUT("E0301", "`logit`", brolga_session_predict(session, names, 1, batch, 2));
    CALL("E0701", "names[1] is NULL", brolga_session_predict(session, names, 2, batch, 2));
    CALL("E0701", "names is NULL", brolga_session_predict(session, NULL, 1, batch, 2));
}

static void steps(brolga_session *session) {
    float loss, again, w[6], before[6], moments[6], probability[4 * 3];
    CALL("E0704", "no result `loss`", brolga_session_result(session, "loss", BROLGA_F32, &loss, 1));
    OK(brolga_session_train(session, batch, 2));
    CALL("E0704", "`los`", brolga_session_result(session, "los", BROLGA_F32, &loss, 1));
    TRUE(strstr(brolga_error_text(), "help: there are `loss`") != NULL);
    CALL("E0706", "as 1 of f64", brolga_session_result(session, "loss", BROLGA_F64, &loss, 1));
    CALL("E0706", "as 2 of f32", brolga_session_result(session, "loss", BROLGA_F32, &loss, 2));
    CALL("E0703", "type -1", brolga_session_result(session, "loss", -1, &loss, 1));
    CALL("E0701", "data is NULL", brolga_session_result(session, "loss", BROLGA_F32, NULL, 1));
    CALL("E0701", "name is NULL", brolga_session_result(session, NULL, BROLGA_F32, &loss, 1));
    OK(brolga_session_result(session, "loss", BROLGA_F32, &loss, 1));

    /* A label out of range leaves everything as it was, and no results. */
    brolga_clock clock;
    OK(brolga_session_read(session, "logits.w", BROLGA_F32, before, 6));
    OK(brolga_session_read(session, "optimizer.minimize.m.logits.w", BROLGA_F32, moments, 6));
    labels[1] = 3;
    INPUT("E0655", "`label` is 3 at [1]", brolga_session_train(session, batch, 2));
    TRUE(brolga_error_line() == 7 && !strcmp(brolga_error_file(), "misuse.graph"));
    TRUE(strstr(brolga_error_text(), "7 | minimize sparse_softmax") != NULL);
    labels[1] = 2;
    CALL("E0704", "`loss`", brolga_session_result(session, "loss", BROLGA_F32, &again, 1));
    OK(brolga_session_read(session, "logits.w", BROLGA_F32, w, 6));
    TRUE(!memcmp(w, before, sizeof w));
    OK(brolga_session_read(session, "optimizer.minimize.m.logits.w", BROLGA_F32, w, 6));
    TRUE(!memcmp(w, moments, sizeof w));
    OK(brolga_session_clock(session, &clock));
    TRUE(clock.step == 1);

    const brolga_tensor *results;
    size_t n;
    OK(brolga_session_eval(session, batch, 2));
    OK(brolga_session_result(session, "loss", BROLGA_F32, &again, 1));
    TRUE(again < loss);
    OK(brolga_session_predict(session, NULL, 0, batch, 2));
    OK(brolga_session_results(session, &results, &n));
    TRUE(n == 2 && !strcmp(results[0].text, "f32[2, 3]") && results[1].dtype == BROLGA_I32);
    OK(brolga_session_result(session, "count", BROLGA_I32, probability, 2));
    TRUE(((int32_t *)(void *)probability)[1] == 3);
    const char *const logits[] = {"logits"};
    OK(brolga_session_predict(session, logits, 1, batch, 1));
    OK(brolga_session_result(session, "logits", BROLGA_F32, probability, 6));
}

static void variables(brolga_session *session) {
    float w[6] = {1, 2, 3, 4, 5, 6}, b[3] = {7, 8, 9}, found[6];
    const int64_t of_w[] = {2, 3};
    brolga_array values[] = {
        {"logits.w", BROLGA_F32, 2, of_w, w},
        {"logits.b", BROLGA_F32, 1, of_w + 1, b},
    };
    OK(brolga_session_write(session, values, 2));
    w[0] = 0;
    values[1].rank = 0;
    INPUT("E0661", "`logits.b`", brolga_session_write(session, values, 2));
    values[1] = values[0];
    values[1].name = "logits.c";
    CALL("E0704", "no variable `logits.c`", brolga_session_write(session, values, 2));
    CALL("E0701", "values is NULL", brolga_session_write(session, NULL, 1));
    OK(brolga_session_read(session, "logits.w", BROLGA_F32, found, 6));
    TRUE(found[0] == 1 && found[5] == 6);
    CALL("E0704", "`w`", brolga_session_read(session, "w", BROLGA_F32, found, 6));
    CALL("E0706", "f32[2, 3]", brolga_session_read(session, "logits.w", BROLGA_F32, found, 5));
    CALL("E0706", "of i32", brolga_session_read(session, "logits.w", BROLGA_I32, found, 6));

    const brolga_tensor *list;
    size_t n;
    CALL("E0701", "variables is NULL", brolga_session_variables(session, NULL, &n));
    OK(brolga_session_variables(session, &list, &n));
    TRUE(n == 8 && list[0].kind == BROLGA_PARAM && list[7].kind == BROLGA_SLOT);
}

static void files(const brolga_graph *graph, const char *folder) {
    brolga_session *session, *other;
    brolga_loaded loaded;
    char path[4096], text[64];
    float w[6];
    OK(brolga_session_new(graph, NULL, &session));
    CALL("E0704", "optimizer", brolga_session_read(session, "optimizer.m", BROLGA_F32, w, 6));
    CALL("E0701", "path is NULL", brolga_session_save(session, NULL));
    line = __LINE__;
    snprintf(path, sizeof path, "%s/none/w.safetensors", folder);
    expect(brolga_session_save(session, path), BROLGA_ERROR_MACHINE, "E0618", "none/w.safetensors");
    INPUT("E0603", "cannot be read", brolga_session_load(session, path, NULL));
    CALL("E0702", "path is not UTF-8", brolga_session_load(session, "\xff", NULL));
    snprintf(path, sizeof path, "%s/damaged.safetensors", folder);
    FILE *file = fopen(path, "wb");
    TRUE(file && fputs("no tensors are in here", file) >= 0 && !fclose(file));
    INPUT("E0604", "damaged", brolga_session_load(session, path, &loaded));
    TRUE(loaded.n_matched == 0 && loaded.n_missing == 0);

    snprintf(path, sizeof path, "%s/weights.safetensors", folder);
    OK(brolga_session_save(session, path));
    OK(brolga_session_load(session, path, NULL));
    brolga_graph *renamed =
        read_graph("input x: f32[n, 2]\noutput head = dense(x, 3) + dense(x, 2)[:, :1]\n");
    brolga_graph *larger =
        read_graph("input x: f32[n, 2]\nlogits = dense(x, 4)\noutput logits\n");
    OK(brolga_session_new(larger, NULL, &other));
    INPUT("E0661", "`logits.w`", brolga_session_load(other, path, NULL));
    brolga_session_free(other);
    OK(brolga_session_new(renamed, NULL, &other));
    INPUT("E0637", "there is no variable `logits.", brolga_session_load(other, path, NULL));
    OK(brolga_session_load(other, path, &loaded));
    TRUE(loaded.n_matched == 0 && loaded.n_missing == 4 && loaded.n_unknown == 2);
    snprintf(text, sizeof text, "%s %s", loaded.missing[0], loaded.unknown[1]);
    TRUE(!strcmp(text, "dense.w logits.w"));
    brolga_session_free(other);
    brolga_session_free(session);
    brolga_graph_free(renamed);
    brolga_graph_free(larger);
}

/* Errors are of the thread that made the call; a session goes from one to the other. */
static void *elsewhere(void *session) {
    TRUE(brolga_error_status() == BROLGA_OK && *brolga_error_message() == '\0');
    OK(brolga_session_train(session, batch, 2));
    CALL("E0701", "feeds is NULL", brolga_session_train(session, NULL, 1));
    return NULL;
}

int main(int argc, char **argv) {
    TRUE(argc == 3);
    for (int n = 0; n < atoi(argv[2]); n++) {
        graphs(argv[1]);
        brolga_graph *graph = read_graph(TEXT);
        sessions(graph);
        files(graph, argv[1]);
        brolga_session *session;
        brolga_options options = {5, 2, NULL, 0};
        OK(brolga_session_new(graph, &options, &session));
        brolga_graph_free(graph);
        feeds(session);
        steps(session);
        variables(session);
        pthread_t thread;
        CALL("E0704", "`y`", brolga_session_result(session, "y", BROLGA_F32, x, 1));
        TRUE(!pthread_create(&thread, NULL, elsewhere, session) && !pthread_join(thread, NULL));
        TRUE(!strcmp(brolga_error_code(), "E0704"));
        brolga_session_free(session);
    }
    printf("%s\n", brolga_version());
    return 0;
}
