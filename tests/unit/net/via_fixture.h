// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A proxy that the test plays word by word, and a connector that has to go through it. */
#include "dialer.h"

#include <stdio.h>

#define ENDS_MAX 4

struct rig {
    struct dialer dialer;
    struct listener *listener; /* the proxy */
    struct listen_address address;
    struct end ends[ENDS_MAX]; /* its connections, in order */
    size_t accepted;
    struct end *end; /* the one being played */
    char url[128];
};

static inline void on_accept(void *context, struct stream *stream) {
    struct rig *rig = context;
    assert_true(rig->accepted < ENDS_MAX);
    end_take(&rig->ends[rig->accepted++], stream);
}

static inline void rig_open(struct rig *rig, const char *scheme) {
    int probe_fd;
    *rig = (struct rig){.end = &rig->ends[0]};
    dialer_open(&rig->dialer);
    for (size_t i = 0; i < ENDS_MAX; i++)
        end_init(&rig->ends[i]);
    assert_int_equal(listen_address_parse(SPAN_LITERAL("127.0.0.1:0"), &rig->address), 0);
    assert_int_equal(listener_probe(&rig->address, &probe_fd), 0);
    assert_int_equal(listener_open(rig->dialer.loop, &rig->address, on_accept, rig, &rig->listener),
                     0);
    listener_probe_done(probe_fd);
    (void)snprintf(rig->url, sizeof rig->url, "%s127.0.0.1:%u", scheme, rig->address.port);
    rig->dialer.origin = (struct origin){
        .host = SPAN_LITERAL("api.test"), .port = 443, .proxy = span_text(rig->url)};
}

static inline void rig_close(struct rig *rig) {
    for (size_t i = 0; i < ENDS_MAX; i++) {
        end_done(&rig->ends[i]);
        dynbuf_done(&rig->ends[i].input);
    }
    listener_close(rig->listener);
    dialer_close(&rig->dialer);
}

static inline void proxy_hears_bytes(struct rig *rig, size_t count) {
    rig->end->wanted_bytes = count;
    run_until(rig->dialer.loop, end_has_bytes, rig->end);
}

static inline void proxy_hears(struct rig *rig, struct span words) {
    proxy_hears_bytes(rig, words.len);
    struct span heard = dynbuf_span(&rig->end->input);
    if (!span_equal(heard, words))
        fail_msg("heard: %.*s", SPAN_ARG(heard));
    dynbuf_clear(&rig->end->input);
}

static inline void proxy_says(struct rig *rig, struct span words) {
    assert_int_equal(stream_write(rig->end->stream, words), 0);
}

static inline bool all_said(void *context) {
    struct rig *rig = context;
    return stream_queued_bytes(rig->end->stream) == 0;
}

static inline int outcome(struct rig *rig) {
    run_until(rig->dialer.loop, dialer_is_done, &rig->dialer);
    return rig->dialer.err;
}

static inline bool is_left(void *context) {
    return end_has_ended(context) || end_has_failed(context);
}

/* The connector gave this connection up; the next one is played. */
static inline void proxy_is_left(struct rig *rig) {
    run_until(rig->dialer.loop, is_left, rig->end);
    rig->end++;
}

static inline void assert_carries(struct rig *rig) {
    struct end *end = &rig->dialer.end;
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL("ping")), 0);
    proxy_hears(rig, SPAN_LITERAL("ping"));
    proxy_says(rig, SPAN_LITERAL("pong"));
    end->wanted_bytes = 4;
    run_until(rig->dialer.loop, end_has_bytes, end);
    assert_true(span_is(dynbuf_span(&end->input), "pong"));
    assert_int_equal(end->errors, 0);
}

#define CONNECT_WORDS "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n"
#define HEAD_WORDS    "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"
#define ASK_NAME   \
    "\5\1\0\3\x08" \
    "api.test\x01\xbb"
#define SOCKS_END "\5\0\0\1\0\0\0\0\0\0"

static inline void expect_socks_ask(struct rig *rig, struct span ask) {
    proxy_hears(rig, SPAN_LITERAL("\5\1\0"));
    proxy_says(rig, SPAN_LITERAL("\5\0"));
    proxy_hears(rig, ask);
}
