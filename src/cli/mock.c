// SPDX-License-Identifier: Apache-2.0
/*
 * papi mock: reads the options and hands them to mock/, which plays providers over real HTTP.
 *
 * Listens on loopback only, like serve: a simulator that answers everybody would be taken for a provider by somebody.
 * Leaves to others: scenarios and their names (mock/).
 */
#include "cli/cli.h"

#include "base/check.h"
#include "config/config.h"
#include "mock/mock.h"

struct values {
    const char *listen;
    const char *scenario;
    struct cli_number seed;
    bool list;
};

static const struct cli_option options[] = {
    {"--listen", CLI_TEXT, offsetof(struct values, listen), "ADDRESS:PORT",
     "where to listen; default 127.0.0.1:7275"},
    {"--scenario", CLI_TEXT, offsetof(struct values, scenario), "SCENARIO|FILE",
     "which providers to play"},
    {"--list", CLI_FLAG, offsetof(struct values, list), NULL,
     "print the built-in scenarios and end"},
    {"--seed", CLI_NUMBER, offsetof(struct values, seed), "N", "the same numbers every run"},
};

static int list_scenarios(void) {
    for (size_t i = 0; mock_scenario_name(i) != NULL; i++)
        (void)printf("%-13s  %s\n", mock_scenario_name(i), mock_scenario_about(i));
    return CLI_DONE;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (values.list)
        return list_scenarios();
    const char *why =
        values.listen != NULL ? config_listen_malformed(span_text(values.listen)) : NULL;
    if (why == NULL && values.listen != NULL &&
        !config_listen_is_loopback(span_text(values.listen)))
        why =
            "must be a loopback address such as 127.0.0.1:7275: simulated providers ask for no key";
    if (why != NULL) {
        cli_complain("--listen %s %s", values.listen, why);
        return CLI_USAGE;
    }
    struct mock_options mock = {.listen = values.listen,
                                .scenario = values.scenario,
                                .seed = values.seed.value,
                                .has_seed = values.seed.given};
    return mock_run(&mock);
}

const struct cli_command cli_mock = {
    .name = "mock",
    .operands = "",
    .line = "play providers with limits and faults, to try PAPI without any",
    .about = "Point a provider's base_url at http://ADDRESS:PORT/NAME/v1. What it did is at "
             "/_mock/stats.\n"
             "Scenarios by name: demo, healthy, slow, 429-storm, outage, day-end, lying-headers, "
             "flaky,\n"
             "dead, stalling, thinking; what each plays is said by --list.\n"
             "A FILE holds JSON or YAML as POST /_mock/script takes it.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
