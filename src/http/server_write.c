// SPDX-License-Identifier: Apache-2.0
/*
 * The writing half of a server connection: answers, streams, and the answers the server gives by itself.
 *
 * Why the head is written here: status line, length and Connection have to fit each other and the request (version, HEAD),
 * so callers give only their own fields. Everything goes to the stream's queue at once; the stream sends all of one turn in
 * one system call, so head and body of a small answer leave together. An answer that comes before its request is
 * complete stands: the rest of the body is dropped.
 * Promises: never both a length and a coding; HTTP/1.0 gets no chunks; nothing is written after on_gone. Leaves to others:
 * what an error says (on_reject), when a connection ends (server_turn.c).
 */
#include "base/check.h"
#include "base/clock.h"
#include "http/server_parts.h"

#define STATUS_HAS_NO_BODY(status) ((status) < 200 || (status) == 204 || (status) == 304)

struct reject_row {
    int status;
    int err;
    const char *sentence;
};

static const struct reject_row rejects[REJECTS] = {
    [REJECT_SYNTAX] = {400, ERR_HTTP_SYNTAX, "The request is not valid HTTP/1.1."},
    [REJECT_FRAMING] = {400, ERR_HTTP_FRAMING,
                        "The length of the request body is ambiguous or not valid."},
    [REJECT_HEAD_SIZE] = {431, ERR_HTTP_HEADER_TOO_LARGE,
                          "The request header is larger than 32 KiB or has more than 100 fields."},
    [REJECT_HEAD_SLOW] = {408, ERR_HEADER_TIMEOUT, "The request header did not arrive in time."},
    [REJECT_VERSION] = {505, ERR_HTTP_VERSION, "Only HTTP/1.0 and HTTP/1.1 are spoken here."},
    [REJECT_METHOD] = {501, ERR_UNSUPPORTED, "This request method is not supported."},
    [REJECT_TARGET] = {400, ERR_HTTP_SYNTAX, "The request target is not valid."},
    [REJECT_HOST] = {400, ERR_HTTP_SYNTAX, "The Host header is not valid."},
    [REJECT_EXPECT] = {417, ERR_UNSUPPORTED, "The only expectation supported is 100-continue."},
    [REJECT_CODING] = {415, ERR_UNSUPPORTED,
                       "Content-Encoding must be identity, gzip, deflate or zstd."},
    [REJECT_CODED_BODY] = {400, ERR_INVALID,
                           "The request body does not match its Content-Encoding."},
    [REJECT_BODY_SIZE] = {413, ERR_TOO_LARGE, "The request body is larger than allowed."},
    [REJECT_BODY_SLOW] = {408, ERR_BODY_TIMEOUT, "The request body did not arrive in time."},
    [REJECT_BODY_FRAMING] = {400, ERR_HTTP_FRAMING,
                             "The chunked coding of the request body is not valid."},
    [REJECT_MEMORY] = {503, ERR_BUSY, "Too many request bodies are in memory; try again soon."},
    [REJECT_CONNECTIONS] = {503, ERR_BUSY, "Too many connections are open; try again soon."},
};

enum body_form { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_UNTIL_CLOSE };

struct answer_head {
    int status;
    struct span fields;
    enum body_form form;
    size_t length;
    bool http_1_0;
    bool close;
};

static int build_head(struct dynbuf *out, const struct answer_head *head) {
    dynbuf_clear(out);
    int err = span_starts_with(head->fields, "Date: ")
                  ? http_write_status_undated(out, head->status)
                  : http_write_status(out, head->status);
    if (err == 0)
        err = dynbuf_append_span(out, head->fields);
    if (err == 0 && head->form == BODY_LENGTH)
        err = http_write_header_u64(out, "Content-Length", head->length);
    else if (err == 0 && head->form == BODY_CHUNKED)
        err = dynbuf_append_text(out, "Transfer-Encoding: chunked\r\n");
    if (err == 0 && head->close)
        err = dynbuf_append_text(out, "Connection: close\r\n");
    else if (err == 0 && head->http_1_0)
        err = dynbuf_append_text(out, "Connection: keep-alive\r\n");
    return err < 0 ? err : dynbuf_append_text(out, "\r\n");
}

static int put(struct http_connection *connection, struct span bytes) {
    connection->written_bytes += bytes.len;
    return bytes.len > 0 ? stream_write(connection->stream, bytes) : 0;
}

/* A queue that takes nothing more leaves the answer cut: the connection cannot be used again. */
static int broken(struct http_exchange *exchange, int err) {
    struct http_connection *connection = exchange->connection;
    exchange->gone = true;
    exchange->owes_gone = true;
    stream_abort(connection->stream);
    http__connection_close(connection);
    loop_defer(connection->server->loop, &connection->task);
    return err;
}

/* An answer before the whole request: the rest of its body is nobody's. A client that waits for 100 may not send it at all,
 * so nothing can follow on this connection. */
static void stop_reading_body(struct http_exchange *exchange) {
    struct http_connection *connection = exchange->connection;
    if (connection->state != CONNECTION_BODY)
        return;
    if (connection->expects_continue)
        exchange->close_after = true;
    connection->expects_continue = false;
    connection->state = CONNECTION_SKIP;
    http__connection_drop_body(connection);
}

static int write_head(struct http_exchange *exchange, struct answer_head *head) {
    struct http_connection *connection = exchange->connection;
    struct http_server *server = connection->server;
    stop_reading_body(exchange);
    if (server->draining)
        exchange->close_after = true;
    head->http_1_0 = exchange->request.http_1_0;
    head->close = exchange->close_after;
    int err = build_head(&server->scratch, head);
    if (err < 0)
        return err;
    exchange->answer = ANSWER_STARTED;
    err = put(connection, dynbuf_span(&server->scratch));
    return err < 0 ? broken(exchange, err) : 0;
}

static void answer_ended(struct http_exchange *exchange) {
    exchange->answer = ANSWER_ENDED;
    loop_defer(exchange->connection->server->loop, &exchange->connection->task);
}

int http_exchange_respond(struct http_exchange *exchange, int status, struct span head_fields,
                          struct span body) {
    check(exchange->magic == EXCHANGE_MAGIC);
    if (exchange->gone)
        return ERR_RESET;
    check(exchange->answer == ANSWER_NONE);
    bool no_body = STATUS_HAS_NO_BODY(status);
    struct answer_head head = {
        .status = status,
        .fields = head_fields,
        .form = no_body ? BODY_NONE : BODY_LENGTH,
        .length = body.len,
    };
    int err = write_head(exchange, &head);
    if (err < 0)
        return err;
    if (!no_body && !exchange->head_only)
        err = put(exchange->connection, body);
    if (err < 0)
        return broken(exchange, err);
    answer_ended(exchange);
    return 0;
}

int http_exchange_start(struct http_exchange *exchange, int status, struct span head_fields) {
    check(exchange->magic == EXCHANGE_MAGIC);
    if (exchange->gone)
        return ERR_RESET;
    check(exchange->answer == ANSWER_NONE);
    bool http_1_0 = exchange->request.http_1_0;
    exchange->chunked = !http_1_0;
    if (http_1_0)
        exchange->close_after = true;
    struct answer_head head = {
        .status = status,
        .fields = head_fields,
        .form = http_1_0 ? BODY_UNTIL_CLOSE : BODY_CHUNKED,
    };
    return write_head(exchange, &head);
}

static int put_chunk(struct http_connection *connection, struct span bytes) {
    static const char digits[] = "0123456789abcdef";
    char line[18];
    size_t place = sizeof line - 2;
    memcpy(line + place, "\r\n", 2);
    size_t size = bytes.len;
    do {
        line[--place] = digits[size & 15];
        size >>= 4;
    } while (size > 0);
    int err = put(connection, span_of(line + place, sizeof line - place));
    if (err == 0)
        err = put(connection, bytes);
    return err < 0 ? err : put(connection, SPAN_LITERAL("\r\n"));
}

int http_exchange_write(struct http_exchange *exchange, struct span bytes) {
    check(exchange->magic == EXCHANGE_MAGIC);
    if (exchange->gone)
        return ERR_RESET;
    check(exchange->answer == ANSWER_STARTED);
    if (bytes.len == 0 || exchange->head_only)
        return 0;
    struct http_connection *connection = exchange->connection;
    int err = exchange->chunked ? put_chunk(connection, bytes) : put(connection, bytes);
    return err < 0 ? broken(exchange, err) : 0;
}

int http_exchange_end(struct http_exchange *exchange) {
    check(exchange->magic == EXCHANGE_MAGIC);
    if (exchange->gone)
        return ERR_RESET;
    check(exchange->answer == ANSWER_STARTED);
    int err = 0;
    if (exchange->chunked && !exchange->head_only)
        err = put(exchange->connection, SPAN_LITERAL("0\r\n\r\n"));
    if (err < 0)
        return broken(exchange, err);
    answer_ended(exchange);
    return 0;
}

/* Chunks without a last one tell the client by themselves; a body that ends by close needs a reset to be seen as cut. */
void http_exchange_abort(struct http_exchange *exchange) {
    check(exchange->magic == EXCHANGE_MAGIC);
    if (exchange->gone || exchange->answer == ANSWER_ENDED)
        return;
    struct http_connection *connection = exchange->connection;
    bool cut_by_end = exchange->answer == ANSWER_STARTED && exchange->chunked;
    stop_reading_body(exchange);
    exchange->close_after = true;
    exchange->answer = ANSWER_ENDED;
    if (cut_by_end) {
        answer_ended(exchange);
        return;
    }
    exchange->gone = true;
    stream_abort(connection->stream);
    http__connection_close(connection);
    loop_defer(connection->server->loop, &connection->task);
}

void http__connection_send_continue(struct http_connection *connection) {
    connection->expects_continue = false;
    if (put(connection, SPAN_LITERAL("HTTP/1.1 100 Continue\r\n\r\n")) < 0)
        http__connection_close(connection);
}

static int write_reject(struct http_connection *connection, enum http_reject why) {
    struct http_server *server = connection->server;
    const struct reject_row *row = &rejects[why];
    const struct http_exchange *exchange = connection->exchange;
    bool readable = exchange != NULL && exchange->request.method.len > 0;
    const struct http_rejection rejection = {
        .status = row->status,
        .err = row->err,
        .sentence = row->sentence,
        .request = readable ? &exchange->request : NULL,
        .peer = stream_peer_address(connection->stream),
    };
    struct dynbuf fields;
    struct dynbuf body;
    dynbuf_init(&fields, HTTP_ANSWER_HEAD_MAX_BYTES / 2);
    dynbuf_init(&body, HTTP_ANSWER_HEAD_MAX_BYTES);
    int err = dynbuf_append_text(&fields, "Content-Type: application/json\r\n");
    if (err == 0 && row->status == 503)
        err = dynbuf_append_text(&fields, "Retry-After: 1\r\n");
    if (server->handler->on_reject != NULL)
        server->handler->on_reject(server->context, &rejection, &fields, &body);
    struct answer_head head = {
        .status = row->status,
        .fields = dynbuf_span(&fields),
        .form = BODY_LENGTH,
        .length = body.len,
        .close = true,
    };
    if (err == 0)
        err = build_head(&server->scratch, &head);
    if (err == 0)
        err = put(connection, dynbuf_span(&server->scratch));
    if (err == 0 && !connection->head_only)
        err = put(connection, dynbuf_span(&body));
    dynbuf_done(&fields);
    dynbuf_done(&body);
    return err;
}

void http__connection_reject(struct http_connection *connection, enum http_reject why) {
    struct http_exchange *exchange = connection->exchange;
    bool answered = exchange != NULL && exchange->answer != ANSWER_NONE;
    http__connection_lose(connection);
    http__connection_drop_body(connection);
    connection->reject = REJECT_NONE;
    if (answered || write_reject(connection, why) < 0) {
        stream_abort(connection->stream);
        http__connection_close(connection);
        return;
    }
    http__connection_linger(connection);
}
