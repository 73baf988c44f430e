/* The report's first section: what was studied. */
#include "report/report_page.h"

static const char study_sql[] =
    "SELECT s.*, s.stop_half_width * 100 AS points, s.stop_confidence * 100 AS confidence, "
    "(SELECT count(*) FROM layer WHERE kind = 'conv') AS convolutions, (SELECT count(*) FROM layer WHERE kind = 'fc') "
    "AS connected, (SELECT sum(filters) FROM layer WHERE kind = 'conv') AS filters, (SELECT sum(parameters) FROM "
    "layer) AS parameters, (SELECT sum(madds) FROM layer) AS madds, (SELECT count(*) FROM skipped_image) AS skipped, "
    "(SELECT count(*) FROM job) AS jobs, (SELECT count(*) FROM evaluation) AS ablations, (SELECT count(*) FROM "
    "evaluation WHERE status = 'done') AS done, (SELECT count(*) FROM evaluation WHERE status = 'failed') AS failed, "
    "(SELECT group_concat(mode, ', ') FROM (SELECT DISTINCT mode FROM evaluation WHERE evaluation > 0 ORDER BY mode)) "
    "AS modes FROM study s";

/* What is said of the study, by report_fill; nothing where that gives no words. `code`: words that follow as code. */
static const struct {
    const char *name, *words, *code;
} facts[] = {
    {"Network",
     "{convolutions} convolutions with {filters:,} filters, {connected} fully connected layers; {parameters:k} "
     "parameters, {madds:k} multiply-adds an image",
     ""},
    {"Weights", "{weights_path} ({weights_dtype}), SHA-256 ", "{weights_sha256}"},
    {"Images", "{images:,} of {classes} classes, {input_channels}\xC3\x97{input_height}\xC3\x97{input_width}; SHA-256 ",
     "{images_sha256}"},
    {"Preprocessing", "{preprocess}", ""},
    {"Calibration",
     "{calibration_images?{calibration_images:,} other images, for scores and for what replaces a filter}", ""},
    {"Left out", "{skipped?{skipped} images that cannot be read (table skipped_image)}", ""},
    {"Jobs", "{jobs:,}; {ablations:,} different ablations, of which {done:,} are done{failed? and {failed} failed}",
     ""},
    {"Modes", "{modes?{modes} (what stands in for a removed filter's output)}", ""},
    {"Racing",
     "{stop_half_width?a job ends when its change of top-1 is known to \xC2\xB1{points:g} points at {confidence:g} % "
     "confidence}",
     ""},
    {"Begun", "{created}", ""},
};

static void add_fact(report *r, const lsn_table *study, size_t fact)
{
    lsn_text words = {0}, code = {0};
    report_fill(&words, study, 0, facts[fact].words);
    report_fill(&code, study, 0, facts[fact].code);
    r->body.failed = r->body.failed || words.failed || code.failed;
    if (words.length > 0) {
        page_markup(&r->body, "<dt>%s</dt><dd>", facts[fact].name);
        page_text(&r->body, words.data);
        page_markup(&r->body, code.length > 0 ? "<code>" : "");
        page_text(&r->body, code.length > 0 ? code.data : "");
        page_markup(&r->body, code.length > 0 ? "</code></dd>\n" : "</dd>\n");
    }
    lsn_text_finish(&words);
    lsn_text_finish(&code);
}

bool section_study(report *r, lsn_error *err)
{
    static const page_table experiments = {"experiments", "Experiments of the study.", "llrrrr", NULL};
    lsn_table study = {0};
    report_section(r, "study", "What was studied");
    const bool ok = report_query(r, &study, study_sql, err);
    if (ok) {
        report_begin(r);
        page_markup(&r->body, "<dl class=\"facts\">\n");
        for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
            add_fact(r, &study, i);
        page_markup(&r->body, "</dl>\n");
    }
    lsn_table_finish(&study);
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
