// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What every call to a provider has in common, whoever makes it: where it goes, and the head fields that are not the task's.
 */
#include "catalog/snapshot.h"
#include "dialect/dialect.h"
#include "http/client.h"

struct upstream_fields {
    const char *content_type; /* NULL = nothing is sent */
    const char *accept;
    struct span hop; /* x-papi-hop */
};

/* Borrows from the provider. */
struct origin upstream_origin(const struct catalog_provider *provider);
/* Fields in `head`, which is initialised here and done by upstream_wipe_head, also after an error. `key` NULL: without one. */
int upstream_write_head(const struct catalog_provider *provider, const struct secret *key,
                        const struct dialect *dialect, const struct upstream_fields *fields,
                        struct dynbuf *head) WARN_UNUSED;
void upstream_wipe_head(struct dynbuf *head);
