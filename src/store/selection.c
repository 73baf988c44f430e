/* How filters were chosen: scores, and groups of similar ones. */
#include "store/store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- groupings ----------------------------------------------------------------------------------------------- */

/* The plan's grouping that is the same; -1: none. */
static int32_t find_grouping(const lsn_plan *plan, const lsn_grouping *stored)
{
    for (int32_t g = 0; g < plan->n_groupings; g++) {
        const lsn_grouping *wanted = &plan->groupings[g];
        if (stored->layer == wanted->layer && strcmp(stored->metric, wanted->metric) == 0 &&
            strcmp(stored->normalise, wanted->normalise) == 0 && strcmp(stored->linkage, wanted->linkage) == 0 &&
            strcmp(stored->cut, wanted->cut) == 0 && !(stored->value < wanted->value || stored->value > wanted->value))
            return g;
    }
    return -1;
}

static bool load_groupings(const lsn_store *store, selection *found, lsn_error *err)
{
    const database *db = &store->db;
    int64_t id, layer;
    lsn_grouping stored = {0};
    row_query query = {0};
    if (!database_integer(db, "SELECT count(*) FROM grouping", &found->n_stored, err))
        return false;
    found->of = lsn_array((size_t)found->n_stored, sizeof *found->of, err);
    bool row = true, ok = found->of != NULL &&
                          ROWS_BEGIN(&query, db, "grouping", err, {"grouping", .integer = &id},
                                     {"layer", .integer = &layer}, {"metric", .text = &stored.metric},
                                     {"normalise", .text = &stored.normalise}, {"linkage", .text = &stored.linkage},
                                     {"cut", .text = &stored.cut}, {"value", .real = &stored.value});
    while (ok && (ok = rows_next(&query, &row, err)) && row) {
        if (id < 0 || id >= found->n_stored) {
            ok = lsn_fail_at(err, LSN_FAILED, db->path,
                             "is damaged: its groupings are not numbered from 0 without gaps");
            continue;
        }
        stored.layer = (int32_t)layer;
        found->of[id] = find_grouping(store->plan, &stored);
        if (found->of[id] >= 0)
            found->ids[found->of[id]] = (int32_t)id;
    }
    rows_end(&query);
    return ok;
}

static bool write_members(const database *db, sqlite3_stmt **insert, const lsn_grouping *grouping, int filters,
                          int32_t id, lsn_error *err)
{
    bool ok = true;
    for (int f = 0; ok && f < filters; f++)
        if (grouping->groups[f] >= 0)
            ok = ROW_WRITE(db, insert, "INSERT INTO filter_group", err, {"grouping", integer(id)},
                           {"filter", integer(f)}, {"filter_group", integer(grouping->groups[f])},
                           {"distance", real(grouping->distances[f])});
    return ok;
}

static bool add_groupings(const lsn_store *store, selection *found, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    const database *db = &store->db;
    int64_t next = found->n_stored;
    sqlite3_stmt *insert = NULL, *member = NULL;
    bool ok = true;
    for (int32_t g = 0; ok && g < plan->n_groupings; g++) {
        const lsn_grouping *added = &plan->groupings[g];
        if (found->ids[g] >= 0)
            continue;
        found->ids[g] = (int32_t)next++;
        ok = ROW_WRITE(db, &insert, "INSERT INTO grouping", err, {"grouping", integer(found->ids[g])},
                       {"layer", integer(added->layer)}, {"metric", text(added->metric)},
                       {"normalise", text(added->normalise)}, {"linkage", text(added->linkage)},
                       {"cut", text(added->cut)}, {"value", real(added->value)}) &&
             write_members(db, &member, added, plan->net->layers[added->layer].filters, found->ids[g], err);
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
    sqlite3_stmt *insert = NULL;
    bool ok = true;
    for (int32_t s = 0; s < plan->n_scores; s++)
        for (int l = 0; l < plan->net->n_layers - 1; l++) {
            const double *values = plan->scores[s].values + lsn_net_filter_offset(plan->net, l);
            for (int f = 0; ok && f < plan->net->layers[l].filters; f++)
                if (!isnan(values[f]))
                    ok = ROW_WRITE(db, &insert, "INSERT OR REPLACE INTO filter_score", err,
                                   {"score", text(plan->scores[s].name)}, {"layer", integer(l)}, {"filter", integer(f)},
                                   {"value", real(values[f])});
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
