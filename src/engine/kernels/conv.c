/* The convolution's entry points: one of the methods. */
#include "kernels_internal.h"

int lsn_conv_blocks(const lsn_conv *conv, int n_images)
{
    return conv->method == LSN_CONV_DIRECT ? lsn_direct_blocks(conv, n_images) : lsn_winograd_blocks(conv, n_images);
}

size_t lsn_conv_workspace_bytes(const lsn_conv *conv, int n_images)
{
    return conv->method == LSN_CONV_DIRECT ? lsn_direct_workspace_bytes(conv, n_images)
                                           : lsn_winograd_workspace_bytes(conv, n_images);
}

void lsn_conv_run(const lsn_conv *conv, const lsn_conv_image *images, int n_images, int first_block, int end_block,
                  void *workspace)
{
    assert((uintptr_t)workspace % LSN_KERNEL_ALIGN == 0);
    if (conv->method == LSN_CONV_DIRECT)
        lsn_direct_run(conv, images, n_images, first_block, end_block, workspace);
    else
        lsn_winograd_run(conv, images, n_images, first_block, end_block, workspace);
}

double lsn_conv_multiply_adds(const lsn_conv *conv)
{
    double products, pixels = (double)conv->height * conv->width;
    if (conv->method == LSN_CONV_DIRECT) {
        bool tiny = conv->height <= 2 && conv->width <= 2;
        products = pixels * (tiny ? pixels : 9);
    } else {
        int side = lsn_winograd_side(conv->method);
        products = (double)lsn_ceil_div(conv->height, side) * lsn_ceil_div(conv->width, side) * (side + 2) * (side + 2);
    }
    return products * conv->channels * (double)lsn_round_up((size_t)conv->filters, 16);
}
