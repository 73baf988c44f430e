/* The findings as sentences. */
#include "report/sentences.h"
#include "report/fill.h"

#include "lesion/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the functions below share. */
typedef struct teller {
    lsn_reader *reader;
    const report_singles *singles;
    const report_pairs *pairs;
    sentence_take *take;
    void *context;
    lsn_text text; /* of the sentence that is being made */
} teller;

static void end_sentence(teller *t)
{
    if (t->text.length > 0 && !t->text.failed)
        t->take(t->context, t->text.data);
    t->text.length = 0;
}

/* ---- sentences of queries ------------------------------------------------------------------------------------ */

/* The words of each row are a sentence of their own; where `joined`, of all rows up to one whose column `more` is 0.
 * `also`: one that follows it, or NULL. */
typedef struct telling {
    const char *sql, *words, *also;
    bool joined;
} telling;

static const telling baseline = {
    "SELECT e.images, 100 * (e.top1 * 1.0 / e.images) AS top1, 100 * e.top1_low AS low, 100 * e.top1_high AS high, 100 "
    "* (e.top5 * 1.0 / e.images) AS top5, e.top1_low <= 1.0 / s.classes AS guessing, 100 * (1.0 / s.classes) AS chance "
    "FROM study s LEFT JOIN evaluation e ON e.evaluation = 0 AND e.status = 'done'",
    "{images!The intact network has not been evaluated yet, so nothing can be said.}"
    "{images?The intact network is right on {top1:.1f} % of {images:,} images (95 % interval {low:.1f} to {high:.1f}); "
    "the true class is among its first five for {top5:.1f} %.}",
    "{guessing?Guessing would be right on {chance:.3g} %, and these images do not tell the network from that: are the "
    "weights, the preprocessing and the order of the classes those of its training? `lesion inspect STUDY --sheet "
    "FILE.png` shows what it sees.}",
    false};

static const telling progress = {
    "SELECT sum(status IN ('pending', 'running')) AS pending, sum(status = 'failed') AS failed, count(*) AS all_of_it "
    "FROM evaluation",
    "{pending?The study is not complete: {pending:,} of its {all_of_it:,} ablations are still to be done, and what "
    "follows is of the others only.}",
    "{failed?{failed:,} ablations could not be computed; the reasons are listed under failures.}", false};

/* Of all series (experiment, score, mode) the greatest fraction that most of them have, and their means there, the
 * least damaging first. */
static const telling shares = {
    "WITH share AS (SELECT experiment, " REPORT_WAY
    " AS way, mode, fraction, layers, avg(d_top1) AS d_top1 FROM job_metric m WHERE layer_index IS NOT NULL AND "
    "fraction IS NOT NULL AND step IS NULL AND status = 'done' GROUP BY 1, 2, 3, 4, 5), "
    "series AS (SELECT experiment, way, mode, fraction, avg(d_top1) AS mean, min(d_top1) AS worst, "
    "layers AS worst_layer FROM share GROUP BY 1, 2, 3, 4), "
    "common AS (SELECT fraction FROM series GROUP BY fraction ORDER BY abs(fraction - 0.5) > 0.01, count(*) DESC, "
    "fraction DESC LIMIT 1), "
    "shown AS (SELECT * FROM series WHERE fraction = (SELECT fraction FROM common) ORDER BY mean DESC LIMIT 9), "
    "numbered AS MATERIALIZED (SELECT *, row_number() OVER () AS i, count(*) OVER () AS ways FROM shown), "
    "most AS (SELECT worst_layer, -worst AS loss, experiment FROM numbered ORDER BY worst, i LIMIT 1) "
    "SELECT i = 1 AS first, i < ways AS more, CASE WHEN i = 1 THEN '' WHEN i < ways THEN ',' WHEN ways = 2 THEN ' and' "
    "ELSE ', "
    "and' END AS joint, 100 * fraction AS percent, experiment, way, mode, (SELECT count(DISTINCT mode) FROM series) > "
    "1 AS modes, -mean AS loss, (SELECT worst_layer FROM most) AS most_layer, (SELECT loss FROM most) AS most_loss, "
    "(SELECT experiment FROM most) AS most_experiment FROM numbered ORDER BY i",
    "{first?With {percent:g} % of one layer's filters removed, the mean loss of top-1 over the layers is}{joint} "
    "{loss:points} points for {experiment}{way? ({way})}{modes?, mode {mode}}"
    "{more!; the most is lost in {most_layer}, {most_loss:points} points ({most_experiment}).}",
    NULL, true};

/* Curves over several layers at once, then those of single layers. */
static const telling curves = {
    "SELECT *, lag(together) OVER () IS NOT together AS first, lead(together) OVER () IS together AS more FROM ("
    "SELECT experiment, ordering, mode, count(*) AS n, count(*) > 1 AS many, avg(area) AS area, min(area) AS least, "
    "max(area) AS most, 100 * avg(half) AS half, (SELECT count(DISTINCT mode) FROM curve) > 1 AS modes, layers LIKE "
    "'%,%' AS together FROM curve WHERE experiment IN (SELECT x.name FROM experiment x JOIN job j ON j.experiment = "
    "x.experiment WHERE j.step IS NOT NULL) AND area IS NOT NULL GROUP BY together, experiment, ordering, mode ORDER "
    "BY together DESC, avg(area) LIMIT 12)",
    "{first?Removed one after another {together?from several layers at once}{together!from one layer}, filters degrade "
    "top-1 (area under the curve, 1 without damage; share removed when half of what is above chance is lost):}"
    "{first!;} {experiment} ({ordering}{modes?, {mode}}) {area:.3f}"
    "{many? in the mean of {n} ({least:.3f} to {most:.3f})}{half?, half at {half:.1f} %}{more!.}",
    NULL, true};

/* Of single filters; bare columns beside min() and max() are those of the row with the extreme. */
#define EXTREME(function)                                                                                              \
    "(SELECT coalesce(k.name, CAST(k.class AS TEXT)) AS class, " function                                              \
    "((c.top1 - b.top1) * 1.0 / k.images) AS change, l.name AS layer, e.filter, (e.gained - e.lost) * 1.0 / e.images " \
    "AS d_top1, k.images FROM evaluation e CROSS JOIN evaluation_class c ON c.evaluation = e.evaluation JOIN "         \
    "evaluation_class b ON b.evaluation = 0 AND b.class = c.class JOIN class k ON k.class = c.class JOIN layer l ON "  \
    "l.layer = e.layer WHERE e.filter IS NOT NULL AND e.status = 'done' AND e.images = (SELECT images FROM study))"

static const telling classes = {
    "SELECT w.class, w.layer, w.filter, -w.change AS loss, -w.d_top1 AS all_classes, w.images, b.change > 0 AS better, "
    "b.class AS best, b.change AS gain, b.layer AS best_layer, b.filter AS best_filter FROM " EXTREME(
        "min") " w JOIN " EXTREME("max") " b WHERE w.change < 0",
    "By class, {class} suffers most from a single filter: without {layer} filter {filter} it loses {loss:points} "
    "points (all classes: {all_classes:points})"
    "{better?; the greatest gain is that of {best}, {gain:points} points without {best_layer} filter {best_filter}}. "
    "These are extremes of many noisy differences, on {images} images a class.",
    NULL, false};

static const telling scores = {
    "SELECT *, row_number() OVER () = 1 AS first, lead(1) OVER () IS NOT NULL AS more FROM (SELECT score, n, loss_rho, "
    "loss_low, loss_high, experiment, mode, (SELECT count(DISTINCT experiment || mode) FROM score_damage) > 1 AS many "
    "FROM score_damage WHERE layer IS NULL AND loss_rho IS NOT NULL AND n >= 25 ORDER BY abs(loss_rho) DESC LIMIT 5)",
    "{first?How well a score tells the rise of the loss, over all layers (Spearman's rho):}{first!;} {score} "
    "{loss_rho:+.2f}{loss_low? ({loss_low:+.2f} to {loss_high:+.2f}, {n} filters)}{many? in {experiment}, {mode}}"
    "{more!.}",
    NULL, true};

static const telling drift = {
    "SELECT " REPORT_LAYERS("e.layers") " AS layers, e.n_filters, e.mode, 100 * d.drift AS drift, (e.gained - e.lost) "
                                        "* 1.0 / e.images AS d_top1 FROM drift d JOIN evaluation e ON e.evaluation = "
                                        "d.evaluation JOIN layer l ON l.layer "
                                        "= d.layer WHERE l.logits = 1 AND e.evaluation > 0 AND e.status = 'done' ORDER "
                                        "BY d.drift DESC LIMIT 1",
    "The logits move furthest, by {drift:.0f} % of their norm, when {n_filters} filters of {layers} are removed "
    "({mode}): top-1 changes by {d_top1:points} points.",
    NULL, false};

static bool tell(teller *t, const telling *what, lsn_error *err)
{
    lsn_table rows = {0};
    const bool ok = lsn_reader_query(t->reader, &rows, what->sql, NULL, 0, err);
    for (int64_t row = 0; ok && row < rows.rows; row++) {
        report_fill(&t->text, &rows, row, what->words);
        if (what->joined && report_cell(&rows, row, "more")->integer != 0)
            continue;
        end_sentence(t);
        if (what->also != NULL)
            report_fill(&t->text, &rows, row, what->also);
        end_sentence(t);
    }
    lsn_table_finish(&rows);
    return ok;
}

/* ---- single filters ------------------------------------------------------------------------------------------ */

/* "conv1_1 and conv1_2", of the singles for which `q` is below 0.05 and that do damage; "5 layers" where there are
 * many. */
static void say_layers(teller *t)
{
    const char *names[4];
    int count = 0;
    for (int64_t i = 0; i < t->singles->count; i++) {
        const report_single *s = &t->singles->of[i];
        bool known = !(s->q < 0.05 && s->d_top1 < 0);
        for (int k = 0; k < count && k < 4 && !known; k++)
            known = strcmp(names[k], s->name) == 0;
        if (!known && count < 4)
            names[count] = s->name;
        count += !known;
    }
    if (count > 3)
        return;
    lsn_text_add(&t->text, ", all in ");
    for (int i = 0; i < count; i++)
        lsn_text_add(&t->text, "%s%s", i == 0 ? "" : i == count - 1 ? " and " : ", ", names[i]);
}

static void say_worst(teller *t)
{
    const report_single *worst = t->singles->of;
    const lsn_effect effect = lsn_paired_effect(worst->lost, worst->gained, worst->images);
    char loss[LSN_NUMBER_BYTES], least[LSN_NUMBER_BYTES], most[LSN_NUMBER_BYTES], q[LSN_NUMBER_BYTES];
    lsn_text_add(&t->text, " The worst, %s filter %d, costs %s points of top-1 (%s to %s; %s).", worst->name,
                 worst->filter, report_points(-effect.value, loss),
                 report_points(-effect.value - 1.96 * effect.error, least),
                 report_points(-effect.value + 1.96 * effect.error, most), report_q(worst->q, q));
}

static void tell_singles(teller *t)
{
    const report_singles *singles = t->singles;
    char all[LSN_NUMBER_BYTES], images[LSN_NUMBER_BYTES], flips[LSN_NUMBER_BYTES], some[LSN_NUMBER_BYTES];
    int64_t damage = 0, better = 0, nothing = 0, seen = 0;
    if (singles->count == 0)
        return;
    for (int64_t i = 0; i < singles->count; i++) {
        const report_single *s = &singles->of[i];
        damage += s->q < 0.05 && s->d_top1 < 0;
        better += s->q < 0.05 && s->d_top1 > 0;
        nothing += s->lost + s->gained == 0;
        seen = s->images > seen ? s->images : seen;
    }
    lsn_count_text(seen, images);
    lsn_text_add(&t->text, "Of %s filter%s removed one at a time (%s), ", lsn_count_text(singles->count, all),
                 singles->count == 1 ? "" : "s", singles->experiment);
    if (damage == 0) {
        const int needed = lsn_flips_needed(singles->count, 0.05);
        lsn_text_add(
            &t->text,
            "none does damage that %s images can tell from chance (q < 0.05): no effect was found at this number of "
            "images, where a lone filter would have to turn %d images, %s points, all one way.",
            images, needed, report_points((double)needed / (double)seen, flips));
    } else {
        lsn_text_add(&t->text, "%s do%s damage that %s images can tell from chance (q < 0.05)",
                     lsn_count_text(damage, some), damage == 1 ? "es" : "", images);
        say_layers(t);
        lsn_text_add(&t->text, ".");
        say_worst(t);
    }
    if (better > 0)
        lsn_text_add(&t->text, " The network is right more often without %s of them (q < 0.05).",
                     lsn_count_text(better, some));
    if (nothing > 0)
        lsn_text_add(&t->text, " %s change%s no prediction from right to wrong or back.", lsn_count_text(nothing, some),
                     nothing == 1 ? "s" : "");
    end_sentence(t);
}

/* ---- pairs --------------------------------------------------------------------------------------------------- */

/* The columns of all pairs are the same in every row. */
static void tell_pairs(teller *t)
{
    const lsn_table *layers = &t->pairs->layers;
    int64_t most = 0;
    if (t->pairs->count == 0)
        return;
    for (int64_t i = 0; i < layers->rows; i++)
        most = report_value(layers, i, "most") > report_value(layers, most, "most") ? i : most;
    report_fill(
        &t->text, layers, most,
        "Of {all_pairs:,} pairs of filters, {all_intervals?{all_more:,} do more damage to the loss together than the "
        "sum of both alone and {all_less:,} do less (95 % intervals without 0, not corrected for their number).}"
        "{all_intervals!{all_above:,} do more damage to the loss together than the sum of both alone; without results "
        "for every image (metrics: [images]) there are no intervals.} The most by top-1: {layer_a} filter {filter_a} "
        "and {layer_b} filter {filter_b} cost {top1_a:points} and {top1_b:points} points alone and {top1_both:points} "
        "together, {most:points} more than the sum{low? ({low:points} to {high:points})}.");
    end_sentence(t);
}

bool report_sentences(lsn_reader *reader, const report_singles *singles, const report_pairs *pairs, sentence_take *take,
                      void *context, lsn_error *err)
{
    teller t = {.reader = reader, .singles = singles, .pairs = pairs, .take = take, .context = context};
    bool ok = tell(&t, &baseline, err) && tell(&t, &progress, err);
    if (ok)
        tell_singles(&t);
    ok = ok && tell(&t, &shares, err) && tell(&t, &curves, err) && tell(&t, &classes, err);
    if (ok)
        tell_pairs(&t);
    ok = ok && tell(&t, &scores, err) && tell(&t, &drift, err);
    if (ok && t.text.failed)
        ok = lsn_fail(err, LSN_FAILED, "out of memory: the findings could not be composed");
    lsn_text_finish(&t.text);
    return ok;
}
