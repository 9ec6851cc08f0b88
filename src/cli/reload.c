// SPDX-License-Identifier: Apache-2.0
/*
 * papi reload: the running instance reads its configuration, keys and certificates anew.
 *
 * The same as a HUP, with an answer: what is wrong is told here, by file, line and column, and the instance keeps what it had.
 * Leaves to others: the reading (app/reload).
 */
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/instance.h"

#include "base/check.h"

struct values {
    struct instance_wish wish;
    bool json;
};

static const struct cli_option options[] = {
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the instance's answer as it came"},
};

static int print(struct span body) {
    struct answer answer;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    for (struct json_iter it = json_each(json_get(answer.top, "warnings")); json_next(&it);) {
        struct span text;
        if (json_string(it.value, &answer.arena, &text) == 0)
            (void)fprintf(stderr, "%.*s\n", SPAN_ARG(text));
    }
    (void)printf("the configuration is read anew: version %lld\n",
                 (long long)answer_number(answer.top, "config_version"));
    answer_done(&answer);
    return CLI_DONE;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    struct dynbuf body;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (!instance_find(&values.wish, INSTANCE_OWNER, &instance))
        return CLI_USAGE;
    int code = instance_order(&instance, "POST", "/admin/v1/reload", SPAN_NONE, &body);
    return instance_show(code, &body, values.json, print);
}

const struct cli_command cli_reload = {
    .name = "reload",
    .operands = "",
    .line = "read configuration, keys and certificates anew",
    .about = "Exit 0: done; warnings are on stderr. Exit 1: something is wrong, and nothing has "
             "changed.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
