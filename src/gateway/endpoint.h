// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Endpoints: one row for each method and path that PAPI serves. Paths are matched after normalisation (wire 1.9): with and
 * without /v1, doubled /v1/v1, OpenRouter's /api/v1, doubled and trailing slashes; the query is not looked at.
 */
#include "base/arena.h"
#include "gateway/schema.h"
#include "surface/surface.h"

enum endpoint_access {
    ACCESS_PUBLIC,  /* liveness probes: no Host or Origin rule */
    ACCESS_PAGE,    /* the rules of product 6, but no key: what a browser may see first */
    ACCESS_CLIENT,  /* the rules of product 6, and in keys mode a key */
    ACCESS_METRICS, /* free for programs of this machine, else an admin token */
    ACCESS_ADMIN    /* the owner's socket or an admin token, always */
};

enum endpoint_method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_DELETE = 8,
    METHOD_OPTIONS = 16,
    METHOD_OTHER = 32,
    METHOD_PUT = 64,
    METHOD_PATCH = 128
};
#define METHODS_READ ((unsigned)METHOD_GET | (unsigned)METHOD_HEAD)

struct request;

struct endpoint {
    /* Normalised. One '*' may stand for what is the endpoint's own: at the end for all that follows, else for one segment. */
    const char *path;
    unsigned methods; /* enum endpoint_method bits */
    enum endpoint_access access;
    const struct surface *surface;    /* a task for providers, or */
    int (*answer)(struct request *r); /* an answer of our own */
    const char *about;
    const struct endpoint_doc *doc; /* for /openapi.json */
};

/* A table of endpoints that another module serves. Several rows may have one path, each with its methods. */
struct endpoint_part {
    const struct endpoint *rows;
    uint32_t count;
};

struct endpoint_match {
    const struct endpoint *endpoint; /* NULL: the path is not served */
    unsigned allowed;                /* methods of all rows of that path */
    struct span rest;                /* what stands for '*' */
};

/* "/v1//chat/completions/" -> "/chat/completions". In the arena when it must change. */
struct span endpoint_normalise(struct span path, struct arena *arena);
unsigned endpoint_method_of(struct span method);
/* "a%2Fb" -> "a/b"; a broken escape stays as it is. In the arena when it must change. */
struct span endpoint_percent_decode(struct span text, struct arena *arena);
/* The first row whose path fits decides what is served there; of the rows with that path the one with the method is found, else the
 * first. Our own endpoints come before the further ones. */
struct endpoint_match endpoint_find(const struct endpoint_part *const *more, uint32_t more_parts,
                                    struct span normalised_path, unsigned method);
/* The table of our own. */
struct endpoint_part endpoint_own(void);
/* "GET, HEAD, POST" for Allow, of enum endpoint_method bits; text of at least 64 bytes. */
void endpoint_allow(unsigned allowed, char *text, size_t size);
/* The endpoints of OpenAI's API that PAPI does not serve, with the reason; NULL when the path is simply unknown. */
const char *endpoint_why_not(struct span normalised_path);

/* list.c */
int answer_models(struct request *r);
int answer_model(struct request *r);
/* answer.c */
int answer_health(struct request *r);
int answer_ready(struct request *r);
int answer_metrics(struct request *r);
int answer_root(struct request *r);

/* answer_request.c, answer_explain.c, answer_capacity.c */
int answer_papi_request(struct request *r);
int answer_papi_explain(struct request *r);
int answer_papi_capacity(struct request *r);
/* limits.c */
int answer_papi_limits(struct request *r);
