// SPDX-License-Identifier: Apache-2.0
/*
 * papi version: which program this is.
 *
 * The number comes from the build (CMake's project version), so that there is one place to change it. --json is for
 * scripts; its members only ever grow in number.
 */
#include "cli/cli.h"

#include "base/check.h"

#ifndef PAPI_VERSION
#define PAPI_VERSION "0.1.0"
#endif

struct values {
    bool json;
};

static const struct cli_option options[] = {
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "as JSON"},
};

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    (void)printf(values.json ? "{\"name\":\"papi\",\"version\":\"%s\"}\n" : "papi %s\n",
                 PAPI_VERSION);
    return CLI_DONE;
}

const struct cli_command cli_version = {
    .name = "version",
    .operands = "",
    .line = "print the version",
    .about = "",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
