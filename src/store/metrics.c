/* The list of metrics at work: columns of the tables, values of rows, what can be. */
#include "store/metrics.h"

#include "store/store_internal.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- what follows from the sums ------------------------------------------------------------------------------ */

static double d_loss_error(const whole_result *r)
{
    return lsn_loss_effect(&r->tally).error;
}

static double mcnemar_mid(const whole_result *r)
{
    return lsn_mcnemar_mid(r->tally.lost, r->tally.gained);
}

static double mcnemar_exact(const whole_result *r)
{
    return lsn_mcnemar_exact(r->tally.lost, r->tally.gained);
}

static double balanced_accuracy(const whole_result *r)
{
    return r->balanced_accuracy;
}

static double top1_low(const whole_result *r)
{
    return lsn_wilson(r->tally.top1, r->tally.images).low;
}

static double top1_high(const whole_result *r)
{
    return lsn_wilson(r->tally.top1, r->tally.images).high;
}

/* ---- the list ------------------------------------------------------------------------------------------------ */

typedef enum metric_kind { METRIC_SUM, METRIC_DERIVED, METRIC_LATE, METRIC_SPENT } metric_kind;

typedef struct metric {
    metric_kind kind;
    const char *column;
    size_t place; /* in lsn_tally: of a sum, or of what was spent */
    double (*derive)(const whole_result *result);
    const char *check, *comment; /* or NULL */
} metric;

#define SUM(column, member, least, most, check, comment) \
    {METRIC_SUM, #column, offsetof(lsn_tally, member), NULL, check, comment},
#define DERIVED(column, function, check, comment) {METRIC_DERIVED, #column, 0, function, check, comment},
#define LATE(column, comment) {METRIC_LATE, #column, 0, NULL, NULL, comment},
#define SPENT(column, member, comment) \
    {METRIC_SPENT, #column, offsetof(lsn_tally, member), NULL, " IS NOT NULL", comment},
static const metric metrics[] = {STORE_METRICS(SUM, DERIVED, LATE, SPENT)};

enum { N_METRICS = sizeof metrics / sizeof *metrics };
_Static_assert((int)N_METRICS <= (int)METRICS_ROOM, "METRICS_ROOM");

/* ---- the tables ---------------------------------------------------------------------------------------------- */

enum { COMMENT_COLUMN = 34, CHECK_COLUMNS = 104 }; /* where comments begin; the longest line of the CHECK */

void metrics_declare_result(lsn_text *sql)
{
    for (int i = 0; i < N_METRICS; i++) {
        const metric *m = &metrics[i];
        const int type = m->kind == METRIC_SUM, width = COMMENT_COLUMN - (int)strlen(m->column) - 1;
        if (m->comment == NULL)
            lsn_text_add(sql, "    %s %s,\n", m->column, type ? "INTEGER" : "REAL");
        else
            lsn_text_add(sql, "    %s %-*s-- %s\n", m->column, width, type ? "INTEGER," : "REAL,", m->comment);
    }
}

void metrics_declare_part(lsn_text *sql)
{
    for (int i = 0; i < N_METRICS; i++)
        if (metrics[i].kind == METRIC_SUM || metrics[i].kind == METRIC_SPENT)
            lsn_text_add(sql, "    %s %s NOT NULL,\n", metrics[i].column,
                         metrics[i].kind == METRIC_SUM ? "INTEGER" : "REAL");
}

void metrics_declare_check(lsn_text *sql)
{
    static const char begin[] = "    CHECK (status <> 'done' OR (", more[] = "        ";
    size_t length = strlen(begin);
    bool first = true;
    lsn_text_add(sql, "%s", begin);
    for (int i = 0; i < N_METRICS; i++) {
        const metric *m = &metrics[i];
        if (m->check == NULL)
            continue;
        const size_t width = strlen(m->column) + strlen(m->check) + (first ? 0 : strlen(" AND "));
        const bool wrap = length + width > CHECK_COLUMNS;
        lsn_text_add(sql, "%s%s%s%s%s", wrap ? "\n" : "", wrap ? more : "",
                     first  ? ""
                     : wrap ? "AND "
                            : " AND ",
                     m->column, m->check);
        length = (wrap ? strlen(more) - 1 : length) + width;
        first = false;
    }
    lsn_text_add(sql, "))\n");
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

static void *member(lsn_tally *tally, const metric *m)
{
    return (char *)tally + m->place;
}

static value value_in(const lsn_tally *tally, const metric *m)
{
    const void *at = (const char *)tally + m->place;
    return m->kind == METRIC_SUM ? integer(*(const int64_t *)at) : real(*(const double *)at);
}

int metrics_of_part(const lsn_tally *tally, row_field *fields)
{
    int count = 0;
    for (int i = 0; i < N_METRICS; i++)
        if (metrics[i].kind == METRIC_SUM || metrics[i].kind == METRIC_SPENT)
            fields[count++] = (row_field){metrics[i].column, value_in(tally, &metrics[i])};
    return count;
}

int metrics_of_result(const whole_result *result, row_field *fields)
{
    int count = 0;
    for (int i = 0; i < N_METRICS; i++) {
        const metric *m = &metrics[i];
        if (m->kind != METRIC_LATE)
            fields[count++] = (row_field){m->column, m->kind == METRIC_DERIVED ? real(m->derive(result))
                                                                               : value_in(&result->tally, m)};
    }
    return count;
}

lsn_tally metrics_read_part(sqlite3_stmt *row, int *column)
{
    lsn_tally tally = {0};
    for (int kind = METRIC_SUM; kind <= METRIC_SPENT; kind++) /* SUM_COLUMNS, then SPENT_COLUMNS */
        for (int i = 0; i < N_METRICS; i++)
            if ((int)metrics[i].kind != kind)
                continue;
            else if (kind == METRIC_SUM)
                *(int64_t *)member(&tally, &metrics[i]) = sqlite3_column_int64(row, (*column)++);
            else if (kind == METRIC_SPENT)
                *(double *)member(&tally, &metrics[i]) = sqlite3_column_double(row, (*column)++);
    return tally;
}

/* ---- what can be --------------------------------------------------------------------------------------------- */

static bool within(int64_t number, int64_t least, int64_t most)
{
    return number >= least && number <= most;
}

/* One after another: the differences of those before cannot overflow. */
bool metrics_possible(const lsn_tally *tally)
{
#define LOCAL(column, member, ...) const int64_t column = tally->member;
#define WITHIN(column, member, least, most, ...) &&within(column, least, most)
    STORE_METRICS(LOCAL, METRIC_NONE, METRIC_NONE, METRIC_NONE)
    return tally->seconds >= 0 STORE_METRICS(WITHIN, METRIC_NONE, METRIC_NONE, METRIC_NONE);
}
