// SPDX-License-Identifier: Apache-2.0
/*
 * papi help: the list of commands, or what one command takes.
 *
 * Both are printed from the tables (print.c), the same text as --help. Asking for a command that does not exist is a
 * usage error, so that a script notices. Promises: touches nothing but stdout.
 */
#include "cli/cli.h"
#include "cli/man.h"

#include "base/check.h"

struct values {
    bool man;
};

static const struct cli_option options[] = {
    {"--man", CLI_FLAG, offsetof(struct values, man), NULL, "as the source of a manual page"},
};

static int print_man(const struct cli_command *command) {
    struct page page;
    if (command != NULL && command->group != NULL) {
        cli_complain("`papi help --man %s` has it: one page a command", command->group);
        return CLI_USAGE;
    }
    page_init(&page);
    man_write(&page, command);
    return page_print(&page);
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    const struct cli_command *asked =
        operands.count > 0 ? cli_command_of(operands.items, operands.count) : NULL;
    if (operands.count > 0 && asked == NULL)
        return CLI_USAGE;
    if (values.man)
        return print_man(asked);
    if (asked == NULL)
        cli_print_help(stdout);
    else
        cli_print_command_help(stdout, asked);
    return CLI_DONE;
}

const struct cli_command cli_help = {
    .name = "help",
    .operands = "[COMMAND...]",
    .line = "list the commands, or tell more about one",
    .about = "",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
