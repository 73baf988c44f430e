/* Small random networks and masks, built by hand, and a second implementation to compare the engine with. */
#ifndef LESION_TESTS_NETWORK_H
#define LESION_TESTS_NETWORK_H

#include "lesion/net.h"

enum { PLAN_LAYERS = 12 };

/* conv[i] > 0: a convolution, pooled where pool[i]; then the fully connected layers; each row ends with a 0. The last
 * fully connected layer is the logits. Without convolutions it is a chain, and `grid` is not used. */
typedef struct network_plan {
    int h, w, channels, grid;
    int conv[PLAN_LAYERS];
    bool pool[PLAN_LAYERS];
    int fc[PLAN_LAYERS];
} network_plan;

/* Weights and biases are drawn from `seed`. Freed with network_free, not with lsn_net_destroy. */
lsn_net *network_build(const network_plan *plan, uint64_t seed);
void network_free(lsn_net *net);

/* Four convolutions (two pooled; odd maps) and three fully connected layers. */
extern const network_plan small_plan;
/* As many layers and pools as VGG-19 has, 8 to 16 filters wide, 32x32x1. */
extern const network_plan deep_plan;
/* Four fully connected layers on 5x4x2. */
extern const network_plan chain_plan;

/* `count` floats, uniform in -scale .. scale; to be freed. */
float *random_floats(uint64_t seed, size_t count, float scale);
/* n images for the network. */
float *random_images(const lsn_net *net, int n, uint64_t seed);
/* Floats of one image. */
size_t image_floats(const lsn_net *net);

/* The weights of a convolution or fully connected layer are lsn_layer's `const float *`, but here they may be changed.
 */
float *network_weights(lsn_net *net, int layer);
float *network_bias(lsn_net *net, int layer);

/* A sum of K products in double precision, and how far one in single precision may be from it, whatever order it adds
 * in: gamma(K) sum |w x|, gamma(K) = K u / (1 - K u), u = 2^-24 (Higham 2002, section 3.1). */
typedef struct bounded {
    double value, bound;
} bounded;

/* y[H][W][F] of x[H][W][C] with weights[F][C][3][3]: no ReLU, no pooling. */
void naive_conv(const double *x, int h, int w, int channels, int filters, const float *weights, const float *bias,
                bounded *y);
/* y[F] of x[C] with weights[F][C]: no ReLU. */
void naive_fc(const double *x, int channels, int filters, const float *weights, const float *bias, bounded *y);
/* y[C][grid][grid] of x[H][W][C], adaptive average pooling. */
void naive_average(const double *x, int h, int w, int channels, int grid, bounded *y);

/* What an ablation may put in place of what it removes. */
typedef struct naive_substitutes {
    const float *means, *deviations; /* of all filters */
    const float *donor;              /* an image */
    int32_t id;                      /* the number of the image that is evaluated */
} naive_substitutes;

/* The masked forward pass of one image from the definition, in double precision: every node's value, [h][w][channels],
 * where a mask acts after it; to be forgotten. The ablation may be NULL, and so may be what its mode does not need. */
double **naive_values(const lsn_net *net, const float *image, const lsn_ablation *ablation,
                      const naive_substitutes *substitutes);
void naive_forget(const lsn_net *net, double **values);
/* The last of them: logits[classes]. */
void naive_forward(const lsn_net *net, const float *image, const lsn_ablation *ablation,
                   const naive_substitutes *substitutes, double *logits);

/* The ablation that a line like "zero conv3_1:0,5 conv4_2:7..9" or, with a seed, "noise=3 conv3_1:0" describes; NULL,
 * with a message, where it is not one. */
lsn_ablation *mask_parse(const lsn_net *net, const char *line);
void mask_free(lsn_ablation *ablation);

#endif
