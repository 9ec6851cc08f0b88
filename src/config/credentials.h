// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Keys that people have already: in the environment, or in a .env in the working directory, under names that the caller lists.
 *
 * Which name belongs to which provider is the caller's knowledge (catalog); here a provider is a number. A .env is read for the
 * names listed and nothing else, since it belongs to whatever lies in that directory.
 *
 * Ownership: config_credentials_free frees all, keys too (whoever keeps one takes a reference of its own).
 */
#include "base/secret.h"
#include "config/config.h"

#define CONFIG_DOTENV_MAX_BYTES      ((size_t)64 * 1024)
#define CONFIG_KEYS_PER_VARIABLE_MAX 64

struct config_variable {
    const char *name;  /* "GROQ_API_KEY"; borrowed: as long as the credentials */
    uint32_t provider; /* the caller's number */
    bool plain;        /* no key: a value that fills a base URL, such as CLOUDFLARE_ACCOUNT_ID */
};

struct config_credential {
    uint32_t provider;
    const char *variable; /* borrowed: config_variable.name */
    struct span account;  /* "default": keys of one variable share it */
    struct secret *key;   /* owned ref; NULL for a plain value */
    struct span value;    /* plain: of letters, digits, '-', '_', '.'; absent for keys */
    struct span source;   /* "GROQ_API_KEY" or ".env:3", for people */
};

struct config_credentials {
    struct config_credential
        *items; /* in the order of the variables; keys of one variable in theirs */
    uint32_t count;
    struct arena *arena; /* owned; texts of the report too */
};

struct config_credentials_query {
    const struct config_variable *variables;
    uint32_t variable_count;
    const struct config_environment *environment;
    const char *dotenv_path; /* ".env"; NULL = not read; need not exist */
    struct span dotenv_text; /* instead of a file (tests, fuzzing); absent = read the file */
};

/*
 * For each provider the first of its variables that is set in the environment, else the first in .env; plain values by name.
 * Values are judged: placeholders are left out with a warning, what cannot be a key is an error. Messages about .env have its
 * line; no message holds a value. ERR_INVALID when report.errors > 0; *ret_credentials is set in any case, with what is good.
 */
int config_credentials_read(const struct config_credentials_query *query,
                            struct config_credentials **ret_credentials,
                            struct config_report *ret_report) WARN_UNUSED;
void config_credentials_free(struct config_credentials *credentials); /* NULL is fine */
/* "changeme", "your-key-here", "sk-...", "<key>": what documents and templates show. */
bool config_key_is_placeholder(struct span text);
/* Without white space around it, as keys are pasted. */
struct span config_key_trim(struct span text);
/* NULL, or why no provider gives such keys: static, goes on after "the key". */
const char *config_key_problem(struct span key);
