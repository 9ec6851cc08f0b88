// SPDX-License-Identifier: Apache-2.0
/*
 * The event decoder: what the standard says, at every split of the bytes.
 *
 * Events are written to one text ("name|data;"), so that two runs are compared as a whole.
 */
#include "http_fixture.h"

#include "base/dynbuf.h"
#include "http/sse.h"

static int note_event(void *context, const struct sse_event *event) {
    struct dynbuf *out = context;
    assert_int_equal(dynbuf_append_span(out, event->name), 0);
    assert_int_equal(dynbuf_append_char(out, '|'), 0);
    assert_int_equal(dynbuf_append_span(out, event->data), 0);
    return dynbuf_append_char(out, ';');
}

struct row {
    const char *what;
    const char *bytes;
    const char *events;
    unsigned comments;
    bool unfinished;
};

static const struct row rows[] = {
    {"one", "data: a\n\n", "|a;", 0, false},
    {"no space", "data:a\n\n", "|a;", 0, false},
    {"only one space goes", "data:  a\n\n", "| a;", 0, false},
    {"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;", 0, false},
    {"CR", "data: a\r\rdata: b\r\r", "|a;|b;", 0, false},
    {"mixed line ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", "|a;|b;|c;", 0, false},
    {"several lines", "data: a\ndata:\ndata: c\n\n", "|a\n\nc;", 0, false},
    {"named", "event: e\ndata: a\n\ndata: b\n\n", "e|a;|b;", 0, false},
    {"name after data", "data: a\nevent: e\n\n", "e|a;", 0, false},
    {"the last name counts", "event: d\nevent: e\ndata: a\n\n", "e|a;", 0, false},
    {"name without data", "event: e\n\ndata: a\n\n", "|a;", 0, false},
    {"empty data", "data\n\ndata:\n\n", "|;|;", 0, false},
    {"comments", ": hi\n\n:\ndata: a\n: x\n\n", "|a;", 3, false},
    {"other fields", "id: 1\nretry: 5\nfoo\ndata: a\n\n", "|a;", 0, false},
    {"case counts", "DATA: a\n\n", "", 0, false},
    {"BOM",
     "\xef\xbb\xbf"
     "data: a\n\n",
     "|a;", 0, false},
    {"BOM only at the start",
     "data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "|a;", 0, false},
    {"colon in data", "data: {\"a\":1}\n\n", "|{\"a\":1};", 0, false},
    {"cut in a line", "data: a\n\ndata: b", "|a;", 0, true},
    {"cut before the empty line", "data: a\n", "", 0, true},
    {"two ends", "data: [DONE]\n\ndata: [DONE]\n\n", "|[DONE];|[DONE];", 0, false},
    {"empty lines", "\n\n\r\n\r", "", 0, false},
    {"nothing", "", "", 0, false},
};

static void feed(struct sse_decoder *decoder, const char *bytes, size_t len) {
    /* a copy of its own, so that reading beyond the end is seen */
    char *copy = mem_alloc(len);
    if (len > 0)
        memcpy(copy, bytes, len);
    assert_int_equal(sse_feed(decoder, span_of(copy, len)), 0);
    mem_free(copy);
}

static void check_row(const struct row *row, size_t first, size_t second) {
    struct dynbuf events;
    struct sse_decoder decoder;
    size_t len = strlen(row->bytes);
    dynbuf_init(&events, 4096);
    sse_init(&decoder, 1024, note_event, &events);
    feed(&decoder, row->bytes, first);
    feed(&decoder, row->bytes + first, second - first);
    feed(&decoder, row->bytes + second, len - second);
    if (!span_is(dynbuf_span(&events), row->events))
        fail_msg("%s, cut at %zu and %zu: %.*s", row->what, first, second,
                 SPAN_ARG(dynbuf_span(&events)));
    assert_int_equal(decoder.comments, row->comments);
    assert_int_equal(sse_unfinished(&decoder), row->unfinished);
    sse_done(&decoder);
    dynbuf_done(&events);
}

static void test_every_split(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        size_t len = strlen(rows[i].bytes);
        for (size_t first = 0; first <= len; first++) {
            for (size_t second = first; second <= len; second++)
                check_row(&rows[i], first, second);
        }
    }
}

static int stop(void *context, const struct sse_event *event) {
    (void)event;
    return ++*(int *)context == 2 ? ERR_CANCELLED : 0;
}

static void test_stop(void **state) {
    (void)state;
    int seen = 0;
    struct sse_decoder decoder;
    sse_init(&decoder, 1024, stop, &seen);
    assert_int_equal(sse_feed(&decoder, SPAN_LITERAL("data: a\n\ndata: b\n\ndata: c\n\n")),
                     ERR_CANCELLED);
    assert_int_equal(seen, 2);
    sse_done(&decoder);
}

static int feed_bytes(size_t step, const char *bytes, size_t len) {
    struct dynbuf events;
    struct sse_decoder decoder;
    dynbuf_init(&events, 4096);
    sse_init(&decoder, 64, note_event, &events);
    int err = 0;
    for (size_t used = 0; used < len && err == 0; used += step)
        err = sse_feed(&decoder, span_of(bytes + used, len - used < step ? len - used : step));
    sse_done(&decoder);
    dynbuf_done(&events);
    return err;
}

static void test_caps(void **state) {
    (void)state;
    char line[256];
    static const struct {
        size_t data_bytes;
        int lines;
        int err;
    } caps[] = {{58, 1, 0}, {59, 1, ERR_TOO_LARGE}, {32, 2, ERR_TOO_LARGE}, {31, 2, 0}};
    for (size_t i = 0; i < array_length(caps); i++) {
        size_t len = 0;
        for (int n = 0; n < caps[i].lines; n++) {
            memcpy(line + len, "data: ", 6);
            memset(line + len + 6, 'x', caps[i].data_bytes);
            line[len + 6 + caps[i].data_bytes] = '\n';
            len += 7 + caps[i].data_bytes;
        }
        line[len++] = '\n';
        for (size_t step = 1; step <= len; step++)
            assert_int_equal(feed_bytes(step, line, len), caps[i].err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests_name("http_sse", tests, NULL, NULL);
}
