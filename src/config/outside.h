// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How the loader reaches outside, so that tests need neither variables nor a catalog.
 */
#include "base/span.h"

/* What the caller's catalog knows by name; the configuration itself knows no provider. */
struct config_catalog {
    bool (*knows_provider)(void *context, struct span id);
    /* A unified id, provider/model or what a provider calls a model; of any provider, used or not. */
    bool (*knows_model)(void *context, struct span name);
    const char *(*nearest_provider)(void *context, struct span id); /* NULL = none is near */
    /* Both optional: NULL = any is taken. Whether this provider has such a plan; whether there is such a zone. */
    bool (*knows_plan)(void *context, struct span provider, struct span plan);
    bool (*knows_zone)(void *context, struct span zone);
    void *context;
};

struct config_environment {
    const char *(*get)(void *context, const char *name); /* an environment variable or NULL */
    void *context;
    const struct config_catalog *catalog; /* NULL: every provider must be complete */
};
