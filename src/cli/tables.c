/* Prints the tables of commands.c as JSON, for man/make_manual.py. Built for the machine that builds, of commands.c and
 * this file alone, so that manual pages can be made where the program cannot run. */
#include "cli/options.h"

/* What comes before it as it is, then a text, quoted. */
static void print_text(const char *before, const char *text)
{
    fputs(before, stdout);
    putchar('"');
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n')
            putchar('\\');
        putchar(*text == '\n' ? 'n' : *text);
    }
    putchar('"');
}

static void print_options(const lsn_option *options)
{
    for (const lsn_option *option = options; option->name != NULL; option++) {
        const char letter[2] = {option->letter, '\0'};
        print_text(option == options ? "\n  {\"name\": " : ",\n  {\"name\": ", option->name);
        print_text(", \"letter\": ", letter);
        print_text(", \"argument\": ", option->argument);
        print_text(", \"help\": ", option->help);
        putchar('}');
    }
}

int main(void)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        const lsn_command *command = &lsn_commands[i];
        print_text(i == 0 ? "[{\"name\": " : ",\n{\"name\": ", command->name);
        print_text(", \"summary\": ", command->summary);
        print_text(", \"usage\": ", command->usage);
        printf(", \"on_ranks\": %s", command->on_ranks ? "true" : "false");
        print_text(",\n \"description\": ", command->description);
        print_text(",\n \"notes\": ", command->notes);
        fputs(",\n \"options\": [", stdout);
        print_options(command->options);
        fputs("]}", stdout);
    }
    puts("]");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
