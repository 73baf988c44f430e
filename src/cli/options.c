/* Reads command lines by the tables of commands.c. */
#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- notations --------------------------------------------------------------------------------------------------- */

bool lsn_texts_add(lsn_texts *texts, const char *text, lsn_error *err)
{
    size_t room = (size_t)texts->count;
    if (!lsn_grow((void **)&texts->text, room, &room, sizeof(char *), err))
        return false;
    texts->text[texts->count++] = text;
    return true;
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
    static const char letters[] = "smhd";
    static const double scales[] = {1, 60, 3600, 86400};
    *seconds = 0;
    while (*text != '\0') {
        char *end;
        if (!isdigit((unsigned char)*text))
            return false;
        const double number = strtod(text, &end);
        const char *letter = *end == '\0' ? letters : strchr(letters, *end);
        if (letter == NULL)
            return false;
        *seconds += number * scales[letter - letters];
        text = *end == '\0' ? end : end + 1;
    }
    return *seconds > 0 && isfinite(*seconds);
}

/* Seconds. */
static bool parse_duration(const char *text, double *seconds)
{
    return parse_clock(text, seconds) || parse_units(text, seconds);
}

/* "500M", "2G", "1.5GiB", "1000000": bytes, powers of 1024. */
static bool parse_size(const char *text, size_t *bytes)
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
        return false;
    *bytes = (size_t)number;
    return true;
}

/* A whole number; it ends at *end. */
static bool parse_whole(const char *text, int64_t least, int64_t most, int64_t *number, char **end)
{
    errno = 0;
    *number = strtoll(text, end, 10);
    return isdigit((unsigned char)*text) && errno == 0 && *number >= least && *number <= most;
}

static bool parse_int32(const char *text, char until, int32_t *number)
{
    char *end;
    int64_t whole;
    const bool ok = parse_whole(text, 1, INT32_MAX, &whole, &end) && *end == until;
    *number = (int32_t)whole;
    return ok;
}

/* "2/4". */
static bool parse_shard(const char *text, struct lsn_shard *shard)
{
    const char *slash = strchr(text, '/');
    return slash != NULL && parse_int32(text, '/', &shard->index) && parse_int32(slash + 1, '\0', &shard->count) &&
           shard->index <= shard->count;
}

/* "1,2,64". */
static bool parse_counts(const char *text, int32_t most, lsn_counts *counts, lsn_error *err)
{
    size_t room = 0;
    char *end;
    free(counts->numbers);
    *counts = (lsn_counts){0};
    for (;; text = end + 1) {
        int64_t number;
        if (!parse_whole(text, 1, most, &number, &end) || (*end != ',' && *end != '\0'))
            return lsn_fail(err, LSN_USAGE, "should be whole numbers, 1 to %d, as in 1,2,64", (int)most);
        if (!lsn_grow((void **)&counts->numbers, (size_t)counts->count, &room, sizeof *counts->numbers, err))
            return false;
        counts->numbers[counts->count++] = (int32_t)number;
        if (*end == '\0')
            return true;
    }
}

/* The index of a word in "csv|jsonl"; -1: none of them. */
static int find_choice(const char *words, const char *word)
{
    for (int i = 0;; i++) {
        const size_t bytes = strcspn(words, "|");
        if (strlen(word) == bytes && strncmp(words, word, bytes) == 0)
            return i;
        if (words[bytes] == '\0')
            return -1;
        words += bytes + 1;
    }
}

/* A decimal number, 0 to `most`, that ends at *end. */
static bool parse_number(const char *text, double most, double *number, const char **end)
{
    *number = strtod(text, (char **)end);
    return isdigit((unsigned char)*text) && *number <= most;
}

/* "1ms" and "100us" beside what parse_duration reads, and 0. */
static bool parse_moment(const char *text, double *seconds)
{
    const char *unit;
    if (parse_number(text, HUGE_VAL, seconds, &unit)) {
        const double scale = strcmp(unit, "ms") == 0 ? 1e-3 : strcmp(unit, "us") == 0 ? 1e-6 : 0;
        *seconds *= scale;
        if (scale > 0 || strspn(text, "0.") == strlen(text))
            return true;
    }
    return parse_duration(text, seconds);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool take_whole(const lsn_option *option, void *member, const char *text, lsn_error *err)
{
    const bool wide = option->kind == VALUE_WHOLE;
    const int64_t least = option->kind == VALUE_COUNT;
    const int64_t most = wide ? INT64_MAX : option->most > 0 ? option->most : INT32_MAX;
    int64_t number;
    char *end;
    if (!parse_whole(text, least, most, &number, &end) || *end != '\0')
        return option->most > 0 ? lsn_fail(err, LSN_USAGE, "should be a whole number, %d to %d", (int)least, (int)most)
                                : lsn_fail(err, LSN_USAGE, "should be a whole number, at least %d", (int)least);
    if (wide)
        *(int64_t *)member = number;
    else
        *(int32_t *)member = (int32_t)number;
    return true;
}

static const char *const A_DURATION = "should be a length of time: 90s, 5m, 1h30m or 01:30:00";

static bool take_deadline(double *deadline_s, const char *text, lsn_error *err)
{
    double seconds = 0;
    const bool none = strcmp(text, "none") == 0;
    if (!none && !parse_duration(text, &seconds))
        return lsn_fail(err, LSN_USAGE, "%s, or none", A_DURATION);
    *deadline_s = none ? 0 : lsn_now_s() + seconds;
    return true;
}

static bool take_interval(double *seconds, const char *text, lsn_error *err)
{
    *seconds = 2;
    if (text != NULL && !parse_duration(text, seconds))
        return lsn_fail(err, LSN_USAGE, "%s", A_DURATION);
    return *seconds >= 0.1 || lsn_fail(err, LSN_USAGE, "should be at least 0.1 s");
}

static bool take_faults(lsn_options *options, const lsn_option *option, const char *spec, lsn_error *err);

/* Sets the option's member of *options. A message says only what the value should be. */
static bool take_value(lsn_options *options, const lsn_option *option, const char *text, lsn_error *err)
{
    void *member = (char *)options + option->offset;
    const char *end;
    switch (option->kind) {
    case VALUE_NONE:
        return *(bool *)member = true;
    case VALUE_TEXT:
        *(const char **)member = text;
        return true;
    case VALUE_SETTING:
        if (strchr(text, '=') == NULL || text[0] == '=')
            return lsn_fail(err, LSN_USAGE, "should be KEY=VALUE, as in data.take.count=100");
        return lsn_texts_add(member, text, err);
    case VALUE_TEXTS:
        return lsn_texts_add(member, text, err);
    case VALUE_CHOICE:
        *(int *)member = find_choice(option->argument, text);
        return *(int *)member >= 0 || lsn_fail(err, LSN_USAGE, "should be one of %s", option->argument);
    case VALUE_COUNT:
    case VALUE_WHOLE:
    case VALUE_TIMES:
        return take_whole(option, member, text, err);
    case VALUE_COUNTS:
        return parse_counts(text, option->most, member, err);
    case VALUE_SIZE:
        return parse_size(text, member) || lsn_fail(err, LSN_USAGE, "should be an amount of memory, as in 500M or 2G");
    case VALUE_SHARD:
        return parse_shard(text, member) || lsn_fail(err, LSN_USAGE, "should be I/N, share I of N, as in 1/4 .. 4/4");
    case VALUE_DEADLINE:
        return take_deadline(member, text, err);
    case VALUE_INTERVAL:
        return take_interval(member, text, err);
    case VALUE_FAULTS:
        return take_faults(options, option, text, err);
    case VALUE_SPREAD:
        return (parse_number(text, 3, member, &end) && *end == '\0') ||
               lsn_fail(err, LSN_USAGE, "should be a number, 0 to 3, as in 0.2");
    case VALUE_MOMENT:
        return parse_moment(text, member) ||
               lsn_fail(err, LSN_USAGE, "should be a length of time: 100us, 1ms, 30s, 5m, 1h30m");
    }
    return false;
}

enum { MOST_OPTIONS = 32 };

/* The name nearest to what was written, of the options or of the parts of one; NULL if none is near. */
static const char *nearest_name(const char *word, const lsn_option *options, bool parts)
{
    const char *names[MOST_OPTIONS] = {NULL};
    size_t count = 0;
    for (; options->name != NULL && count < MOST_OPTIONS - 1; options++)
        if ((options->letter == PART) == parts)
            names[count++] = options->name;
    return lsn_nearest(word, names);
}

/* "deaths=3". */
static bool take_fault(lsn_options *options, const lsn_option *parts, const char *item, lsn_error *err)
{
    char name[32];
    const size_t length = strcspn(item, "=");
    snprintf(name, sizeof name, "%.*s", (int)length, item);
    if (item[length] == '\0' || length == 0)
        return lsn_fail(err, LSN_USAGE, "'%s' should be NAME=VALUE, as in deaths=3,speed=0.2", item);
    for (const lsn_option *part = parts; part->letter == PART; part++)
        if (strcmp(part->name, name) == 0)
            return take_value(options, part, item + length + 1, err) || lsn_fail_in(err, "%s", item);
    const char *nearest = nearest_name(name, parts, true);
    return nearest != NULL ? lsn_fail(err, LSN_USAGE, "there is no fault '%s': did you mean %s?", name, nearest)
                           : lsn_fail(err, LSN_USAGE, "there is no fault '%s': see 'lesion simulate --help'", name);
}

/* "deaths=3,speed=0.2", by the rows after the option's. */
static bool take_faults(lsn_options *options, const lsn_option *option, const char *spec, lsn_error *err)
{
    char *copy = lsn_strdup(spec, err), *rest = copy;
    bool ok = copy != NULL;
    options->faults = lsn_default_options.faults;
    options->faults_given = spec;
    for (char *item; ok && (item = strsep(&rest, ",")) != NULL;)
        ok = take_fault(options, option + 1, item, err);
    free(copy);
    return ok && (options->faults.give_up_s >= options->faults.notice_s ||
                  lsn_fail(err, LSN_USAGE, "lost should be no shorter than notice"));
}

/* ---- command lines ----------------------------------------------------------------------------------------------- */

/* A command's table as getopt wants it. */
typedef struct getopt_table {
    struct option options[MOST_OPTIONS]; /* val: the index in the command's table, from 256 on, or the letter */
    char letters[2 * MOST_OPTIONS];
} getopt_table;

static void make_getopt_table(const lsn_option *options, getopt_table *table)
{
    size_t count = 0, length = 1;
    *table = (getopt_table){.letters = ":"};
    for (int i = 0; options[i].name != NULL && count < MOST_OPTIONS - 1; i++) {
        const lsn_option *option = &options[i];
        if (option->letter == PART)
            continue;
        const int has = option->argument == NULL     ? no_argument
                        : option->argument[0] == '[' ? optional_argument
                                                     : required_argument;
        table->options[count++] = (struct option){option->name, has, NULL, 256 + i};
        if (option->letter != 0)
            table->letters[length++] = option->letter;
        if (option->letter != 0 && has == required_argument)
            table->letters[length++] = ':';
    }
}

/* The row that getopt means; NULL: none. */
static const lsn_option *find_option(const lsn_option *options, int found)
{
    for (int i = 0; options[i].name != NULL; i++)
        if (found == 256 + i || (found == options[i].letter && found != PART))
            return &options[i];
    return NULL;
}

static int unknown_option(const lsn_command *command, const char *word, bool no_value)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *nearest = strncmp(name, "--", 2) == 0 ? nearest_name(name + 2, command->options, false) : NULL;
    if (no_value)
        lsn_log("%s needs a value: see 'lesion %s --help'", word, command->name);
    else if (nearest != NULL)
        lsn_log("'lesion %s' has no option %s: did you mean --%s?", command->name, word, nearest);
    else
        lsn_log("'lesion %s' has no option %s: see 'lesion %s --help'", command->name, word, command->name);
    return LSN_USAGE;
}

/* "--watch 5" as well as "--watch=5": a word of digits after it is its value, not a database. */
static char *optional_value(int argc, char **argv)
{
    if (optind < argc && isdigit((unsigned char)argv[optind][0]) &&
        argv[optind][strspn(argv[optind], "0123456789.smh")] == '\0')
        return argv[optind++];
    return NULL;
}

static int read_options(lsn_options *options, const lsn_command *command, int argc, char **argv)
{
    getopt_table table;
    make_getopt_table(command->options, &table);
    opterr = 0;
    for (int before = optind, found; (found = getopt_long(argc, argv, table.letters, table.options, NULL)) != -1;
         before = optind) {
        lsn_error err = {0};
        const lsn_option *option = find_option(command->options, found);
        if (option == NULL)
            return unknown_option(command, argv[optind > before ? optind - 1 : before], found == ':');
        if (option->letter == 'h') {
            lsn_print_help(command, stdout);
            return LSN_HELPED;
        }
        if (optarg == NULL && option->argument != NULL)
            optarg = optional_value(argc, argv);
        if (!take_value(options, option, optarg, &err)) {
            lsn_log("--%s %s: %s", option->name, optarg, err.text);
            return err.code;
        }
    }
    return LSN_OK;
}

static bool join_command_line(lsn_options *options, int argc, char **argv)
{
    lsn_text text = {0};
    lsn_text_add(&text, "lesion");
    for (int i = 0; i < argc; i++)
        lsn_text_add(&text, " %s", argv[i]);
    options->command_line = text.data;
    return !text.failed;
}

int lsn_options_read(lsn_options *options, const lsn_command *command, int argc, char **argv)
{
    *options = lsn_default_options;
    if (!join_command_line(options, argc, argv)) {
        lsn_log("out of memory reading the command line");
        return LSN_FAILED;
    }
    const int code = read_options(options, command, argc, argv);
    options->arguments = argv + optind;
    options->n_arguments = argc - optind;
    if (code != LSN_OK || (options->n_arguments >= command->least && options->n_arguments <= command->most))
        return code;
    lsn_log("'lesion %s' takes %s: see 'lesion %s --help'", command->name, command->takes, command->name);
    return LSN_USAGE;
}

void lsn_options_finish(lsn_options *options)
{
    free(options->command_line);
    free(options->set.text);
    free(options->ablate.text);
    free(options->ranks.numbers);
    *options = (lsn_options){0};
}
