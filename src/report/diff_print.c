/* Prints a comparison of two databases: tables for people, rows for programs. */
#include "report/diff.h"
#include "report/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHOWN = 12 };

/* ---- rows for programs --------------------------------------------------------------------------------------- */

static void put_csv(FILE *out, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text != '\0'; text++)
        fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', out);
}

/* One row that is being written. */
typedef struct line {
    FILE *out;
    bool json;
    int fields;
} line;

static void begin_field(line *l, const char *name)
{
    fputs(l->fields++ > 0 ? "," : l->json ? "{" : "", l->out);
    if (l->json) {
        json_string(l->out, name);
        fputc(':', l->out);
    }
}

static void put_cell(line *l, const char *name, const lsn_cell *cell)
{
    begin_field(l, name);
    if (cell == NULL || cell->kind == LSN_CELL_NULL)
        fputs(l->json ? "null" : "", l->out);
    else if (cell->kind == LSN_CELL_TEXT)
        (l->json ? json_string : put_csv)(l->out, cell->text);
    else
        fputs(cell->text, l->out);
}

static void put_real(line *l, const char *name, double number)
{
    begin_field(l, name);
    if (isnan(number))
        fputs(l->json ? "null" : "", l->out);
    else
        fprintf(l->out, "%.17g", number);
}

static void end_line(line *l)
{
    fputs(l->json ? "}\n" : "\n", l->out);
    l->fields = 0;
}

static const char *const judged[] = {"d_top1_a", "d_top1_b", "change", "low", "high", "p", "q"};
enum { N_JUDGED = sizeof judged / sizeof *judged };

static void put_row(line *l, const diff *d, const char *in, const lsn_cell *cells, int n_cells, const diff_job *job)
{
    const lsn_cell where = {.kind = LSN_CELL_TEXT, .text = in};
    put_cell(l, "in", &where);
    for (int c = 0; c < DIFF_N_PRINTED; c++)
        put_cell(l, d->rows.names[c], c < n_cells ? &cells[c] : NULL);
    const double values[N_JUDGED] = {job->a, job->b, job->change, job->interval.low, job->interval.high,
                                     job->p, job->q};
    for (int i = 0; i < N_JUDGED; i++)
        put_real(l, judged[i], values[i]);
    end_line(l);
}

static const diff_job not_judged = {.a = NAN, .b = NAN, .change = NAN, .interval = {NAN, NAN}, .p = NAN, .q = NAN};

static void print_rows(const diff *d, bool json, FILE *out)
{
    line l = {.out = out, .json = json};
    if (!json) {
        fputs("in", out);
        for (int c = 0; c < DIFF_N_PRINTED; c++)
            fprintf(out, ",%s", d->rows.names[c]);
        for (int i = 0; i < N_JUDGED; i++)
            fprintf(out, ",%s", judged[i]);
        fputc('\n', out);
    }
    for (int64_t r = 0; r < d->rows.rows; r++)
        put_row(&l, d, "both", lsn_table_cell(&d->rows, r, 0), DIFF_N_PRINTED, &d->jobs[r]);
    for (int64_t r = 0; r < d->unmatched.rows; r++) {
        const lsn_cell *cells = lsn_table_cell(&d->unmatched, r, 0);
        put_row(&l, d, cells[0].text, cells + 1, DIFF_N_MATCHED, &not_judged);
    }
}

/* ---- for people ---------------------------------------------------------------------------------------------- */

static void print_studies(const diff *d, FILE *out)
{
    for (int i = 0; i < 2; i++) {
        report_print(out, &d->studies, i, "{letter}  ");
        fputs(d->paths[i], out);
        report_print(
            out, &d->studies, i,
            ": study {name}, weights {weights_path} (sha256 {weights_sha256:.12s}...), {images} images (sha256 "
            "{images_sha256:.12s}...), kernels {kernels}\n");
    }
    if (d->identical)
        fprintf(out, "identical: the results of all %" PRId64 " ablations that are done in both, to the bit\n",
                d->compared);
    fprintf(out,
            d->paired ? "compared image by image: both keep results for the same images\n"
                      : "compared by counts, as if on independent images%s\n",
            d->same_images ? ": conservative, for they are the same ('metrics: [images]' keeps results for each)" : "");
}

static void print_baselines(const diff *d, FILE *out)
{
    if (!d->baselines) {
        fputs("\nThe baseline is not done in both.\n", out);
        return;
    }
    fprintf(out, "\nBaseline: top-1 %.2f %% in A, %.2f %% in B: %+.2f points, 95 %% [%+.2f, %+.2f], p = %.3g",
            100 * (double)d->base_top1[0] / (double)d->base_images[0],
            100 * (double)d->base_top1[1] / (double)d->base_images[1], 100 * d->base_change, 100 * d->base_interval.low,
            100 * d->base_interval.high, d->base_p);
    if (d->paired)
        fprintf(out, " (McNemar: %" PRId64 " images only A has right, %" PRId64 " only B)", d->base_lost,
                d->base_gained);
    fputc('\n', out);
}

static void print_counts(const diff *d, bool listed, FILE *out)
{
    const lsn_cell *counts = d->counts.cells;
    fprintf(out, "\n%" PRId64 " jobs compared; %s only in A, %s only in B%s; %s of both are not done in both\n",
            d->rows.rows, counts[0].text, counts[1].text,
            !listed && counts[0].integer + counts[1].integer > 0 ? " (--unmatched lists them)" : "", counts[2].text);
}

static void rho_text(const lsn_correlation *c, char *text, size_t size)
{
    if (isnan(c->rho))
        snprintf(text, size, "-");
    else if (isnan(c->interval.low))
        snprintf(text, size, "%.2f", c->rho);
    else
        snprintf(text, size, "%.2f [%.2f, %.2f]", c->rho, c->interval.low, c->interval.high);
}

static void print_experiments(const diff *d, FILE *out)
{
    char top1[48], loss[48];
    fputs("\nDamage by experiment: mean change of top-1 in points, jobs that differ (q < 0.05), Spearman's rho of A's "
          "damage with B's\n",
          out);
    fprintf(out, "  %-24s  %7s  %8s  %8s  %6s  %-20s  %s\n", "experiment", "jobs", "in A", "in B", "differ",
            "rho, top-1", "rho, loss");
    for (int64_t i = 0; i < d->n_experiments; i++) {
        const diff_experiment *x = &d->experiments[i];
        rho_text(&x->top1, top1, sizeof top1);
        rho_text(&x->loss, loss, sizeof loss);
        fprintf(out, "  %-24s  %7" PRId64 "  %+8.2f  %+8.2f  %6" PRId64 "  %-20s  %s\n",
                report_cell(&d->rows, x->first, "experiment")->text, x->count, 100 * x->mean_a, 100 * x->mean_b,
                x->differ, top1, loss);
    }
}

typedef struct ranked {
    double q, size;
    int64_t row;
} ranked;

static int surest_first(const void *a, const void *b)
{
    const ranked *left = a, *right = b;
    if (left->q < right->q || left->q > right->q)
        return left->q < right->q ? -1 : 1;
    if (left->size < right->size || left->size > right->size)
        return left->size < right->size ? 1 : -1;
    return (left->row > right->row) - (left->row < right->row);
}

static void print_job(const diff *d, int64_t r, FILE *out)
{
    const diff_job *job = &d->jobs[r];
    report_print(out, &d->rows, r, "  {experiment:-16.16s}  {filters:-34.34s}  {mode:-8s}");
    fprintf(out, "  %+7.2f  %+7.2f  %+7.2f  [%+.2f, %+.2f]  %.3g\n", 100 * job->a, 100 * job->b, 100 * job->change,
            100 * job->interval.low, 100 * job->interval.high, job->q);
}

/* The jobs that differ most surely. */
static bool print_jobs(const diff *d, FILE *out, lsn_error *err)
{
    int64_t count = 0;
    ranked *list = lsn_array((size_t)d->rows.rows, sizeof *list, err);
    if (list == NULL)
        return false;
    for (int64_t r = 0; r < d->rows.rows; r++)
        if (d->jobs[r].q < LSN_LEVEL)
            list[count++] = (ranked){d->jobs[r].q, fabs(d->jobs[r].change), r};
    qsort(list, (size_t)count, sizeof *list, surest_first);
    if (count == 0)
        fputs("\nNo job's damage differs (q < 0.05).\n", out);
    else {
        fprintf(out, "\nJobs whose damage differs, the surest of %" PRId64 " (changes of top-1 in points)\n", count);
        fprintf(out, "  %-16s  %-34s  %-8s  %7s  %7s  %7s  %s\n", "experiment", "filters", "mode", "in A", "in B",
                "B - A", "95 %, q");
    }
    for (int64_t i = 0; i < count && i < MOST_SHOWN; i++)
        print_job(d, list[i].row, out);
    free(list);
    return true;
}

static void print_unmatched(const diff *d, FILE *out)
{
    if (d->unmatched.rows == 0)
        return;
    fputs("\nJobs that only one has\n", out);
    lsn_print_table(out, &d->unmatched, "llllllllllll");
}

bool diff_print(const diff *d, lsn_format format, bool unmatched, FILE *out, lsn_error *err)
{
    if (format != LSN_FORMAT_TABLE) {
        print_rows(d, format == LSN_FORMAT_JSONL, out);
        return true;
    }
    print_studies(d, out);
    print_baselines(d, out);
    print_counts(d, unmatched, out);
    if (d->rows.rows > 0)
        print_experiments(d, out);
    const bool ok = d->rows.rows == 0 || print_jobs(d, out, err);
    if (ok)
        print_unmatched(d, out);
    return ok;
}
