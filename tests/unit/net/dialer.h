// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A loop with a net context, and connections made through it, for tests of src/net. */
#include "net/resolver.h"
#include "net_fixture.h"

struct dialer {
    struct loop *loop;
    struct net_context *net;
    struct origin origin;
    struct connector *connector;
    struct end end;
    uint64_t connect_timeout_ns;
    uint64_t tls_timeout_ns;
    bool done;
    int err;
    bool take; /* the stream becomes `end` at once */
    struct stream *stream;
};

static inline void dialer_open(struct dialer *dialer) {
    *dialer = (struct dialer){
        .loop = loop_new(),
        .connect_timeout_ns = FIXTURE_PATIENCE_NS,
        .tls_timeout_ns = FIXTURE_PATIENCE_NS,
        .take = true,
        .origin = {.host = SPAN_LITERAL("127.0.0.1"), .allow_loopback = true},
    };
    dialer->net = net_context_new(dialer->loop);
    end_init(&dialer->end);
}

static inline void dialer_close(struct dialer *dialer) {
    end_done(&dialer->end);
    net_context_free(dialer->net);
    loop_end(dialer->loop);
    dynbuf_done(&dialer->end.input);
}

static inline void dialer_on_done(void *context, int err, struct stream *stream) {
    struct dialer *dialer = context;
    assert_false(dialer->done);
    assert_true((err == 0) == (stream != NULL));
    dialer->done = true;
    dialer->err = err;
    dialer->connector = NULL;
    if (stream != NULL && dialer->take)
        end_take(&dialer->end, stream);
    else
        dialer->stream = stream;
}

static inline bool dialer_is_done(void *context) {
    return ((struct dialer *)context)->done;
}

static inline void dialer_begin(struct dialer *dialer) {
    const struct connect_request request = {
        .origin = &dialer->origin,
        .connect_deadline_ns = clock_mono_ns() + dialer->connect_timeout_ns,
        .tls_timeout_ns = dialer->tls_timeout_ns,
        .on_done = dialer_on_done,
        .context = dialer,
    };
    dialer->done = false;
    dialer->connector = connector_start(dialer->net, &request);
    assert_false(dialer->done);
}

static inline int dialer_connect(struct dialer *dialer) {
    dialer_begin(dialer);
    run_until(dialer->loop, dialer_is_done, dialer);
    return dialer->err;
}

/* Closes the connection and makes the end ready for the next. */
static inline void dialer_hang_up(struct dialer *dialer) {
    end_done(&dialer->end);
    run_until(dialer->loop, end_is_closed, &dialer->end);
    dynbuf_done(&dialer->end.input);
    end_init(&dialer->end);
}

/* "127.0.0.2", ... for `host`, instead of asking any server. */
static inline void dialer_name(struct dialer *dialer, struct span host,
                               const char *const *addresses, uint32_t count) {
    struct address_list list = {.count = count};
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(address_parse(span_text(addresses[i]), 0, &list.items[i]), 0);
    resolver_override(net_context_resolver(dialer->net), host, &list);
}
