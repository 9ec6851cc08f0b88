// SPDX-License-Identifier: Apache-2.0
/*
 * Method and path to endpoint.
 *
 * Clients disagree about the base URL: some append /chat/completions to a base that ends in /v1, some /v1/... to a bare host,
 * some are configured with both. All forms are accepted and none is answered by a redirect, which would turn POST into GET.
 * Promises: one table, one normalisation, no allocation for paths that are already normal. Leaves to others: access rules.
 */
#include "gateway/endpoint.h"

#include "base/check.h"
#include "gateway/endpoint_docs.h"

#include <stdio.h>

static const struct endpoint endpoints[] = {
    {"/chat/completions", METHOD_POST, ACCESS_CLIENT, &surface_openai_chat, NULL,
     "chat, streamed or whole", &doc_chat},
    {"/embeddings", METHOD_POST, ACCESS_CLIENT, &surface_openai_embeddings, NULL,
     "vectors of texts", &doc_embeddings},
    {"/models", METHODS_READ, ACCESS_CLIENT, NULL, answer_models, "what can be asked for",
     &doc_models},
    {"/models/*", METHODS_READ, ACCESS_CLIENT, NULL, answer_model, "one model", &doc_model},
    {"/papi/explain", METHODS_READ, ACCESS_CLIENT, NULL, answer_papi_explain,
     "who would be asked for a short question, and why not the others", &doc_explain},
    {"/papi/explain", METHOD_POST, ACCESS_CLIENT, NULL, answer_papi_explain,
     "who would be asked for a request, and why not the others", &doc_explain_body},
    {"/papi/capacity", METHODS_READ, ACCESS_CLIENT, NULL, answer_papi_capacity,
     "what is left of every limit, and in all", &doc_capacity},
    {"/papi/limits", METHODS_READ, ACCESS_CLIENT, NULL, answer_papi_limits,
     "the caller's own limits, and what is left of them", &doc_limits},
    {"/papi/requests/*", METHODS_READ, ACCESS_CLIENT, NULL, answer_papi_request,
     "who was asked for a request, and what came of it", &doc_request},
    {"/healthz", METHODS_READ, ACCESS_PUBLIC, NULL, answer_health, "the process lives",
     &doc_health},
    {"/readyz", METHODS_READ, ACCESS_PUBLIC, NULL, answer_ready, "a provider can be asked",
     &doc_ready},
    {"/metrics", METHODS_READ, ACCESS_METRICS, NULL, answer_metrics, "Prometheus text",
     &doc_metrics},
    {"/", METHODS_READ, ACCESS_PAGE, NULL, answer_root, "a first look", &doc_root},
    {"/api/hello", METHODS_READ, ACCESS_PUBLIC, NULL, answer_health, "probe of some clients",
     &doc_hello},
};

static const struct {
    const char *prefix;
    const char *why;
} not_served[] = {
    {"/files", "PAPI keeps no files; send the content in the request"},
    {"/uploads", "PAPI keeps no files; send the content in the request"},
    {"/batches", "free tiers have no batch price; send the requests one by one"},
    {"/assistants", "the Assistants API is not served; use /v1/chat/completions"},
    {"/threads", "the Assistants API is not served; use /v1/chat/completions"},
    {"/vector_stores", "PAPI keeps no documents"},
    {"/fine_tuning", "fine-tuning is not served"},
    {"/evals", "evals are not served"},
    {"/realtime", "the Realtime API is not served; use /v1/chat/completions with stream"},
    {"/completions", "text completions are not served yet; use /v1/chat/completions"},
    {"/responses", "the Responses API is not served yet; use /v1/chat/completions"},
    {"/messages", "the Messages API is not served yet; use /v1/chat/completions"},
    {"/moderations", "moderation is not served yet"},
    {"/rerank", "reranking is not served yet"},
    {"/audio", "audio is not served yet"},
    {"/images", "images are not served yet"},
};

static const struct {
    const char *name;
    unsigned bit;
} methods[] = {
    {"GET", METHOD_GET},         {"HEAD", METHOD_HEAD},   {"POST", METHOD_POST},
    {"PUT", METHOD_PUT},         {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE},
    {"OPTIONS", METHOD_OPTIONS},
};

unsigned endpoint_method_of(struct span method) {
    for (size_t i = 0; i < array_length(methods); i++)
        if (span_is(method, methods[i].name))
            return methods[i].bit;
    return METHOD_OTHER;
}

static struct span strip_prefix(struct span path, const char *prefix) {
    size_t length = strlen(prefix);
    if (span_starts_with(path, prefix) && (path.len == length || path.ptr[length] == '/'))
        return span_of(path.ptr + length, path.len - length);
    return path;
}

static struct span collapse_slashes(struct span path, struct arena *arena) {
    if (!span_contains(path, "//"))
        return path;
    char *copy = arena_try_alloc(arena, path.len);
    size_t length = 0;
    if (copy == NULL)
        return path;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] != '/' || length == 0 || copy[length - 1] != '/')
            copy[length++] = path.ptr[i];
    return span_of(copy, length);
}

struct span endpoint_normalise(struct span path, struct arena *arena) {
    path = collapse_slashes(path, arena);
    while (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (strip_prefix(path, "/api/v1").len != path.len)
        path = strip_prefix(path, "/api");
    struct span before;
    do {
        before = path;
        path = strip_prefix(path, "/v1");
    } while (path.len != before.len);
    return path.len == 0 ? SPAN_LITERAL("/") : path;
}

/* "/models/" and "*": all that follows, if anything does; "/providers/", "*", "/pause": one segment. */
static bool fits(const char *pattern, struct span path, struct span *ret_rest) {
    const char *star = strchr(pattern, '*');
    size_t before = star != NULL ? (size_t)(star - pattern) : strlen(pattern);
    *ret_rest = SPAN_NONE;
    if (path.len < before || memcmp(path.ptr, pattern, before) != 0)
        return false;
    if (star == NULL)
        return path.len == before;
    size_t after = strlen(star + 1);
    struct span rest = span_of(path.ptr + before, path.len - before);
    if (rest.len <= after || memcmp(rest.ptr + rest.len - after, star + 1, after) != 0)
        return false;
    rest.len -= after;
    *ret_rest = rest;
    return after == 0 || memchr(rest.ptr, '/', rest.len) == NULL;
}

static void look_in(struct endpoint_part part, struct span path, unsigned method,
                    struct endpoint_match *match) {
    struct span rest;
    for (uint32_t i = 0; i < part.count; i++) {
        const struct endpoint *row = &part.rows[i];
        bool same = match->endpoint != NULL ? strcmp(row->path, match->endpoint->path) == 0
                                            : fits(row->path, path, &rest);
        if (!same)
            continue;
        if (match->endpoint == NULL)
            match->rest = rest;
        if (match->endpoint == NULL || (row->methods & method & ~match->allowed) != 0)
            match->endpoint = row;
        match->allowed |= row->methods;
    }
}

struct endpoint_match endpoint_find(const struct endpoint_part *const *more, uint32_t more_parts,
                                    struct span path, unsigned method) {
    struct endpoint_match match = {.rest = SPAN_NONE};
    look_in(endpoint_own(), path, method, &match);
    for (uint32_t i = 0; i < more_parts && match.endpoint == NULL; i++)
        look_in(*more[i], path, method, &match);
    return match;
}

struct endpoint_part endpoint_own(void) {
    return (struct endpoint_part){endpoints, array_length(endpoints)};
}

void endpoint_allow(unsigned allowed, char *text, size_t size) {
    size_t used = 0;
    check(size >= 64);
    for (size_t i = 0; i < array_length(methods); i++)
        if ((allowed & methods[i].bit) != 0 || methods[i].bit == METHOD_OPTIONS)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     methods[i].name);
}

const char *endpoint_why_not(struct span path) {
    for (size_t i = 0; i < array_length(not_served); i++)
        if (strip_prefix(path, not_served[i].prefix).len != path.len)
            return not_served[i].why;
    return NULL;
}

static bool read_hex(char c, unsigned *value) {
    static const char digits[] = "0123456789abcdef";
    const char *found = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, sizeof digits - 1);
    if (found != NULL)
        *value = *value * 16 + (unsigned)(found - digits);
    return found != NULL;
}

/* "a%2Fb" -> "a/b"; a broken escape stays as it is. */
struct span endpoint_percent_decode(struct span text, struct arena *arena) {
    char *copy = arena_try_alloc(arena, text.len + 1);
    size_t length = 0;
    if (copy == NULL)
        return text;
    for (size_t i = 0; i < text.len; i++) {
        unsigned value = 0;
        bool escape = text.ptr[i] == '%' && i + 2 < text.len && read_hex(text.ptr[i + 1], &value) &&
                      read_hex(text.ptr[i + 2], &value);
        copy[length++] = escape ? (char)value : text.ptr[i];
        i += escape ? 2 : 0;
    }
    return span_of(copy, length);
}
