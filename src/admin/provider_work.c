// SPDX-License-Identifier: Apache-2.0
/*
 * The work on providers and keys, apart from who asks for it.
 *
 * Promises: an import is one transaction: all of its keys are kept, or none; keys that are there already are told and no error; no
 * message holds a key. Leaves to others: HTTP (provider_change.c), commands (cli/), sealing (vault/).
 */
#include "admin/provider_work.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/credentials.h"

#include <stdarg.h>
#include <stdio.h>

#define SEVERAL_BYTES 160
#define ACCOUNT_USUAL "default"

static bool refuse(struct provider_refusal *refusal, enum api_error_kind kind, const char *param,
                   const char *format, ...) PRINTF_LIKE(4, 5);

static bool refuse(struct provider_refusal *refusal, enum api_error_kind kind, const char *param,
                   const char *format, ...) {
    va_list arguments;
    refusal->kind = kind;
    refusal->param = param;
    va_start(arguments, format);
    (void)vsnprintf(refusal->why, sizeof refusal->why, format, arguments);
    va_end(arguments);
    return false;
}

/* --- before --- */

static bool key_fits(const struct provider_work *work, const struct facts *facts,
                     struct provider_refusal *refusal) {
    struct span key = secret_reveal(work->key);
    char several[SEVERAL_BYTES];
    const struct fact_provider *own = facts_provider(facts, work->provider);
    const struct fact_provider *shaped = key_shape_provider(facts, key, several, sizeof several);
    const char *problem = config_key_problem(key);
    if (problem != NULL)
        return refuse(refusal, API_BAD_REQUEST, "key", "The key %s.", problem);
    if (config_key_is_placeholder(key))
        return refuse(refusal, API_BAD_REQUEST, "key",
                      "That looks like a placeholder, not like a key.");
    if (own != NULL && shaped != NULL && shaped != own && own->key_prefix[0] != '\0')
        return refuse(refusal, API_BAD_REQUEST, "provider",
                      "That key is shaped like one of %s, not of %s. Add it there.", shaped->id,
                      own->id);
    return true;
}

bool provider_work_check(const struct provider_work *work, const struct facts *facts,
                         struct provider_refusal *ret_refusal) {
    const struct fact_provider *own = facts_provider(facts, work->provider);
    if (work->account.len > 0 && !vault_account_fits(work->account))
        return refuse(ret_refusal, API_BAD_REQUEST, "account",
                      "An account's name has at most %d letters, digits, '-', '_', '.', '@' and "
                      "'+'.",
                      VAULT_ACCOUNT_MAX_BYTES);
    if (work->act != PROVIDER_ADD)
        return true;
    if (!span_absent(work->extra.name) && !vault_extra_fits(&work->extra))
        return refuse(ret_refusal, API_BAD_REQUEST, "extra",
                      "What a provider's address needs is a variable and its value, of at most %d "
                      "letters, digits, '-', '_' and '.'.",
                      VAULT_EXTRA_MAX_BYTES);
    if (own != NULL && own->unusable[0] != '\0')
        return refuse(ret_refusal, API_BAD_REQUEST, "provider", "%s cannot be used: %s.", own->id,
                      own->unusable);
    if (own != NULL && own->kind == FACT_LOCAL)
        return refuse(ret_refusal, API_BAD_REQUEST, "provider",
                      "%s is a server of this machine and is found without a key.", own->id);
    return key_fits(work, facts, ret_refusal);
}

/* --- on the store's thread --- */

static int add(struct vault *vault, struct store_db *db, const struct vault_entry *entry) {
    struct vault_entry usual = *entry;
    if (usual.account.len == 0)
        usual.account = SPAN_LITERAL(ACCOUNT_USUAL);
    return vault_add(vault, db, &usual);
}

static int run_add(struct provider_work *work, struct vault *vault, struct store_db *db) {
    const struct vault_entry entry = {.provider = work->provider,
                                      .account = work->account,
                                      .billing = work->billing,
                                      .key = work->key,
                                      .now_ms = work->now_ms};
    int err = add(vault, db, &entry);
    if (err == 0 && !span_absent(work->extra.name))
        err = vault_set_extra(vault, db, &work->extra);
    return err;
}

static int run_import(struct provider_work *work, struct vault *vault, struct store_db *db) {
    const struct key_import *import = work->import;
    int err = 0;
    if (work->dry_run)
        return 0;
    for (uint32_t i = 0; i < import->key_count && err == 0; i++) {
        const struct imported_key *key = &import->keys[i];
        const struct vault_entry entry = {.provider = span_text(key->provider->id),
                                          .account = key->account,
                                          .billing = key->billing,
                                          .key = key->key,
                                          .now_ms = work->now_ms};
        err = add(vault, db, &entry);
        work->there_already[i] = err == ERR_EXISTS;
        if (err == ERR_EXISTS)
            err = 0;
    }
    for (uint32_t i = 0; i < import->extra_count && err == 0; i++)
        err = vault_set_extra(
            vault, db, &(struct vault_extra){import->extras[i].name, import->extras[i].value});
    return err;
}

static int run_pause(struct provider_work *work, struct vault *vault, struct store_db *db) {
    return vault_pause(vault, db, &(struct vault_pause){work->provider, work->account},
                       work->now_ms);
}

static int run_resume(struct provider_work *work, struct vault *vault, struct store_db *db) {
    return vault_resume(vault, db, &(struct vault_pause){work->provider, work->account});
}

static int run_remove(struct provider_work *work, struct vault *vault, struct store_db *db) {
    return vault_remove(vault, db, work->provider, work->account, &work->removed);
}

int provider_work_run(struct provider_work *work, struct vault *vault, struct store_db *db) {
    static int (*const runs[])(struct provider_work * work, struct vault * vault,
                               struct store_db * db) = {
        [PROVIDER_ADD] = run_add,       [PROVIDER_IMPORT] = run_import,
        [PROVIDER_PAUSE] = run_pause,   [PROVIDER_RESUME] = run_resume,
        [PROVIDER_REMOVE] = run_remove,
    };
    if (work->act == PROVIDER_IMPORT && work->there_already == NULL)
        work->there_already =
            mem_zalloc((work->import->key_count + (size_t)1) * sizeof *work->there_already);
    return runs[work->act](work, vault, db);
}

bool provider_work_changes(const struct provider_work *work) {
    return !work->dry_run && (work->act != PROVIDER_REMOVE || work->removed > 0);
}

/* --- after --- */

bool provider_work_refused(const struct provider_work *work, int err, struct vault *vault,
                           struct provider_refusal *ret_refusal) {
    char why[VAULT_WHY_BYTES];
    (void)vault_look(vault, why);
    ret_refusal->param = NULL;
    if (err == ERR_EXISTS)
        (void)refuse(ret_refusal, API_CONFLICT, "key", "%.*s has this key already.",
                     SPAN_ARG(work->provider));
    else if (err == ERR_SEAL)
        (void)refuse(ret_refusal, API_CONFLICT, NULL, "Nothing can be sealed: %s.",
                     why[0] != '\0' ? why : "the master key is not the one");
    else if (err == ERR_TOO_LARGE)
        (void)refuse(ret_refusal, API_CONFLICT, NULL,
                     "The vault is full: it holds %d keys, and %d bytes of what addresses need.",
                     VAULT_KEYS_MAX, STORE_NOTE_MAX_BYTES);
    else if (err == ERR_INVALID)
        (void)refuse(ret_refusal, API_BAD_REQUEST, NULL, "That cannot be kept as it is.");
    else
        return false;
    return true;
}

static void write_skipped(struct json_writer *writer, struct span from, struct span reason) {
    json_open_object(writer, NULL);
    json_put_text(writer, "from", from);
    json_put_text(writer, "reason", reason);
    json_close_object(writer);
}

static bool is_there(const struct provider_work *work, uint32_t i) {
    return work->there_already != NULL && work->there_already[i];
}

static void write_import(const struct provider_work *work, struct json_writer *writer) {
    const struct key_import *import = work->import;
    json_open_list(writer, "added");
    for (uint32_t i = 0; i < import->key_count; i++) {
        if (is_there(work, i))
            continue;
        json_open_object(writer, NULL);
        json_put_word(writer, "provider", import->keys[i].provider->id);
        json_put_text(writer, "account", import->keys[i].account);
        json_put_text(writer, "from", import->keys[i].from);
        json_close_object(writer);
    }
    json_close_list(writer);
    json_open_list(writer, "skipped");
    for (uint32_t i = 0; i < import->key_count; i++)
        if (is_there(work, i))
            write_skipped(writer, import->keys[i].from, SPAN_LITERAL("is in the vault already"));
    for (uint32_t i = 0; i < import->skipped_count; i++)
        write_skipped(writer, import->skipped[i].from, import->skipped[i].reason);
    if (import->cut)
        write_skipped(writer, SPAN_LITERAL("the rest"), SPAN_LITERAL("there are too many"));
    json_close_list(writer);
}

void provider_work_write(const struct provider_work *work, struct json_writer *writer) {
    json_open_object(writer, NULL);
    if (work->act == PROVIDER_IMPORT)
        write_import(work, writer);
    else
        json_put_u64(writer, "deleted", work->removed);
    json_close_object(writer);
}

void provider_work_done(struct provider_work *work) {
    secret_unref(work->key);
    key_import_free(work->import);
    mem_free(work->there_already);
    work->key = NULL;
    work->import = NULL;
    work->there_already = NULL;
}
