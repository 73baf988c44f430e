/* What the coordinator costs: real ranks, messages, scheduler and database, but work that takes no time.
 *
 * usage: mpirun -n RANKS bench_coordinator STUDY DATABASE BLOCK_IMAGES UNIT_EVALUATIONS [UNIT_S]
 *
 * Workers answer a unit at once with a result that could be one; or, with UNIT_S, after as many seconds, in which they
 * sleep. The scheduler is told that a unit of so many evaluations takes what it wants of a unit, so that it cuts them
 * that small, however fast they come back. One rank alone does both.
 *
 * Prints one line of JSON: what was done, the seconds it took, and the processor time of rank 0 from the first unit to
 * the end, of the worker that used most of it, and of the worker that used most of those that had nothing to do.
 */
#include "mpi/mpi_internal.h"
#include "run/run_internal.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const double WANTED_UNIT_S = 5; /* what the coordinator asks of the scheduler */

/* Takes the place of that of src/mpi/compute.c, which is then not linked. */
struct lsn_compute {
    int32_t images, block_images;
    double unit_s;
    int64_t units;
};

typedef struct bench {
    const char *study, *database;
    int32_t block_images, unit_evaluations;
    double unit_s;
    lsn_ranks ranks;
    lsn_process *processes; /* [ranks], on rank 0 */
    lsn_process rank_0;
    lsn_compute compute;
    lsn_crew inner;
    int64_t units, parts; /* that came back */
    double opened_s, opened_cpu_s, wall_s, cpu_s;
} bench;

static double cpu_now_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* ---- workers that compute nothing ---------------------------------------------------------------------------- */

bool lsn_compute_load(lsn_compute *compute, int32_t block, lsn_error *err)
{
    (void)err;
    const int32_t left = compute->images - block * compute->block_images;
    return left > 0;
}

lsn_extent lsn_compute_extent(const lsn_compute *compute)
{
    (void)compute;
    return (lsn_extent){0};
}

void lsn_compute_expect(lsn_compute *compute, int32_t block)
{
    (void)compute;
    (void)block;
}

static bool sleep_through(double seconds, lsn_stop *stop, void *context)
{
    const double end_s = lsn_now_s() + seconds;
    while (lsn_now_s() < end_s) {
        if (stop(context))
            return false;
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    return true;
}

bool lsn_compute_evaluations(lsn_compute *compute, int32_t block, const int32_t *evaluations, int32_t count,
                             const lsn_outcome *outcome, lsn_stop *stop, void *context, lsn_error *err)
{
    const int32_t left = compute->images - block * compute->block_images;
    const int64_t n = left < compute->block_images ? left : compute->block_images, nat = LSN_FIXED;
    compute->units++;
    for (int32_t i = 0; i < count; i++)
        outcome->tallies[i] = (lsn_tally){.images = n,
                                          .agree = n,
                                          .loss = nat * n / (1 + evaluations[i] % 7),
                                          .kl = nat * n / (3 + evaluations[i] % 11),
                                          .margin = -nat * n,
                                          .base_loss = nat * n / 8,
                                          .d_loss_squared = n << 36,
                                          .seconds = 0.1};
    return compute->unit_s <= 0 || sleep_through(compute->unit_s, stop, context) ||
           lsn_fail(err, LSN_STOPPED, "told to leave");
}

/* ---- rank 0 -------------------------------------------------------------------------------------------------- */

static double evaluation_s(const bench *b)
{
    return (b->unit_s > 0 ? b->unit_s : WANTED_UNIT_S) / b->unit_evaluations;
}

/* The workers' own crew, but that time passes for the scheduler as it was told that it would. */
static bool take(void *context, lsn_news *news, lsn_error *err)
{
    bench *b = context;
    if (!b->inner.take(b->inner.context, news, err))
        return false;
    if (news->kind == LSN_RESULT) {
        b->units++;
        b->parts += news->result.count;
        news->result.seconds = evaluation_s(b) * news->result.count;
    }
    return true;
}

static bool give(void *context, const lsn_unit *unit, lsn_error *err)
{
    return ((bench *)context)->inner.give(((bench *)context)->inner.context, unit, err);
}

static bool cancel(void *context, int32_t worker, int32_t unit, lsn_error *err)
{
    return ((bench *)context)->inner.cancel(((bench *)context)->inner.context, worker, unit, err);
}

static bool tend(void *context, lsn_error *err)
{
    return ((bench *)context)->inner.tend(((bench *)context)->inner.context, err);
}

static const char *name(void *context, int32_t worker, char *text, size_t size)
{
    return ((bench *)context)->inner.name(((bench *)context)->inner.context, worker, text, size);
}

static lsn_crew wrap(bench *b, lsn_crew inner)
{
    lsn_crew crew = inner;
    b->inner = inner;
    crew.context = b;
    crew.give = give;
    crew.take = take;
    crew.name = name;
    crew.cancel = inner.cancel == NULL ? NULL : cancel;
    crew.tend = inner.tend == NULL ? NULL : tend;
    return crew;
}

/* Predicted costs, so that the first ablation takes as long as it does here. */
static bool make_prices(const bench *b, const lsn_plan *plan, lsn_prices *prices, lsn_error *err)
{
    if (!lsn_costs_predict(plan->net, &prices->costs, err))
        return false;
    const double scale = evaluation_s(b) / b->block_images /
                         lsn_costs_of(&prices->costs, &plan->evaluations[plan->n_evaluations - 1].ablation);
    for (size_t i = 0; i < prices->costs.count; i++)
        prices->costs.values[i] *= scale;
    prices->measured = true;
    return true;
}

static lsn_plan *make_plan(const char *path, lsn_error *err)
{
    const lsn_ranks alone = {.size = 1, .on_node = 1};
    lsn_problems problems = {0};
    lsn_plan *plan = lsn_plan_create(path, NULL, 0, &problems, err);
    if (plan != NULL && (!lsn_images_settle(plan, &alone, 1, &problems, err) || !lsn_plan_expand(plan, NULL, err))) {
        lsn_plan_destroy(plan);
        plan = NULL;
    }
    if (plan == NULL && problems.count > 0)
        lsn_fail(err, LSN_INVALID, "%s", problems.text[0]);
    lsn_problems_finish(&problems);
    return plan;
}

static bool run(bench *b, const lsn_plan *plan, lsn_store *store, lsn_crew crew, bool *missing, lsn_error *err)
{
    lsn_prices prices;
    if (!make_prices(b, plan, &prices, err))
        return false;
    const lsn_sweep_options options = {.database = b->database};
    const lsn_crew wrapped = wrap(b, crew);
    const double began_s = lsn_now_s(), cpu_s = cpu_now_s();
    const lsn_code code = lsn_coordinate(plan, store, &wrapped, &options, &prices, missing, err);
    b->wall_s = lsn_now_s() - began_s;
    b->cpu_s = cpu_now_s() - cpu_s;
    lsn_costs_finish(&prices.costs);
    return code == LSN_OK || (code == LSN_STOPPED && lsn_fail(err, code, "stopped early"));
}

/* Who the processes are. Collective. */
static void exchange(bench *b)
{
    const lsn_process self = b->rank_0 = lsn_process_self();
    b->processes = b->ranks.rank == 0 ? lsn_array((size_t)b->ranks.size, sizeof self, NULL) : NULL;
    if (!b->ranks.launched)
        return;
    MPI_Gather(&self, sizeof self, MPI_BYTE, b->processes, sizeof self, MPI_BYTE, 0, MPI_COMM_WORLD);
    MPI_Bcast(&b->rank_0, sizeof b->rank_0, MPI_BYTE, 0, MPI_COMM_WORLD);
}

/* The sweep with whoever there is. The workers are told to leave, also after a failure. */
static bool coordinate(bench *b, const lsn_plan *plan, lsn_store *store, lsn_error *err)
{
    bool missing = false, ok = plan != NULL && store != NULL;
    if (b->ranks.size == 1) {
        b->compute.images = ok ? plan->images.count : 0;
        lsn_alone *alone = ok ? lsn_alone_create(&b->compute, err) : NULL;
        ok = alone != NULL && run(b, plan, store, lsn_alone_crew(alone), &missing, err);
        lsn_alone_destroy(alone);
        return ok;
    }
    lsn_error failure;
    lsn_workers *workers = lsn_workers_create(&b->ranks, b->processes, ok ? err : &failure);
    ok = ok && workers != NULL && run(b, plan, store, lsn_workers_crew(workers), &missing, err);
    b->ranks.abandoned = workers == NULL || !lsn_workers_dismiss(workers, missing);
    lsn_workers_destroy(workers);
    return ok;
}

static bool lead(bench *b, lsn_error *err)
{
    double began_s = lsn_now_s(), cpu_s = cpu_now_s();
    lsn_plan *plan = make_plan(b->study, err);
    lsn_store *store = plan == NULL ? NULL : lsn_store_open(b->database, plan, b->block_images, true, err);
    if (store != NULL && !lsn_store_run_begin(store, &(lsn_run_record){.ranks = b->ranks.size}, err)) {
        lsn_store_close(store);
        store = NULL;
    }
    b->opened_s = lsn_now_s() - began_s;
    b->opened_cpu_s = cpu_now_s() - cpu_s;
    if (b->ranks.launched)
        MPI_Bcast(&(int32_t){plan == NULL ? 0 : plan->images.count}, 1, MPI_INT32_T, 0, MPI_COMM_WORLD);
    exchange(b);
    const bool ok = coordinate(b, plan, store, err);
    free(b->processes);
    lsn_store_close(store);
    lsn_plan_destroy(plan);
    return ok;
}

/* ---- all ranks ----------------------------------------------------------------------------------------------- */

static bool follow(bench *b, lsn_error *err)
{
    MPI_Bcast(&b->compute.images, 1, MPI_INT32_T, 0, MPI_COMM_WORLD);
    exchange(b);
    const double began_s = lsn_now_s(), cpu_s = cpu_now_s();
    const bool ok = lsn_worker_loop(&b->compute, &b->rank_0, &b->ranks.abandoned, err);
    b->wall_s = lsn_now_s() - began_s;
    b->cpu_s = cpu_now_s() - cpu_s;
    return ok;
}

/* The greatest processor time of the workers, and of those that had no unit. */
static void compare(const bench *b, double most_s[2])
{
    const bool works = b->ranks.rank > 0;
    const double mine[2] = {works ? b->cpu_s : 0, works && b->compute.units == 0 ? b->cpu_s : 0};
    memcpy(most_s, mine, sizeof mine);
    if (b->ranks.launched)
        MPI_Reduce(mine, most_s, 2, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
}

static void report(const bench *b, const double most_s[2])
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf(
        "{\"ranks\": %d, \"units\": %lld, \"parts\": %lld, \"open_s\": %.3f, \"open_cpu_s\": %.3f, \"wall_s\": %.4f, "
        "\"cpu_s\": %.4f, \"worker_cpu_s\": %.4f, \"waiting_cpu_s\": %.4f, \"peak_mib\": %.0f}\n",
        b->ranks.size, (long long)b->units, (long long)b->parts, b->opened_s, b->opened_cpu_s, b->wall_s, b->cpu_s,
        most_s[0], most_s[1], (double)used.ru_maxrss / 1024);
}

int main(int argc, char **argv)
{
    lsn_error err = {0};
    if (argc < 5 || atoi(argv[3]) < 1 || atoi(argv[4]) < 1) {
        fprintf(stderr, "usage: bench_coordinator STUDY DATABASE BLOCK_IMAGES UNIT_EVALUATIONS [UNIT_S]\n");
        return 2;
    }
    bench b = {.study = argv[1],
               .database = argv[2],
               .block_images = atoi(argv[3]),
               .unit_evaluations = atoi(argv[4]),
               .unit_s = argc > 5 ? strtod(argv[5], NULL) : 0};
    b.compute = (lsn_compute){.block_images = b.block_images, .unit_s = b.unit_s};
    if (!lsn_ranks_begin(&b.ranks, &err)) {
        fprintf(stderr, "bench_coordinator: %s\n", err.text);
        return 1;
    }
    const bool ok = b.ranks.rank == 0 ? lead(&b, &err) : follow(&b, &err);
    if (!ok)
        fprintf(stderr, "bench_coordinator: rank %d: %s\n", b.ranks.rank, err.text);
    double most_s[2];
    if (!b.ranks.abandoned) {
        compare(&b, most_s);
        if (ok && b.ranks.rank == 0)
            report(&b, most_s);
    }
    fflush(NULL);
    if (b.ranks.abandoned)
        _Exit(1);
    lsn_ranks_end(&b.ranks, ok ? 0 : 1);
    return ok ? 0 : 1;
}
