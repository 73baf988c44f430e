/* Adds results, block by block, and checks that they are possible; which parts there are. */
#include "store/store_internal.h"

#include <assert.h>
#include <math.h>

/* ---- what is there ------------------------------------------------------------------------------------------- */

static size_t bit_of(const lsn_store *store, int32_t evaluation, int32_t block)
{
    return (size_t)evaluation * (size_t)store->blocks + (size_t)block;
}

size_t store_part_words(const lsn_store *store)
{
    return ((size_t)store->facts.evaluations * (size_t)store->blocks + 63) / 64;
}

bool store_has_part(const lsn_store *store, int32_t evaluation, int32_t block)
{
    size_t bit = bit_of(store, evaluation, block);
    return (store->parts[bit / 64] >> bit % 64 & 1) != 0;
}

bool lsn_store_has(const lsn_store *store, int32_t evaluation, int32_t block)
{
    assert(evaluation >= 0 && evaluation < store->facts.evaluations && block >= 0 && block < store->blocks);
    return store->missing[evaluation] == 0 || store_has_part(store, evaluation, block);
}

bool lsn_store_complete(const lsn_store *store, int32_t evaluation)
{
    assert(evaluation >= 0 && evaluation < store->facts.evaluations);
    return store->missing[evaluation] == 0;
}

bool lsn_store_failed(const lsn_store *store, int32_t evaluation)
{
    assert(evaluation >= 0 && evaluation < store->facts.evaluations);
    return store->status[evaluation] == STORE_FAILED;
}

int32_t lsn_store_block_images(const lsn_store *store)
{
    return store->block_images;
}

int32_t lsn_store_blocks(const lsn_store *store)
{
    return store->blocks;
}

void store_mark(lsn_store *store, int32_t evaluation, int32_t block)
{
    size_t bit = bit_of(store, evaluation, block);
    store->parts[bit / 64] |= UINT64_C(1) << bit % 64;
    store->missing[evaluation]--;
}

int32_t store_block_size(const lsn_store *store, int32_t block)
{
    int64_t left = store->facts.images - (int64_t)block * store->block_images;
    return left < store->block_images ? (int32_t)left : store->block_images;
}

/* ---- what can be --------------------------------------------------------------------------------------------- */

bool store_possible(const lsn_store *store, int32_t block, const lsn_tally *tally)
{
    return tally->images == store_block_size(store, block) && metrics_possible(tally);
}

static bool possible_classes(const lsn_store *store, const lsn_part *part)
{
    int64_t right = 0, predicted = 0;
    for (int32_t c = 0; c < store->facts.classes; c++) {
        const int32_t in_class = part->class_right[c];
        if (in_class < 0 || in_class > store->class_images[c] ||
            (part->class_predicted != NULL && part->class_predicted[c] < in_class))
            return false;
        right += in_class;
        predicted += part->class_predicted == NULL ? 0 : part->class_predicted[c];
    }
    return right == part->tally->top1 && predicted <= part->tally->images;
}

static bool possible_verdicts(const lsn_store *store, int32_t block, const lsn_part *part)
{
    const int32_t classes = store->facts.classes, first = block * store->block_images;
    int64_t right = 0;
    for (int32_t i = 0; i < part->tally->images; i++) {
        const lsn_verdict *v = &part->verdicts[i];
        if (v->prediction < -1 || v->prediction >= classes || v->rank < 0 || v->rank > classes)
            return false;
        right += v->prediction == store_label(store, first + i);
    }
    return right == part->tally->top1;
}

static bool possible_drift(const lsn_store *store, const lsn_part *part)
{
    for (int i = 0; i < store->facts.layers; i++)
        if (part->drift[i] < 0)
            return false;
    return true;
}

/* What a worker sent must at least be possible. */
static bool check(const lsn_store *store, int32_t block, const lsn_part *part, lsn_error *err)
{
    const lsn_tally *t = part->tally;
    const char *wrong = !store_possible(store, block, t)                                   ? "its counts"
                        : part->class_right != NULL && !possible_classes(store, part)      ? "its classes"
                        : part->verdicts != NULL && !possible_verdicts(store, block, part) ? "its images"
                        : part->drift != NULL && !possible_drift(store, part)              ? "its drift"
                                                                                           : NULL;
    if (wrong == NULL)
        return true;
    return lsn_fail_at(err, LSN_FAILED, store->db.path,
                       "an impossible result was not stored: %s contradict each other: block %d of %d images, "
                       "but images %lld, top1 %lld, top5 %lld, lost %lld, gained %lld; please report this",
                       wrong, (int)block, (int)store_block_size(store, block), (long long)t->images, (long long)t->top1,
                       (long long)t->top5, (long long)t->lost, (long long)t->gained);
}

/* The part without what the plan does not measure. */
static lsn_part measured(const lsn_store *store, int32_t evaluation, const lsn_part *part)
{
    const lsn_metrics *metrics = &store->plan->metrics;
    lsn_part kept = {.tally = part->tally};
    if (metrics->per_class) {
        kept.class_right = part->class_right;
        kept.class_predicted = part->class_predicted;
    }
    if (metrics->images)
        kept.verdicts = part->verdicts;
    if (metrics->drift && evaluation != 0)
        kept.drift = part->drift;
    assert(kept.class_right != NULL || !metrics->per_class);
    assert(kept.verdicts != NULL || !metrics->images);
    assert(kept.drift != NULL || !metrics->drift || evaluation == 0);
    return kept;
}

/* ---- adding -------------------------------------------------------------------------------------------------- */

static value packed_counts(const lsn_store *store, const int32_t *counts, unsigned char *packed)
{
    if (counts == NULL)
        return blob(NULL, 0);
    return blob(packed, class_counts_pack(counts, store->facts.classes, packed));
}

static bool write_part(lsn_store *store, int64_t id, int32_t block, const lsn_part *part, lsn_error *err)
{
    const size_t room = class_counts_room(store->facts.classes);
    unsigned char *drift = store->packed + 2 * room;
    if (part->drift != NULL)
        drift_pack(part->drift, store->facts.layers, drift);
    row_field fields[METRICS_ROOM + 5] = {
        {"evaluation", integer(id)},
        {"block", integer(block)},
        {"class_right", packed_counts(store, part->class_right, store->packed)},
        {"class_predicted", packed_counts(store, part->class_predicted, store->packed + room)},
        {"drift", blob(part->drift == NULL ? NULL : drift, DRIFT_BYTES * store->facts.layers)},
    };
    const int count = 5 + metrics_of_part(part->tally, fields + 5);
    return row_write(&store->db, &store->statements[STORE_ADD_PART], "INSERT INTO part", fields, count, err);
}

static bool write_images(lsn_store *store, int64_t id, int32_t block, const lsn_part *part, lsn_error *err)
{
    bool ok = true;
    const int32_t first = block * store->block_images;
    for (int32_t i = 0; ok && i < part->tally->images; i++) {
        const lsn_verdict *v = &part->verdicts[i];
        const double loss = isnan(v->loss) ? (double)NAN : (double)lsn_fixed(v->loss) / LSN_FIXED;
        ok = DATABASE_STEP(&store->db, store->statements[STORE_ADD_IMAGE], err, integer(id), integer(first + i),
                           integer(v->prediction), integer(v->rank), real(loss));
    }
    return ok;
}

/* Where all images count, the last part to come is never stored itself. */
static bool add_to_all(lsn_store *store, int32_t evaluation, int32_t block, const lsn_part *part, lsn_error *err)
{
    const bool last = store->missing[evaluation] == 1;
    if (!(last ? store_complete_with(store, evaluation, store->blocks, part, err)
               : write_part(store, store->ids[evaluation], block, part, err)))
        return false;
    store_mark(store, evaluation, block);
    return true;
}

static bool add_to_race(lsn_store *store, int32_t evaluation, int32_t block, const lsn_part *part, lsn_error *err)
{
    int32_t end = 0;
    if (!write_part(store, store->ids[evaluation], block, part, err))
        return false;
    store_mark(store, evaluation, block);
    return race_advance(store, evaluation, block, part->tally, &end, err) &&
           (end == 0 || store_complete_with(store, evaluation, end, NULL, err));
}

bool lsn_store_add(lsn_store *store, int32_t evaluation, int32_t block, const lsn_part *part, lsn_store_change *change,
                   lsn_error *err)
{
    lsn_store_change unasked;
    change = change == NULL ? &unasked : change;
    *change = (lsn_store_change){0};
    if (lsn_store_has(store, evaluation, block))
        return true;
    const lsn_part kept = measured(store, evaluation, part);
    if (!check(store, block, &kept, err) || !store_may_add(store, err))
        return false;
    lsn_error why;
    bool ok = kept.verdicts == NULL || write_images(store, store->ids[evaluation], block, &kept, &why);
    ok = ok && (store_races(store, evaluation) ? add_to_race(store, evaluation, block, &kept, &why)
                                               : add_to_all(store, evaluation, block, &kept, &why));
    ok = ok && deaths_acquit(store, evaluation, block, &why);
    if (!ok)
        return store_give_up(store, &why, err);
    store->evaluated += part->tally->images;
    *change = (lsn_store_change){.added = true, .completed = lsn_store_complete(store, evaluation)};
    return true;
}

bool lsn_store_fail(lsn_store *store, int32_t evaluation, const char *reason, lsn_error *err)
{
    if (lsn_store_complete(store, evaluation))
        return true;
    if (!store_may_add(store, err))
        return false;
    lsn_error why;
    if (!DATABASE_STEP(&store->db, store->statements[STORE_FAIL], &why, integer(store->ids[evaluation]), text(reason)))
        return store_give_up(store, &why, err);
    store->status[evaluation] = STORE_FAILED;
    return true;
}

bool lsn_store_running(lsn_store *store, const int32_t *evaluations, int32_t count, lsn_error *err)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t e = evaluations[i];
        assert(e >= 0 && e < store->facts.evaluations);
        if (store->status[e] == STORE_DONE || store->status[e] == STORE_RUNNING_NOW)
            continue;
        if (!store_may_add(store, err))
            return false;
        lsn_error why;
        if (!DATABASE_STEP(&store->db, store->statements[STORE_RUNNING], &why, integer(store->ids[e])))
            return store_give_up(store, &why, err);
        store->status[e] = STORE_RUNNING_NOW;
    }
    return true;
}
