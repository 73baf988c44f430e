/* What rests on more than one evaluation: degradation curves, and how well scores tell damage. */
#include "store/store_internal.h"

#include <math.h>
#include <stdlib.h>

/* Values that belong together: the rows of a query whose first column is the same number. */
typedef struct group {
    int64_t id;
    double *columns[3];
    size_t count, room;
} group;

typedef bool judge_group(lsn_store *store, const group *of, sqlite3_stmt *update, lsn_error *err);

static bool add_row(group *of, sqlite3_stmt *row, int columns, lsn_error *err)
{
    if (of->count == of->room) {
        size_t more = of->room == 0 ? 256 : 2 * of->room;
        for (int c = 0; c < columns; c++) {
            double *grown = realloc(of->columns[c], more * sizeof *grown);
            if (grown == NULL)
                return lsn_fail(err, LSN_FAILED, "out of memory: results could not be judged");
            of->columns[c] = grown;
        }
        of->room = more;
    }
    for (int c = 0; c < columns; c++)
        of->columns[c][of->count] =
            sqlite3_column_type(row, c + 1) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, c + 1);
    of->count++;
    return true;
}

/* Judges each group of the rows that `sql` gives, in their order: a group's number, then up to three reals. */
static bool judge_each(lsn_store *store, const char *sql, const char *update_sql, judge_group *judge, lsn_error *err)
{
    const database *db = &store->db;
    group of = {0};
    sqlite3_stmt *query = database_prepare(db, sql, err), *update = NULL;
    if (query != NULL)
        update = database_prepare(db, update_sql, err);
    const int columns = query == NULL ? 0 : sqlite3_column_count(query) - 1;
    bool row = true, ok = update != NULL;
    while (ok && (ok = database_row(db, query, &row, err)) && row) {
        const int64_t id = sqlite3_column_int64(query, 0);
        if (of.count > 0 && id != of.id) {
            ok = judge(store, &of, update, err);
            of.count = 0;
        }
        of.id = id;
        ok = ok && add_row(&of, query, columns, err);
    }
    if (ok && of.count > 0)
        ok = judge(store, &of, update, err);
    sqlite3_finalize(query);
    sqlite3_finalize(update);
    for (int c = 0; c < 3; c++)
        free(of.columns[c]);
    return ok;
}

/* ---- degradation curves -------------------------------------------------------------------------------------- */

#define CURVE "experiment, layers, ordering, mode, mode_seed, seed"

/* Top-1 at a point is the baseline's plus the change on the images that the point has seen: where a race has ended
 * early that is known better than the share of those images. */
static bool judge_curve(lsn_store *store, const group *of, sqlite3_stmt *update, lsn_error *err)
{
    double top1 = NAN;
    sqlite3_stmt *query = database_prepare(
        &store->db, "SELECT top1 * 1.0 / images FROM evaluation WHERE evaluation = 0 AND status = 'done'", err);
    bool row = false, ok = query != NULL && database_row(&store->db, query, &row, err);
    if (ok && row)
        top1 = sqlite3_column_double(query, 0);
    sqlite3_finalize(query);
    for (size_t i = 0; i < of->count; i++)
        of->columns[1][i] += top1;
    const lsn_curve curve = lsn_curve_of(of->columns[0], of->columns[1], of->count, top1, 1.0 / store->facts.classes);
    return ok && DATABASE_STEP(&store->db, update, err, integer(of->id), real(curve.area), real(curve.half));
}

static bool judge_curves(lsn_store *store, lsn_error *err)
{
    return database_run(&store->db,
                        "DELETE FROM curve;"
                        "INSERT INTO curve (curve, experiment, layers, ordering, mode, mode_seed, seed, points, asked, "
                        "fraction) SELECT row_number() OVER (ORDER BY " CURVE "), " CURVE
                        ", count(*), max(asked), max(fraction) FROM degradation GROUP BY " CURVE,
                        err) &&
           judge_each(store,
                      "SELECT dense_rank() OVER (ORDER BY " CURVE ") AS curve, fraction, d_top1 FROM degradation "
                      "ORDER BY curve, fraction",
                      "UPDATE curve SET area = ?2, half = ?3 WHERE curve = ?1", judge_curve, err);
}

/* ---- scores against damage ----------------------------------------------------------------------------------- */

#define FILTERS                                                                                       \
    "WITH single AS (SELECT *, layer_index AS part FROM filter_damage UNION ALL SELECT *, NULL FROM " \
    "filter_damage) "
#define SCORE "experiment, score, mode, mode_seed, part"

static bool judge_score(lsn_store *store, const group *of, sqlite3_stmt *update, lsn_error *err)
{
    lsn_correlation loss, top1;
    for (size_t i = 0; i < of->count; i++)
        of->columns[2][i] = -of->columns[2][i]; /* damage to top-1 */
    return lsn_spearman(of->columns[0], of->columns[1], of->count, 0, &loss, err) &&
           lsn_spearman(of->columns[0], of->columns[2], of->count, 0, &top1, err) &&
           DATABASE_STEP(&store->db, update, err, integer(of->id), real(loss.rho), real(loss.interval.low),
                         real(loss.interval.high), real(top1.rho), real(top1.interval.low), real(top1.interval.high));
}

static bool judge_scores(lsn_store *store, lsn_error *err)
{
    return database_run(&store->db,
                        "DELETE FROM score_damage;"
                        "INSERT INTO score_damage (id, experiment, score, mode, mode_seed, layer, n) " FILTERS
                        "SELECT row_number() OVER (ORDER BY " SCORE "), experiment, score, mode, mode_seed, iif(part "
                        "IS NULL, NULL, layer), count(*) FROM single GROUP BY " SCORE,
                        err) &&
           judge_each(store,
                      FILTERS "SELECT dense_rank() OVER (ORDER BY " SCORE ") AS id, value, d_loss, d_top1 FROM single "
                              "ORDER BY id",
                      "UPDATE score_damage SET loss_rho = ?2, loss_low = ?3, loss_high = ?4, top1_rho = ?5, top1_low = "
                      "?6, top1_high = ?7 WHERE id = ?1",
                      judge_score, err) &&
           database_run(&store->db, "DELETE FROM score_damage WHERE n < 2", err);
}

bool lsn_store_judge(lsn_store *store, lsn_error *err)
{
    lsn_error why;
    if (!lsn_store_commit(store, err) || !store_may_add(store, err))
        return false;
    if (!intervals_write(store, &why) || !judge_curves(store, &why) || !judge_scores(store, &why))
        return store_give_up(store, &why, err);
    return lsn_store_commit(store, err);
}
