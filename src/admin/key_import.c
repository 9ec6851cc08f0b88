// SPDX-License-Identifier: Apache-2.0
/*
 * Importing keys: whose key is this?
 *
 * Order of evidence: what the file says in words (a variable's name, a provider's id, the part of a model's name before the slash, the
 * host of a URL), then the shape of the key itself. Where words and shape contradict each other, nothing is guessed: a key sent to
 * the wrong provider is a key given away. Values are never put into a message.
 * Promises: bounded; keys are secrets as soon as they are recognised; what is skipped is told with its reason, and what is no key at
 * all (DEBUG=1) is passed over. Leaves to others: names (key_names.c), the formats (key_import_*.c), keeping keys (vault/).
 */
#include "admin/key_import_parts.h"
#include "admin/key_names.h"

#include "base/check.h"
#include "base/mem.h"
#include "config/credentials.h"
#include "vault/vault.h"

#include <stdarg.h>
#include <stdio.h>

#define IMPORT_ARENA_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define SEVERAL_BYTES          160
#define KEY_LEAST_BYTES        16 /* shorter ones are recognised by their name only */
#define TELLING_PREFIX_BYTES   4  /* "sk-" is everybody's */

static const char *const format_words[] = {[KEY_FORMAT_AUTO] = "auto",
                                           [KEY_FORMAT_ENV] = "env",
                                           [KEY_FORMAT_JSON] = "json",
                                           [KEY_FORMAT_CSV] = "csv"};

int key_format_parse(struct span word, enum key_format *ret_format) {
    for (size_t i = 0; i < array_length(format_words); i++)
        if (span_is(word, format_words[i])) {
            *ret_format = (enum key_format)i;
            return 0;
        }
    return ERR_INVALID;
}

/* A shape that is somebody else's alone. */
static bool contradicts(const struct fact_provider *provider, const struct fact_provider *shaped) {
    return shaped != NULL && shaped != provider &&
           strlen(shaped->key_prefix) >= TELLING_PREFIX_BYTES;
}

/* --- taking --- */

void key_hint(struct key_found *found, struct span hint) {
    if (hint.len > 0 && found->hint_count < HINTS_MAX)
        found->hints[found->hint_count++] = hint;
}

static struct span keep(struct key_import *import, struct span text) {
    struct span copied = SPAN_LITERAL("");
    if (text.len > 0 && arena_copy(&import->arena, text, &copied) < 0)
        import->cut = true;
    return copied;
}

void key_skip(struct key_reading *reading, struct span from, const char *format, ...) {
    struct key_import *import = reading->import;
    char text[512];
    va_list arguments;
    if (import->skipped_count == KEY_IMPORT_SKIPPED_MAX) {
        import->cut = true;
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    import->skipped[import->skipped_count++] =
        (struct skipped_key){.from = keep(import, from), .reason = keep(import, span_text(text))};
}

static bool is_there(const struct key_import *import, const struct fact_provider *provider,
                     struct span key) {
    for (uint32_t i = 0; i < import->key_count; i++)
        if (import->keys[i].provider == provider && secret_equal(import->keys[i].key, key))
            return true;
    return false;
}

/* Other words, "free plan", say nothing that may be relied on. */
static struct span billing_of(struct span word) {
    return span_is(word, "free")   ? SPAN_LITERAL("free")
           : span_is(word, "paid") ? SPAN_LITERAL("paid")
                                   : SPAN_LITERAL("");
}

static void take_for(struct key_reading *reading, const struct key_found *found,
                     const struct fact_provider *provider, struct span key) {
    struct key_import *import = reading->import;
    struct secret *secret;
    if (is_there(import, provider, key)) {
        key_skip(reading, found->from, "the same key of %s stands there twice", provider->id);
        return;
    }
    if (import->key_count == KEY_IMPORT_KEYS_MAX || secret_new(key, &secret) < 0) {
        import->cut = true;
        return;
    }
    import->keys[import->key_count++] = (struct imported_key){
        .provider = provider,
        .account = found->account.len > 0 ? keep(import, found->account) : SPAN_LITERAL("default"),
        .billing = billing_of(found->billing),
        .from = keep(import, found->from),
        .key = secret};
}

static const char *unfit(const struct fact_provider *provider) {
    if (provider->unusable[0] != '\0')
        return provider->unusable;
    return provider->kind == FACT_LOCAL ? "a server of this machine needs no key" : NULL;
}

static void take_known(struct key_reading *reading, const struct key_found *found,
                       const struct fact_provider *provider, struct span key) {
    const char *problem = config_key_problem(key);
    if (problem != NULL)
        key_skip(reading, found->from, "the key %s", problem);
    else if (found->account.len > 0 && !vault_account_fits(found->account))
        key_skip(reading, found->from,
                 "its account's name is too long, or has more than letters, digits and -_.@+");
    else if (unfit(provider) != NULL)
        key_skip(reading, found->from, "%s cannot be used: %s", provider->id, unfit(provider));
    else
        take_for(reading, found, provider, key);
}

static void take_one(struct key_reading *reading, const struct key_found *found, struct span key) {
    const struct fact_provider *named = NULL;
    char several[SEVERAL_BYTES];
    for (uint32_t i = 0; i < found->hint_count && named == NULL; i++)
        named = key_hint_provider(reading->facts, found->hints[i]);
    bool long_enough = key.len >= KEY_LEAST_BYTES;
    const struct fact_provider *shaped =
        key_shape_provider(reading->facts, key, several, sizeof several);
    const struct fact_provider *provider = named != NULL ? named : long_enough ? shaped : NULL;
    if (provider == NULL && !found->certain && (several[0] == '\0' || !long_enough))
        return; /* DEBUG=1 */
    if (config_key_is_placeholder(key))
        key_skip(reading, found->from, "looks like a placeholder");
    else if (provider == NULL && several[0] != '\0')
        key_skip(reading, found->from,
                 "its shape fits several providers (%s): name the one it belongs to", several);
    else if (provider == NULL)
        key_skip(reading, found->from, "neither its name nor its shape tells the provider");
    else if (named != NULL && contradicts(named, shaped))
        key_skip(reading, found->from, "named after %s, but shaped like a key of %s", named->id,
                 shaped->id);
    else
        take_known(reading, found, provider, key);
}

static bool take_extra(struct key_reading *reading, const struct key_found *found) {
    struct key_import *import = reading->import;
    const char *name =
        found->hint_count > 0 ? key_extra_variable(reading->facts, found->hints[0]) : NULL;
    struct span value = config_key_trim(found->value);
    if (name == NULL)
        return false;
    if (config_key_is_placeholder(value))
        key_skip(reading, found->from, "looks like a placeholder");
    else if (!vault_extra_fits(&(struct vault_extra){span_text(name), value}))
        key_skip(reading, found->from, "is no such value");
    else if (import->extra_count < KEY_IMPORT_KEYS_MAX)
        import->extras[import->extra_count++] =
            (struct imported_extra){.name = span_text(name),
                                    .value = keep(import, value),
                                    .from = keep(import, found->from)};
    return true;
}

void key_take(struct key_reading *reading, const struct key_found *found) {
    struct span rest = config_key_trim(found->value), part;
    if (rest.len == 0 || take_extra(reading, found))
        return;
    while (rest.len > 0 && span_split(&rest, ',', &part)) {
        part = config_key_trim(part);
        if (part.len > 0)
            take_one(reading, found, part);
    }
}

/* --- the whole --- */

static bool has_byte(struct span text, char byte) {
    return text.len > 0 && memchr(text.ptr, byte, text.len) != NULL;
}

/* By the first line that says something. */
static enum key_format guess(struct span text) {
    struct span line;
    while (text.len > 0 && span_split(&text, '\n', &line)) {
        line = config_key_trim(line);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (line.ptr[0] == '{' || line.ptr[0] == '[')
            return KEY_FORMAT_JSON;
        bool columns = has_byte(line, ',') || has_byte(line, ';') || has_byte(line, '\t');
        return columns && !has_byte(line, '=') ? KEY_FORMAT_CSV : KEY_FORMAT_ENV;
    }
    return KEY_FORMAT_ENV;
}

int key_import_read(const struct facts *facts, enum key_format format, struct span text,
                    struct key_import **ret_import) {
    static int (*const readers[])(struct key_reading * reading,
                                  struct span text) = {[KEY_FORMAT_ENV] = key_read_env,
                                                       [KEY_FORMAT_JSON] = key_read_json,
                                                       [KEY_FORMAT_CSV] = key_read_csv};
    struct key_import *import = mem_zalloc(sizeof *import);
    struct key_reading reading = {.facts = facts, .import = import};
    *ret_import = import;
    arena_init(&import->arena, NULL, 0, IMPORT_ARENA_MAX_BYTES);
    import->keys = mem_zalloc(KEY_IMPORT_KEYS_MAX * sizeof *import->keys);
    import->extras = mem_zalloc(KEY_IMPORT_KEYS_MAX * sizeof *import->extras);
    import->skipped = mem_zalloc(KEY_IMPORT_SKIPPED_MAX * sizeof *import->skipped);
    if (text.len > KEY_IMPORT_TEXT_MAX_BYTES) {
        (void)snprintf(import->why, sizeof import->why, "it is larger than 1 MiB");
        return ERR_INVALID;
    }
    if (span_starts_with(text, "\xEF\xBB\xBF"))
        text = span_of(text.ptr + 3, text.len - 3);
    return readers[format == KEY_FORMAT_AUTO ? guess(text) : format](&reading, text);
}

void key_import_free(struct key_import *import) {
    if (import == NULL)
        return;
    for (uint32_t i = 0; i < import->key_count; i++)
        secret_unref(import->keys[i].key);
    mem_free(import->keys);
    mem_free(import->extras);
    mem_free(import->skipped);
    arena_reset(&import->arena);
    mem_free(import);
}
