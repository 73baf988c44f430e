/* What an input has and the output lacks. */
#include "store/merge.h"

/* Everything of the evaluations that only the input has done, in place of parts that the output may have of them. */
static const char done_sql[] =
    "DELETE FROM main.image_result WHERE evaluation IN (SELECT p.evaluation FROM main.part p JOIN temp.evaluations e "
    "ON e.ours = p.evaluation WHERE e.what = " MERGE_TAKE ");"
    "DELETE FROM main.part WHERE evaluation IN (SELECT ours FROM temp.evaluations WHERE what = " MERGE_TAKE ");"
    "UPDATE main.evaluation AS o SET (status, reason, run" SPENT_COLUMNS LATE_COLUMNS RESULT_COLUMNS
    ") = (SELECT 'done', NULL, (SELECT r.ours FROM temp.runs r WHERE r.theirs = t.run)" SPENT_COLUMNS LATE_COLUMNS
        RESULT_COLUMNS " FROM temp.evaluations e JOIN input.evaluation t ON t.evaluation = e.theirs WHERE "
    "e.ours = o.evaluation) WHERE evaluation IN (SELECT ours FROM temp.evaluations WHERE what = " MERGE_TAKE ");"
    "INSERT INTO main.evaluation_class SELECT e.ours, class, top1, predicted FROM temp.evaluations e CROSS JOIN "
    "input.evaluation_class t ON t.evaluation = e.theirs WHERE e.what = " MERGE_TAKE ";"
    "INSERT INTO main.drift SELECT e.ours, layer, drift FROM temp.evaluations e CROSS JOIN input.drift t ON "
    "t.evaluation = e.theirs WHERE e.what = " MERGE_TAKE ";"
    "INSERT INTO main.image_result SELECT e.ours, image, prediction, rank, loss FROM temp.evaluations e CROSS JOIN "
    "input.image_result t ON t.evaluation = e.theirs WHERE e.what = " MERGE_TAKE ";";

/* Blocks that the output lacks, of evaluations that neither has done; images first, for they go by the parts. */
static const char parts_sql[] =
    "INSERT INTO main.image_result SELECT e.ours, r.image, r.prediction, r.rank, r.loss FROM temp.evaluations e "
    "CROSS JOIN input.part p ON p.evaluation = e.theirs CROSS JOIN input.image_result r ON r.evaluation = e.theirs "
    "AND r.image BETWEEN p.block * (SELECT block_images FROM main.study) AND p.block * (SELECT block_images FROM "
    "main.study) + p.images - 1 WHERE e.what = " MERGE_UNITE " AND NOT EXISTS (SELECT 1 FROM main.part o WHERE "
    "o.evaluation = e.ours AND o.block = p.block);"
    "INSERT INTO main.part (evaluation, block" SUM_COLUMNS SPENT_COLUMNS PART_BLOBS
    ") SELECT e.ours, block" SUM_COLUMNS SPENT_COLUMNS PART_BLOBS
    " FROM temp.evaluations e CROSS JOIN input.part p ON p.evaluation = e.theirs WHERE e.what = " MERGE_UNITE
    " AND NOT EXISTS (SELECT 1 FROM main.part o WHERE o.evaluation = e.ours AND o.block = p.block);"
    "UPDATE main.evaluation AS o SET (status, reason) = (SELECT 'failed', t.reason FROM temp.evaluations e JOIN "
    "input.evaluation t ON t.evaluation = e.theirs WHERE e.ours = o.evaluation) WHERE status = 'pending' AND "
    "evaluation IN (SELECT e.ours FROM temp.evaluations e JOIN input.evaluation t ON t.evaluation = e.theirs WHERE "
    "e.what = " MERGE_UNITE " AND t.status = 'failed');";

static const char rest_sql[] =
    "INSERT OR IGNORE INTO main.filter_activation SELECT * FROM input.filter_activation;"
    "INSERT OR IGNORE INTO main.filter_score SELECT * FROM input.filter_score;"
    "INSERT OR IGNORE INTO main.pair_interval SELECT j.ours, images, top1_low, top1_high, loss_low, loss_high FROM "
    "input.pair_interval t JOIN temp.jobs j ON j.theirs = t.job;";

bool merge_take_results(const merging *m, lsn_error *err)
{
    return merge_run(m, done_sql, err) && merge_run(m, parts_sql, err) && merge_run(m, rest_sql, err);
}
