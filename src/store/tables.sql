-- The tables. A statement is kept in the database as it stands here, its own comments included: `.schema` in the sqlite3
-- shell is the tables' documentation. Nothing is used that a SQLite of version 3.37 may lack (no mathematical functions,
-- no JSON). In place of @results, @sums and @check come the columns of metrics.h.

CREATE TABLE study (
    -- The study that these results belong to: one row.
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,               -- study: in the study file
    path TEXT,                        -- of the study file, as of the last run
    text TEXT NOT NULL,               -- of the study file, as of the last run
    overrides TEXT NOT NULL,          -- lines k=v given with --set
    weights_path TEXT,
    weights_sha256 TEXT NOT NULL,     -- of the weights file
    weights_dtype TEXT,               -- F32, F16, BF16 or mixed
    images_sha256 TEXT NOT NULL,      -- of the evaluated images: pixels, labels, preprocessing
    calibration_sha256 TEXT,          -- of the calibration images; NULL where there are none
    preprocess TEXT,                  -- in words
    images INTEGER NOT NULL CHECK (images > 0),
    calibration_images INTEGER NOT NULL,
    classes INTEGER NOT NULL CHECK (classes > 0),
    input_channels INTEGER NOT NULL,
    input_height INTEGER NOT NULL,
    input_width INTEGER NOT NULL,
    block_images INTEGER NOT NULL CHECK (block_images > 0), -- the images are worked on in blocks of so many
    per_class INTEGER NOT NULL CHECK (per_class IN (0, 1)), -- whether every result counts its classes too,
    per_image INTEGER NOT NULL CHECK (per_image IN (0, 1)), -- is kept for every image,
    drift INTEGER NOT NULL CHECK (drift IN (0, 1)), -- and has the drift of every layer
    stop_half_width REAL,             -- a job ends when its change of top1 is known to +- this, ...
    stop_confidence REAL,             -- ... this surely; NULL: it sees all images. As of the last run
    bootstrap_seed INTEGER NOT NULL,  -- of the bootstrap's draws: the same for all intervals
    bootstrap_draws INTEGER NOT NULL,
    shard INTEGER CHECK (shard BETWEEN 1 AND shards), -- the share of the study that is computed here, ...
    shards INTEGER,                   -- ... of so many (evaluation.shard); NULL: all of it
    created TEXT NOT NULL             -- UTC
) STRICT;

CREATE TABLE layer (
    -- The network's layers, in order.
    layer INTEGER PRIMARY KEY,        -- from 0
    name TEXT NOT NULL UNIQUE,        -- conv1_1, fc6
    kind TEXT NOT NULL CHECK (kind IN ('conv', 'fc')),
    filters INTEGER NOT NULL,         -- its outputs
    channels INTEGER NOT NULL,        -- its inputs
    kernel INTEGER NOT NULL,          -- side
    height INTEGER NOT NULL,          -- of its map, before pooling
    width INTEGER NOT NULL,
    pool INTEGER NOT NULL CHECK (pool IN (0, 1)),     -- 2x2 max pooling follows
    logits INTEGER NOT NULL CHECK (logits IN (0, 1)), -- the last layer, which is not ablated
    parameters INTEGER NOT NULL,      -- weights and biases
    madds REAL NOT NULL               -- multiply-adds for one image
) STRICT;

CREATE TABLE class (
    -- The classes that the network knows.
    class INTEGER PRIMARY KEY,        -- from 0
    name TEXT,                        -- NULL where the data names no classes
    images INTEGER NOT NULL           -- evaluated images of this class
) STRICT;

CREATE TABLE image (
    -- The evaluated images, where results are kept for every image.
    image INTEGER PRIMARY KEY,        -- from 0, in the order in which they are evaluated
    name TEXT NOT NULL,               -- path below the folder of the images; or image 7
    class INTEGER NOT NULL REFERENCES class -- its label
) STRICT;

CREATE TABLE skipped_image (
    -- Images of the study that cannot be read and are left out (data.skip_broken), as of the last run.
    path TEXT NOT NULL,               -- below the folder of the images; or image 7
    calibration INTEGER NOT NULL CHECK (calibration IN (0, 1)), -- whether it was one of those
    class INTEGER NOT NULL REFERENCES class, -- its label
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE run (
    -- One row for each invocation of `lesion run`.
    run INTEGER PRIMARY KEY,
    version TEXT,                     -- of Lesion
    libraries TEXT,                   -- versions of MPI, BLAS, SQLite
    command TEXT,
    method TEXT,                      -- of computing
    hosts TEXT,                       -- n1*4,n2*4
    ranks INTEGER NOT NULL,
    slurm_job TEXT,
    host TEXT,                        -- where rank 0 ran
    pid INTEGER NOT NULL,             -- of rank 0
    study_sha256 TEXT NOT NULL,       -- of the study file's text and overrides
    weights_sha256 TEXT NOT NULL,
    images_sha256 TEXT NOT NULL,
    calibration_sha256 TEXT,
    started TEXT NOT NULL,            -- UTC, like the other times
    heartbeat TEXT NOT NULL,          -- when it was last known to be alive
    ended TEXT,                       -- NULL while it runs
    evaluated INTEGER NOT NULL DEFAULT 0, -- images x ablations whose results it stored
    how TEXT CHECK (how IN ('complete', 'stopped', 'failed', 'died')) -- NULL while it runs; died: found dead
) STRICT;

CREATE TABLE progress (
    -- How far a run was: at most a thousand moments of each, the longer it takes the further apart; the last
    -- one is at most some seconds old while it runs. Of two moments, (images2 - images1) / (seconds2 -
    -- seconds1) are images per second, and (computing2 - computing1) / (seconds2 - seconds1) / workers is
    -- the share of the time that the workers compute.
    run INTEGER NOT NULL REFERENCES run,
    seconds REAL NOT NULL,            -- since the first unit could be handed out
    share REAL NOT NULL,              -- of the whole study's predicted work that is done, earlier runs' too
    jobs_done INTEGER NOT NULL,       -- of the whole study
    images INTEGER NOT NULL,          -- evaluated for some ablation, since this run began
    workers INTEGER NOT NULL,         -- ranks that compute and are alive
    computing REAL NOT NULL,          -- seconds that all of them spent on that, together
    left_s REAL,                      -- predicted; NULL: not known yet
    PRIMARY KEY (run, seconds)
) STRICT, WITHOUT ROWID;

CREATE TABLE writer (
    -- Who may write: one row, replaced when a run opens the database. A run that finds another's token here has
    -- lost it, and writes nothing more.
    id INTEGER PRIMARY KEY CHECK (id = 1),
    token TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    since TEXT NOT NULL               -- UTC
) STRICT;

CREATE TABLE experiment (
    -- The study's experiments, and how far they are.
    experiment INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,        -- in the study file; 0 is the baseline
    name TEXT NOT NULL UNIQUE,
    -- As of the last commit; where this is a share of a study, of its jobs
    -- only.
    jobs INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    work REAL NOT NULL DEFAULT 0      -- share of their predicted work that
                                      -- is done
) STRICT;

CREATE TABLE evaluation (
    -- What is computed: one ablation over all images. Jobs that ask for the same ablation share one.
    evaluation INTEGER PRIMARY KEY,   -- 0 is the baseline, of which nothing is removed
    key TEXT NOT NULL UNIQUE,         -- hash of weights, images, preprocessing, mask and mode
    mode TEXT NOT NULL,               -- how filters are removed: zero, mean, resample, noise
    mode_seed INTEGER,                -- of what resample and noise draw; NULL where the mode draws nothing
    layers TEXT NOT NULL,             -- their layers' names: conv3_1,conv4_1
    n_filters INTEGER NOT NULL,       -- how many are removed
    filters TEXT NOT NULL,            -- which ones: {"conv3_1":[0,5]}
    layer INTEGER REFERENCES layer,   -- the only layer; NULL where there are several, or none
    filter INTEGER,                   -- the only filter; NULL where there are several, or none
    shard INTEGER,                    -- where this is a share of a study: the one that computes it; 0: all do;
                                      -- NULL where it is no share
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'done', 'failed')),
    -- From here on NULL until it is done.
@results
    reason TEXT,                      -- why it failed
    deaths INTEGER NOT NULL DEFAULT 0, -- runs that died while it was computed, since it last came back on ...
    deaths_alone INTEGER NOT NULL DEFAULT 0, -- (of these, while nothing else was computed)
    death_block INTEGER,              -- ... this block, which was computed at the last of these deaths
    run INTEGER REFERENCES run,       -- the run that completed it
@check
) STRICT;

-- Few rows, so that what failed is found without reading all evaluations.
CREATE INDEX evaluation_failed ON evaluation (evaluation) WHERE status = 'failed';

CREATE TABLE unit (
    -- What workers hold: units of work given to them and not back. When a run is over, what it lost, until the
    -- next one begins.
    given INTEGER PRIMARY KEY,        -- in the order in which they were given
    worker INTEGER NOT NULL,          -- from 0; rank worker + 1 where there are several ranks
    unit INTEGER NOT NULL,            -- its number in the run
    block INTEGER NOT NULL,           -- of images
    evaluations TEXT NOT NULL,        -- [3,17]: which ones are computed on the block
    UNIQUE (worker, unit)
) STRICT;

CREATE TABLE filter_score (
    -- Scores by which the study ranks filters, for the layers where it does.
    score TEXT NOT NULL,              -- l1, l2: norms of the weights; mean_activation, apoz,
                                      -- selectivity: over the calibration images; file:PATH: brought in that
                                      -- file
    layer INTEGER NOT NULL REFERENCES layer,
    filter INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (score, layer, filter)
) STRICT, WITHOUT ROWID;

CREATE TABLE grouping (
    -- A layer's filters in groups, by the distance of their weights: agglomerative clustering.
    grouping INTEGER PRIMARY KEY,     -- from 0
    layer INTEGER NOT NULL REFERENCES layer,
    metric TEXT NOT NULL,             -- euclidean, cosine
    normalise TEXT NOT NULL,          -- what a filter's weights were divided by: none, l2, max
    linkage TEXT NOT NULL,            -- average, complete, single, ward
    cut TEXT NOT NULL CHECK (cut IN ('groups', 'distance', 'fraction')), -- of what ...
    value REAL NOT NULL,              -- ... value; fraction: only the tightest group of that size
    UNIQUE (layer, metric, normalise, linkage, cut, value)
) STRICT;

CREATE TABLE filter_group (
    -- The filters of a grouping's groups.
    grouping INTEGER NOT NULL REFERENCES grouping,
    filter INTEGER NOT NULL,
    filter_group INTEGER NOT NULL,    -- from 0, in order of their lowest filters
    distance REAL,                    -- mean distance to the others of the group; NULL where there are none.
                                      -- Its mean over a group is the mean distance of all its pairs
    PRIMARY KEY (grouping, filter)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    -- What an experiment asks for.
    job INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment,
    position INTEGER NOT NULL,        -- within the experiment
    evaluation INTEGER NOT NULL REFERENCES evaluation,
    fraction REAL,                    -- of the layer's filters that is removed, as the study says; NULL where
                                      -- it says none. Of a cumulative order: step / steps
    seed INTEGER,                     -- of a random choice of filters
    score TEXT,                       -- by which the filters were ranked; their scores: filter_score
    step INTEGER,                     -- of a cumulative order, from 1: each removes what the one before does
    grouping INTEGER REFERENCES grouping, -- of which the filters (or all but them) are ...
    filter_group INTEGER,             -- ... this group
    single_a INTEGER REFERENCES evaluation, -- of a pair: what removes its first filter alone,
    single_b INTEGER REFERENCES evaluation  -- and its second; in the same mode
) STRICT;

CREATE INDEX job_evaluation ON job (evaluation);

CREATE TABLE part (
    -- The result of one evaluation on one block of images; dropped when the evaluation is complete.
    evaluation INTEGER NOT NULL REFERENCES evaluation,
    block INTEGER NOT NULL,
@sums
    class_right BLOB,                 -- images right by class, compressed; NULL: not counted
    class_predicted BLOB,             -- images taken for the class, likewise
    drift BLOB,                       -- sum over the images by layer, 8 bytes each, the lowest first; NULL:
                                      -- not measured
    PRIMARY KEY (evaluation, block)
) STRICT;

CREATE TABLE evaluation_class (
    -- Images by class, for classes that have images.
    evaluation INTEGER NOT NULL REFERENCES evaluation,
    class INTEGER NOT NULL REFERENCES class,
    top1 INTEGER NOT NULL,            -- images of the class whose class ranks first
    predicted INTEGER,                -- images of any class for which this one ranks first; NULL: not counted
    PRIMARY KEY (evaluation, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE image_result (
    -- What an evaluation did to each image, where the study asks for it. While the evaluation runs, the images
    -- of the blocks that are done. Its references are not checked, for there are millions of rows.
    evaluation INTEGER NOT NULL,      -- of table evaluation
    image INTEGER NOT NULL,           -- of table image
    prediction INTEGER NOT NULL,      -- the class that ranks first; -1 where a logit is not a number
    rank INTEGER NOT NULL,            -- of the true class, from 0; the number of classes where a logit is no
                                      -- number
    loss REAL,                        -- cross entropy, nats, to 2^-30 and at most 65536; NULL: not a number
    PRIMARY KEY (evaluation, image)
) STRICT, WITHOUT ROWID;

CREATE TABLE drift (
    -- How far an ablation moves each layer's output, where the study asks for it.
    evaluation INTEGER NOT NULL REFERENCES evaluation,
    layer INTEGER NOT NULL REFERENCES layer,
    drift REAL NOT NULL,              -- mean over the images of |a' - a| / |a|, a the intact output, a' the
                                      -- ablated
    PRIMARY KEY (evaluation, layer)
) STRICT, WITHOUT ROWID;

CREATE TABLE filter_activation (
    -- A filter's post-ReLU activation over the calibration images and the map's positions: what the modes mean
    -- and noise put in its place (rounded to single precision).
    layer INTEGER NOT NULL REFERENCES layer,
    filter INTEGER NOT NULL,
    mean REAL,                        -- NULL: not measured
    deviation REAL,                   -- standard deviation; NULL: not measured
    PRIMARY KEY (layer, filter)
) STRICT, WITHOUT ROWID;

CREATE TABLE curve (
    -- Of top1 against the fraction removed: one row for each order in which filters are removed, by fractions
    -- or cumulatively. Its points are in degradation. Computed anew when a run ends, from the jobs that are
    -- done.
    curve INTEGER PRIMARY KEY,        -- from 1
    experiment TEXT NOT NULL REFERENCES experiment (name),
    layers TEXT NOT NULL,
    ordering TEXT NOT NULL,           -- the score by which filters are ranked, or random
    seed INTEGER,                     -- of a random order
    mode TEXT NOT NULL,
    mode_seed INTEGER,
    points INTEGER NOT NULL,          -- that are done, and of which this is computed,
    asked INTEGER NOT NULL,           -- and that the study asks for
    fraction REAL NOT NULL,           -- of the last point: areas compare over the same range only
    area REAL,                        -- 1: no damage, 0: at chance throughout; NULL: the baseline is not above
                                      -- chance
    half REAL                         -- the least fraction at which half of what is above chance is lost;
                                      -- NULL: none
) STRICT;

CREATE TABLE pair_interval (
    -- Of pairs, where results are kept for every image: the BCa bootstrap's 95 % intervals of the interaction;
    -- written when a run ends. The interaction itself is in pair_interaction.
    job INTEGER PRIMARY KEY REFERENCES job,
    images INTEGER NOT NULL,          -- that the pair and both singles have seen
    top1_low REAL,
    top1_high REAL,
    loss_low REAL,
    loss_high REAL
) STRICT;

CREATE TABLE score_damage (
    -- How well a score tells the damage: Spearman's rho between the score of a filter and what its removal
    -- alone does, over the filters that an experiment removes one by one (filter_damage). Computed anew when a
    -- run ends.
    id INTEGER PRIMARY KEY,           -- from 1
    experiment TEXT NOT NULL REFERENCES experiment (name),
    layer TEXT REFERENCES layer (name), -- NULL: all layers together
    score TEXT NOT NULL,
    mode TEXT NOT NULL,
    mode_seed INTEGER,
    n INTEGER NOT NULL,               -- filters
    loss_rho REAL,                    -- with the rise of loss: 1 where the filter of higher score does more
                                      -- damage
    loss_low REAL,                    -- 95 % interval; NULL for fewer than 4 filters
    loss_high REAL,
    top1_rho REAL,                    -- with the loss of top1
    top1_low REAL,
    top1_high REAL
) STRICT;
