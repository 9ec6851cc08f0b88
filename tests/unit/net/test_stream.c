// SPDX-License-Identifier: Apache-2.0
/*
 * Plain streams through a listener: order of copied and borrowed bytes, one packet a turn, back-pressure, half-close,
 * resets, an answer that came before the write failed, releases, pauses, aborts, many bytes both ways.
 */
#include "net_fixture.h"

#include <poll.h>

#define BULK_BYTES ((size_t)8 * 1024 * 1024)

struct rig {
    struct loop *loop;
    struct door door;
    int fd; /* the other side; -1 once closed */
};

static void rig_open(struct rig *rig) {
    rig->loop = loop_new();
    door_open(&rig->door, rig->loop);
    rig->fd = dial(rig->door.address.port);
    run_until(rig->loop, end_is_open, &rig->door.end);
}

static void rig_close(struct rig *rig) {
    if (rig->fd >= 0)
        assert_int_equal(close(rig->fd), 0);
    door_close(&rig->door);
    loop_end(rig->loop);
}

static void recv_text(int fd, const char *wanted) {
    char text[256];
    size_t length = strlen(wanted);
    assert_int_equal(recv(fd, text, length, MSG_WAITALL), length);
    assert_memory_equal(text, wanted, length);
}

static void count_release(void *argument) {
    (*(int *)argument)++;
}

static void test_reads_and_ends(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    send_all(rig.fd, SPAN_LITERAL("hello"));
    assert_int_equal(shutdown(rig.fd, SHUT_WR), 0);
    run_until(rig.loop, end_has_ended, end);
    assert_true(span_is(dynbuf_span(&end->input), "hello"));
    assert_int_equal(end->ends, 1);
    assert_int_equal(end->errors, 0);
    assert_string_equal(stream_peer_address(end->stream), "127.0.0.1");
    assert_true(stream_peer_is_loopback(end->stream));
    assert_false(stream_is_tls(end->stream));
    /* half closed: we may still answer */
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL("bye")), 0);
    run_until(rig.loop, end_is_drained, end);
    recv_text(rig.fd, "bye");
    rig_close(&rig);
}

static void test_writes_keep_their_order(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct stream *stream = rig.door.end.stream;
    int released = 0;
    char copied[] = "two ";
    assert_int_equal(stream_write(stream, SPAN_LITERAL("one ")), 0);
    assert_int_equal(stream_write(stream, span_text(copied)), 0);
    memset(copied, 'x', sizeof copied - 1);
    assert_int_equal(
        stream_write_borrowed(stream, SPAN_LITERAL("three "), count_release, &released), 0);
    assert_int_equal(stream_write_borrowed(stream, SPAN_LITERAL(""), count_release, &released), 0);
    assert_int_equal(stream_write(stream, SPAN_LITERAL("four ")), 0);
    assert_int_equal(stream_write_borrowed(stream, SPAN_LITERAL("five"), NULL, NULL), 0);
    assert_int_equal(stream_queued_bytes(stream), strlen("one two three four five"));
    assert_int_equal(released, 0);
    run_until(rig.loop, end_is_drained, &rig.door.end);
    assert_int_equal(released, 2);
    /* All of a turn leaves together, so it can be had with one read. */
    char text[64];
    assert_int_equal(recv(rig.fd, text, sizeof text, 0), strlen("one two three four five"));
    assert_memory_equal(text, "one two three four five", strlen("one two three four five"));
    rig_close(&rig);
}

/* More pieces than one system call takes. */
static void test_many_pieces(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    int released = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(stream_write(rig.door.end.stream, SPAN_LITERAL("ab")), 0);
        assert_int_equal(stream_write_borrowed(rig.door.end.stream, SPAN_LITERAL("cd"),
                                               count_release, &released),
                         0);
    }
    run_until(rig.loop, end_is_drained, &rig.door.end);
    assert_int_equal(released, 1000);
    for (int i = 0; i < 1000; i++)
        recv_text(rig.fd, "abcd");
    rig_close(&rig);
}

static bool is_blocked(void *context) {
    struct end *end = context;
    size_t queued = stream_queued_bytes(end->stream);
    return queued > 0 && queued < BULK_BYTES;
}

static void test_backpressure_and_drain(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    char *bulk = mem_alloc(BULK_BYTES);
    for (size_t i = 0; i < BULK_BYTES; i++)
        bulk[i] = (char)(i * 7 + i / 251);
    int released = 0;
    assert_int_equal(
        stream_write_borrowed(end->stream, span_of(bulk, BULK_BYTES), count_release, &released), 0);
    run_until(rig.loop, is_blocked, end);
    assert_int_equal(end->drains, 0);
    assert_int_equal(released, 0);
    char *got = mem_alloc(BULK_BYTES);
    size_t length = 0;
    while (length < BULK_BYTES) {
        ssize_t part = recv(rig.fd, got + length, BULK_BYTES - length, MSG_DONTWAIT);
        length += part > 0 ? (size_t)part : 0;
        if (part <= 0)
            (void)loop_run_until_idle(rig.loop, loop_now_ns(rig.loop) + NS_PER_MS);
    }
    assert_memory_equal(got, bulk, BULK_BYTES);
    run_until(rig.loop, end_is_drained, end);
    assert_int_equal(end->drains, 1);
    assert_int_equal(released, 1);
    mem_free(got);
    mem_free(bulk);
    rig_close(&rig);
}

static void test_queue_has_a_cap(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct stream *stream = rig.door.end.stream;
    char *bulk = mem_zalloc(STREAM_QUEUE_MAX_BYTES);
    assert_int_equal(stream_write(stream, span_of(bulk, STREAM_QUEUE_MAX_BYTES)), 0);
    assert_int_equal(stream_write(stream, SPAN_LITERAL("x")), ERR_TOO_LARGE);
    assert_int_equal(stream_queued_bytes(stream), STREAM_QUEUE_MAX_BYTES);
    mem_free(bulk);
    rig_close(&rig);
}

static void test_finish_sends_all_then_fin(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL("last words")), 0);
    stream_finish(end->stream);
    stream_finish(end->stream);
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL("late")), ERR_RESET);
    run_until(rig.loop, end_is_drained, end);
    recv_text(rig.fd, "last words");
    char byte;
    assert_int_equal(recv(rig.fd, &byte, 1, 0), 0);
    /* reading goes on */
    send_all(rig.fd, SPAN_LITERAL("heard"));
    end->wanted_bytes = 5;
    run_until(rig.loop, end_has_bytes, end);
    rig_close(&rig);
}

static void test_reset_is_an_error(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    hang_up_hard(rig.fd);
    rig.fd = -1;
    run_until(rig.loop, end_has_failed, &rig.door.end);
    assert_int_equal(rig.door.end.err, ERR_RESET);
    assert_int_equal(rig.door.end.errors, 1);
    assert_int_equal(rig.door.end.ends, 0);
    assert_int_equal(stream_write(rig.door.end.stream, SPAN_LITERAL("x")), ERR_RESET);
    rig_close(&rig);
}

/* A server that refuses a body half way: its words lie in our buffer when our write fails. */
static void test_answer_before_a_failed_write_is_read(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    char *bulk = mem_zalloc(BULK_BYTES);
    int released = 0;
    send_all(rig.fd, SPAN_LITERAL("413 too large"));
    hang_up_hard(rig.fd);
    rig.fd = -1;
    assert_int_equal(
        stream_write_borrowed(end->stream, span_of(bulk, BULK_BYTES), count_release, &released), 0);
    run_until(rig.loop, end_has_failed, end);
    assert_true(span_is(dynbuf_span(&end->input), "413 too large"));
    stream_close(end->stream);
    run_until(rig.loop, end_is_closed, end);
    assert_int_equal(released, 1);
    mem_free(bulk);
    rig_close(&rig);
}

static void test_paused_reads_nothing(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    stream_pause(end->stream);
    stream_pause(end->stream);
    send_all(rig.fd, SPAN_LITERAL("wait"));
    assert_int_equal(shutdown(rig.fd, SHUT_WR), 0);
    assert_false(loop_run_until_idle(rig.loop, loop_now_ns(rig.loop) + 20 * NS_PER_MS));
    assert_int_equal(end->reads + end->ends, 0);
    stream_resume(end->stream);
    stream_resume(end->stream);
    run_until(rig.loop, end_has_ended, end);
    assert_true(span_is(dynbuf_span(&end->input), "wait"));
    rig_close(&rig);
}

static void test_abort_resets(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL("never")), 0);
    stream_abort(end->stream);
    stream_close(end->stream);
    assert_int_equal(end->closes, 0);
    run_until(rig.loop, end_is_closed, end);
    char byte;
    assert_int_equal(recv(rig.fd, &byte, 1, 0), -1);
    rig_close(&rig);
}

static void test_close_releases_what_is_queued(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    int released = 0;
    assert_int_equal(
        stream_write_borrowed(end->stream, SPAN_LITERAL("a"), count_release, &released), 0);
    assert_int_equal(stream_write_borrowed(end->stream, SPAN_LITERAL(""), count_release, &released),
                     0);
    assert_int_equal(stream_write(end->stream, SPAN_LITERAL("b")), 0);
    assert_int_equal(
        stream_write_borrowed(end->stream, SPAN_LITERAL("c"), count_release, &released), 0);
    stream_close(end->stream);
    assert_int_equal(released, 0);
    run_until(rig.loop, end_is_closed, end);
    assert_int_equal(released, 3);
    rig_close(&rig);
}

static void close_in_release(void *argument) {
    stream_close(((struct end *)argument)->stream);
}

static void test_close_from_a_release(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct end *end = &rig.door.end;
    int released = 0;
    assert_int_equal(stream_write_borrowed(end->stream, SPAN_LITERAL("a"), close_in_release, end),
                     0);
    assert_int_equal(
        stream_write_borrowed(end->stream, SPAN_LITERAL("b"), count_release, &released), 0);
    run_until(rig.loop, end_is_closed, end);
    assert_int_equal(released, 1);
    rig_close(&rig);
}

/* --- a handler that chooses where to read into --- */

struct chooser {
    char room[8];
    struct stream *stream;
    int own_reads;
    int shared_reads;
    size_t bytes;
    bool closed;
};

static bool chooser_on_buffer(void *context, char **ret_buffer, size_t *ret_size) {
    struct chooser *chooser = context;
    *ret_buffer = chooser->room;
    *ret_size = sizeof chooser->room;
    return chooser->own_reads < 2;
}

static void chooser_on_read(void *context, struct span bytes) {
    struct chooser *chooser = context;
    if (bytes.ptr == chooser->room)
        chooser->own_reads++;
    else
        chooser->shared_reads++;
    chooser->bytes += bytes.len;
}

static void chooser_on_closed(void *context) {
    ((struct chooser *)context)->closed = true;
}

static const struct stream_handler chooser_handler = {
    .on_buffer = chooser_on_buffer,
    .on_read = chooser_on_read,
    .on_closed = chooser_on_closed,
};

static bool chooser_has_all(void *context) {
    return ((struct chooser *)context)->bytes == 20;
}

static bool chooser_is_closed(void *context) {
    return ((struct chooser *)context)->closed;
}

static void test_reads_into_the_handlers_buffer(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig);
    struct chooser chooser = {.stream = rig.door.end.stream};
    rig.door.end.stream = NULL;
    stream_set_handler(chooser.stream, &chooser_handler, &chooser);
    send_all(rig.fd, SPAN_LITERAL("01234567890123456789"));
    run_until(rig.loop, chooser_has_all, &chooser);
    assert_int_equal(chooser.own_reads, 2);
    assert_int_equal(chooser.shared_reads, 1);
    stream_close(chooser.stream);
    run_until(rig.loop, chooser_is_closed, &chooser);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_ends),
        cmocka_unit_test(test_writes_keep_their_order),
        cmocka_unit_test(test_many_pieces),
        cmocka_unit_test(test_backpressure_and_drain),
        cmocka_unit_test(test_queue_has_a_cap),
        cmocka_unit_test(test_finish_sends_all_then_fin),
        cmocka_unit_test(test_reset_is_an_error),
        cmocka_unit_test(test_answer_before_a_failed_write_is_read),
        cmocka_unit_test(test_paused_reads_nothing),
        cmocka_unit_test(test_abort_resets),
        cmocka_unit_test(test_close_releases_what_is_queued),
        cmocka_unit_test(test_close_from_a_release),
        cmocka_unit_test(test_reads_into_the_handlers_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
