/* How many images a block has. */
#include "run/run_internal.h"

static const double BLOCK_MADDS = 64e9; /* work of the intact network on one block */
enum { LEAST_BLOCK = 8, GREATEST_BLOCK = 256 };

int32_t lsn_sweep_block_images(const lsn_plan *plan)
{
    double madds = 0;
    for (int l = 0; l < plan->net->n_layers; l++)
        madds += lsn_net_node_madds(lsn_layer_node(plan->net, l));
    const double images = BLOCK_MADDS / madds;
    int32_t block = images > GREATEST_BLOCK ? GREATEST_BLOCK : images < LEAST_BLOCK ? LEAST_BLOCK : (int32_t)images;
    return block < plan->images.count ? block : plan->images.count;
}
