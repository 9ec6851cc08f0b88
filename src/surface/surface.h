// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A surface: one API that clients speak. It decodes their requests into tasks and encodes events into their wire.
 *
 * Pure: no sockets, no clock. decode keeps spans into the body. An encoder belongs to one request and is fed the events of
 * the attempt that answers; for a failed attempt it is reset before the next one, so that nothing leaks from one to the other.
 */
#include "message/event.h"
#include "message/task.h"
#include "surface/api_error.h"

struct surface_encoder; /* the surface's own; in the request arena */

/* What an answer says of itself. Spans live as long as the request. */
struct surface_identity {
    struct span request_id; /* plain, [a-z0-9-] only */
    struct span
        model; /* plain UTF-8: unified id that answers, or the requested name once the 200 went out early */
    uint64_t created_s; /* Unix time */
};

struct surface {
    const char *name;
    enum task_kind kind;

    /* 0 and a task, or an API error (ret_error filled; strings static or in the arena). */
    int (*decode)(struct span body, struct arena *arena, struct task *ret_task,
                  struct api_error *ret_error);

    struct surface_encoder *(*encoder_new)(struct arena *arena, const struct task *task);
    void (*encoder_free)(struct surface_encoder *encoder); /* buffers that are not the arena's */
    /* Forgets the events of a failed attempt. Not allowed after bytes were sent (stream: the gateway guards). */
    void (*encoder_reset)(struct surface_encoder *encoder);

    /* Streams (NULL where tasks of its kind are never streamed): appends the frames of one event to `out`. */
    int (*stream_event)(struct surface_encoder *encoder, const struct surface_identity *identity,
                        const struct event *event, struct dynbuf *out);
    /* A frame that changes nothing; only between events. */
    int (*stream_keepalive)(struct surface_encoder *encoder,
                            const struct surface_identity *identity, struct dynbuf *out);
    /* The proper end, after FINISH of every choice: usage when asked for, then the end mark. */
    int (*stream_end)(struct surface_encoder *encoder, const struct surface_identity *identity,
                      struct dynbuf *out);
    /* In-band error after the 200; nothing follows it. */
    int (*stream_error)(struct surface_encoder *encoder, const struct surface_identity *identity,
                        const struct api_error *error, struct dynbuf *out);
    const char *stream_content_type;

    /* Whole answers: collects events, then writes the body. reply_end is called after FINISH. */
    int (*reply_event)(struct surface_encoder *encoder, const struct event *event);
    int (*reply_end)(struct surface_encoder *encoder, const struct surface_identity *identity,
                     struct dynbuf *out);

    int (*error_body)(const struct api_error *error, struct dynbuf *out);
};

extern const struct surface surface_openai_chat;
extern const struct surface surface_openai_embeddings;

/* GET /v1/models and /v1/models/ID: one superset body for OpenAI's and Anthropic's clients (wire 2.1). */
struct surface_model {
    struct span id;       /* plain */
    struct span owned_by; /* plain */
    const char *kind;     /* "chat", "embedding", ... */
    uint64_t created_s;
    uint64_t context_tokens;    /* 0 = unknown */
    uint64_t output_tokens_max; /* 0 = unknown */
    uint32_t dimensions;        /* embeddings; 0 = unknown */
    uint64_t needs_served;      /* enum capability bits it can serve */
    uint32_t providers;         /* how many serve it now */
};
int surface_models_list(const struct surface_model *models, size_t count,
                        struct dynbuf *out) WARN_UNUSED;
int surface_models_one(const struct surface_model *model, struct dynbuf *out) WARN_UNUSED;
