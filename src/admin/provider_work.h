// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Changing providers and their keys: the same work for the admin API of a running gateway and for commands on a data directory that
 * nobody serves. Checked first, then run in a job of the store, then told.
 */
#include "admin/key_import.h"
#include "surface/api_error.h"
#include "vault/vault.h"
#include "json/writer.h"

enum provider_act {
    PROVIDER_ADD,
    PROVIDER_IMPORT,
    PROVIDER_PAUSE,
    PROVIDER_RESUME,
    PROVIDER_REMOVE
};

#define PROVIDER_WORK_WHY_BYTES 768

struct provider_work {
    enum provider_act act;
    struct span provider, account,
        billing;               /* account absent: "default" when adding, else the whole provider */
    struct secret *key;        /* owned; ADD */
    struct vault_extra extra;  /* ADD: with the key; name absent = none */
    struct key_import *import; /* owned; IMPORT */
    bool dry_run;              /* IMPORT: only tells */
    uint64_t now_ms;
    /* what became of it */
    uint32_t removed;
    bool *there_already; /* owned; of each imported key */
};

struct provider_refusal {
    enum api_error_kind kind;
    const char *param; /* static; NULL = none */
    char why[PROVIDER_WORK_WHY_BYTES];
};

/* ADD: whether that may be a key of `provider` (NULL facts: only configured). False after ret_refusal was filled. */
bool provider_work_check(const struct provider_work *work, const struct facts *facts,
                         struct provider_refusal *ret_refusal);
/* On the store's thread; the caller settles the vault. */
int provider_work_run(struct provider_work *work, struct vault *vault,
                      struct store_db *db) WARN_UNUSED;
/* Whether what was run changes who can be asked. */
bool provider_work_changes(const struct provider_work *work);
/* In words, for err of provider_work_run; false: the store's matter. */
bool provider_work_refused(const struct provider_work *work, int err, struct vault *vault,
                           struct provider_refusal *ret_refusal);
/* {"added":[...],"skipped":[...]} or {"deleted":n}. */
void provider_work_write(const struct provider_work *work, struct json_writer *writer);
void provider_work_done(struct provider_work *work);
