/* One copy of the weights for the ranks of a node. Run by mpirun, on one machine; all ranks go through the same tests.
 *
 * Ranks: 3. Each has a folder of its own, and rank 0 alone has weights in it. */
#include "../cli/shell.h"
#include "../cli/tiny.h"

#include "lesion/formats.h"
#include "mpi/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SEED = 7, RANKS = 3 };

static lsn_ranks ranks;

static int begin(void **state)
{
    lsn_error err;
    if (!lsn_ranks_begin(&ranks, &err) || ranks.size != RANKS || shell_begin(state) != 0)
        return -1;
    remove("net.safetensors");
    if (ranks.rank == 0)
        tiny_write_wide_network("net.safetensors", SEED);
    return 0;
}

static int end(void **state)
{
    lsn_ranks_end(&ranks, 0);
    return shell_end(state);
}

/* ---- plans --------------------------------------------------------------------------------------------------- */

static lsn_plan *read_plan(const char *path, lsn_error *err)
{
    lsn_problems problems = {0};
    *err = (lsn_error){0};
    lsn_plan *plan = lsn_ranks_read_plan(&ranks, path, NULL, 0, &problems, err);
    if (plan == NULL && problems.count > 0)
        snprintf(err->text, sizeof err->text, "%.1000s", problems.text[0]);
    lsn_problems_finish(&problems);
    return plan;
}

static lsn_plan *shared_plan(void)
{
    lsn_error err;
    lsn_plan *plan = read_plan("study.yaml", &err);
    if (plan == NULL)
        fail_msg("rank %d: %s", ranks.rank, err.text);
    return plan;
}

/* The network as it is in rank 0's file. */
static lsn_net *written_model(void)
{
    lsn_error err = {0};
    tiny_write_wide_network("written.safetensors", SEED);
    lsn_net *net = lsn_net_load("written.safetensors", &err);
    assert_non_null(net);
    assert_true(lsn_net_set_input(net, 32, 32, 1, &err));
    assert_int_equal(remove("written.safetensors"), 0);
    return net;
}

static void weights_come_from_rank_0(void **state)
{
    (void)state;
    lsn_plan *plan = shared_plan();
    lsn_net *right = written_model();
    const lsn_net *net = plan->net;
    assert_int_equal(net->n_layers, right->n_layers);
    assert_memory_equal(&net->digest, &right->digest, sizeof right->digest);
    assert_int_equal(net->nodes[0].shape.h, 32);
    for (int l = 0; l < right->n_layers; l++) {
        const lsn_net_node *read = lsn_layer_node(right, l), *received = lsn_layer_node(net, l);
        assert_string_equal(net->layers[l].name, right->layers[l].name);
        assert_memory_equal(received->weights.values, read->weights.values, read->weights.count * sizeof(float));
        assert_memory_equal(received->bias.values, read->bias.values, read->bias.count * sizeof(float));
    }
    lsn_net_destroy(right);
    lsn_plan_destroy(plan);
}

static void packed_weights_are_those_of_one_alone(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_plan *plan = shared_plan();
    lsn_net *net = written_model();
    const size_t bytes = lsn_engine_weights_bytes(net);
    const void *packed, *again;
    void *right = lsn_array(bytes, 1, &err);
    assert_non_null(right);
    assert_true(lsn_engine_pack(net, right, 0, 1, &err));
    assert_true(lsn_ranks_pack(&ranks, plan->net, &packed, &err));
    assert_memory_equal(packed, right, bytes);
    assert_true(lsn_ranks_pack(&ranks, plan->net, &again, &err));
    assert_ptr_equal(packed, again); /* they are packed once */
    free(right);
    lsn_net_destroy(net);
    lsn_plan_destroy(plan);
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* What this process has for itself alone, bytes. */
static size_t anonymous_bytes(void)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Anonymous: %zu kB", &kib) == 1)
            break;
    fclose(file);
    return kib << 10;
}

/* 17 MB of weights, and about as many packed. */
static void a_rank_has_no_weights_of_its_own(void **state)
{
    (void)state;
    lsn_error err = {0};
    const void *packed;
    const size_t before = anonymous_bytes(), few = 3 << 20;
    lsn_plan *plan = shared_plan();
    assert_true(lsn_ranks_pack(&ranks, plan->net, &packed, &err));
    const size_t weights = lsn_net_floats(plan->net) * sizeof(float);
    assert_true(weights > 16 << 20 && lsn_engine_weights_bytes(plan->net) > 16 << 20);
    const size_t taken = anonymous_bytes() - before;
    if (!(taken < few))
        fail_msg("rank %d: %zu bytes taken", ranks.rank, taken);
    assert_int_equal(lsn_ranks_sharers(&ranks), RANKS);
    assert_int_equal(lsn_ranks_share(&ranks), (weights + lsn_engine_weights_bytes(plan->net)) / RANKS);
    lsn_plan_destroy(plan);
}

static void what_one_rank_writes_all_ranks_see(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    lsn_error err = {0};
    lsn_shared shared;
    for (int from = 0; from < RANKS; from++) {
        assert_true(lsn_shared_take(&ranks, COUNT * sizeof(int), true, &shared, &err));
        int *values = shared.bytes;
        assert_int_equal((uintptr_t)values % 64, 0);
        for (int i = 0; from == ranks.rank && i < COUNT; i++)
            values[i] = i ^ from;
        assert_true(lsn_shared_sync(&ranks, &shared, true));
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(values[i], i ^ from);
        assert_false(lsn_shared_sync(&ranks, &shared, ranks.rank != from));
        lsn_shared_release(&shared);
    }
}

/* ---- failures: all ranks come back, and go on -------------------------------------------------------------- */

static void all_know_where_one_has_no_memory(void **state)
{
    (void)state;
    lsn_error err = {0};
    lsn_shared shared;
    assert_false(lsn_shared_take(&ranks, 1 << 20, ranks.rank != 1, &shared, &err));
    assert_null(shared.bytes);
    if (ranks.rank != 1)
        assert_int_equal(err.code, LSN_FAILED);
    struct rlimit before, tight = {.rlim_cur = 64 << 20, .rlim_max = RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    tight.rlim_max = before.rlim_max;
    if (ranks.rank == 2)
        assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    bool got = lsn_shared_take(&ranks, 32 << 20, true, &shared, &err);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_false(got);
    assert_int_equal(err.code, LSN_FAILED);
    assert_non_null(strstr(err.text, ranks.rank == 2 ? "ulimit -v" : "another rank"));
    lsn_plan_destroy(shared_plan());
}

static void weights_that_rank_0_cannot_read_are_told_by_it(void **state)
{
    (void)state;
    lsn_error err;
    assert_true(ranks.rank != 0 || rename("net.safetensors", "away.safetensors") == 0);
    assert_null(read_plan("study.yaml", &err));
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, ranks.rank == 0 ? "net.safetensors: cannot be opened" : "rank 0"));
    assert_true(ranks.rank != 0 || rename("away.safetensors", "net.safetensors") == 0);
    lsn_plan_destroy(shared_plan());
}

/* A study that does not lead as far as its weights, on any one rank. */
static void a_rank_without_the_study_holds_nobody_up(void **state)
{
    (void)state;
    write_file("broken.yaml", "study: [\n");
    for (int which = 0; which < RANKS; which++)
        for (int broken = 0; broken < 2; broken++) {
            lsn_error err;
            const char *path = ranks.rank != which ? "study.yaml" : broken ? "broken.yaml" : "gone.yaml";
            lsn_plan *plan = read_plan(path, &err);
            assert_int_equal(plan == NULL, which == 0 || ranks.rank == which);
            assert_int_equal(err.code, plan == NULL ? LSN_INVALID : LSN_OK);
            lsn_plan_destroy(plan);
        }
    lsn_plan_destroy(shared_plan());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rank_has_no_weights_of_its_own),
        cmocka_unit_test(weights_come_from_rank_0),
        cmocka_unit_test(packed_weights_are_those_of_one_alone),
        cmocka_unit_test(what_one_rank_writes_all_ranks_see),
        cmocka_unit_test(all_know_where_one_has_no_memory),
        cmocka_unit_test(weights_that_rank_0_cannot_read_are_told_by_it),
        cmocka_unit_test(a_rank_without_the_study_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
