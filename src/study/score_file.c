/* Scores that come from elsewhere: comma-separated values, of which the first line names the columns; layer, filter and
 * score are read, in any order, others passed over. */
#include "study/expand.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 256, MOST_LINE = 4096, MOST_MISTAKES = 20 };
enum { COLUMN_LAYER, COLUMN_FILTER, COLUMN_SCORE, N_COLUMNS };

static const char *const column_names[N_COLUMNS + 1] = {"layer", "filter", "score", NULL};

typedef struct score_file {
    const lsn_net *net;
    const lsn_file_spec *spec;
    lsn_reading *in;
    double *values;
    int32_t *line_of; /* [filters of the network] where its score stands; 0: nowhere */
    int column[N_COLUMNS];
    int line;
    int n_mistakes;
} score_file;

/* ---- mistakes ------------------------------------------------------------------------------------------------ */

static bool wrong(score_file *file, const char *format, ...) LSN_PRINTF(2, 3);

/* At a line of the file; only the first of many are reported. */
static bool wrong(score_file *file, const char *format, ...)
{
    char what[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (file->n_mistakes++ < MOST_MISTAKES)
        lsn_mistake_at(file->in, file->spec->at, "%s:%d: %s", file->spec->path, file->line, what);
    return false;
}

/* ---- a line -------------------------------------------------------------------------------------------------- */

/* Blanks around a field, and a pair of quotes around what is left, are no part of it. */
static char *trim(char *field)
{
    field += strspn(field, " \t");
    size_t length = strlen(field);
    while (length > 0 && strchr(" \t\r", field[length - 1]) != NULL)
        field[--length] = '\0';
    if (length >= 2 && field[0] == '"' && field[length - 1] == '"') {
        field[length - 1] = '\0';
        field++;
    }
    return field;
}

/* Cuts the line up at its commas. */
static int split(char *line, char *fields[MOST_FIELDS])
{
    int count = 0;
    for (char *at = line; at != NULL && count < MOST_FIELDS; count++) {
        char *comma = strchr(at, ',');
        if (comma != NULL)
            *comma = '\0';
        fields[count] = trim(at);
        at = comma == NULL ? NULL : comma + 1;
    }
    return count;
}

static bool read_header(score_file *file, char *fields[MOST_FIELDS], int count)
{
    bool ok = true;
    for (int c = 0; c < N_COLUMNS; c++) {
        file->column[c] = -1;
        for (int i = 0; i < count; i++)
            if (strcmp(fields[i], column_names[c]) == 0)
                file->column[c] = i;
        if (file->column[c] < 0)
            ok = wrong(file, "the column \"%s\" is missing; let the first line name the columns: layer,filter,score",
                       column_names[c]);
    }
    return ok;
}

static bool refuse_layer(score_file *file, const char *name)
{
    char shown[LSN_SHOWN_BYTES];
    const char *nearest = lsn_nearest_layer(file->net, file->net->n_layers, name);
    if (nearest != NULL)
        return wrong(file, "the network has no layer %s; did you mean \"%s\"?", lsn_shown(name, shown), nearest);
    return wrong(file, "the network has no layer %s; its layers are %s to %s", lsn_shown(name, shown),
                 file->net->layers[0].name, file->net->layers[file->net->n_layers - 1].name);
}

static bool read_filter(score_file *file, const lsn_layer *layer, const char *text, int *filter)
{
    char shown[LSN_SHOWN_BYTES];
    int64_t low, high;
    if (strchr(text, '.') != NULL || !lsn_number_range_parse(text, &low, &high))
        return wrong(file, "filter is %s; give a whole number", lsn_shown(text, shown));
    if (low >= layer->filters)
        return wrong(file, "there is no filter %" PRId64 " in layer %s: it has %d, 0..%d", low, layer->name,
                     layer->filters, layer->filters - 1);
    *filter = (int)low;
    return true;
}

/* Rows of the logits are passed over: whoever writes a row for every output of the network need not leave them out. */
static bool read_row(score_file *file, char *fields[MOST_FIELDS], int count)
{
    char shown[LSN_SHOWN_BYTES];
    for (int c = 0; c < N_COLUMNS; c++)
        if (file->column[c] >= count)
            return wrong(file, "there are %d fields; %s is field %d", count, column_names[c], file->column[c] + 1);
    const char *name = fields[file->column[COLUMN_LAYER]], *score = fields[file->column[COLUMN_SCORE]];
    const int l = lsn_net_find(file->net, name);
    if (l < 0)
        return refuse_layer(file, name);
    int filter = 0;
    double value;
    const lsn_layer *layer = &file->net->layers[l];
    if (!read_filter(file, layer, fields[file->column[COLUMN_FILTER]], &filter))
        return false;
    if (!lsn_real_parse(score, &value))
        return wrong(file, "score is %s; give a number", lsn_shown(score, shown));
    if (layer->logits)
        return true;
    const int at = lsn_net_filter_offset(file->net, l) + filter;
    if (file->line_of[at] > 0)
        return wrong(file, "filter %d of layer %s has a score at line %d already; remove one", filter, name,
                     file->line_of[at]);
    file->line_of[at] = file->line;
    file->values[at] = value;
    return true;
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

/* False where nothing more can be read from the file. */
static bool read_line(score_file *file, const char *text, size_t bytes)
{
    char line[MOST_LINE], *fields[MOST_FIELDS];
    file->line++;
    if (bytes >= sizeof line)
        return wrong(file, "is longer than %d bytes; a row has a layer, a filter and a score", MOST_LINE - 1);
    memcpy(line, text, bytes);
    line[bytes] = '\0';
    const bool empty = strspn(line, " \t\r") == bytes;
    if (strlen(line) != bytes)
        return wrong(file, "has a zero byte: this is not a text file");
    int count = split(line, fields);
    if (file->line == 1)
        return read_header(file, fields, count);
    if (!empty)
        read_row(file, fields, count);
    return true;
}

static void read_lines(score_file *file, const char *text, size_t bytes)
{
    const char *end = text + bytes;
    if (bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3; /* as spreadsheets begin a file of UTF-8 */
    file->line = text < end ? 0 : 1;
    bool more = text < end || wrong(file, "is empty; let the first line name the columns: layer,filter,score");
    while (more && text < end && file->line < INT32_MAX) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((feed == NULL ? end : feed) - text);
        more = read_line(file, text, length);
        text += length + (feed != NULL);
    }
}

static void find_missing(score_file *file, const lsn_layer *layer, const double *values)
{
    int missing = 0, first = -1;
    for (int f = 0; f < layer->filters; f++)
        if (isnan(values[f]) && missing++ == 0)
            first = f;
    if (missing > 0)
        lsn_mistake_at(file->in, file->spec->at,
                       "%s: %d of the %d filters of layer %s have no score, the first is %d; add their rows, or leave "
                       "the layer out",
                       file->spec->path, missing, layer->filters, layer->name, first);
}

/* Every filter of the layers that are ranked needs a score, one mistake a layer; scores of others are not kept. */
static void check_layers(score_file *file, int score)
{
    for (int l = 0; l < file->net->n_layers - 1; l++) {
        const lsn_layer *layer = &file->net->layers[l];
        double *values = file->values + lsn_net_filter_offset(file->net, l);
        const bool ranks = lsn_score_ranks(file->in->spec, score, l);
        if (ranks && file->n_mistakes == 0)
            find_missing(file, layer, values);
        for (int f = 0; !ranks && f < layer->filters; f++)
            values[f] = (double)NAN;
    }
}

bool lsn_score_file_read(const lsn_net *net, int score, double *values, lsn_reading *in)
{
    lsn_error err = {0};
    lsn_file bytes;
    const lsn_file_spec *spec = &in->spec->scores[score].file;
    score_file file = {.net = net, .spec = spec, .in = in, .values = values};
    if (!lsn_file_map(&bytes, spec->path, &err))
        return lsn_mistake_from(in, spec->at, &err);
    file.line_of = lsn_array((size_t)lsn_net_filters(net), sizeof *file.line_of, &in->failure);
    if (file.line_of != NULL) {
        read_lines(&file, (const char *)bytes.data, bytes.bytes);
        if (file.n_mistakes > MOST_MISTAKES)
            lsn_mistake_at(in, spec->at, "%s: and %d more mistakes; correct these first", spec->path,
                           file.n_mistakes - MOST_MISTAKES);
        check_layers(&file, score);
    }
    lsn_file_unmap(&bytes);
    free(file.line_of);
    return in->n_mistakes == 0 && in->failure.code == LSN_OK;
}
