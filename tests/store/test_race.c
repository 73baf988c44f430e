/* Evaluations that end as soon as their change of top-1 is known well enough. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char results[] =
    "SELECT key, images, top1, top5, lost, gained, agree, loss_sum, kl_sum, margin_sum, base_top5, base_loss_sum, "
    "d_loss_squared, d_loss_error, d_loss_low, d_loss_high, p, seconds FROM evaluation ORDER BY key";
static const char images[] = "SELECT * FROM image_view ORDER BY job, image";
static const char drift[] = "SELECT * FROM drift_view ORDER BY job, layer_index";

static int set_up(void **state)
{
    int failed = fixture_set_up(state);
    fixture *f = *state;
    f->plan.metrics = (lsn_metrics){.images = true, .drift = true};
    f->plan.stop = (lsn_stopping){.half_width = 0.5, .confidence = 0.6};
    return failed;
}

/* How many blocks evaluation `e` takes, by the definition. */
static int32_t blocks_needed(const fixture *f, int32_t e, int32_t block_images, int32_t blocks)
{
    lsn_race race = {0};
    for (int32_t b = 0; b < blocks; b++) {
        made_part made;
        fixture_part(f, e, block_images, b, &made);
        lsn_race_add(&race, made.tally.images, made.tally.lost, made.tally.gained);
        if (e != 0 && lsn_race_half_width(&race, f->plan.stop.confidence) <= f->plan.stop.half_width)
            return b + 1;
    }
    return blocks;
}

static void a_race_ends_at_the_first_block_that_will_do(void **state)
{
    fixture *f = *state;
    for (int32_t block_images = 1; block_images <= FIXTURE_IMAGES; block_images++) {
        snprintf(f->path, sizeof f->path, "%s/%d.db", f->folder, block_images);
        lsn_store *store = fixture_store(f, block_images);
        const int32_t blocks = lsn_store_blocks(store);
        int32_t early = 0, full = 0;
        lsn_text expected = {0};
        for (int32_t e = 0; e < f->plan.n_evaluations; e++) {
            const int32_t needed = blocks_needed(f, e, block_images, blocks);
            lsn_tally sum = {0};
            for (int32_t b = 0; b < blocks; b++) {
                made_part made;
                fixture_part(f, e, block_images, b, &made);
                assert_true(lsn_store_complete(store, e) == (b >= needed));
                assert_true(lsn_store_has(store, e, b) == (b >= needed));
                lsn_store_change change;
                assert_true(lsn_store_add(store, e, b, &made.part, &change, NULL));
                assert_true(change.added == (b < needed) && change.completed == (b + 1 == needed));
                if (b < needed)
                    lsn_tally_add(&sum, &made.tally);
            }
            assert_true(lsn_store_complete(store, e));
            early += needed < blocks;
            full += needed == blocks;
            lsn_text_add(&expected, "%d|%lld|%lld|%lld|%lld|%lld|%lld|%lld\n", e, (long long)sum.images,
                         (long long)sum.top1, (long long)sum.lost, (long long)sum.gained, (long long)sum.loss,
                         (long long)sum.base_loss, (long long)sum.images);
        }
        assert_true(lsn_store_commit(store, NULL));
        lsn_store_close(store);
        assert_true(block_images > 3 || (early > 2 && full > 2)); /* the made-up results are worth a race */
        fixture_expect(f,
                       "SELECT evaluation, images, top1, lost, gained, loss_sum, base_loss_sum, (SELECT count(*) FROM "
                       "image_result i WHERE i.evaluation = e.evaluation AND i.image < e.images) FROM evaluation e",
                       expected.data);
        fixture_expect(f,
                       "SELECT (SELECT count(*) FROM part), (SELECT sum(images) = (SELECT count(*) FROM image_result) "
                       "FROM evaluation)",
                       "0|1\n");
        lsn_text_finish(&expected);
    }
}

/* Adds the parts in the order given, over several runs that end with what was not committed lost. */
static void run_in_order(fixture *f, const int32_t *order, int32_t total, int32_t blocks)
{
    for (int32_t next = 0; next < total;) {
        lsn_store *store = fixture_store(f, 1);
        const int32_t until = next + 37 < total ? next + 37 : total;
        for (; next < until; next++)
            fixture_add(f, store, order[next] / blocks, order[next] % blocks);
        assert_true(lsn_store_commit(store, NULL));
        if (next < total)
            fixture_add(f, store, order[next] / blocks, order[next] % blocks);
        lsn_store_close(store);
    }
}

static void the_order_of_arrival_does_not_matter(void **state)
{
    fixture *f = *state;
    enum { ORDERS = 6 };
    const int32_t blocks = FIXTURE_IMAGES, total = f->plan.n_evaluations * blocks;
    int32_t order[256];
    char *first[3] = {0};
    static const char *const queries[3] = {results, images, drift};
    assert_true(total <= 256);
    for (int o = 0; o < ORDERS; o++) {
        lsn_random random;
        lsn_random_init(&random, 5, (uint64_t)o);
        for (int32_t i = 0; i < total; i++)
            order[i] = o == 1 ? total - 1 - i : i;
        if (o > 1)
            lsn_random_choose(&random, order, (size_t)total, (size_t)total);
        snprintf(f->path, sizeof f->path, "%s/order%d.db", f->folder, o);
        run_in_order(f, order, total, blocks);
        lsn_store *store = fixture_store(f, 1);
        assert_true(lsn_store_judge(store, NULL));
        lsn_store_close(store);
        for (int q = 0; q < 3; q++) {
            if (o == 0)
                first[q] = fixture_ask(f, queries[q]);
            fixture_expect(f, queries[q], first[q]);
        }
    }
    for (int q = 0; q < 3; q++)
        free(first[q]);
}

/* Once the prefix is known, what is missing beyond it is of no account. */
static void later_blocks_wait_for_the_first(void **state)
{
    fixture *f = *state;
    lsn_store *store = fixture_store(f, 1);
    int32_t e = 1;
    while (blocks_needed(f, e, 1, 10) >= 9)
        e++;
    const int32_t needed = blocks_needed(f, e, 1, 10);
    for (int32_t b = 9; b > 0; b--) {
        fixture_add(f, store, e, b);
        assert_false(lsn_store_complete(store, e));
    }
    fixture_add(f, store, e, 0);
    assert_true(lsn_store_complete(store, e));
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
    char sql[128], answer[16];
    snprintf(sql, sizeof sql, "SELECT images FROM evaluation WHERE evaluation = %d", e);
    snprintf(answer, sizeof answer, "%d\n", needed);
    fixture_expect(f, sql, answer);
}

static void the_baseline_sees_all_images(void **state)
{
    fixture *f = *state;
    f->plan.stop.half_width = 1e9; /* any block will do */
    fixture_complete(f, 2);
    fixture_expect(f, "SELECT images, count(*) FROM evaluation GROUP BY images ORDER BY images", "2|12\n10|1\n");
    fixture_expect(f, "SELECT stop_half_width, stop_confidence FROM study", "1000000000.0|0.6\n");
    fixture_expect(f, "SELECT count(*) FROM image_result", "34\n");
}

static void damaged_parts_are_an_error(void **state)
{
    fixture *f = *state;
    static const char *const acts[] = {
        "UPDATE part SET lost = -1",
        "UPDATE part SET gained = 99",
        "UPDATE part SET images = 7",
        "UPDATE part SET top1 = -5",
        "UPDATE part SET class_right = x'ffffffff', class_predicted = x'00'",
        "UPDATE part SET drift = x'00'",
        "UPDATE part SET seconds = -1e300",
    };
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        lsn_error err = {0};
        snprintf(f->path, sizeof f->path, "%s/damaged%d.db", f->folder, (int)i);
        lsn_store *store = fixture_store(f, 2);
        fixture_add(f, store, 1, 1);
        fixture_add(f, store, 1, 2);
        assert_true(lsn_store_commit(store, &err));
        lsn_store_close(store);
        fixture_tamper(f->path, acts[i]);
        store = fixture_store(f, 2);
        bool ok = true;
        const int32_t rest[] = {0, 3, 4};
        for (int b = 0; ok && b < 3; b++) {
            made_part made;
            fixture_part(f, 1, 2, rest[b], &made);
            ok = lsn_store_add(store, 1, rest[b], &made.part, NULL, &err);
        }
        assert_false(ok);
        assert_int_equal(err.code, LSN_FAILED);
        assert_non_null(strstr(err.text, "is damaged"));
        lsn_store_close(store);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_race_ends_at_the_first_block_that_will_do),
        TEST(the_order_of_arrival_does_not_matter),
        TEST(later_blocks_wait_for_the_first),
        TEST(the_baseline_sees_all_images),
        TEST(damaged_parts_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
