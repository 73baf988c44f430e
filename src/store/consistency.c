/* Whether the rows of a database fit together: what the writer never breaks, a damaged disk or another program may. */
#include "store/metrics.h"
#include "store/store_internal.h"

/* Each query counts rows that contradict what `words` says. */
static const struct {
    const char *words, *sql;
} rules[] = {
    {"the baseline is evaluation 0, and removes nothing",
     "SELECT count(*) <> 1 FROM evaluation WHERE evaluation = 0 AND n_filters = 0"},
    {"evaluations are numbered from 0", "SELECT count(*) <> max(evaluation) + 1 FROM evaluation"},
    {"every evaluation has a job",
     "SELECT count(*) FROM evaluation e WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.evaluation = e.evaluation)"},
    {"a result has seen all images, or, where jobs may stop, whole blocks of them",
     "SELECT count(*) FROM evaluation e, study s WHERE e.status = 'done' AND e.images <> s.images AND "
     "(s.stop_half_width IS NULL OR e.evaluation = 0 OR e.images > s.images OR e.images % s.block_images <> 0)"},
    {"counts of a result are possible",
     "SELECT count(*) FROM evaluation WHERE status = 'done' AND (" SUMS_IMPOSSIBLE ")"},
    {"the baseline differs from itself in nothing",
     "SELECT count(*) FROM evaluation WHERE evaluation = 0 AND status = 'done' AND (lost <> 0 OR gained <> 0 OR agree "
     "<> images OR kl_sum <> 0 OR loss_sum <> base_loss_sum OR top5 <> base_top5 OR d_loss_squared <> 0)"},
    {"results are against the baseline that is stored",
     "SELECT count(*) FROM evaluation e JOIN evaluation b ON b.evaluation = 0 AND b.status = 'done' WHERE e.status = "
     "'done' AND e.images = b.images AND (e.base_loss_sum <> b.loss_sum OR e.base_top5 <> b.top5 OR e.top1 + e.lost - "
     "e.gained <> b.top1)"},
    {"classes have as many images as the study", "SELECT sum(images) <> (SELECT images FROM study) FROM class"},
    {"a result's classes add up to its top1",
     "SELECT count(*) FROM (SELECT evaluation, sum(top1) AS top1 FROM evaluation_class GROUP BY evaluation) c JOIN "
     "evaluation e USING (evaluation) WHERE e.status <> 'done' OR c.top1 <> e.top1"},
    {"every result has its classes, where the study counts them",
     "SELECT count(*) FROM evaluation e WHERE status = 'done' AND (SELECT per_class FROM study) = 1 AND (SELECT "
     "count(*) FROM evaluation_class c WHERE c.evaluation = e.evaluation) <> (SELECT count(*) FROM class WHERE images "
     "> 0)"},
    {"every result has its images, where the study keeps them, and they add up to its top1",
     "SELECT count(*) FROM evaluation e WHERE status = 'done' AND (SELECT per_image FROM study) = 1 AND (e.images, "
     "e.top1) IS NOT (SELECT count(*), sum(r.prediction = i.class) FROM image_result r JOIN image i ON i.image = "
     "r.image WHERE r.evaluation = e.evaluation)"},
    {"every result has its drift, where the study measures it",
     "SELECT count(*) FROM evaluation e WHERE status = 'done' AND evaluation <> 0 AND (SELECT drift FROM study) = 1 "
     "AND "
     "(SELECT count(*) FROM drift d WHERE d.evaluation = e.evaluation) <> (SELECT count(*) FROM layer)"},
    {"parts are blocks of what is not done, and their counts possible",
     "SELECT count(*) FROM (SELECT p.*, p.images <> min(s.block_images, s.images - p.block * s.block_images) AS other, "
     "e.status FROM part p JOIN evaluation e USING (evaluation), study s) WHERE status = 'done' OR block < 0 OR other "
     "OR " SUMS_IMPOSSIBLE},
    {"images of what is not done belong to its parts",
     "SELECT count(*) FROM image_result r JOIN evaluation e USING (evaluation) WHERE e.status <> 'done' AND NOT EXISTS "
     "(SELECT 1 FROM part p WHERE p.evaluation = r.evaluation AND p.block = r.image / (SELECT block_images FROM "
     "study))"},
    {"images belong to an evaluation",
     "SELECT count(*) FROM (SELECT DISTINCT evaluation FROM image_result) WHERE evaluation NOT IN (SELECT evaluation "
     "FROM evaluation)"},
    {"rows refer to rows that are there", "SELECT count(*) FROM pragma_foreign_key_check"},
};

bool consistency_check(const database *db, lsn_problems *found, lsn_error *err)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        int64_t broken = 0;
        if (!database_integer(db, rules[i].sql, &broken, err))
            return false;
        if (broken != 0)
            lsn_problem(found, "it is not so that %s (broken: %lld)", rules[i].words, (long long)broken);
    }
    return true;
}
