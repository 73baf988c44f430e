/* Logits against PyTorch's, under many masks (tools/make_golden.py made them, and says how).
 *
 * usage: test_golden fashion | vgg19 | bn16 | vgg11 | mlp
 *
 * vgg19 needs LESION_VGG19, the path of the real network's weights, and is skipped without. Largest absolute
 * differences of a logit when this was written: fashion 4.1e-6 (blas), 1.3e-5 (reference); vgg19 3.8e-6, 1.7e-5; bn16
 * 4.8e-6, 5.7e-6; vgg11 1.5e-6, 1.7e-6. The least that a mask changes in fashion is 2.2e-2.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"
#include "lesion/engine.h"
#include "lesion/formats.h"
#include "network.h"
#include "npy.h"

enum { SKIPPED = 77, MOST_MASKS = 64 };

static const double TOLERANCE = 1e-4;

/* What there are golden values of. */
typedef struct subject {
    const char *name, *weights;
    int n, h, w, channels, factor; /* of the images; factor 0: they are stored */
} subject;

static const subject subjects[] = {
    {"fashion", "models/fashion-vgg19.safetensors", 8, 32, 32, 1, 0},
    {"vgg19", NULL, 2, 224, 224, 3, 1},
    {"bn16", "tests/golden/bn16.pth", 3, 32, 32, 3, 9},
    {"vgg11", "tests/golden/vgg11.pth", 3, 68, 72, 3, 9},
    {"mlp", "tests/golden/mlp.pth", 3, 12, 10, 3, 9},
};

/* A network, and what PyTorch says of it. */
typedef struct golden {
    lsn_net *net;
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

/* Images of whole numbers, of 3 channels: the formula is in tools/make_golden.py. */
static float *formula_images(const subject *of)
{
    static const float mean[] = {0.485f, 0.456f, 0.406f}, deviation[] = {0.229f, 0.224f, 0.225f};
    const int per_image = of->h * of->w * 3;
    float *images = lsn_array((size_t)(of->n * per_image), sizeof *images, NULL);
    for (int i = 0; i < of->n * per_image; i++) {
        int image = i / per_image, y = i / (of->w * 3) % of->h, x = i / 3 % of->w, c = i % 3;
        int pixel = (x * x + (2 * image + 3) * y * y + 40 * c * x + 17 * c * c * y) * of->factor / 64 % 256;
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
        g->masks[g->n_masks] = mask_parse(g->net, line);
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
           shape[2] == (size_t)g->net->classes;
}

static bool set_means(const golden *g, lsn_engine *engine, lsn_error *err)
{
    int filters = lsn_net_filters(g->net);
    int64_t *sums = lsn_array(filters, sizeof *sums, err);
    float *means = lsn_array(filters, sizeof *means, err);
    int64_t seen = 0;
    lsn_activations all = {.filters = filters, .images = &seen, .mean = sums};
    bool done = sums != NULL && means != NULL &&
                lsn_engine_add_activations(engine, g->images, NULL, g->n, &all, NULL, NULL, err);
    for (int f = 0; done && f < filters; f++)
        means[f] = (float)((double)sums[f] / LSN_FIXED / g->n);
    done = done && lsn_engine_set_means(engine, means, err);
    free(sums);
    free(means);
    return done;
}

/* The largest difference between the golden logits and those computed; NaN where there are none. */
static double difference(const golden *g)
{
    const int n = g->n, n_masks = g->n_masks;
    lsn_error err = {.text = "out of memory"};
    size_t classes = g->net->classes, per_mask = n * classes;
    float *logits = lsn_array((1 + n_masks) * per_mask, sizeof *logits, &err);
    lsn_engine *engine = lsn_engine_create(g->net, &(lsn_engine_options){0}, &err);
    double most = 0;
    if (logits == NULL || engine == NULL || !set_means(g, engine, &err) ||
        !lsn_engine_run(engine,
                        &(lsn_engine_request){.images = g->images,
                                              .n = n,
                                              .ablations = (const lsn_ablation *const *)g->masks,
                                              .n_ablations = n_masks,
                                              .baseline = logits,
                                              .logits = logits + per_mask},
                        &err)) {
        fprintf(stderr, "%s\n", err.text);
        most = NAN;
    }
    for (size_t i = 0; !isnan(most) && i < (1 + n_masks) * per_mask; i++) {
        double wrong = fabs((double)logits[i] - g->logits[i]);
        most = wrong <= most ? most : wrong;
    }
    lsn_engine_destroy(engine);
    free(logits);
    return most;
}

static bool check(const golden *g)
{
    double begin = lsn_now_s(), wrong = difference(g);
    printf("%d masks, %d images: largest difference of a logit %.3g (tolerance %g), %.1f s\n", g->n_masks, g->n, wrong,
           TOLERANCE, lsn_now_s() - begin);
    return wrong <= TOLERANCE;
}

static bool load(golden *g, const subject *of, const char *weights)
{
    lsn_error err = {0};
    char masks[32], logits[32];
    snprintf(masks, sizeof masks, "%s_masks.txt", of->name);
    snprintf(logits, sizeof logits, "%s_logits.npy", of->name);
    g->net = lsn_net_load(weights, &err);
    if (g->net == NULL || !lsn_net_set_input(g->net, of->h, of->w, of->channels, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    g->n = of->n;
    g->images = of->factor == 0 ? fashion_images(&g->n) : formula_images(of);
    return g->images != NULL && read_masks(g, masks) && read_logits(g, logits);
}

static const subject *find_subject(const char *name)
{
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        if (strcmp(subjects[i].name, name) == 0)
            return &subjects[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const subject *of = argc == 2 ? find_subject(argv[1]) : NULL;
    if (of == NULL) {
        fprintf(stderr, "usage: test_golden fashion | vgg19 | bn16 | vgg11 | mlp\n");
        return 2;
    }
    const char *vgg19 = getenv("LESION_VGG19");
    if (of->weights == NULL && (vgg19 == NULL || *vgg19 == 0)) {
        printf("skipped: set LESION_VGG19 to the weights file of ImageNet's VGG-19 with torchvision's names\n");
        return SKIPPED;
    }
    if (isa_is_lacking())
        return ISA_SKIPPED;
    golden g = {0};
    char *weights = of->weights == NULL ? NULL : source_path(of->weights, "");
    bool good = load(&g, of, weights == NULL ? vgg19 : weights) && check(&g);
    for (int i = 0; i < g.n_masks; i++)
        mask_free(g.masks[i]);
    free(g.logits), free(g.images), free(weights);
    lsn_net_destroy(g.net);
    return good ? 0 : 1;
}
