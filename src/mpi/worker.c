/* A worker: waits for a unit, computes it, sends the result, until it is told to leave. What rank 0 says is taken
 * between pieces of a unit, so that the images of a unit in reserve can be decoded in the meantime. A worker that hears
 * nothing of rank 0 for long leaves by itself; time in which it was itself stopped does not count. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 4, NOTES = 16 };

typedef struct sent_note {
    lsn_note note;
    MPI_Request sending;
} sent_note;

typedef struct worker {
    lsn_compute *compute;
    lsn_patience patience;
    lsn_message queue[QUEUE]; /* units in reserve, the next first */
    int queued;
    lsn_message unit; /* in hand */
    lsn_message result;
    MPI_Request sending; /* of `result` */
    sent_note notes[NOTES];
    lsn_process self, rank_0;
    lsn_awake clock;
    double heard_s; /* of rank 0, by that clock */
    double told_s;
    bool leave, abandon, orphaned;
    lsn_error trouble; /* of what is done while a unit is computed */
} worker;

/* ---- saying -------------------------------------------------------------------------------------------------- */

/* A note to rank 0; its first `size` bytes. Where all places are under way it is left unsaid: rank 0 is not there. */
static bool say(worker *w, int tag, const lsn_note *note, size_t size, lsn_error *err)
{
    for (int i = 0; i < NOTES; i++) {
        int done = 0;
        LSN_MPI(MPI_Test(&w->notes[i].sending, &done, MPI_STATUS_IGNORE));
        if (!done)
            continue;
        w->notes[i].note = *note;
        LSN_MPI(MPI_Isend(&w->notes[i].note, (int)size, MPI_BYTE, 0, tag, MPI_COMM_WORLD, &w->notes[i].sending));
        w->told_s = lsn_now_s();
        break;
    }
    return true;
}

static bool beat(worker *w, lsn_error *err)
{
    const lsn_note alive = {0};
    return lsn_now_s() - w->told_s < w->patience.beat || say(w, LSN_TAG_ALIVE, &alive, 0, err);
}

/* ---- hearing ------------------------------------------------------------------------------------------------- */

/* A rank 0 that is seen to be stopped is waited for: it may be continued. */
static bool is_orphaned(worker *w, lsn_error *err)
{
    const double now = lsn_awake_s(&w->clock);
    if (w->leave || now - w->heard_s < w->patience.orphaned)
        return false;
    if (lsn_process_sees(&w->self, &w->rank_0) && lsn_process_stopped(&w->rank_0)) {
        w->heard_s = now;
        return false;
    }
    w->orphaned = w->leave = w->abandon = true;
    lsn_fail(err, LSN_FAILED, "nothing was heard of rank 0 for %.0f s: it seems to be dead", now - w->heard_s);
    return true;
}

/* Takes a message that was found. Its rest may never come: rank 0 may have died in the middle of it. */
static bool receive(worker *w, void *bytes, int size, int tag, lsn_error *err)
{
    MPI_Request coming;
    lsn_wait wait = {0};
    LSN_MPI(MPI_Irecv(bytes, size, MPI_BYTE, 0, tag, MPI_COMM_WORLD, &coming));
    for (int done = 0;; lsn_wait_step(&wait)) {
        LSN_MPI(MPI_Test(&coming, &done, MPI_STATUS_IGNORE));
        if (done)
            return true;
        if (!beat(w, err) || is_orphaned(w, err))
            return false;
    }
}

static bool take_unit(worker *w, int size, lsn_error *err)
{
    lsn_unit_message unit;
    if (w->queued == QUEUE)
        return lsn_fail(err, LSN_FAILED, "rank 0 sent more units than a worker may hold");
    lsn_message *place = &w->queue[w->queued];
    if (!lsn_message_reserve(place, (size_t)size, err))
        return false;
    if (!receive(w, place->bytes, size, LSN_TAG_UNIT, err))
        return false;
    w->queued++;
    lsn_error later; /* what is wrong with it is said when its turn comes */
    if (w->queued == 1 && lsn_wire_get_unit(place, &unit, &later))
        lsn_compute_expect(w->compute, unit.block);
    return true;
}

/* Takes the first unit out of the queue; its memory becomes the place of another. */
static void remove_queued(worker *w, int i)
{
    const lsn_message gone = w->queue[i];
    w->queued--;
    memmove(&w->queue[i], &w->queue[i + 1], (size_t)(w->queued - i) * sizeof gone);
    w->queue[w->queued] = gone;
}

static bool take_cancel(worker *w, lsn_error *err)
{
    lsn_note note = {0};
    if (!receive(w, &note.unit, sizeof note.unit, LSN_TAG_CANCEL, err))
        return false;
    for (int i = 0; i < w->queued; i++) {
        lsn_unit_message unit;
        lsn_error later;
        if (!lsn_wire_get_unit(&w->queue[i], &unit, &later) || unit.unit != note.unit)
            continue;
        remove_queued(w, i);
        return say(w, LSN_TAG_DROPPED, &note, sizeof note.unit, err);
    }
    return true;
}

static bool take_leave(worker *w, lsn_error *err)
{
    int32_t how = LSN_FAREWELL;
    if (!receive(w, &how, sizeof how, LSN_TAG_LEAVE, err))
        return false;
    w->leave = true;
    w->abandon = how == LSN_ABANDON;
    return true;
}

/* Takes all that rank 0 has said. */
static bool listen(worker *w, lsn_error *err)
{
    while (!w->leave) {
        int found = 0, size = 0;
        MPI_Status status;
        LSN_MPI(MPI_Iprobe(0, MPI_ANY_TAG, MPI_COMM_WORLD, &found, &status));
        if (!found)
            return true;
        w->heard_s = lsn_awake_s(&w->clock);
        LSN_MPI(MPI_Get_count(&status, MPI_BYTE, &size));
        bool ok = true;
        if (status.MPI_TAG == LSN_TAG_UNIT)
            ok = take_unit(w, size, err);
        else if (status.MPI_TAG == LSN_TAG_CANCEL)
            ok = take_cancel(w, err);
        else if (status.MPI_TAG == LSN_TAG_LEAVE)
            ok = take_leave(w, err);
        else
            ok = receive(w, NULL, 0, status.MPI_TAG, err);
        if (!ok)
            return false;
    }
    return true;
}

/* Hears, says that it is alive, and notices when rank 0 is not. Whether to go on. */
static bool attend(worker *w)
{
    if (w->trouble.code == LSN_OK && !listen(w, &w->trouble))
        return false;
    if (!beat(w, &w->trouble) || is_orphaned(w, &w->trouble))
        return false;
    return !w->leave && w->trouble.code == LSN_OK;
}

/* Asked between pieces of a unit. */
static bool shall_stop(void *context)
{
    return !attend(context);
}

/* Waits until a message was sent. False where it is no use any more. */
static bool wait_sent(worker *w, MPI_Request *sending, lsn_error *err)
{
    lsn_wait wait = {0};
    for (int done = 0;; lsn_wait_step(&wait)) {
        LSN_MPI(MPI_Test(sending, &done, MPI_STATUS_IGNORE));
        if (done)
            return true;
        attend(w);
        if (w->abandon)
            return lsn_fail(err, LSN_STOPPED, "rank 0 is not there");
    }
}

/* ---- units --------------------------------------------------------------------------------------------------- */

static bool compute_unit(worker *w, const lsn_unit_message *unit, lsn_error *err)
{
    lsn_result result;
    const double began = lsn_awake_s(&w->clock);
    if (!lsn_compute_load(w->compute, unit->block, err) || !wait_sent(w, &w->sending, err) ||
        !lsn_wire_begin_result(&w->result, unit->unit, unit->count, lsn_compute_extent(w->compute), &result, err) ||
        !lsn_compute_evaluations(w->compute, unit->block, unit->evaluations, unit->count, &result.outcome, shall_stop,
                                 w, err))
        return false;
    result.seconds = lsn_awake_s(&w->clock) - began;
    lsn_wire_seal_result(&w->result, &result);
    LSN_MPI(MPI_Isend(w->result.bytes, (int)w->result.size, MPI_BYTE, 0, LSN_TAG_RESULT, MPI_COMM_WORLD, &w->sending));
    w->told_s = lsn_now_s();
    return true;
}

/* Computes the next unit. What goes wrong with it is told to rank 0, which gives it to others. */
static bool begin_next(worker *w, lsn_error *err)
{
    lsn_note note = {0};
    lsn_unit_message unit;
    const lsn_message next = w->queue[0];
    w->queue[0] = w->unit;
    w->unit = next;
    remove_queued(w, 0);
    if (!lsn_wire_get_unit(&w->unit, &unit, err))
        return false;
    if (compute_unit(w, &unit, &note.failure) || note.failure.code == LSN_STOPPED)
        return true;
    note.unit = unit.unit;
    return say(w, LSN_TAG_REFUSED, &note, sizeof note, err);
}

static bool loop(worker *w, lsn_error *err)
{
    lsn_wait wait = {0};
    while (attend(w)) {
        if (w->queued == 0) {
            lsn_wait_step(&wait);
            continue;
        }
        lsn_wait_reset(&wait);
        if (!begin_next(w, err))
            return false;
    }
    if (w->trouble.code != LSN_OK)
        *err = w->trouble;
    return w->trouble.code == LSN_OK;
}

/* The last word, after all others have been sent. */
static bool say_goodbye(worker *w, lsn_error *err)
{
    const lsn_note bye = {0};
    bool ok = wait_sent(w, &w->sending, err);
    for (int i = 0; ok && i < NOTES; i++)
        ok = wait_sent(w, &w->notes[i].sending, err);
    return ok && say(w, LSN_TAG_BYE, &bye, 0, err) && wait_sent(w, &w->notes[0].sending, err);
}

bool lsn_worker_loop(lsn_compute *compute, const lsn_process *rank_0, bool *abandon, lsn_error *err)
{
    worker *w = lsn_array(1, sizeof *w, err);
    if (w == NULL)
        return false;
    *w = (worker){.compute = compute,
                  .patience = lsn_patience_get(),
                  .sending = MPI_REQUEST_NULL,
                  .self = lsn_process_self(),
                  .rank_0 = *rank_0,
                  .told_s = lsn_now_s()};
    for (int i = 0; i < NOTES; i++)
        w->notes[i].sending = MPI_REQUEST_NULL;
    w->clock = lsn_awake_begin(w->patience.beat);
    bool ok = loop(w, err) && (w->abandon || say_goodbye(w, err));
    *abandon = w->abandon;
    if (w->abandon) /* what is under way is left to MPI, with its memory */
        return ok;
    for (int i = 0; i < QUEUE; i++)
        free(w->queue[i].bytes);
    free(w->unit.bytes);
    free(w->result.bytes);
    free(w);
    return ok;
}
