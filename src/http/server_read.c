// SPDX-License-Identifier: Apache-2.0
/*
 * The reading half of a server connection: bytes to requests.
 *
 * Why a loop over states: one read may hold the end of a body, a whole request and half of the next; each state takes what is
 * its own off the front and says whether another look is worth it. A head that arrives whole is checked where it lies and
 * copied once, into its exchange; only partial heads and read-ahead go through the input buffer, which is given back
 * when empty. Large bodies are read where they will stay (on_buffer).
 * Promises: the next request is not looked at before the answer of this one is written; nothing is parsed that the guard
 * did not pass; a body never passes its cap, decoded or not. Leaves to others: answers, clocks.
 */
#include "base/check.h"
#include "base/clock.h"
#include "http/parse.h"
#include "http/server_parts.h"
#include "http/target.h"

static enum http_reject reject_of(int err) {
    switch (err) {
    case ERR_HTTP_FRAMING:
        return REJECT_FRAMING;
    case ERR_HTTP_HEADER_TOO_LARGE:
        return REJECT_HEAD_SIZE;
    case ERR_HTTP_VERSION:
        return REJECT_VERSION;
    case ERR_UNSUPPORTED:
        return REJECT_METHOD;
    default:
        return REJECT_SYNTAX;
    }
}

static enum http_reject fill_request(struct http_exchange *exchange, const struct http_head *head) {
    struct http_request *request = &exchange->request;
    struct http_target target;
    int err = http_parse_target(head->method, head->target, &target);
    if (err < 0)
        return err == ERR_UNSUPPORTED ? REJECT_METHOD : REJECT_TARGET;
    struct span host = http_header_get(&exchange->headers, "host");
    if (!span_absent(host) && !http_host_valid(host))
        return REJECT_HOST;
    if (span_absent(host))
        host = span_of("", 0);
    *request = (struct http_request){
        .method = head->method,
        .target = head->target,
        .path = target.path,
        .query = target.query,
        .host = span_absent(target.authority) ? host : target.authority,
        .headers = &exchange->headers,
        .http_1_0 = head->http_1_0,
        .keep_alive = head->keep_alive,
    };
    exchange->head_only = span_is(head->method, "HEAD");
    exchange->close_after = !head->keep_alive;
    return REJECT_NONE;
}

/* Any expectation but one is refused (RFC 9110 section 10.1.1); HTTP/1.0 clients do not know of it. */
static enum http_reject check_expect(struct http_connection *connection,
                                     const struct http_head *head) {
    struct span expect = http_header_get(head->headers, "expect");
    if (span_absent(expect) || head->http_1_0)
        return REJECT_NONE;
    if (http_header_count(head->headers, "expect") > 1 || !span_is_nocase(expect, "100-continue"))
        return REJECT_EXPECT;
    connection->expects_continue = true;
    return REJECT_NONE;
}

static enum http_reject check_coding(struct http_connection *connection,
                                     const struct http_head *head) {
    enum http_coding coding;
    if (http_coding_of(head->headers, &coding) < 0)
        return REJECT_CODING;
    if (coding == HTTP_CODING_IDENTITY)
        return REJECT_NONE;
    return http_decoder_new(coding, connection->body_max_bytes, &connection->decoder) < 0
               ? REJECT_MEMORY
               : REJECT_NONE;
}

static enum http_reject open_body(struct http_connection *connection,
                                  const struct http_head *head) {
    connection->expects_continue = false;
    connection->body_max_bytes = connection->server->limits.body_max_bytes;
    enum http_framing framing = HTTP_FRAMING_NONE;
    if (head->chunked)
        framing = HTTP_FRAMING_CHUNKED;
    else if (head->has_length && head->length > 0)
        framing = HTTP_FRAMING_LENGTH;
    connection->body_length = head->has_length ? head->length : 0;
    http_reader_init(&connection->reader, framing, head->length);
    enum http_reject why = check_expect(connection, head);
    if (framing == HTTP_FRAMING_NONE || why != REJECT_NONE) {
        connection->expects_continue = false;
        return why;
    }
    if (head->has_length && head->length > connection->body_max_bytes)
        return REJECT_BODY_SIZE;
    connection->exchange->body = http_body_new();
    return check_coding(connection, head);
}

static enum http_reject parse(struct http_connection *connection, struct span bytes) {
    struct http_exchange *exchange = http__exchange_new(connection, bytes);
    struct http_head head = {.headers = &exchange->headers};
    connection->exchange = exchange;
    struct span copy =
        span_of(exchange->long_head != NULL ? exchange->long_head : exchange->head, bytes.len);
    int err = http_parse_head(&connection->guard, copy, &head);
    if (err < 0)
        return reject_of(err);
    enum http_reject why = fill_request(exchange, &head);
    connection->head_only = exchange->head_only;
    return why != REJECT_NONE ? why : open_body(connection, &head);
}

/* The answer comes after the body, since many clients read nothing before they have sent everything. */
static void reject_after_body(struct http_connection *connection, enum http_reject why) {
    if (connection->exchange != NULL && connection->exchange->known)
        http__connection_lose(connection); /* else it stays: the answer is made from its head */
    http__connection_drop_body(connection);
    connection->reject = (uint8_t)why;
    connection->skipped_bytes = 0;
    connection->state = CONNECTION_SKIP;
}

static void start_body_clock(struct http_connection *connection) {
    const struct http_server *server = connection->server;
    uint64_t now_ns = loop_now_ns(server->loop);
    connection->read_ns = connection->window_ns = now_ns;
    connection->window_bytes = 0;
    http__connection_set_deadline(connection, now_ns + server->limits.body_gap_timeout_ns);
}

static void call_on_request(struct http_connection *connection) {
    struct http_exchange *exchange = connection->exchange;
    const struct http_server *server = connection->server;
    connection->state = CONNECTION_WAIT;
    http__connection_set_deadline(connection, loop_now_ns(server->loop) +
                                                  server->limits.write_gap_timeout_ns / 2);
    exchange->known = true;
    server->handler->on_request(server->context, exchange);
}

static void call_on_head(struct http_connection *connection) {
    const struct http_server *server = connection->server;
    if (server->handler->on_head == NULL)
        return;
    struct http_exchange *exchange = connection->exchange;
    exchange->known = true;
    server->handler->on_head(server->context, exchange);
    /* Left alone, it is the server's until its body is there. */
    if (connection->exchange == exchange)
        exchange->known = exchange->context != NULL || exchange->answer != ANSWER_NONE;
}

static void begin(struct http_connection *connection, struct span head) {
    connection->had_request = true;
    connection->head_started = false;
    enum http_reject why = parse(connection, head);
    http_guard_init(&connection->guard, HTTP_SIDE_REQUEST);
    if (why == REJECT_BODY_SIZE && !connection->expects_continue) {
        reject_after_body(connection, why);
        start_body_clock(connection);
        return;
    }
    if (why != REJECT_NONE) {
        http__connection_reject(connection, why);
        return;
    }
    bool has_body = connection->reader.framing != HTTP_FRAMING_NONE;
    connection->state = has_body ? CONNECTION_BODY : CONNECTION_WAIT;
    connection->skipped_bytes = 0;
    if (has_body)
        start_body_clock(connection);
    call_on_head(connection);
    if (connection->state == CONNECTION_WAIT && connection->exchange->answer == ANSWER_NONE)
        call_on_request(connection);
    else if (connection->expects_continue)
        loop_defer(connection->server->loop, &connection->task);
}

/* The first head's clock runs since accept already. */
static void start_head_clock(struct http_connection *connection) {
    const struct http_server *server = connection->server;
    if (!connection->head_started && connection->had_request)
        http__connection_set_deadline(connection,
                                      loop_now_ns(server->loop) + server->limits.header_timeout_ns);
    connection->head_started = true;
}

static bool take_head(struct http_connection *connection, struct span *bytes) {
    size_t end = 0;
    int verdict =
        bytes->len > 0 ? http_guard_feed(&connection->guard, *bytes, &end) : HTTP_GUARD_MORE;
    if (verdict == HTTP_GUARD_MORE) {
        if (bytes->len > connection->guard.head_start)
            start_head_clock(connection);
        return false;
    }
    if (verdict < 0) {
        http__connection_reject(connection, reject_of(verdict));
        return true;
    }
    size_t start = connection->guard.head_start;
    struct span head = span_of(bytes->ptr + start, end - start);
    *bytes = span_of(bytes->ptr + end, bytes->len - end);
    begin(connection, head);
    return true;
}

static int store_body(struct http_connection *connection, struct span bytes) {
    struct http_body *body = connection->exchange->body;
    if (connection->decoder != NULL)
        return http_decoder_feed(connection->decoder, bytes, body);
    size_t have = http_body_bytes(body).len;
    size_t room = connection->body_max_bytes - have;
    if (bytes.len > room || connection->reader.left > room - bytes.len)
        return ERR_TOO_LARGE; /* also what the rest of this chunk has announced */
    return http_body_append(body, bytes, (size_t)connection->body_length);
}

static void body_failed(struct http_connection *connection, int err) {
    switch (err) {
    case ERR_TOO_LARGE:
        reject_after_body(connection, REJECT_BODY_SIZE);
        break;
    case ERR_INVALID:
        reject_after_body(connection, REJECT_CODED_BODY);
        break;
    case ERR_BUSY:
    case ERR_NOMEM:
        reject_after_body(connection, REJECT_MEMORY);
        break;
    default:
        http__connection_reject(connection, REJECT_BODY_FRAMING);
    }
}

static void body_complete(struct http_connection *connection) {
    int err = 0;
    if (connection->decoder != NULL)
        err = http_decoder_finish(connection->decoder);
    http_decoder_free(connection->decoder);
    connection->decoder = NULL;
    connection->expects_continue = false;
    if (err < 0)
        body_failed(connection, err);
    else
        call_on_request(connection);
}

static bool take_body(struct http_connection *connection, struct span *bytes) {
    struct span part;
    int result = http_reader_next(&connection->reader, bytes, &part);
    if (result == HTTP_READ_BYTES) {
        int err = store_body(connection, part);
        if (err < 0)
            body_failed(connection, err);
        return true;
    }
    if (result == HTTP_READ_END)
        body_complete(connection);
    else if (result < 0)
        body_failed(connection, result);
    return result != HTTP_READ_MORE;
}

static void skip_ended(struct http_connection *connection) {
    enum http_reject why = connection->reject;
    if (why != REJECT_NONE)
        http__connection_reject(connection, why);
    else if (connection->exchange != NULL)
        connection->state = CONNECTION_WAIT;
    else
        http__connection_next_request(connection);
}

static void skip_stopped(struct http_connection *connection) {
    if (connection->reject != REJECT_NONE)
        http__connection_reject(connection, connection->reject);
    else
        http__connection_linger(connection);
}

static bool take_skip(struct http_connection *connection, struct span *bytes) {
    struct span part;
    int result = http_reader_next(&connection->reader, bytes, &part);
    if (result == HTTP_READ_BYTES)
        connection->skipped_bytes += part.len;
    if (result < 0 || connection->skipped_bytes > HTTP_SKIP_MAX_BYTES)
        skip_stopped(connection);
    else if (result == HTTP_READ_END)
        skip_ended(connection);
    return result != HTTP_READ_MORE;
}

static bool take_nothing(struct http_connection *connection, struct span *bytes) {
    (void)connection;
    (void)bytes;
    return false;
}

static bool take_and_drop(struct http_connection *connection, struct span *bytes) {
    connection->skipped_bytes += bytes->len;
    if (connection->skipped_bytes > HTTP_SKIP_MAX_BYTES)
        http__connection_close(connection);
    *bytes = span_of(bytes->ptr + bytes->len, 0);
    return false;
}

/* Takes bytes off the front; true when the state that came out of it may take more. */
static bool (*const take[CONNECTION_STATES])(struct http_connection *, struct span *) = {
    [CONNECTION_HEAD] = take_head,       [CONNECTION_BODY] = take_body,
    [CONNECTION_SKIP] = take_skip,       [CONNECTION_WAIT] = take_nothing,
    [CONNECTION_LINGER] = take_and_drop, [CONNECTION_CLOSED] = take_and_drop,
};

static void use(struct http_connection *connection, struct span *bytes) {
    while (take[connection->state](connection, bytes))
        continue;
}

void http__connection_use_input(struct http_connection *connection) {
    struct span bytes = dynbuf_span(&connection->input);
    size_t before = bytes.len;
    use(connection, &bytes);
    dynbuf_consume(&connection->input, before - bytes.len);
    if (connection->input.len == 0)
        dynbuf_done(&connection->input);
}

static void keep(struct http_connection *connection, struct span bytes) {
    if (dynbuf_append_span(&connection->input, bytes) < 0) {
        http__connection_close(connection);
        return;
    }
    if (connection->state == CONNECTION_WAIT && connection->input.len >= HTTP_PIPELINE_BYTES) {
        connection->paused = true;
        stream_pause(connection->stream);
    }
}

void http__connection_on_read(void *context, struct span bytes) {
    struct http_connection *connection =
        cast_checked(context, struct http_connection, CONNECTION_MAGIC);
    if (connection->state != CONNECTION_HEAD && connection->state != CONNECTION_WAIT) {
        connection->read_ns = loop_now_ns(connection->server->loop);
        connection->window_bytes += bytes.len;
    }
    bool direct = connection->direct != NULL && bytes.ptr == connection->direct;
    connection->direct = NULL;
    if (direct) {
        http_body_grew(connection->exchange->body, bytes.len);
        http_reader_skip(&connection->reader, bytes.len);
        bytes = span_of("", 0);
    }
    if (connection->input.len == 0) {
        use(connection, &bytes);
        if (bytes.len > 0)
            keep(connection, bytes);
        return;
    }
    keep(connection, bytes);
    http__connection_use_input(connection);
}

bool http__connection_on_buffer(void *context, char **ret_buffer, size_t *ret_size) {
    struct http_connection *connection =
        cast_checked(context, struct http_connection, CONNECTION_MAGIC);
    if (connection->state == CONNECTION_HEAD) { /* what follows can be read where it will stay */
        *ret_size = HTTP_FIRST_READ_BYTES;
        return true;
    }
    if (connection->state != CONNECTION_BODY || connection->decoder != NULL)
        return false;
    uint64_t direct = http_reader_direct(&connection->reader);
    struct http_body *body = connection->exchange->body;
    size_t have = http_body_bytes(body).len;
    size_t most = connection->body_max_bytes - have;
    if (direct < HTTP_DIRECT_MIN_BYTES || most < HTTP_DIRECT_MIN_BYTES)
        return false;
    if (direct > most)
        direct = most;
    if (http_body_reserve(body, have + (size_t)direct) < 0)
        return false;
    struct http_body_room room = http_body_room(body);
    *ret_buffer = room.start;
    *ret_size = room.bytes < direct ? room.bytes : (size_t)direct;
    connection->direct = room.start;
    return true;
}

void http__connection_next_request(struct http_connection *connection) {
    const struct http_server *server = connection->server;
    connection->state = CONNECTION_HEAD;
    connection->reject = REJECT_NONE;
    connection->expects_continue = false;
    http__connection_set_deadline(
        connection, loop_now_ns(server->loop) +
                        (server->draining ? HTTP_DRAIN_GRACE_NS : server->limits.idle_timeout_ns));
}

void http__connection_drop_body(struct http_connection *connection) {
    http_decoder_free(connection->decoder);
    connection->decoder = NULL;
    if (connection->exchange != NULL) {
        http_body_unref(connection->exchange->body);
        connection->exchange->body = NULL;
    }
}
