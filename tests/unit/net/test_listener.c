// SPDX-License-Identifier: Apache-2.0
/* Listening: a taken port is an error, several sockets on one port, pausing, the shortage of descriptors. */
#include "net_fixture.h"

#include <sys/resource.h>

static void on_unwanted(void *context, struct stream *stream) {
    (void)context;
    (void)stream;
    fail_msg("accepted");
}

static void test_taken_port_is_an_error(void **state) {
    (void)state;
    struct listen_address address;
    uint16_t port;
    int fd;
    int taken = bound_socket(SOCK_STREAM, &port);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(listen_address_parse(SPAN_LITERAL("127.0.0.1:1"), &address), 0);
    address.port = port;
    assert_int_equal(listener_probe(&address, &fd), ERR_ADDRESS_IN_USE);
    assert_int_equal(close(taken), 0);
    assert_int_equal(listener_probe(&address, &fd), 0);
    assert_int_equal(address.port, port);
    listener_probe_done(fd);
    assert_int_equal(listen_address_parse(SPAN_LITERAL("192.0.2.1:1"), &address), 0);
    assert_int_equal(listener_probe(&address, &fd), ERR_ADDRESS_INVALID);
}

/* While one instance is between probe and listening, and while it listens, another gets nothing. */
static void test_second_instance_is_told(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct listen_address address;
    struct listener *first, *second;
    int fd, other;
    assert_int_equal(listen_address_parse(SPAN_LITERAL("127.0.0.1:0"), &address), 0);
    assert_int_equal(listener_probe(&address, &fd), 0);
    assert_true(address.port != 0);
    assert_int_equal(listener_probe(&address, &other), ERR_ADDRESS_IN_USE);
    assert_int_equal(listener_open(loop, &address, on_unwanted, NULL, &first), 0);
    assert_int_equal(listener_open(loop, &address, on_unwanted, NULL, &second), 0);
    listener_probe_done(fd);
    assert_int_equal(listener_probe(&address, &other), ERR_ADDRESS_IN_USE);
    listener_close(first);
    listener_close(second);
    loop_end(loop);
}

/* A port whose last connections are in TIME_WAIT can be listened on at once. */
static void test_restart_on_the_same_port(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct door door;
    int fd;
    door_open(&door, loop);
    int client = dial(door.address.port);
    run_until(loop, end_is_open, &door.end);
    stream_close(door.end.stream);
    run_until(loop, end_is_closed, &door.end);
    assert_int_equal(close(client), 0);
    struct listen_address address = door.address;
    door_close(&door);
    assert_true(loop_run_until_idle(loop, clock_mono_ns() + FIXTURE_PATIENCE_NS));
    assert_int_equal(listener_probe(&address, &fd), 0);
    listener_probe_done(fd);
    loop_end(loop);
}

static void test_paused_accepts_nothing(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct door door;
    door_open(&door, loop);
    listener_pause(door.listener);
    int client = dial(door.address.port);
    assert_false(loop_run_until_idle(loop, clock_mono_ns() + 10 * NS_PER_MS));
    assert_null(door.end.stream);
    listener_resume(door.listener);
    run_until(loop, end_is_open, &door.end);
    door_close(&door);
    assert_int_equal(close(client), 0);
    loop_end(loop);
}

/* --- no descriptor left --- */

static bool had_shortage(void *context) {
    return listener_shortages(((struct door *)context)->listener) > 0;
}

static void test_shortage_of_descriptors(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct door door;
    struct rlimit before, tight;
    door_open(&door, loop);
    int client = dial(door.address.port);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = (struct rlimit){.rlim_cur = (rlim_t)client, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    run_until(loop, had_shortage, &door);
    assert_null(door.end.stream);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    run_until(loop, end_is_open, &door.end);
    assert_true(listener_shortages(door.listener) < 10);
    door_close(&door);
    assert_int_equal(close(client), 0);
    loop_end(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_port_is_an_error),
        cmocka_unit_test(test_second_instance_is_told),
        cmocka_unit_test(test_restart_on_the_same_port),
        cmocka_unit_test(test_paused_accepts_nothing),
        cmocka_unit_test(test_shortage_of_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
