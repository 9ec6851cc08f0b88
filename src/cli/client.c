// SPDX-License-Identifier: Apache-2.0
/*
 * papi client: the keys of the people who use this instance, and how much each may use; papi admin token: keys of those who run it.
 *
 * All of it is asked of the running instance by its socket, so that a change holds at once and a revoked key is refused from the
 * next request on. A key is printed once, by the command that made it, alone on its line, so that it can be handed on or piped.
 * Promises: a key is written to standard output only, and nowhere else by this program. Leaves to others: rules (admin/clients.c).
 */
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"
#include "base/clock.h"
#include "client/client.h"
#include "json/writer.h"

#define PATH_MAX_BYTES 1024
#define BODY_MAX_BYTES 65536
#define CLIENTS_PATH   "/admin/v1/clients"
#define TIME_BYTES     32

struct values {
    struct instance_wish wish;
    struct cli_number limits[CLIENT_LIMIT_COUNT];
    struct cli_number expires, grace;
    const char *models, *data_use, *priority, *name;
    bool json, forget;
};

#define LIMIT_AT(limit) (offsetof(struct values, limits) + (limit) * sizeof(struct cli_number))
#define COMMON_OPTIONS                                                                   \
    INSTANCE_OPTIONS(struct values, wish), {                                             \
        "--json", CLI_FLAG, offsetof(struct values, json), NULL, "the answer as it came" \
    }
#define SETTING_OPTIONS                                                                          \
    {"--requests-per-minute", CLI_NUMBER, LIMIT_AT(CLIENT_REQUESTS_PER_MINUTE), "N",             \
     "requests it may make in a minute; 0: no limit"},                                           \
        {"--requests-per-day", CLI_NUMBER, LIMIT_AT(CLIENT_REQUESTS_PER_DAY), "N",               \
         "in a day, UTC"},                                                                       \
        {"--requests-per-month", CLI_NUMBER, LIMIT_AT(CLIENT_REQUESTS_PER_MONTH), "N",           \
         "in a month, UTC"},                                                                     \
        {"--tokens-per-minute", CLI_NUMBER, LIMIT_AT(CLIENT_TOKENS_PER_MINUTE), "N",             \
         "tokens of prompts and answers in a minute"},                                           \
        {"--tokens-per-day", CLI_NUMBER, LIMIT_AT(CLIENT_TOKENS_PER_DAY), "N", "in a day, UTC"}, \
        {"--tokens-per-month", CLI_NUMBER, LIMIT_AT(CLIENT_TOKENS_PER_MONTH), "N",               \
         "in a month, UTC"},                                                                     \
        {"--concurrency", CLI_NUMBER, LIMIT_AT(CLIENT_CONCURRENCY), "N", "requests at once"},    \
        {"--models", CLI_TEXT, offsetof(struct values, models), "TEXT",                          \
         "names it may ask for, with commas between and * for any letters; all: any"},           \
        {"--expires", CLI_DURATION, offsetof(struct values, expires), "DURATION",                \
         "its keys end so long from now: 90d; 0s: never"},                                       \
        {"--data-use", CLI_TEXT, offsetof(struct values, data_use), "any|no-training",           \
         "no-training: never a provider that may train on its prompts"},                         \
    {                                                                                            \
        "--priority", CLI_TEXT, offsetof(struct values, priority), "interactive|normal|batch",   \
            "class of its requests"                                                              \
    }

static const struct cli_option add_options[] = {SETTING_OPTIONS, COMMON_OPTIONS};
static const struct cli_option common_options[] = {COMMON_OPTIONS};
static const struct cli_option limit_options[] = {
    {"--name", CLI_TEXT, offsetof(struct values, name), "NAME", "another name"},
    SETTING_OPTIONS,
    COMMON_OPTIONS,
};
static const struct cli_option rotate_options[] = {
    {"--grace", CLI_DURATION, offsetof(struct values, grace), "DURATION",
     "so long the old key stays good, as 7d; else it ends at once"},
    COMMON_OPTIONS,
};
static const struct cli_option revoke_options[] = {
    {"--forget", CLI_FLAG, offsetof(struct values, forget), NULL,
     "forget the client too, not only its keys"},
    COMMON_OPTIONS,
};

/* --- what is asked --- */

static void put_limits(struct json_writer *writer, const struct values *values) {
    json_open_object(writer, "limits");
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        if (!values->limits[i].given)
            continue;
        if (values->limits[i].value == 0)
            json_put_null(writer, client_limit_word((enum client_limit)i));
        else
            json_put_u64(writer, client_limit_word((enum client_limit)i), values->limits[i].value);
    }
    json_close_object(writer);
}

static void put_models(struct json_writer *writer, const char *models) {
    struct span rest = span_text(models), part;
    if (span_is(rest, "all")) {
        json_put_null(writer, "models");
        return;
    }
    json_open_list(writer, "models");
    while (span_split(&rest, ',', &part))
        if (span_trim(part).len > 0)
            json_put_text(writer, NULL, span_trim(part));
    json_close_list(writer);
}

static void put_settings(struct json_writer *writer, const struct values *values) {
    put_limits(writer, values);
    if (values->models != NULL)
        put_models(writer, values->models);
    if (values->expires.given)
        json_put_time(
            writer, "expires_at",
            values->expires.value == 0 ? 0 : (int64_t)(clock_wall_ms() + values->expires.value));
    if (values->data_use != NULL)
        json_put_word(writer, "data_use", values->data_use);
    if (values->priority != NULL)
        json_put_word(writer, "priority", values->priority);
}

struct question {
    struct dynbuf body; /* owned */
    struct json_writer writer;
    char path[PATH_MAX_BYTES];
};

static void question_begin(struct question *question) {
    dynbuf_init(&question->body, BODY_MAX_BYTES);
    json_writer_init(&question->writer, &question->body);
    (void)snprintf(question->path, sizeof question->path, CLIENTS_PATH);
    json_open_object(&question->writer, NULL);
}

/* "/admin/v1/clients/NAME/rotate". False after complaining; then the question is done with. */
static bool question_about(struct question *question, const char *client, const char *end) {
    if (client[0] == '\0') {
        cli_complain("the client's name is empty; `papi client list` shows them");
        dynbuf_done(&question->body);
        return false;
    }
    bool fits = instance_add_segment(question->path, sizeof question->path, client);
    size_t used = strlen(question->path), room = sizeof question->path - used;
    if (fits && (size_t)snprintf(question->path + used, room, "%s", end) < room)
        return true;
    cli_complain("that client's name is too long");
    dynbuf_done(&question->body);
    return false;
}

static int question_ask(struct question *question, const struct values *values, const char *method,
                        int (*print)(struct span body)) {
    struct instance instance;
    struct dynbuf answer;
    int code = CLI_USAGE;
    json_close_object(&question->writer);
    if (question->writer.err < 0)
        cli_complain("that is more than can be asked at once");
    else if (instance_find(&values->wish, INSTANCE_OWNER, &instance)) {
        bool empty = strcmp(method, "GET") == 0 || strcmp(method, "DELETE") == 0;
        code = instance_order(&instance, method, question->path,
                              empty ? SPAN_NONE : dynbuf_span(&question->body), &answer);
        code = instance_show(code, &answer, values->json, print);
    }
    dynbuf_done(&question->body);
    return code;
}

/* --- what is shown --- */

static void add_text(struct page *page, struct answer *answer, const char *label, const char *name,
                     struct json_value client) {
    struct span text = answer_text(answer, client, name);
    if (!span_absent(text))
        page_line(page, label, "%.*s", SPAN_ARG(text));
}

static void add_time(struct page *page, struct answer *answer, const char *label, const char *name,
                     struct json_value client) {
    struct span text = answer_time(answer, client, name);
    if (!span_absent(text))
        page_line(page, label, "%.*s UTC", SPAN_ARG(text));
}

static void add_models(struct page *page, struct answer *answer, struct json_value client) {
    struct dynbuf list;
    struct span name;
    dynbuf_init(&list, BODY_MAX_BYTES);
    for (struct json_iter it = json_each(json_get(client, "models")); json_next(&it);)
        if (json_string(it.value, &answer->arena, &name) == 0 &&
            dynbuf_append_format(&list, "%s%.*s", list.len > 0 ? ", " : "", SPAN_ARG(name)) < 0)
            break;
    if (list.len > 0)
        page_line(page, "models", "%.*s", SPAN_ARG(dynbuf_span(&list)));
    dynbuf_done(&list);
}

static void add_limits(struct page *page, struct json_value client) {
    struct json_value limits = json_get(client, "limits");
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        int64_t amount = answer_number(limits, client_limit_word((enum client_limit)i));
        if (amount > 0)
            page_line(page, "limit", "%lld %s", (long long)amount,
                      client_limit_about((enum client_limit)i));
    }
}

static int print_client(struct span body) {
    struct answer answer;
    struct page page;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    page_init(&page);
    add_text(&page, &answer, "client", "name", answer.top);
    add_text(&page, &answer, "id", "id", answer.top);
    add_text(&page, &answer, "role", "role", answer.top);
    add_limits(&page, answer.top);
    add_models(&page, &answer, answer.top);
    add_text(&page, &answer, "data use", "data_use", answer.top);
    add_text(&page, &answer, "priority", "priority", answer.top);
    add_time(&page, &answer, "made", "created_at", answer.top);
    add_time(&page, &answer, "expires", "expires_at", answer.top);
    add_time(&page, &answer, "revoked", "revoked_at", answer.top);
    add_time(&page, &answer, "last used", "last_used_at", answer.top);
    struct span key = answer_text(&answer, answer.top, "key");
    if (!span_absent(key))
        page_add(&page, "%.*s\n", SPAN_ARG(key));
    bool has_key = !span_absent(key);
    answer_done(&answer);
    int code = page_print(&page);
    if (code != CLI_DONE || !has_key)
        return code;
    if (fflush(stdout) != 0) {
        cli_complain("the key could not be written, and nobody has it; `papi client rotate NAME` "
                     "makes another");
        return CLI_FAILED;
    }
    (void)fputs("This key is shown once; it is kept nowhere.\n", stderr);
    return CLI_DONE;
}

static const struct table_column columns[] = {
    {.head = "NAME", .least = 8},
    {.head = "ID"},
    {.head = "ROLE", .give_up = 2},
    {.head = "STATE"},
    {.head = "LIMITS", .least = 10, .give_up = 3},
    {.head = "LAST USED (UTC)", .give_up = 1},
};

static struct span state_of(struct answer *answer, struct json_value client) {
    struct span expires = answer_text(answer, client, "expires_at");
    char now[TIME_BYTES];
    clock_format_rfc3339(clock_wall_ms(), now, sizeof now);
    if (!span_absent(answer_text(answer, client, "revoked_at")))
        return SPAN_LITERAL("revoked");
    /* Both are of one form and one zone. */
    return !span_absent(expires) && span_order(expires, span_text(now)) <= 0
               ? SPAN_LITERAL("expired")
               : SPAN_LITERAL("active");
}

static void add_row(struct table *table, struct answer *answer, struct json_value client) {
    static const char *const short_words[CLIENT_LIMIT_COUNT] = {
        "/min", "/day", "/month", " tok/min", " tok/day", " tok/month", " at once"};
    struct json_value limits = json_get(client, "limits");
    char text[256] = "";
    size_t used = 0;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT && used < sizeof text - 40; i++) {
        int64_t amount = answer_number(limits, client_limit_word((enum client_limit)i));
        if (amount > 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld%s",
                                     used > 0 ? ", " : "", (long long)amount, short_words[i]);
    }
    table_cell(table, answer_text(answer, client, "name"));
    table_cell(table, answer_text(answer, client, "id"));
    table_cell(table, answer_text(answer, client, "role"));
    table_cell(table, state_of(answer, client));
    table_cell(table, used > 0 ? span_text(text) : SPAN_NONE);
    table_cell(table, answer_time(answer, client, "last_used_at"));
}

static int print_list(struct span body) {
    struct answer answer;
    struct table table;
    struct page page;
    uint32_t count = 0;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    table_init(&table, columns, array_length(columns), width_of(stdout));
    page_init(&page);
    for (struct json_iter it = json_each(json_get(answer.top, "data")); json_next(&it); count++)
        add_row(&table, &answer, it.value);
    if (count > 0)
        table_write(&table, &page);
    else
        (void)fputs("no clients; `papi client add NAME` makes one\n", stderr);
    if (answer_is_true(answer.top, "has_more"))
        (void)fputs("there are more; --json and its next_cursor lead on\n", stderr);
    table_done(&table);
    answer_done(&answer);
    return page_print(&page);
}

/* --- the commands --- */

static int list_clients(const struct values *values, const char *role) {
    struct question question;
    question_begin(&question);
    if (!instance_add_query(question.path, sizeof question.path, "limit", "1000") ||
        !instance_add_query(question.path, sizeof question.path, "role", role))
        return CLI_FAILED;
    return question_ask(&question, values, "GET", print_list);
}

static int add_client(const struct values *values, const char *name, const char *role) {
    struct question question;
    question_begin(&question);
    json_put_word(&question.writer, "name", name);
    json_put_word(&question.writer, "role", role);
    put_settings(&question.writer, values);
    return question_ask(&question, values, "POST", print_client);
}

static int revoke_client(const struct values *values, const char *name) {
    struct question question;
    question_begin(&question);
    if (!question_about(&question, name, values->forget ? "?forget=true" : ""))
        return CLI_USAGE;
    return question_ask(&question, values, "DELETE", print_client);
}

static int run_add(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    return parsed != CLI_PARSED ? cli_parsed_exit(parsed)
                                : add_client(&values, operands.items[0], "client");
}

static int run_list(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    return parsed != CLI_PARSED ? cli_parsed_exit(parsed) : list_clients(&values, NULL);
}

static bool changes_anything(const struct values *values) {
    bool changes = values->models != NULL || values->expires.given || values->data_use != NULL ||
                   values->priority != NULL || values->name != NULL;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        changes = changes || values->limits[i].given;
    return changes;
}

/* Commands about one client that is there. */
static int run_one(const struct cli_command *command, int argc, char **argv, const char *method) {
    struct values values = {0};
    struct cli_operands operands;
    struct question question;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    bool rotate = strcmp(method, "POST") == 0, change = strcmp(method, "PATCH") == 0;
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (change && !changes_anything(&values)) {
        cli_complain("nothing to change: `papi client limit --help` lists what can be, as "
                     "--requests-per-day 200");
        return CLI_USAGE;
    }
    question_begin(&question);
    if (!question_about(&question, operands.items[0], rotate ? "/rotate" : ""))
        return CLI_USAGE;
    if (rotate && values.grace.given)
        json_put_u64(&question.writer, "grace_s", values.grace.value / 1000);
    if (change) {
        if (values.name != NULL)
            json_put_word(&question.writer, "name", values.name);
        put_settings(&question.writer, &values);
    }
    return question_ask(&question, &values, method, print_client);
}

static int run_show(const struct cli_command *command, int argc, char **argv) {
    return run_one(command, argc, argv, "GET");
}

static int run_limit(const struct cli_command *command, int argc, char **argv) {
    return run_one(command, argc, argv, "PATCH");
}

static int run_rotate(const struct cli_command *command, int argc, char **argv) {
    return run_one(command, argc, argv, "POST");
}

static int run_revoke(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    return parsed != CLI_PARSED ? cli_parsed_exit(parsed)
                                : revoke_client(&values, operands.items[0]);
}

static int run_token(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    bool list = strcmp(operands.items[0], "list") == 0;
    if (list != (operands.count == 1)) {
        cli_complain(list ? "papi admin token list takes no name"
                          : "papi admin token %s needs the token's name",
                     operands.items[0]);
        return CLI_USAGE;
    }
    if (list)
        return list_clients(&values, "admin");
    return strcmp(operands.items[0], "add") == 0 ? add_client(&values, operands.items[1], "admin")
                                                 : revoke_client(&values, operands.items[1]);
}

static const struct cli_command add = {
    .group = "client",
    .name = "add",
    .operands = "NAME",
    .line = "a new client; prints its key, once",
    .about = "The key is kept nowhere, only a hash of it; if it is lost, `papi client rotate` "
             "makes another.",
    .options = add_options,
    .option_count = array_length(add_options),
    .run = run_add,
};
static const struct cli_command list = {
    .group = "client",
    .name = "list",
    .operands = "",
    .line = "who may use this instance",
    .about = "",
    .options = common_options,
    .option_count = array_length(common_options),
    .run = run_list,
};
static const struct cli_command show = {
    .group = "client",
    .name = "show",
    .operands = "CLIENT",
    .line = "one client: limits, models, expiry",
    .about = "",
    .options = common_options,
    .option_count = array_length(common_options),
    .run = run_show,
};
static const struct cli_command limit = {
    .group = "client",
    .name = "limit",
    .operands = "CLIENT",
    .line = "changes limits, models, expiry, name",
    .about =
        "What is not named stays as it is, and so does what was counted. 0 takes a limit away.",
    .options = limit_options,
    .option_count = array_length(limit_options),
    .run = run_limit,
};
static const struct cli_command rotate = {
    .group = "client",
    .name = "rotate",
    .operands = "CLIENT",
    .line = "a new key in place of the old one; prints it, once",
    .about = "",
    .options = rotate_options,
    .option_count = array_length(rotate_options),
    .run = run_rotate,
};
static const struct cli_command revoke = {
    .group = "client",
    .name = "revoke",
    .operands = "CLIENT",
    .line = "refuses its keys from now on",
    .about = "",
    .options = revoke_options,
    .option_count = array_length(revoke_options),
    .run = run_revoke,
};
static const struct cli_command *const commands[] = {&add, &list, &show, &limit, &rotate, &revoke};

const struct cli_command cli_client = {
    .name = "client",
    .operands = "",
    .line = "API keys of the people who use this instance",
    .about = "Keys are needed where the configuration says `auth: keys`.",
    .commands = commands,
    .command_count = array_length(commands),
};

static const struct cli_command token = {
    .group = "admin",
    .name = "token",
    .operands = "add|list|revoke [NAME]",
    .line = "keys for the admin API over HTTP",
    .about = "On this machine none is needed: commands use the socket in the data directory.",
    .options = revoke_options,
    .option_count = array_length(revoke_options),
    .run = run_token,
};
static const struct cli_command *const admin_commands[] = {&token};

const struct cli_command cli_admin = {
    .name = "admin",
    .operands = "",
    .line = "keys of those who run this instance",
    .about = "",
    .commands = admin_commands,
    .command_count = array_length(admin_commands),
};
