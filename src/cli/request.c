// SPDX-License-Identifier: Apache-2.0
/*
 * papi request ID: who was asked for a request, and what came of it.
 *
 * The id stands in every answer (x-request-id). Promises: asks the running instance only, no provider. Leaves to others: how long
 * records are kept (gateway/ladder.c).
 */
#include "cli/cli.h"
#include "cli/instance.h"

#include "base/arena.h"
#include "base/check.h"
#include "json/json.h"

#define PATH_MAX_BYTES  256
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct values {
    struct instance_wish wish;
    bool json;
};

static const struct cli_option options[] = {
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the record as JSON"},
};

static int64_t number(struct json_value object, const char *name) {
    int64_t value = 0;
    return json_i64(json_get(object, name), &value) == 0 ? value : 0;
}

static struct span text(struct json_value object, const char *name) {
    struct span value = json_escaped(json_get(object, name));
    return span_absent(value) ? SPAN_LITERAL("-") : value;
}

static void print_ladder(struct json_value record) {
    unsigned rung = 0;
    for (struct json_iter it = json_each(json_get(record, "ladder")); json_next(&it);) {
        struct span provider = text(it.value, "provider"), outcome = text(it.value, "outcome");
        (void)printf("  %2u. %-16.*s %-24.*s %4lld  waited %lld ms, took %lld ms  %.*s\n", ++rung,
                     SPAN_ARG(provider), SPAN_ARG(outcome), (long long)number(it.value, "status"),
                     (long long)number(it.value, "waited_ms"),
                     (long long)number(it.value, "took_ms"),
                     SPAN_ARG(text(it.value, "upstream_model")));
    }
    if (rung == 0)
        (void)printf("  no provider was asked\n");
}

static void print_record(struct json_value record) {
    struct span error = text(record, "error");
    bool told = error.len > 0 && !span_is(error, "-"); /* "-": there was none */
    (void)printf("%.*s  asked for %.*s  status %lld%s%.*s\n", SPAN_ARG(text(record, "id")),
                 SPAN_ARG(text(record, "model")), (long long)number(record, "status"),
                 told ? "  error " : "", SPAN_ARG(told ? error : SPAN_LITERAL("")));
    (void)printf("took %lld ms, %lld of them waiting; %lld tokens in, %lld out; %lld attempt%s\n",
                 (long long)number(record, "total_ms"), (long long)number(record, "queued_ms"),
                 (long long)number(record, "input_tokens"),
                 (long long)number(record, "output_tokens"), (long long)number(record, "attempts"),
                 number(record, "attempts") == 1 ? "" : "s");
    print_ladder(record);
}

static int print(struct span body, bool json) {
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    if (json) {
        (void)fwrite(body.ptr, 1, body.len, stdout);
        return CLI_DONE;
    }
    arena_init(&arena, NULL, 0, ARENA_MAX_BYTES);
    int err = json_parse(&doc, body, &arena, &error);
    if (err == 0)
        print_record(json_top(&doc));
    else
        cli_complain("the answer cannot be read: %s", error.what);
    arena_reset(&arena);
    return err == 0 ? CLI_DONE : CLI_FAILED;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    struct dynbuf body;
    char path[PATH_MAX_BYTES];
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (strlen(operands.items[0]) > PATH_MAX_BYTES - 32) {
        cli_complain("'%.40s...' is too long for an id", operands.items[0]);
        return CLI_USAGE;
    }
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    (void)snprintf(path, sizeof path, "/v1/papi/requests/%s", operands.items[0]);
    int code = instance_fetch(&instance, path, SPAN_NONE, &body);
    if (code == CLI_DONE)
        code = print(dynbuf_span(&body), values.json);
    dynbuf_done(&body);
    return code;
}

const struct cli_command cli_request = {
    .name = "request",
    .operands = "REQUEST",
    .line = "what happened to a request: who was asked, and why not",
    .about = "The id stands in the answer's field x-request-id.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
