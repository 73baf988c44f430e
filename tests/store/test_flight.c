/* Units that workers hold, and who is suspected when a run dies. */
#include "fixture.h"

#include <string.h>

static lsn_store *begin(fixture *f)
{
    lsn_store *store = fixture_store(f, 4);
    assert_true(lsn_store_run_begin(store, &(lsn_run_record){.ranks = 3}, NULL));
    return store;
}

static void give(lsn_store *store, int32_t worker, int32_t unit, int32_t block, int32_t count,
                 const int32_t *evaluations)
{
    const lsn_given given = {
        .worker = worker, .unit = unit, .block = block, .count = count, .evaluations = evaluations};
    assert_true(lsn_store_give(store, &given, NULL));
}

/* The run ends without a word: what was committed stays. */
static void die(lsn_store *store)
{
    assert_true(lsn_store_commit(store, NULL));
    lsn_store_close(store);
}

static bool is_wary(const lsn_store *store)
{
    lsn_store_stock stock;
    assert_true(lsn_store_take_stock(store, &stock, NULL));
    const bool wary = stock.wary;
    lsn_store_stock_finish(&stock);
    return wary;
}

static lsn_store_deaths deaths_of(const lsn_store *store, int32_t evaluation)
{
    lsn_store_stock stock;
    lsn_store_deaths found = {.block = -1};
    assert_true(lsn_store_take_stock(store, &stock, NULL));
    for (int32_t i = 0; i < stock.n_deaths; i++)
        if (stock.deaths[i].evaluation == evaluation)
            found = stock.deaths[i];
    lsn_store_stock_finish(&stock);
    return found;
}

static void what_workers_hold_is_there(void **state)
{
    fixture *f = *state;
    lsn_store *store = begin(f);
    give(store, 0, 7, 0, 2, (const int32_t[]){1, 2});
    give(store, 1, 8, 1, 1, (const int32_t[]){3});
    give(store, 1, 9, 2, 1, (const int32_t[]){3});
    assert_true(lsn_store_answered(store, 0, 7, NULL));
    assert_true(lsn_store_commit(store, NULL));
    fixture_expect(f, "SELECT worker, unit, block, evaluations FROM unit ORDER BY given", "1|8|1|[3]\n1|9|2|[3]\n");
    fixture_expect(f, "SELECT group_concat(evaluation) FROM evaluation WHERE status = 'running'", "1,2,3\n");
    assert_true(lsn_store_answered(store, 1, -1, NULL));
    assert_true(lsn_store_run_note(store, "stopped", NULL));
    fixture_expect(f, "SELECT count(*) FROM unit", "0\n");
    lsn_store_close(store);
    store = fixture_store(f, 4);
    assert_false(is_wary(store));
    lsn_store_close(store);
}

static void what_a_run_stored_is_counted(void **state)
{
    fixture *f = *state;
    lsn_store *store = begin(f);
    fixture_add(f, store, 0, 0);
    fixture_add(f, store, 1, 1);
    fixture_add(f, store, 1, 1); /* again: is not stored */
    assert_true(lsn_store_commit(store, NULL));
    fixture_expect(f, "SELECT evaluated FROM run", "8\n");
    lsn_store_close(store);
    store = begin(f);
    fixture_fill(f, store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT sum(evaluated) = (SELECT images FROM study) * (SELECT count(*) FROM evaluation) FROM run",
                   "1\n");
}

static void who_was_computed_when_a_run_died_is_suspected(void **state)
{
    fixture *f = *state;
    lsn_store *store = begin(f);
    give(store, 0, 1, 2, 2, (const int32_t[]){1, 2});
    give(store, 1, 2, 1, 2, (const int32_t[]){2, 3});
    fixture_add(f, store, 4, 0);
    die(store);
    store = begin(f);
    assert_true(is_wary(store));
    fixture_expect(f, "SELECT how FROM run ORDER BY run", "died\n\n");
    fixture_expect(f, "SELECT count(*) FROM unit", "0\n");
    assert_int_equal(deaths_of(store, 1).deaths, 1);
    assert_int_equal(deaths_of(store, 1).block, 2);
    assert_int_equal(deaths_of(store, 2).deaths, 1); /* once, on what it was given first */
    assert_int_equal(deaths_of(store, 2).block, 2);
    assert_int_equal(deaths_of(store, 4).deaths, 0);
    assert_int_equal(deaths_of(store, 4).block, -1);
    fixture_add(f, store, 2, 1);
    assert_int_equal(deaths_of(store, 2).deaths, 1); /* that was another block */
    fixture_add(f, store, 2, 2);
    assert_int_equal(deaths_of(store, 2).deaths, 0);
    lsn_store_run_note(store, "stopped", NULL);
    lsn_store_close(store);
    store = fixture_store(f, 4);
    assert_int_equal(deaths_of(store, 2).deaths, 0);
    assert_int_equal(deaths_of(store, 1).deaths, 1); /* a run that was stopped says nothing of it */
    assert_true(is_wary(store));
    lsn_store_close(store);
}

static void the_stock_says_what_is_there_and_who_died(void **state)
{
    fixture *f = *state;
    lsn_store *store = begin(f);
    fixture_add(f, store, 1, 0);
    for (int32_t b = 0; b < 3; b++)
        fixture_add(f, store, 2, b);
    give(store, 0, 1, 1, 1, (const int32_t[]){6});
    die(store);
    bool evaluations[64] = {false};
    const lsn_wanted wanted = {.evaluations = evaluations};
    assert_in_range(f->plan.n_evaluations, 8, 64);
    for (int32_t e = 0; e < f->plan.n_evaluations; e++)
        evaluations[e] = e != 3;
    store = lsn_store_open_with(f->path, &f->plan, 4, &(lsn_store_options){.wanted = &wanted}, NULL);
    assert_non_null(store);
    lsn_store_stock stock;
    assert_true(lsn_store_take_stock(store, &stock, NULL));
    assert_int_equal(stock.evaluations, f->plan.n_evaluations);
    assert_int_equal(stock.blocks, 3);
    for (int32_t e = 0; e < stock.evaluations; e++) {
        assert_int_equal(stock.stored[e], e == 2 || e == 3 ? 3 : e == 1);
        for (int32_t b = 0; b < 3; b++)
            assert_true(lsn_stock_has(&stock, e, b) == (e == 2 || e == 3 || (e == 1 && b == 0)));
    }
    assert_true(stock.wary);
    assert_int_equal(stock.n_deaths, 1);
    assert_int_equal(stock.deaths[0].evaluation, 6);
    assert_int_equal(stock.deaths[0].deaths, 1);
    assert_int_equal(stock.deaths[0].alone, 1);
    assert_int_equal(stock.deaths[0].block, 1);
    lsn_store_stock_finish(&stock);
    fixture_add(f, store, 6, 1);
    assert_true(lsn_store_take_stock(store, &stock, NULL));
    assert_int_equal(stock.n_deaths, 0);
    assert_int_equal(stock.stored[6], 1);
    lsn_store_stock_finish(&stock);
    lsn_store_close(store);
}

/* Dies `times` times while evaluation 5 is computed, with another one where not `alone`. */
static void die_of_5(fixture *f, int times, bool alone)
{
    for (int i = 0; i < times; i++) {
        lsn_store *store = begin(f);
        give(store, 0, 1, 0, alone ? 1 : 2, (const int32_t[]){5, 6});
        die(store);
    }
}

static void deaths_alone_are_counted_besides(void **state)
{
    fixture *f = *state;
    die_of_5(f, 6, false);
    die_of_5(f, 2, true);
    lsn_store *store = fixture_store(f, 4);
    assert_int_equal(deaths_of(store, 5).deaths, 8);
    assert_int_equal(deaths_of(store, 5).alone, 2);
    assert_int_equal(deaths_of(store, 6).deaths, 6);
    assert_int_equal(deaths_of(store, 6).alone, 0);
    lsn_store_close(store);
}

static void deaths_are_forgotten_where_that_is_asked_for(void **state)
{
    fixture *f = *state;
    die_of_5(f, 3, true);
    lsn_store *store = begin(f);
    assert_true(lsn_store_fail(store, 5, "runs died", NULL));
    lsn_store_run_note(store, "complete", NULL);
    lsn_store_close(store);
    store = begin(f); /* and are known still */
    assert_int_equal(deaths_of(store, 5).deaths, 3);
    assert_true(lsn_store_failed(store, 5));
    lsn_store_run_note(store, "complete", NULL);
    lsn_store_close(store);
    store = lsn_store_open_with(f->path, &f->plan, 4, &(lsn_store_options){.retry = true}, NULL);
    assert_non_null(store);
    assert_int_equal(deaths_of(store, 5).deaths, 0);
    assert_false(lsn_store_failed(store, 5));
    fixture_fill(f, store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE status <> 'done'", "0\n");
}

static void strange_rows_harm_nobody(void **state)
{
    fixture *f = *state;
    die(begin(f));
    fixture_tamper(f->path, "INSERT INTO unit (worker, unit, block, evaluations) VALUES (0, 1, -5, '[1,99999999999999"
                            "99999999,-3,2'), (0, 2, 0, ''), (1, 1, 0, '[]'), (1, 2, 0, '[,,'), (2, 2, 7, 'x')");
    lsn_store *store = fixture_store(f, 4);
    assert_int_equal(deaths_of(store, 1).deaths, 1);
    assert_int_equal(deaths_of(store, 1).block, 0);
    fixture_fill(f, store);
    lsn_store_close(store);
    fixture_expect(f, "SELECT count(*) FROM job_result WHERE status <> 'done'", "0\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_workers_hold_is_there),
        TEST(what_a_run_stored_is_counted),
        TEST(who_was_computed_when_a_run_died_is_suspected),
        TEST(the_stock_says_what_is_there_and_who_died),
        TEST(deaths_alone_are_counted_besides),
        TEST(deaths_are_forgotten_where_that_is_asked_for),
        TEST(strange_rows_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
