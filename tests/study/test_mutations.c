/* Damaged studies give mistakes or a plan, and nothing else. Meant for the sanitizers. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

enum { MUTATIONS = 2000, MOST_CHANGES = 4, ROOM = 4096 };

static const char study[] =
    HEAD "ablate:\n"
         "  - name: every\n"
         "    layers: &first [conv*, fc6]\n"
         "    filters: {each: [0, 2..3]}\n"
         "    mode: [zero, mean]\n"
         "  - name: some\n"
         "    layers: conv3_1..conv4_1\n"
         "    filters: {each: {count: 3, seed: 1}}\n"
         "  - name: control\n"
         "    layers: \"conv[34]_*\"\n"
         "    filters: {random: {fraction: [0.05, 0.5], seeds: 0..9}}\n"
         "  - {name: weak, layers: fc7, filters: {lowest: [l1, l2], count: [1, 2]}, mode: \"${LSN_TEST_NOT:-zero}\"}\n"
         "  - {name: last, layers: *first, filters: all}\n"
         "  - {name: groups, layers: fc*, filters: {similar: {groups: [2, 5], linkage: ward}}}\n"
         "  - {name: curve, layers: conv*, filters: {cumulative: {order: l1, steps: 4}}, together: true}\n"
         "  - {name: two, layers: conv1_1, filters: {pairs: [0, 1]}, mode: [resample, {noise: {seeds: 0..2}}]}\n"
         "  - {name: idle, layers: conv*, filters: {highest: [apoz, selectivity], fraction: 0.1}}\n"
         "stop: {metric: top1, half_width: 0.01, seed: 1}\n";

/* Words that mean something somewhere. */
static const char *const words[] = {
    "each",       "all",     "pairs",    "keep",
    "similar",    "random",  "distance", "fraction",
    "{",          "}",       "[",        "]",
    "..",         "*",       "&a",       "*a",
    "${",         "${PATH}", "$${",      "\"",
    "'",          "- ",      "\n",       ": ",
    "\t",         "#",       "!!str",    "---",
    "|",          ">\n",     "0",        "-1",
    "1e9",        "0..9",    "fc8",      "null",
    "count",      "seed",    "fraction", "random",
    "resample",   "noise",   "apoz",     "drift",
    "half_width", "lowest",  "?",        "%",
    ",",          "\xff",    "\xc3",     "18446744073709551616",
    "0.0000001",
};

static size_t splice(char *text, size_t length, size_t at, size_t removed, const char *with, size_t added)
{
    if (removed > length - at)
        removed = length - at;
    if (length - removed + added >= ROOM)
        return length;
    memmove(text + at + added, text + at + removed, length - at - removed);
    memcpy(text + at, with, added);
    return length - removed + added;
}

static size_t mutate(char *text, size_t length, lsn_random *random)
{
    size_t at = lsn_random_below(random, length + 1);
    char byte = (char)lsn_random_below(random, 256), piece[64];
    const char *word = words[lsn_random_below(random, sizeof words / sizeof *words)];
    size_t from = lsn_random_below(random, length + 1), n = lsn_random_below(random, sizeof piece);
    n = n < length - from ? n : length - from;
    switch (lsn_random_below(random, 5)) {
    case 0:
        return splice(text, length, at, 1, &byte, 1);
    case 1:
        return splice(text, length, at, lsn_random_below(random, 20), "", 0);
    case 2:
        return splice(text, length, at, 0, word, strlen(word));
    case 3:
        return splice(text, length, at, lsn_random_below(random, 8), word, strlen(word));
    default: /* a piece of it elsewhere */
        memcpy(piece, text + from, n);
        return splice(text, length, at, 0, piece, n);
    }
}

/* Each message is one line and begins with the file or the option. */
static void check_messages(const lsn_problems *problems, const char *path)
{
    assert_true(problems->count > 0);
    for (size_t i = 0; i < problems->count; i++) {
        assert_null(strchr(problems->text[i], '\n'));
        assert_int_equal(strncmp(problems->text[i], path, strlen(path)), 0);
    }
}

static void damaged_studies_do_no_harm(void **state)
{
    (void)state;
    lsn_random random;
    int plans = 0;
    lsn_plan_destroy(planned(study, NULL)); /* it is valid */
    lsn_random_init(&random, 1, 0);
    for (int i = 0; i < MUTATIONS; i++) {
        char text[ROOM];
        size_t length = sizeof study - 1;
        memcpy(text, study, length);
        for (uint64_t k = 1 + lsn_random_below(&random, MOST_CHANGES); k > 0; k--)
            length = mutate(text, length, &random);
        const char *path = fixture_write("mutated.yaml", text, length);
        lsn_problems problems = {0};
        lsn_error err = {0};
        lsn_plan *plan = lsn_plan_create(path, NULL, 0, &problems, &err);
        if (plan == NULL)
            check_messages(&problems, path);
        else {
            assert_int_equal(problems.count, 0);
            assert_true(lsn_plan_expand(plan, NULL, NULL));
        }
        plans += plan != NULL;
        lsn_problems_finish(&problems);
        lsn_plan_destroy(plan);
    }
    assert_in_range(plans, 1, MUTATIONS - 1);
}

static void damaged_options_do_no_harm(void **state)
{
    (void)state;
    static const char option[] = "ablate.control.filters.random={fraction: [0.1, 0.2], seeds: [0..9, 12]}";
    static const char valid[] = ONE("fc6", "each", "zero");
    lsn_random random;
    lsn_random_init(&random, 2, 0);
    const char *path = fixture_write("valid.yaml", valid, sizeof valid - 1);
    for (int i = 0; i < MUTATIONS / 4; i++) {
        char text[ROOM];
        size_t length = sizeof option - 1;
        memcpy(text, option, length);
        for (uint64_t k = 1 + lsn_random_below(&random, MOST_CHANGES); k > 0; k--)
            length = mutate(text, length, &random);
        text[length] = '\0';
        lsn_problems problems = {0};
        const char *overrides[] = {text};
        lsn_plan *plan = lsn_plan_create(path, overrides, 1, &problems, NULL);
        assert_int_equal(plan == NULL, problems.count > 0);
        lsn_problems_finish(&problems);
        lsn_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_studies_do_no_harm),
        cmocka_unit_test(damaged_options_do_no_harm),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
