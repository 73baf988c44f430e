/* The report's first section: what was studied. */
#include "report/report_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char study_sql[] =
    "SELECT s.name, s.weights_path, s.weights_sha256, s.weights_dtype, s.images, s.classes, s.images_sha256, "
    "s.preprocess, "
    "s.input_channels, s.input_height, s.input_width, s.calibration_images, s.calibration_sha256, s.stop_half_width, "
    "s.stop_confidence, s.created, s.per_class, s.per_image, s.drift, "
    "(SELECT count(*) FROM layer WHERE kind = 'conv'), (SELECT count(*) FROM layer WHERE kind = 'fc'), "
    "(SELECT sum(filters) FROM layer WHERE kind = 'conv'), (SELECT sum(parameters) FROM layer), "
    "(SELECT sum(madds) FROM layer), (SELECT count(*) FROM skipped_image) FROM study s";

static const char jobs_sql[] =
    "SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM evaluation), "
    "(SELECT count(*) FROM evaluation WHERE status = 'done'), (SELECT count(*) FROM evaluation WHERE status = "
    "'failed'), "
    "(SELECT group_concat(mode, ', ') FROM (SELECT DISTINCT mode FROM evaluation WHERE evaluation > 0 ORDER BY mode))";

static void fact(report *r, const char *name)
{
    page_markup(&r->body, "<dt>%s</dt><dd>", name);
}

static void end_fact(report *r)
{
    page_markup(&r->body, "</dd>\n");
}

static void add_network(report *r, const lsn_cell *row)
{
    char parameters[LSN_NUMBER_BYTES], madds[LSN_NUMBER_BYTES], filters[LSN_NUMBER_BYTES];
    fact(r, "Network");
    page_words(&r->body,
               "%s convolutions with %s filters, %s fully connected layers; %s parameters, %s multiply-adds an image",
               row[19].text, lsn_count_text(row[21].integer, filters), row[20].text,
               lsn_quantity_text(row[22].real, parameters), lsn_quantity_text(row[23].real, madds));
    end_fact(r);
    fact(r, "Weights");
    page_words(&r->body, "%s (%s), SHA-256 ", row[1].text, row[3].text);
    page_markup(&r->body, "<code>");
    page_text(&r->body, row[2].text);
    page_markup(&r->body, "</code>");
    end_fact(r);
}

static void add_images(report *r, const lsn_cell *row)
{
    char images[LSN_NUMBER_BYTES];
    fact(r, "Images");
    page_words(&r->body, "%s of %s classes, %s\xC3\x97%s\xC3\x97%s; SHA-256 ", lsn_count_text(row[4].integer, images),
               row[5].text, row[8].text, row[9].text, row[10].text);
    page_markup(&r->body, "<code>");
    page_text(&r->body, row[6].text);
    page_markup(&r->body, "</code>");
    end_fact(r);
    if (row[7].text[0] != '\0') {
        fact(r, "Preprocessing");
        page_text(&r->body, row[7].text);
        end_fact(r);
    }
    if (row[11].integer > 0) {
        fact(r, "Calibration");
        page_words(&r->body, "%s other images, for scores and for what replaces a filter",
                   lsn_count_text(row[11].integer, images));
        end_fact(r);
    }
    if (row[24].integer > 0) {
        fact(r, "Left out");
        page_words(&r->body, "%s images that cannot be read (table skipped_image)", row[24].text);
        end_fact(r);
    }
}

static void add_jobs(report *r, const lsn_cell *jobs, const lsn_cell *row)
{
    char all[LSN_NUMBER_BYTES], different[LSN_NUMBER_BYTES], done[LSN_NUMBER_BYTES];
    fact(r, "Jobs");
    page_words(&r->body, "%s; %s different ablations, of which %s are done", lsn_count_text(jobs[0].integer, all),
               lsn_count_text(jobs[1].integer, different), lsn_count_text(jobs[2].integer, done));
    if (jobs[3].integer > 0)
        page_words(&r->body, " and %s failed", jobs[3].text);
    end_fact(r);
    if (jobs[4].text[0] != '\0') {
        fact(r, "Modes");
        page_words(&r->body, "%s (what stands in for a removed filter's output)", jobs[4].text);
        end_fact(r);
    }
    if (row[13].kind == LSN_CELL_REAL) {
        fact(r, "Racing");
        page_words(&r->body, "a job ends when its change of top-1 is known to \xC2\xB1%g points at %g %% confidence",
                   100 * row[13].real, 100 * row[14].real);
        end_fact(r);
    }
}

bool section_study(report *r, lsn_error *err)
{
    static const page_table experiments = {"experiments", "Experiments of the study.", "llrrrr", NULL};
    lsn_table study = {0}, jobs = {0};
    report_section(r, "study", "What was studied");
    bool ok = report_query(r, &study, study_sql, err) && report_query(r, &jobs, jobs_sql, err);
    if (ok) {
        report_begin(r);
        page_markup(&r->body, "<dl class=\"facts\">\n");
        add_network(r, study.cells);
        add_images(r, study.cells);
        add_jobs(r, jobs.cells, study.cells);
        fact(r, "Begun");
        page_text(&r->body, study.cells[15].text);
        end_fact(r);
        page_markup(&r->body, "</dl>\n");
    }
    lsn_table_finish(&study);
    lsn_table_finish(&jobs);
    return ok &&
           report_table(r, &experiments,
                        "SELECT x.name AS experiment, replace(group_concat(DISTINCT e.mode), ',', ', ') AS modes, "
                        "count(*) AS jobs, "
                        "sum(e.status = 'done') AS done, sum(e.status = 'failed') AS failed, "
                        "printf('%.1f', sum(e.seconds)) AS 'seconds of computing' FROM job j JOIN experiment x ON "
                        "x.experiment = "
                        "j.experiment JOIN evaluation e ON e.evaluation = j.evaluation WHERE x.position > 0 GROUP BY "
                        "x.experiment ORDER BY x.position",
                        -1, err);
}
