// SPDX-License-Identifier: Apache-2.0
/*
 * The table of commands and the way from argv to one of them.
 *
 * Why a table: `papi help`, the check for typing errors and the dispatch read the same rows. A result that could not be
 * written (a full disk, a closed pipe) is a failure even if the command itself went well, so stdout is flushed and looked
 * at here, once.
 * Leaves to others: each command's options and work (one file a command).
 */
#include "cli/cli.h"

#include "base/check.h"

const struct cli_command *const cli_commands[] = {
    &cli_serve,   &cli_check,   &cli_mock,      &cli_chat,     &cli_provider,
    &cli_model,   &cli_request, &cli_explain,   &cli_capacity, &cli_launch,
    &cli_version, &cli_help,    &cli_reference,
};

const size_t cli_command_count = array_length(cli_commands);

const struct cli_command *cli_find_command(struct span name) {
    for (size_t i = 0; i < cli_command_count; i++)
        if (span_is(name, cli_commands[i]->name))
            return cli_commands[i];
    return NULL;
}

static int refuse_command(const char *name) {
    const struct cli_command *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < cli_command_count; i++) {
        size_t distance = span_distance(span_text(name), span_text(cli_commands[i]->name));
        if (!cli_commands[i]->hidden && distance < best) {
            best = distance;
            nearest = cli_commands[i];
        }
    }
    if (nearest != NULL && best <= 2)
        cli_complain("unknown command '%s'; did you mean '%s'?", name, nearest->name);
    else
        cli_complain("unknown command '%s'; `papi help` lists them", name);
    return CLI_USAGE;
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
    const struct cli_command *command = cli_find_command(name);
    if (command == NULL && name.len > 0 && name.ptr[0] == '-') {
        cli_complain("'%s' stands before a command; `papi help` lists them", argv[1]);
        return CLI_USAGE;
    }
    return command != NULL ? command->run(command, argc - 2, argv + 2) : refuse_command(argv[1]);
}

int cli_main(int argc, char **argv) {
    int code = run_command(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_complain("cannot write to standard output");
        return code == CLI_DONE ? CLI_FAILED : code;
    }
    return code;
}
