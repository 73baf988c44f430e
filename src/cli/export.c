#include "cli/cli.h"

#include "lesion/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct export_options {
    const char *view, *output;
    lsn_format format;
    bool list;
} export_options;

enum { OPT_VIEW = 256, OPT_FORMAT, OPT_LIST };

static const struct option export_option_table[] = {
    {"view", required_argument, NULL, OPT_VIEW},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"list", no_argument, NULL, OPT_LIST},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool take_option(void *context, int option, lsn_error *err)
{
    export_options *options = context;
    switch (option) {
    case OPT_VIEW:
        options->view = optarg;
        return true;
    case OPT_LIST:
        options->list = true;
        return true;
    case 'o':
        options->output = strcmp(optarg, "-") == 0 ? NULL : optarg;
        return true;
    default:
        options->format = strcmp(optarg, "jsonl") == 0 ? LSN_FORMAT_JSONL : LSN_FORMAT_CSV;
        return options->format == LSN_FORMAT_JSONL || strcmp(optarg, "csv") == 0 ||
               lsn_fail(err, LSN_USAGE, "--format %s: should be csv or jsonl", optarg);
    }
}

static bool write_to(lsn_reader *reader, const export_options *options, FILE *out, lsn_error *err)
{
    return options->list ? lsn_export_list(reader, out, err)
                         : lsn_export(reader, options->view, options->format, out, err);
}

/* ---- to a file ----------------------------------------------------------------------------------------------- */

static bool write_file(lsn_reader *reader, const export_options *options, lsn_error *err)
{
    lsn_new_file file;
    if (!lsn_new_file_open(&file, options->output, err))
        return false;
    const bool ok = write_to(reader, options, file.out, err);
    if (!ok && err->code == LSN_FAILED)
        lsn_fail_in(err, "%s", options->output);
    return lsn_new_file_close(&file, ok, err);
}

/* ---- to standard output -------------------------------------------------------------------------------------- */

static bool copy_all(FILE *from, FILE *to, lsn_error *err)
{
    char bytes[1 << 16];
    size_t count = 0;
    rewind(from);
    while ((count = fread(bytes, 1, sizeof bytes, from)) > 0)
        if (fwrite(bytes, 1, count, to) != count)
            break;
    return (ferror(from) == 0 && ferror(to) == 0 && fflush(to) == 0) ||
           lsn_fail(err, LSN_FAILED, "cannot be written: %s", strerror(errno));
}

/* Whoever reads our output may be slow, or wait for a key: where that would keep a run from writing, the rows are
 * collected first. */
static bool write_stdout(lsn_reader *reader, const export_options *options, lsn_error *err)
{
    if (!lsn_reader_blocks(reader))
        return write_to(reader, options, stdout, err);
    FILE *spool = tmpfile();
    if (spool == NULL)
        return lsn_fail(err, LSN_FAILED, "no temporary file could be made: %s; give a file with -o", strerror(errno));
    const bool ok = write_to(reader, options, spool, err) && copy_all(spool, stdout, err);
    fclose(spool);
    return ok;
}

int lsn_command_export(int argc, char **argv)
{
    export_options options = {.view = "job_result", .format = LSN_FORMAT_CSV};
    lsn_error err = {0};
    int code = lsn_read_options(argc, argv, export_option_table, "export", "one database", take_option, &options);
    if (code != LSN_OK)
        return code == LSN_HELPED ? LSN_OK : code;
    signal(SIGPIPE, SIG_DFL); /* `lesion export DB | head` ends without a word, whoever started us */
    lsn_reader *reader = lsn_reader_open(argv[optind], &err);
    bool ok = reader != NULL;
    ok = ok && (options.output != NULL ? write_file(reader, &options, &err) : write_stdout(reader, &options, &err));
    lsn_reader_close(reader);
    return ok ? LSN_OK : lsn_exit_with(&err);
}
