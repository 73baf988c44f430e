/* What a database would hold: parts that are recorded, committed once a second. */
#include "sched/sim_internal.h"

#include <stdlib.h>

static const double COMMIT_S = 1;

enum { WORD_BITS = 64 };

static size_t part_of(const sim *s, int32_t evaluation, int32_t block)
{
    return (size_t)evaluation * (size_t)s->given->work.n_blocks + (size_t)block;
}

bool sim_database_init(sim *s)
{
    sim_database *db = &s->database;
    const lsn_sched_work *work = &s->given->work;
    const size_t n = (size_t)work->n_evaluations;
    db->recorded = lsn_array(n * (size_t)work->n_blocks / WORD_BITS + 1, sizeof *db->recorded, s->err);
    db->blocks = db->recorded == NULL ? NULL : lsn_array(n, sizeof *db->blocks, s->err);
    db->enough = db->blocks == NULL ? NULL : lsn_array(n, sizeof *db->enough, s->err);
    db->failed = db->enough == NULL ? NULL : lsn_array(n, sizeof *db->failed, s->err);
    if (db->failed == NULL)
        return false;
    for (int32_t e = 0; e < work->n_evaluations; e++) {
        const bool early = work->n_blocks > 1 && sim_uniform(s, 0, 1) < s->faults->early;
        db->enough[e] =
            early ? 1 + (int32_t)lsn_random_below(&s->random, (uint64_t)work->n_blocks - 1) : work->n_blocks;
    }
    return true;
}

void sim_database_finish(sim *s)
{
    free(s->database.recorded);
    free(s->database.blocks);
    free(s->database.enough);
    free(s->database.failed);
    free(s->database.uncommitted);
}

static bool is_recorded(const sim_database *db, size_t part)
{
    return (db->recorded[part / WORD_BITS] >> part % WORD_BITS & 1) != 0;
}

bool sim_database_has(void *context, int32_t evaluation, int32_t block)
{
    const sim *s = context;
    const sim_database *db = &s->database;
    return db->blocks[evaluation] >= db->enough[evaluation] || is_recorded(db, part_of(s, evaluation, block));
}

int32_t sim_database_stored(void *context, int32_t evaluation)
{
    const sim *s = context;
    const sim_database *db = &s->database;
    return db->blocks[evaluation] >= db->enough[evaluation] ? s->given->work.n_blocks : db->blocks[evaluation];
}

static void commit(sim *s)
{
    sim_database *db = &s->database;
    db->n_uncommitted = 0;
    db->uncommitted_cost = db->uncommitted_seconds = 0;
    db->committed_s = s->now_s;
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
    if (s->faults->restarts > 0) {
        if (!lsn_grow((void **)&db->uncommitted, db->n_uncommitted, &db->uncommitted_room, sizeof part, s->err))
            return false;
        db->uncommitted[db->n_uncommitted++] = part;
    }
    db->recorded[part / WORD_BITS] |= UINT64_C(1) << part % WORD_BITS;
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

void sim_database_take_up(sim *s)
{
    commit(s);
    for (int32_t e = 0; e < s->given->work.n_evaluations; e++)
        s->database.failed[e] = false;
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
