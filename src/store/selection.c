/* How filters were chosen: scores, and groups of similar ones. */
#include "store/store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- groupings ----------------------------------------------------------------------------------------------- */

/* The plan's grouping that a row is; -1: none. Columns from 1 on as load_groupings asks for them. */
static int32_t find_grouping(const lsn_plan *plan, sqlite3_stmt *row)
{
    for (int32_t g = 0; g < plan->n_groupings; g++) {
        const lsn_grouping *grouping = &plan->groupings[g];
        const double cut_at = sqlite3_column_double(row, 6);
        if (sqlite3_column_int64(row, 1) == grouping->layer && strcmp(database_words(row, 2), grouping->metric) == 0 &&
            strcmp(database_words(row, 3), grouping->normalise) == 0 &&
            strcmp(database_words(row, 4), grouping->linkage) == 0 &&
            strcmp(database_words(row, 5), grouping->cut) == 0 &&
            !(cut_at < grouping->value || cut_at > grouping->value))
            return g;
    }
    return -1;
}

static bool load_groupings(const lsn_store *store, selection *found, lsn_error *err)
{
    const database *db = &store->db;
    if (!database_integer(db, "SELECT count(*) FROM grouping", &found->n_stored, err))
        return false;
    found->of = lsn_array((size_t)found->n_stored, sizeof *found->of, err);
    sqlite3_stmt *query =
        database_prepare(db, "SELECT grouping, layer, metric, normalise, linkage, cut, value FROM grouping", err);
    bool row = true, ok = found->of != NULL && query != NULL;
    while (ok && (ok = database_row(db, query, &row, err)) && row) {
        const int64_t id = sqlite3_column_int64(query, 0);
        if (id < 0 || id >= found->n_stored) {
            ok = lsn_fail(err, LSN_FAILED, "%s: is damaged: its groupings are not numbered as Lesion does", db->path);
            continue;
        }
        found->of[id] = find_grouping(store->plan, query);
        if (found->of[id] >= 0)
            found->ids[found->of[id]] = (int32_t)id;
    }
    sqlite3_finalize(query);
    return ok;
}

static bool write_members(const database *db, sqlite3_stmt *insert, const lsn_grouping *grouping, int filters,
                          int32_t id, lsn_error *err)
{
    bool ok = true;
    for (int f = 0; ok && f < filters; f++)
        if (grouping->groups[f] >= 0)
            ok = DATABASE_STEP(db, insert, err, integer(id), integer(f), integer(grouping->groups[f]),
                               real(grouping->distances[f]));
    return ok;
}

static bool add_groupings(const lsn_store *store, selection *found, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    const database *db = &store->db;
    int64_t next = found->n_stored;
    sqlite3_stmt *insert = database_prepare(
        db,
        "INSERT INTO grouping (grouping, layer, metric, normalise, linkage, cut, value) VALUES (?, ?, ?, ?, ?, ?, ?)",
        err);
    sqlite3_stmt *member = database_prepare(
        db, "INSERT INTO filter_group (grouping, filter, filter_group, distance) VALUES (?, ?, ?, ?)", err);
    bool ok = insert != NULL && member != NULL;
    for (int32_t g = 0; ok && g < plan->n_groupings; g++) {
        const lsn_grouping *of = &plan->groupings[g];
        if (found->ids[g] >= 0)
            continue;
        found->ids[g] = (int32_t)next++;
        ok = DATABASE_STEP(db, insert, err, integer(found->ids[g]), integer(of->layer), text(of->metric),
                           text(of->normalise), text(of->linkage), text(of->cut), real(of->value)) &&
             write_members(db, member, of, plan->net->layers[of->layer].filters, found->ids[g], err);
    }
    sqlite3_finalize(insert);
    sqlite3_finalize(member);
    return ok;
}

/* ---- scores -------------------------------------------------------------------------------------------------- */

/* A score of a file may have changed: what is there is replaced. */
static bool write_scores(const lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    const database *db = &store->db;
    sqlite3_stmt *insert = database_prepare(
        db, "INSERT OR REPLACE INTO filter_score (score, layer, filter, value) VALUES (?, ?, ?, ?)", err);
    bool ok = insert != NULL;
    for (int32_t s = 0; s < plan->n_scores; s++)
        for (int l = 0; l < plan->net->n_layers - 1; l++) {
            const double *values = plan->scores[s].values + lsn_net_filter_offset(plan->net, l);
            for (int f = 0; ok && f < plan->net->layers[l].filters; f++)
                if (!isnan(values[f]))
                    ok = DATABASE_STEP(db, insert, err, text(plan->scores[s].name), integer(l), integer(f),
                                       real(values[f]));
        }
    sqlite3_finalize(insert);
    return ok;
}

bool selection_reconcile(const lsn_store *store, selection *found, lsn_error *err)
{
    *found = (selection){0};
    found->ids = lsn_array((size_t)store->plan->n_groupings, sizeof *found->ids, err);
    for (int32_t g = 0; found->ids != NULL && g < store->plan->n_groupings; g++)
        found->ids[g] = -1;
    return found->ids != NULL && load_groupings(store, found, err) && add_groupings(store, found, err) &&
           write_scores(store, err);
}

void selection_finish(selection *found)
{
    free(found->ids);
    free(found->of);
    *found = (selection){0};
}
