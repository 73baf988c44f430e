/* What a database would hold: parts that are recorded, committed once a second. */
#include "sim/sim_internal.h"

#include <stdlib.h>
#include <string.h>

static const double COMMIT_S = 1;

enum { WORD_BITS = 64 };

static size_t part_of(const sim *s, int32_t evaluation, int32_t block)
{
    return (size_t)evaluation * (size_t)s->given->work.n_blocks + (size_t)block;
}

static size_t n_words(const sim *s)
{
    return part_of(s, s->given->work.n_evaluations, 0) / WORD_BITS + 1;
}

bool sim_database_init(sim *s)
{
    sim_database *db = &s->database;
    const lsn_sched_work *work = &s->given->work;
    const size_t n = (size_t)work->n_evaluations;
    db->recorded = lsn_array(n_words(s), sizeof *db->recorded, s->err);
    db->stock_parts = db->recorded == NULL ? NULL : lsn_array(n_words(s), sizeof *db->stock_parts, s->err);
    db->stock_stored = db->stock_parts == NULL ? NULL : lsn_array(n, sizeof *db->stock_stored, s->err);
    db->stock_deaths = db->stock_stored == NULL ? NULL : lsn_array(n, sizeof *db->stock_deaths, s->err);
    db->blocks = db->stock_deaths == NULL ? NULL : lsn_array(n, sizeof *db->blocks, s->err);
    db->enough = db->blocks == NULL ? NULL : lsn_array(n, sizeof *db->enough, s->err);
    db->failed = db->enough == NULL ? NULL : lsn_array(n, sizeof *db->failed, s->err);
    db->suspicions = db->failed == NULL ? NULL : lsn_array(n, sizeof *db->suspicions, s->err);
    if (db->suspicions == NULL)
        return false;
    for (int32_t e = 0; e < work->n_evaluations; e++) {
        db->suspicions[e].known = (lsn_sched_deaths){.evaluation = e, .block = -1};
        const bool early = work->n_blocks > 1 && sim_uniform(s, 0, 1) < s->faults->early;
        db->enough[e] =
            early ? 1 + (int32_t)lsn_random_below(&s->random, (uint64_t)work->n_blocks - 1) : work->n_blocks;
    }
    return true;
}

void sim_database_finish(sim *s)
{
    free(s->database.recorded);
    free(s->database.stock_parts);
    free(s->database.stock_stored);
    free(s->database.stock_deaths);
    free(s->database.blocks);
    free(s->database.enough);
    free(s->database.failed);
    free(s->database.suspicions);
    free(s->database.uncommitted);
}

static bool is_recorded(const sim_database *db, size_t part)
{
    return (db->recorded[part / WORD_BITS] >> part % WORD_BITS & 1) != 0;
}

bool sim_database_has(const sim *s, int32_t evaluation, int32_t block)
{
    const sim_database *db = &s->database;
    return db->blocks[evaluation] >= db->enough[evaluation] || is_recorded(db, part_of(s, evaluation, block));
}

static void commit(sim *s)
{
    sim_database *db = &s->database;
    db->n_uncommitted = 0;
    db->uncommitted_cost = db->uncommitted_seconds = 0;
    db->committed_s = s->now_s;
}

void sim_database_take_stock(sim *s, lsn_sched_work *work)
{
    sim_database *db = &s->database;
    int32_t n_deaths = 0;
    commit(s);
    for (int32_t e = 0; e < work->n_evaluations; e++) {
        db->failed[e] = false;
        db->stock_stored[e] = db->blocks[e] >= db->enough[e] ? work->n_blocks : db->blocks[e];
        if (db->suspicions[e].known.deaths > 0)
            db->stock_deaths[n_deaths++] = db->suspicions[e].known;
    }
    memcpy(db->stock_parts, db->recorded, n_words(s) * sizeof *db->recorded);
    work->stored = db->stock_stored;
    work->parts = db->stock_parts;
    work->deaths = db->stock_deaths;
    work->n_deaths = n_deaths;
}

void sim_database_tick(sim *s)
{
    if (s->now_s - s->database.committed_s >= COMMIT_S)
        commit(s);
}

static bool record_part(sim *s, int32_t evaluation, int32_t block)
{
    sim_database *db = &s->database;
    const size_t part = part_of(s, evaluation, block);
    if (is_recorded(db, part))
        return sim_violated(s, "evaluation %d is recorded twice on block %d", (int)evaluation, (int)block);
    if (s->faults->restarts > 0 || s->faults->fatal > 0) {
        if (!lsn_grow((void **)&db->uncommitted, db->n_uncommitted, &db->uncommitted_room, sizeof part, s->err))
            return false;
        db->uncommitted[db->n_uncommitted++] = part;
    }
    db->recorded[part / WORD_BITS] |= UINT64_C(1) << part % WORD_BITS;
    if (db->suspicions[evaluation].known.block == block)
        db->suspicions[evaluation].known = (lsn_sched_deaths){.evaluation = evaluation, .block = -1};
    if (++db->blocks[evaluation] == db->enough[evaluation])
        lsn_sched_ended(s->sched, evaluation);
    return true;
}

bool sim_database_record(sim *s, const lsn_unit *unit, double seconds)
{
    sim_database *db = &s->database;
    double cost = 0;
    for (int32_t i = 0; i < unit->count; i++) {
        if (!record_part(s, unit->evaluations[i], unit->block))
            return false;
        cost += s->given->work.cost[unit->evaluations[i]];
    }
    db->cost += cost;
    db->seconds += seconds;
    db->uncommitted_cost += cost;
    db->uncommitted_seconds += seconds;
    return true;
}

void sim_database_crash(sim *s)
{
    sim_database *db = &s->database;
    for (size_t i = 0; i < db->n_uncommitted; i++) {
        const size_t part = db->uncommitted[i];
        db->recorded[part / WORD_BITS] &= ~(UINT64_C(1) << part % WORD_BITS);
        db->blocks[part / (size_t)s->given->work.n_blocks]--;
    }
    db->cost -= db->uncommitted_cost;
    db->seconds -= db->uncommitted_seconds;
    commit(s);
}

/* ---- suspicion ----------------------------------------------------------------------------------------------- */

/* Marks what the unit holds; how many were not marked yet. */
static int32_t mark(sim *s, const lsn_unit *unit)
{
    int32_t marked = 0;
    for (int32_t i = 0; i < unit->count; i++) {
        sim_suspicion *found = &s->database.suspicions[unit->evaluations[i]];
        if (found->mark == s->process)
            continue;
        found->mark = s->process;
        found->known.block = unit->block;
        found->known.deaths++;
        marked++;
    }
    return marked;
}

void sim_database_count_death(sim *s)
{
    int32_t marked = 0, last = -1;
    for (int32_t w = 0; w < s->given->work.n_workers; w++)
        for (int32_t i = 0; i < s->workers[w].given.count; i++) {
            const lsn_unit *unit = lsn_sched_owed(s->sched, w, s->workers[w].given.units[i].id);
            if (unit == NULL)
                continue;
            marked += mark(s, unit);
            last = unit->evaluations[0];
        }
    if (marked == 1)
        s->database.suspicions[last].known.alone++;
}

bool sim_database_check(sim *s)
{
    const sim_database *db = &s->database;
    for (int32_t e = 0; e < s->given->work.n_evaluations; e++) {
        int32_t blocks = 0;
        for (int32_t b = 0; b < s->given->work.n_blocks; b++)
            blocks += is_recorded(db, part_of(s, e, b));
        if (blocks != db->blocks[e] || (blocks < db->enough[e] && !db->failed[e]))
            return sim_violated(s, "evaluation %d ended with %d of %d blocks", (int)e, (int)blocks, (int)db->enough[e]);
    }
    return true;
}
