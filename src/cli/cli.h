// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The command line: one row for each command and sub-command, one row for each option. Help, man pages, completion, the reference
 * and the reading of arguments come from the same rows. Exit codes: 0 done, 1 failed, 2 used wrongly. Errors go to stderr, results
 * to stdout.
 *
 * What stands for a value is a word of the table in words.c ("FILE", "MODEL", "PROVIDER"), which says what it is and how a shell
 * completes it; words in small letters are meant as they are ("bash|zsh|fish") and everything else is refused. Operands are written
 * as people read them, "PROVIDER [ACCOUNT...]", and counted by that.
 */
#include "base/dynbuf.h"
#include "cli/command_list.h"

#include <stdio.h>

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

enum cli_option_type {
    CLI_FLAG,    /* bool */
    CLI_TEXT,    /* const char * */
    CLI_NUMBER,  /* struct cli_number */
    CLI_DURATION /* struct cli_number, in ms: "90s", "15m", "1h", "7d" */
};

struct cli_number {
    uint64_t value;
    bool given;
};

struct cli_option {
    const char *name; /* "--config" */
    enum cli_option_type type;
    size_t offset;     /* into the command's own struct */
    const char *value; /* "FILE", "env|json|csv"; NULL for a flag */
    const char *help;
};

struct cli_command {
    const char *group; /* "provider" in the row of `papi provider list`; NULL at the first level */
    const char *name;
    const char *operands; /* "TEXT [FILE...]" or "" when it takes none */
    const char *line;     /* one line for the list of commands */
    const char *about;    /* further lines for its own help; may be "" */
    const struct cli_option *options;
    size_t option_count;
    bool hidden; /* not in the list */
    /* A group has these and no run; its operands are "". Sub-commands have no sub-commands. */
    const struct cli_command *const *commands;
    size_t command_count;
    /* argv without the command's name */
    int (*run)(const struct cli_command *command, int argc, char **argv);
};

extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* The program: argv as main gets it; returns the exit code. */
int cli_main(int argc, char **argv);
/* In a group, or at the first level (NULL); NULL when there is none. */
const struct cli_command *cli_find_command(const struct cli_command *group, struct span name);
/* The one that `count` words name ("provider", "list"), or NULL after complaining. */
const struct cli_command *cli_command_of(char *const *words, int count);
#define CLI_NAME_SIZE 64
/* "provider list"; returns `text`. */
const char *cli_command_name(const struct cli_command *command, char text[CLI_NAME_SIZE]);

/* --- options.c --- */
struct cli_operands {
    char **items; /* borrowed: argv, in order */
    int count;    /* as many as the row says */
};
enum cli_parsed { CLI_PARSED, CLI_HELPED, CLI_REFUSED };
/* Fills `values` (the command's zeroed struct) and the operands, whose items are argv itself, moved to its front. Prints help or what
 * was wrong. Commands return cli_parsed_exit when it is not CLI_PARSED. */
enum cli_parsed cli_parse(const struct cli_command *command, int argc, char **argv, void *values,
                          struct cli_operands *ret_operands);
int cli_parsed_exit(enum cli_parsed parsed);
const struct cli_option *cli_find_option(const struct cli_command *command, struct span name);

/* --- words.c --- */
enum cli_kind {
    CLI_ANY,
    CLI_FILE,
    CLI_DIRECTORY,
    CLI_MODEL,
    CLI_PROVIDER,
    CLI_CLIENT,
    CLI_REQUEST,
    CLI_AGENT,
    CLI_SCENARIO,
    CLI_COMMAND,
    CLI_WORD /* itself */
};
struct cli_word {
    const char *word; /* "FILE" */
    enum cli_kind kind;
    const char *about; /* "a provider's id, as `papi provider list` shows it" */
};
/* The row of the table; NULL for a word that is not in it. */
const struct cli_word *cli_word(struct span word);
const struct cli_word *cli_word_at(size_t i); /* NULL behind the last */
/* The pieces of "NAME|FILE"; false at the end. */
bool cli_next_choice(struct span *rest, struct span *ret_choice, enum cli_kind *ret_kind);
/* False when `value` is made of words in small letters and this is none of them. */
bool cli_value_fits(const char *value, struct span given);
struct cli_operand {
    struct span value; /* "PROVIDER", "bash|zsh|fish" */
    bool optional, repeats;
};
/* The pieces of "PROVIDER [ACCOUNT...]"; false at the end. */
bool cli_next_operand(struct span *rest, struct cli_operand *ret_operand);
struct cli_nearest {
    struct span asked;
    const char *name; /* the nearest so far, or NULL */
    size_t distance;  /* set at first: from here on it is too far */
};
void cli_nearest_offer(struct cli_nearest *nearest, const char *name);

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

#define CLI_DECLARE(command) extern const struct cli_command command;
CLI_COMMANDS(CLI_DECLARE)
