-- Which two filters stand in for each other?
--
--     sqlite3 results/STUDY.db < results/queries/pairs.sql
--
-- For studies with `pairs`. Numbers are rises of the mean cross entropy in nats: a and b of each filter alone, `both` of
-- the two. `interaction` is both - (a + b): above 0 the two stand in for each other, below 0 their damage overlaps. The
-- interval is there where the study has `metrics: [images]`.
.mode box
.headers on

-- How many pairs there are, and for how many the interval leaves 0 out.
SELECT
    experiment,
    mode,
    count(*) AS pairs,
    printf('%+.4f', avg(loss_interaction)) AS mean_interaction,
    sum(loss_low > 0) AS stand_in,
    sum(loss_high < 0) AS overlap,
    sum(loss_low <= 0 AND loss_high >= 0) AS undecided
FROM pair_interaction
GROUP BY experiment, mode;

-- The 20 strongest.
SELECT
    layer_a || ' ' || filter_a AS a,
    layer_b || ' ' || filter_b AS b,
    mode,
    printf('%+.4f', loss_a) AS loss_a,
    printf('%+.4f', loss_b) AS loss_b,
    printf('%+.4f', loss_both) AS both,
    printf('%+.4f', loss_interaction) AS interaction,
    CASE WHEN loss_low IS NULL THEN '' ELSE printf('%+.4f .. %+.4f', loss_low, loss_high) END AS "95 %",
    printf('%+.2f', 100 * top1_interaction) AS "of top-1, points"
FROM pair_interaction
ORDER BY abs(loss_interaction) DESC, a, b
LIMIT 20;
