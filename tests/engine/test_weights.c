/* Weights that were packed for an engine, by several hands or one: the same bits, and memory that it need not take. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lesion/engine.h"
#include "network.h"

enum { IMAGES = 5, CLASSES = 10, JOBS = 3 };

static const network_plan plans[] = {
    {.h = 28,
     .w = 28,
     .channels = 1,
     .grid = 2,
     .conv = {4, 40, 70, 30},
     .pool = {false, true, false, true},
     .fc = {70, 33, CLASSES}},
    {.h = 5, .w = 4, .channels = 2, .fc = {40, 9, CLASSES}}, /* a chain */
};
static const char *const lines[][JOBS] = {{"zero convb:1,5", "zero convc:3 fca:2", "zero fcb:0..7"},
                                          {"zero fca:1", "zero fca:0..39", "zero fca:2 fcb:1"}};

/* In memory of exactly that size, so that a sanitizer sees what is written beside it. */
static void *packed_by(const lsn_net *net, int parts)
{
    const size_t bytes = lsn_engine_weights_bytes(net);
    char *to = aligned_alloc(64, bytes == 0 ? 64 : (bytes + 63) / 64 * 64);
    assert_non_null(to);
    memset(to, 0x55, bytes);
    for (int part = parts - 1; part >= 0; part--)
        assert_true(lsn_engine_pack(net, to, part, parts, NULL));
    return to;
}

static void any_number_of_parts_packs_the_same(void **state)
{
    (void)state;
    static const int parts[] = {2, 3, 7, 64, 1000};
    for (int n = 0; n < 2; n++) {
        lsn_net *net = network_build(&plans[n], 1);
        const size_t bytes = lsn_engine_weights_bytes(net);
        void *one = packed_by(net, 1);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            void *many = packed_by(net, parts[i]);
            assert_memory_equal(one, many, bytes);
            free(many);
        }
        free(one);
        network_free(net);
    }
}

/* A part is written by nobody else, and all parts are of about a size. */
static void parts_are_alike(void **state)
{
    (void)state;
    enum { PARTS = 4 };
    static const network_plan wide = {
        .h = 8, .w = 8, .channels = 1, .grid = 2, .conv = {4, 64}, .pool = {true, true}, .fc = {320, 320, CLASSES}};
    lsn_net *net = network_build(&wide, 1);
    const size_t bytes = lsn_engine_weights_bytes(net), count = bytes / sizeof(uint32_t);
    size_t all = 0;
    for (int part = 0; part < PARTS; part++) {
        uint32_t *to = lsn_array(count, sizeof *to, NULL);
        size_t written = 0;
        memset(to, 0xff, bytes); /* no float that is packed */
        assert_true(lsn_engine_pack(net, to, part, PARTS, NULL));
        for (size_t i = 0; i < count; i++)
            written += to[i] != UINT32_MAX;
        assert_in_range(written, count / PARTS / 2, count / PARTS * 3 / 2);
        all += written;
        free(to);
    }
    assert_int_equal(all, count);
    network_free(net);
}

/* The logits of the network's ablations by an engine of these options. */
static void evaluate(const lsn_net *net, int n, const lsn_engine_options *options, float *logits)
{
    lsn_error err = {0};
    lsn_engine *engine = lsn_engine_create(net, options, &err);
    if (engine == NULL)
        fail_msg("%s", err.text);
    float *images = random_images(net, IMAGES, 3), baseline[IMAGES * CLASSES];
    lsn_ablation *ablations[JOBS];
    for (int i = 0; i < JOBS; i++)
        assert_non_null(ablations[i] = mask_parse(net, lines[n][i]));
    const lsn_engine_request request = {.images = images,
                                        .n = IMAGES,
                                        .ablations = (const lsn_ablation *const *)ablations,
                                        .n_ablations = JOBS,
                                        .baseline = baseline,
                                        .logits = logits};
    if (!lsn_engine_run(engine, &request, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < JOBS; i++)
        mask_free(ablations[i]);
    free(images);
    lsn_engine_destroy(engine);
}

/* Two engines may use the same weights, and leave them to their owner. */
static void given_weights_give_the_same_logits(void **state)
{
    (void)state;
    static float own[JOBS * IMAGES * CLASSES], given[JOBS * IMAGES * CLASSES];
    for (int n = 0; n < 2; n++) {
        lsn_net *net = network_build(&plans[n], 2);
        void *packed = packed_by(net, 3);
        evaluate(net, n, &(lsn_engine_options){0}, own);
        for (int i = 0; i < 2; i++) {
            memset(given, 0, sizeof given);
            evaluate(net, n, &(lsn_engine_options){.weights = packed}, given);
            assert_memory_equal(own, given, sizeof own);
        }
        free(packed);
        network_free(net);
    }
}

/* What an engine counts is the least that it accepts as a limit; and given weights are not in it. */
static void memory_is_counted_as_it_is_taken(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) {
        lsn_net *net = network_build(&plans[n], 2);
        lsn_error err = {0};
        lsn_engine_options options = {.besides_bytes = 1000};
        size_t own, given, besides;
        assert_true(lsn_engine_count(net, &options, &own, &err));
        void *packed = packed_by(net, 1);
        options.weights = packed;
        assert_true(lsn_engine_count(net, &options, &given, &err));
        assert_int_equal(own - given, lsn_engine_weights_bytes(net));
        options.besides_bytes += 64000;
        assert_true(lsn_engine_count(net, &options, &besides, &err));
        assert_int_equal(besides - given, 64000);
        options.memory_bytes = besides;
        lsn_engine *engine = lsn_engine_create(net, &options, &err);
        assert_non_null(engine);
        lsn_engine_destroy(engine);
        options.memory_bytes = 100;
        assert_false(lsn_engine_count(net, &options, &besides, &err));
        assert_int_equal(err.code, LSN_USAGE);
        free(packed);
        network_free(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_parts_packs_the_same),
        cmocka_unit_test(parts_are_alike),
        cmocka_unit_test(given_weights_give_the_same_logits),
        cmocka_unit_test(memory_is_counted_as_it_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
