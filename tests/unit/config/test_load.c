// SPDX-License-Identifier: Apache-2.0
/*
 * What the loader accepts, field by field; defaults; the environment; the reference of settings.
 */
#include "config_fixture.h"

static void expect_defaults(const struct config *config) {
    assert_span(config->listen, "127.0.0.1:7274");
    assert_int_equal(config->auth, CONFIG_AUTH_OPEN);
    assert_int_equal(config->loops, 0);
    assert_int_equal(config->hosts.count + config->cors.count, 0);
    assert_int_equal(config->provider_count + config->alias_count, 0);
    assert_int_equal(config->audience, CONFIG_SELF);
    assert_int_equal(config->keyless, CONFIG_KEYLESS_SAFE);
    assert_int_equal(config->local_servers, CONFIG_LOCAL_AUTO);
    assert_true(config->dotenv);
    assert_int_equal(config->data_use, CONFIG_DATA_ANY);
    assert_span(config->routing_strategy, "value");
    assert_true(span_absent(config->proxy_https) && span_absent(config->proxy_http));
    assert_true(span_absent(config->no_proxy));
    assert_int_equal(config->queue_max_wait_ms, 25000);
    assert_int_equal(config->queue_max_waiting, 4096);
    assert_true(span_is(config->store_url, "sqlite:"));
    assert_int_equal(config->keep_requests_ms / 86400000, 30);
    assert_int_equal(config->keep_minutes_ms / 86400000, 7);
    assert_int_equal(config->keep_hours_ms / 86400000, 400);
    assert_int_equal(config->keep_days_ms, 0);
    assert_int_equal(config->attempts_max, 3);
    assert_int_equal(config->body_max_bytes, 32 * 1024 * 1024);
    assert_int_equal(config->bodies_max_bytes, 512 * 1024 * 1024);
    assert_int_equal(config->connections_max, 4096);
    assert_int_equal(config->header_timeout_ms, 10000);
    assert_int_equal(config->body_timeout_ms, 30000);
    assert_int_equal(config->idle_timeout_ms, 130000);
    assert_int_equal(config->drain_timeout_ms, 30000);
    assert_span(config->log_level, "info");
    assert_span(config->log_format, "text");
}

static void fills_defaults(void **state) {
    static const char *const texts[] = {"",
                                        "# nothing\n",
                                        "---\n",
                                        "~\n",
                                        "null\n",
                                        "{}\n",
                                        "\xEF\xBB\xBF# bom\n",
                                        "queue:\nlog: {}\nproviders:\nmodels: {aliases: }\n",
                                        "---\n...\n"};
    struct config_environment nothing = {.get = NULL};
    struct config *config = NULL;
    struct config_report report;
    (void)state;
    for (size_t i = 0; i < array_length(texts); i++) {
        config = fixture_accept(texts[i], NULL);
        expect_defaults(config);
        assert_span(config->file, "/nowhere/t.yaml");
        config_free(config);
    }
    assert_int_equal(config_load(NULL, &nothing, &config, &report), 0);
    expect_defaults(config);
    assert_true(span_absent(config->file));
    config_free(config);
    config_free(NULL);
}

static void reads_settings(void **state) {
    (void)state;
    struct config *config = fixture_accept(
        "listen: '[::1]:0'\n"
        "auth: open\n"
        "loops: 2\n"
        "hosts: [papi.example, papi]\n"
        "cors: https://app.example:8443\n"
        "queue: {max_wait: 1m30s, max_waiting: 7}\n"
        "store: {url: 'sqlite:/var/lib/papi/x.db', keep: {requests: 48h, days: 3650d}}\n"
        "routing: {attempts: 5}\n"
        "limits: {body: 1MB, bodies: 2 GiB, connections: 10, header_timeout: 500ms,\n"
        "         body_timeout: 1h, idle_timeout: 2m}\n"
        "drain_timeout: 0\n"
        "log: {level: debug, format: json}\n",
        NULL);
    assert_span(config->listen, "[::1]:0");
    assert_int_equal(config->loops, 2);
    assert_int_equal(config->hosts.count, 2);
    assert_span(config->hosts.items[0], "papi.example");
    assert_span(config->hosts.items[1], "papi");
    assert_int_equal(config->cors.count, 1);
    assert_span(config->cors.items[0], "https://app.example:8443");
    assert_int_equal(config->queue_max_wait_ms, 90000);
    assert_int_equal(config->queue_max_waiting, 7);
    assert_true(span_is(config->store_url, "sqlite:/var/lib/papi/x.db"));
    assert_int_equal(config->keep_requests_ms / 86400000, 2);
    assert_int_equal(config->keep_days_ms / 86400000, 3650);
    assert_int_equal(config->attempts_max, 5);
    assert_int_equal(config->body_max_bytes, 1000000);
    assert_int_equal(config->bodies_max_bytes, (uint64_t)2 << 30);
    assert_int_equal(config->connections_max, 10);
    assert_int_equal(config->header_timeout_ms, 500);
    assert_int_equal(config->body_timeout_ms, 3600000);
    assert_int_equal(config->idle_timeout_ms, 120000);
    assert_int_equal(config->drain_timeout_ms, 0);
    assert_span(config->log_level, "debug");
    assert_span(config->log_format, "json");
    config_free(config);
}

static const char two_providers[] =
    "providers:\n"
    "  bare: {base_url: http://127.0.0.1:8000, models: [qwen3-8b]}\n"
    "  full.one:\n"
    "    type: openai\n"
    "    base_url: https://api.example.com/openai/v2/\n"
    "    keys: [env:GOOD, {key: env:GOOD, account: work}]\n"
    "    models:\n"
    "      - {id: m1, upstream: vendor/m1:free, context: 8192, max_output: 100,\n"
    "         vision: yes, tools: no, json_schema: off, kind: embed}\n"
    "      - m2\n"
    "    concurrency: 3\n"
    "    private_network: 10.1.2.0/24\n"
    "    timeouts: {connect: 1s, tls: 2s, first_token: 3s, first_byte: 4s, gap: 5s}\n"
    "    quirks: {max_tokens_legacy: yes, developer_role: yes, content_string_only: yes,\n"
    "             content_never_null: yes, no_stream_usage: yes, keep_extras: yes,\n"
    "             keep_reasoning: yes}\n";

static void expect_bare(const struct config_provider *bare) {
    assert_span(bare->id, "bare");
    assert_span(bare->type, "openai");
    assert_span(bare->base_url, "http://127.0.0.1:8000");
    assert_span(bare->host, "127.0.0.1");
    assert_span(bare->base_path, "/v1");
    assert_int_equal(bare->port, 8000);
    assert_false(bare->tls);
    assert_true(bare->host_is_loopback);
    assert_true(span_absent(bare->private_network) && span_absent(bare->ca_file));
    assert_int_equal(bare->key_count, 1);
    assert_null(bare->keys[0].key);
    assert_span(bare->keys[0].account, "default");
    assert_int_equal(bare->model_count, 1);
    assert_span(bare->models[0].id, "qwen3-8b");
    assert_span(bare->models[0].upstream, "qwen3-8b");
    assert_int_equal(bare->models[0].context_tokens + bare->models[0].output_tokens_max, 0);
    assert_false(bare->models[0].vision || bare->models[0].no_tools ||
                 bare->models[0].no_json_schema);
    assert_int_equal(bare->concurrency_max, 8);
    assert_int_equal(bare->timeouts.connect_ms, 5000);
    assert_int_equal(bare->timeouts.tls_ms, 5000);
    assert_int_equal(bare->timeouts.first_token_ms, 120000);
    assert_int_equal(bare->timeouts.first_byte_ms, 300000);
    assert_int_equal(bare->timeouts.gap_ms, 60000);
    assert_false(bare->quirks.max_tokens_legacy || bare->quirks.developer_role ||
                 bare->quirks.keep_extras);
    assert_int_equal(bare->line, 2);
}

static void expect_full(const struct config_provider *full) {
    assert_span(full->id, "full.one");
    assert_span(full->host, "api.example.com");
    assert_span(full->base_path, "/openai/v2");
    assert_int_equal(full->port, 443);
    assert_true(full->tls);
    assert_false(full->host_is_loopback);
    assert_int_equal(full->key_count, 2);
    assert_true(secret_equal(full->keys[0].key, SPAN_LITERAL("sk-good")));
    assert_span(full->keys[0].account, "default");
    assert_span(full->keys[1].account, "work");
    assert_int_equal(full->model_count, 2);
    assert_span(full->models[0].upstream, "vendor/m1:free");
    assert_int_equal(full->models[0].context_tokens, 8192);
    assert_int_equal(full->models[0].output_tokens_max, 100);
    assert_true(full->models[0].vision && full->models[0].no_tools &&
                full->models[0].no_json_schema);
    assert_span(full->models[0].kind, "embed");
    assert_span(full->models[1].kind, "");
    assert_span(full->models[1].id, "m2");
    assert_int_equal(full->concurrency_max, 3);
    assert_span(full->private_network, "10.1.2.0/24");
    assert_int_equal(full->timeouts.connect_ms, 1000);
    assert_int_equal(full->timeouts.tls_ms, 2000);
    assert_int_equal(full->timeouts.first_token_ms, 3000);
    assert_int_equal(full->timeouts.first_byte_ms, 4000);
    assert_int_equal(full->timeouts.gap_ms, 5000);
    assert_true(full->quirks.max_tokens_legacy && full->quirks.developer_role &&
                full->quirks.content_string_only);
    assert_true(full->quirks.content_never_null && full->quirks.no_stream_usage);
    assert_true(full->quirks.keep_extras && full->quirks.keep_reasoning);
    assert_int_equal(full->line, 3);
}

static void reads_providers(void **state) {
    (void)state;
    struct config *config = fixture_accept(two_providers, NULL);
    assert_int_equal(config->provider_count, 2);
    expect_bare(&config->providers[0]);
    expect_full(&config->providers[1]);
    config_free(config);
}

static void takes_urls_apart(void **state) {
    static const struct {
        const char *url, *host, *path;
        uint16_t port;
        bool tls, loopback;
    } rows[] = {
        {"http://localhost", "localhost", "/v1", 80, false, true},
        {"http://LOCALHOST:11434/", "LOCALHOST", "/v1", 11434, false, true},
        {"HTTPS://api.Example.com", "api.Example.com", "/v1", 443, true, false},
        {"https://a.example/v1", "a.example", "/v1", 443, true, false},
        {"https://a.example/v1//", "a.example", "/v1", 443, true, false},
        {"https://a.example:444/api/openai%20x/v1", "a.example", "/api/openai%20x/v1", 444, true,
         false},
        {"'http://[::1]:8000/v1'", "::1", "/v1", 8000, false, true},
        {"'http://[2001:db8::1]'", "2001:db8::1", "/v1", 80, false, false},
        {"'http://[::ffff:127.0.0.1]:1/x'", "::ffff:127.0.0.1", "/x", 1, false, true},
        {"http://127.255.0.3:65535/v1", "127.255.0.3", "/v1", 65535, false, true},
        {"http://papi.localhost/v1", "papi.localhost", "/v1", 80, false, true},
        {"http://notlocalhost/v1", "notlocalhost", "/v1", 80, false, false},
        {"http://8.8.8.8/v1", "8.8.8.8", "/v1", 80, false, false},
        {"http://gpu_1.lab/v1/@x", "gpu_1.lab", "/v1/@x", 80, false, false},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        char yaml[256];
        (void)snprintf(yaml, sizeof yaml, "providers:\n  p:\n    base_url: %s\n    models: [m]\n",
                       rows[i].url);
        struct config *config = fixture_accept(yaml, NULL);
        const struct config_provider *provider = &config->providers[0];
        assert_span(provider->host, rows[i].host);
        assert_span(provider->base_path, rows[i].path);
        assert_int_equal(provider->port, rows[i].port);
        assert_int_equal(provider->tls, rows[i].tls);
        assert_int_equal(provider->host_is_loopback, rows[i].loopback);
        config_free(config);
    }
}

static void allows_named_private_networks(void **state) {
    static const char *const rows[][2] = {
        {"http://10.1.2.3:8000/v1", "10.1.2.0/24"},    {"http://192.168.0.9/v1", "192.168.0.9"},
        {"http://172.31.255.255/v1", "172.16.0.0/12"}, {"http://100.64.0.1/v1", "100.64.0.0/10"},
        {"'http://[fd00:1::5]/v1'", "fd00:1::/32"},    {"http://gpu.lab/v1", "10.0.0.0/8"},
        {"http://172.32.0.1/v1", "10.0.0.0/8"}};
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        char yaml[256];
        (void)snprintf(yaml, sizeof yaml,
                       "providers:\n  p:\n    base_url: %s\n    models: [m]\n    private_network: "
                       "'%s'\n    keys: env:GOOD\n",
                       rows[i][0], rows[i][1]);
        struct config *config = fixture_accept(yaml, NULL);
        assert_span(config->providers[0].private_network, rows[i][1]);
        config_free(config);
    }
}

static void reads_aliases(void **state) {
    (void)state;
    struct config *config = fixture_accept(
        "providers:\n"
        "  openai: {base_url: https://a.example, models: [{id: gpt-oss-120b, upstream: "
        "openai/gpt-oss-120b}, 'llama3:latest']}\n"
        "models:\n"
        "  aliases:\n"
        "    one: gpt-oss-120b\n"
        "    list: [one, openai/gpt-oss-120b, openai/openai/gpt-oss-120b, llama3, auto]\n"
        "    ladder: {first: [openai/llama3], then: auto}\n"
        "    \"claude-*\": list\n"
        "    any: claude-3\n"
        "    gpt-oss-120b: [gpt-oss-120b, auto]\n"
        "    \"*\": auto\n",
        NULL);
    static const struct {
        const char *name, *first, *last;
        uint32_t count;
    } rows[] = {{"one", "gpt-oss-120b", "gpt-oss-120b", 1},
                {"list", "one", "auto", 5},
                {"ladder", "openai/llama3", "auto", 2},
                {"claude-*", "list", "list", 1},
                {"any", "claude-3", "claude-3", 1},
                {"gpt-oss-120b", "gpt-oss-120b", "auto", 2},
                {"*", "auto", "auto", 1}};
    assert_int_equal(config->alias_count, array_length(rows));
    for (uint32_t i = 0; i < array_length(rows); i++) {
        const struct config_alias *alias = &config->aliases[i];
        assert_span(alias->name, rows[i].name);
        assert_int_equal(alias->target_count, rows[i].count);
        assert_span(alias->targets[0], rows[i].first);
        assert_span(alias->targets[alias->target_count - 1], rows[i].last);
        assert_int_equal(alias->line, 5 + i);
    }
    config_free(config);
}

static void reads_the_environment(void **state) {
    static const char *const good[] = {"PAPI_LISTEN",
                                       "localhost:9",
                                       "PAPI_QUEUE_MAX_WAIT",
                                       "5s",
                                       "PAPI_LIMITS_BODY",
                                       "1KiB",
                                       "PAPI_LOG_LEVEL",
                                       "warn",
                                       "PAPI_LOOPS",
                                       "",
                                       "PAPI_AUTH",
                                       "open",
                                       NULL};
    static const char *const bad[] = {"PAPI_LISTEN",
                                      "0.0.0.0:1",
                                      "PAPI_QUEUE_MAX_WAITING",
                                      "x",
                                      "PAPI_AUDIENCE",
                                      "us",
                                      "PAPI_DRAIN_TIMEOUT",
                                      "9",
                                      "PAPI_LOG_FORMAT",
                                      "a\nb",
                                      NULL};
    struct config_report report;
    struct config *config;
    (void)state;
    config = fixture_accept("listen: 127.0.0.1:1\nloops: 3\nqueue: {max_wait: 1s}\n", good);
    assert_span(config->listen, "localhost:9");
    assert_int_equal(config->queue_max_wait_ms, 5000);
    assert_int_equal(config->body_max_bytes, 1024);
    assert_span(config->log_level, "warn");
    assert_int_equal(config->loops, 3);
    config_free(config);

    assert_int_equal(fixture_parse("lisen: x\n", bad, &config, &report), ERR_INVALID);
    fixture_expect_report(
        &report, "(environment)",
        "error: 'PAPI_AUDIENCE=us' must be self, group or public\n"
        "error: 'PAPI_QUEUE_MAX_WAITING=x' must be a whole number\n"
        "warning: 'PAPI_DRAIN_TIMEOUT' has no unit and is taken as seconds; write 9s\n"
        "error: 'PAPI_LOG_FORMAT' holds control characters\n"
        "error: 'PAPI_LISTEN=0.0.0.0:1' is not a loopback address: whoever reaches it could spend "
        "your quota. Set auth: keys, so that every client needs a key, or listen on "
        "127.0.0.1:7274\n"
        "t:1:1: error: unknown setting 'lisen'; did you mean 'listen'?\n");
    config_free(config);
}

static void counts_errors_beyond_the_report(void **state) {
    struct config_report report;
    struct config *config;
    struct dynbuf yaml;
    (void)state;
    dynbuf_init(&yaml, 65536);
    for (int i = 0; i < 100; i++)
        assert_int_equal(dynbuf_append_format(&yaml, "unknown%d: 1\n", i), 0);
    assert_int_equal(config_parse(dynbuf_span(&yaml), "t", NULL, &config, &report), ERR_INVALID);
    assert_int_equal(report.count, 64);
    assert_int_equal(report.errors, 100);
    assert_int_equal(report.items[63].line, 64);
    dynbuf_clear(&yaml);
    assert_int_equal(config_report_write(&report, "t", &yaml), 0);
    assert_true(span_ends_with(dynbuf_span(&yaml), "and 36 more errors\n"));
    dynbuf_done(&yaml);
    config_free(config);
}

/* What may be listened on depends on three settings; each row is one way to have them. */
static void judges_listen_addresses(void **state) {
    static const char *const settings[] = {
        "auth: open\n",
        "auth: keys\n",
        "auth: keys\ninsecure_http: yes\n",
        "auth: keys\ntrusted_proxies: [10.0.0.7]\n",
        "auth: open\ninsecure_http: yes\n",
    };
    static const struct {
        const char *address;
        const char *fine; /* 1 = with these settings */
    } rows[] = {
        {"127.0.0.1:7274", "11111"},
        {"127.0.0.1:0", "11111"},
        {"localhost:80", "11111"},
        {"[::1]:65535", "11111"},
        {"127.9.9.9:1", "11111"},
        {"0.0.0.0:80", "00110"},
        {"[::]:80", "00110"},
        {"192.0.2.4:5", "00110"},
        {"[2001:db8::1]:5", "00110"},
        {"[::ffff:10.0.0.1]:5", "00110"},
        {"", "00000"},
        {":", "00000"},
        {"x", "00000"},
        {":80", "00000"},
        {"127.0.0.1:", "00000"},
        {"127.0.0.1:-1", "00000"},
        {"127.0.0.1:80x", "00000"},
        {"host.example:80", "00000"},
        {"localhost.example:80", "00000"},
    };
    (void)state;
    for (size_t i = 0; i < array_length(settings); i++) {
        struct config_report report;
        struct config *config;
        assert_int_equal(fixture_parse(settings[i], NULL, &config, &report), 0);
        for (size_t j = 0; j < array_length(rows); j++) {
            const char *why = config_listen_refused(config, span_text(rows[j].address));
            if ((why == NULL) != (rows[j].fine[i] == '1'))
                fail_msg("%s with %s: %s", rows[j].address, settings[i],
                         why != NULL ? why : "accepted");
        }
        config_free(config);
    }
}

static void reads_access(void **state) {
    struct config *config = fixture_accept("listen: 0.0.0.0:7274\n"
                                           "auth: keys\n"
                                           "insecure_http: yes\n"
                                           "trusted_proxies: [10.0.0.7, 'fd00::/8']\n"
                                           "hosts: papi.example\n"
                                           "cors: ['https://a.example', 'http://localhost:3000']\n",
                                           NULL);
    struct config_report report;
    (void)state;
    assert_int_equal(config->auth, CONFIG_AUTH_KEYS);
    assert_true(config->insecure_http);
    assert_int_equal(config->trusted_proxies.count, 2);
    assert_span(config->trusted_proxies.items[1], "fd00::/8");
    assert_int_equal(config->hosts.count, 1);
    assert_int_equal(config->cors.count, 2);
    assert_span(config->cors.items[1], "http://localhost:3000");
    config_free(config);

    assert_int_equal(fixture_parse("trusted_proxies: 10.0.0.7\n", NULL, &config, &report), 0);
    fixture_expect_report(&report, "t",
                          "warning: 'trusted_proxies' has no effect with auth: open, which refuses "
                          "what comes through a proxy; set auth: keys\n");
    config_free(config);
}

static void keeps_the_reference_fresh(void **state) {
    struct dynbuf written, committed;
    (void)state;
    dynbuf_init(&written, 262144);
    dynbuf_init(&committed, 262144);
    assert_int_equal(config_reference_write(&written), 0);
    FILE *file = fopen(PAPI_SOURCE_DIR "/docs/reference/configuration.md", "r");
    assert_non_null(file);
    for (int c = fgetc(file); c != EOF; c = fgetc(file))
        assert_int_equal(dynbuf_append_char(&committed, (char)c), 0);
    assert_int_equal(fclose(file), 0);
    if (!span_equal(dynbuf_span(&written), dynbuf_span(&committed)))
        fail_msg(
            "docs/reference/configuration.md is not what `papi reference` prints: write it anew");
    dynbuf_done(&written);
    dynbuf_done(&committed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_defaults),
        cmocka_unit_test(reads_settings),
        cmocka_unit_test(reads_providers),
        cmocka_unit_test(takes_urls_apart),
        cmocka_unit_test(allows_named_private_networks),
        cmocka_unit_test(reads_aliases),
        cmocka_unit_test(reads_the_environment),
        cmocka_unit_test(counts_errors_beyond_the_report),
        cmocka_unit_test(judges_listen_addresses),
        cmocka_unit_test(reads_access),
        cmocka_unit_test(keeps_the_reference_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
