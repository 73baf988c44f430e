/* A run of a study over all ranks: the database opened, what all have to know found together, then rank 0 coordinates
 * and the others compute. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double LEAST_MEASURED = 1e12; /* multiply-adds a worker, some 20 s, from which on layers are measured */
static const double MEASURE_S = 1;

/* ---- the record of this run ---------------------------------------------------------------------------------- */

enum { HOST_BYTES = 64 };

/* What rank 0 records of itself and the others. */
typedef struct rank_census {
    lsn_process *processes; /* [size] */
    lsn_text hosts;         /* "n1*4,n2*4" */
} rank_census;

static void census_finish(rank_census *census)
{
    free(census->processes);
    lsn_text_finish(&census->hosts);
}

static void list_hosts(const char *names, int size, lsn_text *hosts)
{
    for (int i = 0, same; i < size; i += same) {
        same = 1;
        while (i + same < size && strcmp(names + i * HOST_BYTES, names + (i + same) * HOST_BYTES) == 0)
            same++;
        lsn_text_add(hosts, "%s%s*%d", i == 0 ? "" : ",", names + i * HOST_BYTES, same);
    }
}

/* To rank 0. Collective. */
static bool gather(const lsn_ranks *ranks, const void *mine, int bytes, void *all, lsn_error *err)
{
    memcpy(all, mine, (size_t)bytes);
    if (ranks->launched)
        LSN_MPI(MPI_Gather(mine, bytes, MPI_BYTE, all, bytes, MPI_BYTE, 0, MPI_COMM_WORLD));
    return true;
}

/* On rank 0. Collective. */
static bool take_census(const lsn_ranks *ranks, rank_census *census, lsn_error *err)
{
    const lsn_process self = lsn_process_self();
    char host[HOST_BYTES] = "";
    gethostname(host, sizeof host - 1);
    char *names = lsn_array((size_t)ranks->size, HOST_BYTES, err);
    census->processes = names == NULL ? NULL : lsn_array((size_t)ranks->size, sizeof self, err);
    const bool ok = lsn_ranks_agree(ranks, census->processes != NULL) && gather(ranks, host, HOST_BYTES, names, err) &&
                    gather(ranks, &self, sizeof self, census->processes, err);
    if (ok && ranks->rank == 0)
        list_hosts(names, ranks->size, &census->hosts);
    free(names);
    return ok;
}

static bool record_begin(lsn_store *store, const lsn_ranks *ranks, const lsn_sweep_options *options, const char *hosts,
                         lsn_error *err)
{
    lsn_text libraries = {0};
    lsn_text_add(&libraries, "MPI: %s; BLAS: %s; SQLite %s; %s", lsn_ranks_library(ranks), lsn_engine_library(),
                 lsn_store_library(), lsn_data_library());
    lsn_run_record record = {
        .version = lsn_version(),
        .libraries = libraries.failed ? NULL : libraries.data,
        .command = options->command,
        .hosts = hosts,
        .slurm_job = getenv("SLURM_JOB_ID"),
        .kernels = lsn_engine_kernels(),
        .ranks = ranks->size,
    };
    bool ok = lsn_store_run_begin(store, &record, err);
    lsn_text_finish(&libraries);
    return ok;
}

/* Results of two kinds of kernels differ in the last bits: all ranks have one. Collective. */
static bool agree_on_kernels(const lsn_ranks *ranks, lsn_error *err)
{
    char first[16] = "", host[256] = "";
    const char *mine = lsn_engine_kernels();
    snprintf(first, sizeof first, "%s", mine);
    if (ranks->launched && !lsn_broadcast(first, sizeof first, 0, MPI_COMM_WORLD, err))
        return false;
    const bool same = strcmp(first, mine) == 0;
    if (!same) {
        gethostname(host, sizeof host - 1);
        lsn_fail(
            err, LSN_USAGE,
            "the kernels of rank %d on %s are of the kind '%s', those of rank 0 of the kind '%s', and their results "
            "differ in the last bits: set LESION_ISA alike on all hosts",
            ranks->rank, host, mine, first);
    }
    return lsn_ranks_agree(ranks, same) ||
           (same && lsn_fail(err, LSN_USAGE, "the ranks' kernels are of two kinds; a rank says which above"));
}

/* ---- the engine ---------------------------------------------------------------------------------------------- */

bool lsn_sweep_engine(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                      lsn_engine_options *engine, lsn_error *err)
{
    *engine = (lsn_engine_options){.threads = options->threads};
    if (!agree_on_kernels(ranks, err) || !lsn_ranks_pack(ranks, plan->net, &engine->weights, err))
        return false;
    engine->besides_bytes = lsn_ranks_share(ranks);
    engine->memory_bytes = options->memory_bytes > 0
                               ? options->memory_bytes
                               : lsn_sweep_default_memory(ranks->on_node) + engine->besides_bytes; /* taken by now */
    return true;
}

/* ---- the sweep ----------------------------------------------------------------------------------------------- */

/* What rank 0 knows of the database and of itself, and tells the others. */
typedef struct opening {
    int32_t ok, code, block_images, anything_to_do;
    lsn_process rank_0;
} opening;

static bool anything_to_do(const lsn_plan *plan, const lsn_wanted *wanted, const lsn_store *store)
{
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        if (lsn_wants(wanted, e) && !lsn_store_complete(store, e))
            return true;
    return false;
}

/* Rank 0 opens the database; all learn how that went. Collective. */
static bool open_store(const lsn_plan *plan, const lsn_ranks *ranks, const lsn_sweep_options *options,
                       lsn_store **store, opening *opened, lsn_error *err)
{
    *opened = (opening){0};
    if (ranks->rank == 0) {
        const int32_t block = options->block_images > 0 ? options->block_images : lsn_sweep_block_images(plan);
        const lsn_store_options how = {.fresh = options->fresh,
                                       .steal_lock = options->steal_lock,
                                       .retry = options->retry,
                                       .wanted = options->wanted};
        *store = lsn_store_open_with(options->database, plan, block, &how, err);
        opened->rank_0 = lsn_process_self();
        opened->ok = *store != NULL;
        opened->code = opened->ok ? LSN_OK : (int32_t)err->code;
        opened->block_images = opened->ok ? lsn_store_block_images(*store) : 0;
        opened->anything_to_do = opened->ok && anything_to_do(plan, options->wanted, *store);
    }
    if (ranks->launched && !lsn_broadcast(opened, sizeof *opened, 0, MPI_COMM_WORLD, err))
        return false;
    if (!opened->ok && ranks->rank != 0)
        lsn_fail(err, (lsn_code)opened->code, "rank 0 could not open the database");
    return opened->ok;
}

/* What the engine has to put in place of filters; rank 0 keeps it for the record. Collective. */
static bool prepare_activations(const lsn_plan *plan, const lsn_activations *known, const lsn_ranks *ranks,
                                lsn_compute *compute, lsn_store *store, lsn_error *err)
{
    const lsn_activation_needs needs = plan->needs;
    lsn_activations own = {0};
    if (!needs.means && !needs.deviations && !needs.zeros && !needs.by_class)
        return true;
    bool ok = known != NULL || lsn_activations_measure(compute, plan, needs, ranks, &own, err);
    if (known == NULL)
        known = &own;
    ok = ok && (compute == NULL || lsn_compute_set_activations(compute, known, err)) &&
         (store == NULL || lsn_store_set_activations(store, known, err));
    lsn_activations_finish(&own);
    return ok;
}

/* What evaluations cost: predicted; or, where the study is long enough to pay for a measurement, measured by the first
 * rank that computes, the others taking over its figures. Collective. */
static bool find_prices(const lsn_plan *plan, const lsn_ranks *ranks, lsn_compute *compute,
                        const lsn_sweep_options *options, lsn_prices *prices, lsn_error *err)
{
    lsn_costs *costs = &prices->costs;
    const int measures = ranks->size == 1 ? 0 : 1, workers = ranks->size == 1 ? 1 : ranks->size - 1;
    double work = 0;
    prices->measured = false;
    if (!lsn_ranks_agree(ranks, lsn_costs_predict(plan->net, costs, err)))
        return false;
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        if (lsn_wants(options->wanted, e))
            work += plan->images.count * lsn_costs_of(costs, &plan->evaluations[e].ablation);
    if (work / workers < LEAST_MEASURED)
        return true;
    prices->measured = true;
    if (ranks->rank == measures)
        lsn_compute_measure(compute, MEASURE_S, costs);
    return !ranks->launched ||
           lsn_broadcast(costs->values, costs->count * sizeof *costs->values, measures, MPI_COMM_WORLD, err);
}

static lsn_code coordinate(const lsn_plan *plan, lsn_ranks *ranks, const lsn_process *processes, lsn_compute *compute,
                           lsn_store *store, const lsn_sweep_options *options, const lsn_prices *prices, lsn_error *err)
{
    lsn_code code = LSN_FAILED;
    bool missing = false;
    if (ranks->size == 1) {
        lsn_alone *alone = lsn_alone_create(compute, err);
        if (alone != NULL) {
            lsn_crew crew = lsn_alone_crew(alone);
            code = lsn_coordinate(plan, store, &crew, options, prices, &missing, err);
        }
        lsn_alone_destroy(alone);
        return code;
    }
    lsn_workers *workers = lsn_workers_create(ranks, processes, err);
    if (workers != NULL) {
        lsn_crew crew = lsn_workers_crew(workers);
        code = lsn_coordinate(plan, store, &crew, options, prices, &missing, err);
        ranks->abandoned = !lsn_workers_dismiss(workers, missing);
    }
    lsn_workers_destroy(workers);
    return code;
}

/* Everything after the database is open and there is something to do. Collective. */
static lsn_code sweep(const lsn_plan *plan, const lsn_activations *activations, lsn_ranks *ranks,
                      const lsn_sweep_options *options, lsn_store *store, const opening *opened, lsn_error *err)
{
    const bool computes = ranks->size == 1 || ranks->rank > 0, first = ranks->rank == 0;
    lsn_engine_options engine;
    if (!lsn_sweep_engine(plan, ranks, options, &engine, err))
        return err->code;
    lsn_sweep_equip(plan, &engine);
    lsn_compute *compute = computes ? lsn_compute_create(plan, opened->block_images, &engine, err) : NULL;
    rank_census census = {0};
    bool mine = compute != NULL || !computes;
    bool ok = lsn_ranks_agree(ranks, mine);
    if (!ok && mine)
        lsn_fail(err, LSN_FAILED, "a worker rank could not begin; it says why above");
    ok = ok && take_census(ranks, &census, err);
    ok = lsn_ranks_agree(ranks, ok && (!first || record_begin(store, ranks, options, census.hosts.data, err)));
    ok = ok && lsn_ranks_agree(ranks, prepare_activations(plan, activations, ranks, compute, store, err));
    lsn_prices prices = {0};
    ok = ok && lsn_ranks_agree(ranks, find_prices(plan, ranks, compute, options, &prices, err));
    lsn_code code = err->code;
    if (ok && first)
        code = coordinate(plan, ranks, census.processes, compute, store, options, &prices, err);
    else if (ok)
        code = lsn_worker_loop(compute, &opened->rank_0, &ranks->abandoned, err) ? LSN_OK : err->code;
    else if (first && store != NULL)
        lsn_store_run_note(store, code == LSN_STOPPED ? "stopped" : "failed", &(lsn_error){0});
    /* What rests on more than one result, unless there is no time for that. */
    const bool ended = code == LSN_OK || code == LSN_JOBS_FAILED || code == LSN_STOPPED;
    if (ok && first && ended && lsn_signals_asked() != LSN_LEAVE && !lsn_store_judge(store, err))
        code = err->code;
    lsn_costs_finish(&prices.costs);
    census_finish(&census);
    lsn_compute_destroy(compute);
    return code;
}

lsn_code lsn_sweep_run(const lsn_plan *plan, const lsn_activations *activations, lsn_ranks *ranks,
                       const lsn_sweep_options *options, lsn_error *err)
{
    lsn_store *store = NULL;
    opening opened;
    assert(plan->settled && plan->expanded);
    *err = (lsn_error){0};
    lsn_code code = LSN_OK;
    bool ok = open_store(plan, ranks, options, &store, &opened, err);
    if (ok && opened.anything_to_do)
        code = sweep(plan, activations, ranks, options, store, &opened, err);
    else
        ok = ok && (store == NULL || lsn_store_judge(store, err)); /* which a run may have died before */
    if (!ok)
        code = err->code;
    lsn_store_close(store);
    return code;
}
