// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Talking to a running PAPI over HTTP, as any other client does: one call, waited for. For the commands that ask an instance.
 */
#include "cli/cli.h"
#include "config/config.h"
#include "net/loop.h"

#define INSTANCE_DEFAULT_URL      "http://127.0.0.1:7274"
#define INSTANCE_ANSWER_MAX_BYTES ((size_t)32 * 1024 * 1024)

struct instance {
    const char *url; /* borrowed */
    struct config_url parts;
};

/* Where it is: the option, else $PAPI_URL, else the default. False when it is no URL: complained already. */
bool instance_find(const char *option, struct instance *ret_instance);

struct instance_call {
    const char *method;
    struct span path;   /* below the API's root: "/v1/models" */
    struct span body;   /* JSON; absent = none */
    const char *accept; /* "application/json" */
    void (*on_status)(void *context, int status);
    void (*on_bytes)(void *context, struct span bytes);
    void *context;
};
/* Runs the call to its end; 0 or a mishap. */
int instance_run(const struct instance *instance, const struct instance_call *call) WARN_UNUSED;
/* Complains about a mishap in words that help. */
void instance_complain(const struct instance *instance, int err);

/* A whole answer, collected. CLI_DONE with status and body; else complained already. The caller's dynbuf_done. */
int instance_ask(const struct instance *instance, const char *method, struct span path,
                 struct span body, int *ret_status, struct dynbuf *ret_body);
/* Complains with the API's own message about a status that is no success. */
void instance_complain_status(const struct instance *instance, int status, struct span body);
