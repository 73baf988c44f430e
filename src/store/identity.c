/* The study's row, its layers, classes and images: written once, compared ever after. */
#include "store/store_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BOOTSTRAP_SEED = 1 };

const char *time_text(char *text)
{
    struct tm parts;
    time_t now = time(NULL);
    if (gmtime_r(&now, &parts) == NULL || strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        strcpy(text, "");
    return text;
}

/* The digest of the calibration images in hexadecimal digits; NULL where the study has none. */
static const char *calibration_hex(const lsn_plan *plan, char *hex)
{
    if (plan->calibration.count == 0)
        return NULL;
    lsn_digest_hex(&plan->calibration_digest, hex);
    return hex;
}

/* Of racing; NaN where there is none. */
static double half_width(const lsn_plan *plan)
{
    return plan->stop.half_width > 0 ? plan->stop.half_width : (double)NAN;
}

static double confidence(const lsn_plan *plan)
{
    return plan->stop.half_width > 0 ? plan->stop.confidence : (double)NAN;
}

static value share(int32_t number)
{
    return number == 0 ? text(NULL) : integer(number);
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static bool write_study(const lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    const lsn_net *net = plan->net;
    const lsn_net_shape *input = &net->nodes[0].shape;
    char weights[LSN_HEX_BYTES], images[LSN_HEX_BYTES], calibration[LSN_HEX_BYTES], now[TIME_BYTES];
    lsn_digest_hex(&net->digest, weights);
    lsn_digest_hex(&plan->images_digest, images);
    return ROW_WRITE(&store->db, NULL, "INSERT INTO study", err, {"id", integer(1)}, {"name", text(plan->name)},
                     {"path", text(plan->path)}, {"text", text(plan->text)}, {"overrides", text(plan->overrides)},
                     {"weights_path", text(net->path)}, {"weights_sha256", text(weights)},
                     {"weights_dtype", text(net->dtype)}, {"images_sha256", text(images)},
                     {"calibration_sha256", text(calibration_hex(plan, calibration))},
                     {"preprocess", text(plan->preprocess)}, {"images", integer(plan->images.count)},
                     {"calibration_images", integer(plan->calibration.count)}, {"classes", integer(net->classes)},
                     {"input_channels", integer(input->channels)}, {"input_height", integer(input->h)},
                     {"input_width", integer(input->w)}, {"block_images", integer(store->block_images)},
                     {"per_class", integer(plan->metrics.per_class)}, {"per_image", integer(plan->metrics.images)},
                     {"drift", integer(plan->metrics.drift)}, {"stop_half_width", real(half_width(plan))},
                     {"stop_confidence", real(confidence(plan))}, {"shard", share(store->wanted->shard)},
                     {"shards", share(store->wanted->shards)}, {"bootstrap_seed", integer(BOOTSTRAP_SEED)},
                     {"bootstrap_draws", integer(LSN_DRAWS)}, {"created", text(time_text(now))});
}

static bool write_layers(const lsn_store *store, lsn_error *err)
{
    const lsn_net *net = store->plan->net;
    sqlite3_stmt *insert = NULL;
    bool ok = true;
    for (int i = 0; ok && i < net->n_layers; i++) {
        const lsn_layer *layer = &net->layers[i];
        const lsn_net_node *node = lsn_layer_node(net, i);
        ok = ROW_WRITE(&store->db, &insert, "INSERT INTO layer", err, {"layer", integer(i)},
                       {"name", text(layer->name)}, {"kind", text(layer->kind == LSN_CONVOLUTION ? "conv" : "fc")},
                       {"filters", integer(layer->filters)}, {"channels", integer(node->channels)},
                       {"kernel", integer(node->window.kernel[0])}, {"height", integer(node->shape.h)},
                       {"width", integer(node->shape.w)}, {"pool", integer(lsn_layer_pooling(net, i) >= 0)},
                       {"logits", integer(layer->logits)}, {"parameters", integer(lsn_net_node_parameters(node))},
                       {"madds", real(lsn_net_node_madds(node))});
    }
    sqlite3_finalize(insert);
    return ok;
}

static bool write_classes(const lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    sqlite3_stmt *insert = NULL;
    bool ok = true;
    for (int c = 0; ok && c < plan->net->classes; c++) {
        const char *name = c < lsn_data_classes(plan->data) ? lsn_data_class_name(plan->data, c) : NULL;
        ok = ROW_WRITE(&store->db, &insert, "INSERT INTO class", err, {"class", integer(c)}, {"name", text(name)},
                       {"images", integer(store->class_images[c])});
    }
    sqlite3_finalize(insert);
    return ok;
}

/* The evaluated images, where results are kept for each. */
static bool write_images(const lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    int64_t there = 0;
    if (!plan->metrics.images)
        return true;
    if (!database_integer(&store->db, "SELECT count(*) FROM image", &there, err))
        return false;
    if (there == plan->images.count)
        return true;
    sqlite3_stmt *insert = NULL;
    bool ok = true;
    for (int32_t i = 0; ok && i < plan->images.count; i++) {
        char name[LSN_IMAGE_NAME_BYTES];
        ok = ROW_WRITE(&store->db, &insert, "INSERT OR REPLACE INTO image", err, {"image", integer(i)},
                       {"name", text(lsn_data_image_name(plan->data, plan->images.images[i], name))},
                       {"class", integer(store_label(store, i))});
    }
    sqlite3_finalize(insert);
    return ok;
}

/* The images that this run leaves out, in place of those of the run before. */
static bool write_skipped(const lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    if (!database_run(&store->db, "DELETE FROM skipped_image", err))
        return false;
    sqlite3_stmt *insert = NULL;
    bool ok = true;
    for (int32_t i = 0; ok && i < plan->n_skipped; i++) {
        const lsn_skipped *skipped = &plan->skipped[i];
        ok = ROW_WRITE(&store->db, &insert, "INSERT INTO skipped_image", err, {"path", text(skipped->name)},
                       {"calibration", integer(skipped->calibration)},
                       {"class", integer(lsn_data_label(plan->data, skipped->image))},
                       {"reason", text(skipped->reason)});
    }
    sqlite3_finalize(insert);
    return ok;
}

bool identity_write(const lsn_store *store, lsn_error *err)
{
    return write_study(store, err) && write_layers(store, err) && write_classes(store, err) &&
           write_images(store, err) && write_skipped(store, err);
}

bool identity_update(const lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    char calibration[LSN_HEX_BYTES];
    return ROW_WRITE(&store->db, NULL, "UPDATE study", err, {"id", integer(1)}, {"path", text(plan->path)},
                     {"text", text(plan->text)}, {"overrides", text(plan->overrides)},
                     {"weights_path", text(plan->net->path)},
                     {"calibration_sha256", text(calibration_hex(plan, calibration))},
                     {"calibration_images", integer(plan->calibration.count)},
                     {"stop_half_width", real(half_width(plan))}, {"stop_confidence", real(confidence(plan))}) &&
           (plan->metrics.per_class || database_run(&store->db, "UPDATE study SET per_class = 0", err)) &&
           (plan->metrics.images || database_run(&store->db, "UPDATE study SET per_image = 0", err)) &&
           (plan->metrics.drift || database_run(&store->db, "UPDATE study SET drift = 0", err)) &&
           write_images(store, err) && write_skipped(store, err);
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

/* The study's row, as far as it is compared; texts are valid until the query ends. */
typedef struct identity {
    row_query query;
    const char *name, *weights, *weights_path, *images, *calibration;
    int64_t images_count, classes, block_images;
    int64_t measured[3];   /* by `measures` */
    int64_t shard, shards; /* 0: no share */
} identity;

static bool read_identity(const database *db, identity *stored, lsn_error *err)
{
    bool row = false;
    return ROWS_BEGIN(&stored->query, db, "study", err, {"name", .text = &stored->name},
                      {"weights_sha256", .text = &stored->weights},
                      {"coalesce(weights_path, '')", .text = &stored->weights_path},
                      {"images_sha256", .text = &stored->images},
                      {"coalesce(calibration_sha256, '')", .text = &stored->calibration},
                      {"images", .integer = &stored->images_count}, {"classes", .integer = &stored->classes},
                      {"block_images", .integer = &stored->block_images},
                      {"per_class", .integer = &stored->measured[0]}, {"per_image", .integer = &stored->measured[1]},
                      {"drift", .integer = &stored->measured[2]}, {"shard", .integer = &stored->shard},
                      {"shards", .integer = &stored->shards}) &&
           rows_next(&stored->query, &row, err) &&
           (row || lsn_fail_at(err, LSN_FAILED, db->path, "is damaged: its table `study` is empty"));
}

/* Whether any stored result rests on the calibration images. */
static bool uses_calibration(const database *db, bool *uses, lsn_error *err)
{
    int64_t any = 0;
    bool ok = database_integer(
        db,
        "SELECT EXISTS (SELECT 1 FROM evaluation WHERE mode <> 'zero' AND n_filters > 0) OR EXISTS (SELECT 1 "
        "FROM job WHERE score IN ('mean_activation', 'apoz', 'selectivity'))",
        &any, err);
    *uses = any != 0;
    return ok;
}

/* Appends what differs to `words`, each as "; ...". */
static bool differences(const lsn_store *store, const identity *stored, lsn_text *words, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    char weights[LSN_HEX_BYTES], images[LSN_HEX_BYTES], calibration[LSN_HEX_BYTES] = "";
    lsn_digest_hex(&plan->net->digest, weights);
    lsn_digest_hex(&plan->images_digest, images);
    calibration_hex(plan, calibration);
    bool uses;
    if (!uses_calibration(&store->db, &uses, err))
        return false;
    if (strcmp(stored->name, plan->name) != 0)
        lsn_text_add(words, "; its study is '%.80s', not '%.80s'", stored->name, plan->name);
    if (strcmp(stored->weights, weights) != 0)
        lsn_text_add(words, "; its weights are %.160s (sha256 %.12s...), not %.160s (sha256 %.12s...)",
                     stored->weights_path, stored->weights, plan->net->path, weights);
    if (strcmp(stored->images, images) != 0)
        lsn_text_add(words,
                     "; its images are %lld with sha256 %.12s..., not %d with sha256 %.12s... (the digest is over "
                     "pixels, labels and preprocessing)",
                     (long long)stored->images_count, stored->images, (int)plan->images.count, images);
    if (uses && strcmp(stored->calibration, calibration) != 0)
        lsn_text_add(words, "; its calibration images have sha256 %.12s..., not %s%.12s%s",
                     stored->calibration[0] == '\0' ? "(none)" : stored->calibration,
                     calibration[0] == '\0' ? "none" : "", calibration, calibration[0] == '\0' ? "" : "...");
    return true;
}

/* What a study may ask to be measured; results without it cannot be given it later. */
static const struct {
    const char *name; /* in the study file */
    const char *set;  /* in the study's row */
    const char *lacking;
} measures[3] = {
    {"per_class", "UPDATE study SET per_class = 1",
     "SELECT (SELECT count(*) FROM evaluation e WHERE status = 'done' AND NOT EXISTS (SELECT 1 FROM evaluation_class c "
     "WHERE c.evaluation = e.evaluation)) + (SELECT count(DISTINCT evaluation) FROM part WHERE class_right IS NULL)"},
    {"images", "UPDATE study SET per_image = 1",
     "SELECT (SELECT count(*) FROM evaluation e WHERE status = 'done' AND images <> (SELECT count(*) FROM image_result "
     "r WHERE r.evaluation = e.evaluation)) + (SELECT count(DISTINCT evaluation) FROM part p WHERE NOT EXISTS (SELECT "
     "1 FROM image_result r WHERE r.evaluation = p.evaluation AND r.image = p.block * (SELECT block_images FROM "
     "study)))"},
    {"drift", "UPDATE study SET drift = 1",
     "SELECT (SELECT count(*) FROM evaluation e WHERE status = 'done' AND evaluation <> 0 AND NOT EXISTS (SELECT 1 "
     "FROM drift d WHERE d.evaluation = e.evaluation)) + (SELECT count(DISTINCT evaluation) FROM part WHERE drift IS "
     "NULL AND evaluation <> 0)"},
};

static bool check_measure(const lsn_store *store, const identity *stored, int m, bool wanted, lsn_error *err)
{
    int64_t lacking;
    if (!wanted || stored->measured[m] != 0)
        return true;
    if (!database_integer(&store->db, measures[m].lacking, &lacking, err))
        return false;
    if (lacking == 0)
        return database_run(&store->db, measures[m].set, err);
    return lsn_fail_at(err, LSN_INVALID, store->db.path,
                       "the study now measures %s, but %lld results are there without; start over with --fresh (the "
                       "old file is kept as %s.old), give another file with --db, or leave %s out",
                       measures[m].name, (long long)lacking, store->db.path, measures[m].name);
}

static bool check_measures(const lsn_store *store, const identity *stored, lsn_error *err)
{
    const lsn_metrics *metrics = &store->plan->metrics;
    return check_measure(store, stored, 0, metrics->per_class, err) &&
           check_measure(store, stored, 1, metrics->images, err) &&
           check_measure(store, stored, 2, metrics->drift, err);
}

/* "shard 2 of 4" or "the whole study". */
static const char *share_words(int64_t shard, int64_t shards, char *words, size_t size)
{
    if (shards == 0)
        return "the whole study";
    snprintf(words, size, "shard %lld of %lld", (long long)shard, (long long)shards);
    return words;
}

/* Results are of the same study, but what is to be computed here is another share of it. */
static bool check_share(const lsn_store *store, const identity *stored, lsn_error *err)
{
    char held[64], wanted[64];
    const lsn_wanted *mine = store->wanted;
    if (stored->shard == mine->shard && stored->shards == mine->shards)
        return true;
    return lsn_fail_at(err, LSN_INVALID, store->db.path,
                       "holds %s, not %s; give that (--shard I/N; none for the whole study), or another file with "
                       "--db. 'lesion merge' combines shards",
                       share_words(stored->shard, stored->shards, held, sizeof held),
                       share_words(mine->shard, mine->shards, wanted, sizeof wanted));
}

bool identity_check(lsn_store *store, lsn_error *err)
{
    const lsn_plan *plan = store->plan;
    identity stored = {0};
    lsn_text words = {0};
    bool ok = read_identity(&store->db, &stored, err) && differences(store, &stored, &words, err);
    if (ok && words.failed)
        ok = lsn_fail(err, LSN_FAILED, "out of memory: the studies could not be compared");
    else if (ok && words.length > 0)
        ok = lsn_fail_at(err, LSN_INVALID, store->db.path,
                         "belongs to something else%s. Give another file with --db, or start over with --fresh (the "
                         "old file is then kept as %s.old)",
                         words.data, store->db.path);
    else if (ok && (stored.images_count != plan->images.count || stored.classes != plan->net->classes ||
                    stored.block_images < 1 || stored.block_images > INT32_MAX))
        ok = lsn_fail_at(err, LSN_FAILED, store->db.path, "is damaged: its study's row contradicts itself");
    ok = ok && check_share(store, &stored, err) && check_measures(store, &stored, err);
    if (ok)
        store->block_images = (int32_t)stored.block_images;
    lsn_text_finish(&words);
    rows_end(&stored.query);
    return ok;
}
