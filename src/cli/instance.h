// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The running PAPI that a command talks to, and one HTTP call to it.
 *
 * By URL (--url, else $PAPI_URL) it is one that anybody may reach, with the key of $PAPI_API_KEY; else by the socket in a data
 * directory, as its owner: --data, else $PAPI_DATA, else the user's own and then the system service's. Calls go to the first that
 * answers.
 */
#include "base/dynbuf.h"
#include "config/config.h"

#define INSTANCE_ANSWER_MAX_BYTES ((size_t)32 * 1024 * 1024)
#define INSTANCE_DEFAULT_URL      "http://127.0.0.1:7274"
#define INSTANCE_SYSTEM_DATA      "/var/lib/papi"
#define INSTANCE_KEY_VARIABLE     "PAPI_API_KEY"
#define INSTANCE_PLACES_MAX       3
#define INSTANCE_PATH_BYTES       4096

struct instance_wish {
    const char *url, *data; /* the options' values, or NULL */
};
/* Two rows of a command's options; `type` has the member `wish`. */
#define INSTANCE_OPTIONS(type, wish)                                                            \
    {"--url", CLI_TEXT, offsetof(type, wish) + offsetof(struct instance_wish, url), "URL",      \
     "the running PAPI, else $PAPI_URL; else that of --data"},                                  \
    {                                                                                           \
        "--data", CLI_TEXT, offsetof(type, wish) + offsetof(struct instance_wish, data), "DIR", \
            "its data directory, else $PAPI_DATA, your own, " INSTANCE_SYSTEM_DATA              \
    }

struct instance_place {
    struct span text; /* borrowed: the URL as it was given, or the path of the socket */
    struct span
        base; /* borrowed: the URL without /v1 and slashes at its end; absent for a socket */
    struct config_url url; /* borrowed: text */
    int err;               /* what became of the last call to it */
};

struct instance {
    struct instance_place places[INSTANCE_PLACES_MAX];
    uint32_t count;
    uint32_t at;          /* the one that answered, or is tried first */
    uint64_t patience_ns; /* 0: as each call says */
    char paths[INSTANCE_PLACES_MAX][INSTANCE_PATH_BYTES];
};

enum instance_access {
    INSTANCE_PUBLIC, /* what every client may ask: where no socket answers, the usual URL does too */
    INSTANCE_OWNER,
    INSTANCE_BY_URL /* for those who take nothing but a URL: no socket */
};
/* Complains and returns false when an option is no good. */
bool instance_find(const struct instance_wish *wish, enum instance_access access,
                   struct instance *ret_instance);
/* Looks who answers at all, for commands that ask owners and clients differently: 0, or as instance_call. */
int instance_reach(struct instance *instance) WARN_UNUSED;
/* The one that answered, or the first. */
const struct instance_place *instance_place(const struct instance *instance);
/* False for a socket. */
bool instance_is_url(const struct instance *instance);

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
int instance_call(struct instance *instance, const struct instance_call *call) WARN_UNUSED;
/* A whole answer of at most body->cap_bytes; POST with `json`, GET when it is absent. */
int instance_ask(struct instance *instance, const char *path, struct span json, struct dynbuf *body,
                 int *ret_status) WARN_UNUSED;
/* What such a call came to: CLI_DONE for a 2xx, else CLI_FAILED after complaining. */
int instance_judge(const struct instance *instance, int err, int status, struct span body);
/* Both, for commands: CLI_DONE with the body of a 2xx. The caller's dynbuf_done in any case. */
int instance_fetch(struct instance *instance, const char *path, struct span json,
                   struct dynbuf *body);
/* With any method: "DELETE", "PATCH"; `json` may be absent. */
int instance_order(struct instance *instance, const char *method, const char *path,
                   struct span json, struct dynbuf *body);
/* The end of such a command: shows the body as it came or by `print`, unless `code` is not CLI_DONE, and lets go of it. */
int instance_show(int code, struct dynbuf *body, bool raw, int (*print)(struct span body));
/* Says on stderr why nobody answered. */
void instance_complain(const struct instance *instance, int err);

/* --- paths --- */
/* Appends "?name=value" or "&name=value", encoded (RFC 3986 section 2.3), unless the value is NULL. The caller looks at the text's
 * end: false when it did not fit. */
bool instance_add_query(char *path, size_t size, const char *name, const char *value);
/* Appends "/" and one encoded segment. */
bool instance_add_segment(char *path, size_t size, const char *segment);
