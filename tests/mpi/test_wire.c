/* Messages survive the way there, and bytes that are no message are refused. */
#include "mpi/mpi_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_unit_arrives_as_it_was_sent(void **state)
{
    (void)state;
    int32_t evaluations[] = {7, 3, 100000};
    lsn_unit unit = {.id = 5, .block = 2, .count = 3, .worker = 1, .evaluations = evaluations};
    lsn_message message = {0};
    lsn_unit_message got;
    assert_true(lsn_wire_put_unit(&message, &unit, NULL));
    assert_true(lsn_wire_get_unit(&message, &got, NULL));
    assert_int_equal(got.unit, 5);
    assert_int_equal(got.block, 2);
    assert_int_equal(got.count, 3);
    assert_memory_equal(got.evaluations, evaluations, sizeof evaluations);
    free(message.bytes);
}

static void a_result_arrives_as_it_was_sent(void **state)
{
    (void)state;
    for (int32_t classes = 0; classes <= 3; classes += 3) {
        lsn_message message = {0};
        lsn_result sent, got;
        assert_true(lsn_wire_begin_result(&message, 9, 2, classes, &sent, NULL));
        sent.seconds = 1.25;
        for (int32_t i = 0; i < 2; i++) {
            sent.tallies[i] = (lsn_tally){.images = 10 + i, .top1 = 5, .loss = -3, .kl = 1LL << 50, .seconds = 0.5};
            for (int32_t c = 0; c < classes; c++)
                sent.class_right[i * classes + c] = 100 * i + c;
        }
        lsn_wire_seal_result(&message, &sent);
        assert_true(lsn_wire_get_result(&message, &got, NULL));
        assert_int_equal(got.unit, 9);
        assert_int_equal(got.count, 2);
        assert_int_equal(got.classes, classes);
        assert_true(got.seconds >= 1.25 && got.seconds <= 1.25);
        assert_int_equal(got.tallies[1].images, 11);
        assert_int_equal(got.tallies[1].kl, 1LL << 50);
        if (classes > 0)
            assert_int_equal(got.class_right[5], 102);
        free(message.bytes);
    }
}

static void bytes_that_are_no_message_are_refused(void **state)
{
    (void)state;
    int32_t evaluations[] = {1, 2};
    lsn_unit unit = {.id = 1, .count = 2, .evaluations = evaluations};
    lsn_message message = {0};
    lsn_unit_message got_unit;
    lsn_result result;
    lsn_error err;
    assert_true(lsn_wire_put_unit(&message, &unit, NULL));
    for (size_t size = 0; size < message.room; size++) {
        lsn_message cut = {message.bytes, size, size};
        err.code = LSN_OK;
        if (size != message.size) {
            assert_false(lsn_wire_get_unit(&cut, &got_unit, &err));
            assert_int_equal(err.code, LSN_FAILED);
        }
        assert_false(lsn_wire_get_result(&cut, &result, &err));
    }
    int32_t count = -1;
    memcpy((char *)message.bytes + 8, &count, sizeof count);
    assert_false(lsn_wire_get_unit(&message, &got_unit, &err));
    free(message.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_arrives_as_it_was_sent),
        cmocka_unit_test(a_result_arrives_as_it_was_sent),
        cmocka_unit_test(bytes_that_are_no_message_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
