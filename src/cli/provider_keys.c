// SPDX-License-Identifier: Apache-2.0
/*
 * papi provider add|import|pause|resume|remove: which providers are asked, and with which keys.
 *
 * A running instance does it and uses it at once; if none runs, it is done on the data directory, under its lock. Keys come from standard
 * input (a terminal shows nothing of what is typed) or a file, never from the command line, where every user of the machine sees them and the
 * shell keeps them.
 * Promises: done means durable; a key is shown nowhere, and its bytes are wiped. Leaves to others: the work (admin/provider_work.c), changing
 * the master key (provider_rekey.c).
 */
#include "cli/provider_keys.h"

#include "admin/provider_work.h"
#include "app/known.h"
#include "app/vault_offline.h"
#include "base/check.h"
#include "base/clock.h"
#include "cli/answer.h"
#include "cli/instance.h"
#include "cli/key_input.h"
#include "config/credentials.h"

struct values {
    struct instance_wish wish;
    const char *account, *billing, *key_file, *format, *set;
    bool json, dry_run;
};

#define COMMON_OPTIONS                                                     \
    INSTANCE_OPTIONS(struct values, wish), {                               \
        "--json", CLI_FLAG, offsetof(struct values, json), NULL, "as JSON" \
    }
#define ACCOUNT_OPTION(text) \
    { "--account", CLI_TEXT, offsetof(struct values, account), "NAME", text }

static const struct cli_option add_options[] = {
    {"--key-file", CLI_TEXT, offsetof(struct values, key_file), "FILE",
     "read the key from it; else from standard input"},
    ACCOUNT_OPTION("what the provider counts its quota under; default"),
    {"--billing", CLI_TEXT, offsetof(struct values, billing), "free|paid|unknown",
     "whether the provider may send a bill; unknown is treated as free only"},
    {"--set", CLI_TEXT, offsetof(struct values, set), "NAME=VALUE",
     "what its address needs besides, as CLOUDFLARE_ACCOUNT_ID=..."},
    COMMON_OPTIONS,
};
static const struct cli_option import_options[] = {
    {"--format", CLI_TEXT, offsetof(struct values, format), "env|json|csv|auto",
     "of the file; auto: by its looks"},
    {"--dry-run", CLI_FLAG, offsetof(struct values, dry_run), NULL, "only show what would be kept"},
    COMMON_OPTIONS,
};
static const struct cli_option account_options[] = {
    ACCOUNT_OPTION("only this one; else the whole provider"),
    COMMON_OPTIONS,
};

/* --- what is asked for --- */

struct order {
    struct provider_work work;
    const char *method;
    char path[512];
    struct dynbuf json; /* wiped */
};

static void wipe(struct dynbuf *text) {
    if (text->data != NULL)
        secret_wipe(text->data, text->capacity);
    dynbuf_done(text);
}

static void order_done(struct order *order) {
    provider_work_done(&order->work);
    wipe(&order->json);
}

static void put_optional(struct json_writer *writer, const char *name, const char *value) {
    if (value != NULL)
        json_put_word(writer, name, value);
}

static bool order_on_path(struct order *order, const char *method, const char *provider,
                          const char *end) {
    order->method = method;
    (void)snprintf(order->path, sizeof order->path, "/admin/v1/providers");
    bool fits = provider == NULL || instance_add_segment(order->path, sizeof order->path, provider);
    size_t length = strlen(order->path);
    (void)snprintf(order->path + length, sizeof order->path - length, "%s", end);
    return fits;
}

/* --- by the instance, or on the data directory --- */

static int complain_offline(const struct vault_offline *offline) {
    cli_complain("%s", offline->why);
    return CLI_FAILED;
}

struct offline_job {
    struct vault_offline *offline;
    struct provider_work *work;
};

static int run_offline(struct store_db *db, void *context) {
    struct offline_job *job = context;
    return provider_work_run(job->work, job->offline->vault, db);
}

/* A body such as the instance would give, as far as it is known without one. */
static void write_offline(const struct provider_work *work, struct dynbuf *body) {
    struct json_writer writer;
    json_writer_init(&writer, body);
    if (work->act == PROVIDER_IMPORT || work->act == PROVIDER_REMOVE) {
        provider_work_write(work, &writer);
    } else {
        json_open_object(&writer, NULL);
        json_put_text(&writer, "id", work->provider);
        json_put_word(&writer, "state", work->act == PROVIDER_PAUSE ? "paused" : "kept");
        json_put_null(&writer, "reason");
        json_close_object(&writer);
    }
    if (writer.err == 0)
        writer.err = dynbuf_append_char(body, '\n');
}

static int work_offline(struct vault_offline *offline, struct provider_work *work,
                        struct dynbuf *body) {
    struct offline_job job = {offline, work};
    struct provider_refusal refusal;
    bool exists =
        work->act == PROVIDER_IMPORT || facts_provider(known_facts, work->provider) != NULL;
    if (!exists) {
        cli_complain("the catalog has no provider '%.*s'; for one of your own start `papi serve` "
                     "first",
                     SPAN_ARG(work->provider));
        return CLI_FAILED;
    }
    int err = store_run(offline->store, STORE_WRITE, run_offline, &job);
    vault_settle(offline->vault, err);
    if (err < 0 && provider_work_refused(work, err, offline->vault, &refusal))
        cli_complain("%s", refusal.why);
    else if (err < 0)
        cli_complain("%s cannot be changed: %s", offline->data_dir, err_text(err));
    else if (work->act == PROVIDER_REMOVE && work->removed == 0)
        cli_complain("%.*s has no such key in the vault", SPAN_ARG(work->provider));
    else
        write_offline(work, body);
    return body->len > 0 ? CLI_DONE : CLI_FAILED;
}

static int order_offline(const struct values *values, struct order *order, struct dynbuf *body) {
    struct vault_offline offline;
    dynbuf_init(body, INSTANCE_ANSWER_MAX_BYTES);
    int code = vault_offline_open(&offline, values->wish.data) < 0
                   ? complain_offline(&offline)
                   : work_offline(&offline, &order->work, body);
    vault_offline_close(&offline);
    return code;
}

static int carry_out(const struct values *values, struct order *order,
                     int (*print)(struct span body)) {
    struct provider_refusal refusal;
    struct instance instance;
    struct dynbuf body;
    if (!provider_work_check(&order->work, known_facts, &refusal)) {
        cli_complain("%s", refusal.why);
        return CLI_FAILED;
    }
    if (!instance_find(&values->wish, INSTANCE_OWNER, &instance))
        return CLI_USAGE;
    int code = instance_is_url(&instance) || instance_reach(&instance) == 0
                   ? instance_order(&instance, order->method, order->path,
                                    dynbuf_span(&order->json), &body)
                   : order_offline(values, order, &body);
    return instance_show(code, &body, values->json, print);
}

/* --- what is shown --- */

static int print_provider(struct span body) {
    struct answer answer;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    struct span id = answer_text(&answer, answer.top, "id");
    struct span state = answer_text(&answer, answer.top, "state");
    struct span reason = answer_text(&answer, answer.top, "reason");
    struct span warning = answer_text(&answer, answer.top, "warning");
    if (span_is(state, "paused")) /* the reason begins with that word */
        state = reason.len > 0 ? SPAN_LITERAL("") : state;
    (void)printf("%.*s: %.*s%s%.*s\n", SPAN_ARG(id), SPAN_ARG(state),
                 state.len > 0 && reason.len > 0 ? ", " : "", SPAN_ARG(reason));
    if (warning.len > 0)
        (void)fprintf(stderr, "papi: %.*s\n", SPAN_ARG(warning));
    answer_done(&answer);
    return CLI_DONE;
}

static int print_removed(struct span body) {
    struct answer answer;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    long long count = answer_number(answer.top, "deleted");
    (void)printf("%lld key%s removed\n", count, count == 1 ? "" : "s");
    answer_done(&answer);
    return CLI_DONE;
}

static int print_import(struct span body) {
    struct answer answer;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    for (struct json_iter it = json_each(json_get(answer.top, "added")); json_next(&it);)
        (void)printf("%-16.*s account %-12.*s from %.*s\n",
                     SPAN_ARG(answer_text(&answer, it.value, "provider")),
                     SPAN_ARG(answer_text(&answer, it.value, "account")),
                     SPAN_ARG(answer_text(&answer, it.value, "from")));
    for (struct json_iter it = json_each(json_get(answer.top, "skipped")); json_next(&it);)
        (void)printf("skipped: %.*s: %.*s\n", SPAN_ARG(answer_text(&answer, it.value, "from")),
                     SPAN_ARG(answer_text(&answer, it.value, "reason")));
    uint32_t added = json_count(json_get(answer.top, "added"));
    (void)printf("%u key%s, %u skipped\n", added, added == 1 ? "" : "s",
                 json_count(json_get(answer.top, "skipped")));
    answer_done(&answer);
    return CLI_DONE;
}

/* --- the commands --- */

static bool take_extra(const char *text, struct vault_extra *ret_extra) {
    struct span rest = span_text(text), name;
    if (rest.len == 0 || !span_split(&rest, '=', &name) || name.len == 0 || rest.len == 0)
        return false;
    *ret_extra = (struct vault_extra){name, rest};
    return true;
}

static int add_with_key(const struct values *values, struct order *order) {
    const struct provider_work *work = &order->work;
    struct json_writer writer;
    json_writer_init(&writer, &order->json);
    json_open_object(&writer, NULL);
    json_put_text(&writer, "provider", work->provider);
    json_put_text(&writer, "key", secret_reveal(work->key));
    put_optional(&writer, "account", values->account);
    put_optional(&writer, "billing", values->billing);
    if (!span_absent(work->extra.name)) {
        char name[128];
        (void)snprintf(name, sizeof name, "%.*s", SPAN_ARG(work->extra.name));
        json_open_object(&writer, "extra");
        json_put_text(&writer, name, work->extra.value);
        json_close_object(&writer);
    }
    json_close_object(&writer);
    return writer.err;
}

static int run_add(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct order order = {.work = {.act = PROVIDER_ADD, .now_ms = clock_wall_ms()}};
    if (key_input_on_command_line(argc, argv))
        return CLI_USAGE;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (values.set != NULL && !take_extra(values.set, &order.work.extra)) {
        cli_complain("--set wants NAME=VALUE");
        return CLI_USAGE;
    }
    order.work.provider = span_text(operands.items[0]);
    order.work.account = span_text(values.account);
    order.work.billing = span_text(values.billing);
    dynbuf_init(&order.json, (size_t)4 * SECRET_MAX_BYTES);
    int code = CLI_FAILED;
    if (key_input_read(values.key_file, operands.items[0], &order.work.key) &&
        order_on_path(&order, "POST", NULL, "") && add_with_key(&values, &order) == 0)
        code = carry_out(&values, &order, print_provider);
    order_done(&order);
    return code;
}

static int import_text(const struct values *values, struct order *order, struct span text) {
    enum key_format format = KEY_FORMAT_AUTO;
    struct json_writer writer;
    if (values->format != NULL && key_format_parse(span_text(values->format), &format) < 0)
        return CLI_USAGE;
    if (key_import_read(known_facts, format, text, &order->work.import) < 0) {
        cli_complain("the file cannot be read: %s", order->work.import->why);
        return CLI_FAILED;
    }
    json_writer_init(&writer, &order->json);
    json_open_object(&writer, NULL);
    json_put_word(&writer, "format", values->format != NULL ? values->format : "auto");
    json_put_text(&writer, "text", text);
    json_put_flag(&writer, "dry_run", values->dry_run);
    json_close_object(&writer);
    if (writer.err < 0 || !order_on_path(order, "POST", NULL, "/import"))
        return CLI_FAILED;
    return carry_out(values, order, print_import);
}

static int run_import(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct order order = {.work = {.act = PROVIDER_IMPORT, .now_ms = clock_wall_ms()}};
    struct dynbuf text;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    order.work.dry_run = values.dry_run;
    dynbuf_init(&order.json, 3 * KEY_IMPORT_TEXT_MAX_BYTES);
    dynbuf_init(&text, KEY_IMPORT_TEXT_MAX_BYTES + 1);
    int code = key_input_file(operands.items[0], &text)
                   ? import_text(&values, &order, dynbuf_span(&text))
                   : CLI_FAILED;
    wipe(&text);
    order_done(&order);
    return code;
}

/* pause, resume, remove */
static int run_on_account(const struct cli_command *command, int argc, char **argv,
                          enum provider_act act) {
    static const char *const ends[] = {
        [PROVIDER_PAUSE] = "/pause", [PROVIDER_RESUME] = "/resume", [PROVIDER_REMOVE] = ""};
    struct values values = {0};
    struct cli_operands operands;
    struct order order = {.work = {.act = act, .now_ms = clock_wall_ms()}};
    struct json_writer writer;
    bool removes = act == PROVIDER_REMOVE;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    order.work.provider = span_text(operands.items[0]);
    order.work.account = span_text(values.account);
    dynbuf_init(&order.json, 4096);
    json_writer_init(&writer, &order.json);
    if (!removes) {
        json_open_object(&writer, NULL);
        put_optional(&writer, "account", values.account);
        json_close_object(&writer);
    }
    int code = CLI_FAILED;
    if (order_on_path(&order, removes ? "DELETE" : "POST", operands.items[0], ends[act]) &&
        (!removes ||
         instance_add_query(order.path, sizeof order.path, "account", values.account)) &&
        writer.err == 0)
        code = carry_out(&values, &order, removes ? print_removed : print_provider);
    order_done(&order);
    return code;
}

static int run_pause(const struct cli_command *command, int argc, char **argv) {
    return run_on_account(command, argc, argv, PROVIDER_PAUSE);
}

static int run_resume(const struct cli_command *command, int argc, char **argv) {
    return run_on_account(command, argc, argv, PROVIDER_RESUME);
}

static int run_remove(const struct cli_command *command, int argc, char **argv) {
    return run_on_account(command, argc, argv, PROVIDER_REMOVE);
}

#define WHERE                                                                            \
    "A running PAPI does it and uses it at once; if none runs, it is done in the data\n" \
    "directory."

const struct cli_command cli_provider_add = {
    .group = "provider",
    .name = "add",
    .operands = "PROVIDER",
    .line = "keep a key, sealed, and use it",
    .about = "The key is read from standard input, on a terminal without showing it, or from a "
             "file; never\nfrom the command line.\n" WHERE,
    .options = add_options,
    .option_count = array_length(add_options),
    .run = run_add,
};
const struct cli_command cli_provider_import = {
    .group = "provider",
    .name = "import",
    .operands = "FILE",
    .line = "keep the keys of a .env, JSON or CSV file",
    .about = "Each key goes to the provider that its name or its shape tells; others are skipped "
             "with the\nreason. `-` is standard input.\n" WHERE,
    .options = import_options,
    .option_count = array_length(import_options),
    .run = run_import,
};
const struct cli_command cli_provider_pause = {
    .group = "provider",
    .name = "pause",
    .operands = "PROVIDER",
    .line = "ask it nothing until it is resumed",
    .about = WHERE,
    .options = account_options,
    .option_count = array_length(account_options),
    .run = run_pause,
};
const struct cli_command cli_provider_resume = {
    .group = "provider",
    .name = "resume",
    .operands = "PROVIDER",
    .line = "use it again",
    .about = WHERE,
    .options = account_options,
    .option_count = array_length(account_options),
    .run = run_resume,
};
const struct cli_command cli_provider_remove = {
    .group = "provider",
    .name = "remove",
    .operands = "PROVIDER",
    .line = "forget its keys that were added or imported",
    .about = "Keys of the environment and the configuration stay: remove them there, or pause the "
             "provider.\n" WHERE,
    .options = account_options,
    .option_count = array_length(account_options),
    .run = run_remove,
};
