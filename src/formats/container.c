/* Which format a file is, told by its content; and what all names in it begin with. */
#include "formats/container.h"

#include <stdlib.h>
#include <string.h>

/* What wrappers put before the names: DataParallel, torch.compile, Lightning modules. */
static const char *const prefixes[] = {"module.", "_orig_mod.", "model.", "net."};

static bool all_begin_with(const lsn_weights *weights, const char *prefix)
{
    for (size_t i = 0; i < weights->count; i++)
        if (strncmp(weights->tensors[i].name + weights->prefix, prefix, strlen(prefix)) != 0)
            return false;
    return weights->count > 0;
}

static void find_prefix(lsn_weights *weights)
{
    for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++)
        if (all_begin_with(weights, prefixes[k])) {
            weights->prefix += strlen(prefixes[k]);
            find_prefix(weights); /* ends with the names, which are short */
            return;
        }
}

bool lsn_weights_open(lsn_weights *weights, const char *path, lsn_error *err)
{
    *weights = (lsn_weights){.path = path};
    if (!lsn_file_map(&weights->file, path, err) ||
        !(lsn_checkpoint_recognise(&weights->file) ? lsn_checkpoint_read(weights, err)
                                                   : lsn_safetensors_read(weights, err))) {
        lsn_weights_close(weights);
        return false;
    }
    find_prefix(weights);
    return true;
}

void lsn_weights_close(lsn_weights *weights)
{
    free(weights->tensors);
    lsn_file_unmap(&weights->file);
    *weights = (lsn_weights){0};
}

const char *lsn_weights_key(const lsn_weights *weights, const lsn_tensor *tensor)
{
    return tensor->name + weights->prefix;
}
