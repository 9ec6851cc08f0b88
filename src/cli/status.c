// SPDX-License-Identifier: Apache-2.0
/*
 * papi status: what runs where, since when, and how well, on one screen.
 *
 * Two answers of the instance: its own state, and that of its providers. Providers without a key are counted, not listed: there are
 * dozens of them. Promises: nothing but reading. Leaves to others: the numbers (admin/).
 */
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"

#define SIZE_TEXT_BYTES 24

struct values {
    struct instance_wish wish;
    bool json;
};

static const struct cli_option options[] = {
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the instance's answer as it came"},
};

static const struct table_column columns[] = {
    {.head = "PROVIDER", .least = 8},
    {.head = "STATE", .least = 9},
    {.head = "ACCOUNTS", .right = true, .give_up = 2},
    {.head = "MODELS", .right = true, .give_up = 1},
    {.head = "WHY", .least = 12, .give_up = 3},
};

static const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    double amount = (double)bytes;
    for (; amount >= 1024 && unit + 1 < array_length(units); unit++)
        amount /= 1024;
    (void)snprintf(text, SIZE_TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
    return text;
}

/* --- what it is --- */

static void print_listen(struct page *page, struct answer *answer) {
    const char *label = "listens on";
    for (struct json_iter it = json_each(json_get(answer->top, "listen")); json_next(&it);) {
        struct span address = SPAN_NONE;
        if (json_string(it.value, &answer->arena, &address) == 0)
            page_line(page, label, "%.*s", SPAN_ARG(address));
        label = "";
    }
}

static void print_store(struct page *page, struct answer *answer) {
    struct json_value store = json_get(answer->top, "store");
    struct span reason = answer_text(answer, store, "reason");
    uint64_t dropped = (uint64_t)answer_number(store, "details_dropped");
    char size[SIZE_TEXT_BYTES];
    if (!json_present(store))
        return;
    page_line(page, "store", "%.*s%s%.*s, %s", SPAN_ARG(answer_text(answer, store, "state")),
              reason.len > 0 ? ": " : "", SPAN_ARG(reason),
              size_text((uint64_t)answer_number(store, "bytes"), size));
    if (dropped > 0)
        page_line(page, "", "%llu requests are counted, but not listed: too many came at once",
                  (unsigned long long)dropped);
}

static void print_config(struct page *page, struct answer *answer) {
    struct span file = answer_text(answer, answer->top, "config_file");
    page_line(page, "config", "%.*s, read %.*s UTC",
              SPAN_ARG(file.len > 0 ? file : SPAN_LITERAL("defaults and environment, no file")),
              SPAN_ARG(answer_time(answer, answer->top, "config_loaded_at")));
}

static void print_requests(struct page *page, struct answer *answer) {
    struct json_value requests = json_get(answer->top, "requests");
    page_line(page, "requests", "%lld open, %lld of them waiting; %lld since the start",
              (long long)answer_number(requests, "open"),
              (long long)answer_number(requests, "waiting"),
              (long long)answer_number(requests, "total"));
}

static void print_state(struct page *page, struct answer *answer) {
    struct json_value top = answer->top;
    char wait[CLI_WAIT_SIZE], size[SIZE_TEXT_BYTES];
    page_add(page, "PAPI %.*s, instance %.*s, process %lld\n",
             SPAN_ARG(answer_text(answer, top, "version")),
             SPAN_ARG(answer_text(answer, top, "instance")), (long long)answer_number(top, "pid"));
    page_line(page, "runs since", "%.*s UTC (%s)%s",
              SPAN_ARG(answer_time(answer, top, "started_at")),
              cli_wait_text((uint64_t)answer_number(top, "uptime_s") * 1000, wait),
              answer_is_true(top, "draining") ? ", ends as soon as its requests have" : "");
    print_listen(page, answer);
    page_line(page, "data", "%.*s", SPAN_ARG(answer_text(answer, top, "data_dir")));
    print_config(page, answer);
    page_line(page, "for", "%.*s, access %.*s", SPAN_ARG(answer_text(answer, top, "audience")),
              SPAN_ARG(answer_text(answer, top, "auth")));
    print_requests(page, answer);
    print_store(page, answer);
    page_line(page, "memory", "%s",
              size_text((uint64_t)answer_number(top, "memory_rss_bytes"), size));
    page_line(page, "models", "%lld", (long long)answer_number(top, "models"));
}

/* --- its providers --- */

static bool is_used(struct span state) {
    return !span_is(state, "no_key") && !span_is(state, "off");
}

static void print_providers(struct page *page, struct answer *answer) {
    struct table table;
    uint32_t unused = 0;
    table_init(&table, columns, array_length(columns), width_of(stdout));
    for (struct json_iter it = json_each(json_get(answer->top, "data")); json_next(&it);) {
        struct span state = answer_text(answer, it.value, "state");
        if (!is_used(state)) {
            unused++;
            continue;
        }
        table_cell(&table, answer_text(answer, it.value, "id"));
        table_cell(&table, state);
        table_number(&table, json_count(json_get(it.value, "accounts")));
        table_number(&table, (uint64_t)answer_number(it.value, "models"));
        table_cell(&table, answer_text(answer, it.value, "reason"));
    }
    page_add(page, "\n");
    table_write(&table, page);
    if (unused > 0)
        page_add(page, "%u more are known; `papi provider list` tells where to get a key\n",
                 unused);
    table_done(&table);
}

static int print(struct instance *instance, struct span body) {
    struct answer state, providers;
    struct dynbuf list;
    struct page page;
    if (!answer_read(&state, body))
        return CLI_FAILED;
    page_init(&page);
    print_state(&page, &state);
    answer_done(&state);
    int code = instance_fetch(instance, "/admin/v1/providers", SPAN_NONE, &list);
    if (code == CLI_DONE && answer_read(&providers, dynbuf_span(&list))) {
        print_providers(&page, &providers);
        answer_done(&providers);
    }
    dynbuf_done(&list);
    int printed = page_print(&page);
    return code == CLI_DONE ? printed : code;
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
    int code = instance_fetch(&instance, "/admin/v1/status", SPAN_NONE, &body);
    if (code == CLI_DONE && values.json)
        return instance_show(code, &body, true, NULL);
    if (code == CLI_DONE)
        code = print(&instance, dynbuf_span(&body));
    dynbuf_done(&body);
    return code;
}

const struct cli_command cli_status = {
    .name = "status",
    .operands = "",
    .line = "what runs where, since when, and how well",
    .about = "",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
