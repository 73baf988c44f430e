/* Databases that hold different blocks of the same evaluations. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const tables[] = {
    "SELECT evaluation, key, status, images, top1, top5, lost, gained, agree, loss_sum, kl_sum, margin_sum, base_top5, "
    "base_loss_sum, d_loss_squared, d_loss_error, d_loss_low, d_loss_high, p, p_exact, balanced_accuracy, top1_low, "
    "top1_high FROM evaluation ORDER BY evaluation",
    "SELECT * FROM evaluation_class ORDER BY evaluation, class",
    "SELECT * FROM image_result ORDER BY evaluation, image",
    "SELECT * FROM drift ORDER BY evaluation, layer",
    "SELECT * FROM curve",
    "SELECT * FROM pair_interval",
    "SELECT evaluation, block FROM part",
};
enum { N_TABLES = sizeof tables / sizeof *tables, INPUTS = 3, BLOCK = 3, BLOCKS = 4 };

static void name(fixture *f, const char *file)
{
    snprintf(f->path, sizeof f->path, "%s/%s.db", f->folder, file);
}

/* A database of all results, judged. */
static void make_whole(fixture *f)
{
    lsn_error err = {0};
    name(f, "whole");
    lsn_store *store = fixture_store(f, BLOCK);
    fixture_fill(f, store);
    if (!lsn_store_judge(store, &err))
        fail_msg("%s", err.text);
    lsn_store_close(store);
}

/* Each part goes to one input or another, some to several, and of every `lacking`-th evaluation one to none. */
static void scatter(fixture *f, uint64_t seed, int lacking)
{
    for (int i = 0; i < INPUTS; i++) {
        char file[16];
        lsn_random random;
        lsn_random_init(&random, seed, 0);
        snprintf(file, sizeof file, "%d", i);
        name(f, file);
        lsn_store *store = fixture_store(f, BLOCK);
        for (int32_t e = 0; e < f->plan.n_evaluations; e++)
            for (int32_t b = 0; b < BLOCKS; b++) {
                const uint64_t who = lsn_random_below(&random, INPUTS + 1); /* the last: all */
                const bool nobody = lacking > 0 && e % lacking == 1 && b == 2;
                if (!nobody && (who == (uint64_t)i || who == INPUTS) && !lsn_store_has(store, e, b))
                    fixture_add(f, store, e, b);
            }
        assert_true(lsn_store_commit(store, NULL));
        lsn_store_close(store);
    }
}

static lsn_code merge(fixture *f, lsn_merged *merged, lsn_error *err)
{
    char paths[INPUTS][96];
    const char *inputs[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%d.db", f->folder, i);
        inputs[i] = paths[i];
    }
    *err = (lsn_error){0};
    name(f, "merged");
    return lsn_store_merge(inputs, INPUTS, f->path, true, merged, err) ? LSN_OK : err->code;
}

static void assert_whole(fixture *f)
{
    for (int t = 0; t < N_TABLES; t++) {
        name(f, "whole");
        char *expected = fixture_ask(f, tables[t]);
        name(f, "merged");
        fixture_expect(f, tables[t], expected);
        free(expected);
    }
}

static void forget(fixture *f)
{
    for (int i = 0; i < INPUTS; i++) {
        char file[16];
        snprintf(file, sizeof file, "%d", i);
        name(f, file);
        unlink(f->path);
    }
    name(f, "whole");
    unlink(f->path);
}

static void scatter_and_merge(fixture *f)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        lsn_merged merged;
        lsn_error err;
        const int lacking = seed % 2 == 0 ? 3 : 0;
        make_whole(f);
        scatter(f, seed, lacking);
        if (merge(f, &merged, &err) != LSN_OK)
            fail_msg("seed %d: %s", (int)seed, err.text);
        assert_int_equal(merged.jobs, f->plan.n_jobs);
        assert_int_equal(merged.failed, 0);
        if (lacking == 0)
            assert_int_equal(merged.done, merged.jobs);
        fixture_expect(f, "SELECT count(*) FROM part p JOIN evaluation e USING (evaluation) WHERE status = 'done'",
                       "0\n");
        /* What is missing is taken up where the inputs left it. */
        lsn_store *store = fixture_store(f, BLOCK);
        fixture_fill(f, store);
        if (!lsn_store_judge(store, &err))
            fail_msg("%s", err.text);
        lsn_store_close(store);
        assert_whole(f);
        forget(f);
    }
}

static void scattered_parts_become_whole(void **state)
{
    fixture *f = *state;
    f->plan.metrics = (lsn_metrics){.per_class = true, .images = true, .drift = true};
    scatter_and_merge(f);
}

static void races_end_where_they_would_have(void **state)
{
    fixture *f = *state;
    f->plan.metrics = (lsn_metrics){.images = true};
    f->plan.stop = (lsn_stopping){.half_width = 0.5, .confidence = 0.6};
    scatter_and_merge(f);
}

/* The same block in two inputs, with other results. */
static void contradicting_parts_are_refused(void **state)
{
    fixture *f = *state;
    lsn_merged merged;
    lsn_error err;
    f->plan.metrics = (lsn_metrics){.per_class = true, .images = true};
    static const char *const changes[] = {
        "UPDATE part SET kl_sum = kl_sum + 1 WHERE evaluation = 4",
        "UPDATE part SET class_right = x'00' WHERE evaluation = 4",
        "UPDATE image_result SET loss = loss + 1 WHERE evaluation = 4",
    };
    static const char *const said[] = {"column kl_sum", "column class_right", "column loss"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        for (int k = 0; k < INPUTS; k++) {
            char file[16];
            snprintf(file, sizeof file, "%d", k);
            name(f, file);
            lsn_store *store = fixture_store(f, BLOCK);
            fixture_add(f, store, 4, 1);
            assert_true(lsn_store_commit(store, NULL));
            lsn_store_close(store);
        }
        assert_int_equal(merge(f, &merged, &err), LSN_OK);
        assert_int_equal(merged.done, 0);
        name(f, "2");
        fixture_tamper(f->path, changes[i]);
        assert_int_equal(merge(f, &merged, &err), LSN_INVALID);
        if (strstr(err.text, said[i]) == NULL || strstr(err.text, "/2.db: contradicts") == NULL)
            fail_msg("%s", err.text);
        forget(f);
    }
}

/* Parts that cannot be, and that no other input contradicts. */
static void impossible_parts_are_refused(void **state)
{
    fixture *f = *state;
    lsn_merged merged;
    lsn_error err;
    f->plan.metrics = (lsn_metrics){.per_class = true};
    static const char *const changes[] = {
        "UPDATE part SET images = 2",
        "UPDATE part SET block = block + 9",
        "UPDATE part SET top1 = 5000",
        "UPDATE part SET lost = -1",
        "UPDATE study SET block_images = 0; UPDATE study SET images = 0",
        "UPDATE layer SET name = 'x' WHERE layer = 0",
        "UPDATE evaluation SET key = 'none' WHERE evaluation = 3",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        scatter(f, 3, 1);
        name(f, "1");
        char sql[256];
        snprintf(sql, sizeof sql, "PRAGMA ignore_check_constraints = ON; %s", changes[i]);
        fixture_tamper(f->path, sql);
        if (merge(f, &merged, &err) == LSN_OK)
            fail_msg("'%s' was merged", changes[i]);
        assert_true(access(f->path, F_OK) != 0);
        forget(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scattered_parts_become_whole, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(races_end_where_they_would_have, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(contradicting_parts_are_refused, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(impossible_parts_are_refused, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
