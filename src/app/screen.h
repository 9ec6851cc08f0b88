// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The start screen as plain rows, filled by whoever knows: where PAPI listens, whom it asks and with which key, who may train on
 * prompts, what was found and is not used, what to set to get more. At most SCREEN_LINES_MAX lines.
 *
 * Ownership: everything is borrowed until screen_write returns. No member ever holds a key.
 */
#include "base/dynbuf.h"
#include "catalog/fact_words.h"

#define SCREEN_LINES_MAX   24
#define SCREEN_COLUMNS_MAX 100

/* One that is asked, with or without a key. */
struct screen_provider {
    struct span name; /* "groq" */
    struct span
        source; /* of its first key: "GROQ_API_KEY", ".env:3", "papi.yaml:12"; absent = needs no key */
    struct span address; /* "10.1.2.3:8000" for one the catalog does not know; else absent */
    uint32_t keys, accounts, models;
    enum fact_tri trains; /* on prompts */
    bool local;           /* prompts stay on this machine */
    bool paid;            /* asked only where an alias or a pin names it */
};

/* Found on this machine (app/local_servers.h). */
struct screen_server {
    struct span name;
    uint16_t port;
    uint32_t models;
    bool loading;
};

/* A key that is not used, and what would change that. */
struct screen_unused {
    struct span name, source;
    struct span why; /* "only bills: add tier: paid" */
};

/* What to set to get more, the easiest first. */
struct screen_hint {
    struct span variable; /* "MISTRAL_API_KEY" */
    struct span url;      /* where the key comes from */
};

struct screen {
    struct span url;         /* "http://127.0.0.1:7274" */
    bool usual_url;          /* where `papi chat` looks by itself */
    bool keys;               /* every client needs one */
    bool network;            /* the address is not a loopback one */
    bool unencrypted;        /* and keys may come to it over plain HTTP */
    struct span program;     /* as it was called, "build/release/papi"; absent = papi */
    struct span config_path; /* absent = none */
    struct span data_dir;
    bool ignored_config; /* a papi.yaml lies in the working directory and was not read */
    uint32_t loops;
    uint32_t models, aliases;
    const struct screen_provider *providers; /* with keys, or of the configuration */
    uint32_t provider_count;
    const struct screen_provider *keyless; /* of the catalog, used without a key */
    uint32_t keyless_count;
    const struct span *keyless_more; /* names that `keyless: all` would add */
    uint32_t keyless_more_count;
    bool keyless_off;
    const struct screen_server *servers;
    uint32_t server_count;
    const struct span *demo; /* names of the simulated ones */
    uint32_t demo_count;
    uint16_t demo_port;
    const struct screen_unused *unused;
    uint32_t unused_count;
    bool no_training; /* routing.data_use: those that may train are left out already */
    const struct screen_hint *hints;
    uint32_t hint_count;
    const struct span *notes; /* stale facts and the like, one line each */
    uint32_t note_count;
};

/* The last line is "listening on URL ...": what scripts wait for. */
int screen_write(const struct screen *screen, struct dynbuf *out) WARN_UNUSED;
/* To standard output. */
void screen_print(const struct screen *screen);
