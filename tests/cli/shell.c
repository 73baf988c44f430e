#include "shell.h"

#include "tiny.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char shell_output[1 << 18];

static char folder[64];

static const char study[] = "study: tiny\n"
                            "model: {weights: net.safetensors}\n"
                            "data:\n"
                            "  format: idx\n"
                            "  images: images.idx\n"
                            "  labels: labels.idx\n"
                            "  preprocess: {pad: 2, mean: 0.3, std: 0.4}\n"
                            "  take: {count: 40, seed: 3}\n"
                            "  calibration: {count: 10, seed: 1}\n"
                            "ablate:\n"
                            "  - name: every\n"
                            "    layers: conv*\n"
                            "    filters: each\n"
                            "    mode: [zero, mean]\n"
                            "  - name: weakest\n"
                            "    layers: [conv*, fc6]\n"
                            "    filters: {lowest: l1, fraction: [0.25, 0.5]}\n"
                            "  - name: chance\n"
                            "    layers: conv3_1..conv5_1\n"
                            "    filters: {random: {fraction: 0.5, seeds: 0..4}}\n"
                            "metrics: [top1, top5, loss, kl, per_class]\n";

/* What the scripts of AT_UNIT may use. A signal to a group of processes is for the rank, not for them. */
static const char at_unit[] =
    "trap '' USR1 TERM INT\n"
    "rank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}} size=${OMPI_COMM_WORLD_SIZE:-${PMI_SIZE:-1}}\n"
    "stored() { [ \"$(sqlite3 -readonly $1 \"SELECT count(*) > 0 FROM evaluation WHERE status = 'done'\" "
    "2>/dev/null)\" = 1 ]; }\n"
    "wait_for() { tries=0; until eval \"$*\"; do kill -0 $PPID 2>/dev/null && [ $((tries += 1)) -lt 6000 ] || exit 1; "
    "sleep 0.02; done; }\n"
    "said() { grep -q \"$*\" printed.txt; }\n"
    "got() { [ -e got.$1 ]; }\n";

int shell_begin(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/lesion-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (getenv("LESION") == NULL || mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    tiny_write_network("net.safetensors", 1);
    tiny_write_images("images.idx", "labels.idx", 60, 2);
    write_file("study.yaml", study);
    write_file("at_unit.sh", at_unit);
    return 0;
}

int shell_end(void **state)
{
    (void)state;
    if (chdir("/") != 0)
        return -1;
    return shell("rm -rf '%s'", folder);
}

int shell(const char *format, ...)
{
    char command[4096];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(command, sizeof command - 8, format, args);
    va_end(args);
    assert_in_range(length, 1, sizeof command - 9);
    char wrapped[4200];
    snprintf(wrapped, sizeof wrapped, "{ %s\n} 2>&1", command);
    FILE *pipe = popen(wrapped, "r");
    assert_non_null(pipe);
    size_t got = fread(shell_output, 1, sizeof shell_output - 1, pipe);
    shell_output[got] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void assert_said(const char *text)
{
    if (strstr(shell_output, text) == NULL)
        fail_msg("expected '%s' in the output:\n%s", text, shell_output);
}

void assert_not_said(const char *text)
{
    if (strstr(shell_output, text) != NULL)
        fail_msg("'%s' was not expected in the output:\n%s", text, shell_output);
}

void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

const char *ask(const char *database, const char *query)
{
    const int code = shell("sqlite3 -readonly '%s' \"%s\"", database, query);
    if (code != 0)
        fail_msg("%s: %s: exit code %d:\n%s", database, query, code, shell_output);
    shell_output[strcspn(shell_output, "\n")] = '\0';
    return shell_output;
}
