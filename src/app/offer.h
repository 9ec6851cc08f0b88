// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What there is of each provider, gathered from all places: its facts, the configuration's section, keys, a server that answered on
 * this machine; and the verdict whether it is used.
 *
 * Offers stand in the order of preference: the configuration's providers as in the file, then those of the catalog that have keys,
 * servers of this machine, keyless ones, simulated ones, and behind them those that are not used. Everything is borrowed.
 */
#include "app/local_servers.h"
#include "catalog/discover.h"
#include "config/config.h"
#include "config/credentials.h"
#include "vault/vault.h"

#define OFFER_KEYS_MAX 64 /* of one provider */

/* name, word of the admin API, what it is */
#define OFFER_PLACE_TABLE(X)                                          \
    X(OFFER_OF_ENVIRONMENT, "environment", "a variable")              \
    X(OFFER_OF_DOTENV, ".env", "a line of .env")                      \
    X(OFFER_OF_CONFIG, "config", "a line of the configuration")       \
    X(OFFER_OF_VAULT, "vault", "given by `papi provider add|import`") \
    X(OFFER_KEYLESS, "keyless", "none: it is asked without a key")    \
    X(OFFER_LOCAL, "local", "none: it is a server of this machine")

enum offer_place {
#define OFFER_PLACE_ENUM(name, word, about) name,
    OFFER_PLACE_TABLE(OFFER_PLACE_ENUM)
#undef OFFER_PLACE_ENUM
};
const char *offer_place_word(enum offer_place place);

struct offer_key {
    struct secret *key;  /* borrowed; NULL = asked without one */
    struct span account; /* "default" */
    struct span plan;    /* of the free tier; "" = the usual one */
    struct span source;  /* "GROQ_API_KEY", ".env:3", "papi.yaml:12", "vault" */
    enum offer_place place;
    struct span billing; /* "paid", "free", "unknown" */
    bool paid;           /* billing: paid */
    bool paused;
};

struct offer {
    const struct fact_provider *facts;    /* NULL = only configured */
    const struct config_provider *config; /* NULL = not named */
    const struct local_server *server;    /* NULL = none answered */
    bool simulated;                       /* of --demo */
    struct span id;
    struct discover_case found;
    enum discover_verdict verdict;
    struct offer_key *keys; /* arena */
    uint32_t key_count;     /* that may be used; behind them stand the paused ones */
    uint32_t paused_count;
};

struct offers {
    struct offer *items; /* arena */
    uint32_t count;
    struct discover_policy policy; /* by which the verdicts were given */
};

struct offer_sources {
    const struct facts *facts;
    const struct config *config;
    const struct config_credentials
        *credentials;                    /* NULL = none; provider = index into facts->providers */
    const struct vault_contents *vault;  /* NULL = none */
    const struct local_servers *servers; /* NULL = not looked for */
    const struct config *demo;           /* its providers are simulated; NULL = none */
    uint64_t version;                    /* of the snapshot to be built */
    bool
        test_keys; /* providers that are not used, but have a key, are built too: to be tried, not to serve */
};

/* ERR_TOO_LARGE: a provider has more keys than OFFER_KEYS_MAX (the first are kept). */
int offers_gather(const struct offer_sources *sources, struct arena *arena,
                  struct offers *ret_offers) WARN_UNUSED;
/* Whether it has a key and an address to try it at, used or not. */
bool offer_can_be_tried(const struct offer *offer);
/* The value of a variable that fills a {brace} of the base URL; absent when it is not set. */
struct span offer_extra(const struct offer_sources *sources, const struct fact_provider *facts,
                        const char *variable);
