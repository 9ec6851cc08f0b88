// SPDX-License-Identifier: Apache-2.0
/*
 * papi reference: writes a page of docs/reference from the program's tables: api.md from endpoints, commands.md from commands,
 * configuration.md from settings, providers.md from the catalog; or the table of docs/internals/attempts.md from that of outcomes, or
 * the tables of docs/guides/simulator.md from those of the simulator's scripts. json is the table of commands, for tests.
 *
 * For those who change PAPI, so it is not listed. A command and not a script of the build, because only the program itself
 * knows its tables. Unit tests compare the committed pages with this output.
 */
#include "cli/reference.h"
#include "cli/cli.h"

#include "base/check.h"
#include "config/config.h"
#include "fake/fake.h"

static void write_settings(struct page *page) {
    page->err = config_reference_write(&page->out);
}

static void write_providers(struct page *page) {
    reference_providers(page, &facts_built_in);
}

static void write_simulator(struct page *page) {
    page->err = fake_reference_write(&page->out);
}

static const struct {
    const char *name;
    void (*write)(struct page *page);
} pages[] = {
    {"api", reference_api},
    {"commands", reference_commands},
    {"json", reference_commands_json},
    {"configuration", write_settings},
    {"outcomes", reference_outcomes},
    {"providers", write_providers},
    {"simulator", write_simulator},
};

static int run(const struct cli_command *command, int argc, char **argv) {
    struct cli_operands operands;
    struct page page;
    enum cli_parsed parsed = cli_parse(command, argc, argv, NULL, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    const char *name = operands.count > 0 ? operands.items[0] : "configuration";
    size_t i = 0;
    while (i < array_length(pages) && strcmp(pages[i].name, name) != 0)
        i++;
    check(i < array_length(pages)); /* the row of operands names the same */
    page_init(&page);
    pages[i].write(&page);
    return page_print(&page);
}

const struct cli_command cli_reference = {
    .name = "reference",
    .operands = "[api|commands|json|configuration|outcomes|providers|simulator]",
    .line = "print a page of docs/reference from the program's tables",
    .about = "",
    .hidden = true,
    .run = run,
};
