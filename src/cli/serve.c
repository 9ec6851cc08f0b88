// SPDX-License-Identifier: Apache-2.0
/*
 * papi serve: reads the options and hands them to app/, which runs the gateway.
 *
 * An address that cannot be listened on is refused here, before anything is opened, because it is an error of the
 * command line (exit 2), not of the machine.
 */
#include "cli/cli.h"

#include "app/app.h"
#include "base/check.h"
#include "config/config.h"

static const struct cli_option options[] = {
    {"--config", CLI_TEXT, offsetof(struct app_options, config_path), "FILE",
     "settings; else $PAPI_CONFIG, ~/.config/papi/papi.yaml, /etc/papi/papi.yaml"},
    {"--data", CLI_TEXT, offsetof(struct app_options, data_dir), "DIR",
     "data directory; else $PAPI_DATA, ~/.local/share/papi"},
    {"--listen", CLI_TEXT, offsetof(struct app_options, listen), "ADDRESS:PORT",
     "where to listen; default 127.0.0.1:7274"},
    {"--demo", CLI_FLAG, offsetof(struct app_options, demo), NULL,
     "with five simulated providers behind the real ones; no key, no network"},
    {"--upgrade", CLI_FLAG, offsetof(struct app_options, upgrade), NULL,
     "take over from the papi that serves this data directory"},
};

static int run(const struct cli_command *command, int argc, char **argv) {
    struct app_options values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    const char *why =
        values.listen != NULL ? config_listen_malformed(span_text(values.listen)) : NULL;
    if (why != NULL) {
        cli_complain("--listen %s %s", values.listen, why);
        return CLI_USAGE;
    }
    return app_serve(&values);
}

const struct cli_command cli_serve = {
    .name = "serve",
    .operands = "",
    .line = "run the gateway",
    .about = "Ends by TERM or INT: running requests are finished first, then exit 0.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
