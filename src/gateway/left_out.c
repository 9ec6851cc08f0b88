// SPDX-License-Identifier: Apache-2.0
/*
 * What routes have refused, in a table that is mostly empty.
 *
 * Why a plain array: few providers refuse anything that their row of facts does not name, so a request looks at a handful of rows or
 * at none; and each loop learns for itself, since a refusal a loop is cheaper than a lock a request. Routes are known by their index
 * in a snapshot, so the table belongs to one version and begins anew with the next; a request of an older one finds nothing here
 * and leaves nothing. Promises: bounded, whatever providers say. Leaves to others: what is worth remembering (settle.c).
 */
#include "gateway/left_out.h"

#include "base/mem.h"

struct left_out_row {
    uint32_t route, count;
    uint8_t lengths[LEFT_OUT_NAMES_MAX];
    char names[LEFT_OUT_NAMES_MAX][LEFT_OUT_NAME_MAX_BYTES];
};

void left_out_done(struct left_out *table) {
    mem_free(table->rows);
    *table = (struct left_out){0};
}

static struct left_out_row *find(const struct left_out *table, uint32_t route) {
    for (uint32_t i = 0; i < table->count; i++)
        if (table->rows[i].route == route)
            return &table->rows[i];
    return NULL;
}

static struct left_out_row *new_row(struct left_out *table, uint32_t route) {
    if (table->rows == NULL)
        table->rows = mem_alloc(LEFT_OUT_ROUTES_MAX * sizeof *table->rows);
    uint32_t index = table->next;
    table->next = (table->next + 1) % LEFT_OUT_ROUTES_MAX;
    table->count += table->count < LEFT_OUT_ROUTES_MAX;
    table->rows[index].route = route;
    table->rows[index].count = 0;
    return &table->rows[index];
}

static struct span name_of(const struct left_out_row *row, uint32_t i) {
    return span_of(row->names[i], row->lengths[i]);
}

void left_out_learn(struct left_out *table, uint64_t version, uint32_t route, struct span name) {
    if (version < table->version || name.len == 0 || name.len > LEFT_OUT_NAME_MAX_BYTES)
        return;
    if (version > table->version) {
        table->version = version;
        table->count = table->next = 0;
    }
    struct left_out_row *row = find(table, route);
    row = row != NULL ? row : new_row(table, route);
    for (uint32_t i = 0; i < row->count; i++)
        if (span_equal(name_of(row, i), name))
            return;
    if (row->count == LEFT_OUT_NAMES_MAX)
        return;
    memcpy(row->names[row->count], name.ptr, name.len);
    row->lengths[row->count++] = (uint8_t)name.len;
}

void left_out_add(const struct left_out *table, uint64_t version, uint32_t route,
                  struct dialect_strips *strips) {
    const struct left_out_row *row =
        table->count > 0 && version == table->version ? find(table, route) : NULL;
    for (uint32_t i = 0; row != NULL && i < row->count && strips->count < DIALECT_STRIPS_MAX; i++)
        strips->names[strips->count++] = name_of(row, i);
}
