// SPDX-License-Identifier: Apache-2.0
/*
 * papi help: the list of commands, or what one command takes.
 *
 * Both are printed from the tables (print.c), the same text as --help. Asking for a command that does not exist is a
 * usage error, so that a script notices. Promises: touches nothing but stdout.
 */
#include "cli/cli.h"

static int run(const struct cli_command *command, int argc, char **argv) {
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, NULL, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (operands.count == 0) {
        cli_print_help(stdout);
        return CLI_DONE;
    }
    const struct cli_command *asked = cli_command_of(operands.items, operands.count);
    if (asked == NULL)
        return CLI_USAGE;
    cli_print_command_help(stdout, asked);
    return CLI_DONE;
}

const struct cli_command cli_help = {
    .name = "help",
    .operands = "[COMMAND...]",
    .line = "list the commands, or tell more about one",
    .about = "",
    .run = run,
};
