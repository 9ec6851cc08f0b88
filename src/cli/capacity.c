// SPDX-License-Identifier: Apache-2.0
/*
 * papi capacity: what is left now, today and this month, per account and in all.
 *
 * Promises: numbers of the running instance's live windows; a dash where no limit is known. Leaves to others: the arithmetic
 * (scheduler/capacity).
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
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the answer as JSON"},
};

static const char *const spans[] = {"now", "today", "month"};
static const char *const units[] = {"requests", "tokens"};

static void print_left(struct json_value object) {
    for (size_t i = 0; i < array_length(units); i++)
        for (size_t j = 0; j < array_length(spans); j++) {
            int64_t amount;
            struct json_value value = json_get(json_get(object, spans[j]), units[i]);
            if (json_i64(value, &amount) == 0)
                (void)printf(" %11lld", (long long)amount);
            else
                (void)printf(" %11s", "-");
        }
    (void)printf("\n");
}

static void print_limits(struct answer *answer, struct json_value account) {
    for (struct json_iter it = json_each(json_get(account, "limits")); json_next(&it);) {
        long long left = (long long)answer_number(it.value, "left");
        int64_t frees_ms = answer_number(it.value, "frees_in_ms");
        struct span model = answer_text(answer, it.value, "model");
        (void)printf("    %lld of %.*s left%s%.*s", left,
                     SPAN_ARG(answer_text(answer, it.value, "limit")), model.len > 0 ? ", " : "",
                     SPAN_ARG(model));
        if (frees_ms > 0 && left < answer_number(it.value, "amount")) {
            char wait[CLI_WAIT_SIZE];
            (void)printf(", more in %s", cli_wait_text((uint64_t)frees_ms, wait));
        }
        (void)printf("\n");
    }
}

static void print_all(struct answer *answer) {
    struct json_value top = answer->top;
    (void)printf("%-28s %35s %35s\n", "", "requests left: now, today, month",
                 "tokens left: now, today, month");
    for (struct json_iter it = json_each(json_get(top, "accounts")); json_next(&it);) {
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s/%.*s",
                       SPAN_ARG(answer_text(answer, it.value, "provider")),
                       SPAN_ARG(answer_text(answer, it.value, "account")));
        (void)printf("%-28s", name);
        print_left(it.value);
        print_limits(answer, it.value);
    }
    (void)printf("%-28s", "in all, shared ones once");
    print_left(json_get(top, "pool"));
}

static int print(struct span body) {
    struct answer answer;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    print_all(&answer);
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
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    int code = instance_fetch(&instance, "/v1/papi/capacity", SPAN_NONE, &body);
    return instance_show(code, &body, values.json, print);
}

const struct cli_command cli_capacity = {
    .name = "capacity",
    .operands = "",
    .line = "what is left now, today and this month",
    .about = "A dash: no limit is known. Accounts that several models share count once.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
