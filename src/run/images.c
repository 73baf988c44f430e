/* Whether a share of the study's images can be read, found by decoding each of them once, on several threads. */
#include "run/run_internal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

static const double SAY_S = 30;

/* The checks first, first + step, ... */
typedef struct share {
    const lsn_plan *plan;
    lsn_image_checks *found;
    int32_t step;
    pthread_mutex_t lock; /* of what follows */
    int64_t next;         /* the check to be taken next */
    double said_s;
    lsn_error failure; /* code LSN_OK, or why all end */
} share;

/* The next check to be made; -1 where there is none any more. */
static int32_t take_next(share *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->failure.code == LSN_OK && lsn_signals_asked() != LSN_GO_ON)
        lsn_fail(&s->failure, LSN_STOPPED, "stopped while the images were checked");
    int64_t check = s->failure.code == LSN_OK && s->next < s->found->count ? s->next : -1;
    if (check >= 0)
        s->next += s->step;
    double now = lsn_now_s();
    if (now - s->said_s >= SAY_S) {
        s->said_s = now;
        lsn_log("%" PRId64 " of %" PRId32 " images checked", s->next < s->found->count ? s->next : s->found->count,
                s->found->count);
    }
    pthread_mutex_unlock(&s->lock);
    return (int32_t)check;
}

/* What is not the image's fault ends the check. */
static void fail_share(share *s, const lsn_error *err)
{
    pthread_mutex_lock(&s->lock);
    if (s->failure.code == LSN_OK)
        s->failure = *err;
    pthread_mutex_unlock(&s->lock);
}

static void check_image(share *s, int32_t i, unsigned char *scratch)
{
    lsn_error err = {0};
    if (lsn_data_check(s->plan->data, lsn_plan_image(s->plan, i), scratch, &s->found->checks[i], &err))
        return;
    if (err.code == LSN_INVALID)
        s->found->reasons[i] = lsn_strdup(err.text, &err);
    if (err.code != LSN_INVALID || s->found->reasons[i] == NULL)
        fail_share(s, &err);
}

static void *work(void *context)
{
    share *s = context;
    lsn_error err = {0};
    unsigned char *scratch = lsn_array(lsn_data_fetched_bytes(s->plan->data), 1, &err);
    if (scratch == NULL)
        fail_share(s, &err);
    for (int32_t i; (i = take_next(s)) >= 0;)
        check_image(s, i, scratch);
    free(scratch);
    return NULL;
}

bool lsn_images_check_share(const lsn_plan *plan, int32_t first, int32_t step, int threads, lsn_image_checks *found,
                            lsn_error *err)
{
    enum { MOST_THREADS = 256 };
    pthread_t others[MOST_THREADS];
    int n_others = 0;
    share s = {.plan = plan, .found = found, .step = step, .next = first};
    s.said_s = lsn_now_s();
    pthread_mutex_init(&s.lock, NULL);
    /* A thread that cannot be had is done without. */
    while (n_others < threads - 1 && n_others < MOST_THREADS && pthread_create(&others[n_others], NULL, work, &s) == 0)
        n_others++;
    work(&s);
    for (int i = 0; i < n_others; i++)
        pthread_join(others[i], NULL);
    pthread_mutex_destroy(&s.lock);
    if (s.failure.code != LSN_OK)
        *err = s.failure;
    return s.failure.code == LSN_OK;
}
