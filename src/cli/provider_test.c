// SPDX-License-Identifier: Apache-2.0
/*
 * papi provider test: which keys work, without spending what they are for.
 *
 * The settings are read and the pool is built as `papi serve` does it, so that what is tried here is what would be used there; providers
 * that have a key but are not used are tried too. No running instance is asked, and none is needed. Missing models are a note and no
 * failure: lists of models leave out what works and name what does not.
 * Promises: a key is never printed, nor a part of one that a provider repeats. Leaves to others: asking (app/key_test.c), what an answer
 * means (app/key_verdict.c).
 */
#include "cli/provider_test.h"

#include "app/assemble.h"
#include "app/key_test.h"
#include "app/settings.h"
#include "base/check.h"
#include "cli/cli.h"
#include "cli/page.h"

#include <stdlib.h>

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define MISSING_SHOWN   8
#define SENTENCE_BYTES  256
#define TESTS_MAX       4096
#define WORD_SHOWN      60

/* One line of the result. */
struct row {
    const struct offer *offer;
    const struct offer_key *key; /* NULL: nothing was asked */
    struct key_test *test;       /* NULL: the same */
    const char *why;             /* nothing was asked, or no chat was; "" = no reason to tell */
};

struct testing {
    const struct provider_test_wish *wish;
    struct settings settings;
    struct local_servers servers;
    struct assembly assembly;
    struct arena arena;
    struct row *rows; /* arena */
    struct key_test *tests;
    uint32_t row_count, test_count;
};

/* --- what to ask --- */

static bool is_wished(const struct provider_test_wish *wish, const struct offer *offer) {
    for (uint32_t i = 0; i < wish->id_count; i++)
        if (span_is(offer->id, wish->ids[i]))
            return true;
    return false;
}

static bool has_free_word(const struct catalog_snapshot *snapshot, uint32_t account,
                          uint32_t index) {
    const struct catalog_route *route = &snapshot->routes[index];
    enum catalog_kind kind = snapshot->models[route->model].kind;
    return route->account == account && route->automatic &&
           (kind == CATALOG_CHAT || kind == CATALOG_ANY);
}

/* A route that never bills, for one token; UINT32_MAX: there is none. */
static uint32_t chat_route(const struct testing *testing, const struct row *row, uint32_t account) {
    const struct catalog_snapshot *snapshot = testing->assembly.snapshot;
    if (row->offer->found.paid || row->key->paid || !discover_used(row->offer->verdict))
        return UINT32_MAX;
    for (uint32_t i = 0; i < snapshot->route_count; i++)
        if (has_free_word(snapshot, account, i))
            return i;
    return UINT32_MAX;
}

static void add_offer(struct testing *testing, const struct offer *offer) {
    struct key_test *tests = &testing->tests[testing->test_count];
    uint32_t count =
        key_tests_of(testing->assembly.snapshot, offer, tests, TESTS_MAX - testing->test_count);
    for (uint32_t i = 0; i < count; i++) {
        struct row *row = &testing->rows[testing->row_count++];
        *row = (struct row){.offer = offer, .key = &offer->keys[i], .test = &tests[i], .why = ""};
        if (testing->wish->chat)
            tests[i].chat_route = chat_route(testing, row, tests[i].account);
        if (testing->wish->chat && tests[i].chat_route == UINT32_MAX)
            row->why = "no chat was asked: no model of this key is known to be free";
    }
    testing->test_count += count;
}

static void add_refused(struct testing *testing, const struct offer *offer) {
    char sentence[SENTENCE_BYTES];
    discover_sentence(offer->verdict, offer->facts, sentence, sizeof sentence);
    const char *why = arena_format(&testing->arena, "%s", sentence);
    testing->rows[testing->row_count++] =
        (struct row){.offer = offer, .why = why != NULL ? why : ""};
}

static void plan(struct testing *testing) {
    const struct offers *offers = &testing->assembly.offers;
    uint32_t accounts = testing->assembly.snapshot->account_count;
    testing->rows =
        arena_zalloc(&testing->arena, (accounts + offers->count + 1) * sizeof(struct row));
    testing->tests = arena_zalloc(&testing->arena, (accounts + 1) * sizeof(struct key_test));
    for (uint32_t i = 0; i < offers->count; i++) {
        const struct offer *offer = &offers->items[i];
        bool wished = is_wished(testing->wish, offer);
        if (offer_can_be_tried(offer) && (testing->wish->id_count == 0 || wished))
            add_offer(testing, offer);
        else if (wished)
            add_refused(testing, offer);
    }
}

/* --- for people --- */

static enum key_verdict verdict_of(const struct row *row) {
    return row->test != NULL ? row->test->finding.verdict : KEY_NOT_ASKED;
}

static const char *text_of(struct testing *testing, struct span span) {
    const char *text = arena_format(&testing->arena, "%.*s", SPAN_ARG(span));
    return text != NULL ? text : "";
}

static void print_missing(struct page *page, const struct key_test *test) {
    char text[2048] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < test->missing_count && i < MISSING_SHOWN; i++) {
        struct span id = test->missing[i]->upstream_model;
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%.*s", i > 0 ? ", " : "",
                                   id.len < WORD_SHOWN ? (int)id.len : WORD_SHOWN, id.ptr);
    }
    if (test->missing_count > MISSING_SHOWN)
        (void)snprintf(text + length, sizeof text - length, " and %u more",
                       test->missing_count - MISSING_SHOWN);
    if (test->missing_count > 0)
        page_line(page, "", "not in its list (lists may lie): %s", text);
}

/* Why a good answer proved nothing, by the catalog. */
static const char *doubt_of(const struct row *row) {
    const struct fact_provider *facts = row->offer->facts;
    if (verdict_of(row) != KEY_REACHABLE || row->key->key == NULL)
        return "";
    return facts != NULL && facts->probe_note[0] != '\0'
               ? facts->probe_note
               : "whether its list needs a key is not known";
}

static void print_row(struct testing *testing, struct page *page, const struct row *row) {
    const struct key_test *test = row->test;
    bool answered = test != NULL && test->status != 0;
    char latency[24] = "-", models[24] = "-";
    if (answered)
        (void)snprintf(latency, sizeof latency, "%llu", (unsigned long long)test->latency_ms);
    if (test != NULL && test->listed)
        (void)snprintf(models, sizeof models, "%u", test->model_count);
    page_cell(page, text_of(testing, row->offer->id), 20);
    page_cell(page,
              row->key != NULL && row->key->key != NULL ? text_of(testing, row->key->account) : "-",
              16);
    page_cell(page, key_verdict_word(verdict_of(row)), 12);
    page_add(page, "%6s %6s  %s\n", latency, models,
             test != NULL ? (strlen(test->asked) > 32 ? "a URL of its own" : test->asked) : "-");
    page_line(page, "", "%s", test != NULL ? test->finding.says : "");
    page_line(page, "", "%s", doubt_of(row));
    page_line(page, "", "%s", row->why);
    if (test != NULL)
        print_missing(page, test);
}

static uint32_t count_failed(const struct testing *testing) {
    uint32_t failed = 0;
    for (uint32_t i = 0; i < testing->row_count; i++)
        failed += key_verdict_failed(verdict_of(&testing->rows[i]));
    return failed;
}

static void print_text(struct testing *testing, struct page *page) {
    uint32_t failed = count_failed(testing);
    page_cell(page, "PROVIDER", 20);
    page_cell(page, "ACCOUNT", 16);
    page_cell(page, "VERDICT", 12);
    page_add(page, "%6s %6s  %s\n", "MS", "MODELS", "ASKED");
    for (uint32_t i = 0; i < testing->row_count; i++)
        print_row(testing, page, &testing->rows[i]);
    page_add(page, "\n%u tested, %u failed\n", testing->row_count, failed);
}

/* --- JSON --- */

static void write_row(struct testing *testing, struct page *page, const struct row *row) {
    const struct key_test *test = row->test;
    page_open(page, NULL, '{');
    page_string(page, "provider", text_of(testing, row->offer->id));
    if (row->key != NULL && row->key->key != NULL) {
        page_string(page, "account", text_of(testing, row->key->account));
        page_string(page, "key_from", text_of(testing, row->key->source));
    }
    page_string(page, "verdict", key_verdict_word(verdict_of(row)));
    page_bool(page, "failed", key_verdict_failed(verdict_of(row)));
    page_string(page, "says", test != NULL ? test->finding.says : row->why);
    if (test != NULL)
        page_string(page, "asked", test->asked);
    if (test != NULL && test->status != 0) {
        page_number(page, "status", (uint64_t)test->status);
        page_number(page, "latency_ms", test->latency_ms);
    }
    if (test != NULL && test->listed) {
        page_number(page, "models", test->model_count);
        page_open(page, "missing", '[');
        for (uint32_t i = 0; i < test->missing_count; i++)
            page_string(page, NULL, text_of(testing, test->missing[i]->upstream_model));
        page_close(page, ']');
    }
    if (test != NULL) {
        page_open(page, "notes", '[');
        if (doubt_of(row)[0] != '\0')
            page_string(page, NULL, doubt_of(row));
        if (row->why[0] != '\0')
            page_string(page, NULL, row->why);
        page_close(page, ']');
    }
    page_close(page, '}');
}

static void print_json(struct testing *testing, struct page *page) {
    page_add(page, "{\"failed\":%u,\"tests\":[", count_failed(testing));
    for (uint32_t i = 0; i < testing->row_count; i++)
        write_row(testing, page, &testing->rows[i]);
    page_add(page, "]}\n");
}

/* --- the command --- */

static void tell_report(const struct config_report *report, const char *name) {
    struct dynbuf text;
    dynbuf_init(&text, (size_t)256 * 1024);
    if (config_report_write(report, name, &text) == 0 && text.len > 0)
        (void)fwrite(dynbuf_span(&text).ptr, 1, text.len, stderr);
    dynbuf_done(&text);
}

static int refuse_settings(const struct testing *testing, const struct config_report *report) {
    tell_report(report, testing->settings.path != NULL ? testing->settings.path : "environment");
    tell_report(&testing->settings.keys_report, SETTINGS_DOTENV);
    const char *path = testing->wish->config;
    cli_complain("nothing was tested: the configuration has errors; `papi check%s%s` shows them",
                 path != NULL ? " --config " : "", path != NULL ? path : "");
    return CLI_FAILED;
}

/* An id that neither the configuration nor the catalog has is a slip of the pen. */
static bool knows_all(const struct testing *testing) {
    const struct offers *offers = &testing->assembly.offers;
    for (uint32_t i = 0; i < testing->wish->id_count; i++) {
        struct span id = span_text(testing->wish->ids[i]), nearest = SPAN_NONE;
        size_t best = 4;
        for (uint32_t j = 0; j < offers->count && best > 0; j++) {
            size_t distance = span_distance(id, offers->items[j].id);
            if (distance < best) {
                best = distance;
                nearest = offers->items[j].id;
            }
        }
        if (best == 0)
            continue;
        if (span_absent(nearest))
            cli_complain("there is no provider '%.*s'; `papi provider list` lists them",
                         SPAN_ARG(id));
        else
            cli_complain("there is no provider '%.*s'; did you mean '%.*s'?", SPAN_ARG(id),
                         SPAN_ARG(nearest));
        return false;
    }
    return true;
}

static int test_all(struct testing *testing) {
    struct page page;
    plan(testing);
    if (testing->row_count == 0) {
        cli_complain("nothing to test: no key was found and no provider is in use; `papi provider "
                     "list` shows which variable each one reads");
        return CLI_FAILED;
    }
    if (testing->wish->chat)
        (void)fprintf(stderr, "papi: --chat asks each provider for one token; that counts against "
                              "your quota there\n");
    key_tests_run(testing->assembly.snapshot, testing->tests, testing->test_count, 0,
                  &testing->arena);
    page_init(&page);
    (testing->wish->json ? print_json : print_text)(testing, &page);
    int code = page_print(&page);
    return code == CLI_DONE && count_failed(testing) > 0 ? CLI_FAILED : code;
}

static int build_and_test(struct testing *testing) {
    struct config *config = testing->settings.config;
    struct config_report report = {0};
    if (config->local_servers == CONFIG_LOCAL_AUTO)
        local_servers_find(&testing->servers, getenv("PAPI_LOCAL_PORTS"), 0);
    const struct offer_sources sources = {.facts = known_facts,
                                          .config = config,
                                          .credentials = testing->settings.credentials,
                                          .servers = &testing->servers,
                                          .test_keys = true};
    if (assemble(&sources, config, &report, &testing->arena, &testing->assembly) < 0)
        return refuse_settings(testing, &report);
    int code = knows_all(testing) ? test_all(testing) : CLI_USAGE;
    catalog_unref(testing->assembly.snapshot);
    return code;
}

int provider_test(const struct provider_test_wish *wish) {
    struct testing testing = {.wish = wish};
    arena_init(&testing.arena, NULL, 0, ARENA_MAX_BYTES);
    int code = CLI_FAILED;
    if (settings_read(&testing.settings, wish->config, known_facts, &testing.arena) == 0)
        code = build_and_test(&testing);
    else
        code = refuse_settings(&testing, &testing.settings.report);
    local_servers_free(&testing.servers);
    settings_free(&testing.settings);
    arena_reset(&testing.arena);
    return code;
}
