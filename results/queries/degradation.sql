-- How fast does accuracy fall as filters are removed?
--
--     sqlite3 results/STUDY.db < results/queries/degradation.sql
--
-- For studies with `cumulative` orders or with several fractions. Scores that tell which filters can be spared have a
-- curve above the random orders'.
.mode box
.headers on

-- One row for each ordering: area under the curve (1: no damage, 0: at chance throughout; compare only where `up_to` is
-- the same) and the share of filters at which half of what is above chance is lost. Of random orders the means over the
-- seeds, and the least and greatest area. Where `points` are fewer than asked for, some are still missing.
SELECT
    experiment,
    CASE WHEN length(c.layers) > 31 THEN substr(c.layers, 1, instr(c.layers, ',') - 1) || ' and ' ||
        (length(c.layers) - length(replace(c.layers, ',', ''))) || ' more' ELSE c.layers END AS layers,
    ordering,
    mode,
    count(*) AS orders,
    sum(points) || ' of ' || sum(asked) AS points,
    printf('%g %%', 100 * max(fraction)) AS up_to,
    printf('%.3f', avg(area)) AS area,
    CASE WHEN count(*) > 1 THEN printf('%.3f .. %.3f', min(area), max(area)) ELSE '' END AS area_range,
    CASE WHEN count(half) > 0 THEN printf('%.1f %%', 100 * avg(half)) ELSE 'never' END AS half_lost_at
FROM curve c
GROUP BY experiment, c.layers, ordering, mode, mode_seed
ORDER BY min(curve);

-- The points: top-1 in percent, of the ordering and of the random orders of as many filters in the same layers (of any
-- experiment; median, and the quartiles).
WITH random AS (
    SELECT
        layers, mode, fraction, max(orders) AS orders, top1_lower, top1_median, top1_upper
    FROM degradation_band
    GROUP BY layers, mode, fraction
)
SELECT
    CASE WHEN length(d.layers) > 31 THEN substr(d.layers, 1, instr(d.layers, ',') - 1) || ' and ' ||
        (length(d.layers) - length(replace(d.layers, ',', ''))) || ' more' ELSE d.layers END AS layers,
    d.mode,
    d.ordering,
    printf('%g %%', 100 * d.fraction) AS removed,
    d.n_filters AS filters,
    printf('%.2f', 100 * d.top1) AS top1,
    CASE WHEN r.orders > 0 THEN printf('%.2f', 100 * r.top1_median) ELSE '' END AS random,
    CASE WHEN r.orders > 0 THEN printf('%.2f .. %.2f', 100 * r.top1_lower, 100 * r.top1_upper) ELSE '' END AS quartiles
FROM degradation d
LEFT JOIN random r ON r.layers = d.layers AND r.mode = d.mode AND r.fraction = d.fraction
WHERE d.ordering <> 'random' OR NOT EXISTS (SELECT 1 FROM degradation WHERE ordering <> 'random');
