/* Tables. The SQL is kept in the database as it stands here, comments included: `.schema` in the sqlite3 shell is the
 * tables' documentation. Nothing is used that a SQLite of version 3.37 may lack (no mathematical functions, no JSON).
 */
#include "store/store_internal.h"

#include <stdlib.h>

static const char study_table[] =
    "CREATE TABLE study (\n"
    "    -- The study that these results belong to: one row.\n"
    "    id INTEGER PRIMARY KEY CHECK (id = 1),\n"
    "    name TEXT NOT NULL,               -- study: in the study file\n"
    "    path TEXT,                        -- of the study file, as of the last run\n"
    "    text TEXT NOT NULL,               -- of the study file, as of the last run\n"
    "    overrides TEXT NOT NULL,          -- lines k=v given with --set\n"
    "    weights_path TEXT,\n"
    "    weights_sha256 TEXT NOT NULL,     -- of the weights file\n"
    "    weights_dtype TEXT,               -- F32, F16, BF16 or mixed\n"
    "    images_sha256 TEXT NOT NULL,      -- of the evaluated images: pixels, labels, preprocessing\n"
    "    calibration_sha256 TEXT,          -- of the calibration images; NULL where there are none\n"
    "    preprocess TEXT,                  -- in words\n"
    "    images INTEGER NOT NULL CHECK (images > 0),\n"
    "    calibration_images INTEGER NOT NULL,\n"
    "    classes INTEGER NOT NULL CHECK (classes > 0),\n"
    "    input_channels INTEGER NOT NULL,\n"
    "    input_height INTEGER NOT NULL,\n"
    "    input_width INTEGER NOT NULL,\n"
    "    block_images INTEGER NOT NULL CHECK (block_images > 0), -- the images are worked on in blocks of so many\n"
    "    per_class INTEGER NOT NULL CHECK (per_class IN (0, 1)), -- whether every result counts its classes too,\n"
    "    per_image INTEGER NOT NULL CHECK (per_image IN (0, 1)), -- is kept for every image,\n"
    "    drift INTEGER NOT NULL CHECK (drift IN (0, 1)), -- and has the drift of every layer\n"
    "    stop_half_width REAL,             -- a job ends when its change of top1 is known to +- this, ...\n"
    "    stop_confidence REAL,             -- ... this surely; NULL: it sees all images. As of the last run\n"
    "    bootstrap_seed INTEGER NOT NULL,  -- of the bootstrap's draws: the same for all intervals\n"
    "    bootstrap_draws INTEGER NOT NULL,\n"
    "    shard INTEGER CHECK (shard BETWEEN 1 AND shards), -- the share of the study that is computed here, ...\n"
    "    shards INTEGER,                   -- ... of so many (evaluation.shard); NULL: all of it\n"
    "    created TEXT NOT NULL             -- UTC\n"
    ") STRICT";

static const char layer_table[] =
    "CREATE TABLE layer (\n"
    "    -- The network's layers, in order.\n"
    "    layer INTEGER PRIMARY KEY,        -- from 0\n"
    "    name TEXT NOT NULL UNIQUE,        -- conv1_1, fc6\n"
    "    kind TEXT NOT NULL CHECK (kind IN ('conv', 'fc')),\n"
    "    filters INTEGER NOT NULL,         -- its outputs\n"
    "    channels INTEGER NOT NULL,        -- its inputs\n"
    "    kernel INTEGER NOT NULL,          -- side\n"
    "    height INTEGER NOT NULL,          -- of its map, before pooling\n"
    "    width INTEGER NOT NULL,\n"
    "    pool INTEGER NOT NULL CHECK (pool IN (0, 1)),     -- 2x2 max pooling follows\n"
    "    logits INTEGER NOT NULL CHECK (logits IN (0, 1)), -- the last layer, which is not ablated\n"
    "    parameters INTEGER NOT NULL,      -- weights and biases\n"
    "    madds REAL NOT NULL               -- multiply-adds for one image\n"
    ") STRICT";

static const char class_table[] = "CREATE TABLE class (\n"
                                  "    -- The classes that the network knows.\n"
                                  "    class INTEGER PRIMARY KEY,        -- from 0\n"
                                  "    name TEXT,                        -- NULL where the data names no classes\n"
                                  "    images INTEGER NOT NULL           -- evaluated images of this class\n"
                                  ") STRICT";

static const char image_table[] =
    "CREATE TABLE image (\n"
    "    -- The evaluated images, where results are kept for every image.\n"
    "    image INTEGER PRIMARY KEY,        -- from 0, in the order in which they are evaluated\n"
    "    name TEXT NOT NULL,               -- path below the folder of the images; or image 7\n"
    "    class INTEGER NOT NULL REFERENCES class -- its label\n"
    ") STRICT";

static const char skipped_image_table[] =
    "CREATE TABLE skipped_image (\n"
    "    -- Images of the study that cannot be read and are left out (data.skip_broken), as of the last run.\n"
    "    path TEXT NOT NULL,               -- below the folder of the images; or image 7\n"
    "    calibration INTEGER NOT NULL CHECK (calibration IN (0, 1)), -- whether it was one of those\n"
    "    class INTEGER NOT NULL REFERENCES class, -- its label\n"
    "    reason TEXT NOT NULL\n"
    ") STRICT";

static const char run_table[] =
    "CREATE TABLE run (\n"
    "    -- One row for each invocation of `lesion run`.\n"
    "    run INTEGER PRIMARY KEY,\n"
    "    version TEXT,                     -- of Lesion\n"
    "    libraries TEXT,                   -- versions of MPI, BLAS, SQLite\n"
    "    command TEXT,\n"
    "    method TEXT,                      -- kind of kernels: own, openblas; 0.1.0 wrote winograd for own\n"
    "    hosts TEXT,                       -- n1*4,n2*4\n"
    "    ranks INTEGER NOT NULL,\n"
    "    slurm_job TEXT,\n"
    "    host TEXT,                        -- where rank 0 ran\n"
    "    pid INTEGER NOT NULL,             -- of rank 0\n"
    "    study_sha256 TEXT NOT NULL,       -- of the study file's text and overrides\n"
    "    weights_sha256 TEXT NOT NULL,\n"
    "    images_sha256 TEXT NOT NULL,\n"
    "    calibration_sha256 TEXT,\n"
    "    started TEXT NOT NULL,            -- UTC, like the other times\n"
    "    heartbeat TEXT NOT NULL,          -- when it was last known to be alive\n"
    "    ended TEXT,                       -- NULL while it runs\n"
    "    evaluated INTEGER NOT NULL DEFAULT 0, -- images x ablations whose results it stored\n"
    "    how TEXT CHECK (how IN ('complete', 'stopped', 'failed', 'died')) -- NULL while it runs; died: found dead\n"
    ") STRICT";

static const char progress_table[] =
    "CREATE TABLE progress (\n"
    "    -- How far a run was: at most a thousand moments of each, the longer it takes the further apart; the last\n"
    "    -- one is at most some seconds old while it runs. Of two moments, (images2 - images1) / (seconds2 -\n"
    "    -- seconds1) are images per second, and (computing2 - computing1) / (seconds2 - seconds1) / workers is\n"
    "    -- the share of the time that the workers compute.\n"
    "    run INTEGER NOT NULL REFERENCES run,\n"
    "    seconds REAL NOT NULL,            -- since the first unit could be handed out\n"
    "    share REAL NOT NULL,              -- of the whole study's predicted work that is done, earlier runs' too\n"
    "    jobs_done INTEGER NOT NULL,       -- of the whole study\n"
    "    images INTEGER NOT NULL,          -- evaluated for some ablation, since this run began\n"
    "    workers INTEGER NOT NULL,         -- ranks that compute and are alive\n"
    "    computing REAL NOT NULL,          -- seconds that all of them spent on that, together\n"
    "    left_s REAL,                      -- predicted; NULL: not known yet\n"
    "    PRIMARY KEY (run, seconds)\n"
    ") STRICT, WITHOUT ROWID";

static const char writer_table[] =
    "CREATE TABLE writer (\n"
    "    -- Who may write: one row, replaced when a run opens the database. A run that finds another's token here has\n"
    "    -- lost it, and writes nothing more.\n"
    "    id INTEGER PRIMARY KEY CHECK (id = 1),\n"
    "    token TEXT NOT NULL,\n"
    "    host TEXT NOT NULL,\n"
    "    pid INTEGER NOT NULL,\n"
    "    since TEXT NOT NULL               -- UTC\n"
    ") STRICT";

static const char unit_table[] =
    "CREATE TABLE unit (\n"
    "    -- What workers hold: units of work given to them and not back. When a run is over, what it lost, until the\n"
    "    -- next one begins.\n"
    "    given INTEGER PRIMARY KEY,        -- in the order in which they were given\n"
    "    worker INTEGER NOT NULL,          -- from 0; rank worker + 1 where there are several ranks\n"
    "    unit INTEGER NOT NULL,            -- its number in the run\n"
    "    block INTEGER NOT NULL,           -- of images\n"
    "    evaluations TEXT NOT NULL,        -- [3,17]: which ones are computed on the block\n"
    "    UNIQUE (worker, unit)\n"
    ") STRICT";

static const char experiment_table[] = "CREATE TABLE experiment (\n"
                                       "    -- The study's experiments, and how far they are.\n"
                                       "    experiment INTEGER PRIMARY KEY,\n"
                                       "    position INTEGER NOT NULL,        -- in the study file; 0 is the baseline\n"
                                       "    name TEXT NOT NULL UNIQUE,\n"
                                       "    -- As of the last commit; where this is a share of a study, of its jobs\n"
                                       "    -- only.\n"
                                       "    jobs INTEGER NOT NULL DEFAULT 0,\n"
                                       "    done INTEGER NOT NULL DEFAULT 0,\n"
                                       "    running INTEGER NOT NULL DEFAULT 0,\n"
                                       "    failed INTEGER NOT NULL DEFAULT 0,\n"
                                       "    work REAL NOT NULL DEFAULT 0      -- share of their predicted work that\n"
                                       "                                      -- is done\n"
                                       ") STRICT";

static const char before_result[] =
    "CREATE TABLE evaluation (\n"
    "    -- What is computed: one ablation over all images. Jobs that ask for the same ablation share one.\n"
    "    evaluation INTEGER PRIMARY KEY,   -- 0 is the baseline, of which nothing is removed\n"
    "    key TEXT NOT NULL UNIQUE,         -- hash of weights, images, preprocessing, mask and mode\n"
    "    mode TEXT NOT NULL,               -- how filters are removed: zero, mean, resample, noise\n"
    "    mode_seed INTEGER,                -- of what resample and noise draw; NULL where the mode draws nothing\n"
    "    layers TEXT NOT NULL,             -- their layers' names: conv3_1,conv4_1\n"
    "    n_filters INTEGER NOT NULL,       -- how many are removed\n"
    "    filters TEXT NOT NULL,            -- which ones: {\"conv3_1\":[0,5]}\n"
    "    layer INTEGER REFERENCES layer,   -- the only layer; NULL where there are several, or none\n"
    "    filter INTEGER,                   -- the only filter; NULL where there are several, or none\n"
    "    shard INTEGER,                    -- where this is a share of a study: the one that computes it; 0: all do;\n"
    "                                      -- NULL where it is no share\n"
    "    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'done', 'failed')),\n"
    "    -- From here on NULL until it is done.\n";

static const char after_result[] =
    "    reason TEXT,                      -- why it failed\n"
    "    deaths INTEGER NOT NULL DEFAULT 0, -- runs that died while it was computed, since it last came back on ...\n"
    "    deaths_alone INTEGER NOT NULL DEFAULT 0, -- (of these, while nothing else was computed)\n"
    "    death_block INTEGER,              -- ... this block, which was computed at the last of these deaths\n"
    "    run INTEGER REFERENCES run,       -- the run that completed it\n";

/* Few rows, so that what failed is found without reading all evaluations. */
static const char failed_index[] = "CREATE INDEX evaluation_failed ON evaluation (evaluation) WHERE status = 'failed'";

static const char job_table[] =
    "CREATE TABLE job (\n"
    "    -- What an experiment asks for.\n"
    "    job INTEGER PRIMARY KEY,\n"
    "    experiment INTEGER NOT NULL REFERENCES experiment,\n"
    "    position INTEGER NOT NULL,        -- within the experiment\n"
    "    evaluation INTEGER NOT NULL REFERENCES evaluation,\n"
    "    fraction REAL,                    -- of the layer's filters that is removed, as the study says; NULL where\n"
    "                                      -- it says none. Of a cumulative order: step / steps\n"
    "    seed INTEGER,                     -- of a random choice of filters\n"
    "    score TEXT,                       -- by which the filters were ranked; their scores: filter_score\n"
    "    step INTEGER,                     -- of a cumulative order, from 1: each removes what the one before does\n"
    "    grouping INTEGER REFERENCES grouping, -- of which the filters (or all but them) are ...\n"
    "    filter_group INTEGER,             -- ... this group\n"
    "    single_a INTEGER REFERENCES evaluation, -- of a pair: what removes its first filter alone,\n"
    "    single_b INTEGER REFERENCES evaluation  -- and its second; in the same mode\n"
    ") STRICT";

static const char job_index[] = "CREATE INDEX job_evaluation ON job (evaluation)";

static const char before_part_sums[] =
    "CREATE TABLE part (\n"
    "    -- The result of one evaluation on one block of images; dropped when the evaluation is complete.\n"
    "    evaluation INTEGER NOT NULL REFERENCES evaluation,\n"
    "    block INTEGER NOT NULL,\n";

static const char after_part_sums[] =
    "    class_right BLOB,                 -- images right by class, compressed; NULL: not counted\n"
    "    class_predicted BLOB,             -- images taken for the class, likewise\n"
    "    drift BLOB,                       -- sum over the images by layer, 8 bytes each, the lowest first; NULL:\n"
    "                                      -- not measured\n"
    "    PRIMARY KEY (evaluation, block)\n"
    ") STRICT";

static const char evaluation_class_table[] =
    "CREATE TABLE evaluation_class (\n"
    "    -- Images by class, for classes that have images.\n"
    "    evaluation INTEGER NOT NULL REFERENCES evaluation,\n"
    "    class INTEGER NOT NULL REFERENCES class,\n"
    "    top1 INTEGER NOT NULL,            -- images of the class whose class ranks first\n"
    "    predicted INTEGER,                -- images of any class for which this one ranks first; NULL: not counted\n"
    "    PRIMARY KEY (evaluation, class)\n"
    ") STRICT, WITHOUT ROWID";

static const char image_result_table[] =
    "CREATE TABLE image_result (\n"
    "    -- What an evaluation did to each image, where the study asks for it. While the evaluation runs, the images\n"
    "    -- of the blocks that are done. Its references are not checked, for there are millions of rows.\n"
    "    evaluation INTEGER NOT NULL,      -- of table evaluation\n"
    "    image INTEGER NOT NULL,           -- of table image\n"
    "    prediction INTEGER NOT NULL,      -- the class that ranks first; -1 where a logit is not a number\n"
    "    rank INTEGER NOT NULL,            -- of the true class, from 0; the number of classes where a logit is no\n"
    "                                      -- number\n"
    "    loss REAL,                        -- cross entropy, nats, to 2^-30 and at most 65536; NULL: not a number\n"
    "    PRIMARY KEY (evaluation, image)\n"
    ") STRICT, WITHOUT ROWID";

static const char drift_table[] =
    "CREATE TABLE drift (\n"
    "    -- How far an ablation moves each layer's output, where the study asks for it.\n"
    "    evaluation INTEGER NOT NULL REFERENCES evaluation,\n"
    "    layer INTEGER NOT NULL REFERENCES layer,\n"
    "    drift REAL NOT NULL,              -- mean over the images of |a' - a| / |a|, a the intact output, a' the\n"
    "                                      -- ablated\n"
    "    PRIMARY KEY (evaluation, layer)\n"
    ") STRICT, WITHOUT ROWID";

static const char filter_activation_table[] =
    "CREATE TABLE filter_activation (\n"
    "    -- A filter's post-ReLU activation over the calibration images and the map's positions: what the modes mean\n"
    "    -- and noise put in its place (rounded to single precision).\n"
    "    layer INTEGER NOT NULL REFERENCES layer,\n"
    "    filter INTEGER NOT NULL,\n"
    "    mean REAL,                        -- NULL: not measured\n"
    "    deviation REAL,                   -- standard deviation; NULL: not measured\n"
    "    PRIMARY KEY (layer, filter)\n"
    ") STRICT, WITHOUT ROWID";

static const char filter_score_table[] =
    "CREATE TABLE filter_score (\n"
    "    -- Scores by which the study ranks filters, for the layers where it does.\n"
    "    score TEXT NOT NULL,              -- l1, l2: norms of the weights; mean_activation, apoz,\n"
    "                                      -- selectivity: over the calibration images; file:PATH: brought in that\n"
    "                                      -- file\n"
    "    layer INTEGER NOT NULL REFERENCES layer,\n"
    "    filter INTEGER NOT NULL,\n"
    "    value REAL NOT NULL,\n"
    "    PRIMARY KEY (score, layer, filter)\n"
    ") STRICT, WITHOUT ROWID";

static const char grouping_table[] =
    "CREATE TABLE grouping (\n"
    "    -- A layer's filters in groups, by the distance of their weights: agglomerative clustering.\n"
    "    grouping INTEGER PRIMARY KEY,     -- from 0\n"
    "    layer INTEGER NOT NULL REFERENCES layer,\n"
    "    metric TEXT NOT NULL,             -- euclidean, cosine\n"
    "    normalise TEXT NOT NULL,          -- what a filter's weights were divided by: none, l2, max\n"
    "    linkage TEXT NOT NULL,            -- average, complete, single, ward\n"
    "    cut TEXT NOT NULL CHECK (cut IN ('groups', 'distance', 'fraction')), -- of what ...\n"
    "    value REAL NOT NULL,              -- ... value; fraction: only the tightest group of that size\n"
    "    UNIQUE (layer, metric, normalise, linkage, cut, value)\n"
    ") STRICT";

static const char filter_group_table[] =
    "CREATE TABLE filter_group (\n"
    "    -- The filters of a grouping's groups.\n"
    "    grouping INTEGER NOT NULL REFERENCES grouping,\n"
    "    filter INTEGER NOT NULL,\n"
    "    filter_group INTEGER NOT NULL,    -- from 0, in order of their lowest filters\n"
    "    distance REAL,                    -- mean distance to the others of the group; NULL where there are none.\n"
    "                                      -- Its mean over a group is the mean distance of all its pairs\n"
    "    PRIMARY KEY (grouping, filter)\n"
    ") STRICT, WITHOUT ROWID";

static const char curve_table[] =
    "CREATE TABLE curve (\n"
    "    -- Of top1 against the fraction removed: one row for each order in which filters are removed, by fractions\n"
    "    -- or cumulatively. Its points are in degradation. Computed anew when a run ends, from the jobs that are\n"
    "    -- done.\n"
    "    curve INTEGER PRIMARY KEY,        -- from 1\n"
    "    experiment TEXT NOT NULL REFERENCES experiment (name),\n"
    "    layers TEXT NOT NULL,\n"
    "    ordering TEXT NOT NULL,           -- the score by which filters are ranked, or random\n"
    "    seed INTEGER,                     -- of a random order\n"
    "    mode TEXT NOT NULL,\n"
    "    mode_seed INTEGER,\n"
    "    points INTEGER NOT NULL,          -- that are done, and of which this is computed,\n"
    "    asked INTEGER NOT NULL,           -- and that the study asks for\n"
    "    fraction REAL NOT NULL,           -- of the last point: areas compare over the same range only\n"
    "    area REAL,                        -- 1: no damage, 0: at chance throughout; NULL: the baseline is not above\n"
    "                                      -- chance\n"
    "    half REAL                         -- the least fraction at which half of what is above chance is lost;\n"
    "                                      -- NULL: none\n"
    ") STRICT";

static const char pair_interval_table[] =
    "CREATE TABLE pair_interval (\n"
    "    -- Of pairs, where results are kept for every image: the BCa bootstrap's 95 % intervals of the interaction;\n"
    "    -- written when a run ends. The interaction itself is in pair_interaction.\n"
    "    job INTEGER PRIMARY KEY REFERENCES job,\n"
    "    images INTEGER NOT NULL,          -- that the pair and both singles have seen\n"
    "    top1_low REAL,\n"
    "    top1_high REAL,\n"
    "    loss_low REAL,\n"
    "    loss_high REAL\n"
    ") STRICT";

static const char score_damage_table[] =
    "CREATE TABLE score_damage (\n"
    "    -- How well a score tells the damage: Spearman's rho between the score of a filter and what its removal\n"
    "    -- alone does, over the filters that an experiment removes one by one (filter_damage). Computed anew when a\n"
    "    -- run ends.\n"
    "    id INTEGER PRIMARY KEY,           -- from 1\n"
    "    experiment TEXT NOT NULL REFERENCES experiment (name),\n"
    "    layer TEXT REFERENCES layer (name), -- NULL: all layers together\n"
    "    score TEXT NOT NULL,\n"
    "    mode TEXT NOT NULL,\n"
    "    mode_seed INTEGER,\n"
    "    n INTEGER NOT NULL,               -- filters\n"
    "    loss_rho REAL,                    -- with the rise of loss: 1 where the filter of higher score does more\n"
    "                                      -- damage\n"
    "    loss_low REAL,                    -- 95 % interval; NULL for fewer than 4 filters\n"
    "    loss_high REAL,\n"
    "    top1_rho REAL,                    -- with the loss of top1\n"
    "    top1_low REAL,\n"
    "    top1_high REAL\n"
    ") STRICT";

static const char *const before_evaluation[] = {study_table,         layer_table, class_table,    image_table,
                                                skipped_image_table, run_table,   progress_table, writer_table,
                                                experiment_table,    NULL};
static const char *const before_part[] = {failed_index,       unit_table, filter_score_table, grouping_table,
                                          filter_group_table, job_table,  job_index,          NULL};
static const char *const after_part[] = {
    evaluation_class_table, image_result_table, drift_table, filter_activation_table, curve_table,
    pair_interval_table,    score_damage_table, NULL};

/* ---- all of them --------------------------------------------------------------------------------------------- */

static bool run_each(const database *db, const char *const *statements, lsn_error *err)
{
    bool ok = true;
    for (; ok && *statements != NULL; statements++)
        ok = database_run(db, *statements, err);
    return ok;
}

static bool run_composed(const database *db, lsn_text *sql, lsn_error *err)
{
    char *composed = lsn_text_take(sql, err);
    const bool ok = composed != NULL && database_run(db, composed, err);
    free(composed);
    return ok;
}

/* Those that have the metrics: metrics.h. */
static bool create_evaluation(const database *db, lsn_error *err)
{
    lsn_text sql = {0};
    lsn_text_add(&sql, "%s", before_result);
    metrics_declare_result(&sql);
    lsn_text_add(&sql, "%s", after_result);
    metrics_declare_check(&sql);
    lsn_text_add(&sql, ") STRICT");
    return run_composed(db, &sql, err);
}

static bool create_part(const database *db, lsn_error *err)
{
    lsn_text sql = {0};
    lsn_text_add(&sql, "%s", before_part_sums);
    metrics_declare_part(&sql);
    lsn_text_add(&sql, "%s", after_part_sums);
    return run_composed(db, &sql, err);
}

bool schema_create(const database *db, lsn_error *err)
{
    char pragmas[96];
    sqlite3_snprintf(sizeof pragmas, pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID,
                     LSN_SCHEMA_VERSION);
    return run_each(db, before_evaluation, err) && create_evaluation(db, err) && run_each(db, before_part, err) &&
           create_part(db, err) && run_each(db, after_part, err) && run_each(db, store_views, err) &&
           database_run(db, pragmas, err);
}
