/* What a database would hold: parts that are recorded, committed once a second. */
#include "sim/sim_internal.h"

#include <stdlib.h>

static const double COMMIT_S = 1;

enum { WORD_BITS = 64, CONDEMNED = 3, CONDEMNED_ALONE = 2 };

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
    db->suspicions = db->failed == NULL ? NULL : lsn_array(n, sizeof *db->suspicions, s->err);
    if (db->suspicions == NULL)
        return false;
    for (int32_t e = 0; e < work->n_evaluations; e++) {
        db->suspicions[e].block = -1;
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
    free(s->database.suspicions);
    free(s->database.uncommitted);
}

static bool is_recorded(const sim_database *db, size_t part)
{
    return (db->recorded[part / WORD_BITS] >> part % WORD_BITS & 1) != 0;
}

static bool is_condemned(const sim_database *db, int32_t evaluation)
{
    return db->suspicions[evaluation].deaths >= CONDEMNED && db->suspicions[evaluation].alone >= CONDEMNED_ALONE;
}

bool sim_database_has(void *context, int32_t evaluation, int32_t block)
{
    const sim *s = context;
    const sim_database *db = &s->database;
    return db->blocks[evaluation] >= db->enough[evaluation] || is_condemned(db, evaluation) ||
           is_recorded(db, part_of(s, evaluation, block));
}

int32_t sim_database_stored(void *context, int32_t evaluation)
{
    const sim *s = context;
    const sim_database *db = &s->database;
    const bool over = db->blocks[evaluation] >= db->enough[evaluation] || is_condemned(db, evaluation);
    return over ? s->given->work.n_blocks : db->blocks[evaluation];
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
    if (s->faults->restarts > 0 || s->faults->fatal > 0) {
        if (!lsn_grow((void **)&db->uncommitted, db->n_uncommitted, &db->uncommitted_room, sizeof part, s->err))
            return false;
        db->uncommitted[db->n_uncommitted++] = part;
    }
    db->recorded[part / WORD_BITS] |= UINT64_C(1) << part % WORD_BITS;
    if (db->suspicions[evaluation].block == block)
        db->suspicions[evaluation] = (struct sim_suspicion){.block = -1};
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
        struct sim_suspicion *found = &s->database.suspicions[unit->evaluations[i]];
        if (found->mark == s->process)
            continue;
        found->mark = s->process;
        found->block = unit->block;
        found->deaths++;
        marked++;
    }
    return marked;
}

bool sim_database_count_death(sim *s)
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
    if (marked != 1)
        return true;
    s->database.suspicions[last].alone++;
    if (is_condemned(&s->database, last) && s->nature[last] != NATURE_FATAL && s->accidents < CONDEMNED_ALONE)
        return sim_violated(s, "evaluation %d is condemned, but is innocent", (int)last);
    return true;
}

int32_t sim_database_suspected(void *context, int32_t evaluation, int32_t *block)
{
    const struct sim_suspicion *found = &((const sim *)context)->database.suspicions[evaluation];
    *block = found->block;
    return found->deaths;
}

void sim_database_take_up(sim *s)
{
    commit(s);
    for (int32_t e = 0; e < s->given->work.n_evaluations; e++)
        s->database.failed[e] = is_condemned(&s->database, e);
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
