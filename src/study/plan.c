/* A study with all it refers to: read, opened, checked, expanded. */
#include "lesion/formats.h"
#include "lesion/study.h"

#include "study/expand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST_STUDY = 16 << 20 }; /* bytes */

/* A plan that is being made. */
typedef struct composition {
    lsn_plan *plan;
    lsn_arena *arena;     /* the plan's; the reading's holds the tree and the spec until the plan is expanded */
    lsn_study_spec *spec; /* the reading's */
    lsn_reading reading;
    lsn_node *root;
    const lsn_net_source *source;
} composition;

static bool failed(const composition *c)
{
    return c->reading.failure.code != LSN_OK;
}

/* ---- the study file ------------------------------------------------------------------------------------------ */

/* Reads the file's text into the plan. */
static bool read_text(composition *c)
{
    lsn_error err = {0};
    lsn_file file;
    const char *path = c->plan->path;
    if (!lsn_file_map(&file, path, &err))
        return lsn_mistake_from(&c->reading, NULL, &err);
    bool ok = true;
    if (file.bytes > LARGEST_STUDY)
        ok = lsn_mistake_at(&c->reading, NULL, "has %zu bytes; a study has at most %d", file.bytes, LARGEST_STUDY);
    else {
        c->plan->text = lsn_arena_text(c->arena, (const char *)file.data, file.bytes, &c->reading.failure);
        ok = c->plan->text != NULL && lsn_yaml_read(&c->reading, c->plan->text, file.bytes, NULL, &c->root);
    }
    lsn_file_unmap(&file);
    return ok;
}

static bool read_overrides(composition *c, const char *const *overrides, int n_overrides)
{
    lsn_text lines = {0};
    bool ok = true;
    for (int i = 0; i < n_overrides; i++) {
        lsn_text_add(&lines, "%s\n", overrides[i]);
        ok = lsn_override_apply(&c->reading, &c->root, overrides[i]) && ok;
    }
    c->plan->overrides = lsn_arena_keep(c->arena, &lines, &c->reading.failure);
    if (c->root == NULL && ok)
        return lsn_mistake_at(&c->reading, NULL, "is empty; a study is a map with study, model, data and ablate");
    return c->root != NULL && lsn_variables_expand(&c->reading, c->root);
}

static void read_study(composition *c, const char *const *overrides, int n_overrides)
{
    if (!read_text(c))
        return;
    read_overrides(c, overrides, n_overrides);
    if (c->root != NULL && !failed(c))
        lsn_study_read(&c->reading, c->root);
}

/* ---- what it refers to --------------------------------------------------------------------------------------- */

static void open_model(composition *c)
{
    lsn_error err = {0};
    if (c->spec->weights.path == NULL || failed(c))
        return;
    c->plan->net = c->source->load(c->source->context, c->spec->weights.path, &err);
    if (c->plan->net == NULL)
        lsn_mistake_from(&c->reading, c->spec->weights.at, &err);
}

/* All missing files are found at once, before the first of them stops the opening. `folder`: it may be one. */
static bool check_file(composition *c, const lsn_file_spec *file, bool folder)
{
    struct stat status;
    if (file->path == NULL)
        return true;
    if (stat(file->path, &status) != 0 || access(file->path, R_OK) != 0)
        return lsn_mistake_at(&c->reading, file->at, "%s: cannot be opened: %s; give a path relative to the study file",
                              file->path, strerror(errno));
    if (!S_ISREG(status.st_mode) && !(folder && S_ISDIR(status.st_mode)))
        return lsn_mistake_at(&c->reading, file->at, "%s: is not a file", file->path);
    return true;
}

/* Where the study names the images. */
static const lsn_node *images_place(const lsn_images_spec *data)
{
    return data->path.at != NULL ? data->path.at : data->images.at;
}

/* Where the study names what the data room found wrong. */
static const lsn_node *data_place(const lsn_images_spec *data, const lsn_error *err)
{
    if (data->preprocess_at != NULL && strcmp(err->part, "preprocess") == 0)
        return data->preprocess_at;
    if (lsn_error_is_about(err, data->labels.path))
        return data->labels.at;
    return lsn_error_is_about(err, data->classes.path) ? data->classes.at : images_place(data);
}

/* The channels that image files are wanted in; 0: any. A chain of fully connected layers tells once the crop is known.
 */
static int wanted_channels(const composition *c)
{
    const lsn_net *net = c->plan->net;
    const int side = c->spec->data.preprocess.crop + 2 * c->spec->data.preprocess.pad;
    if (net == NULL || net->nodes[0].channels > 0)
        return net == NULL ? 0 : net->nodes[0].channels;
    return lsn_layer_node(net, 0)->channels == side * side ? 1 : 0;
}

static void open_data(composition *c)
{
    const lsn_images_spec *data = &c->spec->data;
    lsn_error err = {0};
    bool ok = check_file(c, &data->images, false);
    ok = check_file(c, &data->labels, false) && ok;
    ok = check_file(c, &data->path, true) && ok;
    ok = check_file(c, &data->classes, false) && ok;
    if (!ok || !data->ok || failed(c))
        return;
    lsn_data_spec spec = {
        .format = data->format,
        .images = data->images.path,
        .labels = data->labels.path,
        .path = data->path.path,
        .classes = data->classes.path,
        .channels = wanted_channels(c),
        .preprocess = data->preprocess,
    };
    c->plan->data = lsn_data_open(&spec, &err);
    if (c->plan->data == NULL)
        lsn_mistake_from(&c->reading, data_place(data, &err), &err);
}

/* The network and the data must fit each other. */
static void match(composition *c)
{
    lsn_net *net = c->plan->net;
    const lsn_data *data = c->plan->data;
    lsn_error err = {0};
    if (net == NULL || data == NULL)
        return;
    /* A misspelt key, reported already, may have been the preprocessing that makes the images fit. */
    if (!lsn_net_set_input(net, lsn_data_height(data), lsn_data_width(data), lsn_data_channels(data), &err) &&
        !lsn_has_unknown_key(c->spec->data.at))
        lsn_mistake_from(&c->reading, images_place(&c->spec->data), &err);
    int classes = lsn_data_classes(data);
    if (classes <= net->classes)
        return;
    if (c->spec->data.classes.at != NULL)
        lsn_mistake_at(&c->reading, c->spec->data.classes.at,
                       "%s names %d classes, but the network has %d logits; give weights and classes that belong "
                       "together",
                       c->spec->data.classes.path, classes, net->classes);
    else if (c->spec->data.path.at != NULL)
        lsn_mistake_at(&c->reading, c->spec->data.path.at,
                       "%s has %d classes, but the network has %d logits; give classes (the folder of each class, in "
                       "the network's order), or weights that belong to the images",
                       c->spec->data.path.path, classes, net->classes);
    else
        lsn_mistake_at(&c->reading, c->spec->data.labels.at,
                       "the greatest label in %s is %d, but the network has %d logits, for labels 0..%d; give weights "
                       "and labels that belong together",
                       c->spec->data.labels.path, classes - 1, net->classes, net->classes - 1);
}

/* Racing needs the images in random order. */
static void shuffle(lsn_sample *sample, int64_t seed)
{
    const uint64_t stream = UINT64_MAX; /* none of those by which images are taken */
    lsn_random random;
    lsn_random_init(&random, (uint64_t)seed, stream);
    lsn_random_choose(&random, sample->images, (size_t)sample->count, (size_t)sample->count);
}

static void take_images(composition *c)
{
    const lsn_images_spec *data = &c->spec->data;
    lsn_plan *plan = c->plan;
    lsn_error err = {0};
    if (plan->data == NULL || !data->take.ok)
        return;
    if (!lsn_data_take(plan->data, &data->take.take, NULL, &plan->images, &err)) {
        lsn_mistake_from(&c->reading, data->take.at != NULL ? data->take.at : images_place(data), &err);
        return;
    }
    if (data->calibration.at != NULL && data->calibration.ok &&
        !(lsn_data_take(plan->data, &data->calibration.take, &plan->images, &plan->calibration, &err) &&
          lsn_calibration_check(plan, &c->spec->uses, &err)))
        lsn_mistake_from(&c->reading, data->calibration.at, &err);
    if (c->spec->stop.half_width > 0)
        shuffle(&plan->images, c->spec->stop.seed);
}

/* ---- experiments --------------------------------------------------------------------------------------------- */

/* Adds up the jobs; the first experiment with which there are too many is reported. */
static void count_jobs(composition *c, const lsn_experiment_spec *experiment, double *jobs)
{
    double before = *jobs, more = lsn_experiment_jobs(experiment, c->plan);
    *jobs += more;
    if (before > LSN_MOST_JOBS || *jobs <= LSN_MOST_JOBS)
        return;
    lsn_text why = {0};
    lsn_experiment_why(experiment, c->plan, &why);
    lsn_mistake_at(&c->reading, experiment->at,
                   "this experiment has %.0f jobs (%s), %.0f with those before it; at most %d are possible: take fewer "
                   "seeds, fractions, filters or layers",
                   more, why.failed ? "" : why.data, *jobs, LSN_MOST_JOBS);
    lsn_text_finish(&why);
}

/* Groups take a while, and are made only where nothing is wrong so far; so is what can be known by them only. */
static bool make_groups(composition *c, const lsn_experiment_spec *experiment)
{
    lsn_error err = {0};
    if (experiment->selector.kind != LSN_SIMILAR)
        return true;
    if (c->reading.n_mistakes > 0 || failed(c))
        return false;
    if (!lsn_groupings_make(c->plan, experiment, c->arena, &err))
        return lsn_mistake_from(&c->reading, NULL, &err);
    return lsn_groups_check(experiment, c->plan, &c->reading);
}

static void check_experiments(composition *c)
{
    double jobs = 1;
    if (c->plan->net == NULL)
        return;
    for (int i = 0; i < c->spec->n_experiments; i++) {
        lsn_experiment_spec *experiment = &c->spec->experiments[i];
        experiment->fits = experiment->layers != NULL && lsn_layers_resolve(experiment, c->plan->net, &c->reading) &&
                           experiment->has_selector;
        experiment->fits = experiment->fits && lsn_selector_check(experiment, c->plan->net, &c->reading);
    }
    for (int i = 0; i < c->spec->n_experiments; i++)
        if (c->spec->experiments[i].fits && make_groups(c, &c->spec->experiments[i]))
            count_jobs(c, &c->spec->experiments[i], &jobs);
}

/* Files of scores are read as soon as it is known for which layers. */
static void find_scores(composition *c)
{
    lsn_error err = {0};
    bool ok = true;
    for (int i = 0; i < c->spec->n_scores; i++)
        ok = check_file(c, &c->spec->scores[i].file, false) && ok;
    if (c->plan->net == NULL || !ok || failed(c))
        return;
    if (!lsn_scores_create(c->plan, c->spec, c->arena, &err))
        lsn_mistake_from(&c->reading, NULL, &err);
    else
        lsn_scores_fill(c->plan, c->spec, &c->reading);
}

/* ---- the plan ------------------------------------------------------------------------------------------------ */

static lsn_activation_needs find_needs(const lsn_study_spec *spec)
{
    lsn_activation_needs needs = {0};
    for (int i = 0; i < spec->n_experiments; i++)
        for (int m = 0; m < spec->experiments[i].n_modes; m++) {
            const lsn_mode mode = spec->experiments[i].modes[m].mode;
            needs.means = needs.means || mode == LSN_MEAN || mode == LSN_NOISE;
            needs.deviations = needs.deviations || mode == LSN_NOISE;
        }
    for (int s = 0; s < spec->n_scores; s++) {
        const lsn_score_kind kind = spec->scores[s].kind;
        needs.means = needs.means || kind == LSN_MEAN_ACTIVATION;
        needs.zeros = needs.zeros || kind == LSN_APOZ;
        needs.by_class = needs.by_class || kind == LSN_SELECTIVITY;
    }
    return needs;
}

/* Fills the plan of a study that has no mistakes. */
static void fill(composition *c)
{
    lsn_plan *plan = c->plan;
    lsn_error err = {0};
    lsn_text preprocess = {0};
    plan->metrics = (lsn_metrics){
        .per_class = c->spec->per_class != NULL, .images = c->spec->images != NULL, .drift = c->spec->drift != NULL};
    plan->stop = c->spec->stop;
    plan->needs = find_needs(c->spec);
    plan->storage->ablate = lsn_node_get(c->root, "ablate");
    plan->storage->uses = c->spec->uses;
    plan->skip_broken = c->spec->data.skip_broken;
    plan->name = lsn_arena_text(c->arena, c->spec->name, strlen(c->spec->name), &c->reading.failure);
    lsn_preprocess_words(&c->spec->data.preprocess, &preprocess);
    plan->preprocess = lsn_arena_keep(c->arena, &preprocess, &c->reading.failure);
    if (!failed(c) && lsn_scores_are_known(c->spec) && !lsn_plan_expand(plan, NULL, &err))
        lsn_mistake_from(&c->reading, NULL, &err);
}

static void compose(composition *c, const char *const *overrides, int n_overrides)
{
    read_study(c, overrides, n_overrides);
    open_model(c);
    open_data(c);
    match(c);
    take_images(c);
    check_experiments(c);
    find_scores(c);
    if (c->reading.n_mistakes == 0 && !failed(c))
        fill(c);
}

static bool prepare(composition *c, const char *path, lsn_error *err)
{
    lsn_plan *plan = c->plan;
    plan->storage = lsn_array(1, sizeof *plan->storage, err);
    if (plan->storage == NULL)
        return false;
    c->arena = &plan->storage->arena;
    c->spec = &plan->storage->spec;
    plan->path = lsn_arena_text(c->arena, path, strlen(path), err);
    c->reading = (lsn_reading){.path = plan->path, .arena = &plan->storage->tree, .spec = c->spec};
    return plan->path != NULL;
}

/* Hands over what went wrong; true where nothing did. */
static bool report(composition *c, lsn_problems *problems, lsn_error *err)
{
    if (failed(c))
        return lsn_fail_as(err, &c->reading.failure);
    if (c->reading.n_mistakes == 0)
        return true;
    lsn_fail_at(err, LSN_INVALID, c->plan->path, "has %zu mistake%s", c->reading.n_mistakes,
                c->reading.n_mistakes == 1 ? "" : "s");
    lsn_mistakes_report(&c->reading, problems);
    return false;
}

lsn_plan *lsn_plan_create_from(const char *path, const char *const *overrides, int n_overrides,
                               const lsn_net_source *source, lsn_problems *problems, lsn_error *err)
{
    composition c = {.plan = lsn_array(1, sizeof *c.plan, err), .source = source};
    bool ok = c.plan != NULL && prepare(&c, path, err);
    if (ok) {
        compose(&c, overrides, n_overrides);
        ok = report(&c, problems, err);
    }
    free(c.reading.mistakes);
    if (ok)
        return c.plan;
    lsn_plan_destroy(c.plan);
    return NULL;
}

static lsn_net *load_file(void *context, const char *path, lsn_error *err)
{
    (void)context;
    return lsn_net_load(path, err);
}

lsn_plan *lsn_plan_create(const char *path, const char *const *overrides, int n_overrides, lsn_problems *problems,
                          lsn_error *err)
{
    const lsn_net_source file = {.load = load_file};
    return lsn_plan_create_from(path, overrides, n_overrides, &file, problems, err);
}

void lsn_wanted_finish(lsn_wanted *wanted)
{
    free(wanted->evaluations);
    free(wanted->shard_of);
    *wanted = (lsn_wanted){0};
}

void lsn_plan_destroy(lsn_plan *plan)
{
    if (plan == NULL)
        return;
    lsn_net_destroy(plan->net);
    lsn_data_destroy(plan->data);
    lsn_sample_finish(&plan->images);
    lsn_sample_finish(&plan->calibration);
    for (int32_t i = 0; i < plan->n_skipped; i++) {
        free(plan->skipped[i].name);
        free(plan->skipped[i].reason);
    }
    free(plan->skipped);
    free(plan->pixels);
    free(plan->calibration_pixels);
    free(plan->experiments);
    free(plan->jobs);
    free(plan->evaluations);
    free(plan->groupings);
    if (plan->storage != NULL) {
        lsn_arena_finish(&plan->storage->arena);
        lsn_arena_finish(&plan->storage->tree);
    }
    free(plan->storage);
    free(plan);
}
