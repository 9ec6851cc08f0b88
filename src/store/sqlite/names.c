// SPDX-License-Identifier: Apache-2.0
/*
 * The dictionary: names that occur in many rows (providers, models, outcomes, ...) are kept once and stand in rows as numbers.
 *
 * Why: rows become half as large, and indexes on them a quarter. Names that a peer makes up freely (the model asked for) are not
 * put here, since the dictionary only grows. A small table in memory, by hash, saves the look-up for nearly every one; it is
 * forgotten with a transaction that is undone, since that may have undone the name too.
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/record.h"
#include "store/sqlite/db.h"

struct db_name {
    uint64_t id; /* 0 = empty */
    uint64_t hash;
    char text[STORE_NAME_MAX_BYTES];
    uint8_t length;
};

static struct db_name *place_of(struct store_db *db, uint64_t hash) {
    if (db->names == NULL)
        db->names = mem_zalloc(DB_NAMES_CACHED * sizeof *db->names);
    return &db->names[hash % DB_NAMES_CACHED];
}

static int look_up(struct store_db *db, struct span name, uint64_t *ret_id) {
    struct statement find = db_kept(db, KEPT_NAME_FIND);
    bind_text(&find, name);
    int err = statement_step(&find);
    if (err > 0)
        *ret_id = column_int(&find, 0);
    statement_done(&find);
    if (err != 0)
        return err < 0 ? err : 0;
    struct statement add = db_kept(db, KEPT_NAME_ADD);
    bind_text(&add, name);
    err = statement_run(&add);
    *ret_id = (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
    return err;
}

int db_name_id(struct store_db *db, struct span name, uint64_t *ret_id) {
    *ret_id = 0;
    if (name.len == 0)
        return 0;
    check(name.len <= STORE_NAME_MAX_BYTES);
    uint64_t hash = span_hash(name);
    struct db_name *place = place_of(db, hash);
    if (place->id != 0 && place->hash == hash &&
        span_equal(span_of(place->text, place->length), name)) {
        *ret_id = place->id;
        return 0;
    }
    int err = look_up(db, name, ret_id);
    if (err < 0)
        return err;
    *place = (struct db_name){.id = *ret_id, .hash = hash, .length = (uint8_t)name.len};
    memcpy(place->text, name.ptr, name.len);
    return 0;
}

void db_names_forget(struct store_db *db) {
    if (db->names != NULL)
        memset(db->names, 0, DB_NAMES_CACHED * sizeof *db->names);
}

void db_names_free(struct store_db *db) {
    mem_free(db->names);
    db->names = NULL;
}
