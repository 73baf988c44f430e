/* Views. As in schema.c, the comments are kept in the database. Differences and damage are against the baseline on the
 * images that the evaluation has seen. */
#include "store/store_internal.h"

static const char job_metric_view[] =
    "CREATE VIEW job_metric AS\n"
    "    -- job_result without q, which needs all jobs of an experiment, and with what other views need. Differences\n"
    "    -- are ablated less baseline, on the images that the job has seen.\n"
    "    SELECT\n"
    "        x.position AS experiment_position, j.position, l.layer AS layer_index, l.name AS layer, e.filter,\n"
    "        e.key AS job, x.name AS experiment, e.layers, e.n_filters, e.filters, j.fraction, e.mode, j.seed,\n"
    "        e.images,\n"
    "        e.top1 * 1.0 / e.images AS top1,\n"
    "        e.top5 * 1.0 / e.images AS top5,\n"
    "        e.loss_sum / 1073741824.0 / e.images AS loss,\n"
    "        e.kl_sum / 1073741824.0 / e.images AS kl,\n"
    "        (e.gained - e.lost) * 1.0 / e.images AS d_top1,\n"
    "        (e.top5 - e.base_top5) * 1.0 / e.images AS d_top5,\n"
    "        (e.loss_sum - e.base_loss_sum) / 1073741824.0 / e.images AS d_loss,\n"
    "        e.lost, e.gained, e.p, e.top1_low, e.top1_high, e.status, e.seconds, e.reason,\n"
    "        e.margin_sum / 1073741824.0 / e.images AS margin,\n"
    "        e.agree * 1.0 / e.images AS agreement,\n"
    "        e.d_loss_error, e.d_loss_low, e.d_loss_high, e.p_exact, e.mode_seed, e.balanced_accuracy,\n"
    "        j.score, j.step, j.grouping, j.filter_group, j.single_a, j.single_b, j.job AS id, e.evaluation\n"
    "    FROM job j\n"
    "    JOIN experiment x ON x.experiment = j.experiment\n"
    "    JOIN evaluation e ON e.evaluation = j.evaluation\n"
    "    LEFT JOIN layer l ON l.layer = e.layer";

static const char job_result_view[] =
    "CREATE VIEW job_result AS\n"
    "    -- One row for each job. top1 and top5 are shares of the images, loss and kl means in nats per image; lost\n"
    "    -- and gained count images; p is McNemar's mid-p, q is p corrected within the experiment by Benjamini and\n"
    "    -- Hochberg; top1_low .. top1_high is Wilson's 95 % interval; margin is the mean of the true class's logit\n"
    "    -- less the greatest other one, agreement the share of images with the baseline's prediction; d_loss_error\n"
    "    -- is the standard error of d_loss, d_loss_low .. d_loss_high its bootstrap interval where results are kept\n"
    "    -- for every image; balanced_accuracy is the mean of top1 over the classes. All are NULL until the job is\n"
    "    -- done.\n"
    "    SELECT\n"
    "        job, experiment, layers, n_filters, filters, fraction, mode, seed, images,\n"
    "        top1, top5, loss, kl, d_top1, d_top5, d_loss, lost, gained, p,\n"
    "        CASE WHEN p IS NOT NULL THEN\n"
    "            min(1.0, min(m * p / p_rank) OVER (PARTITION BY experiment ORDER BY p DESC)) END AS q,\n"
    "        top1_low, top1_high, status, seconds,\n"
    "        margin, agreement, d_loss_error, d_loss_low, d_loss_high, p_exact, score, step, mode_seed,\n"
    "        balanced_accuracy\n"
    "    FROM (\n"
    "        SELECT *,\n"
    "            count(p) OVER (PARTITION BY experiment) AS m,\n"
    "            count(p) OVER (PARTITION BY experiment ORDER BY p) AS p_rank -- of equal p the last one's\n"
    "        FROM job_metric)\n"
    "    ORDER BY experiment_position, position";

static const char class_result_view[] =
    "CREATE VIEW class_result AS\n"
    "    -- One row for each evaluation (its key is job_result's `job`) and class that has images: n images, top1\n"
    "    -- the share that is right, d_top1 that share less the baseline's; predicted is the number of images, of\n"
    "    -- any class, taken for this one, balanced_accuracy the mean of top1 and the share of other images not\n"
    "    -- taken for it.\n"
    "    SELECT\n"
    "        e.key AS job, c.class, coalesce(k.name, CAST(k.class AS TEXT)) AS class_name, k.images AS n,\n"
    "        c.top1 * 1.0 / k.images AS top1,\n"
    "        (c.top1 - b.top1) * 1.0 / k.images AS d_top1,\n"
    "        c.predicted,\n"
    "        (c.top1 * 1.0 / k.images\n"
    "            + (e.images - k.images - c.predicted + c.top1) * 1.0 / nullif(e.images - k.images, 0)) / 2\n"
    "            AS balanced_accuracy\n"
    "    FROM evaluation_class c\n"
    "    JOIN evaluation e ON e.evaluation = c.evaluation\n"
    "    JOIN class k ON k.class = c.class\n"
    "    LEFT JOIN evaluation_class b ON b.evaluation = 0 AND b.class = c.class";

static const char layer_sensitivity_view[] =
    "CREATE VIEW layer_sensitivity AS\n"
    "    -- Jobs that are done and remove filters of one layer only, by experiment, layer, fraction, mode\n"
    "    -- and score (over all seeds): how many there are, the mean, the worst and the best change of top1, and the\n"
    "    -- mean change of loss.\n"
    "    SELECT\n"
    "        experiment, layer, fraction, mode, count(*) AS jobs,\n"
    "        avg(d_top1) AS mean_d_top1, min(d_top1) AS min_d_top1, max(d_top1) AS max_d_top1,\n"
    "        avg(d_loss) AS mean_d_loss, score\n"
    "    FROM job_metric\n"
    "    WHERE layer_index IS NOT NULL AND status = 'done'\n"
    "    GROUP BY experiment_position, layer_index, score, fraction, mode\n"
    "    ORDER BY experiment_position, layer_index, score, fraction, mode";

static const char filter_rank_view[] =
    "CREATE VIEW filter_rank AS\n"
    "    -- Jobs that are done and remove a single filter, the most damaging first: by the loss of top1, then by the\n"
    "    -- gain of loss, within each experiment, mode and seed of the mode.\n"
    "    SELECT\n"
    "        rank() OVER (PARTITION BY r.experiment, r.mode, r.mode_seed ORDER BY r.d_top1, r.d_loss DESC) AS rank,\n"
    "        l.name AS layer, e.filter, r.d_top1, r.d_loss, r.lost, r.gained, r.p, r.q, r.job, r.experiment, r.mode,\n"
    "        r.mode_seed\n"
    "    FROM job_result r\n"
    "    JOIN evaluation e ON e.key = r.job\n"
    "    JOIN layer l ON l.layer = e.layer\n"
    "    WHERE e.filter IS NOT NULL AND r.status = 'done'\n"
    "    ORDER BY r.experiment, r.mode, r.mode_seed, rank, e.layer, e.filter";

static const char failures_view[] = "CREATE VIEW failures AS\n"
                                    "    -- Jobs that failed, and why.\n"
                                    "    SELECT job, experiment, layers, filters, reason\n"
                                    "    FROM job_metric\n"
                                    "    WHERE status = 'failed'\n"
                                    "    ORDER BY experiment_position, position";

static const char class_damage_view[] =
    "CREATE VIEW class_damage AS\n"
    "    -- One row for each job that is done: the class that loses most and the one that gains most (or loses\n"
    "    -- least), of equal ones the first. class_damage is what the worst one loses.\n"
    "    WITH change AS (\n"
    "        SELECT c.evaluation, c.class, (c.top1 - b.top1) * 1.0 / k.images AS d_top1\n"
    "        FROM evaluation_class c\n"
    "        JOIN evaluation_class b ON b.evaluation = 0 AND b.class = c.class\n"
    "        JOIN class k ON k.class = c.class\n"
    "        WHERE c.evaluation <> 0\n"
    "    ), extreme AS (\n"
    "        SELECT evaluation, min(d_top1) AS worst, max(d_top1) AS best FROM change GROUP BY evaluation\n"
    "    ), found AS (\n"
    "        SELECT\n"
    "            x.*,\n"
    "            (SELECT min(c.class) FROM change c WHERE c.evaluation = x.evaluation AND c.d_top1 = x.worst)\n"
    "                AS worst_class,\n"
    "            (SELECT min(c.class) FROM change c WHERE c.evaluation = x.evaluation AND c.d_top1 = x.best)\n"
    "                AS best_class\n"
    "        FROM extreme x\n"
    "    )\n"
    "    SELECT\n"
    "        m.job, m.experiment, m.layers, m.n_filters, m.filters, m.mode, m.mode_seed, m.d_top1,\n"
    "        0 - f.worst AS class_damage,\n"
    "        f.worst_class, coalesce(w.name, CAST(w.class AS TEXT)) AS worst_class_name, f.worst AS worst_d_top1,\n"
    "        f.best_class, coalesce(b.name, CAST(b.class AS TEXT)) AS best_class_name, f.best AS best_d_top1\n"
    "    FROM job_metric m\n"
    "    JOIN found f ON f.evaluation = m.evaluation\n"
    "    JOIN class w ON w.class = f.worst_class\n"
    "    JOIN class b ON b.class = f.best_class\n"
    "    ORDER BY m.experiment_position, m.position";

static const char degradation_view[] =
    "CREATE VIEW degradation AS\n"
    "    -- One row for each point of a curve: jobs that are done and remove a fraction of filters along one\n"
    "    -- ordering (that of a score, or random by seed), where there are at least two fractions of it. asked: how\n"
    "    -- many points the study asks for.\n"
    "    SELECT\n"
    "        experiment, layers, coalesce(score, 'random') AS ordering, mode, mode_seed, seed, step, fraction,\n"
    "        n_filters, images, top1, loss, d_top1, d_loss, job, asked\n"
    "    FROM (\n"
    "        SELECT\n"
    "            *, count(*) OVER curve AS asked,\n"
    "            min(CASE status WHEN 'done' THEN fraction END) OVER curve AS least,\n"
    "            max(CASE status WHEN 'done' THEN fraction END) OVER curve AS most\n"
    "        FROM job_metric\n"
    "        WHERE fraction IS NOT NULL AND grouping IS NULL AND (score IS NOT NULL OR seed IS NOT NULL)\n"
    "        WINDOW curve AS (PARTITION BY experiment, layers, score, seed, mode, mode_seed))\n"
    "    WHERE status = 'done' AND least < most\n"
    "    ORDER BY experiment_position, layer_index, layers, ordering, mode, mode_seed, seed, fraction";

static const char degradation_band_view[] =
    "CREATE VIEW degradation_band AS\n"
    "    -- The random orders of an experiment at each fraction: how many there are, and the least, the quartiles,\n"
    "    -- the median, the most and the mean of their top1 and of their loss. A quantile p is at place (orders - 1)\n"
    "    -- p of the values in ascending order, linear in between.\n"
    "    SELECT\n"
    "        experiment, layers, mode, mode_seed, step, fraction, count(*) AS orders,\n"
    "        min(top1) AS top1_least,\n"
    "        sum(top1 * max(0, 1 - abs(0.25 * last - top1_place))) AS top1_lower,\n"
    "        sum(top1 * max(0, 1 - abs(0.50 * last - top1_place))) AS top1_median,\n"
    "        sum(top1 * max(0, 1 - abs(0.75 * last - top1_place))) AS top1_upper,\n"
    "        max(top1) AS top1_most,\n"
    "        avg(top1) AS top1_mean,\n"
    "        min(loss) AS loss_least,\n"
    "        sum(loss * max(0, 1 - abs(0.25 * last - loss_place))) AS loss_lower,\n"
    "        sum(loss * max(0, 1 - abs(0.50 * last - loss_place))) AS loss_median,\n"
    "        sum(loss * max(0, 1 - abs(0.75 * last - loss_place))) AS loss_upper,\n"
    "        max(loss) AS loss_most,\n"
    "        avg(loss) AS loss_mean\n"
    "    FROM (\n"
    "        SELECT\n"
    "            *,\n"
    "            row_number() OVER (PARTITION BY experiment, layers, mode, mode_seed, fraction ORDER BY top1) - 1\n"
    "                AS top1_place,\n"
    "            row_number() OVER (PARTITION BY experiment, layers, mode, mode_seed, fraction ORDER BY loss) - 1\n"
    "                AS loss_place,\n"
    "            count(*) OVER (PARTITION BY experiment, layers, mode, mode_seed, fraction) - 1 AS last\n"
    "        FROM degradation\n"
    "        WHERE seed IS NOT NULL)\n"
    "    GROUP BY experiment, layers, mode, mode_seed, fraction";

static const char pair_interaction_view[] =
    "CREATE VIEW pair_interaction AS\n"
    "    -- One row for each pair of filters whose three jobs are done: the damage of the first filter alone (a), of\n"
    "    -- the second (b), of both, what both would do if each did it by itself (expected: a + b), and the\n"
    "    -- interaction, both - expected: > 0 where the two stand in for each other, < 0 where their damage\n"
    "    -- overlaps. Damage is the share of images lost, net of those gained, or the rise of the mean loss. low ..\n"
    "    -- high is a 95 % interval.\n"
    "    WITH single AS (\n"
    "        SELECT\n"
    "            evaluation, layer, filter, (gained - lost) * 1.0 / images AS d_top1,\n"
    "            (loss_sum - base_loss_sum) / 1073741824.0 / images AS d_loss\n"
    "        FROM evaluation\n"
    "        WHERE status = 'done'\n"
    "    )\n"
    "    SELECT\n"
    "        m.experiment, m.job, m.layers, la.name AS layer_a, a.filter AS filter_a, lb.name AS layer_b,\n"
    "        b.filter AS filter_b, m.mode, m.mode_seed,\n"
    "        0 - a.d_top1 AS top1_a, 0 - b.d_top1 AS top1_b, 0 - m.d_top1 AS top1_both,\n"
    "        0 - a.d_top1 - b.d_top1 AS top1_expected, a.d_top1 + b.d_top1 - m.d_top1 AS top1_interaction,\n"
    "        i.top1_low, i.top1_high,\n"
    "        a.d_loss AS loss_a, b.d_loss AS loss_b, m.d_loss AS loss_both,\n"
    "        a.d_loss + b.d_loss AS loss_expected, m.d_loss - a.d_loss - b.d_loss AS loss_interaction,\n"
    "        i.loss_low, i.loss_high\n"
    "    FROM job_metric m\n"
    "    JOIN single a ON a.evaluation = m.single_a\n"
    "    JOIN single b ON b.evaluation = m.single_b\n"
    "    JOIN layer la ON la.layer = a.layer\n"
    "    JOIN layer lb ON lb.layer = b.layer\n"
    "    LEFT JOIN pair_interval i ON i.job = m.id\n"
    "    WHERE m.status = 'done'\n"
    "    ORDER BY m.experiment_position, m.position";

static const char filter_damage_view[] =
    "CREATE VIEW filter_damage AS\n"
    "    -- Scores against damage: one row for each score of each filter whose removal alone is done. score_damage\n"
    "    -- has their rank correlations.\n"
    "    SELECT DISTINCT\n"
    "        m.experiment, s.score, m.mode, m.mode_seed, m.layer_index, m.layer, m.filter, s.value, m.d_loss,\n"
    "        m.d_top1, m.job\n"
    "    FROM job_metric m\n"
    "    JOIN filter_score s ON s.layer = m.layer_index AND s.filter = m.filter\n"
    "    WHERE m.status = 'done'";

static const char drift_view[] =
    "CREATE VIEW drift_view AS\n"
    "    -- drift with names: one row for each evaluation (its key is job_result's `job`) and layer.\n"
    "    SELECT\n"
    "        e.key AS job, e.layers, e.n_filters, e.filters, e.mode, e.mode_seed, d.layer AS layer_index,\n"
    "        l.name AS layer, d.drift\n"
    "    FROM drift d\n"
    "    JOIN evaluation e ON e.evaluation = d.evaluation\n"
    "    JOIN layer l ON l.layer = d.layer";

static const char image_view[] =
    "CREATE VIEW image_view AS\n"
    "    -- image_result with names: one row for each evaluation (its key is job_result's `job`) and image of those\n"
    "    -- that are done: its class, what the network took it for without and with the ablation, and the losses.\n"
    "    SELECT\n"
    "        e.key AS job, r.image, i.name, i.class, coalesce(k.name, CAST(k.class AS TEXT)) AS class_name,\n"
    "        b.prediction AS base_prediction, r.prediction, b.prediction = i.class AS base_right,\n"
    "        r.prediction = i.class AS right, r.rank, r.loss, r.loss - b.loss AS d_loss\n"
    "    FROM image_result r\n"
    "    JOIN evaluation e ON e.evaluation = r.evaluation\n"
    "    JOIN image i ON i.image = r.image\n"
    "    JOIN class k ON k.class = i.class\n"
    "    LEFT JOIN image_result b ON b.evaluation = 0 AND b.image = r.image\n"
    "    WHERE e.status = 'done'";

const char *const store_views[] = {
    job_metric_view,
    job_result_view,
    class_result_view,
    class_damage_view,
    layer_sensitivity_view,
    filter_rank_view,
    degradation_view,
    degradation_band_view,
    pair_interaction_view,
    filter_damage_view,
    image_view,
    drift_view,
    failures_view,
    NULL,
};
