// SPDX-License-Identifier: Apache-2.0
// Reads one HTTP/1.1 answer after the other from a connection: Content-Length, chunked, or until
// the peer closes. The body is handed on in the pieces in which it came.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_HEAD_MAX = 8192 };

enum answer_state {
    ANSWER_HEAD,
    ANSWER_LENGTH,
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK_DATA,
    ANSWER_CHUNK_END,
    ANSWER_TRAILER,
    ANSWER_UNTIL_CLOSE,
    ANSWER_DONE,
    ANSWER_BROKEN,
};

struct answer {
    enum answer_state state;
    int status;
    bool closes; // the peer said Connection: close, or the body ends with the connection
    uint64_t body_bytes;
    uint64_t left;   // of the body or of the chunk
    size_t line_len; // of a chunk-size or trailer line so far
    size_t head_len;
    char head[ANSWER_HEAD_MAX];
};

typedef void (*answer_body_cb)(void *context, const char *data, size_t length);

void answer_reset(struct answer *a);

// Takes all of data; afterwards a->state says where it stands. Bytes after the end of the answer
// are a mistake of the peer (nothing was pipelined): ANSWER_BROKEN.
void answer_feed(struct answer *a, const char *data, size_t length, answer_body_cb on_body,
                 void *context);

// The peer closed: whether the answer is complete with that.
bool answer_closed(struct answer *a);
