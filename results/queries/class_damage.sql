-- Which class suffers most from which filter?
--
--     sqlite3 results/quickstart.db < results/queries/class_damage.sql
--
-- Changes are in percentage points of a class's own images (`images` of them: with few images a class, single changes
-- say little; the share of one image is 100 / images points).
.mode box
.headers on

-- For each class the filter whose removal costs it most, the class that suffers most first. Of filters that cost it the
-- same, the one that costs all classes together least: it is the class's own.
WITH damage AS (
    SELECT
        c.class, c.class_name, c.n, c.top1 - c.d_top1 AS before, c.top1, c.d_top1, f.layer, f.filter, f.d_top1 AS all_d_top1,
        row_number() OVER (PARTITION BY c.class ORDER BY c.d_top1, f.d_top1 DESC, f.rank) AS place
    FROM class_result c
    JOIN filter_rank f ON f.job = c.job
    WHERE f.experiment = 'every-filter'
)
SELECT
    class_name AS class,
    n AS images,
    layer,
    filter,
    printf('%.1f', 100 * before) AS "right, %",
    printf('%.1f', 100 * top1) AS "without it",
    printf('%+.1f', 100 * d_top1) AS change,
    printf('%+.2f', 100 * all_d_top1) AS "of all classes"
FROM damage
WHERE place = 1
ORDER BY d_top1, class;

-- Filters that a class is better off without: the essay's observation that ablations can raise single classes.
WITH gain AS (
    SELECT
        c.class, c.class_name, c.d_top1, f.layer, f.filter, f.d_top1 AS all_d_top1,
        row_number() OVER (PARTITION BY c.class ORDER BY c.d_top1 DESC, f.d_top1 DESC, f.rank) AS place
    FROM class_result c
    JOIN filter_rank f ON f.job = c.job
    WHERE f.experiment = 'every-filter'
)
SELECT
    class_name AS class,
    layer,
    filter,
    printf('%+.1f', 100 * d_top1) AS change,
    printf('%+.2f', 100 * all_d_top1) AS "of all classes"
FROM gain
WHERE place = 1 AND d_top1 > 0
ORDER BY d_top1 DESC, class;

-- Class damage of each ablation: what its worst class loses (Zhou et al. 2018), the greatest first, with the class that
-- gains most. An ablation of great class damage and little change of all classes together is a specialist's.
SELECT
    experiment,
    layers,
    substr(filters, 1, 40) AS filters,
    mode,
    printf('%.1f', 100 * class_damage) AS class_damage,
    worst_class_name AS worst,
    best_class_name AS best,
    printf('%+.1f', 100 * best_d_top1) AS best_change,
    printf('%+.2f', 100 * d_top1) AS "of all classes"
FROM class_damage
WHERE n_filters > 0
ORDER BY class_damage.class_damage DESC, d_top1 DESC, job
LIMIT 20;
