// SPDX-License-Identifier: Apache-2.0
/*
 * Connecting without TLS: refused, a black hole, several addresses with dead ones first, forbidden addresses by number and
 * by name, cancelling in every state.
 */
#include "dialer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define STUFFED_MAX 64

static void test_connects(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "LocalHost", "localhost."};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct dialer dialer;
        struct door door;
        dialer_open(&dialer);
        door_open(&door, dialer.loop);
        door.end.echo = true;
        dialer.origin.host = span_text(hosts[i]);
        dialer.origin.port = door.address.port;
        assert_int_equal(dialer_connect(&dialer), 0);
        assert_string_equal(stream_peer_address(dialer.end.stream), "127.0.0.1");
        assert_int_equal(stream_write(dialer.end.stream, SPAN_LITERAL("ping")), 0);
        dialer.end.wanted_bytes = 4;
        run_until(dialer.loop, end_has_bytes, &dialer.end);
        door_close(&door);
        dialer_close(&dialer);
    }
}

static uint16_t closed_port(void) {
    uint16_t port;
    assert_int_equal(close(bound_socket(SOCK_STREAM, &port)), 0);
    return port;
}

static void test_refused(void **state) {
    (void)state;
    struct dialer dialer;
    dialer_open(&dialer);
    dialer.origin.port = closed_port();
    assert_int_equal(dialer_connect(&dialer), ERR_CONNECT_REFUSED);
    dialer.origin.host = SPAN_LITERAL("localhost");
    assert_int_equal(dialer_connect(&dialer), ERR_CONNECT_REFUSED);
    dialer_close(&dialer);
}

/* --- Unix sockets --- */

static int listen_unix(const char *path) {
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    (void)snprintf(place.sun_path, sizeof place.sun_path, "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&place, sizeof place), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void test_unix(void **state) {
    static const char long_path[] =
        "/tmp/0123456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789012345678901234567890123456789";
    char folder[] = "/tmp/papi-connector-XXXXXX", path[64], text[8] = "";
    struct dialer dialer;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/papi.sock", folder);
    dialer_open(&dialer);
    dialer.origin = (struct origin){.unix_path = span_text(path)};
    assert_int_equal(dialer_connect(&dialer), ERR_NOT_FOUND);
    int fd = listen_unix(path);
    assert_int_equal(dialer_connect(&dialer), 0);
    assert_string_equal(stream_peer_address(dialer.end.stream), "unix");
    assert_int_equal(stream_write(dialer.end.stream, SPAN_LITERAL("ping")), 0);
    int peer = accept(fd, NULL, NULL);
    send_all(peer, SPAN_LITERAL("pong"));
    dialer.end.wanted_bytes = 4;
    run_until(dialer.loop, end_has_bytes, &dialer.end);
    assert_int_equal(read(peer, text, sizeof text), 4);
    assert_string_equal(text, "ping");
    assert_int_equal(close(peer), 0);
    dialer_hang_up(&dialer);
    assert_int_equal(close(fd), 0);
    assert_int_equal(dialer_connect(&dialer), ERR_CONNECT_REFUSED);
    dialer.origin.unix_path = span_text(long_path);
    assert_int_equal(dialer_connect(&dialer), ERR_TOO_LARGE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    dialer_close(&dialer);
}

/* --- a black hole: a socket that listens with a full queue, so that SYNs are dropped --- */

struct hole {
    int fd;
    uint16_t port;
    int stuffed[STUFFED_MAX];
    int count;
};

static void hole_open(struct hole *hole) {
    hole->count = 0;
    hole->fd = bound_socket(SOCK_STREAM, &hole->port);
    struct sockaddr_in place = local_place(hole->port);
    assert_int_equal(listen(hole->fd, 0), 0);
    for (bool full = false; !full; hole->count++) {
        assert_true(hole->count < STUFFED_MAX);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        hole->stuffed[hole->count] = fd;
        (void)connect(fd, (const struct sockaddr *)&place, sizeof place);
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        full = getpeername(fd, (struct sockaddr *)&peer, &length) != 0 && errno == ENOTCONN;
    }
}

static void hole_close(struct hole *hole) {
    for (int i = 0; i < hole->count; i++)
        assert_int_equal(close(hole->stuffed[i]), 0);
    assert_int_equal(close(hole->fd), 0);
}

static void test_black_hole(void **state) {
    (void)state;
    struct dialer dialer;
    struct hole hole;
    dialer_open(&dialer);
    hole_open(&hole);
    dialer.origin.port = hole.port;
    dialer.connect_timeout_ns = 30 * NS_PER_MS;
    assert_int_equal(dialer_connect(&dialer), ERR_CONNECT_TIMEOUT);
    dialer.connect_timeout_ns = 0;
    assert_int_equal(dialer_connect(&dialer), ERR_CONNECT_TIMEOUT);
    hole_close(&hole);
    dialer_close(&dialer);
}

/* --- several addresses --- */

static void test_dead_addresses_first(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.3", "127.0.0.2", "::1", "127.0.0.1"};
    struct dialer dialer;
    struct door door;
    dialer_open(&dialer);
    door_open(&door, dialer.loop);
    dialer_name(&dialer, SPAN_LITERAL("api.test"), addresses, 4);
    dialer.origin.host = SPAN_LITERAL("API.test");
    dialer.origin.port = door.address.port;
    assert_int_equal(dialer_connect(&dialer), 0);
    assert_string_equal(stream_peer_address(dialer.end.stream), "127.0.0.1");
    door_close(&door);
    dialer_close(&dialer);
}

/* The slow one costs the stagger, not the deadline. */
static void test_slow_address_first(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2"};
    struct dialer dialer;
    struct hole hole;
    dialer_open(&dialer);
    hole_open(&hole);
    struct sockaddr_in place = local_place(hole.port);
    place.sin_addr.s_addr = inet_addr("127.0.0.2");
    int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(second, (const struct sockaddr *)&place, sizeof place), 0);
    assert_int_equal(listen(second, 4), 0);
    dialer_name(&dialer, SPAN_LITERAL("api.test"), addresses, 2);
    dialer.origin.host = SPAN_LITERAL("api.test");
    dialer.origin.port = hole.port;
    assert_int_equal(dialer_connect(&dialer), 0);
    assert_string_equal(stream_peer_address(dialer.end.stream), "127.0.0.2");
    assert_int_equal(close(second), 0);
    hole_close(&hole);
    dialer_close(&dialer);
}

/* --- forbidden --- */

static void test_forbidden_addresses(void **state) {
    (void)state;
    static const char *const inside[] = {"169.254.169.254", "10.0.0.1", "::ffff:169.254.169.254"};
    struct dialer dialer;
    dialer_open(&dialer);
    dialer.origin.port = 80;
    dialer.origin.host = SPAN_LITERAL("169.254.169.254");
    assert_int_equal(dialer_connect(&dialer), ERR_ADDRESS_FORBIDDEN);
    dialer.origin.host = SPAN_LITERAL("inside.test");
    dialer_name(&dialer, SPAN_LITERAL("inside.test"), inside, 3);
    assert_int_equal(dialer_connect(&dialer), ERR_ADDRESS_FORBIDDEN);
    dialer.origin.allow_loopback = false;
    dialer.origin.host = SPAN_LITERAL("localhost");
    assert_int_equal(dialer_connect(&dialer), ERR_ADDRESS_FORBIDDEN);
    dialer_close(&dialer);
}

/* A name whose answer changes is judged again. */
static void test_forbidden_after_a_change(void **state) {
    (void)state;
    static const char *const good[] = {"127.0.0.1"}, *const bad[] = {"169.254.169.254"};
    struct dialer dialer;
    struct door door;
    dialer_open(&dialer);
    door_open(&door, dialer.loop);
    dialer_name(&dialer, SPAN_LITERAL("api.test"), good, 1);
    dialer.origin.host = SPAN_LITERAL("api.test");
    dialer.origin.port = door.address.port;
    assert_int_equal(dialer_connect(&dialer), 0);
    dialer_name(&dialer, SPAN_LITERAL("api.test"), bad, 1);
    assert_int_equal(dialer_connect(&dialer), ERR_ADDRESS_FORBIDDEN);
    door_close(&door);
    dialer_close(&dialer);
}

static void test_impossible_hosts(void **state) {
    (void)state;
    static const char long_name[300] = {[0 ... 298] = 'a'};
    struct dialer dialer;
    dialer_open(&dialer);
    dialer.origin.port = 80;
    dialer.origin.host = span_text(long_name);
    assert_int_equal(dialer_connect(&dialer), ERR_DNS_NOT_FOUND);
    dialer.origin.host = SPAN_LITERAL("");
    assert_int_equal(dialer_connect(&dialer), ERR_DNS_NOT_FOUND);
    dialer.origin.host = SPAN_LITERAL("a\0b");
    assert_int_equal(dialer_connect(&dialer), ERR_DNS_NOT_FOUND);
    dialer_close(&dialer);
}

/* --- cancelling --- */

static void test_cancel(void **state) {
    (void)state;
    struct dialer dialer;
    struct hole hole;
    dialer_open(&dialer);
    hole_open(&hole);
    /* before anything happened */
    dialer.origin.port = hole.port;
    dialer_begin(&dialer);
    connector_cancel(dialer.connector);
    /* while connecting */
    dialer_begin(&dialer);
    assert_false(loop_run_until_idle(dialer.loop, clock_mono_ns() + 5 * NS_PER_MS));
    connector_cancel(dialer.connector);
    /* while its failure waits to be told */
    dialer.origin.host = SPAN_LITERAL("");
    dialer_begin(&dialer);
    connector_cancel(dialer.connector);
    assert_true(loop_run_until_idle(dialer.loop, clock_mono_ns() + FIXTURE_PATIENCE_NS));
    assert_false(dialer.done);
    hole_close(&hole);
    dialer_close(&dialer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_black_hole),
        cmocka_unit_test(test_dead_addresses_first),
        cmocka_unit_test(test_slow_address_first),
        cmocka_unit_test(test_forbidden_addresses),
        cmocka_unit_test(test_forbidden_after_a_change),
        cmocka_unit_test(test_impossible_hosts),
        cmocka_unit_test(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
