// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands and the way from argv to one of them.
 *
 * Why a table: `papi help`, the check for typing errors and the dispatch read the same rows. A result that could not be
 * written (a full disk) is a failure even if the command itself went well, so stdout is flushed and looked at here, once.
 * Leaves to others: each command's options and work (one file a command).
 */
#include "cli/cli.h"

#include "base/check.h"

#include <poll.h>
#include <unistd.h>

#define COMMAND_ROW(command) &(command),
const struct cli_command *const cli_commands[] = {CLI_COMMANDS(COMMAND_ROW)};
const size_t cli_command_count = array_length(cli_commands);

static size_t count_of(const struct cli_command *group) {
    return group != NULL ? group->command_count : cli_command_count;
}

static const struct cli_command *command_at(const struct cli_command *group, size_t i) {
    return group != NULL ? group->commands[i] : cli_commands[i];
}

const struct cli_command *cli_find_command(const struct cli_command *group, struct span name) {
    for (size_t i = 0; i < count_of(group); i++)
        if (span_is(name, command_at(group, i)->name))
            return command_at(group, i);
    return NULL;
}

const char *cli_command_name(const struct cli_command *command, char text[CLI_NAME_SIZE]) {
    (void)snprintf(text, CLI_NAME_SIZE, "%s%s%s", command->group != NULL ? command->group : "",
                   command->group != NULL ? " " : "", command->name);
    return text;
}

static void refuse_command(const struct cli_command *group, const char *name) {
    struct cli_nearest nearest = {.asked = span_text(name), .distance = 3};
    const char *before = group != NULL ? group->name : "", *gap = group != NULL ? " " : "";
    for (size_t i = 0; i < count_of(group); i++)
        if (!command_at(group, i)->hidden)
            cli_nearest_offer(&nearest, command_at(group, i)->name);
    if (nearest.name != NULL)
        cli_complain("unknown command '%s%s%s'; did you mean '%s%s%s'?", before, gap, name, before,
                     gap, nearest.name);
    else
        cli_complain("unknown command '%s%s%s'; `papi help%s%s` lists them", before, gap, name, gap,
                     before);
}

const struct cli_command *cli_command_of(char *const *words, int count) {
    const struct cli_command *command = NULL;
    for (int i = 0; i < count; i++) {
        const struct cli_command *group = command;
        if (group != NULL && group->commands == NULL) {
            cli_complain("papi %s has no sub-commands", group->name);
            return NULL;
        }
        command = cli_find_command(group, span_text(words[i]));
        if (command == NULL) {
            refuse_command(group, words[i]);
            return NULL;
        }
    }
    return command;
}

/* Flags may stand before the sub-command; a value there could not be told from one. */
static int run_group(const struct cli_command *group, int argc, char **argv) {
    int at = 0;
    while (at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            cli_print_command_help(stdout, group);
            return CLI_DONE;
        }
        at++;
    }
    if (at == argc) {
        cli_print_command_help(stderr, group);
        return CLI_USAGE;
    }
    const struct cli_command *command = cli_find_command(group, span_text(argv[at]));
    if (command == NULL) {
        refuse_command(group, argv[at]);
        return CLI_USAGE;
    }
    memmove(argv + at, argv + at + 1, (size_t)(argc - at - 1) * sizeof *argv);
    return command->run(command, argc - 1, argv);
}

static int run_command(int argc, char **argv) {
    struct span name = span_text(argc > 1 ? argv[1] : NULL);
    if (span_absent(name)) {
        cli_print_help(stderr);
        return CLI_USAGE;
    }
    if (span_is(name, "--help") || span_is(name, "-h"))
        return cli_help.run(&cli_help, 0, argv + 2);
    if (span_is(name, "--version") || span_is(name, "-V"))
        return cli_version.run(&cli_version, 0, argv + 2);
    const struct cli_command *command = cli_find_command(NULL, name);
    if (command == NULL && name.len > 0 && name.ptr[0] == '-') {
        cli_complain("'%s' stands before a command; `papi help` lists them", argv[1]);
        return CLI_USAGE;
    }
    if (command == NULL) {
        refuse_command(NULL, argv[1]);
        return CLI_USAGE;
    }
    return command->commands != NULL ? run_group(command, argc - 2, argv + 2)
                                     : command->run(command, argc - 2, argv + 2);
}

/* A reader that went away (`| head`) has had enough; that is its business and no failure. */
static bool reader_went_away(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int cli_main(int argc, char **argv) {
    int code = run_command(argc, argv);
    bool written = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (written || reader_went_away())
        return code;
    cli_complain("cannot write to standard output");
    return code == CLI_DONE ? CLI_FAILED : code;
}
