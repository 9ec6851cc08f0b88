// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The running PAPI that a command talks to, and one HTTP call to it, as any other client would make it.
 */
#include "base/dynbuf.h"
#include "config/config.h"

#define INSTANCE_ANSWER_MAX_BYTES ((size_t)32 * 1024 * 1024)
#define INSTANCE_DEFAULT_URL      "http://127.0.0.1:7274"
#define INSTANCE_URL_HELP         "the running PAPI; else $PAPI_URL, " INSTANCE_DEFAULT_URL

struct instance {
    struct span text;      /* borrowed: as it was given */
    struct span base;      /* borrowed: the same without /v1 and slashes at its end */
    struct config_url url; /* borrowed: text */
};

/* The option's value, else $PAPI_URL, else the default. Complains and returns false when it is no URL. */
bool instance_find(const char *option, struct instance *ret_instance);

struct instance_call {
    const char *method;
    const char *path;   /* "/v1/models": what follows the base */
    struct span fields; /* "Name: value\r\n" lines */
    struct span body;   /* absent = none */
    uint64_t first_byte_ns, gap_ns;
    void (*on_head)(void *context, int status);
    void (*on_body)(void *context, struct span bytes);
    void *context;
};

/* Until the answer has ended: 0, or a class of base/err.h. */
int instance_call(const struct instance *instance, const struct instance_call *call) WARN_UNUSED;
/* A whole answer of at most body->cap_bytes; POST with `json`, GET when it is absent. */
int instance_ask(const struct instance *instance, const char *path, struct span json,
                 struct dynbuf *body, int *ret_status) WARN_UNUSED;
/* The same for commands: CLI_DONE with the body of a 200, else CLI_FAILED after complaining. The caller's dynbuf_done in any case. */
int instance_fetch(const struct instance *instance, const char *path, struct span json,
                   struct dynbuf *body);
/* The end of such a command: shows the body as it came or by `print`, unless `code` is not CLI_DONE, and lets go of it. */
int instance_show(int code, struct dynbuf *body, bool raw, int (*print)(struct span body));
/* Says on stderr why nobody answered. */
void instance_complain(const struct instance *instance, int err);
