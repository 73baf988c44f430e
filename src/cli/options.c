#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool lsn_override_add(lsn_overrides *overrides, const char *text, lsn_error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return lsn_fail(err, LSN_USAGE, "--set %s: should be KEY=VALUE, as in data.take.count=100", text);
    size_t room = (size_t)overrides->count;
    if (!lsn_grow((void **)&overrides->text, room, &room, sizeof(char *), err))
        return false;
    overrides->text[overrides->count++] = text;
    return true;
}

void lsn_overrides_finish(lsn_overrides *overrides)
{
    free(overrides->text);
    *overrides = (lsn_overrides){0};
}

/* "01:30:00" or "05:00". */
static bool parse_clock(const char *text, double *seconds)
{
    int a, b, c, end = 0;
    if (sscanf(text, "%d:%d:%d%n", &a, &b, &c, &end) == 3 && text[end] == '\0')
        *seconds = 3600.0 * a + 60.0 * b + c;
    else if (sscanf(text, "%d:%d%n", &a, &b, &end) == 2 && text[end] == '\0')
        *seconds = 60.0 * a + b;
    else
        return false;
    return a >= 0 && b >= 0 && *seconds > 0;
}

/* "90", "90s", "1h30m". */
static bool parse_units(const char *text, double *seconds)
{
    static const struct {
        char letter;
        double seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    *seconds = 0;
    while (*text != '\0') {
        char *end;
        if (!isdigit((unsigned char)*text))
            return false;
        double number = strtod(text, &end), scale = 0;
        if (*end == '\0')
            scale = 1;
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (*end == units[i].letter) {
                scale = units[i].seconds;
                end++;
                break;
            }
        *seconds += number * scale;
        if (scale <= 0)
            return false;
        text = end;
    }
    return *seconds > 0 && isfinite(*seconds);
}

bool lsn_parse_duration(const char *text, double *seconds, lsn_error *err)
{
    if (parse_clock(text, seconds) || parse_units(text, seconds))
        return true;
    return lsn_fail(err, LSN_USAGE, "'%s' is no length of time: write 90s, 5m, 1h30m or 01:30:00", text);
}

bool lsn_parse_deadline(const char *text, double *deadline_s, lsn_error *err)
{
    double seconds;
    *deadline_s = 0;
    if (strcmp(text, "none") == 0)
        return true;
    if (lsn_parse_duration(text, &seconds, NULL)) {
        *deadline_s = lsn_now_s() + seconds;
        return true;
    }
    return lsn_fail(err, LSN_USAGE, "--deadline: '%s' is no length of time: write 90s, 5m, 1h30m or 01:30:00, or none",
                    text);
}

bool lsn_parse_size(const char *text, size_t *bytes, lsn_error *err)
{
    static const char letters[] = "KMGT";
    char *end;
    double number = strtod(text, &end);
    const char *letter = *end == '\0' ? NULL : strchr(letters, toupper((unsigned char)*end));
    if (letter != NULL) {
        number *= pow(1024, (double)(letter - letters) + 1);
        end++;
    }
    if (strcasecmp(end, "iB") == 0 || strcasecmp(end, "B") == 0)
        end += strlen(end);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || !(number >= 1 && number < 1e18))
        return lsn_fail(err, LSN_USAGE, "'%s' is no amount of memory: write 500M or 2G", text);
    *bytes = (size_t)number;
    return true;
}

bool lsn_parse_counts(const char *text, int **numbers, int *count, lsn_error *err)
{
    size_t room = 0;
    *numbers = NULL;
    *count = 0;
    for (;;) {
        char *end;
        errno = 0;
        long number = strtol(text, &end, 10);
        if (!isdigit((unsigned char)*text) || errno != 0 || number < 1 || number > 10000000 ||
            (*end != ',' && *end != '\0')) {
            free(*numbers);
            *numbers = NULL;
            return lsn_fail(err, LSN_USAGE, "'%s' should be whole numbers from 1, as in 1,2,64", text);
        }
        if (!lsn_grow((void **)numbers, (size_t)*count, &room, sizeof(int), err)) {
            free(*numbers);
            *numbers = NULL;
            return false;
        }
        (*numbers)[(*count)++] = (int)number;
        if (*end == '\0')
            return true;
        text = end + 1;
    }
}

bool lsn_parse_threads(const char *text, int *threads, lsn_error *err)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || number < 1 || number > 1024)
        return lsn_fail(err, LSN_USAGE, "--threads %s: should be a whole number, 1 to 1024", text);
    *threads = (int)number;
    return true;
}

bool lsn_parse_count(const char *text, int32_t *number, lsn_error *err)
{
    char *end;
    const long long value = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || value < 1 || value > INT32_MAX)
        return lsn_fail(err, LSN_USAGE, "%s: should be a whole number, at least 1", text);
    *number = (int32_t)value;
    return true;
}

bool lsn_parse_shard(const char *text, int32_t *shard, int32_t *shards, lsn_error *err)
{
    char number[16];
    const char *slash = strchr(text, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - text);
    if (length > 0 && length < sizeof number) {
        memcpy(number, text, length);
        number[length] = '\0';
        if (lsn_parse_count(number, shard, NULL) && lsn_parse_count(slash + 1, shards, NULL) && *shard <= *shards)
            return true;
    }
    return lsn_fail(err, LSN_USAGE, "--shard %s: should be I/N, share I of N, as in 1/4 .. 4/4", text);
}

bool lsn_parse_method(const char *text, lsn_method *method, lsn_error *err)
{
    *method = lsn_method_find(text);
    return *method != LSN_N_METHODS ||
           lsn_fail(err, LSN_USAGE, "--method %s: should be winograd, blas or reference", text);
}

/* The long option nearest to what was written, for a hint; NULL if none is near. */
static const char *nearest_option(const char *word, const struct option *options)
{
    const char *names[32];
    size_t count = 0;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    for (; options->name != NULL && count < 31; options++)
        names[count++] = options->name;
    names[count] = NULL;
    return lsn_nearest(name, names);
}

/* ":ho:": those of the long ones that stand for a letter. */
static const char *short_options(const struct option *options, char *letters, size_t size)
{
    size_t length = (size_t)snprintf(letters, size, ":h");
    for (; options->name != NULL && length + 2 < size; options++)
        if (options->val != 'h' && isalpha(options->val))
            length += (size_t)snprintf(letters + length, size - length, "%c%s", options->val,
                                       options->has_arg == required_argument ? ":" : "");
    return letters;
}

/* The next option as getopt_long gives it: -1 at the end; '?' after a message. -h prints the help and gives 'h'. */
static int next_option(int argc, char **argv, const struct option *options, const char *command)
{
    opterr = 0;
    int at = optind;
    char letters[64];
    int option = getopt_long(argc, argv, short_options(options, letters, sizeof letters), options, NULL);
    if (option == 'h') {
        lsn_help(command);
        return 'h';
    }
    if (option != '?' && option != ':')
        return option;
    const char *word = argv[optind > at ? optind - 1 : at];
    const char *nearest = strncmp(word, "--", 2) == 0 ? nearest_option(word + 2, options) : NULL;
    if (option == ':')
        lsn_log("%s needs a value: see 'lesion %s --help'", word, command);
    else if (nearest != NULL)
        lsn_log("%s is no option of 'lesion %s': did you mean --%s?", word, command, nearest);
    else
        lsn_log("%s is no option of 'lesion %s': see 'lesion %s --help'", word, command, command);
    return '?';
}

int lsn_read_options(int argc, char **argv, const struct option *table, const char *command, const char *what,
                     lsn_take_option *take, void *options)
{
    return lsn_read_arguments(argc, argv, table, command, what, 1, 1, take, options);
}

int lsn_read_arguments(int argc, char **argv, const struct option *table, const char *command, const char *what,
                       int least, int most, lsn_take_option *take, void *options)
{
    for (int option; (option = next_option(argc, argv, table, command)) != -1;) {
        lsn_error err = {0};
        if (option == 'h')
            return LSN_HELPED;
        if (option == '?')
            return LSN_USAGE;
        if (!take(options, option, &err))
            return lsn_exit_with(&err);
    }
    if (argc - optind >= least && argc - optind <= most)
        return LSN_OK;
    lsn_log("'lesion %s' takes %s: see 'lesion %s --help'", command, what, command);
    return LSN_USAGE;
}

int lsn_exit_with(const lsn_error *err)
{
    lsn_log("%s", err->text);
    return err->code;
}

int lsn_exit_with_problems(const char *study, const lsn_problems *problems, const lsn_error *err)
{
    if (problems->count == 0)
        return lsn_exit_with(err);
    for (size_t i = 0; i < problems->count; i++)
        lsn_log("%s", problems->text[i]);
    lsn_log("%zu mistake%s in %s; nothing was run", problems->count, problems->count == 1 ? "" : "s", study);
    return LSN_INVALID;
}

static const lsn_ranks alone = {.size = 1, .on_node = 1};

lsn_plan *lsn_read_plan(const char *study, const lsn_overrides *overrides, const lsn_ranks *ranks, int *code)
{
    lsn_problems problems = {0};
    lsn_error err = {0};
    lsn_plan *plan =
        lsn_ranks_read_plan(ranks == NULL ? &alone : ranks, study, overrides->text, overrides->count, &problems, &err);
    if (plan == NULL)
        *code = lsn_exit_with_problems(study, &problems, &err);
    lsn_problems_finish(&problems);
    return plan;
}

void lsn_tell_skipped(const lsn_plan *plan)
{
    enum { SHOWN = 5 };
    if (plan->n_skipped == 0)
        return;
    lsn_log("%d image%s left out (skip_broken), for %s cannot be read:", plan->n_skipped,
            plan->n_skipped == 1 ? " is" : "s are", plan->n_skipped == 1 ? "it" : "they");
    for (int32_t i = 0; i < plan->n_skipped && i < SHOWN; i++)
        lsn_log("  %s", plan->skipped[i].reason);
    if (plan->n_skipped > SHOWN)
        lsn_log("  and %d more", plan->n_skipped - SHOWN);
}

int lsn_settle(lsn_plan *plan, const lsn_ranks *ranks, int threads)
{
    lsn_problems problems = {0};
    lsn_error err = {0};
    bool ok = lsn_images_settle(plan, ranks, threads, &problems, &err);
    for (size_t i = 0; i < problems.count; i++)
        lsn_log("%s", problems.text[i]);
    lsn_problems_finish(&problems);
    if (ok)
        lsn_tell_skipped(plan);
    return ok ? LSN_OK : lsn_exit_with(&err);
}

lsn_plan *lsn_read_settled_plan(const char *study, const lsn_overrides *overrides, int threads, int *code)
{
    lsn_plan *plan = lsn_read_plan(study, overrides, NULL, code);
    if (plan == NULL)
        return NULL;
    *code = lsn_settle(plan, &alone, threads);
    if (*code == LSN_OK)
        return plan;
    lsn_plan_destroy(plan);
    return NULL;
}
