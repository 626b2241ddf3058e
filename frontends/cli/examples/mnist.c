/* Trains mnist_mlp.graph on MNIST (DIR has the four files, not compressed):
 *     brolga compile mnist_mlp.graph -o mnist_mlp.a --entry train:batch=32 --entry predict:batch=100
 *     cc mnist.c mnist_mlp.a -Wl,-gc-sections -lpthread -lm -o mnist
 *     ./mnist DIR 1 */
#include "mnist_mlp.h"
#include <stdio.h>
#include <stdlib.h>
/* Skips the header of an IDX file and reads n bytes. */
static unsigned char *idx(const char *folder, const char *name, int header, size_t n) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = malloc(n);
    if (!file || fseek(file, header, SEEK_SET) || fread(bytes, 1, n, file) != n)
        perror(path), exit(1);
    fclose(file);
    return bytes;
}

/* The rows from `first` on, as the model takes them. */
static void rows(const unsigned char *pixels, const unsigned char *classes, int first, int n,
                 float *image, int32_t *label) {
    for (int i = 0; i < n * 784; i++) image[i] = pixels[first * 784 + i] / 255.0f;
    for (int i = 0; i < n; i++) label[i] = classes[first + i];
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    unsigned char *images = idx(argv[1], "train-images-idx3-ubyte", 16, 60000 * 784);
    unsigned char *classes = idx(argv[1], "train-labels-idx1-ubyte", 8, 60000);
    unsigned char *test_images = idx(argv[1], "t10k-images-idx3-ubyte", 16, 10000 * 784);
    unsigned char *test_classes = idx(argv[1], "t10k-labels-idx1-ubyte", 8, 10000);
    mnist_mlp *model = mnist_mlp_init(aligned_alloc(64, mnist_mlp_bytes()), 0);
    if (!model) return fputs("this processor cannot run the code\n", stderr), 3;
    static _Alignas(64) float image[100 * 784], probability[100 * 10];
    static int32_t label[100];
    for (int epoch = 0; epoch < atoi(argv[2]); epoch++) {
        mnist_mlp_epoch(model, epoch);
        for (int first = 0; first < 60000; first += MNIST_MLP_TRAIN_BATCH) {
            rows(images, classes, first, MNIST_MLP_TRAIN_BATCH, image, label);
            mnist_mlp_train_io batch = {.image = image, .label = label};
            int result = mnist_mlp_train(model, &batch);
            if (result) return fprintf(stderr, "%s\n", mnist_mlp_error(result, model)), 1;
        }
    }
    int right = 0;
    for (int first = 0; first < 10000; first += MNIST_MLP_PREDICT_BATCH) {
        rows(test_images, test_classes, first, MNIST_MLP_PREDICT_BATCH, image, label);
        mnist_mlp_predict_io outputs = {.image = image, .probability = probability};
        mnist_mlp_predict(model, &outputs);
        for (int i = 0; i < MNIST_MLP_PREDICT_BATCH; i++) {
            const float *p = probability + 10 * i;
            int best = 0;
            for (int k = 1; k < 10; k++) best = p[k] > p[best] ? k : best;
            right += best == label[i];
        }
    }
    printf("%d of 10000 are right after %d steps\n", right, (int)mnist_mlp_steps(model));
}
