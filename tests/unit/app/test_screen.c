// SPDX-License-Identifier: Apache-2.0
/*
 * The start screen with sample data: word for word, and never more than one screen, whatever is in the rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/screen.h"
#include "base/check.h"

#include <stdio.h>

#define TEXT(text) SPAN_LITERAL(text)

static const struct screen_provider providers[] = {
    {.name = TEXT("groq"), .source = TEXT("GROQ_API_KEY"), .keys = 2, .accounts = 1, .models = 12},
    {.name = TEXT("google"),
     .source = TEXT(".env:3"),
     .keys = 1,
     .accounts = 1,
     .models = 6,
     .trains = FACT_YES},
    {.name = TEXT("openrouter"),
     .source = TEXT("papi.yaml:12"),
     .keys = 2,
     .accounts = 2,
     .models = 21,
     .trains = FACT_YES},
    {.name = TEXT("openai"),
     .source = TEXT("papi.yaml:19"),
     .keys = 1,
     .accounts = 1,
     .models = 1,
     .trains = FACT_NO,
     .paid = true},
    {.name = TEXT("lab"),
     .address = TEXT("127.0.0.1:8000"),
     .models = 2,
     .trains = FACT_NO,
     .local = true},
};
static const struct screen_provider keyless[] = {
    {.name = TEXT("ovhcloud"), .models = 14, .trains = FACT_NO}};
static const struct span keyless_more[] = {TEXT("kilo"), TEXT("llm7"), TEXT("opencode_zen"),
                                           TEXT("pollinations"), TEXT("aihorde")};
static const struct screen_server servers[] = {{TEXT("ollama_local"), 11434, 3, false},
                                               {TEXT("llamacpp"), 8080, 0, true}};
static const struct screen_unused unused[] = {
    {TEXT("anthropic"), TEXT("ANTHROPIC_API_KEY"), TEXT("only bills: add tier: paid")}};
static const struct screen_hint hints[] = {
    {TEXT("MISTRAL_API_KEY"), TEXT("https://console.mistral.ai/api-keys")},
    {TEXT("COHERE_API_KEY"), TEXT("https://dashboard.cohere.com/api-keys")},
    {TEXT("HF_TOKEN"), TEXT("https://huggingface.co/settings/tokens")}};
static const struct span notes[] = {TEXT("facts about cohere are older than 90 days")};

static const struct screen typical = {
    .url = TEXT("http://127.0.0.1:7274"),
    .usual_url = true,
    .config_path = TEXT("/home/ada/.config/papi/papi.yaml"),
    .data_dir = TEXT("/home/ada/.local/share/papi"),
    .loops = 2,
    .models = 48,
    .aliases = 3,
    .providers = providers,
    .provider_count = array_length(providers),
    .keyless = keyless,
    .keyless_count = array_length(keyless),
    .keyless_more = keyless_more,
    .keyless_more_count = array_length(keyless_more),
    .servers = servers,
    .server_count = array_length(servers),
    .unused = unused,
    .unused_count = array_length(unused),
    .hints = hints,
    .hint_count = array_length(hints),
    .notes = notes,
    .note_count = array_length(notes),
};

static const char typical_text[] =
    "PAPI " PAPI_VERSION ": one OpenAI-compatible address in front of many LLM providers\n"
    "\n"
    "  Providers   4 with a key, 2 without, 2 local servers: 48 models, 3 aliases, and \"auto\"\n"
    "    groq              GROQ_API_KEY               2 keys, 1 account     12 models\n"
    "    google            .env:3                     1 key                  6 models\n"
    "    openrouter        papi.yaml:12               2 accounts            21 models\n"
    "    openai            papi.yaml:19               1 key                  1 model  paid\n"
    "    lab               127.0.0.1:8000             no key                 2 models\n"
    "  Keyless     ovhcloud; keyless: all adds kilo, llm7, opencode_zen, pollinations, aihorde\n"
    "  Local       ollama_local :11434 (3 models), llamacpp :8080 (loading)\n"
    "  Not used    anthropic (ANTHROPIC_API_KEY) only bills: add tier: paid\n"
    "  Prompts     may be trained on by google, openrouter; routing: {data_use: no-training} drops "
    "them\n"
    "              nothing known of groq\n"
    "              not trained on by openai, ovhcloud\n"
    "  Get more    set MISTRAL_API_KEY        https://console.mistral.ai/api-keys\n"
    "              set COHERE_API_KEY         https://dashboard.cohere.com/api-keys\n"
    "              set HF_TOKEN               https://huggingface.co/settings/tokens\n"
    "  Note        facts about cohere are older than 90 days\n"
    "  Config      /home/ada/.config/papi/papi.yaml\n"
    "  Data        /home/ada/.local/share/papi\n"
    "  Base URL    http://127.0.0.1:7274/v1, any API key; open to programs on this machine only\n"
    "  Try it      papi chat \"Hello!\"\n"
    "\n"
    "  listening on http://127.0.0.1:7274 (2 loops)\n";

static void write_screen(const struct screen *screen, struct dynbuf *out) {
    dynbuf_init(out, 65536);
    assert_int_equal(screen_write(screen, out), 0);
}

static void expect_screen(const struct screen *screen, const char *expected) {
    struct dynbuf out;
    write_screen(screen, &out);
    if (!span_is(dynbuf_span(&out), expected))
        fail_msg("expected:\n%s\ngot:\n%.*s", expected, SPAN_ARG(dynbuf_span(&out)));
    dynbuf_done(&out);
}

static void shows_a_typical_start(void **state) {
    (void)state;
    expect_screen(&typical, typical_text);
}

static void shows_an_empty_start(void **state) {
    const struct screen empty = {.url = TEXT("http://[::1]:80"),
                                 .data_dir = TEXT("/d"),
                                 .ignored_config = true,
                                 .loops = 1,
                                 .keyless_off = true,
                                 .program = TEXT("build/release/papi"),
                                 .no_training = true};
    (void)state;
    expect_screen(&empty,
                  "PAPI " PAPI_VERSION
                  ": one OpenAI-compatible address in front of many LLM providers\n"
                  "\n"
                  "  Providers   none yet: give it a key (papi provider add), or start a local "
                  "server such as Ollama, then this\n"
                  "  Keyless     off\n"
                  "  Note        papi.yaml in this folder is not read by itself; use --config "
                  "papi.yaml\n"
                  "  Config      none, defaults\n"
                  "  Data        /d\n"
                  "  Base URL    http://[::1]:80/v1, any API key; open to programs on this machine "
                  "only\n"
                  "  Try it      build/release/papi chat --url http://[::1]:80 \"Hello!\"\n"
                  "\n"
                  "  listening on http://[::1]:80 (1 loop)\n");
}

static void says_who_may_ask(void **state) {
    static const struct {
        bool keys, network, unencrypted;
        const char *words;
    } rows[] = {
        {false, false, false, "u/v1, any API key; open to programs on this machine only\n"},
        {true, false, false, "u/v1, with a client key\n"},
        {true, false, true, "u/v1, with a client key\n"},
        {true, true, false,
         "u/v1, with a client key, through the proxies in trusted_proxies only\n"},
        {true, true, true,
         "u/v1, with a client key, which plain HTTP lets others read on the way\n"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        const struct screen screen = {.url = TEXT("u"),
                                      .data_dir = TEXT("d"),
                                      .keys = rows[i].keys,
                                      .network = rows[i].network,
                                      .unencrypted = rows[i].unencrypted};
        struct dynbuf out;
        dynbuf_init(&out, 65536);
        assert_int_equal(screen_write(&screen, &out), 0);
        if (!span_contains(dynbuf_span(&out), rows[i].words))
            fail_msg("row %zu:\n%.*s", i, SPAN_ARG(dynbuf_span(&out)));
        dynbuf_done(&out);
    }
}

static void says_that_prompts_stay(void **state) {
    struct screen local = {
        .url = TEXT("u"), .data_dir = TEXT("d"), .servers = servers, .server_count = 1};
    struct dynbuf out;
    (void)state;
    write_screen(&local, &out);
    assert_true(span_contains(dynbuf_span(&out),
                              "  Prompts     stay on this machine: every provider is on it\n"));
    dynbuf_done(&out);
}

/* Whatever there is, it is one screen. */
static void fits_whatever_there_is(void **state) {
    enum { MANY = 70 };
    static struct screen_provider many[MANY];
    static struct screen_server many_servers[MANY];
    static struct screen_unused many_unused[MANY];
    static struct screen_hint many_hints[MANY];
    static struct span many_names[MANY];
    const struct span name =
        TEXT("a_provider_with_quite_a_long_name_of_64_characters_in_all_x_y_z_");
    (void)state;
    for (int i = 0; i < MANY; i++) {
        many[i] = (struct screen_provider){.name = name,
                                           .source = TEXT("AN_ENVIRONMENT_VARIABLE"),
                                           .keys = 100,
                                           .accounts = 99,
                                           .models = 4000,
                                           .trains = (enum fact_tri)(i % 3),
                                           .paid = true};
        many_servers[i] = (struct screen_server){name, 65535, 256, false};
        many_unused[i] =
            (struct screen_unused){TEXT("openai"), TEXT("OPENAI_API_KEY"), TEXT("only bills")};
        many_hints[i] = (struct screen_hint){TEXT("SOME_API_KEY"), TEXT("https://a.example/keys")};
        many_names[i] = name;
    }
    const struct screen screen = {.url = TEXT("http://127.0.0.1:65535"),
                                  .config_path = TEXT("/etc/papi/papi\n\033[2J.yaml"),
                                  .data_dir = TEXT("/var/lib/papi"),
                                  .ignored_config = true,
                                  .providers = many,
                                  .provider_count = MANY,
                                  .keyless = many,
                                  .keyless_count = MANY,
                                  .keyless_more = many_names,
                                  .keyless_more_count = MANY,
                                  .servers = many_servers,
                                  .server_count = MANY,
                                  .unused = many_unused,
                                  .unused_count = MANY,
                                  .hints = many_hints,
                                  .hint_count = MANY,
                                  .notes = many_names,
                                  .note_count = MANY};
    struct dynbuf out;
    write_screen(&screen, &out);
    struct span rest = dynbuf_span(&out), line;
    uint32_t lines = 0;
    for (; rest.len > 0 && span_split(&rest, '\n', &line); lines++)
        if (line.len > SCREEN_COLUMNS_MAX)
            fail_msg("%.*s", SPAN_ARG(line));
    assert_int_equal(lines, SCREEN_LINES_MAX);
    assert_true(span_contains(dynbuf_span(&out), "/etc/papi/papi??[2J.yaml"));
    assert_true(span_contains(dynbuf_span(&out), " and 68 more\n") ||
                span_contains(dynbuf_span(&out), "and 70 more\n"));
    dynbuf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_a_typical_start),  cmocka_unit_test(shows_an_empty_start),
        cmocka_unit_test(says_who_may_ask),       cmocka_unit_test(says_that_prompts_stay),
        cmocka_unit_test(fits_whatever_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
