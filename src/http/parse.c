// SPDX-License-Identifier: Apache-2.0
/*
 * llhttp over a guarded head.
 *
 * Why both: the guard knows what is allowed, llhttp knows what HTTP is; a message passes only when they agree about its
 * version, its length and its coding, so that an error in one of them is caught by the other. The head is whole and in one
 * piece when it comes here, so each callback fires once a field and the fields stay where they were read. llhttp stops
 * at the end of the head: bodies are framed by reader.c.
 * Promises: no copies, no memory. Leaves to others: the target (target.c), bodies.
 */
#include "http/parse.h"

#include <llhttp.h>

static int on_url(llhttp_t *parser, const char *at, size_t length) {
    struct http_head *head = parser->data;
    head->target = span_of(at, length);
    return HPE_OK;
}

static int on_name(llhttp_t *parser, const char *at, size_t length) {
    struct http_head *head = parser->data;
    struct http_headers *headers = head->headers;
    if (headers->count == HTTP_HEADERS_MAX)
        return HPE_USER;
    headers->items[headers->count++] = (struct http_header){span_of(at, length), span_of("", 0)};
    return HPE_OK;
}

static int on_value(llhttp_t *parser, const char *at, size_t length) {
    struct http_head *head = parser->data;
    struct http_headers *headers = head->headers;
    headers->items[headers->count - 1].value = span_trim(span_of(at, length));
    return HPE_OK;
}

static int on_headers_complete(llhttp_t *parser) {
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

static int err_of(llhttp_errno_t error) {
    switch (error) {
    case HPE_INVALID_METHOD:
        return ERR_UNSUPPORTED;
    case HPE_INVALID_VERSION:
        return ERR_HTTP_VERSION;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        return ERR_HTTP_FRAMING;
    default:
        return ERR_HTTP_SYNTAX;
    }
}

static bool agree(const struct http_guard *guard, const llhttp_t *parser) {
    bool has_length = (parser->flags & F_CONTENT_LENGTH) != 0;
    bool chunked = (parser->flags & F_CHUNKED) != 0;
    return parser->http_major == 1 && parser->http_minor == (guard->http_1_0 ? 0 : 1) &&
           has_length == guard->has_length && chunked == guard->chunked &&
           (!has_length || parser->content_length == guard->length);
}

int http_parse_head(const struct http_guard *guard, struct span bytes, struct http_head *head) {
    bool request = guard->side == HTTP_SIDE_REQUEST;
    llhttp_t parser UNINITIALIZED;
    llhttp_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    parser.data = head;
    head->headers->count = 0;
    llhttp_errno_t error = llhttp_execute(&parser, bytes.ptr, bytes.len);
    if (error != HPE_PAUSED)
        return err_of(error);
    if (!agree(guard, &parser) || head->headers->count != guard->fields)
        return ERR_HTTP_FRAMING;
    if (request)
        head->method = span_of(bytes.ptr, strlen(llhttp_method_name(parser.method)));
    head->status = parser.status_code;
    head->http_1_0 = guard->http_1_0;
    head->keep_alive = guard->http_1_0 ? (parser.flags & F_CONNECTION_KEEP_ALIVE) != 0
                                       : (parser.flags & F_CONNECTION_CLOSE) == 0;
    head->chunked = guard->chunked;
    head->has_length = guard->has_length;
    head->length = guard->length;
    return 0;
}
