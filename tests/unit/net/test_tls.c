// SPDX-License-Identifier: Apache-2.0
/*
 * TLS against a server with certificates of our own: the good case both ways, every way a certificate can be wrong,
 * stalls, cuts, old versions, foreign protocols, resumption, large transfers with pauses.
 */
#include "dialer.h"
#include "net/tls.h"
#include "tls_fixture.h"

static struct authority ours, theirs;

static const struct certificate_wish good = {"DNS:localhost,DNS:api.test,IP:127.0.0.1", -3600,
                                             DAY_S};

static int open_authorities(void **state) {
    (void)state;
    authority_open(&ours);
    authority_open(&theirs);
    return 0;
}

static int close_authorities(void **state) {
    (void)state;
    authority_close(&ours);
    authority_close(&theirs);
    return 0;
}

struct rig {
    struct server server;
    struct dialer dialer;
};

static void rig_prepare(struct rig *rig, const struct certificate_wish *wish) {
    server_prepare(&rig->server, &ours, wish);
    dialer_open(&rig->dialer);
    rig->dialer.origin.tls = true;
    rig->dialer.origin.host = SPAN_LITERAL("localhost");
    rig->dialer.origin.ca_file = span_text(ours.file);
}

static void rig_start(struct rig *rig, enum manner manner) {
    server_start(&rig->server, manner);
    rig->dialer.origin.port = rig->server.port;
}

static void rig_open(struct rig *rig, enum manner manner) {
    rig_prepare(rig, &good);
    rig_start(rig, manner);
}

static void rig_close(struct rig *rig) {
    dialer_close(&rig->dialer);
    server_close(&rig->server);
}

static void say(struct rig *rig, const char *text) {
    struct end *end = &rig->dialer.end;
    assert_int_equal(stream_write(end->stream, span_text(text)), 0);
    end->wanted_bytes = end->input.len + strlen(text);
    run_until(rig->dialer.loop, end_has_bytes, end);
    assert_true(span_ends_with(dynbuf_span(&end->input), text));
}

static void test_echo(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, SERVE_ECHO);
    assert_int_equal(dialer_connect(&rig.dialer), 0);
    assert_true(stream_is_tls(rig.dialer.end.stream));
    say(&rig, "hello");
    say(&rig, "again");
    stream_finish(rig.dialer.end.stream);
    run_until(rig.dialer.loop, end_has_ended, &rig.dialer.end);
    assert_int_equal(rig.dialer.end.errors, 0);
    assert_string_equal(rig.server.sni, "localhost");
    assert_string_equal(rig.server.alpn, "http/1.1");
    rig_close(&rig);
}

static void test_old_but_allowed_version(void **state) {
    (void)state;
    struct rig rig;
    rig_prepare(&rig, &good);
    assert_int_equal(SSL_CTX_set_max_proto_version(rig.server.context, TLS1_2_VERSION), 1);
    rig_start(&rig, SERVE_ECHO);
    assert_int_equal(dialer_connect(&rig.dialer), 0);
    say(&rig, "hello");
    rig_close(&rig);
}

/* --- what must fail --- */

struct refusal {
    const char *label;
    const char *host;
    struct certificate_wish wish;
    bool unknown_authority;
    int err;
};

static void test_wrong_certificates(void **state) {
    (void)state;
    static const struct refusal refusals[] = {
        {"a listed address", "127.0.0.1", {"IP:127.0.0.1", -3600, DAY_S}, false, 0},
        {"expired", "localhost", {"DNS:localhost", -2 * DAY_S, -DAY_S}, false, ERR_TLS_EXPIRED},
        {"not yet valid", "localhost", {"DNS:localhost", DAY_S / 2, DAY_S}, false, ERR_TLS_EXPIRED},
        {"another host", "localhost", {"DNS:example.org", -3600, DAY_S}, false, ERR_TLS_HOST},
        {"a suffix", "localhost", {"DNS:host", -3600, DAY_S}, false, ERR_TLS_HOST},
        {"a part of a label", "api.test", {"DNS:a*.test", -3600, DAY_S}, false, ERR_TLS_HOST},
        {"a wildcard", "api.test", {"DNS:*.test", -3600, DAY_S}, false, ERR_TLS_HOST},
        {"another address", "127.0.0.1", {"IP:127.0.0.2", -3600, DAY_S}, false, ERR_TLS_HOST},
        {"address as name", "127.0.0.1", {"DNS:127.0.0.1", -3600, DAY_S}, false, ERR_TLS_HOST},
        {"the subject's name", "server", {"IP:127.0.0.1", -3600, DAY_S}, false, ERR_TLS_HOST},
        {"unknown authority",
         "localhost",
         {"DNS:localhost", -3600, DAY_S},
         true,
         ERR_TLS_UNTRUSTED},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        static const char *const here[] = {"127.0.0.1"};
        const struct refusal *row = &refusals[i];
        struct rig rig;
        print_message("  %s\n", row->label);
        rig_prepare(&rig, &row->wish);
        dialer_name(&rig.dialer, SPAN_LITERAL("api.test"), here, 1);
        dialer_name(&rig.dialer, SPAN_LITERAL("server"), here, 1);
        rig.dialer.origin.host = span_text(row->host);
        if (row->unknown_authority)
            rig.dialer.origin.ca_file = span_text(theirs.file);
        rig_start(&rig, SERVE_ECHO);
        assert_int_equal(dialer_connect(&rig.dialer), row->err);
        rig_close(&rig);
    }
}

static void test_no_authority_file_means_the_systems(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, SERVE_ECHO);
    rig.dialer.origin.ca_file = SPAN_NONE;
    assert_int_equal(dialer_connect(&rig.dialer), ERR_TLS_UNTRUSTED);
    rig.dialer.origin.ca_file = SPAN_LITERAL("/nonexistent/ca.pem");
    assert_int_equal(dialer_connect(&rig.dialer), ERR_TLS_UNTRUSTED);
    rig_close(&rig);
}

static void test_versions_too_old(void **state) {
    (void)state;
    struct rig rig;
    rig_prepare(&rig, &good);
    assert_int_equal(SSL_CTX_set_cipher_list(rig.server.context, "ALL:@SECLEVEL=0"), 1);
    assert_int_equal(SSL_CTX_set_min_proto_version(rig.server.context, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(rig.server.context, TLS1_1_VERSION), 1);
    rig_start(&rig, SERVE_ECHO);
    assert_int_equal(dialer_connect(&rig.dialer), ERR_TLS_PROTOCOL);
    rig_close(&rig);
}

static void test_server_that_speaks_http_2_only(void **state) {
    (void)state;
    struct rig rig;
    rig_prepare(&rig, &good);
    rig.server.only_http_2 = true;
    rig_start(&rig, SERVE_ECHO);
    assert_int_equal(dialer_connect(&rig.dialer), ERR_TLS_PROTOCOL);
    rig_close(&rig);
}

static void test_servers_that_speak_no_tls(void **state) {
    (void)state;
    static const enum manner manners[] = {SERVE_JUNK, SERVE_HANG_UP, SERVE_RESET};
    for (size_t i = 0; i < sizeof manners / sizeof manners[0]; i++) {
        struct rig rig;
        rig_open(&rig, manners[i]);
        assert_int_equal(dialer_connect(&rig.dialer), ERR_TLS_PROTOCOL);
        rig_close(&rig);
    }
}

static void test_stalled_handshake(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, SERVE_STALL);
    rig.dialer.tls_timeout_ns = 20 * NS_PER_MS;
    assert_int_equal(dialer_connect(&rig.dialer), ERR_TLS_TIMEOUT);
    rig_close(&rig);
}

/* Once an address has connected the others are out of the race, however long the handshake takes. */
static void test_slow_handshake_beside_a_dead_address(void **state) {
    (void)state;
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2"};
    struct rig rig;
    rig_open(&rig, SERVE_ECHO);
    dialer_name(&rig.dialer, SPAN_LITERAL("api.test"), addresses, 2);
    rig.dialer.origin.host = SPAN_LITERAL("api.test");
    assert_int_equal(pthread_mutex_lock(&rig.server.gate), 0);
    dialer_begin(&rig.dialer);
    assert_false(loop_run_until_idle(rig.dialer.loop, clock_mono_ns() + 300 * NS_PER_MS));
    assert_false(rig.dialer.done);
    assert_int_equal(pthread_mutex_unlock(&rig.server.gate), 0);
    run_until(rig.dialer.loop, dialer_is_done, &rig.dialer);
    assert_int_equal(rig.dialer.err, 0);
    say(&rig, "hello");
    rig_close(&rig);
}

static void test_cancelled_handshake(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, SERVE_STALL);
    dialer_begin(&rig.dialer);
    assert_false(loop_run_until_idle(rig.dialer.loop, clock_mono_ns() + 10 * NS_PER_MS));
    connector_cancel(rig.dialer.connector);
    assert_false(rig.dialer.done);
    rig_close(&rig);
}

/* --- ends --- */

static void test_cut_without_close_notify(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, SERVE_CUT);
    assert_int_equal(dialer_connect(&rig.dialer), 0);
    run_until(rig.dialer.loop, end_has_failed, &rig.dialer.end);
    assert_int_equal(rig.dialer.end.err, ERR_TLS_TRUNCATED);
    assert_int_equal(rig.dialer.end.ends, 0);
    assert_true(span_is(dynbuf_span(&rig.dialer.end.input), "half"));
    rig_close(&rig);
}

static void test_orderly_end(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, SERVE_END);
    assert_int_equal(dialer_connect(&rig.dialer), 0);
    run_until(rig.dialer.loop, end_has_ended, &rig.dialer.end);
    assert_int_equal(rig.dialer.end.errors, 0);
    assert_true(span_is(dynbuf_span(&rig.dialer.end.input), "whole"));
    rig_close(&rig);
}

/* The handler pauses at each read; a timer lets it go on: no byte and no end is lost. */
struct sleeper {
    struct end end;
    struct loop_timer timer;
};

static void sleeper_on_read(void *context, struct span bytes) {
    struct sleeper *sleeper = context;
    end_on_read(&sleeper->end, bytes);
    stream_pause(sleeper->end.stream);
    loop_timer_set(stream_loop(sleeper->end.stream), &sleeper->timer,
                   loop_now_ns(stream_loop(sleeper->end.stream)) + NS_PER_MS);
}

static void sleeper_wake(struct loop_timer *timer) {
    struct sleeper *sleeper = container_of(timer, struct sleeper, timer);
    stream_resume(sleeper->end.stream);
}

static const struct stream_handler sleeper_handler = {
    .on_read = sleeper_on_read,
    .on_end = end_on_end,
    .on_error = end_on_error,
    .on_closed = end_on_closed,
};

static void test_pauses_lose_nothing(void **state) {
    (void)state;
    static const enum manner manners[] = {SERVE_BULK, SERVE_END};
    for (size_t m = 0; m < 2; m++) {
        struct rig rig;
        struct sleeper sleeper = {.timer = {.fire = sleeper_wake}};
        rig_open(&rig, manners[m]);
        rig.dialer.take = false;
        assert_int_equal(dialer_connect(&rig.dialer), 0);
        end_init(&sleeper.end);
        sleeper.end.stream = rig.dialer.stream;
        stream_set_handler(sleeper.end.stream, &sleeper_handler, &sleeper);
        stream_start(sleeper.end.stream);
        run_until(rig.dialer.loop, end_has_ended, &sleeper.end);
        assert_int_equal(sleeper.end.errors, 0);
        struct span got = dynbuf_span(&sleeper.end.input);
        assert_int_equal(got.len, manners[m] == SERVE_BULK ? SERVER_BULK_BYTES : 5);
        for (size_t i = 0; i < got.len && manners[m] == SERVE_BULK; i++)
            assert_int_equal((unsigned char)got.ptr[i], i % 251);
        loop_timer_clear(rig.dialer.loop, &sleeper.timer);
        stream_close(sleeper.end.stream);
        run_until(rig.dialer.loop, end_is_closed, &sleeper.end);
        dynbuf_done(&sleeper.end.input);
        rig_close(&rig);
    }
}

/* --- sending --- */

static void count_release(void *argument) {
    (*(int *)argument)++;
}

static void test_large_and_small_pieces(void **state) {
    (void)state;
    struct rig rig;
    int released = 0;
    size_t size = (size_t)1024 * 1024;
    char *bulk = mem_alloc(size);
    for (size_t i = 0; i < size; i++)
        bulk[i] = (char)(i % 253);
    rig_open(&rig, SERVE_ECHO);
    assert_int_equal(dialer_connect(&rig.dialer), 0);
    struct end *end = &rig.dialer.end;
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL("head ")), 0);
    assert_int_equal(
        stream_write_borrowed(end->stream, span_of(bulk, 1000), count_release, &released), 0);
    assert_int_equal(stream_write_borrowed(end->stream, SPAN_LITERAL(""), count_release, &released),
                     0);
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL(" middle ")), 0);
    assert_int_equal(
        stream_write_borrowed(end->stream, span_of(bulk, size), count_release, &released), 0);
    end->wanted_bytes = 5 + 1000 + 8 + size;
    assert_int_equal(stream_queued_bytes(end->stream), end->wanted_bytes);
    run_until(rig.dialer.loop, end_has_bytes, end);
    struct span got = dynbuf_span(&end->input);
    assert_int_equal(released, 3);
    assert_int_equal(end->drains > 0, true);
    assert_memory_equal(got.ptr, "head ", 5);
    assert_memory_equal(got.ptr + 5, bulk, 1000);
    assert_memory_equal(got.ptr + 1005, " middle ", 8);
    assert_memory_equal(got.ptr + 1013, bulk, size);
    mem_free(bulk);
    rig_close(&rig);
}

/* --- sessions --- */

static void test_sessions_are_resumed(void **state) {
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct rig rig;
        rig_prepare(&rig, &good);
        assert_int_equal(SSL_CTX_set_max_proto_version(rig.server.context, versions[i]), 1);
        assert_int_equal(
            SSL_CTX_set_session_id_context(rig.server.context, (const unsigned char *)"test", 4),
            1);
        rig_start(&rig, SERVE_ECHO);
        for (int round = 0; round < 3; round++) {
            assert_int_equal(dialer_connect(&rig.dialer), 0);
            say(&rig, "hello");
            assert_int_equal(tls_session_reused(rig.dialer.end.stream), round > 0);
            dialer_hang_up(&rig.dialer);
        }
        /* not for another authority, which would skip its check */
        rig.dialer.origin.ca_file = span_text(theirs.file);
        assert_int_equal(dialer_connect(&rig.dialer), ERR_TLS_UNTRUSTED);
        rig.dialer.origin.ca_file = span_text(ours.file);
        net_context_reload_authorities(rig.dialer.net);
        assert_int_equal(dialer_connect(&rig.dialer), 0);
        assert_false(tls_session_reused(rig.dialer.end.stream));
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_old_but_allowed_version),
        cmocka_unit_test(test_wrong_certificates),
        cmocka_unit_test(test_no_authority_file_means_the_systems),
        cmocka_unit_test(test_versions_too_old),
        cmocka_unit_test(test_server_that_speaks_http_2_only),
        cmocka_unit_test(test_servers_that_speak_no_tls),
        cmocka_unit_test(test_stalled_handshake),
        cmocka_unit_test(test_slow_handshake_beside_a_dead_address),
        cmocka_unit_test(test_cancelled_handshake),
        cmocka_unit_test(test_cut_without_close_notify),
        cmocka_unit_test(test_orderly_end),
        cmocka_unit_test(test_pauses_lose_nothing),
        cmocka_unit_test(test_large_and_small_pieces),
        cmocka_unit_test(test_sessions_are_resumed),
    };
    return cmocka_run_group_tests(tests, open_authorities, close_authorities);
}
