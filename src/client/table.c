// SPDX-License-Identifier: Apache-2.0
/*
 * The table of clients: one block, made whole.
 *
 *   slots (hash -> key) ──► keys (hash, until) ──► clients (fixed size) ──► texts (names, patterns)
 *
 * Slots are open addressing by the first bytes of a key's keyed hash, at most two thirds full, so that a look-up costs one hash
 * and about two places. Those bytes are as good as random to anybody without this instance's secret: nobody can choose keys that
 * fall on one place, and where a search ends tells nothing about a key. What stands there is compared in constant time.
 * Promises: about 190 bytes a client, no pointer inside but offsets, no lock: nothing is written after it was made but the
 * number of references. Leaves to others: where rows come from (app), what a verdict means for a request (gateway).
 */
#include "client/table.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SLOT_EMPTY      UINT32_MAX
#define TEXTS_MAX_BYTES ((size_t)1 << 31)

struct key_row {
    struct client_key_hash hash;
    uint32_t client;
    int64_t until_ms;
};

struct client_table {
    atomic_int references;
    struct secret *hash_key; /* ref */
    uint32_t count, key_count, slot_mask;
    size_t bytes;
    struct client *clients; /* all of these lie in the table's own block */
    struct key_row *keys;
    uint32_t *slots;
    char *texts; /* names; patterns, each behind its length in a byte */
};

/* --- making --- */

struct measure {
    uint32_t keys, slots;
    size_t texts;
};

static int measure_row(const struct client_row *row, struct measure *measure) {
    const struct client *client = &row->client;
    bool in_range = client->role < CLIENT_ROLE_COUNT && client->priority < CLIENT_PRIORITY_COUNT &&
                    client->weight >= 1 && client->weight <= CLIENT_WEIGHT_MAX &&
                    client->id[0] != '\0' && memchr(client->id, '\0', CLIENT_ID_BYTES) != NULL;
    if (!in_range)
        return ERR_RANGE;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        if (client->limits.amount[i] > CLIENT_LIMIT_MOST)
            return ERR_RANGE;
    if (row->name.len > CLIENT_NAME_MAX_BYTES || client->model_count > CLIENT_MODELS_MAX ||
        row->key_count > CLIENT_KEYS_MAX)
        return ERR_TOO_LARGE;
    measure->keys += row->key_count;
    measure->texts += row->name.len;
    for (uint32_t i = 0; i < client->model_count; i++) {
        if (row->models[i].len == 0 || row->models[i].len > CLIENT_MODEL_MAX_BYTES)
            return ERR_TOO_LARGE;
        measure->texts += 1 + row->models[i].len;
    }
    return 0;
}

static uint32_t slots_for(uint32_t keys) {
    uint32_t slots = 4;
    while (slots < keys + keys / 2 + 1)
        slots *= 2;
    return slots;
}

static struct client_table *make_block(const struct measure *measure, uint32_t count) {
    size_t clients = (size_t)count * sizeof(struct client);
    size_t keys = (size_t)measure->keys * sizeof(struct key_row);
    size_t slots = (size_t)measure->slots * sizeof(uint32_t);
    size_t bytes = sizeof(struct client_table) + clients + keys + slots + measure->texts;
    struct client_table *table = mem_try_alloc(bytes);
    if (table == NULL)
        return NULL;
    char *at = (char *)(table + 1);
    *table = (struct client_table){.bytes = bytes, .slot_mask = measure->slots - 1};
    atomic_init(&table->references, 1);
    table->clients = (struct client *)(void *)at;
    table->keys = (struct key_row *)(void *)(at + clients);
    table->slots = (uint32_t *)(void *)(at + clients + keys);
    table->texts = at + clients + keys + slots;
    memset(table->slots, 0xff, slots);
    return table;
}

static uint32_t first_slot(const struct client_table *table, const struct client_key_hash *hash) {
    uint32_t place;
    memcpy(&place, hash->bytes, sizeof place);
    return place & table->slot_mask;
}

/* The key of that hash, or the empty slot where it would stand. */
static uint32_t find_slot(const struct client_table *table, const struct client_key_hash *hash) {
    uint32_t slot = first_slot(table, hash);
    while (table->slots[slot] != SLOT_EMPTY &&
           !hash_equal(table->keys[table->slots[slot]].hash.bytes, hash->bytes))
        slot = (slot + 1) & table->slot_mask;
    return slot;
}

static size_t add_texts(struct client_table *table, size_t used, const struct client_row *row,
                        struct client *client) {
    client->name_at = (uint32_t)used;
    client->name_bytes = (uint8_t)row->name.len;
    if (row->name.len > 0)
        memcpy(table->texts + used, row->name.ptr, row->name.len);
    used += row->name.len;
    client->models_at = (uint32_t)used;
    for (uint32_t i = 0; i < client->model_count; i++) {
        table->texts[used++] = (char)row->models[i].len;
        memcpy(table->texts + used, row->models[i].ptr, row->models[i].len);
        used += row->models[i].len;
    }
    return used;
}

static int add_keys(struct client_table *table, const struct client_row *row) {
    for (uint32_t i = 0; i < row->key_count; i++) {
        uint32_t slot = find_slot(table, &row->keys[i].hash);
        if (table->slots[slot] != SLOT_EMPTY)
            return ERR_DUPLICATE;
        table->keys[table->key_count] = (struct key_row){
            .hash = row->keys[i].hash, .client = table->count, .until_ms = row->keys[i].until_ms};
        table->slots[slot] = table->key_count++;
    }
    return 0;
}

static int order_numbers(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* One number for two clients would be one count for both. */
static int check_numbers(const struct client_table *table) {
    uint64_t *numbers = mem_try_alloc(((size_t)table->count + 1) * sizeof *numbers);
    if (numbers == NULL)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < table->count; i++)
        numbers[i] = table->clients[i].number;
    qsort(numbers, table->count, sizeof *numbers, order_numbers);
    int err = 0;
    for (uint32_t i = 1; i < table->count && err == 0; i++)
        err = numbers[i] == numbers[i - 1] ? ERR_DUPLICATE : 0;
    mem_free(numbers);
    return err;
}

static int fill(struct client_table *table, const struct client_row *rows, uint32_t count) {
    size_t used = 0;
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        struct client *client = &table->clients[i];
        *client = rows[i].client;
        client->number = client_number_of(span_text(client->id));
        used = add_texts(table, used, &rows[i], client);
        err = add_keys(table, &rows[i]);
        table->count++;
    }
    return err == 0 ? check_numbers(table) : err;
}

int client_table_new(const struct client_row *rows, uint32_t count, struct secret *hash_key,
                     struct client_table **ret_table) {
    struct measure measure = {0};
    if (count > CLIENTS_MAX)
        return ERR_TOO_LARGE;
    for (uint32_t i = 0; i < count; i++) {
        int err = measure_row(&rows[i], &measure);
        if (err < 0)
            return err;
    }
    if (measure.texts > TEXTS_MAX_BYTES)
        return ERR_TOO_LARGE;
    measure.slots = slots_for(measure.keys);
    struct client_table *table = make_block(&measure, count);
    if (table == NULL)
        return ERR_NOMEM;
    table->hash_key = secret_ref(hash_key);
    int err = fill(table, rows, count);
    if (err < 0)
        client_table_unref(table);
    else
        *ret_table = table;
    return err;
}

struct client_table *client_table_ref(struct client_table *table) {
    check(atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed) > 0);
    return table;
}

void client_table_unref(struct client_table *table) {
    if (table == NULL ||
        atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1)
        return;
    secret_unref(table->hash_key);
    mem_free(table);
}

/* --- asking --- */

static enum client_verdict judge(const struct client *client, const struct key_row *key,
                                 int64_t now_ms) {
    if (client->revoked_ms != 0 && client->revoked_ms <= now_ms)
        return CLIENT_REVOKED;
    if (client->expires_ms != 0 && client->expires_ms <= now_ms)
        return CLIENT_EXPIRED;
    return key->until_ms != 0 && key->until_ms <= now_ms ? CLIENT_REPLACED : CLIENT_KNOWN;
}

/* The checksum costs as much as the look-up: it is asked only once nobody was found. */
static enum client_verdict why_unknown(struct span key) {
    static const enum client_verdict verdicts[] = {
        [CLIENT_KEY_FOREIGN] = CLIENT_FOREIGN_KEY,
        [CLIENT_KEY_MISTYPED] = CLIENT_MISTYPED_KEY,
        [CLIENT_KEY_WELL_FORMED] = CLIENT_UNKNOWN_KEY,
    };
    enum client_role role;
    return verdicts[client_key_parse(key, &role)];
}

enum client_verdict client_table_find(const struct client_table *table, struct span key,
                                      int64_t now_ms, const struct client **ret_client) {
    struct client_key_hash hash;
    *ret_client = NULL;
    if (key.len == 0)
        return CLIENT_NO_KEY;
    if (!client_key_has_shape(key)) /* no bytes of any length are hashed */
        return why_unknown(key);
    client_key_hash(table->hash_key, key, &hash);
    uint32_t slot = find_slot(table, &hash);
    if (table->slots[slot] == SLOT_EMPTY)
        return why_unknown(key);
    const struct key_row *row = &table->keys[table->slots[slot]];
    *ret_client = &table->clients[row->client];
    return judge(*ret_client, row, now_ms);
}

uint32_t client_table_count(const struct client_table *table) {
    return table->count;
}

uint32_t client_table_count_active(const struct client_table *table, int64_t now_ms) {
    uint32_t count = 0, last = UINT32_MAX;
    for (uint32_t i = 0; i < table->key_count; i++) { /* a client's keys stand together */
        const struct key_row *key = &table->keys[i];
        if (key->client == last || judge(&table->clients[key->client], key, now_ms) != CLIENT_KNOWN)
            continue;
        last = key->client;
        count++;
    }
    return count;
}

const struct client *client_table_at(const struct client_table *table, uint32_t index) {
    check(index < table->count);
    return &table->clients[index];
}

const struct client *client_table_by_id(const struct client_table *table, struct span id) {
    for (uint32_t i = 0; i < table->count; i++)
        if (span_is(id, table->clients[i].id))
            return &table->clients[i];
    return NULL;
}

struct span client_name(const struct client_table *table, const struct client *client) {
    return span_of(table->texts + client->name_at, client->name_bytes);
}

bool client_model(const struct client_table *table, const struct client *client, uint32_t *at,
                  struct span *ret_pattern) {
    const char *text = table->texts + client->models_at;
    if (*at >= client->model_count)
        return false;
    for (uint32_t i = 0; i < *at; i++)
        text += 1 + (uint8_t)*text;
    *ret_pattern = span_of(text + 1, (uint8_t)*text);
    ++*at;
    return true;
}

bool client_may_use(const struct client_table *table, const struct client *client,
                    struct span model) {
    struct span pattern;
    if (client->model_count == 0)
        return true;
    for (uint32_t at = 0; client_model(table, client, &at, &pattern);)
        if (span_matches(pattern, model))
            return true;
    return false;
}

size_t client_table_bytes(const struct client_table *table) {
    return table->bytes;
}
