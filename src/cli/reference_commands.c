// SPDX-License-Identifier: Apache-2.0
/*
 * docs/reference/commands.md: every command with its options, from the table; and the table itself as JSON, which the tests walk, so
 * that no command is left without one.
 *
 * Why both from here: the page is what people read, the JSON the same for programs. Leaves to others: where the page lies (a test
 * compares it with this), and the words (each command's own file).
 */
#include "cli/reference.h"

#include "cli/cli.h"

/* Table cells: a bar would end one. */
static void write_cell(struct page *page, const char *text) {
    for (; *text != '\0'; text++)
        page_add(page, *text == '|' ? "\\|" : "%c", *text);
}

static void write_options(struct page *page, const struct cli_command *command) {
    if (command->option_count == 0)
        return;
    page_add(page, "\n| option | |\n| --- | --- |\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        page_add(page, "| `%s", option->name);
        if (option->value != NULL) {
            page_add(page, " ");
            write_cell(page, option->value);
        }
        page_add(page, "` | ");
        write_cell(page, option->help);
        page_add(page, " |\n");
    }
}

static void write_command(struct page *page, const struct cli_command *command) {
    char name[CLI_NAME_SIZE];
    (void)cli_command_name(command, name);
    page_add(page, "\n%s `papi %s%s%s`\n\n%s.\n", command->group != NULL ? "###" : "##", name,
             command->operands[0] != '\0' ? " " : "", command->operands, command->line);
    write_options(page, command);
    if (command->about[0] != '\0')
        page_add(page, "\n```\n%s\n```\n", command->about);
    for (size_t i = 0; i < command->command_count; i++)
        if (!command->commands[i]->hidden)
            write_command(page, command->commands[i]);
}

void reference_commands(struct page *page) {
    page_add(
        page,
        "# Commands\n\n"
        "<!-- Written by `papi reference commands` from the table of commands: change that. -->\n\n"
        "Each command also takes `--help`. Exit codes: 0 done, 1 failed, 2 used wrongly. Errors go "
        "to\n"
        "stderr, results to stdout. Commands that talk to a running PAPI find it by the socket in "
        "its\n"
        "data directory: that of `--data` or `$PAPI_DATA`, else your own, else `/var/lib/papi`; "
        "`--url`\n"
        "and `$PAPI_URL` name one by address, with the key of `$PAPI_API_KEY`.\n\n"
        "The words in capitals:\n\n| word | stands for |\n| --- | --- |\n");
    for (size_t i = 0; cli_word_at(i) != NULL; i++)
        page_add(page, "| `%s` | %s |\n", cli_word_at(i)->word, cli_word_at(i)->about);
    for (size_t i = 0; i < cli_command_count; i++)
        if (!cli_commands[i]->hidden)
            write_command(page, cli_commands[i]);
}

/* --- as JSON --- */

static void write_json(struct page *page, const struct cli_command *command) {
    char name[CLI_NAME_SIZE];
    page_open(page, NULL, '{');
    page_string(page, "name", cli_command_name(command, name));
    page_string(page, "operands", command->operands);
    page_string(page, "line", command->line);
    page_bool(page, "hidden", command->hidden);
    page_bool(page, "group", command->commands != NULL);
    page_open(page, "options", '[');
    for (size_t i = 0; i < command->option_count; i++) {
        page_open(page, NULL, '{');
        page_string(page, "name", command->options[i].name);
        page_string(page, "value",
                    command->options[i].value != NULL ? command->options[i].value : "");
        page_string(page, "help", command->options[i].help);
        page_close(page, '}');
    }
    page_close(page, ']');
    page_close(page, '}');
    for (size_t i = 0; i < command->command_count; i++)
        write_json(page, command->commands[i]);
}

void reference_commands_json(struct page *page) {
    page_add(page, "[");
    for (size_t i = 0; i < cli_command_count; i++)
        write_json(page, cli_commands[i]);
    page_add(page, "]\n");
}
