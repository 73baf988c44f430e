/* The line that shows how far a run is: a bar on a terminal, a line every half minute elsewhere. */
#include "cli/progress.h"

#include "lesion/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR_CELLS = 24 };

static const double LINE_S = 30;

/* A launcher passes stderr on through a pipe; where its own stderr is a terminal, a bar is seen all the same. */
static bool launcher_has_terminal(void)
{
    char link[64], target[256];
    if (getenv("OMPI_COMM_WORLD_SIZE") == NULL)
        return false;
    snprintf(link, sizeof link, "/proc/%ld/fd/2", (long)getppid());
    ssize_t length = readlink(link, target, sizeof target - 1);
    if (length <= 0)
        return false;
    target[length] = '\0';
    return strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0;
}

void lsn_progress_init(lsn_progress *progress)
{
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;
    *progress = (lsn_progress){.live = !dumb && (isatty(STDERR_FILENO) || launcher_has_terminal())};
    progress->shown_s = lsn_now_s();
}

static void describe(const lsn_sweep_progress *seen, char *text, size_t bytes)
{
    char done[LSN_NUMBER_BYTES], all[LSN_NUMBER_BYTES], speed[LSN_NUMBER_BYTES], left[LSN_NUMBER_BYTES];
    double images_s = seen->elapsed_s > 0 ? (double)seen->job_images / seen->elapsed_s : 0;
    bool known = seen->left_s >= 0;
    snprintf(text, bytes, "%5.1f %%  %s/%s jobs  %s images/s  %s%s", 100 * seen->share,
             lsn_count_text(seen->jobs_done, done), lsn_count_text(seen->jobs, all),
             lsn_count_text((int64_t)(images_s + 0.5), speed),
             known ? lsn_duration_text(seen->left_s, left) : "time left unknown", known ? " left" : "");
}

static void draw_bar(lsn_progress *progress, const lsn_sweep_progress *seen, const char *text)
{
    char bar[3 * BAR_CELLS + 1] = "";
    int full = (int)(seen->share * BAR_CELLS + 0.5);
    for (int i = 0; i < BAR_CELLS; i++)
        strcat(bar, i < full ? "█" : "░");
    int width = BAR_CELLS + 1 + (int)strlen(text);
    fprintf(stderr, "\r%s %s%*s", bar, text, progress->width > width ? progress->width - width : 0, "");
    fflush(stderr);
    progress->width = width;
}

void lsn_progress_show(void *context, const lsn_sweep_progress *seen)
{
    lsn_progress *progress = context;
    char text[160];
    describe(seen, text, sizeof text);
    if (progress->live)
        draw_bar(progress, seen, text);
    else if (lsn_now_s() - progress->shown_s >= LINE_S) {
        progress->shown_s = lsn_now_s();
        lsn_log("%s", text + strspn(text, " "));
    }
}

void lsn_progress_end(lsn_progress *progress)
{
    if (progress->width > 0)
        fputc('\n', stderr);
    progress->width = 0;
}
