// SPDX-License-Identifier: Apache-2.0
/*
 * Server and client together under chance: clients that cut their requests anywhere and leave at any moment, a small proxy,
 * an upstream that answers, streams, breaks or waits. One seed is one run; a failing one is named.
 *
 * What must hold: every exchange the handlers saw is finished exactly once, every call is done or was cancelled, nothing
 * is left on the loop, no memory is left. The sanitizers watch the rest.
 */
#include "http_rig.h"

#include "base/rand.h"
#include "http/client.h"
#include "http/server.h"

#define SEEDS 25
#define STEPS 400
#define PEERS 6

struct side {
    struct http_server *server;
    struct listener *listener;
    uint16_t port;
    unsigned seen, finished;
};

struct world {
    struct rand rand;
    struct loop *loop;
    struct side front, back;
    struct net_context *net;
    struct http_client *client;
    struct origin origin;
    struct list waiting; /* exchanges of the upstream that are not answered yet */
    unsigned calls, done, cancelled;
};

struct relay {
    struct world *world;
    struct http_exchange *exchange;
    struct http_call *call; /* NULL when none runs */
    struct span piece;
    bool streams;
};

struct waiting {
    struct list node;
    struct world *world;
    struct http_exchange *exchange;
    bool ended;
};

static bool chance(struct world *world, unsigned percent) {
    return rand_below(&world->rand, 100) < percent;
}

/* --- the upstream --- */

static void back_on_request(void *context, struct http_exchange *exchange) {
    struct world *world = context;
    struct waiting *waiting = mem_zalloc(sizeof *waiting);
    waiting->world = world;
    waiting->exchange = exchange;
    list_init(&waiting->node);
    list_append(&world->waiting, &waiting->node);
    http_exchange_set_context(exchange, waiting);
    world->back.seen++;
}

static void back_on_finished(void *context, struct http_exchange *exchange) {
    struct waiting *waiting = context;
    assert_ptr_equal(waiting->exchange, exchange);
    waiting->world->back.finished++;
    list_remove(&waiting->node);
    mem_free(waiting);
}

/* An ended answer may still be on its way out: then there is nothing to do. */
static void back_answer(struct world *world, struct waiting *waiting) {
    struct http_exchange *exchange = waiting->exchange;
    char bytes[3000];
    memset(bytes, 'z', sizeof bytes);
    struct span part = span_of(bytes, 1 + (size_t)rand_below(&world->rand, sizeof bytes));
    if (http_exchange_gone(exchange) || waiting->ended)
        return;
    waiting->ended = true;
    if (chance(world, 10)) {
        http_exchange_abort(exchange);
    } else if (http_exchange_started(exchange)) {
        waiting->ended = chance(world, 50);
        int err =
            waiting->ended ? http_exchange_end(exchange) : http_exchange_write(exchange, part);
        assert_true(err == 0 || err == ERR_RESET);
    } else if (chance(world, 50)) {
        assert_int_equal(http_exchange_respond(exchange, 200, SPAN_NONE, part), 0);
    } else {
        waiting->ended = false;
        assert_int_equal(http_exchange_start(exchange, 200, SPAN_NONE), 0);
    }
}

static void back_step(struct world *world) {
    struct list *node = world->waiting.next;
    size_t skip = (size_t)rand_below(&world->rand, 4);
    while (skip-- > 0 && node != &world->waiting)
        node = node->next;
    if (node == &world->waiting)
        return;
    back_answer(world, container_of(node, struct waiting, node));
}

/* --- the proxy --- */

static void relay_on_head(void *context, const struct http_answer_head *head) {
    struct relay *relay = context;
    struct world *world = relay->world;
    if (chance(world, 5)) {
        world->cancelled++;
        struct http_call *call = relay->call;
        relay->call = NULL;
        http_call_cancel(call);
        http_exchange_abort(relay->exchange);
        return;
    }
    relay->streams = true;
    int err = http_exchange_start(relay->exchange, head->status, SPAN_NONE);
    assert_true(err == 0 || err == ERR_RESET);
}

static void relay_on_body(void *context, struct span bytes) {
    struct relay *relay = context;
    if (http_exchange_write(relay->exchange, bytes) == ERR_RESET)
        assert_true(http_exchange_gone(relay->exchange));
}

static void relay_on_done(void *context, int err, bool answer_bytes_seen) {
    struct relay *relay = context;
    (void)answer_bytes_seen;
    relay->call = NULL;
    relay->world->done++;
    if (http_exchange_gone(relay->exchange))
        return;
    if (!relay->streams)
        assert_int_equal(
            http_exchange_respond(relay->exchange, 502, SPAN_NONE, SPAN_LITERAL("upstream")), 0);
    else if (err < 0)
        http_exchange_abort(relay->exchange);
    else
        assert_int_equal(http_exchange_end(relay->exchange), 0);
}

static const struct http_call_handler call_handler = {
    .on_head = relay_on_head, .on_body = relay_on_body, .on_done = relay_on_done};

static void front_on_head(void *context, struct http_exchange *exchange) {
    struct world *world = context;
    struct relay *relay = mem_zalloc(sizeof *relay);
    relay->world = world;
    relay->exchange = exchange;
    http_exchange_set_context(exchange, relay);
    world->front.seen++;
    if (chance(world, 5))
        assert_int_equal(http_exchange_respond(exchange, 401, SPAN_NONE, SPAN_LITERAL("no")), 0);
    else if (chance(world, 2))
        http_exchange_abort(exchange);
}

static void front_on_request(void *context, struct http_exchange *exchange) {
    struct world *world = context;
    struct relay *relay = http_exchange_context(exchange);
    struct http_body *body = http_exchange_body(exchange);
    relay->piece = http_body_bytes(body);
    const struct http_call_request request = {
        .origin = &world->origin,
        .method = "POST",
        .target = SPAN_LITERAL("/"),
        .host_header = SPAN_LITERAL("x"),
        .body_pieces = &relay->piece,
        .body_piece_count = 1,
        .has_body = true,
        .pinned = body,
        .timeouts = {5 * NS_PER_S, 5 * NS_PER_S, 5 * NS_PER_S, 5 * NS_PER_S},
    };
    world->calls++;
    relay->call = http_call_start(world->client, &request, &call_handler, relay);
}

static void drop_call(struct relay *relay) {
    if (relay->call == NULL)
        return;
    relay->world->cancelled++;
    http_call_cancel(relay->call);
    relay->call = NULL;
}

static void front_on_gone(void *context, struct http_exchange *exchange) {
    assert_true(http_exchange_gone(exchange));
    drop_call(context);
}

static void front_on_finished(void *context, struct http_exchange *exchange) {
    struct relay *relay = context;
    assert_ptr_equal(relay->exchange, exchange);
    drop_call(relay);
    relay->world->front.finished++;
    mem_free(relay);
}

static const struct http_server_handler back_handler = {.on_request = back_on_request,
                                                        .on_finished = back_on_finished};
static const struct http_server_handler front_handler = {
    .on_head = front_on_head,
    .on_request = front_on_request,
    .on_gone = front_on_gone,
    .on_finished = front_on_finished,
};

/* --- the clients --- */

static const char *const scripts[] = {
    "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world",
    "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n "
    "world\r\n0\r\nT: t\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    "HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: "
    "x\r\n\r\n",
    "GET /a HTTP/1.0\r\n\r\n",
    "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "POST /a HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
    "GET nonsense\r\n\r\n",
};

struct talker {
    struct peer peer;
    const char *script;
    size_t said;
    bool finished;
};

static void hang_up(struct world *world, struct talker *talker) {
    if (chance(world, 50))
        peer_reset(&talker->peer);
    else
        peer_close(&talker->peer);
    talker->peer.fd = -1;
}

static void say_more(struct world *world, struct talker *talker) {
    size_t left = strlen(talker->script) - talker->said;
    if (left == 0) {
        talker->script = scripts[rand_below(&world->rand, array_length(scripts))];
        talker->said = 0;
        return;
    }
    size_t count = 1 + (size_t)rand_below(&world->rand, chance(world, 50) ? 8 : left);
    count = count < left ? count : left;
    if (!peer_try_send(&talker->peer, span_of(talker->script + talker->said, count)))
        hang_up(world, talker);
    talker->said += count;
}

static void talk(struct world *world, struct talker *talker) {
    if (talker->peer.fd < 0) {
        *talker = (struct talker){.script = ""};
        peer_connect(&talker->peer, world->loop, world->front.port);
    }
    if (chance(world, 4)) {
        hang_up(world, talker);
        return;
    }
    if (chance(world, 3) && !talker->finished) {
        (void)shutdown(talker->peer.fd, SHUT_WR);
        talker->finished = true;
    }
    if (chance(world, 70) && !talker->finished)
        say_more(world, talker);
    if (talker->peer.fd >= 0 && chance(world, 60) && peer_over(&talker->peer))
        hang_up(world, talker);
}

/* --- a run --- */

static void front_on_accept(void *context, struct stream *stream) {
    http_server_accept(((struct world *)context)->front.server, stream);
}

static void back_on_accept(void *context, struct stream *stream) {
    http_server_accept(((struct world *)context)->back.server, stream);
}

static void open_side(struct world *world, struct side *side,
                      const struct http_server_handler *handler,
                      void (*on_accept)(void *context, struct stream *stream)) {
    struct listen_address address;
    struct http_server_limits limits;
    int probe;
    http_server_limits_default(&limits);
    side->server = http_server_new(world->loop, &limits, handler, world);
    assert_int_equal(listen_address_parse(SPAN_LITERAL("127.0.0.1:0"), &address), 0);
    assert_int_equal(listener_probe(&address, &probe), 0);
    assert_int_equal(listener_open(world->loop, &address, on_accept, world, &side->listener), 0);
    listener_probe_done(probe);
    side->port = address.port;
}

static void open_world(struct world *world, uint64_t seed) {
    struct http_client_limits limits;
    *world = (struct world){.loop = loop_new()};
    rand_seed(&world->rand, seed);
    list_init(&world->waiting);
    open_side(world, &world->front, &front_handler, front_on_accept);
    open_side(world, &world->back, &back_handler, back_on_accept);
    http_client_limits_default(&limits);
    limits.idle_connections_max = 2;
    world->net = net_context_new(world->loop);
    world->client = http_client_new(world->net, world->loop, &limits);
    world->origin = (struct origin){
        .host = SPAN_LITERAL("127.0.0.1"), .port = world->back.port, .allow_loopback = true};
}

static void close_world(struct world *world) {
    listener_close(world->front.listener);
    listener_close(world->back.listener);
    if (chance(world, 50)) {
        http_server_drain(world->front.server);
        rig_turn(world->loop);
    }
    http_server_close_all(world->front.server);
    http_client_close_all(world->client);
    http_server_close_all(world->back.server);
    (void)loop_run_until_idle(world->loop, clock_mono_ns() + 5 * NS_PER_MS);
    rig_until(world->loop, http_server_connections(world->front.server) == 0 &&
                               http_server_connections(world->back.server) == 0);
    http_client_free(world->client);
    net_context_free(world->net);
    http_server_free(world->front.server);
    http_server_free(world->back.server);
    assert_true(loop_run_until_idle(world->loop, clock_mono_ns() + RIG_BOUND_NS));
    loop_free(world->loop);
}

static void run_seed(uint64_t seed) {
    struct world world;
    struct talker talkers[PEERS];
    open_world(&world, seed);
    for (size_t i = 0; i < PEERS; i++)
        talkers[i].peer.fd = -1;
    for (unsigned step = 0; step < STEPS; step++) {
        talk(&world, &talkers[rand_below(&world.rand, PEERS)]);
        if (chance(&world, 50))
            back_step(&world);
        if (chance(&world, 30))
            rig_turn(world.loop);
    }
    for (size_t i = 0; i < PEERS; i++) {
        if (talkers[i].peer.fd >= 0)
            peer_close(&talkers[i].peer);
    }
    close_world(&world);
    if (world.front.seen != world.front.finished || world.back.seen != world.back.finished ||
        world.calls != world.done + world.cancelled || http_bodies_in_memory() != 0)
        fail_msg("seed %llu", (unsigned long long)seed);
    assert_true(world.front.seen > 0 && world.back.seen > 0 && world.done > 0);
}

static void test_seeds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests_name("http_chaos", tests, NULL, NULL);
}
