/* Images ahead of need: a thread decodes the block that is expected next while the engine computes, and the blocks that
 * were decoded last are kept, as 8-bit pixels.
 *
 * A slot's life: empty -> filling (by the thread alone) -> ready, or failed. Only the thread chooses slots; the one
 * that is `in_use` by the caller is never chosen. Where decoding costs nothing there is no thread and no slot. */
#include "run/run_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES = 64 << 20, LEAST_SLOTS = 2, MOST_SLOTS = 1024 };

typedef enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_READY, SLOT_FAILED } slot_state;

typedef struct slot {
    slot_state state;
    lsn_span span;
    int64_t used; /* when, in loads */
    unsigned char *pixels;
} slot;

struct lsn_loader {
    const lsn_plan *plan;
    size_t image_bytes; /* as fetched */
    size_t floats;      /* of an image */
    unsigned char *storage;
    slot *slots;
    int n_slots; /* 0: there is no thread */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* of what follows, and of the slots' fields */
    pthread_cond_t changed;
    lsn_span wanted, expected; /* n == 0: none */
    int in_use;                /* slot; -1: none */
    int64_t loads;
    bool leave;
    lsn_error failure; /* of the slot that failed */
};

static bool same(const lsn_span *a, const lsn_span *b)
{
    return a->calibration == b->calibration && a->first == b->first && a->n == b->n;
}

static int find_slot(const lsn_loader *loader, const lsn_span *span)
{
    for (int i = 0; i < loader->n_slots; i++)
        if (loader->slots[i].state != SLOT_EMPTY && same(&loader->slots[i].span, span))
            return i;
    return -1;
}

/* ---- the thread ---------------------------------------------------------------------------------------------- */

/* An empty slot, or the one that was used longest ago. */
static slot *choose_slot(lsn_loader *loader)
{
    slot *best = NULL;
    for (int i = 0; i < loader->n_slots; i++) {
        slot *s = &loader->slots[i];
        if (i == loader->in_use)
            continue;
        if (s->state == SLOT_EMPTY || s->state == SLOT_FAILED)
            return s;
        if (best == NULL || s->used < best->used)
            best = s;
    }
    return best;
}

/* One image of a span, compared with what the check has seen. */
static bool fetch_checked(const lsn_plan *plan, const lsn_span *span, int32_t k, unsigned char *pixels, lsn_error *err)
{
    char name[LSN_IMAGE_NAME_BYTES];
    const lsn_sample *sample = span->calibration ? &plan->calibration : &plan->images;
    const lsn_digest *checked = span->calibration ? plan->calibration_pixels : plan->pixels;
    const int32_t image = sample->images[span->first + k];
    lsn_digest digest;
    lsn_error why = {0};
    if (!lsn_data_fetch(plan->data, image, pixels, &why))
        return lsn_fail(err, LSN_FAILED, "an image could be read when it was checked, but not any more: %.900s",
                        why.text);
    if (!lsn_data_fetched_digest(plan->data, pixels, &digest, err))
        return false;
    if (memcmp(&digest, &checked[span->first + k], sizeof digest) == 0)
        return true;
    return lsn_fail(err, LSN_FAILED, "%.500s has changed since it was checked: run again with --fresh, or restore it",
                    lsn_data_image_name(plan->data, image, name));
}

/* Whether something else is wanted now than what is being decoded. */
static bool interrupted(lsn_loader *loader, const lsn_span *span)
{
    pthread_mutex_lock(&loader->lock);
    bool yes = loader->leave || (loader->wanted.n > 0 && !same(&loader->wanted, span));
    pthread_mutex_unlock(&loader->lock);
    return yes;
}

static slot_state fill(lsn_loader *loader, const lsn_span *span, unsigned char *pixels, lsn_error *err)
{
    for (int32_t k = 0; k < span->n; k++) {
        if (interrupted(loader, span))
            return SLOT_EMPTY;
        if (!fetch_checked(loader->plan, span, k, pixels + (size_t)k * loader->image_bytes, err))
            return SLOT_FAILED;
    }
    return SLOT_READY;
}

/* Takes what is wanted, or else expected, unless it is there. */
static bool take_request(lsn_loader *loader, lsn_span *span)
{
    lsn_span *request = loader->wanted.n > 0 ? &loader->wanted : &loader->expected;
    *span = *request;
    *request = (lsn_span){0};
    return span->n > 0 && find_slot(loader, span) < 0;
}

static void *decode(void *context)
{
    lsn_loader *loader = context;
    pthread_mutex_lock(&loader->lock);
    while (!loader->leave) {
        lsn_span span;
        if (!take_request(loader, &span)) {
            if (loader->wanted.n == 0 && loader->expected.n == 0)
                pthread_cond_wait(&loader->changed, &loader->lock);
            continue;
        }
        slot *s = choose_slot(loader);
        *s = (slot){.state = SLOT_FILLING, .span = span, .used = loader->loads, .pixels = s->pixels};
        pthread_mutex_unlock(&loader->lock);
        lsn_error err = {0};
        slot_state state = fill(loader, &span, s->pixels, &err);
        pthread_mutex_lock(&loader->lock);
        s->state = state;
        if (state == SLOT_FAILED)
            loader->failure = err;
        pthread_cond_broadcast(&loader->changed);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

/* ---- the caller ---------------------------------------------------------------------------------------------- */

static size_t count_slots(const lsn_plan *plan, int32_t block_images)
{
    const size_t block = (size_t)block_images * lsn_data_fetched_bytes(plan->data);
    const size_t blocks = ((size_t)plan->images.count - 1) / (size_t)block_images + 1;
    size_t slots = KEPT_BYTES / block;
    slots = slots > blocks + 1 ? blocks + 1 : slots;
    return slots < LEAST_SLOTS ? LEAST_SLOTS : slots > MOST_SLOTS ? MOST_SLOTS : slots;
}

size_t lsn_loader_bytes(const lsn_plan *plan, int32_t block_images)
{
    return count_slots(plan, block_images) * (size_t)block_images * lsn_data_fetched_bytes(plan->data);
}

static bool make_slots(lsn_loader *loader, int32_t block_images, lsn_error *err)
{
    const size_t block = (size_t)block_images * loader->image_bytes;
    const size_t slots = count_slots(loader->plan, block_images);
    loader->storage = lsn_array(slots, block, err);
    loader->slots = loader->storage == NULL ? NULL : lsn_array(slots, sizeof *loader->slots, err);
    if (loader->slots == NULL)
        return false;
    for (size_t i = 0; i < slots; i++)
        loader->slots[i].pixels = loader->storage + i * block;
    loader->n_slots = (int)slots;
    loader->started = pthread_create(&loader->thread, NULL, decode, loader) == 0;
    if (!loader->started)
        return lsn_fail(err, LSN_FAILED, "no thread could be started for decoding images");
    pthread_setname_np(loader->thread, "images"); /* for those who look at the process: top -H, bench/memory.py */
    return true;
}

lsn_loader *lsn_loader_create(const lsn_plan *plan, int32_t block_images, lsn_error *err)
{
    lsn_loader *loader = lsn_array(1, sizeof *loader, err);
    if (loader == NULL)
        return NULL;
    const lsn_data *data = plan->data;
    loader->plan = plan;
    loader->in_use = -1;
    loader->image_bytes = lsn_data_fetched_bytes(data);
    loader->floats = (size_t)lsn_data_height(data) * (size_t)lsn_data_width(data) * (size_t)lsn_data_channels(data);
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->changed, NULL);
    if (!lsn_data_is_costly(data) || make_slots(loader, block_images, err))
        return loader;
    lsn_loader_destroy(loader);
    return NULL;
}

void lsn_loader_destroy(lsn_loader *loader)
{
    if (loader == NULL)
        return;
    pthread_mutex_lock(&loader->lock);
    loader->leave = true;
    pthread_cond_broadcast(&loader->changed);
    pthread_mutex_unlock(&loader->lock);
    if (loader->started)
        pthread_join(loader->thread, NULL);
    pthread_cond_destroy(&loader->changed);
    pthread_mutex_destroy(&loader->lock);
    free(loader->slots);
    free(loader->storage);
    free(loader);
}

void lsn_loader_expect(lsn_loader *loader, const lsn_span *span)
{
    if (loader->n_slots == 0 || span->n < 1)
        return;
    pthread_mutex_lock(&loader->lock);
    if (find_slot(loader, span) < 0) {
        loader->expected = *span;
        pthread_cond_broadcast(&loader->changed);
    }
    pthread_mutex_unlock(&loader->lock);
}

/* Waits for the span to be ready, and keeps its slot from being chosen. NULL where it failed. Locked. */
static const slot *await(lsn_loader *loader, const lsn_span *span, lsn_error *err)
{
    for (;;) {
        int i = find_slot(loader, span);
        if (i >= 0 && loader->slots[i].state == SLOT_READY) {
            loader->in_use = i;
            loader->slots[i].used = ++loader->loads;
            return &loader->slots[i];
        }
        if (i >= 0 && loader->slots[i].state == SLOT_FAILED) {
            loader->slots[i].state = SLOT_EMPTY;
            *err = loader->failure;
            return NULL;
        }
        if (i < 0) {
            loader->wanted = *span;
            pthread_cond_broadcast(&loader->changed);
        }
        pthread_cond_wait(&loader->changed, &loader->lock);
    }
}

static bool normalise(const lsn_loader *loader, const lsn_span *span, const unsigned char *pixels, float *out,
                      lsn_error *err)
{
    for (int32_t k = 0; k < span->n; k++)
        if (!lsn_data_normalise(loader->plan->data, pixels + (size_t)k * loader->image_bytes,
                                out + (size_t)k * loader->floats))
            return lsn_fail(err, LSN_INVALID, "an image has a pixel that is not finite");
    return true;
}

bool lsn_loader_pick(lsn_loader *loader, const int32_t *places, int32_t n, float *out, lsn_error *err)
{
    const lsn_plan *plan = loader->plan;
    unsigned char *pixels = lsn_array(1, loader->image_bytes, err);
    bool ok = pixels != NULL;
    for (int32_t k = 0; ok && k < n; k++) {
        const lsn_span one = {.calibration = true, .first = places[k], .n = 1};
        ok = fetch_checked(plan, &one, 0, pixels, err) &&
             normalise(loader, &one, pixels, out + (size_t)k * loader->floats, err);
    }
    free(pixels);
    return ok;
}

bool lsn_loader_load(lsn_loader *loader, const lsn_span *span, float *out, lsn_error *err)
{
    lsn_error why = {0};
    const lsn_sample *sample = span->calibration ? &loader->plan->calibration : &loader->plan->images;
    if (loader->n_slots == 0)
        return lsn_data_load(loader->plan->data, sample->images + span->first, span->n, out, err);
    pthread_mutex_lock(&loader->lock);
    const slot *ready = await(loader, span, &why);
    pthread_mutex_unlock(&loader->lock);
    if (ready == NULL)
        return lsn_fail_as(err, &why);
    bool ok = normalise(loader, span, ready->pixels, out, err);
    pthread_mutex_lock(&loader->lock);
    loader->in_use = -1;
    pthread_mutex_unlock(&loader->lock);
    return ok;
}
