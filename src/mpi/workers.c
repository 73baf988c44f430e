/* The workers as rank 0 sees them: what it says goes out by non-blocking sends, what they say is taken as it is found.
 * No MPI call tells that a rank is dead: sends to it seem to succeed, or never end. */
#include "mpi/checked.h"
#include "mpi/mpi_internal.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double WHOLE_S = 0.05; /* for all of a message; then others are heard in the meantime */
static const double GOODBYE_S = 20; /* for a worker to answer a farewell: it may be in the middle of a layer */

typedef struct posted {
    lsn_message message;
    MPI_Request request;
} posted;

/* A message that began to come. Its rest may never: its sender may have died in the middle of it. */
typedef struct arriving {
    lsn_message message;
    MPI_Request request;
    MPI_Status status;
} arriving;

struct lsn_workers {
    int size;
    lsn_patience patience;
    double *told_s; /* [size] when a rank was told anything last */
    lsn_process self;
    const lsn_process *processes; /* [size] of each rank */
    posted *sends;                /* under way, or ready for reuse */
    size_t n_sends, sends_room;
    size_t next; /* where a free place is looked for first */
    lsn_message received;
    arriving *halves; /* of messages that took longer than WHOLE_S */
    size_t n_halves, halves_room;
};

lsn_workers *lsn_workers_create(const lsn_ranks *ranks, const lsn_process *processes, lsn_error *err)
{
    lsn_workers *workers = lsn_array(1, sizeof *workers, err);
    if (workers == NULL)
        return NULL;
    workers->size = ranks->size;
    workers->patience = lsn_patience_get();
    workers->told_s = lsn_array((size_t)ranks->size, sizeof *workers->told_s, err);
    workers->processes = processes;
    if (workers->told_s == NULL) {
        lsn_workers_destroy(workers);
        return NULL;
    }
    workers->self = lsn_process_self();
    for (int rank = 0; rank < ranks->size; rank++)
        workers->told_s[rank] = lsn_now_s();
    return workers;
}

/* What is still under way is left to MPI, with its memory: who is at the other end may be dead. */
void lsn_workers_destroy(lsn_workers *workers)
{
    if (workers == NULL)
        return;
    for (size_t i = 0; i < workers->n_sends; i++) {
        int done = 1;
        if (workers->sends[i].request != MPI_REQUEST_NULL)
            MPI_Test(&workers->sends[i].request, &done, MPI_STATUS_IGNORE);
        if (done)
            free(workers->sends[i].message.bytes);
    }
    for (size_t i = 0; i < workers->n_halves; i++) {
        int done = 0;
        MPI_Test(&workers->halves[i].request, &done, MPI_STATUS_IGNORE);
        if (done)
            free(workers->halves[i].message.bytes);
    }
    free(workers->sends);
    free(workers->halves);
    free(workers->received.bytes);
    free(workers->told_s);
    free(workers);
}

/* ---- saying -------------------------------------------------------------------------------------------------- */

/* A place whose last message has been sent. */
static posted *free_place(lsn_workers *workers, lsn_error *err)
{
    for (size_t looked = 0; looked < workers->n_sends; looked++) {
        posted *place = &workers->sends[workers->next];
        workers->next = (workers->next + 1) % workers->n_sends;
        int done = place->request == MPI_REQUEST_NULL;
        if (!done && MPI_Test(&place->request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
            done = 0;
        if (done)
            return place;
    }
    if (!lsn_grow((void **)&workers->sends, workers->n_sends, &workers->sends_room, sizeof(posted), err))
        return NULL;
    posted *place = &workers->sends[workers->n_sends++];
    *place = (posted){.request = MPI_REQUEST_NULL};
    return place;
}

static bool post(lsn_workers *workers, posted *place, int rank, int tag, lsn_error *err)
{
    LSN_MPI(MPI_Isend(place->message.bytes, (int)place->message.size, MPI_BYTE, rank, tag, MPI_COMM_WORLD,
                      &place->request));
    workers->told_s[rank] = lsn_now_s();
    return true;
}

static bool say(lsn_workers *workers, int rank, int tag, const void *bytes, size_t size, lsn_error *err)
{
    posted *place = free_place(workers, err);
    if (place == NULL || !lsn_message_reserve(&place->message, size, err))
        return false;
    if (size > 0)
        memcpy(place->message.bytes, bytes, size);
    return post(workers, place, rank, tag, err);
}

static bool give(void *context, const lsn_unit *unit, lsn_error *err)
{
    lsn_workers *workers = context;
    posted *place = free_place(workers, err);
    return place != NULL && lsn_wire_put_unit(&place->message, unit, err) &&
           post(workers, place, unit->worker + 1, LSN_TAG_UNIT, err);
}

static bool cancel(void *context, int32_t worker, int32_t unit, lsn_error *err)
{
    return say(context, worker + 1, LSN_TAG_CANCEL, &unit, sizeof unit, err);
}

static bool tend(void *context, lsn_error *err)
{
    lsn_workers *workers = context;
    const double now = lsn_now_s();
    for (int rank = 1; rank < workers->size; rank++)
        if (now - workers->told_s[rank] >= workers->patience.beat && !say(workers, rank, LSN_TAG_ALIVE, NULL, 0, err))
            return false;
    return true;
}

/* ---- hearing ------------------------------------------------------------------------------------------------- */

/* The first of the messages that began to come earlier and are whole now. */
static bool receive_half(lsn_workers *workers, int *found, MPI_Status *status, lsn_error *err)
{
    *found = 0;
    for (size_t i = 0; i < workers->n_halves && !*found; i++) {
        arriving *half = &workers->halves[i];
        LSN_MPI(MPI_Test(&half->request, found, MPI_STATUS_IGNORE));
        if (!*found)
            continue;
        free(workers->received.bytes);
        workers->received = half->message;
        *status = half->status;
        *half = workers->halves[--workers->n_halves];
    }
    return true;
}

/* Waits for the message a little. */
static bool finish_soon(MPI_Request *coming, int *done, lsn_error *err)
{
    const double until = lsn_now_s() + WHOLE_S;
    do {
        LSN_MPI(MPI_Test(coming, done, MPI_STATUS_IGNORE));
    } while (!*done && lsn_now_s() < until && sched_yield() == 0);
    return true;
}

/* The next message, if there is one: workers->received. */
static bool receive(lsn_workers *workers, int *found, MPI_Status *status, lsn_error *err)
{
    int size = 0;
    MPI_Request coming;
    if (!receive_half(workers, found, status, err))
        return false;
    if (*found)
        return true;
    LSN_MPI(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, found, status));
    if (!*found)
        return true;
    LSN_MPI(MPI_Get_count(status, MPI_BYTE, &size));
    if (!lsn_message_reserve(&workers->received, (size_t)size, err) ||
        !lsn_grow((void **)&workers->halves, workers->n_halves, &workers->halves_room, sizeof *workers->halves, err))
        return false;
    LSN_MPI(MPI_Irecv(workers->received.bytes, size, MPI_BYTE, status->MPI_SOURCE, status->MPI_TAG, MPI_COMM_WORLD,
                      &coming));
    if (!finish_soon(&coming, found, err))
        return false;
    if (!*found) {
        workers->halves[workers->n_halves++] = (arriving){workers->received, coming, *status};
        workers->received = (lsn_message){0};
    }
    return true;
}

static bool read_note(const lsn_workers *workers, int rank, lsn_news *news, lsn_error *err)
{
    lsn_note note = {0};
    const lsn_message *got = &workers->received;
    if (got->size < sizeof note.unit || got->size > sizeof note)
        return lsn_fail(err, LSN_FAILED, "rank %d: a note of %zu bytes is no note", rank, got->size);
    memcpy(&note, got->bytes, got->size);
    note.failure.text[sizeof note.failure.text - 1] = '\0';
    note.failure.file[sizeof note.failure.file - 1] = '\0';
    note.failure.part[sizeof note.failure.part - 1] = '\0';
    news->unit = note.unit;
    news->failure = note.failure;
    return true;
}

static bool take(void *context, lsn_news *news, lsn_error *err)
{
    lsn_workers *workers = context;
    int found = 0;
    MPI_Status status;
    news->kind = LSN_NO_NEWS;
    if (!receive(workers, &found, &status, err))
        return false;
    if (!found)
        return true;
    news->worker = status.MPI_SOURCE - 1;
    switch (status.MPI_TAG) {
    case LSN_TAG_RESULT:
        news->kind = LSN_RESULT;
        if (!lsn_wire_get_result(&workers->received, &news->result, err))
            return lsn_fail_in(err, "rank %d", status.MPI_SOURCE);
        news->unit = news->result.unit;
        return true;
    case LSN_TAG_REFUSED:
        news->kind = LSN_REFUSED;
        return read_note(workers, status.MPI_SOURCE, news, err);
    case LSN_TAG_DROPPED:
        news->kind = LSN_DROPPED;
        return read_note(workers, status.MPI_SOURCE, news, err);
    default:
        news->kind = LSN_ALIVE;
        return true;
    }
}

static bool dead(void *context, int32_t worker)
{
    const lsn_workers *workers = context;
    const lsn_process *process = &workers->processes[worker + 1];
    return lsn_process_sees(&workers->self, process) && lsn_process_ended(process);
}

static const char *name(void *context, int32_t worker, char *text, size_t size)
{
    (void)context;
    snprintf(text, size, "rank %d", (int)worker + 1);
    return text;
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

bool lsn_workers_dismiss(lsn_workers *workers, bool missing)
{
    lsn_error ignored;
    const int32_t how = missing ? LSN_ABANDON : LSN_FAREWELL;
    bool ok = true;
    for (int rank = 1; rank < workers->size; rank++)
        ok = say(workers, rank, LSN_TAG_LEAVE, &how, sizeof how, &ignored) && ok;
    lsn_awake clock = lsn_awake_begin(workers->patience.beat);
    lsn_wait wait = {0};
    int here = workers->size - 1;
    while (ok && !missing && here > 0 && lsn_awake_s(&clock) < GOODBYE_S) {
        int found = 0;
        MPI_Status status;
        ok = receive(workers, &found, &status, &ignored);
        here -= found && status.MPI_TAG == LSN_TAG_BYE;
        if (found)
            lsn_wait_reset(&wait);
        else
            lsn_wait_step(&wait);
    }
    return ok && here == 0;
}

lsn_crew lsn_workers_crew(lsn_workers *workers)
{
    return (lsn_crew){.workers = workers->size - 1,
                      .held = 2,
                      .context = workers,
                      .give = give,
                      .cancel = cancel,
                      .take = take,
                      .tend = tend,
                      .dead = dead,
                      .name = name};
}
