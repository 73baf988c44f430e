-- Which layer is most sensitive?
--
--     sqlite3 results/quickstart.db < results/queries/layer_sensitivity.sql
--
-- Changes of top-1 are in percentage points, those of the mean cross entropy in nats.
.mode box
.headers on

-- One filter at a time: what a layer's filters are worth on average, and the one that is worth most.
SELECT
    s.layer,
    s.jobs AS filters,
    printf('%+.3f', 100 * s.mean_d_top1) AS mean_top1,
    printf('%+.2f', 100 * s.min_d_top1) AS worst_top1,
    printf('%+.4f', s.mean_d_loss) AS mean_loss
FROM layer_sensitivity s
WHERE s.experiment = 'every-filter'
ORDER BY s.mean_d_top1, s.mean_d_loss DESC;

-- A share of a layer at once: its filters of lowest L1 norm (`sensitivity`) against as many chosen at random
-- (`control`, with the least and the greatest change over the seeds). Where `lowest` is above `random`, the norm tells
-- which filters can be spared better than chance does; `beats` counts the seeds that it beats.
WITH lowest AS (
    SELECT * FROM layer_sensitivity WHERE experiment = 'sensitivity'
), control AS (
    SELECT * FROM layer_sensitivity WHERE experiment = 'control'
), duel AS (
    SELECT e.layer, c.fraction, c.mode, sum(c.d_top1 < s.d_top1) AS won, count(*) AS seeds
    FROM job_metric c
    JOIN evaluation e ON e.key = c.job
    JOIN job_metric s ON s.layer_index = c.layer_index AND s.fraction = c.fraction AND s.mode = c.mode
    WHERE c.experiment = 'control' AND s.experiment = 'sensitivity' AND c.status = 'done' AND s.status = 'done'
    GROUP BY e.layer, c.fraction, c.mode
)
SELECT
    l.name AS layer,
    printf('%g %%', 100 * lowest.fraction) AS removed,
    printf('%+.1f', 100 * lowest.mean_d_top1) AS lowest,
    printf('%+.1f', 100 * control.mean_d_top1) AS random,
    printf('%+.1f .. %+.1f', 100 * control.min_d_top1, 100 * control.max_d_top1) AS random_range,
    printf('%+.3f', lowest.mean_d_loss) AS lowest_loss,
    printf('%+.3f', control.mean_d_loss) AS random_loss,
    duel.won || ' of ' || duel.seeds AS beats
FROM lowest
JOIN layer l ON l.name = lowest.layer
LEFT JOIN control USING (layer, fraction, mode)
LEFT JOIN duel ON duel.layer = l.layer AND duel.fraction = lowest.fraction AND duel.mode = lowest.mode
ORDER BY lowest.fraction, lowest.mean_d_top1, l.layer;
