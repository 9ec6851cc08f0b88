// SPDX-License-Identifier: Apache-2.0
/*
 * One connection to an upstream: sends a request, reads its answer, rests, ends.
 *
 * Why an answer head is parsed where it was read: it is only needed until on_head returns, so a head that arrives whole is
 * never copied. Why one timer: what may rest how long changes with the phase (sending, waiting, body, idle); progress
 * is only noted, and weighed when the timer fires. Why so strict about keeping: a connection with anything odd about it
 * (bytes after the answer, an answer before the request was sent, HTTP/1.0, an end by close) could hand the rest of one answer
 * to the next request, so it is closed.
 * Promises: freed in on_closed only; after the call is taken off, none of its callbacks come. Leaves to others: connecting.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/client_parts.h"
#include "http/parse.h"

static uint64_t now_of(const struct http_link *link) {
    return loop_now_ns(link->client->loop);
}

/* From now on `allowed_ns` may pass without progress; 0: for ever. */
static void allow(struct http_link *link, uint64_t allowed_ns) {
    link->active_ns = now_of(link);
    link->allowed_ns = allowed_ns;
    if (allowed_ns == 0)
        return;
    uint64_t deadline_ns = link->active_ns + allowed_ns;
    if (!loop_timer_armed(&link->timer) || link->timer.node.key > deadline_ns)
        loop_timer_set(link->client->loop, &link->timer, deadline_ns);
}

void http__link_close(struct http_link *link) {
    if (link->closing)
        return;
    link->closing = true;
    if (link->call == NULL)
        http__pool_drop(link);
    else
        link->call->link = NULL;
    link->call = NULL;
    loop_timer_clear(link->client->loop, &link->timer);
    dynbuf_done(&link->input);
    stream_close(link->stream);
}

/* Ends the link, then tells its call. */
static void fail(struct http_link *link, int err) {
    struct http_call *call = link->call;
    http__link_close(link);
    if (call != NULL)
        http__call_done(call, err);
}

static bool is_stale(const struct http_link *link) {
    const struct http_call *call = link->call;
    return link->reused && !call->replayed && !call->answer_bytes_seen &&
           now_of(link) - link->sent_ns < HTTP_STALE_NS;
}

static void lost(struct http_link *link, int err) {
    struct http_call *call = link->call;
    if (call == NULL || !is_stale(link)) {
        fail(link, err);
        return;
    }
    http__link_close(link);
    http__call_replay(call);
}

static int timeout_class(const struct http_link *link) {
    if (link->in_body)
        return ERR_IDLE_TIMEOUT;
    return link->input.len > 0 ? ERR_HEADER_TIMEOUT : ERR_FIRST_BYTE_TIMEOUT;
}

/* While a request is being sent, bytes that the kernel took count as progress. */
static bool send_moved(struct http_link *link) {
    size_t queued = stream_queued_bytes(link->stream);
    bool moved = link->sending && queued < link->queued_bytes;
    link->queued_bytes = queued;
    return moved;
}

static void fire(struct loop_timer *timer) {
    struct http_link *link = container_of(timer, struct http_link, timer);
    check(link->magic == LINK_MAGIC && !link->closing);
    bool paused = link->call != NULL && link->call->paused;
    if (link->allowed_ns == 0 || paused)
        return;
    if (send_moved(link))
        link->active_ns = now_of(link);
    uint64_t deadline_ns = link->active_ns + link->allowed_ns;
    if (now_of(link) < deadline_ns)
        loop_timer_set(link->client->loop, timer, deadline_ns);
    else if (link->call == NULL)
        http__link_close(link);
    else
        fail(link, timeout_class(link));
}

/* --- sending --- */

static void on_request_sent(void *argument) {
    struct http_link *link = cast_checked(argument, struct http_link, LINK_MAGIC);
    link->sending = false;
    http_body_unref(link->pinned);
    link->pinned = NULL;
    struct http_call *call = link->call;
    if (link->closing || call == NULL)
        return;
    if (!link->in_body && !call->answer_bytes_seen)
        allow(link, call->timeouts.first_byte_ns);
    if (call->handler->on_sent != NULL)
        call->handler->on_sent(call->context);
}

void http__link_resume(struct http_link *link) {
    stream_resume(link->stream);
    allow(link, link->allowed_ns);
}

int http__link_send(struct http_link *link) {
    struct http_call *call = link->call;
    size_t count = call->piece_count;
    link->sending = true;
    link->in_body = false;
    link->interim = 0;
    link->sent_ns = now_of(link);
    link->pinned = call->pinned != NULL ? http_body_ref(call->pinned) : NULL;
    http_guard_init(&link->guard, HTTP_SIDE_ANSWER);
    int err =
        stream_write_borrowed(link->stream, call->head, count == 0 ? on_request_sent : NULL, link);
    for (size_t i = 0; i < count && err == 0; i++)
        err = stream_write_borrowed(link->stream, call->pieces[i],
                                    i + 1 == count ? on_request_sent : NULL, link);
    link->queued_bytes = stream_queued_bytes(link->stream);
    allow(link, call->timeouts.first_byte_ns);
    return err;
}

/* --- the answer --- */

static void answer_complete(struct http_link *link, bool clean) {
    struct http_call *call = link->call;
    bool keep = clean && link->keep_alive && !link->sending;
    if (keep && call->paused)
        stream_resume(link->stream);
    if (keep && http__pool_put(link->pool, link)) {
        call->link = NULL;
        link->call = NULL;
        link->reused = true;
        link->in_body = false;
        allow(link, link->client->limits.idle_timeout_ns);
    } else {
        http__link_close(link);
    }
    http__call_done(call, 0);
}

static enum http_framing framing_of(const struct http_call *call, const struct http_head *head) {
    if (call->head_method || head->status == 204 || head->status == 304)
        return HTTP_FRAMING_NONE;
    if (head->chunked)
        return HTTP_FRAMING_CHUNKED;
    return head->has_length ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_CLOSE;
}

static bool is_coded(const struct http_headers *headers) {
    struct span coding = http_header_get(headers, "content-encoding");
    return !span_absent(coding) && coding.len > 0 && !span_is_nocase(coding, "identity");
}

/* 0: go on with what comes next; else the call's error. */
static int take_interim(struct http_link *link, int status) {
    if (status == 101)
        return ERR_HTTP_UPGRADE;
    if (++link->interim > link->client->limits.interim_max)
        return ERR_HTTP_SYNTAX;
    http_guard_init(&link->guard, HTTP_SIDE_ANSWER);
    return 0;
}

/* The caller checks afterwards whether the call is still on the link: on_head may cancel it. */
static int take_final(struct http_link *link, const struct http_head *head) {
    struct http_call *call = link->call;
    if (is_coded(head->headers))
        return ERR_UNSUPPORTED;
    enum http_framing framing = framing_of(call, head);
    http_reader_init(&link->reader, framing, head->length);
    link->keep_alive = head->keep_alive && !head->http_1_0 && framing != HTTP_FRAMING_CLOSE;
    link->in_body = true;
    allow(link, call->timeouts.gap_ns);
    struct http_answer_head answer = {
        .status = head->status,
        .headers = head->headers,
        .has_length = head->has_length,
        .length_bytes = head->length,
    };
    call->handler->on_head(call->context, &answer);
    return 0;
}

/* One head off the front of `bytes`: HTTP_GUARD_MORE, 0, or an error. */
static int take_head(struct http_link *link, struct span *bytes) {
    size_t end = 0;
    int verdict = http_guard_feed(&link->guard, *bytes, &end);
    if (verdict != HTTP_GUARD_DONE)
        return verdict;
    struct http_head head = {.headers = &link->client->headers};
    int err = http_parse_head(&link->guard, span_of(bytes->ptr, end), &head);
    *bytes = span_of(bytes->ptr + end, bytes->len - end);
    if (err < 0)
        return err == ERR_UNSUPPORTED ? ERR_HTTP_SYNTAX : err;
    return head.status < 200 ? take_interim(link, head.status) : take_final(link, &head);
}

/* Until the head is through: what is left is body. HTTP_GUARD_MORE when all bytes were used. */
static int take_heads(struct http_link *link, const struct http_call *call, struct span *bytes) {
    while (link->call == call && !link->in_body) {
        int result = bytes->len > 0 ? take_head(link, bytes) : HTTP_GUARD_MORE;
        if (result != 0)
            return result;
    }
    return 0;
}

/* on_body may cancel the call; on_done may put the next call on this very link, so nothing is looked at after it. */
static void take_body(struct http_link *link, const struct http_call *call, struct span bytes) {
    while (link->call == call) {
        struct span part;
        int result = http_reader_next(&link->reader, &bytes, &part);
        if (result == HTTP_READ_BYTES) {
            call->handler->on_body(call->context, part);
            continue;
        }
        if (result == HTTP_READ_END)
            answer_complete(link, bytes.len == 0);
        else if (result < 0)
            fail(link, result);
        return;
    }
}

/* The bytes lie in the link's buffer, which must stay while they are read. */
static void take_kept(struct http_link *link, struct http_call *call, struct span bytes) {
    if (dynbuf_append_span(&link->input, bytes) < 0) {
        fail(link, ERR_HTTP_HEADER_TOO_LARGE);
        return;
    }
    struct dynbuf held = link->input;
    dynbuf_init(&link->input, HTTP_LINK_INPUT_MAX_BYTES);
    struct span rest = dynbuf_span(&held);
    int result = take_heads(link, call, &rest);
    if (link->call == call && result == HTTP_GUARD_MORE) {
        dynbuf_consume(&held, held.len - rest.len);
        link->input = held;
        return;
    }
    if (link->call == call && result < 0)
        fail(link, result);
    else
        take_body(link, call, rest);
    dynbuf_done(&held);
}

static void on_read(void *context, struct span bytes) {
    struct http_link *link = cast_checked(context, struct http_link, LINK_MAGIC);
    struct http_call *call = link->call;
    if (call == NULL) {
        http__link_close(link);
        return;
    }
    call->answer_bytes_seen = true;
    if (link->in_body) {
        link->active_ns = now_of(link);
        take_body(link, call, bytes);
        return;
    }
    if (link->input.len > 0) {
        take_kept(link, call, bytes);
        return;
    }
    int result = take_heads(link, call, &bytes);
    if (link->call != call)
        return;
    if (result == HTTP_GUARD_MORE)
        result = dynbuf_append_span(&link->input, bytes);
    else if (result == 0)
        take_body(link, call, bytes);
    if (result < 0)
        fail(link, result);
}

static void on_end(void *context) {
    struct http_link *link = cast_checked(context, struct http_link, LINK_MAGIC);
    if (link->call == NULL)
        http__link_close(link);
    else if (link->in_body && http_reader_finish(&link->reader) == 0)
        answer_complete(link, false);
    else if (link->call->answer_bytes_seen)
        fail(link, ERR_TRUNCATED);
    else
        lost(link, ERR_EOF);
}

static void on_error(void *context, int err) {
    struct http_link *link = cast_checked(context, struct http_link, LINK_MAGIC);
    lost(link, err);
}

static void on_closed(void *context) {
    struct http_link *link = cast_checked(context, struct http_link, LINK_MAGIC);
    check(link->closing && link->call == NULL);
    http_body_unref(link->pinned);
    list_remove(&link->node);
    http__pool_unref(link->pool);
    link->magic = 0;
    mem_free(link);
}

static const struct stream_handler stream_handler = {
    .on_read = on_read,
    .on_end = on_end,
    .on_error = on_error,
    .on_closed = on_closed,
};

struct http_link *http__link_new(struct http_client *client, struct http_pool *pool,
                                 struct stream *stream) {
    struct http_link *link = mem_zalloc(sizeof *link);
    link->magic = LINK_MAGIC;
    link->client = client;
    link->pool = http__pool_ref(pool);
    link->stream = stream;
    link->timer.fire = fire;
    dynbuf_init(&link->input, HTTP_LINK_INPUT_MAX_BYTES);
    list_init(&link->node);
    list_append(&client->busy, &link->node);
    stream_set_handler(stream, &stream_handler, link);
    stream_start(stream);
    return link;
}
