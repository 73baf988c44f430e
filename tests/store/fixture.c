#include "fixture.h"

#include "net/build.h"

#include <ftw.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(bool ok, const lsn_error *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static void *copy(const void *items, size_t bytes)
{
    void *made = malloc(bytes == 0 ? 1 : bytes);
    assert_non_null(made);
    memcpy(made, items, bytes);
    return made;
}

/* ---- model and data ------------------------------------------------------------------------------------------ */

/* Two pooled convolutions of 4 and 3 filters, and the logits, on images of 4 x 4. */
static lsn_net *make_network(void)
{
    const lsn_net_window kernel = {.kernel = {3, 3}, .padding = {1, 1, 1, 1}}, half = {{2, 2}, .stride = {2, 2}};
    lsn_net *net = lsn_net_create("weights.safetensors", NULL);
    int value = lsn_net_add_input(net, 1, NULL);
    for (int i = 0; i < 2; i++) {
        value = lsn_net_add_conv(net, value, i == 0 ? 4 : 3, i == 0 ? 1 : 4, kernel, NULL);
        lsn_net_add_layer(net, value, (lsn_layer_names){.name = i == 0 ? "conv1" : "conv2"}, NULL);
        value = lsn_net_add_plain(net, LSN_OP_RELU, value, NULL);
        value = lsn_net_add_max_pool(net, value, half, NULL);
    }
    value = lsn_net_add_plain(net, LSN_OP_FLATTEN, lsn_net_add_average_grid(net, value, 1, 1, NULL), NULL);
    value = lsn_net_add_dense(net, value, FIXTURE_CLASSES, 3, NULL);
    lsn_net_add_layer(net, value, (lsn_layer_names){.name = "fc1"}, NULL);
    net->dtype = strdup("F32");
    net->digest = (lsn_digest){{1, 2, 3}};
    assert_true(lsn_net_complete(net, NULL) && lsn_net_set_input(net, 4, 4, 1, NULL));
    return net;
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* Class 6 has no images. */
static void make_data(fixture *f)
{
    unsigned char images[16 + 16 * FIXTURE_IMAGES] = {0, 0, 8, 3, 0, 0, 0, FIXTURE_IMAGES, 0, 0, 0, 4, 0, 0, 0, 4};
    unsigned char labels[8 + FIXTURE_IMAGES] = {0, 0, 8, 1, 0, 0, 0, FIXTURE_IMAGES, 0, 1, 2, 3, 4, 5, 0, 1, 2, 0};
    static const char classes[] = "ant\nbee\ncat\ndog\nelk\nfox\ngnu\n";
    char images_path[96], labels_path[96], classes_path[96];
    snprintf(images_path, sizeof images_path, "%s/images.idx", f->folder);
    snprintf(labels_path, sizeof labels_path, "%s/labels.idx", f->folder);
    snprintf(classes_path, sizeof classes_path, "%s/classes.txt", f->folder);
    write_file(images_path, images, sizeof images);
    write_file(labels_path, labels, sizeof labels);
    write_file(classes_path, classes, sizeof classes - 1);
    const lsn_data_spec spec = {
        .format = LSN_IDX, .images = images_path, .labels = labels_path, .classes = classes_path};
    lsn_error err = {0};
    f->plan.data = lsn_data_open(&spec, &err);
    check(f->plan.data != NULL, &err);
    for (int i = 0; i < FIXTURE_IMAGES; i++)
        f->images[i] = i;
}

/* ---- plan ---------------------------------------------------------------------------------------------------- */

static void *grow(void *items, size_t count, size_t *room, size_t size)
{
    lsn_error err = {0};
    check(lsn_grow(&items, count, room, size, &err), &err);
    return items;
}

static void free_plan(lsn_plan *plan)
{
    for (int32_t e = 0; e < plan->n_evaluations; e++) {
        const lsn_mask *mask = &plan->evaluations[e].ablation.mask;
        for (int32_t p = 0; p < mask->count; p++)
            free((void *)(uintptr_t)mask->parts[p].filters);
        free((void *)(uintptr_t)mask->parts);
    }
    for (int32_t x = 0; x < plan->n_experiments; x++)
        free(plan->experiments[x].name);
    plan->n_experiments = plan->n_jobs = plan->n_evaluations = 0;
}

/* The key a real plan would have: of the mask and the mode. */
static void make_key(const fixture *f, const lsn_ablation *ablation, char *key)
{
    lsn_error err = {0};
    lsn_text mask = {0};
    lsn_digest digest;
    char hex[LSN_HEX_BYTES];
    lsn_mask_json(f->net, &ablation->mask, &mask);
    lsn_hasher *hasher = lsn_hasher_create(&err);
    check(hasher != NULL, &err);
    lsn_hasher_text(hasher, "mask", mask.data);
    lsn_hasher_text(hasher, "mode", lsn_mode_name(ablation->mode));
    lsn_hasher_number(hasher, "mode seed", ablation->seed);
    check(lsn_hasher_take(hasher, &digest, &err), &err);
    lsn_hasher_destroy(hasher);
    lsn_text_finish(&mask);
    lsn_digest_hex(&digest, hex);
    snprintf(key, LSN_KEY_BYTES, "%.32s", hex);
}

static lsn_mask copy_mask(const lsn_mask *mask)
{
    if (mask->count == 0)
        return *mask;
    lsn_mask_part *parts = copy(mask->parts, (size_t)mask->count * sizeof *parts);
    for (int32_t p = 0; p < mask->count; p++)
        parts[p].filters = copy(parts[p].filters, (size_t)parts[p].count * sizeof *parts[p].filters);
    return (lsn_mask){mask->count, parts};
}

/* The evaluation of that ablation, added where it is not among the last hundred (so that large plans are quick). */
static int32_t find_or_add(fixture *f, const lsn_mask *mask, lsn_mode mode, int64_t mode_seed)
{
    lsn_plan *plan = &f->plan;
    lsn_evaluation evaluation = {.ablation = {*mask, mode, mode_seed}};
    make_key(f, &evaluation.ablation, evaluation.key);
    for (int32_t e = plan->n_evaluations - 1; e >= 0 && e > plan->n_evaluations - 100; e--)
        if (strcmp(plan->evaluations[e].key, evaluation.key) == 0)
            return e;
    evaluation.ablation.mask = copy_mask(mask);
    plan->evaluations =
        grow(plan->evaluations, (size_t)plan->n_evaluations, &f->evaluation_room, sizeof *plan->evaluations);
    plan->evaluations[plan->n_evaluations] = evaluation;
    return plan->n_evaluations++;
}

void fixture_experiment(fixture *f, const char *name)
{
    lsn_plan *plan = &f->plan;
    plan->experiments =
        grow(plan->experiments, (size_t)plan->n_experiments, &f->experiment_room, sizeof *plan->experiments);
    plan->experiments[plan->n_experiments++] = (lsn_experiment){.name = strdup(name), .first_job = plan->n_jobs};
}

void fixture_job(fixture *f, const lsn_mask *mask, lsn_mode mode, double fraction, int64_t seed)
{
    lsn_plan *plan = &f->plan;
    plan->jobs = grow(plan->jobs, (size_t)plan->n_jobs, &f->job_room, sizeof *plan->jobs);
    plan->jobs[plan->n_jobs++] = (lsn_job){.experiment = plan->n_experiments - 1,
                                           .evaluation = find_or_add(f, mask, mode, 0),
                                           .fraction = fraction,
                                           .seed = seed,
                                           .score = -1,
                                           .grouping = -1,
                                           .singles = {-1, -1}};
    plan->experiments[plan->n_experiments - 1].n_jobs++;
}

lsn_job *fixture_last_job(fixture *f)
{
    return &f->plan.jobs[f->plan.n_jobs - 1];
}

lsn_job *fixture_mode_job(fixture *f, int layer, int32_t filter, lsn_mode mode, int64_t mode_seed)
{
    const lsn_mask_part part = {layer, 1, &filter};
    fixture_job(f, &(lsn_mask){1, &part}, mode, (double)NAN, -1);
    fixture_last_job(f)->evaluation = find_or_add(f, &(lsn_mask){1, &part}, mode, mode_seed);
    return fixture_last_job(f);
}

void fixture_run_of_filters(fixture *f, int layer, int first, int count, double fraction, int64_t seed)
{
    int32_t filters[8];
    for (int i = 0; i < count; i++)
        filters[i] = first + i;
    const lsn_mask_part part = {layer, count, filters};
    fixture_job(f, &(lsn_mask){1, &part}, LSN_ZERO, fraction, seed);
}

void fixture_clear(fixture *f)
{
    free_plan(&f->plan);
    fixture_experiment(f, "baseline");
    fixture_job(f, &(lsn_mask){0}, LSN_ZERO, (double)NAN, -1);
}

void fixture_standard(fixture *f)
{
    fixture_clear(f);
    fixture_experiment(f, "every-filter");
    for (int layer = 0; layer < 2; layer++)
        for (int filter = 0; filter < f->net->layers[layer].filters; filter++)
            fixture_run_of_filters(f, layer, filter, 1, (double)NAN, -1);
    fixture_experiment(f, "sensitivity");
    for (int layer = 0; layer < 2; layer++)
        for (int count = 1; count <= 2; count++)
            fixture_run_of_filters(f, layer, 1, count, 0.25 * count, -1);
    fixture_experiment(f, "control");
    for (int layer = 0; layer < 2; layer++)
        for (int count = 1; count <= 2; count++)
            for (int seed = 0; seed < 2; seed++)
                fixture_run_of_filters(f, layer, seed, count, 0.25 * count, seed);
    fixture_experiment(f, "both-layers");
    const int32_t filters[] = {0, 2};
    const lsn_mask_part parts[] = {{0, 2, filters}, {1, 1, filters}};
    fixture_job(f, &(lsn_mask){2, parts}, LSN_ZERO, (double)NAN, -1);
}

/* ---- set-up -------------------------------------------------------------------------------------------------- */

int fixture_set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    const char *folder = getenv("TMPDIR");
    if (f == NULL)
        return -1;
    snprintf(f->folder, sizeof f->folder, "%s/lesion-store-XXXXXX", folder == NULL ? "/tmp" : folder);
    if (mkdtemp(f->folder) == NULL)
        return -1;
    snprintf(f->path, sizeof f->path, "%s/results/study.db", f->folder);
    f->net = make_network();
    make_data(f);
    f->plan.name = strdup("small");
    f->plan.path = strdup("small.yaml");
    f->plan.text = strdup("study: small\n");
    f->plan.overrides = strdup("");
    f->plan.preprocess = strdup("pad 0");
    f->plan.net = f->net;
    f->plan.images = (lsn_sample){f->images, FIXTURE_IMAGES};
    f->plan.images_digest = (lsn_digest){{4, 5, 6}};
    f->plan.metrics.per_class = true;
    fixture_standard(f);
    *state = f;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

int fixture_tear_down(void **state)
{
    fixture *f = *state;
    free_plan(&f->plan);
    free(f->plan.experiments);
    free(f->plan.jobs);
    free(f->plan.evaluations);
    free(f->plan.name);
    free(f->plan.path);
    free(f->plan.text);
    free(f->plan.overrides);
    free(f->plan.preprocess);
    lsn_net_destroy(f->net);
    lsn_data_destroy(f->plan.data);
    nftw(f->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* ---- results ------------------------------------------------------------------------------------------------- */

/* Logits of the baseline (e = 0) or of an ablation, which are its logits with some noise. */
static void make_logits(int32_t e, int32_t image, float *logits)
{
    lsn_random baseline, noise;
    lsn_random_init(&baseline, 1, (uint64_t)image);
    lsn_random_init(&noise, (uint64_t)e, (uint64_t)image);
    for (int c = 0; c < FIXTURE_CLASSES; c++) {
        logits[c] = (float)lsn_random_below(&baseline, 3000) / 1000;
        if (e > 0)
            logits[c] += (float)lsn_random_below(&noise, 2000) / 1000;
    }
    logits[image % 6] += 1; /* so that some are right: most labels are like this */
}

void fixture_part(const fixture *f, int32_t e, int32_t block_images, int32_t block, made_part *made)
{
    *made = (made_part){.tally.seconds = 0.25};
    made->part = (lsn_part){&made->tally, made->right, made->predicted, made->verdicts, made->drift};
    const lsn_class_counts counts = {made->right, made->predicted};
    for (int32_t i = block * block_images; i < (block + 1) * block_images && i < FIXTURE_IMAGES; i++) {
        float baseline[FIXTURE_CLASSES], ablated[FIXTURE_CLASSES];
        make_logits(0, i, baseline);
        make_logits(e, i, ablated);
        lsn_tally_image(&made->tally, baseline, ablated, FIXTURE_CLASSES, lsn_data_label(f->plan.data, f->images[i]),
                        &counts, &made->verdicts[i - block * block_images]);
        for (int l = 0; l < FIXTURE_LAYERS; l++)
            made->drift[l] += lsn_fixed(0.125 * e * l + i);
    }
}

void fixture_result(const fixture *f, int32_t e, int32_t block_images, int32_t block, lsn_tally *tally,
                    int32_t *class_right)
{
    made_part made;
    fixture_part(f, e, block_images, block, &made);
    *tally = made.tally;
    memcpy(class_right, made.right, sizeof made.right);
}

/* ---- store --------------------------------------------------------------------------------------------------- */

lsn_store *fixture_store(fixture *f, int32_t block_images)
{
    lsn_error err = {0};
    lsn_store *store = lsn_store_open(f->path, &f->plan, block_images, false, &err);
    check(store != NULL, &err);
    return store;
}

void fixture_refused(fixture *f, bool fresh, lsn_code code, const char *const words[])
{
    lsn_error err = {0};
    lsn_store *store = lsn_store_open(f->path, &f->plan, 4, fresh, &err);
    assert_null(store);
    for (; *words != NULL; words++)
        if (strstr(err.text, *words) == NULL)
            fail_msg("'%s' is not in: %s", *words, err.text);
    if (err.code != code)
        fail_msg("code %d instead of %d: %s", (int)err.code, (int)code, err.text);
}

void fixture_add(const fixture *f, lsn_store *store, int32_t e, int32_t block)
{
    lsn_error err = {0};
    made_part made;
    fixture_part(f, e, lsn_store_block_images(store), block, &made);
    check(lsn_store_add(store, e, block, &made.part, NULL, &err), &err);
}

void fixture_fill(const fixture *f, lsn_store *store)
{
    lsn_error err = {0};
    for (int32_t e = 0; e < f->plan.n_evaluations; e++)
        for (int32_t b = 0; b < lsn_store_blocks(store); b++)
            if (!lsn_store_has(store, e, b))
                fixture_add(f, store, e, b);
    check(lsn_store_commit(store, &err), &err);
}

void fixture_complete(fixture *f, int32_t block_images)
{
    lsn_store *store = fixture_store(f, block_images);
    fixture_fill(f, store);
    lsn_store_close(store);
}

char *fixture_ask(const fixture *f, const char *sql)
{
    lsn_error err = {0};
    lsn_table table;
    lsn_text answer = {0};
    lsn_reader *reader = lsn_reader_open(f->path, &err);
    check(reader != NULL, &err);
    check(lsn_reader_query(reader, &table, sql, NULL, 0, &err), &err);
    lsn_text_add(&answer, "%s", "");
    for (int64_t row = 0; row < table.rows; row++)
        for (int column = 0; column < table.columns; column++)
            lsn_text_add(&answer, "%s%s", lsn_table_cell(&table, row, column)->text,
                         column == table.columns - 1 ? "\n" : "|");
    lsn_table_finish(&table);
    lsn_reader_close(reader);
    assert_false(answer.failed);
    return answer.data;
}

void fixture_expect(const fixture *f, const char *sql, const char *answer)
{
    char *actual = fixture_ask(f, sql);
    if (strcmp(actual, answer) != 0)
        fail_msg("%s\ngave\n%sinstead of\n%s", sql, actual, answer);
    free(actual);
}

void fixture_tamper(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int fixture_fork(int (*act)(fixture *f), fixture *f, bool nobody)
{
    enum { NOBODY = 65534 };
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (nobody && geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(99);
        _exit(act(f));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}
