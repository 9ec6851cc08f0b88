// SPDX-License-Identifier: Apache-2.0
/*
 * The HTTP/1.1 client: calls.
 *
 * Why a call is not its connection: a call may need two (a kept connection that turned out closed, then a new one), and a
 * connection serves many; the call owns the request's bytes until it is told, the link owns the socket. The head is
 * written once, here, and stays for a replay; head and body leave in one gathering write without being copied.
 * Promises: one on_done, never from inside http_call_start; none after http_call_cancel. Leaves to others: policy; a call does
 * not retry, but for the one case that nobody can tell from a slow network: the keep-alive race.
 */
#include "http/client.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/client_parts.h"

void http_client_limits_default(struct http_client_limits *limits) {
    *limits = (struct http_client_limits){
        .idle_connections_max = 256,
        .idle_timeout_ns = 55 * NS_PER_S,
        .interim_max = 8,
    };
}

struct http_client *http_client_new(struct net_context *net, struct loop *loop,
                                    const struct http_client_limits *limits) {
    struct http_client *client = mem_zalloc(sizeof *client);
    client->net = net;
    client->loop = loop;
    client->limits = *limits;
    list_init(&client->busy);
    for (size_t i = 0; i < HTTP_POOL_BUCKETS; i++)
        list_init(&client->buckets[i]);
    return client;
}

void http_client_close_all(struct http_client *client) {
    http__pool_close_idle(client);
}

void http_client_free(struct http_client *client) {
    check(client->call_count == 0 && client->idle_count == 0 && list_empty(&client->busy));
    for (size_t i = 0; i < HTTP_POOL_BUCKETS; i++)
        check(list_empty(&client->buckets[i]));
    mem_free(client);
}

size_t http_client_idle_connections(const struct http_client *client) {
    return client->idle_count;
}

static uint64_t total_bytes(const struct span *pieces, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += pieces[i].len;
    return total;
}

/* Without empty pieces at the end: the last one tells when all is sent. */
static size_t used_pieces(const struct http_call_request *request) {
    size_t count = request->has_body ? request->body_piece_count : 0;
    while (count > 0 && request->body_pieces[count - 1].len == 0)
        count--;
    return count;
}

static char *put(char *place, struct span bytes) {
    memcpy(place, bytes.ptr, bytes.len);
    return place + bytes.len;
}

static char *put_u64(char *place, uint64_t value) {
    char digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(place, span_of(digits + start, sizeof digits - start));
}

/* "METHOD target HTTP/1.1", Host, the caller's fields, Content-Length: the only place that frames requests. */
static void write_head(struct http_call *call, const struct http_call_request *request) {
    static const struct span host_name = SPAN_LITERAL(" HTTP/1.1\r\nHost: ");
    static const struct span length_name = SPAN_LITERAL("Content-Length: ");
    struct span method = span_text(request->method);
    size_t most = method.len + 1 + request->target.len + host_name.len + request->host_header.len +
                  request->head_fields.len + length_name.len + 20 + 6;
    if (most > sizeof call->short_head)
        call->long_head = mem_alloc(most);
    char *start = call->long_head != NULL ? call->long_head : call->short_head;
    char *place = put(start, method);
    *place++ = ' ';
    place = put(place, request->target);
    place = put(place, host_name);
    place = put(place, request->host_header);
    place = put(place, SPAN_LITERAL("\r\n"));
    if (request->head_fields.len > 0)
        place = put(place, request->head_fields);
    if (request->has_body) {
        place = put(place, length_name);
        place = put_u64(place, total_bytes(request->body_pieces, request->body_piece_count));
        place = put(place, SPAN_LITERAL("\r\n"));
    }
    place = put(place, SPAN_LITERAL("\r\n"));
    call->head = span_of(start, (size_t)(place - start));
}

static void free_call(struct http_call *call) {
    loop_undefer(&call->task);
    call->client->call_count--;
    http_body_unref(call->pinned);
    http__pool_unref(call->pool);
    mem_free(call->long_head);
    call->magic = 0;
    mem_free(call);
}

void http__call_done(struct http_call *call, int err) {
    check(call->magic == CALL_MAGIC && call->link == NULL && call->connector == NULL);
    call->handler->on_done(call->context, err, call->answer_bytes_seen);
    free_call(call);
}

static void tell_early_err(struct loop_task *task) {
    struct http_call *call = container_of(task, struct http_call, task);
    check(call->magic == CALL_MAGIC);
    struct http_link *link = call->link;
    bool stale = link != NULL && link->reused && !call->replayed;
    int err = call->early_err;
    if (link != NULL)
        http__link_close(link);
    if (stale)
        http__call_replay(call);
    else
        http__call_done(call, err);
}

static void send_on(struct http_call *call, struct http_link *link) {
    call->link = link;
    link->call = call;
    if (call->paused)
        stream_pause(link->stream);
    int err = http__link_send(link);
    if (err < 0) {
        call->early_err = err;
        loop_defer(call->client->loop, &call->task);
    }
}

static void on_connected(void *context, int err, struct stream *stream) {
    struct http_call *call = cast_checked(context, struct http_call, CALL_MAGIC);
    call->connector = NULL;
    if (err < 0)
        http__call_done(call, err);
    else
        send_on(call, http__link_new(call->client, call->pool, stream));
}

static void connect_anew(struct http_call *call) {
    struct connect_request request = {
        .origin = call->origin,
        .connect_deadline_ns = loop_now_ns(call->client->loop) + call->timeouts.connect_ns,
        .tls_timeout_ns = call->timeouts.tls_ns,
        .on_done = on_connected,
        .context = call,
    };
    call->connector = connector_start(call->client->net, &request);
}

void http__call_replay(struct http_call *call) {
    call->replayed = true;
    loop_undefer(&call->task);
    connect_anew(call);
}

struct http_call *http_call_start(struct http_client *client,
                                  const struct http_call_request *request,
                                  const struct http_call_handler *handler, void *context) {
    check(handler->on_head != NULL && handler->on_body != NULL && handler->on_done != NULL);
    struct http_call *call = mem_alloc(sizeof *call);
    call->magic = CALL_MAGIC;
    call->head_method = strcmp(request->method, "HEAD") == 0;
    call->replayed = call->answer_bytes_seen = call->paused = false;
    call->early_err = 0;
    call->client = client;
    call->handler = handler;
    call->context = context;
    call->origin = request->origin;
    call->pool = http__pool_get(client, request->origin);
    call->connector = NULL;
    call->link = NULL;
    call->pieces = request->body_pieces;
    call->piece_count = used_pieces(request);
    call->pinned = request->pinned != NULL ? http_body_ref(request->pinned) : NULL;
    call->timeouts = request->timeouts;
    call->long_head = NULL;
    loop_task_init(&call->task, tell_early_err);
    write_head(call, request);
    client->call_count++;
    struct http_link *link = http__pool_take(call->pool, client);
    if (link != NULL)
        send_on(call, link);
    else
        connect_anew(call);
    return call;
}

void http_call_cancel(struct http_call *call) {
    check(call->magic == CALL_MAGIC);
    if (call->connector != NULL)
        connector_cancel(call->connector);
    call->connector = NULL;
    if (call->link != NULL)
        http__link_close(call->link);
    free_call(call);
}

void http_call_pause(struct http_call *call) {
    check(call->magic == CALL_MAGIC);
    if (call->paused)
        return;
    call->paused = true;
    if (call->link != NULL)
        stream_pause(call->link->stream);
}

void http_call_resume(struct http_call *call) {
    check(call->magic == CALL_MAGIC);
    if (!call->paused)
        return;
    call->paused = false;
    if (call->link != NULL)
        http__link_resume(call->link);
}

bool http_call_reused_connection(const struct http_call *call) {
    return call->link != NULL && call->link->reused;
}
