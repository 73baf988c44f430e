/* Logits against PyTorch's, under many masks (tools/make_golden.py made them, and says how).
 *
 * usage: test_golden fashion | vgg19
 *
 * vgg19 needs LESION_VGG19, the path of the real network's weights, and is skipped without. Largest absolute
 * differences of a logit when this was written: fashion 4.1e-6 (blas), 1.3e-5 (reference); vgg19 3.8e-6, 1.7e-5. The
 * least that a mask changes is 2.2e-2.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"
#include "lesion/engine.h"
#include "network.h"
#include "npy.h"

enum { SKIPPED = 77, MOST_MASKS = 64 };

static const double TOLERANCE = 1e-4;

/* A network, and what PyTorch says of it. */
typedef struct golden {
    lsn_model *model;
    float *images; /* [n][H][W][C], preprocessed */
    int n;
    lsn_ablation *masks[MOST_MASKS];
    int n_masks;
    float *logits; /* [1 + n_masks][n][classes] */
} golden;

static char *source_path(const char *name, const char *rest)
{
    const char *source = getenv("LESION_SOURCE");
    size_t room = strlen(source == NULL ? "." : source) + strlen(name) + strlen(rest) + 3;
    char *path = lsn_array(room, 1, NULL);
    snprintf(path, room, "%s/%s%s", source == NULL ? "." : source, name, rest);
    return path;
}

/* Fashion-MNIST: padded by 2 from 28x28, scaled to 0..1, mean and standard deviation of tools/train_fashion.py. */
static float *fashion_images(int *n)
{
    size_t shape[4];
    char *path = source_path("tests/golden/", "fashion_images.npy");
    unsigned char *pixels = npy_read(path, "|u1", 1, 4, shape);
    free(path);
    if (pixels == NULL || shape[1] != 28 || shape[2] != 28 || shape[3] != 1)
        return NULL;
    *n = (int)shape[0];
    float *images = lsn_array(shape[0] * 32 * 32, sizeof *images, NULL);
    for (size_t i = 0; i < shape[0] * 32 * 32; i++) {
        size_t image = i / 1024, y = i / 32 % 32, x = i % 32;
        bool inside = y >= 2 && y < 30 && x >= 2 && x < 30;
        float value = inside ? (float)pixels[(image * 28 + y - 2) * 28 + x - 2] / 255.0f : 0.0f;
        images[i] = (value - 0.2860f) / 0.3530f;
    }
    free(pixels);
    return images;
}

/* Two images of whole numbers: the formula is in tools/make_golden.py. */
static float *vgg19_images(int *n)
{
    static const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
    *n = 2;
    float *images = lsn_array(2 * 224 * 224 * 3, sizeof *images, NULL);
    for (int i = 0; i < 2 * 224 * 224 * 3; i++) {
        int image = i / (224 * 224 * 3), y = i / (224 * 3) % 224, x = i / 3 % 224, c = i % 3;
        int pixel = (x * x + (2 * image + 3) * y * y + 40 * c * x + 17 * c * c * y) / 64 % 256;
        images[i] = ((float)pixel / 255.0f - mean[c]) / deviation[c];
    }
    return images;
}

static bool read_masks(golden *g, const char *name)
{
    char *path = source_path("tests/golden/", name), *line = NULL;
    FILE *file = fopen(path, "r");
    size_t room = 0;
    if (file == NULL)
        perror(path);
    while (file != NULL && g->n_masks < MOST_MASKS && getline(&line, &room, file) > 0) {
        g->masks[g->n_masks] = mask_parse(g->model, line);
        if (g->masks[g->n_masks++] == NULL)
            break;
    }
    if (file != NULL)
        fclose(file);
    free(line);
    free(path);
    return g->n_masks > 0 && g->masks[g->n_masks - 1] != NULL;
}

static bool read_logits(golden *g, const char *name)
{
    size_t shape[3];
    char *path = source_path("tests/golden/", name);
    g->logits = npy_read(path, "<f4", sizeof(float), 3, shape);
    free(path);
    return g->logits != NULL && shape[0] == 1 + (size_t)g->n_masks && shape[1] == (size_t)g->n &&
           shape[2] == (size_t)g->model->classes;
}

static bool set_means(const golden *g, lsn_engine *engine, lsn_error *err)
{
    int filters = lsn_model_filters(g->model);
    int64_t *sums = lsn_array(filters, sizeof *sums, err);
    float *means = lsn_array(filters, sizeof *means, err);
    bool done = sums != NULL && means != NULL && lsn_engine_add_means(engine, g->images, g->n, sums, NULL, NULL, err);
    for (int f = 0; done && f < filters; f++)
        means[f] = (float)((double)sums[f] / LSN_FIXED / g->n);
    done = done && lsn_engine_set_means(engine, means, err);
    free(sums);
    free(means);
    return done;
}

/* The largest difference between the golden logits and those of the first `n` images under the first `n_masks` masks;
 * NaN where there are none. */
static double difference(const golden *g, lsn_method method, int n, int n_masks)
{
    lsn_error err = {.text = "out of memory"};
    size_t classes = g->model->classes, per_mask = n * classes;
    float *logits = lsn_array((1 + n_masks) * per_mask, sizeof *logits, &err);
    lsn_engine *engine = lsn_engine_create(g->model, &(lsn_engine_options){.method = method}, &err);
    double most = 0;
    bool mean = n == g->n; /* the means are over all images */
    if (logits == NULL || engine == NULL || (mean && !set_means(g, engine, &err)) ||
        !lsn_engine_run(engine, g->images, n, (const lsn_ablation *const *)g->masks, n_masks, logits, logits + per_mask,
                        NULL, NULL, NULL, &err)) {
        fprintf(stderr, "%s\n", err.text);
        most = NAN;
    }
    for (size_t i = 0; !isnan(most) && i < (1 + n_masks) * per_mask; i++) {
        double wrong = fabs((double)logits[i] - g->logits[i / per_mask * g->n * classes + i % per_mask]);
        most = wrong <= most ? most : wrong;
    }
    lsn_engine_destroy(engine);
    free(logits);
    return most;
}

static bool check(const golden *g, lsn_method method, int n, int n_masks)
{
    double begin = lsn_now_s(), wrong = difference(g, method, n, n_masks);
    printf("%s: %d masks, %d images: largest difference of a logit %.3g (tolerance %g), %.1f s\n",
           lsn_method_name(method), n_masks, n, wrong, TOLERANCE, lsn_now_s() - begin);
    return wrong <= TOLERANCE;
}

static bool load(golden *g, const char *weights, bool fashion)
{
    lsn_error err = {0};
    g->model = lsn_model_load(weights, &err);
    if (g->model == NULL ||
        !lsn_model_set_input(g->model, fashion ? 32 : 224, fashion ? 32 : 224, fashion ? 1 : 3, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    g->images = fashion ? fashion_images(&g->n) : vgg19_images(&g->n);
    return g->images != NULL && read_masks(g, fashion ? "fashion_masks.txt" : "vgg19_masks.txt") &&
           read_logits(g, fashion ? "fashion_logits.npy" : "vgg19_logits.npy");
}

int main(int argc, char **argv)
{
    bool fashion = argc == 2 && strcmp(argv[1], "fashion") == 0;
    const char *vgg19 = getenv("LESION_VGG19");
    if (!fashion && (argc != 2 || strcmp(argv[1], "vgg19") != 0)) {
        fprintf(stderr, "usage: test_golden fashion | vgg19\n");
        return 2;
    }
    if (!fashion && vgg19 == NULL) {
        printf("skipped: set LESION_VGG19 to the safetensors file of ImageNet's VGG-19 with torchvision's names\n");
        return SKIPPED;
    }
    if (isa_is_lacking())
        return ISA_SKIPPED;
    golden g = {0};
    char *weights = source_path("models/", "fashion-vgg19.safetensors");
    bool good = load(&g, fashion ? weights : vgg19, fashion);
    good = good && check(&g, LSN_METHOD_WINOGRAD, g.n, g.n_masks);
    if (getenv("LESION_ISA") != NULL)
        goto done; /* the other methods do not depend on it */
    good = good && check(&g, LSN_METHOD_BLAS, g.n, g.n_masks);
    /* The real network by plain loops takes seconds an image: the baseline and a mask of the last convolution. */
    good = good && check(&g, LSN_METHOD_REFERENCE, fashion ? g.n : 1, fashion ? g.n_masks : 1);
done:
    for (int i = 0; i < g.n_masks; i++)
        mask_free(g.masks[i]);
    free(g.logits), free(g.images), free(weights);
    lsn_model_destroy(g.model);
    return good ? 0 : 1;
}
