/* The scheduler's own cost, and what it makes of many ranks.
 *
 * usage: bench_sched units [WORKERS]...    microseconds that cutting, assigning and finishing a unit take, with work
 *                                          that takes no time; default: 1 64 1000 10000 100000
 *        bench_sched large                 a study of 1,000,000 evaluations on 1,000 blocks, 100,000 workers: time
 *                                          until the first unit, and memory
 *        bench_sched vgg19 [WORKERS]...    every filter of VGG-19 over 50,000 images by simulation (no weights needed:
 *                                          costs as predicted, scaled to IMAGE_S); default: 100 1000 10000 100000
 */
#include "lesion/engine.h"
#include "lesion/simulate.h"
#include "net/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const double IMAGE_S = 0.1185; /* a pass of VGG-19 on one core; see README.md */

enum { IMAGES = 50000, BLOCK_IMAGES = 8, MOST_COUNTS = 16 };

typedef struct counts {
    int32_t workers[MOST_COUNTS];
    int n;
} counts;

static void fail(const lsn_error *err)
{
    fprintf(stderr, "bench_sched: %s\n", err->text);
    exit(1);
}

static counts read_counts(int argc, char **argv, const char *usual[])
{
    counts read = {.n = 0};
    const char *const *from = argc > 2 ? (const char *const *)argv + 2 : usual;
    for (; *from != NULL && read.n < MOST_COUNTS; from++)
        read.workers[read.n++] = atoi(*from) > 0 ? atoi(*from) : 1;
    return read;
}

static double peak_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

/* ---- the cost of a unit -------------------------------------------------------------------------------------- */

typedef struct given {
    int32_t worker, id;
    double cost;
} given;

/* Assigns units to whoever is hungry, finishes the one that was given first, and so on; returns the units played. */
static int64_t turn_over(lsn_sched *sched, size_t room, int64_t most, lsn_error *err)
{
    given *queue = lsn_array(room, sizeof *queue, err);
    size_t first = 0, count = 0;
    int64_t units = 0;
    lsn_action action = {.kind = LSN_ASSIGN};
    if (queue == NULL)
        fail(err);
    while (units < most && action.kind != LSN_FINISH) {
        while (lsn_sched_next(sched, &action, err) && action.kind == LSN_ASSIGN) {
            queue[(first + count++) % room] = (given){action.worker, action.unit->id, action.unit->cost};
            units++;
        }
        if (err->code != LSN_OK)
            fail(err);
        if (count == 0)
            break;
        const given done = queue[first++ % room];
        count--;
        lsn_sched_done(sched, done.worker, done.id, done.cost);
    }
    free(queue);
    return units;
}

static void measure_units(int32_t workers)
{
    enum { EVALUATIONS = 100000, BLOCKS = 1000, HELD = 2, UNITS = 2000000 };
    lsn_error err = {0};
    double *cost = lsn_array(EVALUATIONS, sizeof *cost, &err);
    if (cost == NULL)
        fail(&err);
    for (int32_t e = 0; e < EVALUATIONS; e++)
        cost[e] = 1 + 1e-3 * (e % 977);
    /* Units of some 16 evaluations. */
    lsn_sched_work work = {.n_evaluations = EVALUATIONS,
                           .n_blocks = BLOCKS,
                           .n_workers = workers,
                           .cost = cost,
                           .unit_cost = 0.1,
                           .unit_s = 24,
                           .speed = 1,
                           .held = HELD};
    lsn_sched *sched = lsn_sched_create(&work, &err);
    if (sched == NULL)
        fail(&err);
    const double began_s = lsn_now_s();
    for (int32_t w = 0; w < workers; w++)
        lsn_sched_joined(sched, w);
    const int64_t units = turn_over(sched, (size_t)workers * HELD, UNITS, &err);
    const double seconds = lsn_now_s() - began_s;
    printf("%8d workers: %9lld units, %.3f us a unit, peak memory %.0f MiB\n", (int)workers, (long long)units,
           1e6 * seconds / (double)units, peak_mib());
    lsn_sched_destroy(sched);
    free(cost);
}

static void measure_large(void)
{
    enum { EVALUATIONS = 1000000, BLOCKS = 1000, WORKERS = 100000 };
    lsn_error err = {0};
    double *cost = lsn_array(EVALUATIONS, sizeof *cost, &err);
    if (cost == NULL)
        fail(&err);
    for (int32_t e = 0; e < EVALUATIONS; e++)
        cost[e] = 1 + e % 5;
    lsn_sched_work work = {.n_evaluations = EVALUATIONS,
                           .n_blocks = BLOCKS,
                           .n_workers = WORKERS,
                           .cost = cost,
                           .unit_cost = 1,
                           .unit_s = 5,
                           .speed = 1,
                           .held = 2};
    const double before = peak_mib(), began_s = lsn_now_s();
    lsn_sched *sched = lsn_sched_create(&work, &err);
    if (sched == NULL)
        fail(&err);
    for (int32_t w = 0; w < WORKERS; w++)
        lsn_sched_joined(sched, w);
    lsn_action action;
    lsn_sched_next(sched, &action, &err);
    const double first_s = lsn_now_s() - began_s;
    turn_over(sched, 2 * (size_t)WORKERS, 4 * (int64_t)WORKERS, &err);
    printf("1,000,000 evaluations x 1,000 blocks, 100,000 workers: %.2f s to the first unit, %.0f MiB\n", first_s,
           peak_mib() - before);
    lsn_sched_destroy(sched);
    free(cost);
}

/* ---- VGG-19 -------------------------------------------------------------------------------------------------- */

/* The shapes of VGG-19 at 224 x 224, without weights. */
static lsn_net *make_vgg19(lsn_error *err)
{
    static const int filters[] = {64,  64,  0,   128, 128, 0,   256, 256, 256, 256, 0,
                                  512, 512, 512, 512, 0,   512, 512, 512, 512, 0};
    static const int rows[] = {4096, 4096, 1000};
    const lsn_net_window kernel = {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}, half = {{2, 2}, .stride = {2, 2}};
    lsn_net *net = lsn_net_create("VGG-19", err);
    int value = net == NULL ? -1 : lsn_net_add_input(net, 3, err), channels = 3;
    char name[16] = "";
    for (size_t i = 0; value >= 0 && i < sizeof filters / sizeof *filters; i++) {
        if (filters[i] == 0) {
            value = lsn_net_add_max_pool(net, value, half, err);
            continue;
        }
        snprintf(name, sizeof name, "conv%zu", i);
        value = lsn_net_add_conv(net, value, filters[i], channels, kernel, err);
        if (value >= 0 && lsn_net_add_layer(net, value, (lsn_layer_names){.name = name}, err))
            value = lsn_net_add_plain(net, LSN_OP_RELU, value, err);
        channels = filters[i];
    }
    value = value < 0 ? -1 : lsn_net_add_plain(net, LSN_OP_FLATTEN, value, err);
    channels *= 7 * 7;
    for (int i = 0; value >= 0 && i < 3; i++) {
        snprintf(name, sizeof name, "fc%d", i);
        value = lsn_net_add_dense(net, value, rows[i], channels, err);
        if (value >= 0 && lsn_net_add_layer(net, value, (lsn_layer_names){.name = name}, err) && i < 2)
            value = lsn_net_add_plain(net, LSN_OP_RELU, value, err);
        channels = rows[i];
    }
    if (value < 0 || !lsn_net_complete(net, err) || !lsn_net_set_input(net, 224, 224, 3, err))
        fail(err);
    return net;
}

/* Seconds of every convolution's filters one by one, on a block; the first one is the intact network's. */
static double *find_costs(int32_t *count, lsn_error *err)
{
    lsn_net *net = make_vgg19(err);
    lsn_costs costs;
    if (!lsn_costs_predict(net, &costs, err))
        fail(err);
    const int32_t filter = 0;
    *count = 1;
    for (int l = 0; net->layers[l].kind == LSN_CONVOLUTION; l++)
        *count += net->layers[l].filters;
    double *cost = lsn_array((size_t)*count, sizeof *cost, err);
    if (cost == NULL)
        fail(err);
    const lsn_ablation nothing = {.mask = {0}};
    cost[0] = IMAGE_S * BLOCK_IMAGES;
    const double scale = cost[0] / lsn_costs_of(&costs, &nothing);
    int32_t at = 1;
    for (int l = 0; net->layers[l].kind == LSN_CONVOLUTION; l++) {
        const lsn_mask_part part = {.layer = l, .count = 1, .filters = &filter};
        const lsn_ablation one = {.mask = {1, &part}};
        for (int f = 0; f < net->layers[l].filters; f++)
            cost[at++] = scale * lsn_costs_of(&costs, &one);
    }
    lsn_costs_finish(&costs);
    lsn_net_destroy(net);
    return cost;
}

static void simulate_vgg19(const double *cost, int32_t count, int32_t workers, const lsn_faults *faults,
                           const char *what)
{
    lsn_error err = {0};
    lsn_simulated seen;
    const lsn_simulation simulation = {.work = {.n_evaluations = count,
                                                .n_blocks = (IMAGES + BLOCK_IMAGES - 1) / BLOCK_IMAGES,
                                                .n_workers = workers,
                                                .cost = cost,
                                                .unit_cost = cost[0],
                                                .unit_s = 5,
                                                .speed = 1,
                                                .held = 2},
                                       .faults = *faults,
                                       .seed = 1};
    const double began_s = lsn_now_s();
    if (!lsn_simulate(&simulation, &seen, &err))
        fail(&err);
    printf("%8d  %-22s  %10.0f s  %7.2f %%  %6.2f %%  %9lld  %6.1f s  %6.2f %%  %5.1f s\n", (int)workers, what,
           seen.makespan_s, 100 * seen.work_s / seen.capacity_s, 100 * seen.lost_s / seen.computed_s,
           (long long)seen.units, seen.longest_s, 100 * seen.served_s / seen.makespan_s, lsn_now_s() - began_s);
}

static void measure_vgg19(const counts *wanted)
{
    static const lsn_faults usual = {
        .noise = 0.05, .start_s = 5, .delay_s = 1e-3, .serve_s = 1e-4, .notice_s = 30, .give_up_s = 60};
    lsn_faults uneven = usual, rough = usual, storing = usual, slow = usual;
    storing.store_s = 5e-6;
    slow.store_s = 1e-5;
    uneven.spread = 0.3;
    rough.spread = 0.2;
    rough.silence_s = 120;
    lsn_error err = {0};
    int32_t count;
    double *cost = find_costs(&count, &err);
    printf("%8s  %-22s  %12s  %9s  %8s  %9s  %8s  %8s  %7s\n", "workers", "what", "makespan", "efficiency", "lost",
           "units", "longest", "rank 0", "took");
    for (int i = 0; i < wanted->n; i++) {
        rough.deaths = rough.silences = 1 + wanted->workers[i] / 100;
        simulate_vgg19(cost, count, wanted->workers[i], &usual, "alike");
        simulate_vgg19(cost, count, wanted->workers[i], &uneven, "speeds vary by 30 %");
        simulate_vgg19(cost, count, wanted->workers[i], &rough, "1 % die, 1 % silent");
        simulate_vgg19(cost, count, wanted->workers[i], &storing, "0.005 ms a result");
        simulate_vgg19(cost, count, wanted->workers[i], &slow, "0.01 ms a result");
    }
    free(cost);
}

int main(int argc, char **argv)
{
    static const char *units[] = {"1", "64", "1000", "10000", "100000", NULL};
    static const char *vgg19[] = {"100", "1000", "10000", "100000", NULL};
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "units") == 0) {
        const counts wanted = read_counts(argc, argv, units);
        for (int i = 0; i < wanted.n; i++)
            measure_units(wanted.workers[i]);
    } else if (strcmp(what, "large") == 0) {
        measure_large();
    } else if (strcmp(what, "vgg19") == 0) {
        const counts wanted = read_counts(argc, argv, vgg19);
        measure_vgg19(&wanted);
    } else {
        fprintf(stderr, "usage: bench_sched units|large|vgg19 [WORKERS]...\n");
        return 2;
    }
    return 0;
}
