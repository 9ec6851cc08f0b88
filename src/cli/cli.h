// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The command line: one row for each command, one row for each option. Help and the reading of arguments come from the
 * same rows. Exit codes: 0 done, 1 failed, 2 used wrongly. Errors go to stderr, results to stdout.
 */
#include "base/dynbuf.h"

#include <stdio.h>

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

enum cli_option_type {
    CLI_FLAG,  /* bool */
    CLI_TEXT,  /* const char * */
    CLI_NUMBER /* struct cli_number */
};

struct cli_number {
    uint64_t value;
    bool given;
};

struct cli_option {
    const char *name; /* "--config" */
    enum cli_option_type type;
    size_t offset;     /* into the command's own struct */
    const char *value; /* "FILE"; NULL for a flag */
    const char *help;
};

struct cli_command {
    const char *name;
    const char *operands; /* "TEXT..." or "" when it takes none */
    const char *line;     /* one line for the list of commands */
    const char *about;    /* further lines for its own help; may be "" */
    const struct cli_option *options;
    size_t option_count;
    bool hidden; /* not in the list */
    /* argv without the command's name */
    int (*run)(const struct cli_command *command, int argc, char **argv);
};

extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* The program: argv as main gets it; returns the exit code. */
int cli_main(int argc, char **argv);
const struct cli_command *cli_find_command(struct span name);

/* --- options.c --- */
struct cli_operands {
    char **items; /* borrowed: argv, in order */
    int count;
};
enum cli_parsed { CLI_PARSED, CLI_HELPED, CLI_REFUSED };
/* Fills `values` (the command's zeroed struct) and the operands, whose items are argv itself, moved to its front. Prints help or what
 * was wrong. Commands return cli_parsed_exit when it is not CLI_PARSED. */
enum cli_parsed cli_parse(const struct cli_command *command, int argc, char **argv, void *values,
                          struct cli_operands *ret_operands);
int cli_parsed_exit(enum cli_parsed parsed);

/* --- print.c --- */
void cli_print_help(FILE *out);
void cli_print_command_help(FILE *out, const struct cli_command *command);
/* "papi: ..." to stderr. */
void cli_complain(const char *format, ...) PRINTF_LIKE(1, 2);
#define CLI_WAIT_SIZE 32
/* "61 s", "90 min", "21 h 38 min", "3 d 4 h", rounded up; returns `text`. */
const char *cli_wait_text(uint64_t wait_ms, char text[CLI_WAIT_SIZE]);
/* A terminal, and NO_COLOR is not set (no-color.org). */
bool cli_colours(FILE *out);

extern const struct cli_command cli_serve, cli_check, cli_mock, cli_chat, cli_provider, cli_model,
    cli_request, cli_explain, cli_capacity, cli_launch, cli_version, cli_help, cli_reference;
