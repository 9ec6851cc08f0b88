// SPDX-License-Identifier: Apache-2.0
/*
 * Time and ends of a server connection.
 *
 * Why one timer: a connection has one deadline at a time, by its state; a deadline that moves later is only noted, and looked
 * at when the old one fires, so that a busy connection touches the heap once in many requests. Why a turn task: exchanges
 * end on handlers' stacks and on the network's; on_finished comes from neither, but from here, later in the turn.
 * Why lingering: closing a socket with unread bytes resets it, and a reset makes the client throw away the answer it had
 * already got; so after our end what still comes is read and dropped, for a bounded time.
 * Promises: on_finished exactly once for every exchange the handler has seen. Leaves to others: reading, writing.
 */
#include "base/check.h"
#include "base/clock.h"
#include "http/server_parts.h"

void http__connection_set_deadline(struct http_connection *connection, uint64_t deadline_ns) {
    connection->deadline_ns = deadline_ns;
    if (!loop_timer_armed(&connection->timer) || connection->timer.node.key > deadline_ns)
        loop_timer_set(connection->server->loop, &connection->timer, deadline_ns);
}

void http__connection_lose(struct http_connection *connection) {
    struct http_exchange *exchange = connection->exchange;
    const struct http_server *server = connection->server;
    if (exchange == NULL || exchange->gone)
        return;
    bool answered = exchange->answer == ANSWER_ENDED;
    exchange->gone = true;
    if (exchange->known && !answered && server->handler->on_gone != NULL)
        server->handler->on_gone(exchange->context, exchange);
    loop_defer(server->loop, &connection->task);
}

void http__connection_close(struct http_connection *connection) {
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    http__connection_lose(connection);
    http_decoder_free(connection->decoder);
    connection->decoder = NULL;
    loop_timer_clear(connection->server->loop, &connection->timer);
    stream_close(connection->stream);
}

void http__connection_finish_exchange(struct http_connection *connection) {
    struct http_exchange *exchange = connection->exchange;
    const struct http_server_handler *handler = connection->server->handler;
    if (exchange->known && exchange->owes_gone && handler->on_gone != NULL)
        handler->on_gone(exchange->context, exchange);
    if (exchange->known && handler->on_finished != NULL)
        handler->on_finished(exchange->context, exchange);
    connection->exchange = NULL;
    http__exchange_free(exchange);
}

void http__connection_linger(struct http_connection *connection) {
    if (connection->state == CONNECTION_LINGER || connection->state == CONNECTION_CLOSED)
        return;
    uint64_t now_ns = loop_now_ns(connection->server->loop);
    connection->state = CONNECTION_LINGER;
    http__connection_drop_body(connection);
    if (connection->paused)
        stream_resume(connection->stream);
    connection->paused = false;
    stream_finish(connection->stream);
    connection->linger_until_ns = now_ns + HTTP_LINGER_ALL_NS;
    connection->skipped_bytes = 0;
    connection->read_ns = now_ns;
    connection->taken_ns = now_ns;
    uint64_t wait_ns = connection->peer_ended ? HTTP_LINGER_CHECK_NS : HTTP_LINGER_NS;
    http__connection_set_deadline(connection, now_ns + wait_ns);
}

void http__connection_end(struct http_connection *connection) {
    if (stream_queued_bytes(connection->stream) > 0)
        http__connection_linger(connection);
    else
        http__connection_close(connection);
}

/* After the answer: the next request, or the end if the answer said so. One whose head went out before a drain began promised that the
 * connection stays: its client may be sending already. */
static void go_on(struct http_connection *connection, bool close) {
    if (connection->state == CONNECTION_CLOSED || connection->state == CONNECTION_LINGER ||
        connection->reject != REJECT_NONE)
        return;
    if (close || connection->peer_ended) {
        http__connection_linger(connection);
        return;
    }
    if (connection->state != CONNECTION_WAIT)
        return;
    http__connection_next_request(connection);
    if (connection->paused)
        stream_resume(connection->stream);
    connection->paused = false;
    if (connection->input.len > 0)
        http__connection_use_input(connection);
}

void http__connection_turn(struct loop_task *task) {
    struct http_connection *connection = container_of(task, struct http_connection, task);
    check(connection->magic == CONNECTION_MAGIC);
    struct http_exchange *exchange = connection->exchange;
    if (exchange == NULL)
        return;
    if (connection->expects_continue && connection->state == CONNECTION_BODY)
        http__connection_send_continue(connection);
    bool written = exchange->answer == ANSWER_ENDED &&
                   stream_queued_bytes(connection->stream) <= STREAM_HIGH_WATER_BYTES;
    if (!exchange->gone && !written)
        return;
    bool close = exchange->close_after;
    http__connection_finish_exchange(connection);
    go_on(connection, close);
}

void http__connection_on_end(void *context) {
    struct http_connection *connection =
        cast_checked(context, struct http_connection, CONNECTION_MAGIC);
    struct http_exchange *exchange = connection->exchange;
    connection->peer_ended = true;
    bool unanswered = exchange != NULL && exchange->answer != ANSWER_ENDED;
    bool bytes_wait = stream_queued_bytes(connection->stream) > 0;
    if (unanswered)
        http__connection_close(connection);
    else if (connection->state == CONNECTION_LINGER && bytes_wait)
        http__connection_set_deadline(connection,
                                      loop_now_ns(connection->server->loop) + HTTP_LINGER_CHECK_NS);
    else if (exchange == NULL || exchange->gone)
        http__connection_end(connection);
}

/* Whether the client took nothing of what waits for it for too long. */
static bool write_stalled(struct http_connection *connection, uint64_t now_ns) {
    size_t queued = stream_queued_bytes(connection->stream);
    uint64_t taken = connection->written_bytes - queued;
    if (queued == 0 || taken != connection->taken_bytes) {
        connection->taken_bytes = taken;
        connection->taken_ns = now_ns;
        return false;
    }
    return now_ns - connection->taken_ns >= connection->server->limits.write_gap_timeout_ns;
}

static void cut(struct http_connection *connection) {
    stream_abort(connection->stream);
    http__connection_close(connection);
}

static void watch_writes(struct http_connection *connection, uint64_t now_ns) {
    if (write_stalled(connection, now_ns))
        cut(connection);
    else
        http__connection_set_deadline(connection,
                                      now_ns + connection->server->limits.write_gap_timeout_ns / 2);
}

/* An idle connection, or one that never sent a byte, ends without a word. */
static void head_late(struct http_connection *connection, uint64_t now_ns) {
    (void)now_ns;
    if (connection->head_started)
        http__connection_reject(connection, REJECT_HEAD_SLOW);
    else
        http__connection_end(connection);
}

static bool body_too_slow(struct http_connection *connection, uint64_t now_ns) {
    uint64_t gap_ns = connection->server->limits.body_gap_timeout_ns;
    if (now_ns - connection->read_ns >= gap_ns)
        return true;
    if (now_ns - connection->window_ns < gap_ns)
        return false;
    bool slow = connection->window_bytes < HTTP_BODY_PROGRESS_BYTES;
    connection->window_ns = now_ns;
    connection->window_bytes = 0;
    return slow;
}

static void watch_body(struct http_connection *connection, uint64_t now_ns) {
    uint64_t gap_ns = connection->server->limits.body_gap_timeout_ns;
    if (body_too_slow(connection, now_ns)) {
        bool answered = connection->state == CONNECTION_SKIP && connection->reject == REJECT_NONE;
        if (answered && connection->exchange == NULL)
            http__connection_linger(connection);
        else
            http__connection_reject(connection, connection->reject != REJECT_NONE
                                                    ? connection->reject
                                                    : REJECT_BODY_SLOW);
        return;
    }
    if (write_stalled(connection, now_ns)) {
        cut(connection);
        return;
    }
    uint64_t silence_ns = connection->read_ns + gap_ns;
    uint64_t window_ns = connection->window_ns + gap_ns;
    http__connection_set_deadline(connection, silence_ns < window_ns ? silence_ns : window_ns);
}

/* A peer that still sends is given time to come to its end and read the answer. */
static void watch_linger(struct http_connection *connection, uint64_t now_ns) {
    uint64_t quiet_ns = connection->read_ns + HTTP_LINGER_NS;
    bool sends =
        !connection->peer_ended && now_ns < quiet_ns && now_ns < connection->linger_until_ns;
    bool bytes_wait = stream_queued_bytes(connection->stream) > 0;
    if (!bytes_wait && !sends)
        http__connection_close(connection);
    else if (write_stalled(connection, now_ns))
        cut(connection);
    else
        http__connection_set_deadline(connection,
                                      bytes_wait ? now_ns + HTTP_LINGER_LOOK_NS : quiet_ns);
}

static void (*const late[CONNECTION_STATES])(struct http_connection *, uint64_t) = {
    [CONNECTION_HEAD] = head_late,      [CONNECTION_BODY] = watch_body,
    [CONNECTION_SKIP] = watch_body,     [CONNECTION_WAIT] = watch_writes,
    [CONNECTION_LINGER] = watch_linger,
};

void http__connection_fire(struct loop_timer *timer) {
    struct http_connection *connection = container_of(timer, struct http_connection, timer);
    check(connection->magic == CONNECTION_MAGIC && connection->state != CONNECTION_CLOSED);
    uint64_t now_ns = loop_now_ns(connection->server->loop);
    if (now_ns < connection->deadline_ns)
        loop_timer_set(connection->server->loop, timer, connection->deadline_ns);
    else
        late[connection->state](connection, now_ns);
}
