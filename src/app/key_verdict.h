// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the answer to a probe says of a key.
 */
#include "base/arena.h"
#include "base/secret.h"
#include "catalog/facts.h"
#include "http/header.h"

#define KEY_MODELS_MAX 20000 /* of a list; more are not looked at */

/* name, word, whether it counts as failed, what it means */
#define KEY_VERDICT_TABLE(X)                                                                   \
    X(KEY_OK, "ok", false, "the key is good")                                                  \
    X(KEY_REACHABLE, "reachable", false, "it answers; its answer proves no key")               \
    X(KEY_BAD, "bad key", true, "it refuses the key")                                          \
    X(KEY_NO_CREDIT, "no credit", true, "the key is known, but it wants money first")          \
    X(KEY_FORBIDDEN, "forbidden", true, "the key is known, or needed, but may not do this")    \
    X(KEY_REGION, "region", true, "it does not serve this region")                             \
    X(KEY_RATE_LIMITED, "rate limited", false, "it answers, but a limit is used up")           \
    X(KEY_UNREACHABLE, "unreachable", true, "no answer: name, connection, TLS, proxy or time") \
    X(KEY_UNKNOWN, "unknown", true, "an answer that says nothing of the key")                  \
    X(KEY_NOT_ASKED, "not asked", true, "nothing was sent")

enum key_verdict {
#define KEY_VERDICT_ENUM(name, word, failed, about) name,
    KEY_VERDICT_TABLE(KEY_VERDICT_ENUM)
#undef KEY_VERDICT_ENUM
        KEY_VERDICT_COUNT
};

struct key_answer {
    int err;    /* of the call; 0 = the answer is complete */
    int status; /* 0 = no head came */
    bool cut;   /* the body is longer than what is here */
    bool late;  /* it was given up when its time was over */
    struct span body;
    const struct http_headers *head; /* NULL = not kept */
    const struct fact_provider *facts;
    const struct secret *key; /* that was sent; NULL = none */
    bool proves, lists, chat; /* what was asked */
    int64_t wall_ms;
};

struct key_finding {
    enum key_verdict verdict;
    const char *says;          /* arena or static; "" = nothing to add; never a part of the key */
    const struct span *models; /* arena, plain text; those that were listed */
    uint32_t model_count;
    bool listed;
};

const char *key_verdict_word(enum key_verdict verdict);
bool key_verdict_failed(enum key_verdict verdict);
/* The finding lives in the arena and in the answer's body. */
void key_verdict_find(const struct key_answer *answer, struct arena *arena,
                      struct key_finding *ret_finding);
/* Text of a peer as one printable line of at most `size` bytes with its NUL, without any word that holds a part of the key. */
void key_verdict_tidy(struct span text, const struct secret *key, char *line, size_t size);
/* Whether a model of that id stands in the list. */
bool key_finding_has(const struct key_finding *finding, struct span id);
