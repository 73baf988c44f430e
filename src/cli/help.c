/* What --help prints: the tables of commands.c as text. */
#include "cli/options.h"

#include <string.h>

enum { WIDTH = 90, MOST_INDENT = 24 };

/* Prints a text from column `at` on, broken at blanks, the lines after the first indented. A newline in the text is a
 * paragraph. */
static void print_wrapped(FILE *out, const char *text, int at, int indent)
{
    while (*text != '\0') {
        const int bytes = (int)strcspn(text, " \n");
        if (at > indent && at + 1 + bytes > WIDTH)
            at = fprintf(out, "\n%*s", indent, "") - 1;
        else if (at > indent)
            at += fprintf(out, " ");
        at += fprintf(out, "%.*s", bytes, text);
        text += bytes;
        if (*text == '\n')
            at = fprintf(out, "\n\n%*s", indent, "") - 2;
        text += *text != '\0';
    }
    fputc('\n', out);
}

/* "  -o, --output FILE" */
static int option_words(const lsn_option *option, char *text, size_t bytes)
{
    char letter[8] = "";
    if (option->letter == PART)
        return snprintf(text, bytes, "      %s=%s", option->name, option->argument);
    if (option->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    return snprintf(text, bytes, "  %s--%s%s%s", letter, option->name, option->argument == NULL ? "" : " ",
                    option->argument == NULL ? "" : option->argument);
}

static void print_option(FILE *out, const lsn_option *option, int indent)
{
    char words[128];
    const int length = option_words(option, words, sizeof words);
    if (length + 2 > indent)
        fprintf(out, "%s\n%*s", words, indent, "");
    else
        fprintf(out, "%-*s", indent, words);
    print_wrapped(out, option->help, indent, indent);
}

void lsn_print_help(const lsn_command *command, FILE *out)
{
    char words[128];
    int indent = 0;
    fprintf(out, "usage: lesion %s %s [OPTION]...\n", command->name, command->usage);
    if (command->on_ranks)
        fprintf(out, "       mpirun -n RANKS lesion %s %s [OPTION]...\n", command->name, command->usage);
    fputc('\n', out);
    print_wrapped(out, command->description, 0, 0);
    fputc('\n', out);
    for (const lsn_option *option = command->options; option->name != NULL; option++) {
        const int needed = option_words(option, words, sizeof words) + 2;
        indent = needed > indent && needed <= MOST_INDENT ? needed : indent;
    }
    for (const lsn_option *option = command->options; option->name != NULL; option++)
        print_option(out, option, indent);
    if (command->notes != NULL) {
        fputc('\n', out);
        print_wrapped(out, command->notes, 0, 0);
    }
}

void lsn_print_overview(FILE *out)
{
    fprintf(out, "lesion: what does a trained network lose when a part of it is removed?\n\n"
                 "usage: lesion COMMAND [OPTION]... ARGUMENT...\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-8s  %s\n", lsn_commands[i].name, lsn_commands[i].summary);
    fprintf(out, "\n'lesion COMMAND --help' describes each.\n");
}
