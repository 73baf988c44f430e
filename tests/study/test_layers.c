/* Layers: names, patterns, ranges. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

/* The layers of an experiment's jobs, "conv1_1 conv2_1". */
static void check_layers(const char *layers, const char *names)
{
    char text[1024];
    snprintf(text, sizeof text, HEAD "ablate:\n  - {name: one, layers: %s, filters: all}\n", layers);
    lsn_plan *plan = planned(text, NULL);
    lsn_text found = {0};
    for (int32_t i = 1; i < plan->n_jobs; i++) {
        lsn_text_add(&found, "%s", i > 1 ? " " : "");
        lsn_mask_layers(plan->net, &plan->evaluations[plan->jobs[i].evaluation].ablation.mask, &found);
    }
    assert_string_equal(found.data, names);
    lsn_text_finish(&found);
    lsn_plan_destroy(plan);
}

static void names_and_lists(void **state)
{
    (void)state;
    check_layers("conv2_1", "conv2_1");
    check_layers("fc7", "fc7");
    check_layers("[fc6, conv2_1, conv1_1]", "conv1_1 conv2_1 fc6"); /* in the network's order */
    check_layers("[conv2_1, conv2_1, conv2*]", "conv2_1");          /* each once */
}

static void patterns(void **state)
{
    (void)state;
    check_layers("conv*", "conv1_1 conv2_1 conv3_1 conv3_2 conv4_1 conv5_1");
    check_layers("\"*\"", "conv1_1 conv2_1 conv3_1 conv3_2 conv4_1 conv5_1 fc6 fc7"); /* never the logits */
    check_layers("fc*", "fc6 fc7");
    check_layers("fc?", "fc6 fc7");
    check_layers("\"conv[13]_?\"", "conv1_1 conv3_1 conv3_2");
    check_layers("[\"*_2\", \"fc[!6]\"]", "conv3_2 fc7");
}

static void ranges(void **state)
{
    (void)state;
    check_layers("conv3_1..conv4_1", "conv3_1 conv3_2 conv4_1");
    check_layers("conv5_1..fc6", "conv5_1 fc6");
    check_layers("fc7..fc7", "fc7");
    check_layers("[conv1_1..conv2_1, conv2_1..conv3_1, fc7]", "conv1_1 conv2_1 conv3_1 fc7");
}

static void modules_names_are_accepted(void **state)
{
    (void)state;
    check_layers("features.0", "conv1_1");
    check_layers("[classifier.3, conv1_1, features.0]", "conv1_1 fc7");
    check_layers("features.6..conv4_1", "conv3_1 conv3_2 conv4_1");
    check_layers("features.0..features.3", "conv1_1 conv2_1");
    check_layers("classifier.*", "fc6 fc7"); /* never the logits */
    check_layers("\"features.[0-3]\"", "conv1_1 conv2_1");
}

static void check_refusal(const char *layers, const char *column, const char *part)
{
    char text[1024];
    snprintf(text, sizeof text, HEAD "ablate:\n  - {name: one, layers: %s, filters: all}\n", layers);
    refused(text, NULL, (const expected[]){{column, part}, {NULL, NULL}});
}

static void unknown_layers_are_refused(void **state)
{
    (void)state;
    check_refusal("conv3_3", "12:25", "the network has no layer \"conv3_3\"; did you mean \"conv3_1\"?");
    check_refusal("conv3_3", "12:25", "layers are conv1_1, conv2_1, conv3_1, conv3_2, conv4_1, conv5_1, fc6, fc7");
    check_refusal("[conv1_1, pool]", "12:35", "has no layer \"pool\"; the network's layers are");
    check_refusal("conv6*", "12:25", "no layer matches \"conv6*\"; the network's layers are");
    check_refusal("conv1_1..conv9", "12:25", "has no layer \"conv9\"");
    check_refusal("..conv2_1", "12:25", "has no layer \"\"");
    check_refusal("conv1_1..", "12:25", "has no layer \"\"");
    check_refusal("conv4_1..conv3_1", "12:25",
                  "is reversed: conv3_1 comes before conv4_1 in the network; write "
                  "conv3_1..conv4_1");
    check_refusal("[[conv1_1]]", "12:26", "layer is a list; give a text");
    check_refusal("{a: b}", "12:25", "layers is a map; give a name, a pattern, a range or a list of these");
    check_refusal("[]", "12:25", "layers is an empty list");
    check_refusal("\"\"", "12:25", "layers is empty");
}

static void the_logits_are_refused(void **state)
{
    (void)state;
    check_refusal("fc8", "12:25",
                  "layer fc8 gives the logits: to remove one of its outputs is to remove a class, not a "
                  "feature; take layers from conv1_1 to fc7");
    check_refusal("fc8*", "12:25", "layer fc8 gives the logits");
    check_refusal("fc6..fc8", "12:25", "layer fc8 gives the logits");
}

static void long_patterns_are_refused(void **state)
{
    (void)state;
    char pattern[400];
    memset(pattern, '*', sizeof pattern);
    memcpy(pattern, "\"conv", 5);
    strcpy(pattern + sizeof pattern - 2, "\"");
    check_refusal(pattern, "12:25", "is longer than 256 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_lists),
        cmocka_unit_test(patterns),
        cmocka_unit_test(ranges),
        cmocka_unit_test(modules_names_are_accepted),
        cmocka_unit_test(unknown_layers_are_refused),
        cmocka_unit_test(the_logits_are_refused),
        cmocka_unit_test(long_patterns_are_refused),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
