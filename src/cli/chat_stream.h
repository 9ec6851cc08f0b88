// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The answer of papi chat: a stream of chat completion chunks, or an error object. Ownership: chat_stream_done frees.
 */
#include "base/arena.h"
#include "http/sse.h"

#include <stdio.h>

struct chat_stream {
    struct sse_decoder events; /* owned */
    struct dynbuf error_body;  /* owned: what came with a status other than 200 */
    struct arena scratch;      /* owned: one event */
    FILE *out;                 /* borrowed */
    char *error;               /* owned: what the other side said went wrong; NULL = nothing */
    int status;                /* of HTTP; 0 = no head yet */
    bool ended;                /* [DONE] was seen */
    bool wrote;                /* some text was written */
    bool cut_by_length;        /* finish_reason length */
    bool last_was_newline;
};

void chat_stream_init(struct chat_stream *stream, FILE *out);
void chat_stream_feed(struct chat_stream *stream, struct span bytes);
/* Ends the text with a line end and tells on stderr what went wrong; true when the answer is whole. */
bool chat_stream_tell(const struct chat_stream *stream);
void chat_stream_done(struct chat_stream *stream);
