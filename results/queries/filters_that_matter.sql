-- Which filters matter most?
--
--     sqlite3 results/quickstart.db < results/queries/filters_that_matter.sql
--
-- The 20 filters whose removal alone costs the most images. `top1` is the change of top-1 in percentage points, `loss`
-- that of the mean cross entropy in nats. `lost` images were right and are wrong without the filter, `gained` the other
-- way round; p is McNemar's mid-p of the two, q is p corrected for the number of filters tried (Benjamini-Hochberg).
-- Where q < 0.05 the filter matters beyond what chance among so many filters would give.
.mode box
.headers on

SELECT
    rank,
    layer,
    filter,
    printf('%+.2f', 100 * d_top1) AS top1,
    printf('%+.4f', d_loss) AS loss,
    lost,
    gained,
    printf('%.2g', p) AS p,
    printf('%.2g', q) AS q,
    CASE WHEN q < 0.05 THEN 'yes' ELSE '' END AS "q < 0.05"
FROM filter_rank
WHERE experiment = 'every-filter'
ORDER BY rank, layer, filter
LIMIT 20;

-- How many filters matter at all, and how many can go without a trace.
SELECT
    count(*) AS filters,
    sum(q < 0.05 AND d_top1 < 0) AS harmful_to_remove,
    sum(q < 0.05 AND d_top1 > 0) AS better_removed,
    sum(lost = 0 AND gained = 0) AS no_image_changes
FROM filter_rank
WHERE experiment = 'every-filter';
