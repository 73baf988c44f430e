/* Units that workers hold, and what is under suspicion of having killed a run: evaluations that were computed when it
 * died. One death says little, for many are computed at a time, and most runs die of something else; so the deaths are
 * counted, until the part that was computed comes back. */
#include "store/store_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- giving -------------------------------------------------------------------------------------------------- */

/* "[3,17]", as the database numbers them. */
static void list_evaluations(const lsn_store *store, const lsn_given *given, lsn_text *list)
{
    for (int32_t i = 0; i < given->count; i++)
        lsn_text_add(list, "%s%d", i == 0 ? "[" : ",", (int)store->ids[given->evaluations[i]]);
    lsn_text_add(list, "]");
}

bool lsn_store_give(lsn_store *store, const lsn_given *given, lsn_error *err)
{
    assert(given->count > 0);
    if (!lsn_store_running(store, given->evaluations, given->count, err) || !store_may_add(store, err))
        return false;
    lsn_text words = {0};
    list_evaluations(store, given, &words);
    lsn_error why;
    char *list = lsn_text_take(&words, &why);
    const bool ok = list != NULL && ROW_WRITE(&store->db, &store->statements[STORE_GIVE], "INSERT OR REPLACE INTO unit",
                                              &why, {"worker", integer(given->worker)}, {"unit", integer(given->unit)},
                                              {"block", integer(given->block)}, {"evaluations", text(list)});
    free(list);
    return ok || store_give_up(store, &why, err);
}

bool lsn_store_answered(lsn_store *store, int32_t worker, int32_t unit, lsn_error *err)
{
    lsn_error why;
    if (!store_may_add(store, err))
        return false;
    const bool ok =
        unit < 0 ? DATABASE_STEP(&store->db, store->statements[STORE_LET_GO], &why, integer(worker))
                 : DATABASE_STEP(&store->db, store->statements[STORE_ANSWERED], &why, integer(worker), integer(unit));
    return ok || store_give_up(store, &why, err);
}

/* ---- the dead ------------------------------------------------------------------------------------------------ */

/* A part that was computed when the run died. */
typedef struct victim {
    int64_t evaluation, block;
    size_t order; /* in which they were given */
} victim;

typedef struct victims {
    victim *all;
    size_t count, room;
} victims;

/* Adds those of a list "[3,17]". */
static bool add_listed(victims *found, const char *list, int64_t block, lsn_error *err)
{
    for (const char *at = list; *at == '[' || *at == ',';) {
        char *end;
        const long long evaluation = strtoll(at + 1, &end, 10);
        if (end == at + 1)
            break;
        if (!lsn_grow((void **)&found->all, found->count, &found->room, sizeof *found->all, err))
            return false;
        found->all[found->count] = (victim){evaluation, block, found->count};
        found->count++;
        at = end;
    }
    return true;
}

/* By evaluation; of each, what was given first comes first: most likely it was begun. */
static int by_evaluation(const void *a, const void *b)
{
    const victim *x = a, *y = b;
    if (x->evaluation != y->evaluation)
        return x->evaluation < y->evaluation ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static bool list_victims(const lsn_store *store, victims *found, lsn_error *err)
{
    sqlite3_stmt *query = database_prepare(&store->db, "SELECT block, evaluations FROM unit ORDER BY given", err);
    bool row = true, ok = query != NULL;
    while (ok && (ok = database_row(&store->db, query, &row, err)) && row)
        ok = add_listed(found, database_words(query, 1), sqlite3_column_int64(query, 0), err);
    sqlite3_finalize(query);
    return ok;
}

/* Counts the death for each of them. An evaluation is counted once, however many of its parts were computed. */
static bool count_death(const lsn_store *store, victims *found, lsn_error *err)
{
    sqlite3_stmt *update = database_prepare(
        &store->db,
        "UPDATE evaluation SET deaths = deaths + 1, deaths_alone = deaths_alone + ?2, death_block = ?3 "
        "WHERE evaluation = ?1 AND status <> 'done'",
        err);
    bool ok = update != NULL;
    if (found->count > 1)
        qsort(found->all, found->count, sizeof *found->all, by_evaluation);
    for (size_t i = 0, next; ok && i < found->count; i = next) {
        for (next = i + 1; next < found->count && found->all[next].evaluation == found->all[i].evaluation;)
            next++;
        const bool alone = i == 0 && next == found->count;
        ok = DATABASE_STEP(&store->db, update, err, integer(found->all[i].evaluation), integer(alone),
                           integer(found->all[i].block));
    }
    sqlite3_finalize(update);
    return ok;
}

bool deaths_count(lsn_store *store, bool retry, lsn_error *err)
{
    int64_t died;
    victims found = {0};
    if (!database_integer(&store->db, "SELECT how IS NULL OR how = 'died' FROM run ORDER BY run DESC LIMIT 1", &died,
                          err))
        return false;
    store->wary = died > 0;
    bool ok = !retry || database_run(&store->db,
                                     "UPDATE evaluation SET deaths = 0, deaths_alone = 0, death_block = NULL, "
                                     "status = iif(status = 'failed', 'pending', status) WHERE deaths > 0",
                                     err);
    ok = ok && (died == 0 || (list_victims(store, &found, err) && count_death(store, &found, err)));
    free(found.all);
    return ok && database_run(&store->db,
                              "DELETE FROM unit; UPDATE evaluation SET status = 'pending' WHERE status = 'running';"
                              "UPDATE run SET how = 'died', ended = heartbeat WHERE how IS NULL",
                              err);
}

/* ---- suspicion ----------------------------------------------------------------------------------------------- */

static int32_t clamped(int64_t number)
{
    return number < 0 ? 0 : number > INT32_MAX ? INT32_MAX : (int32_t)number;
}

bool deaths_load(lsn_store *store, int32_t evaluation, int64_t deaths, int64_t alone, int64_t block, lsn_error *err)
{
    if (deaths <= 0)
        return true;
    if (store->suspects == NULL)
        store->suspects = lsn_array((size_t)store->plan->n_evaluations, sizeof *store->suspects, err);
    if (store->suspects == NULL)
        return false;
    store->suspects[evaluation] = (suspect){clamped(deaths), clamped(alone), clamped(block)};
    store->wary = true;
    return true;
}

bool deaths_acquit(lsn_store *store, int32_t evaluation, int32_t block, lsn_error *err)
{
    suspect *known = store->suspects == NULL ? NULL : &store->suspects[evaluation];
    if (known == NULL || known->deaths == 0 || known->block != block)
        return true;
    *known = (suspect){0};
    return DATABASE_STEP(&store->db, store->statements[STORE_ACQUIT], err, integer(store->ids[evaluation]));
}

/* ---- stock --------------------------------------------------------------------------------------------------- */

static void list_deaths(const lsn_store *store, lsn_store_stock *stock)
{
    for (int32_t e = 0; store->suspects != NULL && e < stock->evaluations; e++) {
        const suspect *known = &store->suspects[e];
        if (known->deaths > 0)
            stock->deaths[stock->n_deaths++] = (lsn_store_deaths){e, known->deaths, known->alone, known->block};
    }
}

bool lsn_store_take_stock(const lsn_store *store, lsn_store_stock *stock, lsn_error *err)
{
    const size_t evaluations = (size_t)store->facts.evaluations, words = store_part_words(store);
    *stock = (lsn_store_stock){.evaluations = store->facts.evaluations, .blocks = store->blocks, .wary = store->wary};
    size_t n_deaths = 0;
    for (size_t e = 0; store->suspects != NULL && e < evaluations; e++)
        n_deaths += store->suspects[e].deaths > 0;
    stock->stored = lsn_array(evaluations, sizeof *stock->stored, err);
    stock->parts = stock->stored == NULL ? NULL : lsn_array(words, sizeof *stock->parts, err);
    stock->deaths = stock->parts == NULL ? NULL : lsn_array(n_deaths, sizeof *stock->deaths, err);
    if (stock->deaths == NULL)
        return false;
    memcpy(stock->parts, store->parts, words * sizeof *stock->parts);
    for (int32_t e = 0; e < stock->evaluations; e++)
        stock->stored[e] = lsn_wants(store->wanted, e) ? store->blocks - store->missing[e] : store->blocks;
    list_deaths(store, stock);
    return true;
}

void lsn_store_stock_finish(lsn_store_stock *stock)
{
    free(stock->stored);
    free(stock->parts);
    free(stock->deaths);
    *stock = (lsn_store_stock){0};
}
