/* Commands and their options, as data: one table a command (commands.c) is what is parsed (options.c), what --help
 * prints (help.c), and what the manual pages and completions are made of (tables.c). */
#ifndef LESION_CLI_OPTIONS_H
#define LESION_CLI_OPTIONS_H

#include "lesion/report.h"
#include "lesion/run.h"
#include "lesion/simulate.h"

typedef struct lsn_texts {
    const char **text; /* as given; point into argv */
    int count;
} lsn_texts;

typedef struct lsn_counts {
    int32_t *numbers; /* NULL: not given */
    int count;
} lsn_counts;

/* What a command line says. A command looks at what its own table has; the rest is as in lsn_default_options. */
typedef struct lsn_options {
    char *command_line; /* "lesion run study.yaml", for the record */
    char **arguments;   /* what is no option: as many as the command takes */
    int n_arguments;
    lsn_texts set, ablate;
    const char *database, *study, *output, *view, *figures, *logits, *sheet;
    const char *mode, *input; /* in notations of their own, which the command reads */
    lsn_sweep_options sweep;
    lsn_counts ranks;
    lsn_faults faults;
    const char *faults_given; /* NULL: the usual */
    int64_t sample, seed;
    double watch_s;    /* 0: once */
    double deadline_s; /* by lsn_now_s; 0: none; -1: not given */
    struct lsn_shard {
        int32_t index, count; /* 1 <= index <= count; 0, 0: the whole study */
    } shard;
    int32_t shards, sheet_images;
    int format; /* the index in the table's choice */
    bool quiet, force, jobs, list, unmatched, findings, all;
} lsn_options;

typedef enum lsn_value_kind {
    VALUE_NONE,     /* bool: the option was given */
    VALUE_TEXT,     /* const char *: as it is */
    VALUE_TEXTS,    /* lsn_texts: one more, each time */
    VALUE_SETTING,  /* lsn_texts: the same, "KEY=VALUE" */
    VALUE_CHOICE,   /* int: the index in the words of `argument`, "csv|jsonl" */
    VALUE_COUNT,    /* int32_t: 1 .. most */
    VALUE_COUNTS,   /* lsn_counts: "1,2,64", 1 .. most each */
    VALUE_WHOLE,    /* int64_t: 0 .. */
    VALUE_SIZE,     /* size_t: "500M" */
    VALUE_SHARD,    /* struct lsn_shard: "2/4" */
    VALUE_DEADLINE, /* double: "1h30m", as the time by lsn_now_s when it is over; "none": 0 */
    VALUE_INTERVAL, /* double: "5s", at least 0.1 s; 2 s where it is left out */
    VALUE_FAULTS,   /* lsn_faults: "NAME=VALUE,...", by the rows that follow, whose letter is PART */
    VALUE_TIMES,    /* int32_t: 0 .. most */
    VALUE_SPREAD,   /* double: 0 .. 3 */
    VALUE_MOMENT    /* double, seconds: "100us", "5m", 0 */
} lsn_value_kind;

enum { PART = '=' };

/* A row of a command's table. */
typedef struct lsn_option {
    const char *name;     /* "threads"; NULL ends the table */
    char letter;          /* 'o': -o does too; 0: none; PART: no option, but a word of the value of the one before */
    const char *argument; /* as the help names it; NULL: none; "[T]": may be left out */
    const char *help;
    lsn_value_kind kind;
    size_t offset; /* in lsn_options */
    int32_t most;  /* 0: no bound but the type's */
} lsn_option;

typedef struct lsn_command {
    const char *name, *summary;
    const char *usage; /* what follows the name: "STUDY" */
    const char *takes; /* the arguments, in words */
    int least, most;   /* arguments */
    bool on_ranks;     /* mpirun may start it */
    const char *description, *notes;
    const lsn_option *options;
} lsn_command;

typedef enum lsn_command_id {
    COMMAND_RUN,
    COMMAND_PLAN,
    COMMAND_SIMULATE,
    COMMAND_EVAL,
    COMMAND_STATUS,
    COMMAND_EXPORT,
    COMMAND_MERGE,
    COMMAND_VERIFY,
    COMMAND_DIFF,
    COMMAND_REPORT,
    COMMAND_INSPECT,
    N_COMMANDS
} lsn_command_id;

extern const lsn_command lsn_commands[N_COMMANDS];
extern const lsn_options lsn_default_options;

/* Prints the list of commands, or what one does and its options. */
void lsn_print_overview(FILE *out);
void lsn_print_help(const lsn_command *command, FILE *out);

/* Reads a command's options and arguments; argv[0] is the program's name. LSN_OK; LSN_HELPED after -h printed the help;
 * or the exit code after a message. lsn_options_finish is due in any case; texts point into argv. */
int lsn_options_read(lsn_options *options, const lsn_command *command, int argc, char **argv);
void lsn_options_finish(lsn_options *options);
enum { LSN_HELPED = -1 };

/* Adds a text to a list, which points to it. */
bool lsn_texts_add(lsn_texts *texts, const char *text, lsn_error *err);

#endif
