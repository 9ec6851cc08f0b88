// SPDX-License-Identifier: Apache-2.0
/*
 * papi requests: recent requests, one a line, and with --follow those that come.
 *
 * Following asks every second for what came after the last one seen. Between the questions it waits on standard output, so that a
 * reader that went away (`| head`) ends it at once, and Ctrl-C ends it as asked, with exit code 0.
 * Promises: every request is shown once, in order, however many come between two questions. When the last one shown is no longer
 * kept it goes on with the newest of those that are, and says so.
 * Leaves to others: what is kept, and for how long (store/).
 */
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client_names.h"
#include "cli/instance.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"
#include "base/clock.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#define PATH_MAX_BYTES     2048
#define LIMIT_USUAL        20
#define LIMIT_FOLLOW       10
#define LIMIT_MAX          1000
#define FOLLOW_INTERVAL_MS 1000
#define ID_MAX_BYTES       128
#define TIME_BYTES         32

struct values {
    struct instance_wish wish;
    const char *client, *model, *provider;
    struct cli_number since, limit;
    bool follow, failed, json;
};

static const struct cli_option options[] = {
    {"--follow", CLI_FLAG, offsetof(struct values, follow), NULL,
     "show further ones as they end, until Ctrl-C"},
    {"--failed", CLI_FLAG, offsetof(struct values, failed), NULL, "only those that failed"},
    {"--client", CLI_TEXT, offsetof(struct values, client), "CLIENT",
     "only of this client: its name or id"},
    {"--model", CLI_TEXT, offsetof(struct values, model), "MODEL", "only those that asked for it"},
    {"--provider", CLI_TEXT, offsetof(struct values, provider), "PROVIDER",
     "only those that it answered"},
    {"--since", CLI_DURATION, offsetof(struct values, since), "DURATION",
     "only the last 15m, 1h, 7d"},
    {"--limit", CLI_NUMBER, offsetof(struct values, limit), "N",
     "how many, up to 1000; default 20, 10 with --follow"},
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL,
     "the answer as it came; with --follow one request a line"},
};

static const struct table_column columns[] = {
    {.head = "TIME (UTC)", .give_up = 7},
    {.head = "STATUS", .right = true},
    {.head = "MODEL", .least = 8, .give_up = 8},
    {.head = "PROVIDER", .least = 8, .give_up = 6},
    {.head = "CLIENT", .least = 6, .give_up = 2},
    {.head = "TRIES", .right = true, .give_up = 3},
    {.head = "TOKENS", .right = true, .give_up = 4},
    {.head = "TOOK", .right = true, .give_up = 5},
    {.head = "ERROR", .least = 10, .give_up = 1},
    {.head = "ID"},
};

/* --- rows --- */

static const char *took_text(int64_t took_ms, char text[CLI_WAIT_SIZE]) {
    if (took_ms < 10000)
        (void)snprintf(text, CLI_WAIT_SIZE, "%lld ms", (long long)took_ms);
    else
        (void)cli_wait_text((uint64_t)took_ms, text);
    return text;
}

static void add_row(struct table *table, struct client_names *names, struct answer *answer,
                    struct json_value row) {
    char took[CLI_WAIT_SIZE], tokens[64];
    (void)snprintf(tokens, sizeof tokens, "%lld+%lld",
                   (long long)answer_number(row, "input_tokens"),
                   (long long)answer_number(row, "output_tokens"));
    table_cell(table, answer_time(answer, row, "at"));
    table_number(table, (uint64_t)answer_number(row, "status"));
    table_cell(table, answer_text(answer, row, "model"));
    table_cell(table, answer_text(answer, row, "provider"));
    table_cell(table, client_names_of(names, answer_text(answer, row, "client")));
    table_number(table, (uint64_t)answer_number(row, "attempts"));
    table_cell(table, span_text(tokens));
    table_cell(table, span_text(took_text(answer_number(row, "duration_ms"), took)));
    table_cell(table, answer_text(answer, row, "error"));
    table_cell(table, answer_text(answer, row, "id"));
}

static int print(struct span body, struct client_names *names) {
    struct answer answer;
    struct table table;
    struct page page;
    uint32_t count = 0;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    table_init(&table, columns, array_length(columns), width_of(stdout));
    page_init(&page);
    for (struct json_iter it = json_each(json_get(answer.top, "data")); json_next(&it); count++)
        add_row(&table, names, &answer, it.value);
    if (count > 0)
        table_write(&table, &page);
    else
        (void)fputs("no requests\n", stderr);
    table_done(&table);
    answer_done(&answer);
    return page_print(&page);
}

/* --- asking --- */

/* `path` of PATH_MAX_BYTES; `after` NULL: the newest. */
static bool write_path(const struct values *values, uint64_t limit, const char *after, char *path) {
    char since[TIME_BYTES] = "", count[TIME_BYTES];
    uint64_t now_ms = clock_wall_ms();
    if (values->since.given)
        clock_format_rfc3339(values->since.value < now_ms ? now_ms - values->since.value : 0, since,
                             sizeof since);
    (void)snprintf(path, PATH_MAX_BYTES, "/admin/v1/requests");
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)limit);
    const struct {
        const char *name, *value;
    } parts[] = {
        {"limit", count},
        {"failed", values->failed ? "true" : NULL},
        {"client", values->client},
        {"model", values->model},
        {"provider", values->provider},
        {"since", values->since.given ? since : NULL},
        {"after", after},
    };
    for (size_t i = 0; i < array_length(parts); i++)
        if (!instance_add_query(path, PATH_MAX_BYTES, parts[i].name, parts[i].value)) {
            cli_complain("--%s %.40s... is too long", parts[i].name, parts[i].value);
            return false;
        }
    return true;
}

static int list(struct instance *instance, const struct values *values) {
    struct dynbuf body;
    char path[PATH_MAX_BYTES];
    if (!write_path(values, values->limit.given ? values->limit.value : LIMIT_USUAL, NULL, path))
        return CLI_USAGE;
    int code = instance_fetch(instance, path, SPAN_NONE, &body);
    if (code != CLI_DONE || values->json)
        return instance_show(code, &body, true, NULL);
    struct client_names names = {.instance = instance};
    code = print(dynbuf_span(&body), &names);
    dynbuf_done(&body);
    return code;
}

/* --- following --- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

/* False when it is time to end. SIGINT is let in here only, so that none is missed between looking and waiting. */
static bool wait_a_moment(const sigset_t *while_waiting) {
    struct pollfd out = {.fd = STDOUT_FILENO};
    const struct timespec interval = {.tv_sec = FOLLOW_INTERVAL_MS / 1000};
    if (interrupted == 0)
        (void)ppoll(&out, 1, &interval, while_waiting);
    return interrupted == 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

struct following {
    struct instance *instance;
    const struct values *values;
    struct table table;
    struct client_names names;
    char last[ID_MAX_BYTES]; /* the newest id seen; "" = none yet */
};

static void follow_row(struct following *following, struct answer *answer, struct json_value row,
                       struct page *page) {
    struct span id = answer_text(answer, row, "id");
    if (id.len < sizeof following->last)
        (void)snprintf(following->last, sizeof following->last, "%.*s", SPAN_ARG(id));
    if (following->values->json)
        page_add_span(page, json_raw(row), "\n");
    else
        add_row(&following->table, &following->names, answer, row);
}

/* The first list is newest first, all others are oldest first. */
static void follow_rows(struct following *following, struct answer *answer, bool first,
                        struct page *page) {
    struct json_value rows[LIMIT_MAX];
    uint32_t count = 0;
    for (struct json_iter it = json_each(json_get(answer->top, "data"));
         count < LIMIT_MAX && json_next(&it);)
        rows[count++] = it.value;
    for (uint32_t i = 0; i < count; i++)
        follow_row(following, answer, rows[first ? count - 1 - i : i], page);
    if (count > 0 && !following->values->json)
        table_write(&following->table, page);
}

static int follow_answer(struct following *following, struct span body, bool after,
                         bool *ret_more) {
    struct answer answer;
    struct page page;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    page_init(&page);
    follow_rows(following, &answer, !after, &page);
    *ret_more = after && answer_is_true(answer.top, "has_more");
    answer_done(&answer);
    return page_print(&page);
}

/* `ret_more`: the instance has further ones already. */
static int follow_once(struct following *following, bool first, bool *ret_more) {
    const struct values *values = following->values;
    uint64_t limit = !first ? LIMIT_MAX : values->limit.given ? values->limit.value : LIMIT_FOLLOW;
    char path[PATH_MAX_BYTES];
    struct dynbuf body;
    int status = 0, code = CLI_DONE;
    bool after = !first && following->last[0] != '\0';
    *ret_more = false;
    if (!write_path(values, limit, after ? following->last : NULL, path))
        return CLI_USAGE;
    dynbuf_init(&body, INSTANCE_ANSWER_MAX_BYTES);
    int err = instance_ask(following->instance, path, SPAN_NONE, &body, &status);
    if (err == 0 && status == 404 && after) {
        /* The oldest go first: all that is kept came after it. */
        following->last[0] = '\0';
        *ret_more = true;
        (void)fputs("the last one shown is no longer kept, so some in between may be missing\n",
                    stderr);
    } else {
        code = instance_judge(following->instance, err, status, dynbuf_span(&body));
        if (code == CLI_DONE)
            code = follow_answer(following, dynbuf_span(&body), after, ret_more);
    }
    dynbuf_done(&body);
    return code;
}

static int follow(struct instance *instance, const struct values *values) {
    const struct sigaction action = {.sa_handler = on_interrupt};
    struct following following = {
        .instance = instance, .values = values, .names = {.instance = instance}};
    sigset_t interrupt, before;
    bool more = false;
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &before);
    (void)sigaction(SIGINT, &action, NULL);
    table_init(&following.table, columns, array_length(columns), width_of(stdout));
    int code = follow_once(&following, true, &more);
    while (code == CLI_DONE && fflush(stdout) == 0 && (more || wait_a_moment(&before)))
        code = follow_once(&following, false, &more);
    table_done(&following.table);
    return code;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    char client[CLIENT_ID_BYTES];
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (values.limit.given && (values.limit.value == 0 || values.limit.value > LIMIT_MAX)) {
        cli_complain("--limit is a number from 1 to %d", LIMIT_MAX);
        return CLI_USAGE;
    }
    if (!instance_find(&values.wish, INSTANCE_OWNER, &instance))
        return CLI_USAGE;
    if (values.client != NULL) {
        int code = client_names_find(&instance, values.client, client);
        if (code != CLI_DONE)
            return code;
        values.client = client;
    }
    return values.follow ? follow(&instance, &values) : list(&instance, &values);
}

const struct cli_command cli_requests = {
    .name = "requests",
    .operands = "",
    .line = "recent requests; with --follow those that come",
    .about = "Newest first; with --follow oldest first. `papi request ID` tells more about one.\n"
             "TOKENS are those of the question + those of the answer.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
