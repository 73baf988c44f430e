/* Messages survive the way there, and bytes that are no message are refused. */
#include "run/run_internal.h"

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

static lsn_extent extent_of(unsigned bits)
{
    return (lsn_extent){.classes = bits & 1 ? 3 : 0, .images = bits & 2 ? 5 : 0, .layers = bits & 4 ? 7 : 0};
}

/* What the i-th evaluation of a result has, beyond the last element of the others. */
static void fill(const lsn_outcome *outcome, int32_t i)
{
    const lsn_part part = lsn_outcome_part(outcome, i);
    const lsn_extent e = outcome->extent;
    outcome->tallies[i] = (lsn_tally){.images = 10 + i, .top1 = 5, .loss = -3, .kl = 1LL << 50, .seconds = 0.5};
    assert_true((part.class_right != NULL) == (e.classes > 0) && (part.verdicts != NULL) == (e.images > 0));
    for (int32_t c = 0; c < e.classes; c++) {
        outcome->class_right[i * e.classes + c] = 100 * i + c;
        outcome->class_predicted[i * e.classes + c] = 1000 * i + c;
    }
    for (int32_t k = 0; k < e.images; k++)
        outcome->verdicts[i * e.images + k] = (lsn_verdict){.prediction = 10 * i + k, .rank = k, .loss = 0.25 * k};
    for (int32_t l = 0; l < e.layers; l++)
        outcome->drift[i * e.layers + l] = (1LL << 40) + 10 * i + l;
}

static void check(const lsn_outcome *outcome, int32_t i)
{
    const lsn_part part = lsn_outcome_part(outcome, i);
    const lsn_extent e = outcome->extent;
    assert_int_equal(part.tally->images, 10 + i);
    assert_int_equal(part.tally->kl, 1LL << 50);
    for (int32_t c = 0; c < e.classes; c++) {
        assert_int_equal(part.class_right[c], 100 * i + c);
        assert_int_equal(part.class_predicted[c], 1000 * i + c);
    }
    for (int32_t k = 0; k < e.images; k++) {
        assert_int_equal(part.verdicts[k].prediction, 10 * i + k);
        assert_true(part.verdicts[k].loss >= 0.25 * k && part.verdicts[k].loss <= 0.25 * k);
    }
    for (int32_t l = 0; l < e.layers; l++)
        assert_int_equal(part.drift[l], (1LL << 40) + 10 * i + l);
}

/* Whatever a study measures besides. */
static void a_result_arrives_as_it_was_sent(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        lsn_message message = {0};
        lsn_result sent, got;
        assert_true(lsn_wire_begin_result(&message, 9, 2, extent_of(bits), &sent, NULL));
        sent.seconds = 1.25;
        fill(&sent.outcome, 0);
        fill(&sent.outcome, 1);
        lsn_wire_seal_result(&message, &sent);
        assert_true(lsn_wire_get_result(&message, &got, NULL));
        assert_int_equal(got.unit, 9);
        assert_int_equal(got.count, 2);
        assert_true(got.seconds >= 1.25 && got.seconds <= 1.25);
        check(&got.outcome, 0);
        check(&got.outcome, 1);
        message.size -= 8;
        assert_false(lsn_wire_get_result(&message, &got, NULL));
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
