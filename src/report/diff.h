/* Two databases of the same jobs against each other: diff.c reads, diff_jobs.c compares, diff_print.c says. */
#ifndef LESION_REPORT_DIFF_H
#define LESION_REPORT_DIFF_H

#include "lesion/report.h"
#include "lesion/stats.h"
#include "report/fill.h"

/* A job that is done in both; changes are B's damage against A's. */
typedef struct diff_job {
    double a, b;   /* change of top-1 by the ablation in each */
    double change; /* b - a */
    lsn_interval interval;
    double p, q;
} diff_job;

/* The first columns of `rows`, which are printed as they are; and of these, those by which jobs are matched. */
enum { DIFF_N_PRINTED = 18, DIFF_N_MATCHED = 10 };

/* An experiment of both. */
typedef struct diff_experiment {
    int64_t first, count; /* of the jobs */
    int64_t differ;       /* q < 0.05 */
    double mean_a, mean_b;
    lsn_correlation top1, loss;
} diff_experiment;

typedef struct diff {
    lsn_reader *reader;
    const char *paths[2];
    lsn_table studies; /* a row each */
    lsn_table rows;    /* the jobs of both, by experiment */
    diff_job *jobs;    /* [rows.rows] */
    diff_experiment *experiments;
    int64_t n_experiments;
    lsn_table unmatched; /* of one only: in (A or B), then the columns by which jobs are matched */
    lsn_table counts;    /* jobs of A only, of B only, of both but not done in both */
    bool same_images;
    bool paired;    /* results are kept for the same images in both */
    bool baselines; /* both are done: */
    int64_t base_images[2], base_top1[2], base_lost, base_gained;
    double base_change, base_p;
    lsn_interval base_interval;
    bool identical; /* all results of both are the same to the bit */
    int64_t compared;
} diff;

void diff_compare_job(diff *d, int64_t row, const lsn_steps *steps, int64_t images, diff_job *job);
/* Judges the experiments: q, correlations. */
bool diff_judge(diff *d, lsn_error *err);
/* Single images: what the ablation of a row did to each in A and B; *images: that both have seen. */
bool diff_read_steps(diff *d, int64_t row, lsn_steps *steps, int64_t *images, lsn_error *err);
/* The baselines, image by image where that is known. */
bool diff_read_baselines(diff *d, lsn_error *err);

bool diff_print(const diff *d, lsn_format format, bool unmatched, FILE *out, lsn_error *err);

#endif
