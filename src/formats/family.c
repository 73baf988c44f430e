/* Which kind of network a file's modules are. */
#include "formats/family.h"

/* Whether anything in the file is a convolution, or is named like one of the family's. */
static bool has_convolutions(const lsn_modules *modules)
{
    for (size_t i = 0; i < modules->count; i++) {
        const lsn_module *module = &modules->items[i];
        if ((module->weight != NULL && module->weight->rank > 2) || lsn_module_number(module, "features") >= 0)
            return true;
    }
    return false;
}

bool lsn_family_infer(lsn_row *row, const lsn_modules *modules, lsn_error *err)
{
    return (has_convolutions(modules) ? lsn_vgg_infer : lsn_chain_infer)(row, modules, err);
}
