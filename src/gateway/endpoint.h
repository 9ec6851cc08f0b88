// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Endpoints: one row for each method and path that PAPI serves. Paths are matched after normalisation (wire 1.9): with and
 * without /v1, doubled /v1/v1, OpenRouter's /api/v1, doubled and trailing slashes; the query is not looked at.
 */
#include "base/arena.h"
#include "surface/surface.h"

enum endpoint_access {
    ACCESS_PUBLIC,  /* liveness probes: no Host or Origin rule */
    ACCESS_PAGE,    /* the rules of product 6, but no key: what a browser may see first */
    ACCESS_CLIENT,  /* the rules of product 6, and in keys mode a key */
    ACCESS_METRICS, /* free for programs of this machine, else an admin token */
    ACCESS_ADMIN    /* an admin token, always */
};

enum endpoint_method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_POST = 4,
    METHOD_DELETE = 8,
    METHOD_OPTIONS = 16,
    METHOD_OTHER = 32
};

struct request;

struct endpoint {
    const char *path; /* normalised; ends in '*' when the rest is the endpoint's own */
    unsigned methods; /* enum endpoint_method bits */
    enum endpoint_access access;
    const struct surface *surface;    /* a task for providers, or */
    int (*answer)(struct request *r); /* an answer of our own */
    const char *about;
};

/* "/v1//chat/completions/" -> "/chat/completions". In the arena when it must change. */
struct span endpoint_normalise(struct span path, struct arena *arena);
unsigned endpoint_method_of(struct span method);
/* "a%2Fb" -> "a/b"; a broken escape stays as it is. In the arena when it must change. */
struct span endpoint_percent_decode(struct span text, struct arena *arena);
/* NULL when the path is not served. ret_rest: what stands for '*'. */
const struct endpoint *endpoint_find(struct span normalised_path, struct span *ret_rest);
/* "GET, HEAD, POST" for Allow; text of at least 64 bytes. */
void endpoint_allow(const struct endpoint *endpoint, char *text, size_t size);
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
