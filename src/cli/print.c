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

void cli_print_help(FILE *out) {
    (void)fputs("PAPI: one OpenAI-compatible address in front of many LLM providers.\n\n", out);
    print_heading(out, "Usage: papi COMMAND [OPTIONS]");
    for (size_t i = 0; i < cli_command_count; i++)
        if (!cli_commands[i]->hidden)
            (void)fprintf(out, "  %-9s %s\n", cli_commands[i]->name, cli_commands[i]->line);
    (void)fputs("\n`papi help COMMAND` tells more about one. Start with `papi serve`.\n", out);
}

static void print_option(FILE *out, const struct cli_option *option) {
    int width = fprintf(out, "  %s%s%s", option->name, option->value != NULL ? " " : "",
                        option->value != NULL ? option->value : "");
    (void)fprintf(out, "%*s%s\n", width < OPTION_COLUMN ? OPTION_COLUMN - width : 1, "",
                  option->help);
}

void cli_print_command_help(FILE *out, const struct cli_command *command) {
    char usage[128];
    (void)snprintf(usage, sizeof usage, "Usage: papi %s [OPTIONS]%s%s", command->name,
                   command->operands[0] != '\0' ? " " : "", command->operands);
    print_heading(out, usage);
    (void)fprintf(out, "%s\n\n", command->line);
    for (size_t i = 0; i < command->option_count; i++)
        print_option(out, &command->options[i]);
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
