// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Keys in files that people have: .env, JSON of the usual shapes, CSV with a header. Each key is given to the provider that its name
 * or its shape tells; what tells none, or several, is skipped with the reason.
 *
 * Ownership: key_import_free wipes all keys that were read. The text given is the caller's, who wipes it.
 */
#include "base/arena.h"
#include "base/secret.h"
#include "catalog/facts.h"

#define KEY_IMPORT_TEXT_MAX_BYTES ((size_t)1024 * 1024)
#define KEY_IMPORT_KEYS_MAX       1024
#define KEY_IMPORT_SKIPPED_MAX    1024

enum key_format { KEY_FORMAT_AUTO, KEY_FORMAT_ENV, KEY_FORMAT_JSON, KEY_FORMAT_CSV };
/* "env", "json", "csv", "auto"; ERR_INVALID. */
int key_format_parse(struct span word, enum key_format *ret_format) WARN_UNUSED;

struct imported_key {
    const struct fact_provider *provider;
    struct span account, billing; /* "default"; billing "" = not said */
    struct span from;             /* "GROQ_API_KEY (line 3)", "model_list[2]": never a value */
    struct secret *key;           /* owned */
};
struct imported_extra {
    struct span name, value, from; /* "CLOUDFLARE_ACCOUNT_ID" */
};
struct skipped_key {
    struct span from, reason;
};

struct key_import {
    struct arena arena;
    struct imported_key *keys;
    struct imported_extra *extras;
    struct skipped_key *skipped;
    uint32_t key_count, extra_count, skipped_count;
    bool cut; /* there were more than the bounds */
    char why[200];
};

/* ERR_INVALID: the text is not of that format, see (*ret)->why; *ret is set in any case. */
int key_import_read(const struct facts *facts, enum key_format format, struct span text,
                    struct key_import **ret_import) WARN_UNUSED;
void key_import_free(struct key_import *import); /* NULL is fine */

/* The provider that a key's beginning tells: the longest one that fits. NULL: none, or several, listed in `ret_several` ("a, b"). */
const struct fact_provider *key_shape_provider(const struct facts *facts, struct span key,
                                               char *ret_several, size_t size);
