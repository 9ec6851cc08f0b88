// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The master key of this instance: DATA/key (32 bytes, readable by the owner alone), or PAPI_VAULT_KEY (64 hexadecimal digits or
 * base64). What the vault seals with and clients' keys are hashed with is derived from it (crypto/subkey.h).
 *
 * The directory's lock is held by the caller. Owner of the struct: the caller; close it on every path.
 */
#include "base/dynbuf.h"
#include "base/secret.h"

#define MASTER_KEY_FILE     "key"
#define MASTER_KEY_NEW_FILE "key.new" /* lies there while a rotation is under way */
#define MASTER_KEY_VARIABLE "PAPI_VAULT_KEY"

enum master_key_source { MASTER_KEY_NONE, MASTER_KEY_OF_FILE, MASTER_KEY_OF_ENVIRONMENT };

struct master_key {
    struct secret *key;  /* owned; NULL: there is none, or it cannot be used */
    struct secret *next; /* owned; of a rotation that was cut; NULL: none is under way */
    enum master_key_source source;
    bool made;     /* by this call */
    char why[400]; /* after an error: what is wrong with which file, and the cure */
};

/*
 * Reads PAPI_VAULT_KEY, once, before there are threads, and takes it out of the environment (the bytes too). 0 also when it is not
 * set: then *ret_key is NULL. ERR_INVALID: it holds no key.
 */
int master_key_take_environment(struct secret **ret_key) WARN_UNUSED;
/* PAPI_VAULT_KEY=... and a NUL, for the environment of a process that takes over. The caller wipes it. */
int master_key_give_environment(const struct secret *given, struct dynbuf *ret_entry) WARN_UNUSED;
/*
 * `given`: what master_key_take_environment found, borrowed; NULL: the file. `may_make`: a missing file is made, durably, before
 * this returns. ERR_NOT_FOUND: missing, and not to be made. ERR_PERMISSION: others may read it, or it is not ours. ERR_INVALID: no
 * key file. ERR_SYSTEM. After an error ret->why says it in words.
 */
int master_key_open(const char *data_dir, struct secret *given, bool may_make,
                    struct master_key *ret) WARN_UNUSED;
void master_key_close(struct master_key *key);

/* Rotation, in this order; each is durable when it returns. `next` lies beside the key, then takes its place or goes. */
int master_key_stage(const char *data_dir, const struct secret *next) WARN_UNUSED;
int master_key_commit(const char *data_dir) WARN_UNUSED;
int master_key_abandon(const char *data_dir) WARN_UNUSED;
