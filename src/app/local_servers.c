// SPDX-License-Identifier: Apache-2.0
/*
 * Servers of models on this machine.
 *
 * Why answers and not ports decide: 8080 and 8000 belong to anybody, and what is not recognised must never get a prompt. So each
 * program is known by something that only it says (a member, a name in owned_by), in a 200 that is JSON; anything else is
 * nobody. A PAPI lists other servers' models under their names, so it is told by its own field and refused: two that found each
 * other would send a request round for ever. Models that Ollama only passes on to its cloud are not on this machine.
 * Promises: bounded time, answers and models; junk is nobody. Leaves to others: asking again later; who may use them.
 */
#include "app/local_servers.h"

#include "base/check.h"
#include "http/parse.h"
#include "http/reader.h"
#include "net/probe.h"
#include "json/json.h"

#define ANSWER_MAX_BYTES ((size_t)512 * 1024)
#define ARENA_MAX_BYTES  ((size_t)8 * 1024 * 1024)
#define NAME_MAX_BYTES   128
#define QUESTIONS_MAX    2
#define REQUEST(path)                                                          \
    "GET " path " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n" \
    "x-papi-hop: probe\r\nConnection: close\r\n\r\n"

/* What one question was answered with. */
struct reply {
    int status;             /* 0: no HTTP answer */
    bool papi;              /* it says that it is one */
    struct json_value json; /* absent when it is none */
};

struct look {
    struct arena *arena;
    const struct reply *replies; /* in the order of the questions */
    struct local_server *server; /* to be filled */
    struct local_model *models;
};

struct kind {
    const char *provider;
    uint16_t port;
    const char *questions[QUESTIONS_MAX];
    bool (*recognise)(struct look *look);
};

/* --- answers --- */

static bool take_body(struct http_reader *reader, struct span bytes, struct dynbuf *body) {
    for (;;) {
        struct span part;
        int result = http_reader_next(reader, &bytes, &part);
        if (result == HTTP_READ_BYTES && body != NULL && dynbuf_append_span(body, part) < 0)
            return false;
        if (result == HTTP_READ_END)
            return true;
        if (result != HTTP_READ_BYTES)
            return false;
    }
}

static enum http_framing framing_of(const struct http_head *head) {
    return head->chunked      ? HTTP_FRAMING_CHUNKED
           : head->has_length ? HTTP_FRAMING_LENGTH
                              : HTTP_FRAMING_CLOSE;
}

/* Whether the head is there and in order. */
static bool take_head(struct span bytes, struct http_head *head, size_t *ret_end) {
    struct http_guard guard;
    http_guard_init(&guard, HTTP_SIDE_ANSWER);
    return http_guard_feed(&guard, bytes, ret_end) == HTTP_GUARD_DONE &&
           http_parse_head(&guard, span_of(bytes.ptr, *ret_end), head) == 0;
}

static bool is_complete(struct span bytes) {
    struct http_headers headers;
    struct http_head head = {.headers = &headers};
    struct http_reader reader;
    size_t end = 0;
    if (!take_head(bytes, &head, &end))
        return false;
    http_reader_init(&reader, framing_of(&head), head.length);
    return take_body(&reader, span_of(bytes.ptr + end, bytes.len - end), NULL);
}

static bool is_papi(const struct http_headers *headers) {
    for (size_t i = 0; i < headers->count; i++)
        if (headers->items[i].name.len > 7 &&
            span_is_nocase(span_of(headers->items[i].name.ptr, 7), "x-papi-"))
            return true;
    return false;
}

/* The text of the answer's JSON, in the arena; absent when there is none. */
static struct span body_of(const struct http_head *head, struct span bytes, struct arena *arena) {
    struct http_reader reader;
    struct dynbuf body;
    struct span copy = SPAN_NONE;
    http_reader_init(&reader, framing_of(head), head->length);
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    bool whole = take_body(&reader, bytes, &body) || framing_of(head) == HTTP_FRAMING_CLOSE;
    if (whole && arena_copy(arena, dynbuf_span(&body), &copy) < 0)
        copy = SPAN_NONE;
    dynbuf_done(&body);
    return copy;
}

static struct reply read_reply(const struct probe *probe, struct arena *arena) {
    struct http_headers headers;
    struct http_head head = {.headers = &headers};
    struct reply reply = {.status = 0};
    struct span bytes = dynbuf_span(&probe->answer);
    size_t end = 0;
    if (probe->err < 0 || !take_head(bytes, &head, &end))
        return reply;
    reply.status = head.status;
    reply.papi = is_papi(&headers);
    struct json_doc *doc = arena_try_alloc(arena, sizeof *doc);
    struct span text = body_of(&head, span_of(bytes.ptr + end, bytes.len - end), arena);
    if (doc != NULL && !span_absent(text) && json_parse(doc, text, arena, NULL) == 0)
        reply.json = json_top(doc);
    return reply;
}

/* --- models --- */

bool local_model_embeds(struct span id) {
    static const char *const words[] = {"embed",  "bge-",         "/bge",       "gte-",     "e5-",
                                        "minilm", "arctic-embed", "paraphrase", "sentence-"};
    for (size_t i = 0; i < array_length(words); i++)
        if (span_contains_nocase(id, words[i]))
            return true;
    return false;
}

static bool is_usable_name(struct span id) {
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.ptr[i] <= ' ' || id.ptr[i] == 0x7f)
            return false;
    return id.len > 0 && id.len <= NAME_MAX_BYTES;
}

/* The next free entry, or NULL: a name nobody can ask for, a second one, one too many. */
static struct local_model *add_model(struct look *look, struct json_value name) {
    struct local_server *server = look->server;
    struct span id;
    if (server->model_count == LOCAL_SERVER_MODELS_MAX || json_string(name, look->arena, &id) < 0 ||
        !is_usable_name(id))
        return NULL;
    for (uint32_t i = 0; i < server->model_count; i++)
        if (span_equal(server->models[i].id, id))
            return NULL;
    struct local_model *model = &look->models[server->model_count++];
    *model = (struct local_model){.id = id, .embeds = local_model_embeds(id)};
    return model;
}

static uint64_t count_of(struct json_value value) {
    int64_t number;
    return json_i64(value, &number) == 0 && number > 0 && number <= 1000000000 ? (uint64_t)number
                                                                               : 0;
}

static bool is_answer(const struct reply *reply, int status) {
    return reply->status == status && !reply->papi && json_is(reply->json, JSON_OBJECT);
}

/* Whether every entry of a list of models says that it is owned by `owner`; false for none. */
static bool all_owned_by(struct json_value list, const char *owner) {
    bool some = false;
    for (struct json_iter it = json_each(list); json_next(&it); some = true)
        if (!json_string_is(json_get(it.value, "owned_by"), owner))
            return false;
    return some;
}

/* --- the programs --- */

/* A model that Ollama asks elsewhere: prompts would leave the machine. */
static bool is_remote(struct json_value entry) {
    struct json_value name = json_get(entry, "name");
    struct span id = json_escaped(name);
    return json_present(json_get(entry, "remote_host")) ||
           json_present(json_get(entry, "remote_model")) || span_ends_with(id, "-cloud") ||
           span_ends_with(id, ":cloud");
}

/* /api/version names a version, /api/tags has models with digests. */
static bool recognise_ollama(struct look *look) {
    const struct reply *version = &look->replies[0], *tags = &look->replies[1];
    struct json_value list =
        is_answer(tags, 200) ? json_get(tags->json, "models") : (struct json_value){0};
    if (!is_answer(version, 200) || !json_is(json_get(version->json, "version"), JSON_STRING) ||
        !json_is(list, JSON_ARRAY))
        return false;
    for (struct json_iter it = json_each(list); json_next(&it);) {
        struct local_model *model = NULL;
        if (json_is(json_get(it.value, "digest"), JSON_STRING) && !is_remote(it.value))
            model = add_model(look, json_get(it.value, "name"));
        struct json_value family = json_path(it.value, "details.family");
        if (model != NULL &&
            (json_string_is(family, "bert") || json_string_is(family, "nomic-bert")))
            model->embeds = true;
    }
    return true;
}

/* /v1/models is owned by "llamacpp"; /props knows the context of a slot. While it loads, both are 503 with its own words. */
static bool recognise_llamacpp(struct look *look) {
    const struct reply *props = &look->replies[0], *models = &look->replies[1];
    if (is_answer(models, 503) &&
        json_string_is(json_path(models->json, "error.message"), "Loading model") &&
        json_string_is(json_path(models->json, "error.type"), "unavailable_error")) {
        look->server->loading = true;
        return true;
    }
    if (!is_answer(models, 200) || !all_owned_by(json_get(models->json, "data"), "llamacpp"))
        return false;
    bool knows = is_answer(props, 200);
    for (struct json_iter it = json_each(json_get(models->json, "data")); json_next(&it);) {
        struct local_model *model = add_model(look, json_get(it.value, "id"));
        if (model == NULL)
            continue;
        if (knows)
            model->context_tokens =
                count_of(json_path(props->json, "default_generation_settings.n_ctx"));
        bool vision = false;
        model->vision =
            knows && json_bool(json_path(props->json, "modalities.vision"), &vision) == 0 && vision;
    }
    return true;
}

/* Its own list tells type and context of each model; the compatible one is owned by "organization_owner". */
static bool recognise_lmstudio(struct look *look) {
    const struct reply *own = &look->replies[0], *models = &look->replies[1];
    struct json_value list =
        is_answer(own, 200) ? json_get(own->json, "data") : (struct json_value){0};
    bool rich = json_count(list) > 0 &&
                json_is(json_path(list, "0.compatibility_type"), JSON_STRING) &&
                json_is(json_path(list, "0.state"), JSON_STRING);
    if (!rich && is_answer(models, 200))
        list = json_get(models->json, "data");
    if (!rich && !all_owned_by(list, "organization_owner"))
        return false;
    for (struct json_iter it = json_each(list); json_next(&it);) {
        struct local_model *model = add_model(look, json_get(it.value, "id"));
        struct json_value type = json_get(it.value, "type");
        if (model == NULL || !rich)
            continue;
        model->context_tokens = count_of(json_get(it.value, "loaded_context_length"));
        if (model->context_tokens == 0)
            model->context_tokens = count_of(json_get(it.value, "max_context_length"));
        model->embeds = json_string_is(type, "embeddings");
        model->vision = json_string_is(type, "vlm");
    }
    return true;
}

/* Owned by "vllm", each with the length it was started with. */
static bool recognise_vllm(struct look *look) {
    const struct reply *models = &look->replies[0];
    if (!is_answer(models, 200) || !all_owned_by(json_get(models->json, "data"), "vllm"))
        return false;
    for (struct json_iter it = json_each(json_get(models->json, "data")); json_next(&it);) {
        struct local_model *model = add_model(look, json_get(it.value, "id"));
        if (model != NULL)
            model->context_tokens = count_of(json_get(it.value, "max_model_len"));
    }
    return true;
}

static const struct kind kinds[LOCAL_SERVERS_MAX] = {
    {"ollama_local", 11434, {REQUEST("/api/version"), REQUEST("/api/tags")}, recognise_ollama},
    {"llamacpp", 8080, {REQUEST("/props"), REQUEST("/v1/models")}, recognise_llamacpp},
    {"lmstudio", 1234, {REQUEST("/api/v0/models"), REQUEST("/v1/models")}, recognise_lmstudio},
    {"vllm", 8000, {REQUEST("/v1/models")}, recognise_vllm},
};

/* --- looking --- */

/* The port to look at; 0 = not at all. */
static uint16_t port_of(const struct kind *kind, const char *ports) {
    struct span rest = span_text(ports), part;
    uint64_t port;
    if (ports == NULL || ports[0] == '\0')
        return kind->port;
    while (span_split(&rest, ',', &part)) {
        struct span name = SPAN_NONE;
        if (span_split(&part, '=', &name) && span_is(name, kind->provider) &&
            span_to_u64(part, &port) && port <= UINT16_MAX)
            return (uint16_t)port;
    }
    return 0;
}

static size_t ask(const struct kind *kind, uint16_t port, struct probe *probes) {
    size_t asked = 0;
    for (; asked < QUESTIONS_MAX && kind->questions[asked] != NULL && port != 0; asked++)
        probes[asked] = (struct probe){.port = port,
                                       .request = span_text(kind->questions[asked]),
                                       .cap_bytes = ANSWER_MAX_BYTES,
                                       .is_complete = is_complete};
    return asked;
}

static void judge(struct local_servers *servers, const struct kind *kind,
                  const struct probe *probes, size_t count) {
    struct local_server *server = &servers->items[servers->count];
    struct reply replies[QUESTIONS_MAX] = {{0}};
    struct look look = {.arena = &servers->arena, .replies = replies, .server = server};
    bool heard = false;
    for (size_t i = 0; i < count; i++) {
        replies[i] = read_reply(&probes[i], &servers->arena);
        if (replies[i].papi)
            return;
        heard = heard || replies[i].status != 0;
    }
    if (!heard)
        return;
    look.models = arena_try_alloc(&servers->arena, LOCAL_SERVER_MODELS_MAX * sizeof *look.models);
    if (look.models == NULL)
        return;
    *server = (struct local_server){
        .provider = span_text(kind->provider), .port = probes[0].port, .models = look.models};
    servers->count += kind->recognise(&look);
}

void local_servers_find(struct local_servers *servers, const char *ports, uint16_t own_port) {
    struct probe probes[LOCAL_SERVERS_MAX * QUESTIONS_MAX];
    size_t firsts[LOCAL_SERVERS_MAX], counts[LOCAL_SERVERS_MAX], used = 0;
    _Static_assert(LOCAL_SERVERS_MAX * QUESTIONS_MAX <= PROBES_MAX, "all at once");
    servers->count = 0;
    arena_init(&servers->arena, NULL, 0, ARENA_MAX_BYTES);
    for (size_t i = 0; i < LOCAL_SERVERS_MAX; i++) {
        uint16_t port = port_of(&kinds[i], ports);
        firsts[i] = used;
        counts[i] = port == own_port ? 0 : ask(&kinds[i], port, &probes[used]);
        used += counts[i];
    }
    probe_all(probes, used, LOCAL_SERVERS_WAIT_MS);
    for (size_t i = 0; i < LOCAL_SERVERS_MAX; i++)
        if (counts[i] > 0)
            judge(servers, &kinds[i], &probes[firsts[i]], counts[i]);
    for (size_t i = 0; i < used; i++)
        probe_done(&probes[i]);
}

void local_servers_free(struct local_servers *servers) {
    arena_reset(&servers->arena);
    servers->count = 0;
}
