#include "cli/cli.h"

#include "lesion/report.h"
#include "lesion/simulate.h"
#include "lesion/ranks.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANKS = 100000, MOST_TIMES = 1000000, HELD = 2 };

static const double UNIT_S = 5, TRIAL_S = 1;

typedef struct simulate_options {
    const char *study;
    lsn_overrides overrides;
    int *ranks;
    int n_ranks;
    const char *spec; /* of the faults, as given */
    lsn_faults faults;
    uint64_t seed;
} simulate_options;

enum { OPT_RANKS = 256, OPT_FAULTS, OPT_SEED, OPT_SET };

static const struct option simulate_option_table[] = {
    {"ranks", required_argument, NULL, OPT_RANKS},
    {"faults", required_argument, NULL, OPT_FAULTS},
    {"seed", required_argument, NULL, OPT_SEED},
    {"set", required_argument, NULL, OPT_SET},
    {"help", no_argument, NULL, 'h'},
    {0},
};

/* What goes on even where no faults are asked for. */
static const lsn_faults usual_faults = {
    .silence_s = 120, .noise = 0.05, .start_s = 5, .delay_s = 1e-3, .serve_s = 1e-4, .notice_s = 30, .give_up_s = 60};

/* ---- the faults ---------------------------------------------------------------------------------------------- */

typedef enum fault_kind { TIMES, SPREAD, DURATION } fault_kind;

static const struct {
    const char *name;
    fault_kind kind;
    size_t offset; /* in lsn_faults */
} fault_names[] = {
    {"deaths", TIMES, offsetof(lsn_faults, deaths)},     {"silent", TIMES, offsetof(lsn_faults, silences)},
    {"refused", TIMES, offsetof(lsn_faults, refusals)},  {"sick", TIMES, offsetof(lsn_faults, sick)},
    {"poison", TIMES, offsetof(lsn_faults, poisons)},    {"broken", TIMES, offsetof(lsn_faults, broken)},
    {"restarts", TIMES, offsetof(lsn_faults, restarts)}, {"speed", SPREAD, offsetof(lsn_faults, spread)},
    {"noise", SPREAD, offsetof(lsn_faults, noise)},      {"silence", DURATION, offsetof(lsn_faults, silence_s)},
    {"start", DURATION, offsetof(lsn_faults, start_s)},  {"delay", DURATION, offsetof(lsn_faults, delay_s)},
    {"serve", DURATION, offsetof(lsn_faults, serve_s)},  {"notice", DURATION, offsetof(lsn_faults, notice_s)},
    {"lost", DURATION, offsetof(lsn_faults, give_up_s)}, {"stop", DURATION, offsetof(lsn_faults, stop_s)},
    {"fatal", TIMES, offsetof(lsn_faults, fatal)},
};

enum { N_FAULTS = sizeof fault_names / sizeof *fault_names };

static int find_fault(const char *name)
{
    for (int i = 0; i < N_FAULTS; i++)
        if (strcmp(fault_names[i].name, name) == 0)
            return i;
    return N_FAULTS;
}

static bool unknown_fault(const char *name, lsn_error *err)
{
    const char *known[N_FAULTS + 1] = {NULL};
    for (int i = 0; i < N_FAULTS; i++)
        known[i] = fault_names[i].name;
    const char *nearest = lsn_nearest(name, known);
    if (nearest != NULL)
        return lsn_fail(err, LSN_USAGE, "--faults: '%s' is none: did you mean %s?", name, nearest);
    return lsn_fail(err, LSN_USAGE, "--faults: '%s' is none: see 'lesion simulate --help'", name);
}

/* "1ms" and "100us" beside what lsn_parse_duration reads, and 0. */
static bool parse_moment(const char *text, double *seconds, lsn_error *err)
{
    char *end;
    const double number = strtod(text, &end), scale = strcmp(end, "ms") == 0 ? 1e-3 : strcmp(end, "us") == 0 ? 1e-6 : 0;
    if (isdigit((unsigned char)*text) && (scale > 0 || (number == 0 && *end == '\0'))) {
        *seconds = number * scale;
        return true;
    }
    return lsn_parse_duration(text, seconds, err);
}

static bool take_fault(lsn_faults *faults, int fault, const char *value, lsn_error *err)
{
    const char *name = fault_names[fault].name;
    char *field = (char *)faults + fault_names[fault].offset, *end;
    const double number = strtod(value, &end);
    const bool is_number = isdigit((unsigned char)*value) && *end == '\0';
    double seconds;
    switch (fault_names[fault].kind) {
    case TIMES:
        if (!is_number || number != floor(number) || number > MOST_TIMES)
            return lsn_fail(err, LSN_USAGE, "--faults: %s=%s should be a whole number, 0 to %d", name, value,
                            MOST_TIMES);
        memcpy(field, &(int32_t){(int32_t)number}, sizeof(int32_t));
        return true;
    case SPREAD:
        if (!is_number || !(number <= 3))
            return lsn_fail(err, LSN_USAGE, "--faults: %s=%s should be a number, 0 to 3, as in %s=0.2", name, value,
                            name);
        memcpy(field, &number, sizeof number);
        return true;
    case DURATION:
        if (!parse_moment(value, &seconds, err))
            return lsn_fail(err, LSN_USAGE, "--faults: %s=%s should be a length of time: 100us, 1ms, 30s, 5m, 1h30m",
                            name, value);
        memcpy(field, &seconds, sizeof seconds);
        return true;
    }
    return false;
}

/* "deaths=3,speed=0.2". */
static bool parse_faults(const char *spec, lsn_faults *faults, lsn_error *err)
{
    char *copy = lsn_strdup(spec, err), *rest = copy;
    bool ok = copy != NULL;
    for (char *item; ok && (item = strsep(&rest, ",")) != NULL;) {
        char *value = strchr(item, '=');
        if (value == NULL || value == item) {
            ok = lsn_fail(err, LSN_USAGE, "--faults: '%s' should be NAME=VALUE, as in deaths=3,speed=0.2", item);
            break;
        }
        *value++ = '\0';
        const int fault = find_fault(item);
        ok = fault < N_FAULTS ? take_fault(faults, fault, value, err) : unknown_fault(item, err);
    }
    free(copy);
    if (ok && faults->give_up_s < faults->notice_s)
        return lsn_fail(err, LSN_USAGE, "--faults: lost should be no shorter than notice");
    return ok;
}

/* ---- options ------------------------------------------------------------------------------------------------- */

static bool take_ranks(simulate_options *options, lsn_error *err)
{
    free(options->ranks);
    if (!lsn_parse_counts(optarg, &options->ranks, &options->n_ranks, err))
        return lsn_fail_in(err, "--ranks");
    for (int i = 0; i < options->n_ranks; i++)
        if (options->ranks[i] > MOST_RANKS)
            return lsn_fail(err, LSN_USAGE, "--ranks: %d are too many: at most %d", options->ranks[i], MOST_RANKS);
    return true;
}

static bool take_seed(simulate_options *options, lsn_error *err)
{
    char *end;
    options->seed = strtoull(optarg, &end, 10);
    return (isdigit((unsigned char)*optarg) && *end == '\0') ||
           lsn_fail(err, LSN_USAGE, "--seed %s: should be a whole number", optarg);
}

static bool take_option(void *context, int option, lsn_error *err)
{
    simulate_options *options = context;
    if (option == OPT_SET)
        return lsn_override_add(&options->overrides, optarg, err);
    if (option == OPT_RANKS)
        return take_ranks(options, err);
    if (option == OPT_SEED)
        return take_seed(options, err);
    options->spec = optarg;
    options->faults = usual_faults;
    return parse_faults(optarg, &options->faults, err);
}

/* ---- the work ------------------------------------------------------------------------------------------------ */

/* What a layer takes on one core of this machine. */
static bool measure(const lsn_plan *plan, lsn_costs *costs, lsn_error *err)
{
    const lsn_engine_options options = {.method = LSN_METHOD_WINOGRAD, .memory_bytes = lsn_sweep_default_memory(1)};
    lsn_engine *engine = lsn_engine_create(plan->net, &options, err);
    const bool ok = engine != NULL && lsn_engine_measure(engine, TRIAL_S, costs, err);
    lsn_engine_destroy(engine);
    return ok;
}

/* The study as the scheduler sees it, in seconds; `cost` is to be freed. */
static bool describe_work(const lsn_plan *plan, lsn_sched_work *work, double **cost, lsn_error *err)
{
    const int32_t block = lsn_sweep_block_images(plan);
    const lsn_ablation nothing = {.mask = {0}};
    lsn_costs costs;
    *cost = lsn_array((size_t)plan->n_evaluations, sizeof **cost, err);
    if (*cost == NULL || !measure(plan, &costs, err))
        return false;
    for (int32_t e = 0; e < plan->n_evaluations; e++)
        (*cost)[e] = block * lsn_costs_of(&costs, plan->net, &plan->evaluations[e].ablation);
    *work = (lsn_sched_work){.n_evaluations = plan->n_evaluations,
                             .n_blocks = (plan->images.count + block - 1) / block,
                             .cost = *cost,
                             .unit_cost = block * lsn_costs_of(&costs, plan->net, &nothing),
                             .unit_s = UNIT_S,
                             .speed = 1,
                             .held = HELD,
                             .by_block = plan->stop.half_width > 0};
    return true;
}

/* ---- the tables ---------------------------------------------------------------------------------------------- */

static void print_head(const lsn_plan *plan, const lsn_sched_work *work, const simulate_options *options)
{
    char evaluations[LSN_NUMBER_BYTES], blocks[LSN_NUMBER_BYTES], text[LSN_NUMBER_BYTES];
    double seconds = work->unit_cost;
    for (int32_t e = 0; e < work->n_evaluations; e++)
        seconds += work->cost[e];
    printf("%-12s  %s: %s ablations on %s blocks of %d images\n", "study", plan->name,
           lsn_count_text(work->n_evaluations, evaluations), lsn_count_text(work->n_blocks, blocks),
           (int)lsn_sweep_block_images(plan));
    printf("%-12s  %s on one core of this machine, measured just now\n", "work",
           lsn_duration_text(seconds * work->n_blocks, text));
    printf("%-12s  %s; seed %llu\n\n", "faults", options->spec == NULL ? "none" : options->spec,
           (unsigned long long)options->seed);
    printf("%12s  %14s  %10s  %7s  %11s  %12s  %14s  %6s  %8s  %s\n", "worker ranks", "makespan", "efficiency", "done",
           "units", "longest unit", "work lost", "deaths", "given up", "ended");
}

static const char *ending_in_words(const lsn_simulated *seen)
{
    switch (seen->ending) {
    case LSN_COMPLETE:
        return "complete";
    case LSN_DRAINED:
        return "stopped in time";
    case LSN_NO_WORKERS:
        return "no workers left";
    case LSN_TOO_MANY_FAILED:
        return "too many failures";
    }
    return "";
}

static void print_row(int ranks, const lsn_simulated *seen)
{
    char makespan[LSN_NUMBER_BYTES], units[LSN_NUMBER_BYTES], longest[LSN_NUMBER_BYTES], lost[LSN_NUMBER_BYTES];
    printf("%12d  %14s  %8.2f %%  %5.1f %%  %11s  %12s  %14s  %6d  %8d  %s\n", ranks,
           lsn_duration_text(seen->makespan_s, makespan), 100 * seen->work_s / seen->capacity_s, 100 * seen->share,
           lsn_count_text(seen->units, units), lsn_duration_text(seen->longest_s, longest),
           lsn_duration_text(fmax(seen->lost_s, 0), lost), (int)seen->dead, (int)seen->failed, ending_in_words(seen));
    fflush(stdout);
}

/* The jobs are as many as in a run, though not the same where filters are ranked by activations. */
static int simulate(lsn_plan *plan, const simulate_options *options)
{
    static int usual[] = {1, 10, 100, 1000, 10000};
    const int *ranks = options->ranks != NULL ? options->ranks : usual;
    const int count = options->ranks != NULL ? options->n_ranks : (int)(sizeof usual / sizeof *usual);
    lsn_error err = {0};
    lsn_simulation simulation = {.faults = options->faults, .seed = options->seed};
    double *cost = NULL;
    bool ok = lsn_plan_expand(plan, NULL, &err) && describe_work(plan, &simulation.work, &cost, &err);
    if (ok)
        print_head(plan, &simulation.work, options);
    for (int i = 0; ok && i < count; i++) {
        lsn_simulated seen;
        simulation.work.n_workers = ranks[i];
        ok = lsn_simulate(&simulation, &seen, &err);
        if (ok)
            print_row(ranks[i], &seen);
    }
    if (ok)
        puts("\nefficiency: work that is needed / (ranks x makespan). Work lost: computed, but not recorded.\n"
             "Given up: ablations that could not be computed.");
    if (ok && simulation.work.by_block)
        puts("Jobs may end early: that much work is an upper bound.");
    free(cost);
    return ok ? LSN_OK : lsn_exit_with(&err);
}

int lsn_command_simulate(int argc, char **argv)
{
    simulate_options options = {.faults = usual_faults, .seed = 1};
    int code = lsn_read_options(argc, argv, simulate_option_table, "simulate", "one study file", take_option, &options);
    if (code == LSN_OK) {
        options.study = argv[optind];
        lsn_plan *plan = lsn_read_plan(options.study, &options.overrides, NULL, &code);
        if (plan != NULL)
            code = simulate(plan, &options);
        lsn_plan_destroy(plan);
    }
    lsn_overrides_finish(&options.overrides);
    free(options.ranks);
    return code == LSN_HELPED ? LSN_OK : code;
}
