// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A dialect: one API that providers speak. It encodes a task into an upstream request and decodes the answer into events.
 *
 * Pure: no sockets, no clock. encode writes the request anew; parts it need not change are borrowed from the client's body.
 * A decoder belongs to one attempt. Framing is not its business: it is given whole records (the data of one server-sent
 * event) or one whole body.
 */
#include "catalog/facts.h"
#include "dialect/quirks.h"
#include "message/event.h"
#include "message/task.h"

#define DIALECT_DROPPED_MAX 24
#define DIALECT_STRIPS_MAX  5
#define DIALECT_IN_MESSAGES "messages[]."

/* Members to leave out, learned from refusals: "NAME" of the request or of messages, or "strict", by the name the provider got;
 * "messages[].NAME" of messages alone. The output limit is sent under its other name first. What dialect.can_strip denies is
 * not looked at. */
struct dialect_strips {
    struct span names[DIALECT_STRIPS_MAX]; /* borrowed */
    uint32_t count;
};

struct dialect_target {
    struct span upstream_model; /* plain UTF-8 */
    struct span
        base_path; /* "/v1" or "": path of base_url without the last slash, percent-encoded */
    uint64_t output_tokens_max;          /* 0 = unknown; the client's wish is clamped to it */
    const struct dialect_quirks *quirks; /* borrowed; NULL = none */
    struct dialect_strips strips;
};

struct dialect_request {
    const char *method;
    struct span path; /* in the arena */
    struct rope body; /* in the arena; borrows from the task */
    const char *content_type;
    const char *accept;
    const char
        *dropped[DIALECT_DROPPED_MAX]; /* what was left out, for x-papi-warning: ASCII, in the
                                                 arena or static; beyond the cap untold */
    uint32_t dropped_count;
};

enum dialect_auth { AUTH_BEARER, AUTH_X_API_KEY, AUTH_X_GOOG_API_KEY, AUTH_NONE };

struct dialect_decoder; /* the dialect's own; in the attempt arena */

enum dialect_end {
    DIALECT_COMPLETE,  /* a legal end was seen; FINISH was sent for every choice */
    DIALECT_TRUNCATED, /* neither finish nor end mark */
    DIALECT_EMPTY,     /* complete, but no token of any kind */
    DIALECT_GUARD,     /* only a word of a guard model: no TEXT and no FINISH was sent */
    DIALECT_FAILED     /* an ERROR event was sent */
};

struct dialect {
    const char *name;
    enum dialect_auth auth;

    int (*encode)(const struct task *task, const struct dialect_target *target, struct arena *arena,
                  struct dialect_request *ret_request);

    /* Events go to sink(context); the scratch arena is reset by the decoder for each record. */
    struct dialect_decoder *(*decoder_new)(struct arena *arena, const struct task *task,
                                           const struct dialect_quirks *quirks, event_sink sink,
                                           void *context);
    void (*decoder_free)(struct dialect_decoder *decoder);
    /* One record of a stream. ERR_INVALID: not this wire. What the sink returns comes back. */
    int (*on_record)(struct dialect_decoder *decoder, struct span data);
    /* A whole answer with status 200. */
    int (*on_body)(struct dialect_decoder *decoder, struct span body);
    /* The transfer ended as its framing says. Late FINISH and USAGE are sent from here. */
    enum dialect_end (*on_end)(struct dialect_decoder *decoder);
    /* What an answer that broke off, or is not wanted any more, has used so far; estimated where the provider did not say. */
    struct usage (*usage_so_far)(const struct dialect_decoder *decoder);
    /* The end mark ([DONE]) was seen: nothing of value follows. */
    bool (*is_over)(const struct dialect_decoder *decoder);
    /* Whether a task without this member is still what its client asked for, and can be sent. */
    bool (*can_strip)(struct span name);
};

/* The head field that carries a key: its name (NULL = none is sent), what stands before the key, and what is sent without one
 * (absent = nothing). The provider's own way comes before the wire's. `facts` NULL: nothing is known of it. */
struct dialect_key_field {
    const char *name;
    struct span before, anonymous;
};
struct dialect_key_field dialect_key_field(const struct dialect *dialect,
                                           const struct fact_provider *facts);

extern const struct dialect dialect_openai;
/* By config's `type`; NULL when unknown. */
const struct dialect *dialect_find(struct span name);
