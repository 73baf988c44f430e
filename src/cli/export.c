/* lesion export: a table or view of a database as CSV or JSON Lines. */
#include "cli/cli.h"

#include "lesion/report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool write_to(lsn_reader *reader, const lsn_options *options, FILE *out, lsn_error *err)
{
    return options->list ? lsn_export_list(reader, out, err)
                         : lsn_export(reader, options->view != NULL ? options->view : "job_result",
                                      (lsn_format)(LSN_FORMAT_CSV + options->format), out, err);
}

/* ---- to a file ----------------------------------------------------------------------------------------------- */

static bool write_file(lsn_reader *reader, const lsn_options *options, lsn_error *err)
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
static bool write_stdout(lsn_reader *reader, const lsn_options *options, lsn_error *err)
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

int lsn_command_export(lsn_options *options)
{
    lsn_error err = {0};
    signal(SIGPIPE, SIG_DFL); /* `lesion export DB | head` ends without a word, whoever started us */
    lsn_reader *reader = lsn_reader_open(options->arguments[0], &err);
    const bool to_file = options->output != NULL && strcmp(options->output, "-") != 0;
    const bool ok =
        reader != NULL && (to_file ? write_file(reader, options, &err) : write_stdout(reader, options, &err));
    lsn_reader_close(reader);
    return ok ? LSN_OK : lsn_exit_with(&err);
}
