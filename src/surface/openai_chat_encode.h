// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Private to surface/: the encoder of chat completions, for streams and for whole answers.
 *
 * One object a request. What concerns an attempt is forgotten by reset; what a client has seen (the role, sent with the
 * first keep-alive) is not.
 */
#include "surface/surface.h"

#define CHAT_TOOLS_MAX        128 /* calls in one answer; what clients can hold */
#define CHAT_ANSWER_MAX_BYTES ((size_t)64 * 1024 * 1024) /* a whole answer's text */

struct chat_tool {
    struct dynbuf opening;   /* owned: the call's JSON up to where the arguments begin */
    struct dynbuf arguments; /* owned, escaped */
    struct dynbuf closing;   /* owned: what follows the arguments */
};

struct surface_encoder {
    uint32_t magic;
    struct arena *arena;     /* borrowed: the request's */
    const struct task *task; /* borrowed */
    bool finished;
    bool role_sent;
    bool role_kept; /* the client has seen the role: reset does not take it back */
    enum finish_reason finish;
    uint32_t tool_count;
    uint64_t tool_has_arguments[CHAT_TOOLS_MAX / 64];
    uint64_t answer_bytes; /* for an estimate when nobody told the usage */
    struct usage usage;
    bool usage_known;

    /* streams */
    struct dynbuf prefix; /* owned: a chunk up to its delta's members, the same in each */
    size_t choices_at;    /* where in it the choices begin */
    struct span suffix;   /* static: from the end of the delta to the end of the frame */

    /* whole answers, escaped */
    struct dynbuf text;        /* owned */
    struct dynbuf reasoning;   /* owned */
    struct dynbuf refusal;     /* owned */
    struct dynbuf annotations; /* owned: raw values with commas */
    struct chat_tool *tools;   /* owned: CHAT_TOOLS_MAX of them, once there is a call */
    uint32_t tools_used;       /* how many of them have buffers */
};

#define CHAT_ENCODER_MAGIC 0x43484154u

int surface__chat_stream_event(struct surface_encoder *encoder,
                               const struct surface_identity *identity, const struct event *event,
                               struct dynbuf *out);
int surface__chat_stream_keepalive(struct surface_encoder *encoder,
                                   const struct surface_identity *identity, struct dynbuf *out);
int surface__chat_stream_end(struct surface_encoder *encoder,
                             const struct surface_identity *identity, struct dynbuf *out);
int surface__chat_stream_error(struct surface_encoder *encoder,
                               const struct surface_identity *identity,
                               const struct api_error *error, struct dynbuf *out);
int surface__chat_reply_event(struct surface_encoder *encoder, const struct event *event);
int surface__chat_reply_end(struct surface_encoder *encoder,
                            const struct surface_identity *identity, struct dynbuf *out);

/* What both forms share: what a FINISH means after the calls that were seen; the usage told or estimated, as an object. */
int surface__chat_take_finish(struct surface_encoder *encoder,
                              const struct event *event) WARN_UNUSED;
int surface__chat_write_usage(const struct surface_encoder *encoder,
                              struct dynbuf *out) WARN_UNUSED;
/* An object from its brace to its model, no comma after it. */
int surface__chat_write_head(const struct surface_identity *identity, const char *object,
                             struct dynbuf *out) WARN_UNUSED;
/* Whether an event belongs to the answer's only choice and comes before its end. */
int surface__chat_check_order(const struct surface_encoder *encoder,
                              const struct event *event) WARN_UNUSED;
/* A raw value without line ends, which would break a frame: between tokens they are only white space. */
int surface__chat_write_raw(struct dynbuf *out, struct span raw) WARN_UNUSED;
