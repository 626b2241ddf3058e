/* Trains a classifier of digits on the batches of two files; writes its variables and predictions.
 * Arguments: threads, images, labels, rows, output. */
#include "digit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *read_all(const char *path, size_t bytes) {
    FILE *file = fopen(path, "rb");
    char *memory = malloc(bytes + 4);
    /* Not aligned as code wants it. */
    if (!file || !memory || fread(memory + 4, 1, bytes, file) != bytes) exit(10);
    fclose(file);
    return memory + 4;
}

static void check(int result, const digit *model) {
    if (result) fprintf(stderr, "%s\n", digit_error(result, model)), exit(11);
}

int main(int argc, char **argv) {
    if (argc != 6) return 12;
    int rows = atoi(argv[4]);
    float *images = read_all(argv[2], (size_t)rows * 784 * sizeof(float));
    int32_t *labels = read_all(argv[3], (size_t)rows * sizeof(int32_t));
    digit *model = digit_init(aligned_alloc(64, digit_bytes()), 3);
    if (!model) return 13;
    check(digit_threads(model, atoi(argv[1])), model);
    for (int row = 0; row + DIGIT_TRAIN_BATCH <= rows; row += DIGIT_TRAIN_BATCH) {
        float matrix[100], right = 0, all = 0;
        digit_train_io batch = {.image = images + row * 784, .label = labels + row, .matrix = matrix};
        check(digit_train(model, &batch), model);
        for (int i = 0; i < 100; i++) all += matrix[i], right += i % 11 ? 0 : matrix[i];
        printf("%.9g %.9g %.9g %g %g\n", batch.loss, batch.accuracy, batch.root, right, all);
    }

    digit_variable variables[100];
    int n = digit_variables(model, variables, 100);
    FILE *file = fopen(argv[5], "wb");
    for (int i = 0; i < n; i++) {
        size_t bytes = variables[i].dtype == 1 || variables[i].dtype == 3 ? 8 : 4;
        for (int axis = 0; axis < variables[i].rank; axis++) bytes *= variables[i].shape[axis];
        fprintf(file, "%s %zu\n", variables[i].name, bytes);
        fwrite(variables[i].data, 1, bytes, file);
    }
    static float probability[DIGIT_PREDICT_BATCH * 10];
    digit_predict_io outputs = {.image = images, .probability = probability};
    check(digit_predict(model, &outputs), model);
    fprintf(file, "probability %zu\n", sizeof probability);
    fwrite(probability, 1, sizeof probability, file);
    fclose(file);

    /* What cannot be leaves the model as it was. */
    char *before = malloc(digit_bytes());
    labels[5] = 11;
    digit_train_io batch = {.image = images, .label = labels};
    for (int i = 0; i < n; i++) if (i == 0) memcpy(before, variables[0].data, 40);
    if (digit_train(model, &batch) != DIGIT_INDEX_OUT_OF_RANGE) return 14;
    printf("%s\n", digit_error(DIGIT_INDEX_OUT_OF_RANGE, model));
    if (memcmp(before, variables[0].data, 40)) return 15;
    batch.image = NULL;
    if (digit_train(model, &batch) != DIGIT_NULL_ARGUMENT) return 16;
    if (digit_train(model, NULL) != DIGIT_NULL_ARGUMENT) return 17;
    if (digit_threads(model, 0) != DIGIT_NO_THREADS) return 18;
    if (digit_threads(model, 5000) != DIGIT_NO_THREADS) return 19;
    printf("%s\n%d steps\n", digit_error(DIGIT_NULL_ARGUMENT, model), (int)digit_steps(model));
    check(digit_threads(model, 1), model);
    return 0;
}
