/* What two filters are worth: the change of top-1 and loss when a network does without filters 4 and 11 of its first
 * layer.
 *
 *     cc ablate.c $(pkg-config --cflags --libs lesion) -o ablate
 *     ./ablate fashion-vgg19.safetensors t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz */
#include <lesion/data.h>
#include <lesion/engine.h>
#include <lesion/formats.h>
#include <lesion/stats.h>
#include <stdio.h>
#include <stdlib.h>

static bool compare(const lsn_net *net, const lsn_data *data, const lsn_sample *images, lsn_error *err)
{
    const size_t n = images->count, classes = net->classes,
                 pixels = (size_t)net->nodes[0].shape.h * net->nodes[0].shape.w;
    const lsn_mask_part filters = {.layer = 0, .count = 2, .filters = (int32_t[]){4, 11}};
    const lsn_ablation two = {.mask = {.count = 1, .parts = &filters}, .mode = LSN_ZERO}, *ablations[] = {&two};
    float *input = lsn_array(n * pixels, sizeof *input, err), *intact = lsn_array(n * classes, sizeof *intact, err),
          *ablated = lsn_array(n * classes, sizeof *ablated, err);
    lsn_engine *engine = lsn_engine_create(net, &(lsn_engine_options){0}, err);
    lsn_engine_request request = {.images = input, .n = images->count, .ablations = ablations, .n_ablations = 1};
    request.baseline = intact, request.logits = ablated;
    lsn_tally tally = {0};
    const bool ok = input != NULL && intact != NULL && ablated != NULL && engine != NULL &&
                    lsn_data_load(data, images->images, images->count, input, err) &&
                    lsn_engine_run(engine, &request, err);
    for (size_t i = 0; ok && i < n; i++)
        lsn_tally_image(&tally, intact + i * classes, ablated + i * classes, net->classes,
                        lsn_data_label(data, images->images[i]), NULL, NULL);
    if (ok)
        printf("top-1 %+.2f points, loss %+.4f nats over %zu images\n", 100.0 * (tally.gained - tally.lost) / n,
               (tally.loss - tally.base_loss) / LSN_FIXED / n, n);
    lsn_engine_destroy(engine), free(input), free(intact), free(ablated);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return fprintf(stderr, "usage: %s WEIGHTS IMAGES LABELS\n", argv[0]), LSN_USAGE;
    const lsn_preprocess preprocess = {.pad = 2, .channels = 1, .mean = {0.2860F}, .std = {0.3530F}};
    const lsn_data_spec files = {.format = LSN_IDX, .images = argv[2], .labels = argv[3], .preprocess = preprocess};
    lsn_error err = {0};
    lsn_sample images = {0};
    lsn_net *net = lsn_net_load(argv[1], &err);
    lsn_data *data = net == NULL ? NULL : lsn_data_open(&files, &err);
    const lsn_take first = {.kind = LSN_TAKE_FIRST, .count = 1000};
    bool ok = data != NULL && lsn_net_set_input(net, lsn_data_height(data), lsn_data_width(data), 1, &err) &&
              (lsn_data_classes(data) <= net->classes || lsn_fail(&err, LSN_INVALID, "the labels are another's")) &&
              lsn_data_take(data, &first, NULL, &images, &err) && compare(net, data, &images, &err);
    if (!ok)
        fprintf(stderr, "ablate: %s\n", err.text);
    lsn_sample_finish(&images), lsn_data_destroy(data), lsn_net_destroy(net);
    return ok ? LSN_OK : err.code;
}
