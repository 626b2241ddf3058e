/* Trains a small network to tell the points within a circle from those outside of it, and saves its
 * weights into the folder of the first argument, or into this one.
 *
 *     cc -std=c99 train.c -I ../include -L ../../../target/release -l:libbrolga_capi.a \
 *         -lpthread -ldl -lm -o train
 */
#include "brolga.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const TEXT =
    "input point: f32[batch, 2]\n"
    "input inside: i32[batch]\n"
    "hidden = tanh(dense(point, 16))\n"
    "logits = dense(hidden, 2)\n"
    "output probability = softmax(logits)\n"
    "metric accuracy = accuracy(logits, inside)\n"
    "minimize sparse_softmax_cross_entropy(logits, inside) with adam(lr=0.02)\n";

enum { BATCH = 32, STEPS = 300 };

/* Ends the program with what is wrong. */
static void check(brolga_status status) {
    if (status == BROLGA_OK) return;
    fputs(brolga_error_text(), stderr);
    exit(status);
}

/* A number from -1 to 1. */
static float coordinate(void) {
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(state >> 40) / (float)(1 << 23) - 1.0f;
}

static float result(brolga_session *session, const char *name) {
    float number;
    check(brolga_session_result(session, name, BROLGA_F32, &number, 1));
    return number;
}

int main(int argc, char **argv) {
    brolga_graph *graph;
    check(brolga_graph_from_text("circle.graph", TEXT, NULL, 0, &graph));

    const brolga_options options = {3, 1, NULL, 0}; /* the seed, threads, dimensions: as fed */
    brolga_session *session;
    check(brolga_session_new(graph, &options, &session));

    float points[BATCH][2];
    int32_t inside[BATCH];
    const int64_t shape[] = {BATCH, 2};
    const brolga_array batch[] = {
        {"point", BROLGA_F32, 2, shape, points},
        {"inside", BROLGA_I32, 1, shape, inside},
    };
    for (int step = 1; step <= STEPS; step++) {
        for (int row = 0; row < BATCH; row++) {
            float x = points[row][0] = coordinate(), y = points[row][1] = coordinate();
            inside[row] = x * x + y * y < 0.5f;
        }
        check(brolga_session_train(session, batch, 2));
        if (step % 50 == 0) {
            float loss = result(session, "loss"), accuracy = result(session, "accuracy");
            printf("step %d: loss %.9g, accuracy %.9g\n", step, loss, accuracy);
        }
    }

    /* Weights go into a file, and out of it into another session. */
    char path[4096];
    snprintf(path, sizeof path, "%s/circle.safetensors", argc > 1 ? argv[1] : ".");
    check(brolga_session_save(session, path));
    brolga_session_free(session);
    check(brolga_session_new(graph, &options, &session));
    check(brolga_session_load(session, path, NULL));

    float asked[2][2] = {{0.0f, 0.1f}, {0.9f, 0.9f}}, probability[2][2];
    const int64_t two[] = {2, 2};
    const brolga_array question = {"point", BROLGA_F32, 2, two, asked};
    check(brolga_session_predict(session, NULL, 0, &question, 1));
    check(brolga_session_result(session, "probability", BROLGA_F32, probability, 4));
    for (int row = 0; row < 2; row++) {
        printf("[%g, %g] is inside: %.9g\n", asked[row][0], asked[row][1], probability[row][1]);
    }

    const brolga_tensor *variables;
    size_t n_variables;
    check(brolga_session_variables(session, &variables, &n_variables));
    for (size_t k = 0; k < n_variables; k++) {
        printf("%s: %s\n", variables[k].name, variables[k].text);
    }
    brolga_session_free(session);
    brolga_graph_free(graph);

    /* What is wrong with a text is said as the command says it. */
    if (brolga_graph_from_text("wrong.graph", "output y = x @ w\n", NULL, 0, &graph) != BROLGA_OK) {
        printf("%s, line %u: ", brolga_error_file(), (unsigned)brolga_error_line());
        printf("%s\n", brolga_error_message());
        fputs(brolga_error_text(), stdout);
    }
    return 0;
}
