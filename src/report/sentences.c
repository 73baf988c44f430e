/* The findings as sentences. */
#include "report/sentences.h"

#include "lesion/stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 24 };

/* What the functions below share. */
typedef struct teller {
    lsn_reader *reader;
    const report_singles *singles;
    const report_pairs *pairs;
    sentence_take *take;
    void *context;
    lsn_text text; /* of the sentence that is being made */
} teller;

static void say(teller *t, const char *format, ...) LSN_PRINTF(2, 3);
static void say(teller *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *words = NULL;
    if (vasprintf(&words, format, args) < 0)
        t->text.failed = true;
    else
        lsn_text_add(&t->text, "%s", words);
    free(words);
    va_end(args);
}

static void end_sentence(teller *t)
{
    if (t->text.length > 0 && !t->text.failed)
        t->take(t->context, t->text.data);
    t->text.length = 0;
}

/* A share as points, with as many decimals as it deserves. `text` has room for WORDS. */
static const char *points(double share, char *text)
{
    const double value = 100 * share;
    snprintf(text, WORDS, fabs(value) < 0.995 ? "%.2f" : "%.1f", value == 0 ? 0 : value);
    return text;
}

static const char *q_words(double q, char *text)
{
    snprintf(text, WORDS, q < 1e-4 ? "q < 0.0001" : q < 0.01 ? "q = %.4f" : "q = %.2f", q);
    return text;
}

static bool ask(teller *t, lsn_table *rows, const char *sql, lsn_error *err)
{
    return lsn_reader_query(t->reader, rows, sql, NULL, 0, err);
}

/* ---- baseline and progress ----------------------------------------------------------------------------------- */

static bool tell_baseline(teller *t, lsn_error *err)
{
    lsn_table rows = {0};
    char images[LSN_NUMBER_BYTES];
    bool ok = ask(
        t, &rows,
        "SELECT images, top1 * 1.0 / images, top1_low, top1_high, top5 * 1.0 / images, loss_sum / "
        "1073741824.0 / images, 1.0 / (SELECT classes FROM study) FROM evaluation WHERE evaluation = 0 AND status = "
        "'done'",
        err);
    if (ok && rows.rows == 0)
        say(t, "The intact network has not been evaluated yet, so nothing can be said.");
    else if (ok) {
        const lsn_cell *c = rows.cells;
        say(t,
            "The intact network is right on %.1f %% of %s images (95 %% interval %.1f to %.1f); the true class is "
            "among its first five for %.1f %%.",
            100 * c[1].real, lsn_count_text(c[0].integer, images), 100 * c[2].real, 100 * c[3].real, 100 * c[4].real);
        end_sentence(t);
        if (c[2].real <= c[6].real)
            say(t,
                "Guessing would be right on %.3g %%, and these images do not tell the network from that: are the "
                "weights, "
                "the preprocessing and the order of the classes those of its training? `lesion inspect STUDY --sheet "
                "FILE.png` shows what it sees.",
                100 * c[6].real);
    }
    end_sentence(t);
    lsn_table_finish(&rows);
    return ok;
}

static bool tell_progress(teller *t, lsn_error *err)
{
    lsn_table rows = {0};
    char left[LSN_NUMBER_BYTES], all[LSN_NUMBER_BYTES], failed[LSN_NUMBER_BYTES];
    bool ok =
        ask(t, &rows, "SELECT sum(status IN ('pending', 'running')), sum(status = 'failed'), count(*) FROM evaluation",
            err);
    if (ok && rows.cells[0].integer > 0)
        say(t,
            "The study is not complete: %s of its %s ablations are still to be done, and what follows is of the others "
            "only.",
            lsn_count_text(rows.cells[0].integer, left), lsn_count_text(rows.cells[2].integer, all));
    end_sentence(t);
    if (ok && rows.cells[1].integer > 0)
        say(t, "%s ablations could not be computed; the reasons are listed under failures.",
            lsn_count_text(rows.cells[1].integer, failed));
    end_sentence(t);
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
    say(t, ", all in ");
    for (int i = 0; i < count; i++)
        say(t, "%s%s", i == 0 ? "" : i == count - 1 ? " and " : ", ", names[i]);
}

static void say_worst(teller *t)
{
    const report_single *worst = t->singles->of;
    const lsn_effect effect = lsn_paired_effect(worst->lost, worst->gained, worst->images);
    char loss[WORDS], least[WORDS], most[WORDS], q[WORDS];
    say(t, " The worst, %s filter %d, costs %s points of top-1 (%s to %s; %s).", worst->name, worst->filter,
        points(-effect.value, loss), points(-effect.value - 1.96 * effect.error, least),
        points(-effect.value + 1.96 * effect.error, most), q_words(worst->q, q));
}

static void tell_singles(teller *t)
{
    const report_singles *singles = t->singles;
    char all[LSN_NUMBER_BYTES], images[LSN_NUMBER_BYTES], flips[WORDS], some[LSN_NUMBER_BYTES];
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
    say(t, "Of %s filter%s removed one at a time (%s), ", lsn_count_text(singles->count, all),
        singles->count == 1 ? "" : "s", singles->experiment);
    if (damage == 0) {
        const int needed = lsn_flips_needed(singles->count, 0.05);
        say(t,
            "none does damage that %s images can tell from chance (q < 0.05): no effect was found at this number of "
            "images, where a lone filter would have to turn %d images, %s points, all one way.",
            images, needed, points((double)needed / (double)seen, flips));
    } else {
        say(t, "%s do%s damage that %s images can tell from chance (q < 0.05)", lsn_count_text(damage, some),
            damage == 1 ? "es" : "", images);
        say_layers(t);
        say(t, ".");
        say_worst(t);
    }
    if (better > 0)
        say(t, " The network is right more often without %s of them (q < 0.05).", lsn_count_text(better, some));
    if (nothing > 0)
        say(t, " %s change%s no prediction from right to wrong or back.", lsn_count_text(nothing, some),
            nothing == 1 ? "s" : "");
    end_sentence(t);
}

/* ---- shares of a layer --------------------------------------------------------------------------------------- */

/* Of all series (experiment, score, mode) the greatest fraction that most of them have, and their means there, the
 * least damaging first. */
static const char shares_sql[] =
    "WITH share AS (SELECT experiment, " REPORT_WAY
    " AS way, mode, fraction, layers, avg(d_top1) AS d_top1 FROM job_metric m "
    "WHERE layer_index IS NOT NULL AND fraction IS NOT NULL AND step IS NULL AND status = 'done' GROUP BY 1, 2, 3, 4, "
    "5), "
    "series AS (SELECT experiment, way, mode, fraction, count(*) AS n, avg(d_top1) AS mean, min(d_top1) AS worst, "
    "layers AS worst_layer FROM share GROUP BY 1, 2, 3, 4), "
    "common AS (SELECT fraction FROM series GROUP BY fraction ORDER BY abs(fraction - 0.5) > 0.01, count(*) DESC, "
    "fraction DESC LIMIT 1) "
    "SELECT *, (SELECT count(DISTINCT mode) FROM series) AS modes FROM series WHERE fraction = (SELECT fraction FROM "
    "common) ORDER BY mean DESC LIMIT 9";

static bool tell_shares(teller *t, lsn_error *err)
{
    lsn_table rows = {0};
    char mean[WORDS], worst[WORDS];
    const bool ok = ask(t, &rows, shares_sql, err);
    int64_t least = 0;
    for (int64_t i = 0; ok && i < rows.rows; i++) {
        const lsn_cell *c = rows.cells + i * rows.columns;
        if (i == 0)
            say(t, "With %g %% of one layer's filters removed, the mean loss of top-1 over the layers is",
                100 * c[3].real);
        say(t, "%s %s points for %s%s%s%s%s%s",
            i == 0               ? ""
            : i == rows.rows - 1 ? (rows.rows == 2 ? " and" : ", and")
                                 : ",",
            points(-c[5].real, mean), c[0].text, c[1].text[0] == '\0' ? "" : " (", c[1].text,
            c[1].text[0] == '\0' ? "" : ")", c[8].integer > 1 ? ", mode " : "", c[8].integer > 1 ? c[2].text : "");
        if (c[6].real < rows.cells[least * rows.columns + 6].real)
            least = i;
    }
    if (ok && rows.rows > 0) {
        const lsn_cell *c = rows.cells + least * rows.columns;
        say(t, "; the most is lost in %s, %s points (%s).", c[7].text, points(-c[6].real, worst), c[0].text);
    }
    end_sentence(t);
    lsn_table_finish(&rows);
    return ok;
}

/* ---- curves -------------------------------------------------------------------------------------------------- */

/* Curves over several layers at once, then those of single layers. */
static const char curves_sql[] =
    "SELECT experiment, ordering, mode, count(*), avg(area), min(area), max(area), avg(half), count(half), "
    "(SELECT count(DISTINCT mode) FROM curve), layers LIKE '%,%' AS together FROM curve "
    "WHERE experiment IN (SELECT x.name FROM experiment x JOIN job j ON j.experiment = x.experiment WHERE j.step IS "
    "NOT "
    "NULL) AND area IS NOT NULL GROUP BY together, experiment, ordering, mode ORDER BY together DESC, avg(area) LIMIT "
    "12";

static bool tell_curves(teller *t, lsn_error *err)
{
    lsn_table rows = {0};
    const bool ok = ask(t, &rows, curves_sql, err);
    for (int64_t i = 0; ok && i < rows.rows; i++) {
        const lsn_cell *c = rows.cells + i * rows.columns;
        const bool first = i == 0 || c[10].integer != rows.cells[(i - 1) * rows.columns + 10].integer;
        if (first && i > 0)
            say(t, ".");
        if (first) {
            end_sentence(t);
            say(t,
                "Removed one after another %s, filters degrade top-1 (area under the curve, 1 without damage; share "
                "removed when half of what is above chance is lost):",
                c[10].integer ? "from several layers at once" : "from one layer");
        }
        say(t, "%s %s (%s%s%s) %.3f", first ? "" : ";", c[0].text, c[1].text, c[9].integer > 1 ? ", " : "",
            c[9].integer > 1 ? c[2].text : "", c[4].real);
        if (c[3].integer > 1)
            say(t, " in the mean of %s (%.3f to %.3f)", c[3].text, c[5].real, c[6].real);
        if (c[8].integer > 0)
            say(t, ", half at %.1f %%", 100 * c[7].real);
    }
    if (t->text.length > 0)
        say(t, ".");
    end_sentence(t);
    lsn_table_finish(&rows);
    return ok;
}

/* ---- classes ------------------------------------------------------------------------------------------------- */

/* Of single filters; bare columns beside min() and max() are those of the row with the extreme. */
#define EXTREME(function)                                                                                             \
    "SELECT coalesce(k.name, CAST(k.class AS TEXT)), " function                                                       \
    "((c.top1 - b.top1) * 1.0 / k.images), l.name, e.filter, "                                                        \
    "(e.gained - e.lost) * 1.0 / e.images, k.images FROM evaluation e CROSS JOIN evaluation_class c ON c.evaluation " \
    "= "                                                                                                              \
    "e.evaluation JOIN evaluation_class b ON b.evaluation = 0 AND b.class = c.class JOIN class k ON k.class = "       \
    "c.class "                                                                                                        \
    "JOIN layer l ON l.layer = e.layer WHERE e.filter IS NOT NULL AND e.status = 'done' AND e.images = (SELECT "      \
    "images "                                                                                                         \
    "FROM study)"
static const char class_sql[] = "SELECT * FROM (" EXTREME("min") ") UNION ALL SELECT * FROM (" EXTREME("max") ")";

static bool tell_classes(teller *t, lsn_error *err)
{
    lsn_table rows = {0};
    char loss[WORDS], gain[WORDS], all[WORDS];
    const bool ok = ask(t, &rows, class_sql, err);
    if (ok && rows.rows == 2 && rows.cells[1].kind == LSN_CELL_REAL && rows.cells[1].real < 0) {
        const lsn_cell *worst = rows.cells, *best = rows.cells + rows.columns;
        say(t,
            "By class, %s suffers most from a single filter: without %s filter %s it loses %s points (all classes: %s)",
            worst[0].text, worst[2].text, worst[3].text, points(-worst[1].real, loss), points(-worst[4].real, all));
        if (best[1].real > 0)
            say(t, "; the greatest gain is that of %s, %s points without %s filter %s", best[0].text,
                points(best[1].real, gain), best[2].text, best[3].text);
        say(t, ". These are extremes of many noisy differences, on %s images a class.", worst[5].text);
    }
    end_sentence(t);
    lsn_table_finish(&rows);
    return ok;
}

/* ---- pairs --------------------------------------------------------------------------------------------------- */

static void tell_pairs(teller *t)
{
    const lsn_table *layers = &t->pairs->layers;
    char all[LSN_NUMBER_BYTES], some[LSN_NUMBER_BYTES], a[WORDS], b[WORDS], both[WORDS], extra[WORDS], low[WORDS],
        high[WORDS];
    double intervals = 0, more = 0, less = 0, above = 0;
    int64_t most = 0;
    if (t->pairs->count == 0)
        return;
    for (int64_t i = 0; i < layers->rows; i++) {
        intervals += report_real(layers, i, PAIR_INTERVALS);
        more += report_real(layers, i, PAIR_MORE);
        less += report_real(layers, i, PAIR_LESS);
        above += report_real(layers, i, PAIR_ABOVE);
        most = report_real(layers, i, PAIR_MOST) > report_real(layers, most, PAIR_MOST) ? i : most;
    }
    const lsn_cell *m = layers->cells + most * layers->columns;
    say(t, "Of %s pairs of filters, ", lsn_count_text(t->pairs->count, all));
    if (intervals > 0)
        say(t,
            "%s do more damage to the loss together than the sum of both alone and %s do less (95 %% intervals "
            "without 0, not corrected for their number).",
            lsn_count_text((int64_t)more, some), lsn_count_text((int64_t)less, all));
    else
        say(t,
            "%s do more damage to the loss together than the sum of both alone; without results for every image "
            "(metrics: [images]) there are no intervals.",
            lsn_count_text((int64_t)above, some));
    say(t,
        " The most by top-1: %s filter %s and %s filter %s cost %s and %s points alone and %s together, %s more than "
        "the sum",
        m[PAIR_LAYER_A].text, m[PAIR_FILTER_A].text, m[PAIR_LAYER_B].text, m[PAIR_FILTER_B].text,
        points(m[PAIR_TOP1_A].real, a), points(m[PAIR_TOP1_B].real, b), points(m[PAIR_TOP1_BOTH].real, both),
        points(m[PAIR_MOST].real, extra));
    if (m[PAIR_LOW].kind == LSN_CELL_REAL)
        say(t, " (%s to %s)", points(m[PAIR_LOW].real, low), points(m[PAIR_HIGH].real, high));
    say(t, ".");
    end_sentence(t);
}

/* ---- scores and drift ---------------------------------------------------------------------------------------- */

static const char scores_sql[] =
    "SELECT score, n, loss_rho, loss_low, loss_high, experiment, mode, (SELECT count(DISTINCT experiment || mode) FROM "
    "score_damage) "
    "FROM score_damage WHERE layer IS NULL AND loss_rho IS NOT NULL AND n >= 25 ORDER BY abs(loss_rho) DESC LIMIT 5";

static bool tell_scores(teller *t, lsn_error *err)
{
    lsn_table rows = {0};
    const bool ok = ask(t, &rows, scores_sql, err);
    for (int64_t i = 0; ok && i < rows.rows; i++) {
        const lsn_cell *c = rows.cells + i * rows.columns;
        if (i == 0)
            say(t, "How well a score tells the rise of the loss, over all layers (Spearman's rho):");
        say(t, "%s %s %+.2f", i == 0 ? "" : ";", c[0].text, c[2].real);
        if (c[3].kind == LSN_CELL_REAL)
            say(t, " (%+.2f to %+.2f, %s filters)", c[3].real, c[4].real, c[1].text);
        if (c[7].integer > 1)
            say(t, " in %s, %s", c[5].text, c[6].text);
    }
    if (t->text.length > 0)
        say(t, ".");
    end_sentence(t);
    lsn_table_finish(&rows);
    return ok;
}

static const char drift_sql[] = "SELECT " REPORT_LAYERS(
    "e.layers") ", e.n_filters, e.mode, d.drift, (e.gained - e.lost) * 1.0 / e.images, l.name FROM drift d "
                "JOIN evaluation e ON e.evaluation = d.evaluation JOIN layer l ON l.layer = d.layer WHERE l.logits = 1 "
                "AND "
                "e.evaluation > 0 "
                "AND e.status = 'done' ORDER BY d.drift DESC LIMIT 1";

static bool tell_drift(teller *t, lsn_error *err)
{
    lsn_table rows = {0};
    char loss[WORDS];
    const bool ok = ask(t, &rows, drift_sql, err);
    if (ok && rows.rows == 1) {
        const lsn_cell *c = rows.cells;
        say(t,
            "The logits move furthest, by %.0f %% of their norm, when %s filters of %s are removed (%s): top-1 "
            "changes by %s points.",
            100 * c[3].real, c[1].text, c[0].text, c[2].text, points(c[4].real, loss));
    }
    end_sentence(t);
    lsn_table_finish(&rows);
    return ok;
}

bool report_sentences(lsn_reader *reader, const report_singles *singles, const report_pairs *pairs, sentence_take *take,
                      void *context, lsn_error *err)
{
    teller t = {.reader = reader, .singles = singles, .pairs = pairs, .take = take, .context = context};
    bool ok = tell_baseline(&t, err) && tell_progress(&t, err);
    if (ok)
        tell_singles(&t);
    ok = ok && tell_shares(&t, err) && tell_curves(&t, err) && tell_classes(&t, err);
    if (ok)
        tell_pairs(&t);
    ok = ok && tell_scores(&t, err) && tell_drift(&t, err);
    if (ok && t.text.failed)
        ok = lsn_fail(err, LSN_FAILED, "out of memory: the findings could not be composed");
    lsn_text_finish(&t.text);
    return ok;
}
