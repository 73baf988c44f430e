#include "store/store_internal.h"

/* The SQL is kept in the database as it stands here, comments included: `.schema` in the sqlite3 shell is the tables'
 * documentation. Nothing is used that a SQLite of version 3.37 may lack (no mathematical functions, no JSON). */

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
    "    per_class INTEGER NOT NULL CHECK (per_class IN (0, 1)), -- whether every result counts its classes too\n"
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
                                  "    class INTEGER PRIMARY KEY,        -- from 0\n"
                                  "    name TEXT,                        -- NULL where the data names no classes\n"
                                  "    images INTEGER NOT NULL           -- evaluated images of this class\n"
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
    "    method TEXT,                      -- of computing\n"
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
    "    how TEXT CHECK (how IN ('complete', 'stopped', 'failed', 'died')) -- NULL while it runs; died: found dead\n"
    ") STRICT";

static const char experiment_table[] = "CREATE TABLE experiment (\n"
                                       "    experiment INTEGER PRIMARY KEY,\n"
                                       "    position INTEGER NOT NULL,        -- in the study file; 0 is the baseline\n"
                                       "    name TEXT NOT NULL UNIQUE\n"
                                       ") STRICT";

static const char evaluation_table[] =
    "CREATE TABLE evaluation (\n"
    "    -- What is computed: one ablation over all images. Jobs that ask for the same ablation share one.\n"
    "    evaluation INTEGER PRIMARY KEY,   -- 0 is the baseline, of which nothing is removed\n"
    "    key TEXT NOT NULL UNIQUE,         -- hash of weights, images, preprocessing, mask and mode\n"
    "    mode TEXT NOT NULL,               -- how filters are removed\n"
    "    layers TEXT NOT NULL,             -- their layers' names: conv3_1,conv4_1\n"
    "    n_filters INTEGER NOT NULL,       -- how many are removed\n"
    "    filters TEXT NOT NULL,            -- which ones: {\"conv3_1\":[0,5]}\n"
    "    layer INTEGER REFERENCES layer,   -- the only layer; NULL where there are several, or none\n"
    "    filter INTEGER,                   -- the only filter; NULL where there are several, or none\n"
    "    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'done', 'failed')),\n"
    "    -- From here on NULL until it is done.\n"
    "    images INTEGER,\n"
    "    top1 INTEGER,                     -- images whose class ranks first\n"
    "    top5 INTEGER,                     -- images whose class is among the first five\n"
    "    lost INTEGER,                     -- images right in the baseline and wrong here\n"
    "    gained INTEGER,                   -- images wrong in the baseline and right here\n"
    "    loss_sum INTEGER,                 -- cross entropy, in units of 2^-30 nats: an exact sum\n"
    "    kl_sum INTEGER,                   -- KL(baseline || ablated), likewise\n"
    "    p REAL,                           -- McNemar's mid-p of lost and gained\n"
    "    top1_low REAL,                    -- Wilson's 95 % interval for the share of top1\n"
    "    top1_high REAL,\n"
    "    seconds REAL,                     -- spent computing\n"
    "    reason TEXT,                      -- why it failed\n"
    "    run INTEGER REFERENCES run,       -- the run that completed it\n"
    "    CHECK (status <> 'done' OR (images > 0 AND top1 BETWEEN 0 AND images AND top5 BETWEEN 0 AND images\n"
    "        AND lost >= 0 AND gained >= 0 AND loss_sum IS NOT NULL AND kl_sum IS NOT NULL AND p IS NOT NULL\n"
    "        AND top1_low IS NOT NULL AND top1_high IS NOT NULL AND seconds IS NOT NULL))\n"
    ") STRICT";

static const char job_table[] =
    "CREATE TABLE job (\n"
    "    -- What an experiment asks for.\n"
    "    job INTEGER PRIMARY KEY,\n"
    "    experiment INTEGER NOT NULL REFERENCES experiment,\n"
    "    position INTEGER NOT NULL,        -- within the experiment\n"
    "    evaluation INTEGER NOT NULL REFERENCES evaluation,\n"
    "    fraction REAL,                    -- of the layer's filters that is removed, as the study says; NULL where "
    "it\n"
    "                                      -- says none. Of a cumulative order: step / steps\n"
    "    seed INTEGER,                     -- of a random choice of filters\n"
    "    score TEXT,                       -- by which the filters were ranked; their scores: filter_score\n"
    "    step INTEGER,                     -- of a cumulative order, from 1: each removes what the one before does\n"
    "    grouping INTEGER REFERENCES grouping, -- of which the filters (or all but them) are ...\n"
    "    filter_group INTEGER,             -- ... this group\n"
    "    single_a INTEGER REFERENCES evaluation, -- of a pair: what removes its first filter alone,\n"
    "    single_b INTEGER REFERENCES evaluation  -- and its second; in the same mode\n"
    ") STRICT";

static const char job_index[] = "CREATE INDEX job_evaluation ON job (evaluation)";

static const char part_table[] =
    "CREATE TABLE part (\n"
    "    -- The result of one evaluation on one block of images; dropped when the evaluation is complete.\n"
    "    evaluation INTEGER NOT NULL REFERENCES evaluation,\n"
    "    block INTEGER NOT NULL,\n"
    "    images INTEGER NOT NULL,\n"
    "    top1 INTEGER NOT NULL,\n"
    "    top5 INTEGER NOT NULL,\n"
    "    lost INTEGER NOT NULL,\n"
    "    gained INTEGER NOT NULL,\n"
    "    loss_sum INTEGER NOT NULL,\n"
    "    kl_sum INTEGER NOT NULL,\n"
    "    seconds REAL NOT NULL,\n"
    "    class_right BLOB,                 -- images right by class, compressed; NULL: not counted\n"
    "    PRIMARY KEY (evaluation, block)\n"
    ") STRICT";

static const char evaluation_class_table[] =
    "CREATE TABLE evaluation_class (\n"
    "    -- Images right by class, for classes that have images.\n"
    "    evaluation INTEGER NOT NULL REFERENCES evaluation,\n"
    "    class INTEGER NOT NULL REFERENCES class,\n"
    "    top1 INTEGER NOT NULL,            -- images of the class whose class ranks first\n"
    "    PRIMARY KEY (evaluation, class)\n"
    ") STRICT, WITHOUT ROWID";

static const char channel_mean_table[] =
    "CREATE TABLE channel_mean (\n"
    "    -- What the mode `mean` puts in place of a filter's output.\n"
    "    layer INTEGER NOT NULL REFERENCES layer,\n"
    "    filter INTEGER NOT NULL,\n"
    "    mean REAL NOT NULL,               -- of the post-ReLU activation over the "
    "calibration images\n"
    "    PRIMARY KEY (layer, filter)\n"
    ") STRICT, WITHOUT ROWID";

static const char filter_score_table[] =
    "CREATE TABLE filter_score (\n"
    "    -- Scores by which the study ranks filters, for the layers where it does.\n"
    "    score TEXT NOT NULL,              -- l1, l2: norms of the weights; file:PATH: brought in that file\n"
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
    "    distance REAL,                    -- mean distance to the others of the group; NULL where there are none. "
    "Its\n"
    "                                      -- mean over a group is the mean distance of all its pairs\n"
    "    PRIMARY KEY (grouping, filter)\n"
    ") STRICT, WITHOUT ROWID";

static const char job_metric_view[] =
    "CREATE VIEW job_metric AS\n"
    "    -- job_result without q, which needs all jobs of an experiment, and with what other views need. Differences\n"
    "    -- are ablated less baseline; they are NULL until the baseline is done.\n"
    "    SELECT\n"
    "        x.position AS experiment_position, j.position, l.layer AS layer_index, l.name AS layer, e.filter,\n"
    "        e.key AS job, x.name AS experiment, e.layers, e.n_filters, e.filters, j.fraction, e.mode, j.seed,\n"
    "        e.images,\n"
    "        e.top1 * 1.0 / e.images AS top1,\n"
    "        e.top5 * 1.0 / e.images AS top5,\n"
    "        e.loss_sum / 1073741824.0 / e.images AS loss,\n"
    "        e.kl_sum / 1073741824.0 / e.images AS kl,\n"
    "        (e.top1 - b.top1) * 1.0 / e.images AS d_top1,\n"
    "        (e.top5 - b.top5) * 1.0 / e.images AS d_top5,\n"
    "        (e.loss_sum - b.loss_sum) / 1073741824.0 / e.images AS d_loss,\n"
    "        e.lost, e.gained, e.p, e.top1_low, e.top1_high, e.status, e.seconds, e.reason,\n"
    "        j.score, j.step, j.grouping, j.filter_group, j.single_a, j.single_b\n"
    "    FROM job j\n"
    "    JOIN experiment x ON x.experiment = j.experiment\n"
    "    JOIN evaluation e ON e.evaluation = j.evaluation\n"
    "    LEFT JOIN evaluation b ON b.evaluation = 0\n"
    "    LEFT JOIN layer l ON l.layer = e.layer";

static const char job_result_view[] =
    "CREATE VIEW job_result AS\n"
    "    -- One row for each job. top1 and top5 are shares of the images, loss and kl means in nats per image; lost "
    "and\n"
    "    -- gained count images; p is McNemar's mid-p, q is p corrected within the experiment by Benjamini and "
    "Hochberg;\n"
    "    -- top1_low .. top1_high is Wilson's 95 % interval. All are NULL until the job is done.\n"
    "    SELECT\n"
    "        job, experiment, layers, n_filters, filters, fraction, mode, seed, images,\n"
    "        top1, top5, loss, kl, d_top1, d_top5, d_loss, lost, gained, p,\n"
    "        CASE WHEN p IS NOT NULL THEN\n"
    "            min(1.0, min(m * p / p_rank) OVER (PARTITION BY experiment ORDER BY p DESC)) END AS q,\n"
    "        top1_low, top1_high, status, seconds\n"
    "    FROM (\n"
    "        SELECT *,\n"
    "            count(p) OVER (PARTITION BY experiment) AS m,\n"
    "            count(p) OVER (PARTITION BY experiment ORDER BY p) AS p_rank -- of equal p the last one's\n"
    "        FROM job_metric)\n"
    "    ORDER BY experiment_position, position";

static const char class_result_view[] =
    "CREATE VIEW class_result AS\n"
    "    -- One row for each evaluation (its key is job_result's `job`) and class that has images: n images, top1 the\n"
    "    -- share that is right, d_top1 that share less the baseline's.\n"
    "    SELECT\n"
    "        e.key AS job, c.class, coalesce(k.name, CAST(k.class AS TEXT)) AS class_name, k.images AS n,\n"
    "        c.top1 * 1.0 / k.images AS top1,\n"
    "        (c.top1 - b.top1) * 1.0 / k.images AS d_top1\n"
    "    FROM evaluation_class c\n"
    "    JOIN evaluation e ON e.evaluation = c.evaluation\n"
    "    JOIN class k ON k.class = c.class\n"
    "    LEFT JOIN evaluation_class b ON b.evaluation = 0 AND b.class = c.class";

static const char layer_sensitivity_view[] =
    "CREATE VIEW layer_sensitivity AS\n"
    "    -- Jobs that are done and remove filters of one layer only, by experiment, layer, fraction and mode: how "
    "many\n"
    "    -- there are, the mean, the worst and the best change of top1, and the mean change of loss.\n"
    "    SELECT\n"
    "        experiment, layer, fraction, mode, count(*) AS jobs,\n"
    "        avg(d_top1) AS mean_d_top1, min(d_top1) AS min_d_top1, max(d_top1) AS max_d_top1,\n"
    "        avg(d_loss) AS mean_d_loss\n"
    "    FROM job_metric\n"
    "    WHERE layer_index IS NOT NULL AND status = 'done'\n"
    "    GROUP BY experiment_position, layer_index, fraction, mode\n"
    "    ORDER BY experiment_position, layer_index, fraction, mode";

static const char filter_rank_view[] =
    "CREATE VIEW filter_rank AS\n"
    "    -- Jobs that are done and remove a single filter, the most damaging first: by the loss of top1, then by the "
    "gain\n"
    "    -- of loss, within each experiment and mode.\n"
    "    SELECT\n"
    "        rank() OVER (PARTITION BY r.experiment, r.mode ORDER BY r.d_top1, r.d_loss DESC) AS rank,\n"
    "        l.name AS layer, e.filter, r.d_top1, r.d_loss, r.lost, r.gained, r.p, r.q, r.job, r.experiment, r.mode\n"
    "    FROM job_result r\n"
    "    JOIN evaluation e ON e.key = r.job\n"
    "    JOIN layer l ON l.layer = e.layer\n"
    "    WHERE e.filter IS NOT NULL AND r.status = 'done'\n"
    "    ORDER BY r.experiment, r.mode, rank, e.layer, e.filter";

static const char failures_view[] = "CREATE VIEW failures AS\n"
                                    "    -- Jobs that failed, and why.\n"
                                    "    SELECT job, experiment, layers, filters, reason\n"
                                    "    FROM job_metric\n"
                                    "    WHERE status = 'failed'\n"
                                    "    ORDER BY experiment_position, position";

const char *const store_schema[] = {
    study_table,
    layer_table,
    class_table,
    skipped_image_table,
    run_table,
    experiment_table,
    evaluation_table,
    filter_score_table,
    grouping_table,
    filter_group_table,
    job_table,
    job_index,
    part_table,
    evaluation_class_table,
    channel_mean_table,
    job_metric_view,
    job_result_view,
    class_result_view,
    layer_sensitivity_view,
    filter_rank_view,
    failures_view,
    NULL,
};
