/* What a run takes of a node's memory. */
#include "mpi/mpi_internal.h"

#include <stdio.h>

size_t lsn_sweep_default_memory(int ranks_on_node)
{
    size_t free_kib = 0;
    char line[256];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "MemAvailable: %zu kB", &free_kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    if (free_kib == 0)
        free_kib = (size_t)1 << 20;
    return free_kib * 1024 / 5 * 4 / (size_t)(ranks_on_node > 0 ? ranks_on_node : 1);
}

bool lsn_sweep_engine(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                      lsn_engine_options *engine, lsn_error *err)
{
    *engine = (lsn_engine_options){.method = options->method, .threads = options->threads};
    if (!lsn_ranks_pack(ranks, plan->model, options->method, &engine->weights, err))
        return false;
    engine->besides_bytes = lsn_ranks_share(ranks);
    engine->memory_bytes = options->memory_bytes > 0
                               ? options->memory_bytes
                               : lsn_sweep_default_memory(ranks->on_node) + engine->besides_bytes; /* taken by now */
    return true;
}
