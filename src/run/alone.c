/* The crew of a run in one process: the coordinator computes each unit itself. */
#include "run/run_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const double STEP_S = 1; /* a longer time between two pieces of a unit counts as far as it was computed */

struct lsn_alone {
    lsn_compute *compute;
    const lsn_unit *unit; /* to be computed; NULL: none */
    lsn_awake clock;
    lsn_message result;
};

lsn_alone *lsn_alone_create(lsn_compute *compute, lsn_error *err)
{
    lsn_alone *alone = lsn_array(1, sizeof *alone, err);
    if (alone != NULL)
        *alone = (lsn_alone){.compute = compute};
    return alone;
}

void lsn_alone_destroy(lsn_alone *alone)
{
    if (alone == NULL)
        return;
    free(alone->result.bytes);
    free(alone);
}

static bool give(void *context, const lsn_unit *unit, lsn_error *err)
{
    (void)err;
    ((lsn_alone *)context)->unit = unit;
    return true;
}

static bool leave_asked(void *context)
{
    lsn_awake_s(&((lsn_alone *)context)->clock);
    return lsn_signals_asked() == LSN_LEAVE;
}

static bool take(void *context, lsn_news *news, lsn_error *err)
{
    lsn_alone *alone = context;
    const lsn_unit *unit = alone->unit;
    lsn_result *result = &news->result;
    news->kind = LSN_NO_NEWS;
    if (unit == NULL)
        return true;
    alone->unit = NULL;
    if (!lsn_compute_load(alone->compute, unit->block, err) ||
        !lsn_wire_begin_result(&alone->result, unit->id, unit->count, lsn_compute_extent(alone->compute), result, err))
        return false;
    alone->clock = lsn_awake_begin(STEP_S);
    lsn_error failure = {0};
    lsn_compute_expect(alone->compute, unit->block + 1); /* units go through the blocks in order */
    if (!lsn_compute_evaluations(alone->compute, unit->block, unit->evaluations, unit->count, &result->outcome,
                                 leave_asked, alone, &failure)) {
        if (failure.code == LSN_STOPPED)
            return true;
        *err = failure;
        return false;
    }
    result->seconds = lsn_awake_s(&alone->clock);
    news->kind = LSN_RESULT;
    news->worker = 0;
    news->unit = unit->id;
    return true;
}

static const char *name(void *context, int32_t worker, char *text, size_t size)
{
    (void)context;
    (void)worker;
    snprintf(text, size, "this process");
    return text;
}

lsn_crew lsn_alone_crew(lsn_alone *alone)
{
    return (lsn_crew){.workers = 1, .held = 1, .context = alone, .give = give, .take = take, .name = name};
}
