// SPDX-License-Identifier: Apache-2.0
// An incremental reader of HTTP/1.1 answers for the load generator.
//
// Why own code: the generator must not be slower than the gateways it loads, must not share the
// gateway's parser (a shared mistake would not be seen), and needs the moment at which each piece
// of a body came. One function per state takes what it can from the bytes at hand.
// It promises: no allocation, a bounded head, every byte accounted for; a form it does not know is
// ANSWER_BROKEN, never a guess. It does not look at the body: generator.c does.
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common.h"

enum { CHUNK_LINE_MAX = 64 };

void answer_reset(struct answer *a) {
    a->state = ANSWER_HEAD;
    a->status = 0;
    a->closes = false;
    a->body_bytes = 0;
    a->left = 0;
    a->line_len = 0;
    a->head_len = 0;
}

static enum answer_state body_state(struct answer *a) {
    const char *encoding = head_value(a->head, "transfer-encoding");
    const char *length = head_value(a->head, "content-length");
    if (encoding != NULL)
        return strncasecmp(encoding, "chunked", 7) == 0 ? ANSWER_CHUNK_SIZE : ANSWER_BROKEN;
    if (length != NULL) {
        a->left = strtoull(length, NULL, 10);
        return a->left > 0 ? ANSWER_LENGTH : ANSWER_DONE;
    }
    a->closes = true;
    return ANSWER_UNTIL_CLOSE;
}

static void read_head(struct answer *a) {
    const char *connection = head_value(a->head, "connection");
    if (strncmp(a->head, "HTTP/1.1 ", 9) != 0) {
        a->state = ANSWER_BROKEN;
        return;
    }
    a->status = (int)strtol(a->head + 9, NULL, 10);
    a->closes = connection != NULL && strncasecmp(connection, "close", 5) == 0;
    a->state = body_state(a);
}

static size_t take_head(struct answer *a, const char *data, size_t length) {
    size_t before = a->head_len;
    size_t room = sizeof a->head - 1 - before;
    size_t taken = length < room ? length : room;
    size_t from = before > 3 ? before - 3 : 0;
    memcpy(a->head + before, data, taken);
    a->head_len += taken;
    a->head[a->head_len] = '\0';
    const char *end = memmem(a->head + from, a->head_len - from, "\r\n\r\n", 4);
    if (end == NULL) {
        if (taken == room)
            a->state = ANSWER_BROKEN;
        return taken;
    }
    a->head_len = (size_t)(end - a->head) + 4;
    a->head[a->head_len] = '\0';
    read_head(a);
    return a->head_len - before;
}

static size_t take_body(struct answer *a, size_t length) {
    size_t taken = length;
    if (a->state != ANSWER_UNTIL_CLOSE && taken > a->left)
        taken = (size_t)a->left;
    a->body_bytes += taken;
    a->left -= a->state == ANSWER_UNTIL_CLOSE ? 0 : taken;
    if (a->left == 0 && a->state == ANSWER_LENGTH)
        a->state = ANSWER_DONE;
    if (a->left == 0 && a->state == ANSWER_CHUNK_DATA)
        a->state = ANSWER_CHUNK_END;
    return taken;
}

static void end_line(struct answer *a) {
    size_t length = a->line_len;
    a->line_len = 0;
    if (a->state == ANSWER_CHUNK_SIZE) {
        a->head[length] = '\0';
        a->left = strtoull(a->head, NULL, 16);
        a->state = a->left > 0 ? ANSWER_CHUNK_DATA : ANSWER_TRAILER;
    } else if (a->state == ANSWER_CHUNK_END) {
        a->state = length == 1 ? ANSWER_CHUNK_SIZE : ANSWER_BROKEN;
    } else if (length == 1) {
        a->state = ANSWER_DONE;
    }
}

// The head is read by then: its buffer holds the chunk-size line.
static size_t take_line(struct answer *a, const char *data, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\n') {
            end_line(a);
            return i + 1;
        }
        if (a->line_len == CHUNK_LINE_MAX) {
            a->state = ANSWER_BROKEN;
            return i;
        }
        a->head[a->line_len++] = data[i];
    }
    return length;
}

void answer_feed(struct answer *a, const char *data, size_t length, answer_body_cb on_body,
                 void *context) {
    while (length > 0 && a->state != ANSWER_BROKEN) {
        size_t taken = 0;
        switch (a->state) {
        case ANSWER_HEAD:
            taken = take_head(a, data, length);
            break;
        case ANSWER_LENGTH:
        case ANSWER_CHUNK_DATA:
        case ANSWER_UNTIL_CLOSE:
            taken = take_body(a, length);
            on_body(context, data, taken);
            break;
        case ANSWER_CHUNK_SIZE:
        case ANSWER_CHUNK_END:
        case ANSWER_TRAILER:
            taken = take_line(a, data, length);
            break;
        case ANSWER_DONE:
        case ANSWER_BROKEN:
            a->state = ANSWER_BROKEN;
            break;
        }
        data += taken;
        length -= taken;
    }
}

bool answer_closed(struct answer *a) {
    if (a->state != ANSWER_UNTIL_CLOSE)
        return false;
    a->state = ANSWER_DONE;
    return true;
}
