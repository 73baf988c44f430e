/* The bytes as a study file: read, checked against a small network, and expanded into jobs. No file that it names is
 * opened. */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/build.h"
#include "study/expand.h"

enum { MOST_JOBS = 20000, FILTERS = 6, CHANNELS = 2 };

/* Three convolutions and two fully connected layers. */
static lsn_net *network(void)
{
    static float weights[FILTERS * CHANNELS * 9];
    static lsn_net *net;
    static const char *const names[5] = {"conv1_1", "conv1_2", "conv2_1", "fc6", "fc7"};
    static const char *const modules[5] = {"features.0", "features.2", "features.5", "classifier.0", "classifier.3"};
    const lsn_net_window window = {.kernel = {3, 3}};
    if (net != NULL)
        return net;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        weights[i] = (float)(i * 7 % 11) - 5;
    net = lsn_net_create("network", NULL);
    int value = lsn_net_add_input(net, CHANNELS, NULL);
    for (int i = 0; i < 5; i++) {
        value = i < 3 ? lsn_net_add_conv(net, value, FILTERS, CHANNELS, window, NULL)
                      : lsn_net_add_dense(net, value, FILTERS, CHANNELS, NULL);
        net->nodes[value].weights.values = weights;
        lsn_net_add_layer(net, value, (lsn_layer_names){.name = names[i], .alias = modules[i]}, NULL);
    }
    assert(lsn_net_complete(net, NULL));
    return net;
}

/* Scores of files and of activations are made up. */
static void fill_scores(lsn_reading *in, lsn_plan *plan, lsn_arena *kept)
{
    lsn_error err = {0};
    assert(lsn_scores_create(plan, in->spec, kept, &err));
    for (int s = 0; s < in->spec->n_scores; s++) {
        bool is_file = in->spec->scores[s].kind == LSN_SCORE_FILE;
        in->spec->scores[s].kind = is_file ? LSN_L1 : in->spec->scores[s].kind;
    }
    assert(lsn_scores_fill(plan, in->spec, in));
    lsn_scores_of_activations(plan, in->spec, NULL);
}

static void expand(lsn_reading *in)
{
    double jobs = 1;
    lsn_arena kept = {0};
    lsn_error err = {0};
    lsn_plan plan = {.net = network()};
    for (int i = 0; i < in->spec->n_experiments; i++) {
        lsn_experiment_spec *experiment = &in->spec->experiments[i];
        if (experiment->layers == NULL)
            continue;
        if (!lsn_layers_resolve(experiment, plan.net, in) || !experiment->has_selector ||
            !lsn_selector_check(experiment, plan.net, in) || in->n_mistakes > 0)
            continue;
        assert(lsn_groupings_make(&plan, experiment, &kept, &err));
        if (lsn_groups_check(experiment, &plan, in))
            jobs += lsn_experiment_jobs(experiment, &plan);
    }
    if (in->n_mistakes == 0 && jobs <= MOST_JOBS) {
        fill_scores(in, &plan, &kept);
        assert(lsn_expand(&plan, in->spec, &kept, &err));
        assert((double)plan.n_jobs == jobs && plan.n_evaluations > 0 && plan.n_evaluations <= plan.n_jobs);
    }
    free(plan.experiments);
    free(plan.jobs);
    free(plan.evaluations);
    free(plan.groupings);
    lsn_arena_finish(&kept);
}

static void check_problems(lsn_reading *in)
{
    lsn_problems problems = {0};
    lsn_mistakes_report(in, &problems);
    for (size_t i = 0; i < problems.count; i++)
        assert(strncmp(problems.text[i], "study.yaml", 10) == 0 && strchr(problems.text[i], '\n') == NULL);
    lsn_problems_finish(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lsn_arena arena = {0};
    lsn_study_spec spec = {0};
    lsn_reading in = {.path = "study.yaml", .arena = &arena, .spec = &spec};
    lsn_node *root = NULL;
    char *text = malloc(size + 1);
    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    fuzz_allow(64 << 20, 4096, size);
    if (lsn_yaml_read(&in, text, size, NULL, &root) && root != NULL && lsn_variables_expand(&in, root)) {
        lsn_study_read(&in, root);
        if (spec.n_experiments > 0)
            expand(&in);
    }
    assert(in.failure.code == LSN_OK);
    check_problems(&in);
    free(in.mistakes);
    lsn_arena_finish(&arena);
    fuzz_allow_end();
    free(text);
    return 0;
}
