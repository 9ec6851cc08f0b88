// SPDX-License-Identifier: Apache-2.0
/*
 * What the command line says: help from the tables, complaints, colours.
 *
 * Colours and nothing else depend on the terminal, so that what a person sees is what a script gets. NO_COLOR and TERM=dumb
 * turn them off.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#define OPTION_COLUMN 24
#define NAME_COLUMNS  11

bool cli_colours(FILE *out) {
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (no_colour != NULL && no_colour[0] != '\0')
        return false;
    return isatty(fileno(out)) == 1 && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

void cli_complain(const char *format, ...) {
    bool colours = cli_colours(stderr);
    va_list arguments;
    va_start(arguments, format);
    (void)fputs(colours ? "\033[1;31mpapi:\033[0m " : "papi: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
}

static void print_heading(FILE *out, const char *text) {
    (void)fprintf(out, cli_colours(out) ? "\033[1m%s\033[0m\n" : "%s\n", text);
}

static void print_commands(FILE *out, const struct cli_command *const *commands, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!commands[i]->hidden)
            (void)fprintf(out, "  %-*s %s\n", NAME_COLUMNS, commands[i]->name, commands[i]->line);
}

void cli_print_help(FILE *out) {
    (void)fputs("PAPI: one OpenAI-compatible address in front of many LLM providers.\n\n", out);
    print_heading(out, "Usage: papi COMMAND [OPTIONS]");
    print_commands(out, cli_commands, cli_command_count);
    (void)fputs("\n`papi help COMMAND` tells more about one. Start with `papi serve`.\n", out);
}

static void print_option(FILE *out, const struct cli_option *option) {
    int width = fprintf(out, "  %s%s%s", option->name, option->value != NULL ? " " : "",
                        option->value != NULL ? option->value : "");
    (void)fprintf(out, "%*s%s\n", width < OPTION_COLUMN ? OPTION_COLUMN - width : 1, "",
                  option->help);
}

void cli_print_command_help(FILE *out, const struct cli_command *command) {
    char usage[160], name[CLI_NAME_SIZE];
    bool group = command->commands != NULL;
    (void)snprintf(usage, sizeof usage, "Usage: papi %s%s [OPTIONS]%s%s",
                   cli_command_name(command, name), group ? " COMMAND" : "",
                   command->operands[0] != '\0' ? " " : "", command->operands);
    print_heading(out, usage);
    (void)fprintf(out, "%s\n\n", command->line);
    print_commands(out, command->commands, command->command_count);
    for (size_t i = 0; i < command->option_count; i++)
        print_option(out, &command->options[i]);
    if (group)
        (void)fprintf(out, "\n`papi help %s COMMAND` tells more about one.\n", command->name);
    else
        (void)fprintf(out, "  %-*s%s\n", OPTION_COLUMN - 2, "--help", "this text");
    if (command->about[0] != '\0')
        (void)fprintf(out, "\n%s\n", command->about);
}

const char *cli_wait_text(uint64_t wait_ms, char text[CLI_WAIT_SIZE]) {
    uint64_t seconds = wait_ms / 1000 + (wait_ms % 1000 > 0);
    uint64_t minutes = seconds / 60 + (seconds % 60 > 0);
    uint64_t hours = minutes / 60 + (minutes % 60 > 0);
    if (seconds < 120)
        (void)snprintf(text, CLI_WAIT_SIZE, "%u s", (unsigned)seconds);
    else if (minutes < 120)
        (void)snprintf(text, CLI_WAIT_SIZE, "%u min", (unsigned)minutes);
    else if (hours < 48)
        (void)snprintf(text, CLI_WAIT_SIZE, "%u h %u min", (unsigned)(minutes / 60),
                       (unsigned)(minutes % 60));
    else
        (void)snprintf(text, CLI_WAIT_SIZE, "%llu d %u h", (unsigned long long)hours / 24,
                       (unsigned)(hours % 24));
    return text;
}
