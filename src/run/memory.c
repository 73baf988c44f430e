/* What a run takes of a node's memory. */
#include "run/run_internal.h"

#include <stdio.h>
#include <unistd.h>

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

void lsn_sweep_equip(const lsn_plan *plan, lsn_engine_options *engine)
{
    engine->drift = plan->metrics.drift;
    for (int32_t e = 0; !engine->resample && e < plan->n_evaluations; e++)
        engine->resample = plan->evaluations[e].ablation.mode == LSN_RESAMPLE;
}

/* Memory that this process has for itself, 0 where the system does not tell. */
static size_t private_bytes(void)
{
    size_t all = 0, resident = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%zu %zu %zu", &all, &resident, &shared) != 3)
        resident = shared = 0;
    if (file != NULL)
        fclose(file);
    return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

bool lsn_sweep_memory(const lsn_plan *plan, int sharers, const lsn_sweep_options *options, lsn_sweep_needs *needs,
                      lsn_error *err)
{
    const size_t packed = lsn_engine_weights_bytes(plan->net);
    const size_t so_far = private_bytes(), converted = lsn_net_private_bytes(plan->net);
    lsn_engine_options engine = {.threads = options->threads};
    lsn_sweep_equip(plan, &engine);
    size_t bytes = 0;
    if (!lsn_compute_count(plan, lsn_sweep_block_images(plan), &engine, &bytes, err))
        return false;
    needs->sharers = sharers;
    needs->weights_bytes = sizeof(float) * lsn_net_floats(plan->net) + packed;
    needs->rank_bytes = bytes - packed + (so_far > converted ? so_far - converted : 0);
    const size_t share = needs->weights_bytes / (size_t)needs->sharers;
    if (options->memory_bytes > share && needs->rank_bytes > options->memory_bytes - share)
        needs->rank_bytes = options->memory_bytes - share;
    return true;
}
