// SPDX-License-Identifier: Apache-2.0
/*
 * Server-sent events, decoded (WHATWG HTML section 9.2.6).
 *
 * Why two ways: nearly every event of a model's stream is one data line that arrives whole, so its span is handed out
 * where it lies; only what is cut by the end of the bytes, or has several data lines, is copied. Lines are found with
 * memchr, not byte by byte. `id` and `retry` are for reconnecting, which a gateway never does: skipped.
 * Promises: the same events at every split; bounded by the cap given, which counts one line and the joined data of one event.
 * Leaves to others: what the data means, and whether an event cut off by the end is an error (sse_unfinished).
 */
#include "http/sse.h"

#include "base/check.h"

/* Spans of the open event that still lie in the bytes being fed; copied to the decoder when these end. */
struct feeding {
    struct span data;
    struct span name;
    bool data_here;
    bool name_here;
};

void sse_init(struct sse_decoder *decoder, size_t event_max_bytes, sse_event_cb on_event,
              void *context) {
    *decoder = (struct sse_decoder){.on_event = on_event, .context = context, .at_start = true};
    dynbuf_init(&decoder->line, event_max_bytes);
    dynbuf_init(&decoder->data, event_max_bytes);
    dynbuf_init(&decoder->name, event_max_bytes);
}

void sse_done(struct sse_decoder *decoder) {
    dynbuf_done(&decoder->line);
    dynbuf_done(&decoder->data);
    dynbuf_done(&decoder->name);
}

static int keep_data(struct sse_decoder *decoder, struct feeding *feeding) {
    if (!feeding->data_here)
        return 0;
    feeding->data_here = false;
    return dynbuf_append_span(&decoder->data, feeding->data);
}

static int keep_name(struct sse_decoder *decoder, struct feeding *feeding) {
    if (!feeding->name_here)
        return 0;
    feeding->name_here = false;
    dynbuf_clear(&decoder->name);
    return dynbuf_append_span(&decoder->name, feeding->name);
}

static int add_data(struct sse_decoder *decoder, struct span value, struct feeding *feeding) {
    if (!decoder->has_data) {
        decoder->has_data = true;
        feeding->data = value;
        feeding->data_here = true;
        return 0;
    }
    int err = keep_data(decoder, feeding);
    if (err == 0)
        err = dynbuf_append_char(&decoder->data, '\n');
    return err < 0 ? err : dynbuf_append_span(&decoder->data, value);
}

static int dispatch(struct sse_decoder *decoder, struct feeding *feeding) {
    struct sse_event event = {
        .name = feeding->name_here ? feeding->name : dynbuf_span(&decoder->name),
        .data = feeding->data_here ? feeding->data : dynbuf_span(&decoder->data),
    };
    int result = decoder->has_data ? decoder->on_event(decoder->context, &event) : 0;
    decoder->has_data = false;
    feeding->data_here = false;
    feeding->name_here = false;
    dynbuf_clear(&decoder->data);
    dynbuf_clear(&decoder->name);
    return result;
}

static int take_field(struct sse_decoder *decoder, struct span line, struct feeding *feeding) {
    const char *colon = memchr(line.ptr, ':', line.len);
    struct span field = colon != NULL ? span_of(line.ptr, (size_t)(colon - line.ptr)) : line;
    struct span value = span_of(line.ptr + line.len, 0);
    if (colon != NULL)
        value = span_of(colon + 1, line.len - field.len - 1);
    if (value.len > 0 && value.ptr[0] == ' ')
        value = span_of(value.ptr + 1, value.len - 1);
    if (span_is(field, "data"))
        return add_data(decoder, value, feeding);
    if (span_is(field, "event")) {
        feeding->name = value;
        feeding->name_here = true;
    }
    return 0;
}

static int take_line(struct sse_decoder *decoder, struct span line, struct feeding *feeding) {
    if (line.len > decoder->line.cap_bytes)
        return ERR_TOO_LARGE;
    if (decoder->at_start) {
        decoder->at_start = false;
        if (span_starts_with(line, "\xef\xbb\xbf"))
            line = span_of(line.ptr + 3, line.len - 3);
    }
    if (line.len == 0)
        return dispatch(decoder, feeding);
    if (line.ptr[0] == ':') {
        decoder->comments++;
        return 0;
    }
    return take_field(decoder, line, feeding);
}

/* A line whose first part came with earlier bytes: its spans lie in the line buffer, so what it adds is kept at once. */
static int take_split_line(struct sse_decoder *decoder, struct span tail, struct feeding *feeding) {
    int err = dynbuf_append_span(&decoder->line, tail);
    if (err == 0)
        err = take_line(decoder, dynbuf_span(&decoder->line), feeding);
    if (err == 0)
        err = keep_data(decoder, feeding);
    if (err == 0)
        err = keep_name(decoder, feeding);
    dynbuf_clear(&decoder->line);
    return err;
}

/* Offset of the first LF or CR; `len` when there is none. */
static size_t line_end(struct span bytes) {
    const char *feed = memchr(bytes.ptr, '\n', bytes.len);
    size_t limit = feed != NULL ? (size_t)(feed - bytes.ptr) : bytes.len;
    const char *cr = memchr(bytes.ptr, '\r', limit);
    return cr != NULL ? (size_t)(cr - bytes.ptr) : limit;
}

static int feed_lines(struct sse_decoder *decoder, struct span bytes, struct feeding *feeding) {
    while (bytes.len > 0) {
        if (decoder->last_was_cr && bytes.ptr[0] == '\n')
            bytes = span_of(bytes.ptr + 1, bytes.len - 1);
        decoder->last_was_cr = false;
        size_t end = line_end(bytes);
        struct span line = span_of(bytes.ptr, end);
        if (end == bytes.len)
            return dynbuf_append_span(&decoder->line, line);
        decoder->last_was_cr = bytes.ptr[end] == '\r';
        bytes = span_of(bytes.ptr + end + 1, bytes.len - end - 1);
        int err = decoder->line.len > 0 ? take_split_line(decoder, line, feeding)
                                        : take_line(decoder, line, feeding);
        if (err != 0)
            return err;
    }
    return 0;
}

int sse_feed(struct sse_decoder *decoder, struct span bytes) {
    struct feeding feeding = {.data_here = false};
    int err = feed_lines(decoder, bytes, &feeding);
    if (err == 0)
        err = keep_data(decoder, &feeding);
    if (err == 0)
        err = keep_name(decoder, &feeding);
    return err;
}

bool sse_unfinished(const struct sse_decoder *decoder) {
    return decoder->line.len > 0 || decoder->has_data || decoder->name.len > 0;
}
