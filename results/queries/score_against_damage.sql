-- Does a score tell which filters matter?
--
--     sqlite3 results/STUDY.db < results/queries/score_against_damage.sql
--
-- For studies that remove filters one by one and rank by scores somewhere. rho is Spearman's rank correlation of the
-- score with the damage: 1 where the filter of higher score always does more, 0 where the score says nothing. Intervals
-- are for 95 %, and a guide only where filters are few.
.mode box
.headers on

SELECT
    s.experiment,
    s.score,
    coalesce(s.layer, 'all') AS layer,
    s.mode,
    s.n AS filters,
    CASE WHEN s.loss_rho IS NULL THEN '' ELSE printf('%+.2f', s.loss_rho) END AS "rho, loss",
    CASE WHEN s.loss_low IS NULL THEN '' ELSE printf('%+.2f .. %+.2f', s.loss_low, s.loss_high) END AS "95 %",
    CASE WHEN s.top1_rho IS NULL THEN '' ELSE printf('%+.2f', s.top1_rho) END AS "rho, top-1",
    CASE WHEN s.top1_low IS NULL THEN '' ELSE printf('%+.2f .. %+.2f', s.top1_low, s.top1_high) END AS "95 % "
FROM score_damage s
LEFT JOIN layer l ON l.name = s.layer
ORDER BY s.id;

-- The filters that a score misjudges most: their places by score and by damage in their layer, 1 the greatest.
WITH place AS (
    SELECT
        *,
        rank() OVER (PARTITION BY experiment, score, mode, mode_seed, layer ORDER BY value DESC) AS by_score,
        rank() OVER (PARTITION BY experiment, score, mode, mode_seed, layer ORDER BY d_loss DESC) AS by_damage,
        count(*) OVER (PARTITION BY experiment, score, mode, mode_seed, layer) AS filters
    FROM filter_damage
)
SELECT
    score,
    layer,
    filter,
    mode,
    printf('%.4g', value) AS value,
    printf('%+.4f', d_loss) AS loss,
    by_score || ' of ' || filters AS by_score,
    by_damage || ' of ' || filters AS by_damage
FROM place
ORDER BY abs(place.by_score - place.by_damage) * 1.0 / filters DESC, score, layer_index, filter
LIMIT 10;
