-- How does damage travel through the network?
--
--     sqlite3 results/STUDY.db < results/queries/drift.sql
--
-- For studies with `metrics: [drift]`. Drift of a layer is the mean over images of |a' - a| / |a|, a its output in the
-- intact network and a' in the ablated one: 0.1 means that a tenth of it has changed. The last layer is the logits.
.mode box
.headers on

-- By the layer in which filters were removed (jobs of one layer only): the mean drift of each layer from there on.
WITH jobs AS (
    SELECT DISTINCT experiment, experiment_position, job, layer_index, layer, fraction, mode
    FROM job_metric
    WHERE status = 'done' AND layer_index IS NOT NULL
)
SELECT
    j.experiment,
    j.layer AS removed_in,
    coalesce(printf('%g %%', 100 * j.fraction), '') AS share,
    j.mode,
    d.layer,
    count(*) AS jobs,
    printf('%.4f', avg(d.drift)) AS mean_drift,
    printf('%.4f', max(d.drift)) AS greatest
FROM jobs j
JOIN drift_view d ON d.job = j.job
WHERE d.layer_index >= j.layer_index
GROUP BY j.experiment_position, j.layer_index, j.fraction, j.mode, d.layer_index
ORDER BY j.experiment_position, j.layer_index, j.fraction, j.mode, d.layer_index;

-- Where the damage shows: the jobs that move the logits most, with the drift of the layers in which filters were
-- removed and what it costs.
WITH logits AS (
    SELECT max(layer) AS layer FROM layer
)
SELECT
    m.experiment,
    m.layers,
    substr(m.filters, 1, 40) AS filters,
    m.mode,
    printf('%.4f', d.drift) AS drift_of_logits,
    printf('%.4f', (SELECT max(own.drift) FROM drift_view own WHERE own.job = m.job AND own.layer_index = m.layer_index))
        AS drift_of_layer,
    printf('%+.2f', 100 * m.d_top1) AS top1,
    printf('%+.4f', m.d_loss) AS loss
FROM job_metric m
JOIN drift_view d ON d.job = m.job
JOIN logits ON logits.layer = d.layer_index
ORDER BY d.drift DESC, m.experiment_position, m.position
LIMIT 20;
