// SPDX-License-Identifier: Apache-2.0
/*
 * The event decoder: fed at once, byte by byte and at splits by chance; the events, the count of comments, the error and what
 * is left unfinished must be the same, and no event may pass the cap.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/rand.h"
#include "http/sse.h"

#define CAP_BYTES ((size_t)512)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int note_event(void *context, const struct sse_event *event) {
    struct dynbuf *record = context;
    check(event->data.len <= CAP_BYTES && event->name.len <= CAP_BYTES);
    check(dynbuf_append_format(record, "<%zu,%zu>", event->name.len, event->data.len) == 0);
    check(dynbuf_append_span(record, event->name) == 0);
    return dynbuf_append_span(record, event->data);
}

static int feed_copy(struct sse_decoder *decoder, struct span bytes) {
    char *copy = mem_alloc(bytes.len);
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    int err = sse_feed(decoder, span_of(copy, bytes.len));
    mem_free(copy);
    return err;
}

static void run(struct span bytes, size_t most, struct rand *rand, struct dynbuf *record) {
    struct sse_decoder decoder;
    int err = 0;
    dynbuf_init(record, (size_t)64 << 20);
    sse_init(&decoder, CAP_BYTES, note_event, record);
    while (bytes.len > 0 && err == 0) {
        size_t count = most == 0 ? bytes.len : 1 + (size_t)rand_below(rand, most);
        count = count < bytes.len ? count : bytes.len;
        err = feed_copy(&decoder, span_of(bytes.ptr, count));
        bytes = span_of(bytes.ptr + count, bytes.len - count);
    }
    check(err == 0 || err == ERR_TOO_LARGE);
    check(dynbuf_append_format(record, "<err %d>", err) == 0);
    if (err == 0)
        check(dynbuf_append_format(record, "<%llu comments, unfinished %d>",
                                   (unsigned long long)decoder.comments,
                                   sse_unfinished(&decoder)) == 0);
    sse_done(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t mosts[] = {1, 2, 9, 100};
    struct span bytes = span_of((const char *)data, size);
    struct rand rand;
    struct dynbuf whole;
    rand_seed(&rand, span_hash(bytes));
    run(bytes, 0, &rand, &whole);
    for (size_t i = 0; i < array_length(mosts); i++) {
        struct dynbuf cut;
        run(bytes, mosts[i], &rand, &cut);
        check(span_equal(dynbuf_span(&cut), dynbuf_span(&whole)));
        dynbuf_done(&cut);
    }
    dynbuf_done(&whole);
    return 0;
}
