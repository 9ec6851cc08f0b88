// SPDX-License-Identifier: Apache-2.0
/*
 * Which path leads where: the endpoints of simulated providers, and what steers them.
 *
 * /NAME/PREFIX/ENDPOINT for any NAME, where PREFIX is one of those that providers use; /v1/... is the provider "mock". Servers of one's own
 * are known by their looks (Ollama's /api/tags and /api/version, llama.cpp's /health). Promises: an unknown path is a 404 that says what there
 * is. Leaves to others: playing answers (player.c), steering (steer.c).
 */
#include "mock/server.h"

#include "base/check.h"
#include "base/clock.h"

#define JSON_TYPE_FIELD "Content-Type: application/json\r\n"

void mock_answer(struct http_exchange *exchange, int status, struct span json) {
    if (http_exchange_respond(exchange, status, SPAN_LITERAL(JSON_TYPE_FIELD), json) < 0)
        http_exchange_abort(exchange);
}

void mock_answer_problem(struct http_exchange *exchange, int status, const char *problem) {
    struct dynbuf body;
    dynbuf_init(&body, 65536);
    if (dynbuf_append_text(&body, "{\"error\":{\"message\":") == 0 &&
        json_write_string(&body, span_text(problem)) == 0 &&
        dynbuf_append_text(&body, ",\"type\":\"mock_error\",\"param\":null,\"code\":null}}") == 0)
        mock_answer(exchange, status, dynbuf_span(&body));
    else
        http_exchange_abort(exchange);
    dynbuf_done(&body);
}

/* --- looks --- */

static int write_models(struct mock *mock, struct http_exchange *exchange,
                        struct fake_provider *provider, struct dynbuf *out) {
    (void)mock;
    (void)exchange;
    return fake_write_models(provider, out);
}

static int write_key(struct mock *mock, struct http_exchange *exchange,
                     struct fake_provider *provider, struct dynbuf *out) {
    struct fake_question question = {.now_ns = loop_now_ns(mock->loop),
                                     .wall_ms = clock_wall_ms(),
                                     .key = mock_key_of(http_exchange_request(exchange)),
                                     .model = SPAN_LITERAL("")};
    return fake_write_key(provider, &question, out);
}

static int write_tags(struct mock *mock, struct http_exchange *exchange,
                      struct fake_provider *provider, struct dynbuf *out) {
    const struct fake_script_state *script = &provider->script;
    uint32_t count = script->models_given ? script->model_count : 1;
    (void)mock;
    (void)exchange;
    int err = dynbuf_append_text(out, "{\"models\":[");
    for (uint32_t i = 0; i < count && err == 0; i++) {
        const char *id = script->models_given ? script->models[i].id : "mock-model";
        err = dynbuf_append_format(out,
                                   "%s{\"name\":\"%s\",\"model\":\"%s\",\"modified_at\":\"2025-06-"
                                   "15T00:00:00Z\",\"size\":1,\"digest\":\"mock\",\"details\":{"
                                   "\"format\":\"gguf\",\"family\":\"mock\"}}",
                                   i > 0 ? "," : "", id, id);
    }
    return err == 0 ? dynbuf_append_text(out, "]}\n") : err;
}

static int write_version(struct mock *mock, struct http_exchange *exchange,
                         struct fake_provider *provider, struct dynbuf *out) {
    (void)mock;
    (void)exchange;
    (void)provider;
    return dynbuf_append_text(out, "{\"version\":\"0.12.0\"}\n");
}

static int write_health(struct mock *mock, struct http_exchange *exchange,
                        struct fake_provider *provider, struct dynbuf *out) {
    (void)mock;
    (void)exchange;
    (void)provider;
    return dynbuf_append_text(out, "{\"status\":\"ok\"}\n");
}

/* --- paths --- */

static const char *const prefixes[] = {
    "v1/",    "openai/v1/", "api/v1/", "v1beta/openai/", "compatibility/v1/", "compatible-mode/v1/",
    "ai/v1/",
};

struct endpoint {
    const char *method, *path;
    bool under_prefix;
    enum fake_task task; /* when write is NULL */
    int (*write)(struct mock *mock, struct http_exchange *exchange, struct fake_provider *provider,
                 struct dynbuf *out);
};

static const struct endpoint endpoints[] = {
    {"POST", "chat/completions", true, FAKE_CHAT, NULL},
    {"POST", "embeddings", true, FAKE_EMBED, NULL},
    {"GET", "models", true, FAKE_CHAT, write_models},
    {"GET", "key", true, FAKE_CHAT, write_key},
    {"GET", "api/tags", false, FAKE_CHAT, write_tags},
    {"GET", "api/version", false, FAKE_CHAT, write_version},
    {"GET", "health", false, FAKE_CHAT, write_health},
};

static struct span after_prefix(struct span rest) {
    for (size_t i = 0; i < array_length(prefixes); i++)
        if (span_starts_with(rest, prefixes[i]))
            return span_of(rest.ptr + strlen(prefixes[i]), rest.len - strlen(prefixes[i]));
    return SPAN_NONE;
}

/* "/a/v1/chat/completions" -> name "a", rest "v1/chat/completions"; "/v1/..." -> "mock". */
static bool split_path(struct span path, struct span *ret_name, struct span *ret_rest) {
    struct span rest = path;
    struct span part;
    if (!span_split(&rest, '/', &part) || part.len != 0)
        return false;
    *ret_name = SPAN_LITERAL("mock");
    *ret_rest = rest;
    if (span_starts_with(rest, "v1/"))
        return true;
    return span_split(ret_rest, '/', ret_name) && ret_name->len > 0 && !span_absent(*ret_rest);
}

static const struct endpoint *find_endpoint(const struct http_request *http, struct span rest) {
    struct span under = after_prefix(rest);
    for (size_t i = 0; i < array_length(endpoints); i++)
        if (span_is(http->method, endpoints[i].method) &&
            span_is(endpoints[i].under_prefix ? under : rest, endpoints[i].path))
            return &endpoints[i];
    return NULL;
}

static void look(struct mock *mock, struct http_exchange *exchange, struct span name,
                 const struct endpoint *endpoint) {
    struct fake_provider *provider = fake_provider_get(mock->world, name);
    struct dynbuf body;
    if (provider == NULL) {
        mock_answer_problem(exchange, 404,
                            "provider names have 1 to 63 bytes, and there are at most 256");
        return;
    }
    fake_world_advance(mock->world, loop_now_ns(mock->loop));
    dynbuf_init(&body, MOCK_OUT_MAX_BYTES);
    if (endpoint->write(mock, exchange, provider, &body) == 0)
        mock_answer(exchange, 200, dynbuf_span(&body));
    else
        http_exchange_abort(exchange);
    dynbuf_done(&body);
}

static void on_request(void *context, struct http_exchange *exchange) {
    struct mock *mock = context;
    const struct http_request *http = http_exchange_request(exchange);
    const struct endpoint *endpoint = NULL;
    struct span name, rest;
    if (mock_steer(mock, exchange))
        return;
    if (split_path(http->path, &name, &rest))
        endpoint = find_endpoint(http, rest);
    if (endpoint == NULL) {
        mock_answer_problem(exchange, 404,
                            "papi mock serves /NAME/v1/chat/completions, /NAME/v1/embeddings, "
                            "/NAME/v1/models, /NAME/v1/key, /_mock/stats, /_mock/script, "
                            "/_mock/requests and /_mock/reset");
        return;
    }
    mock_keep(mock, exchange, name);
    if (endpoint->write != NULL)
        look(mock, exchange, name, endpoint);
    else
        mock_play(mock, exchange, name, endpoint->task);
}

static void on_reject(void *context, const struct http_rejection *rejection,
                      struct dynbuf *ret_fields, struct dynbuf *ret_body) {
    (void)context;
    (void)ret_fields;
    if (dynbuf_append_format(ret_body,
                             "{\"error\":{\"message\":\"%d: "
                             "%s\",\"type\":\"mock_error\",\"param\":null,\"code\":null}}",
                             rejection->status, rejection->sentence) < 0)
        dynbuf_clear(ret_body);
}

const struct http_server_handler mock_handler = {
    .on_request = on_request,
    .on_gone = mock_player_gone,
    .on_finished = mock_player_finished,
    .on_reject = on_reject,
};
