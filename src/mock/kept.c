// SPDX-License-Identifier: Apache-2.0
/*
 * The last requests as they came, so that a test sees what a gateway really sent.
 *
 * Heads and the begin of bodies, a fixed number of them. Promises: a credential is shown by its last four characters, wherever a client
 * puts one. Leaves to others: who may ask (everybody on this loopback address).
 */
#include "mock/server.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#define HEAD_MAX_BYTES ((size_t)128 * 1024) /* a head of 32 KiB, escaped */

static const char *const secret_fields[] = {"authorization", "proxy-authorization", "x-api-key",
                                            "api-key",       "x-goog-api-key",      "cookie"};

struct span mock_key_of(const struct http_request *http) {
    static const char *const others[] = {"x-api-key", "api-key", "x-goog-api-key"};
    struct span field = http_header_get(http->headers, "authorization");
    for (size_t i = 0; span_absent(field) && i < array_length(others); i++)
        field = http_header_get(http->headers, others[i]);
    for (size_t i = field.len; i > 0; i--)
        if (field.ptr[i - 1] == ' ')
            return span_of(field.ptr + i, field.len - i);
    return field;
}

static bool is_secret(struct span name) {
    for (size_t i = 0; i < array_length(secret_fields); i++)
        if (span_is_nocase(name, secret_fields[i]))
            return true;
    return false;
}

/* "Bearer ***abcd"; of short ones at most half is shown. */
static int write_masked(struct dynbuf *out, struct span value, bool secret) {
    char text[64];
    if (!secret)
        return json_write_string(out, value);
    bool bearer = value.len > 7 && span_is_nocase(span_of(value.ptr, 7), "Bearer ");
    struct span key = bearer ? span_of(value.ptr + 7, value.len - 7) : value;
    size_t shown = key.len >= 8 ? 4 : key.len / 2;
    (void)snprintf(text, sizeof text, "%s***%.*s", bearer ? "Bearer " : "", (int)shown,
                   key.ptr + key.len - shown);
    return json_write_string(out, span_text(text));
}

static int write_head(const struct http_request *http, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "\"method\":");
    if (err == 0)
        err = json_write_string(out, http->method);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"path\":");
    if (err == 0)
        err = json_write_string(out, http->path);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"headers\":{");
    for (size_t i = 0; i < http->headers->count && err == 0; i++) {
        const struct http_header *field = &http->headers->items[i];
        err = i > 0 ? dynbuf_append_text(out, ",") : 0;
        if (err == 0)
            err = json_write_string(out, field->name);
        if (err == 0)
            err = dynbuf_append_text(out, ":");
        if (err == 0)
            err = write_masked(out, field->value, is_secret(field->name));
    }
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

void mock_keep(struct mock *mock, struct http_exchange *exchange, struct span provider) {
    struct mock_kept *kept = &mock->kept[mock->kept_all % MOCK_KEPT_MAX];
    struct http_body *body = http_exchange_body(exchange);
    struct span all = body != NULL ? http_body_bytes(body) : SPAN_NONE;
    struct dynbuf head;
    dynbuf_init(&head, HEAD_MAX_BYTES);
    if (write_head(http_exchange_request(exchange), &head) < 0) {
        dynbuf_clear(&head);
        check(dynbuf_append_text(&head, "\"headers\":{}") == 0);
    }
    mem_free(kept->bytes);
    *kept = (struct mock_kept){.number = ++mock->kept_all, .wall_ms = clock_wall_ms()};
    size_t name_bytes = provider.len < sizeof kept->provider ? provider.len : 0;
    memcpy(kept->provider, provider.ptr, name_bytes);
    kept->head_bytes = head.len;
    kept->body_all_bytes = all.len;
    kept->body_bytes = all.len < MOCK_KEPT_BODY_BYTES ? all.len : MOCK_KEPT_BODY_BYTES;
    kept->bytes = mem_alloc(kept->head_bytes + kept->body_bytes + 1);
    memcpy(kept->bytes, dynbuf_span(&head).ptr, head.len);
    if (kept->body_bytes > 0)
        memcpy(kept->bytes + head.len, all.ptr, kept->body_bytes);
    dynbuf_done(&head);
}

void mock_kept_clear(struct mock *mock) {
    for (size_t i = 0; i < MOCK_KEPT_MAX; i++) {
        mem_free(mock->kept[i].bytes);
        mock->kept[i] = (struct mock_kept){0};
    }
    mock->kept_all = 0;
}

/* A body that is JSON is shown as JSON; anything else, or a begin only, as text. */
static int write_one(const struct mock_kept *kept, bool first, struct dynbuf *out) {
    struct span body = span_of(kept->bytes + kept->head_bytes, kept->body_bytes);
    bool whole = kept->body_bytes == kept->body_all_bytes;
    int err = dynbuf_append_format(
        out, "%s{\"number\":%llu,\"at_ms\":%llu,\"provider\":", first ? "" : ",",
        (unsigned long long)kept->number, (unsigned long long)kept->wall_ms);
    if (err == 0)
        err = json_write_string(out, span_text(kept->provider));
    if (err == 0)
        err = dynbuf_append_format(out, ",%.*s,\"body_bytes\":%zu,\"body\":", (int)kept->head_bytes,
                                   kept->bytes, kept->body_all_bytes);
    if (err < 0)
        return err;
    if (whole && json_validate(body) == 0)
        err = dynbuf_append_span(out, body);
    else
        err = json_write_string(out, body);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

int mock_kept_write(const struct mock *mock, struct span provider, struct dynbuf *out) {
    uint64_t count = mock->kept_all < MOCK_KEPT_MAX ? mock->kept_all : MOCK_KEPT_MAX;
    bool first = true;
    int err = dynbuf_append_text(out, "{\"requests\":[");
    for (uint64_t i = mock->kept_all - count; i < mock->kept_all && err == 0; i++) {
        const struct mock_kept *kept = &mock->kept[i % MOCK_KEPT_MAX];
        if (!span_absent(provider) && !span_is(provider, kept->provider))
            continue;
        err = write_one(kept, first, out);
        first = false;
    }
    return err == 0 ? dynbuf_append_text(out, "]}\n") : err;
}
