-- The views. As in tables.sql, the comments are kept in the database. Differences and damage are against the baseline on
-- the images that the evaluation has seen.

CREATE VIEW job_metric AS
    -- job_result without q, which needs all jobs of an experiment, and with what other views need. Differences
    -- are ablated less baseline, on the images that the job has seen.
    SELECT
        x.position AS experiment_position, j.position, l.layer AS layer_index, l.name AS layer, e.filter,
        e.key AS job, x.name AS experiment, e.layers, e.n_filters, e.filters, j.fraction, e.mode, j.seed,
        e.images,
        e.top1 * 1.0 / e.images AS top1,
        e.top5 * 1.0 / e.images AS top5,
        e.loss_sum / 1073741824.0 / e.images AS loss,
        e.kl_sum / 1073741824.0 / e.images AS kl,
        (e.gained - e.lost) * 1.0 / e.images AS d_top1,
        (e.top5 - e.base_top5) * 1.0 / e.images AS d_top5,
        (e.loss_sum - e.base_loss_sum) / 1073741824.0 / e.images AS d_loss,
        e.lost, e.gained, e.p, e.top1_low, e.top1_high, e.status, e.seconds, e.reason,
        e.margin_sum / 1073741824.0 / e.images AS margin,
        e.agree * 1.0 / e.images AS agreement,
        e.d_loss_error, e.d_loss_low, e.d_loss_high, e.p_exact, e.mode_seed, e.balanced_accuracy,
        j.score, j.step, j.grouping, j.filter_group, j.single_a, j.single_b, j.job AS id, e.evaluation
    FROM job j
    JOIN experiment x ON x.experiment = j.experiment
    JOIN evaluation e ON e.evaluation = j.evaluation
    LEFT JOIN layer l ON l.layer = e.layer;

CREATE VIEW job_q AS
    -- q of each job that is done, by its number in table job: p corrected within the experiment by Benjamini
    -- and Hochberg. Apart from job_result, for sorting a million jobs by p is quick only where nothing else is
    -- carried along.
    SELECT id, min(1.0, min(m * p / p_rank) OVER (PARTITION BY experiment ORDER BY p DESC)) AS q
    FROM (
        SELECT
            j.job AS id, j.experiment, e.p,
            count(*) OVER (PARTITION BY j.experiment) AS m,
            count(*) OVER (PARTITION BY j.experiment ORDER BY e.p) AS p_rank -- of equal p the last one's
        FROM job j
        JOIN evaluation e ON e.evaluation = j.evaluation
        WHERE e.p IS NOT NULL);

CREATE VIEW job_result AS
    -- One row for each job. top1 and top5 are shares of the images, loss and kl means in nats per image; lost
    -- and gained count images; p is McNemar's mid-p, q is p corrected within the experiment by Benjamini and
    -- Hochberg; top1_low .. top1_high is Wilson's 95 % interval; margin is the mean of the true class's logit
    -- less the greatest other one, agreement the share of images with the baseline's prediction; d_loss_error
    -- is the standard error of d_loss, d_loss_low .. d_loss_high its bootstrap interval where results are kept
    -- for every image; balanced_accuracy is the mean of top1 over the classes. All are NULL until the job is
    -- done.
    SELECT
        m.job, m.experiment, m.layers, m.n_filters, m.filters, m.fraction, m.mode, m.seed, m.images,
        m.top1, m.top5, m.loss, m.kl, m.d_top1, m.d_top5, m.d_loss, m.lost, m.gained, m.p, c.q,
        m.top1_low, m.top1_high, m.status, m.seconds,
        m.margin, m.agreement, m.d_loss_error, m.d_loss_low, m.d_loss_high, m.p_exact, m.score, m.step,
        m.mode_seed, m.balanced_accuracy
    FROM job_metric m
    LEFT JOIN job_q c ON c.id = m.id
    ORDER BY m.experiment_position, m.position;

CREATE VIEW class_result AS
    -- One row for each evaluation (its key is job_result's `job`) and class that has images: n images, top1
    -- the share that is right, d_top1 that share less the baseline's; predicted is the number of images, of
    -- any class, taken for this one, balanced_accuracy the mean of top1 and the share of other images not
    -- taken for it.
    SELECT
        e.key AS job, c.class, coalesce(k.name, CAST(k.class AS TEXT)) AS class_name, k.images AS n,
        c.top1 * 1.0 / k.images AS top1,
        (c.top1 - b.top1) * 1.0 / k.images AS d_top1,
        c.predicted,
        (c.top1 * 1.0 / k.images
            + (e.images - k.images - c.predicted + c.top1) * 1.0 / nullif(e.images - k.images, 0)) / 2
            AS balanced_accuracy
    FROM evaluation_class c
    JOIN evaluation e ON e.evaluation = c.evaluation
    JOIN class k ON k.class = c.class
    LEFT JOIN evaluation_class b ON b.evaluation = 0 AND b.class = c.class;

CREATE VIEW class_damage AS
    -- One row for each job that is done: the class that loses most and the one that gains most (or loses
    -- least), of equal ones the first. class_damage is what the worst one loses.
    WITH change AS (
        SELECT c.evaluation, c.class, (c.top1 - b.top1) * 1.0 / k.images AS d_top1
        FROM evaluation_class c
        JOIN evaluation_class b ON b.evaluation = 0 AND b.class = c.class
        JOIN class k ON k.class = c.class
        WHERE c.evaluation <> 0
    ), extreme AS (
        SELECT evaluation, min(d_top1) AS worst, max(d_top1) AS best FROM change GROUP BY evaluation
    ), found AS (
        SELECT
            x.*,
            (SELECT min(c.class) FROM change c WHERE c.evaluation = x.evaluation AND c.d_top1 = x.worst)
                AS worst_class,
            (SELECT min(c.class) FROM change c WHERE c.evaluation = x.evaluation AND c.d_top1 = x.best)
                AS best_class
        FROM extreme x
    )
    SELECT
        m.job, m.experiment, m.layers, m.n_filters, m.filters, m.mode, m.mode_seed, m.d_top1,
        0 - f.worst AS class_damage,
        f.worst_class, coalesce(w.name, CAST(w.class AS TEXT)) AS worst_class_name, f.worst AS worst_d_top1,
        f.best_class, coalesce(b.name, CAST(b.class AS TEXT)) AS best_class_name, f.best AS best_d_top1
    FROM job_metric m
    JOIN found f ON f.evaluation = m.evaluation
    JOIN class w ON w.class = f.worst_class
    JOIN class b ON b.class = f.best_class
    ORDER BY m.experiment_position, m.position;

CREATE VIEW layer_sensitivity AS
    -- Jobs that are done and remove filters of one layer only, by experiment, layer, fraction, mode
    -- and score (over all seeds): how many there are, the mean, the worst and the best change of top1, and the
    -- mean change of loss.
    SELECT
        experiment, layer, fraction, mode, count(*) AS jobs,
        avg(d_top1) AS mean_d_top1, min(d_top1) AS min_d_top1, max(d_top1) AS max_d_top1,
        avg(d_loss) AS mean_d_loss, score
    FROM job_metric
    WHERE layer_index IS NOT NULL AND status = 'done'
    GROUP BY experiment_position, layer_index, score, fraction, mode
    ORDER BY experiment_position, layer_index, score, fraction, mode;

CREATE VIEW filter_rank AS
    -- Jobs that are done and remove a single filter, the most damaging first: by the loss of top1, then by the
    -- gain of loss, within each experiment, mode and seed of the mode.
    SELECT
        rank() OVER (PARTITION BY m.experiment, m.mode, m.mode_seed ORDER BY m.d_top1, m.d_loss DESC) AS rank,
        m.layer, m.filter, m.d_top1, m.d_loss, m.lost, m.gained, m.p, c.q, m.job, m.experiment, m.mode,
        m.mode_seed
    FROM job_metric m
    LEFT JOIN job_q c ON c.id = m.id
    WHERE m.filter IS NOT NULL AND m.status = 'done'
    ORDER BY m.experiment, m.mode, m.mode_seed, rank, m.layer_index, m.filter;

CREATE VIEW degradation AS
    -- One row for each point of a curve: jobs that are done and remove a fraction of filters along one
    -- ordering (that of a score, or random by seed), where there are at least two fractions of it. asked: how
    -- many points the study asks for.
    SELECT
        m.experiment, m.layers, coalesce(m.score, 'random') AS ordering, m.mode, m.mode_seed, m.seed, m.step,
        m.fraction, m.n_filters, m.images, m.top1, m.loss, m.d_top1, m.d_loss, m.job, c.asked
    FROM job_metric m
    JOIN (
        SELECT
            experiment, layers, score, seed, mode, mode_seed, count(*) AS asked,
            min(CASE status WHEN 'done' THEN fraction END) AS least,
            max(CASE status WHEN 'done' THEN fraction END) AS most
        FROM job_metric
        WHERE fraction IS NOT NULL AND grouping IS NULL AND (score IS NOT NULL OR seed IS NOT NULL)
        GROUP BY experiment, layers, score, seed, mode, mode_seed
        HAVING least < most
    ) c ON c.experiment = m.experiment AND c.layers = m.layers AND c.score IS m.score AND c.seed IS m.seed
        AND c.mode = m.mode AND c.mode_seed IS m.mode_seed
    WHERE m.status = 'done' AND m.fraction IS NOT NULL AND m.grouping IS NULL
        AND (m.score IS NOT NULL OR m.seed IS NOT NULL)
    ORDER BY m.experiment_position, m.layer_index, m.layers, ordering, m.mode, m.mode_seed, m.seed, m.fraction;

CREATE VIEW degradation_band AS
    -- The random orders of an experiment at each fraction: how many there are, and the least, the quartiles,
    -- the median, the most and the mean of their top1 and of their loss. A quantile p is at place (orders - 1)
    -- p of the values in ascending order, linear in between.
    SELECT
        experiment, layers, mode, mode_seed, step, fraction, count(*) AS orders,
        min(top1) AS top1_least,
        sum(top1 * max(0, 1 - abs(0.25 * last - top1_place))) AS top1_lower,
        sum(top1 * max(0, 1 - abs(0.50 * last - top1_place))) AS top1_median,
        sum(top1 * max(0, 1 - abs(0.75 * last - top1_place))) AS top1_upper,
        max(top1) AS top1_most,
        avg(top1) AS top1_mean,
        min(loss) AS loss_least,
        sum(loss * max(0, 1 - abs(0.25 * last - loss_place))) AS loss_lower,
        sum(loss * max(0, 1 - abs(0.50 * last - loss_place))) AS loss_median,
        sum(loss * max(0, 1 - abs(0.75 * last - loss_place))) AS loss_upper,
        max(loss) AS loss_most,
        avg(loss) AS loss_mean
    FROM (
        SELECT
            *,
            row_number() OVER (PARTITION BY experiment, layers, mode, mode_seed, fraction ORDER BY top1) - 1
                AS top1_place,
            row_number() OVER (PARTITION BY experiment, layers, mode, mode_seed, fraction ORDER BY loss) - 1
                AS loss_place,
            count(*) OVER (PARTITION BY experiment, layers, mode, mode_seed, fraction) - 1 AS last
        FROM degradation
        WHERE seed IS NOT NULL)
    GROUP BY experiment, layers, mode, mode_seed, fraction;

CREATE VIEW pair_interaction AS
    -- One row for each pair of filters whose three jobs are done: the damage of the first filter alone (a), of
    -- the second (b), of both, what both would do if each did it by itself (expected: a + b), and the
    -- interaction, both - expected: > 0 where the two stand in for each other, < 0 where their damage
    -- overlaps. Damage is the share of images lost, net of those gained, or the rise of the mean loss. low ..
    -- high is a 95 % interval.
    WITH single AS (
        SELECT
            evaluation, layer, filter, (gained - lost) * 1.0 / images AS d_top1,
            (loss_sum - base_loss_sum) / 1073741824.0 / images AS d_loss
        FROM evaluation
        WHERE status = 'done'
    )
    SELECT
        m.experiment, m.job, m.layers, la.name AS layer_a, a.filter AS filter_a, lb.name AS layer_b,
        b.filter AS filter_b, m.mode, m.mode_seed,
        0 - a.d_top1 AS top1_a, 0 - b.d_top1 AS top1_b, 0 - m.d_top1 AS top1_both,
        0 - a.d_top1 - b.d_top1 AS top1_expected, a.d_top1 + b.d_top1 - m.d_top1 AS top1_interaction,
        i.top1_low, i.top1_high,
        a.d_loss AS loss_a, b.d_loss AS loss_b, m.d_loss AS loss_both,
        a.d_loss + b.d_loss AS loss_expected, m.d_loss - a.d_loss - b.d_loss AS loss_interaction,
        i.loss_low, i.loss_high
    FROM job_metric m
    JOIN single a ON a.evaluation = m.single_a
    JOIN single b ON b.evaluation = m.single_b
    JOIN layer la ON la.layer = a.layer
    JOIN layer lb ON lb.layer = b.layer
    LEFT JOIN pair_interval i ON i.job = m.id
    WHERE m.status = 'done'
    ORDER BY m.experiment_position, m.position;

CREATE VIEW filter_damage AS
    -- Scores against damage: one row for each score of each filter whose removal alone is done. score_damage
    -- has their rank correlations.
    SELECT DISTINCT
        m.experiment, s.score, m.mode, m.mode_seed, m.layer_index, m.layer, m.filter, s.value, m.d_loss,
        m.d_top1, m.job
    FROM job_metric m
    JOIN filter_score s ON s.layer = m.layer_index AND s.filter = m.filter
    WHERE m.status = 'done';

CREATE VIEW image_view AS
    -- image_result with names: one row for each evaluation (its key is job_result's `job`) and image of those
    -- that are done: its class, what the network took it for without and with the ablation, and the losses.
    SELECT
        e.key AS job, r.image, i.name, i.class, coalesce(k.name, CAST(k.class AS TEXT)) AS class_name,
        b.prediction AS base_prediction, r.prediction, b.prediction = i.class AS base_right,
        r.prediction = i.class AS right, r.rank, r.loss, r.loss - b.loss AS d_loss
    FROM image_result r
    JOIN evaluation e ON e.evaluation = r.evaluation
    JOIN image i ON i.image = r.image
    JOIN class k ON k.class = i.class
    LEFT JOIN image_result b ON b.evaluation = 0 AND b.image = r.image
    WHERE e.status = 'done';

CREATE VIEW drift_view AS
    -- drift with names: one row for each evaluation (its key is job_result's `job`) and layer.
    SELECT
        e.key AS job, e.layers, e.n_filters, e.filters, e.mode, e.mode_seed, d.layer AS layer_index,
        l.name AS layer, d.drift
    FROM drift d
    JOIN evaluation e ON e.evaluation = d.evaluation
    JOIN layer l ON l.layer = d.layer;

CREATE VIEW failures AS
    -- Jobs that failed, and why.
    SELECT job, experiment, layers, filters, reason
    FROM job_metric
    WHERE status = 'failed'
    ORDER BY experiment_position, position;
