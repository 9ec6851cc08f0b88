// SPDX-License-Identifier: Apache-2.0
/*
 * Probes: many at once, one deadline, and peers of every kind.
 */
#include <stdbool.h>

#include "canned_server.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/probe.h"

#define HELLO SPAN_LITERAL("GET / HTTP/1.1\r\n\r\n")

static bool ends_with_mark(struct span answer) {
    return span_ends_with(answer, "!");
}

static struct probe ask(uint16_t port, size_t cap_bytes) {
    return (struct probe){
        .port = port, .request = HELLO, .cap_bytes = cap_bytes, .is_complete = ends_with_mark};
}

static void hears_all_kinds_of_peers(void **state) {
    char *large = mem_alloc(200000);
    (void)state;
    memset(large, 'x', 199999);
    large[199999] = '\0';
    struct canned_server servers[] = {
        {.paths = {{"", "done!", 0, true}}}, /* complete while the peer stays */
        {.paths = {{"", "ends", 1, false}}}, /* ended by the peer */
        {.paths = {{"", large, 0, false}}},
        {.paths = {{"", "", 0, false}}},   /* closes without a byte */
        {.paths = {{"", NULL, 0, false}}}, /* never answers */
    };
    struct probe probes[array_length(servers) + 1];
    int closed_fd;
    for (size_t i = 0; i < array_length(servers); i++) {
        canned_open(&servers[i]);
        probes[i] = ask(servers[i].port, 100000);
    }
    probes[5] = ask(canned_closed_port(&closed_fd), 100);
    uint64_t before_ns = clock_mono_ns();
    probe_all(probes, array_length(probes), 300);
    uint64_t took_ms = (clock_mono_ns() - before_ns) / NS_PER_MS;
    assert_int_equal(probes[0].err, 0);
    assert_true(span_is(dynbuf_span(&probes[0].answer), "done!"));
    assert_int_equal(probes[1].err, 0);
    assert_true(span_is(dynbuf_span(&probes[1].answer), "ends"));
    assert_int_equal(probes[2].err, ERR_TOO_LARGE);
    assert_int_equal(probes[3].err, 0);
    assert_int_equal(probes[3].answer.len, 0);
    assert_int_equal(probes[4].err, ERR_FIRST_BYTE_TIMEOUT);
    assert_int_equal(probes[5].err, ERR_CONNECT_REFUSED);
    assert_true(took_ms >= 300 && took_ms < 5000);
    for (size_t i = 0; i < array_length(probes); i++)
        probe_done(&probes[i]);
    for (size_t i = 0; i < array_length(servers); i++)
        canned_close(&servers[i]);
    (void)close(closed_fd);
    mem_free(large);
}

/* The deadline is far: a wait would be seen. */
static void closed_ports_cost_no_time(void **state) {
    struct probe probes[PROBES_MAX];
    int fds[PROBES_MAX];
    (void)state;
    for (size_t i = 0; i < PROBES_MAX; i++)
        probes[i] = ask(canned_closed_port(&fds[i]), 100);
    uint64_t before_ns = clock_mono_ns();
    probe_all(probes, PROBES_MAX, 60000);
    assert_true(clock_mono_ns() - before_ns < 5 * NS_PER_S);
    for (size_t i = 0; i < PROBES_MAX; i++) {
        assert_int_equal(probes[i].err, ERR_CONNECT_REFUSED);
        probe_done(&probes[i]);
        (void)close(fds[i]);
    }
    probe_all(probes, 0, 60000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_all_kinds_of_peers),
        cmocka_unit_test(closed_ports_cost_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
