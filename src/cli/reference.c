// SPDX-License-Identifier: Apache-2.0
/*
 * papi reference: writes docs/reference/configuration.md from the table of settings, or the tables of docs/guides/simulator.md from
 * those of the simulator's scripts.
 *
 * For those who change PAPI, so it is not listed. A command and not a script of the build, because only the program itself
 * knows its tables. Unit tests compare the committed pages with this output.
 */
#include "cli/cli.h"

#include "config/config.h"
#include "fake/fake.h"

#define PAGE_MAX_BYTES ((size_t)256 * 1024)

static int run(const struct cli_command *command, int argc, char **argv) {
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, NULL, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    bool simulator = operands.count == 1 && span_is(span_text(operands.items[0]), "simulator");
    if (operands.count > 0 && !simulator) {
        cli_complain("reference: `simulator` or nothing is expected");
        return CLI_USAGE;
    }
    struct dynbuf page;
    dynbuf_init(&page, PAGE_MAX_BYTES);
    int err = simulator ? fake_reference_write(&page) : config_reference_write(&page);
    if (err == 0)
        (void)fwrite(dynbuf_span(&page).ptr, 1, page.len, stdout);
    else
        cli_complain("the reference could not be written: %s", err_text(err));
    dynbuf_done(&page);
    return err == 0 ? CLI_DONE : CLI_FAILED;
}

const struct cli_command cli_reference = {
    .name = "reference",
    .operands = "[simulator]",
    .line = "print the reference of settings (docs/reference/configuration.md)",
    .about = "",
    .hidden = true,
    .run = run,
};
