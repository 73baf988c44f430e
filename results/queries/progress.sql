-- How far is the study, and what went wrong?
--
--     sqlite3 results/quickstart.db < results/queries/progress.sql
--
-- May be asked while the study runs.
.mode box
.headers on

-- Jobs by experiment.
SELECT
    x.name AS experiment,
    count(*) AS jobs,
    sum(e.status = 'done') AS done,
    sum(e.status = 'running') AS running,
    sum(e.status = 'pending') AS pending,
    sum(e.status = 'failed') AS failed,
    printf('%.1f %%', 100.0 * sum(e.status = 'done') / count(*)) AS complete
FROM job j
JOIN experiment x ON x.experiment = j.experiment
JOIN evaluation e ON e.evaluation = j.evaluation
GROUP BY x.experiment
ORDER BY x.position;

-- Jobs that ask for the same ablation share one evaluation: what there is to compute, and what it took so far.
SELECT
    count(*) AS evaluations,
    sum(status = 'done') AS done,
    (SELECT count(*) FROM part) AS parts_of_unfinished,
    printf('%.1f', coalesce(sum(seconds), 0)) AS compute_seconds
FROM evaluation;

-- Invocations of `lesion run`; `heartbeat` tells when one that has not ended was last alive (UTC).
SELECT run, started, heartbeat, ended, coalesce(how, 'running') AS how, ranks, hosts, method FROM run ORDER BY run;

-- Failures, if any.
SELECT experiment, layers, substr(filters, 1, 60) AS filters, reason FROM failures;
