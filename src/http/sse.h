// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Server-sent events (WHATWG HTML, section 9.2.6), decoded incrementally: the same events at every split of the bytes.
 * LF, CRLF and CR end lines, a BOM at the start is skipped, comments are counted, multi-line data is joined by LF, an
 * event cut off by the end is dropped. Ownership: the caller's; spans given to the callback live until it returns.
 */
#include "base/dynbuf.h"

#define SSE_EVENT_MAX_BYTES (8 * 1024 * 1024)

struct sse_event {
    struct span name; /* "" when not named */
    struct span data;
};

/* Non-zero stops feeding; sse_feed returns it. */
typedef int (*sse_event_cb)(void *context, const struct sse_event *event);

struct sse_decoder {
    struct dynbuf line; /* owned: a partial line */
    struct dynbuf
        data; /* owned: data lines of the open event, used only for multi-line or split events */
    struct dynbuf name; /* owned */
    sse_event_cb on_event;
    void *context; /* borrowed */
    uint64_t comments;
    bool at_start;
    bool last_was_cr;
    bool has_data;
};

void sse_init(struct sse_decoder *decoder, size_t event_max_bytes, sse_event_cb on_event,
              void *context);
void sse_done(struct sse_decoder *decoder);
/* ERR_TOO_LARGE for an event beyond the cap; or what the callback returned. */
int sse_feed(struct sse_decoder *decoder, struct span bytes) WARN_UNUSED;
/* Whether bytes of an unfinished event are held (a stream that ends here was cut). */
bool sse_unfinished(const struct sse_decoder *decoder);
