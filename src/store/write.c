// SPDX-License-Identifier: Apache-2.0
/*
 * Records into the database: rows of requests and attempts, totals of minutes, hours and days, and the journal's positions, in one
 * transaction.
 *
 * A request's id is the millisecond it ended, shifted left by 20, or the last id plus one: ids grow in the order of
 * recording, which within a batch is that of their ends, and nearly always with time. Totals of a batch are summed up in memory first, so that a thousand records of one
 * model cost three upserts. A sum that is negative for SQLite does not exist: numbers stop at 2^63 - 1.
 *
 * Promises: after a failed batch nothing of it is in the database and the journal still has all of it. Leaves to others: beginning
 * again (writer.c).
 */
#include "base/check.h"
#include "base/clock.h"
#include "obs/log.h"
#include "store/parts.h"

#define ID_TIME_BITS 20
#define ID_TIME_MOST ((uint64_t)INT64_MAX >> ID_TIME_BITS)

/* --- rows --------------------------------------------------------------------------------------------------------- */

static int next_id(struct store_db *db, const struct store_request *request, uint64_t *ret_id) {
    if (db->last_request == 0) {
        struct statement statement = db_statement(db, "SELECT max(id) FROM request");
        int err = statement_step(&statement);
        if (err > 0)
            db->last_request = column_int(&statement, 0);
        statement_done(&statement);
        if (err < 0)
            return err;
    }
    uint64_t ended_ms = request->at_ms + request->duration_ms;
    if (ended_ms >= ID_TIME_MOST)
        ended_ms = ID_TIME_MOST - 1;
    *ret_id = ended_ms << ID_TIME_BITS;
    if (*ret_id <= db->last_request)
        *ret_id = db->last_request + 1;
    db->last_request = *ret_id;
    return 0;
}

static int ids_of(struct store_db *db, const struct span *names, int count, uint64_t *ret_ids) {
    for (int i = 0; i < count; i++) {
        int err = db_name_id(db, total_name_cut(names[i]), &ret_ids[i]);
        if (err < 0)
            return err;
    }
    return 0;
}

static void bind_id_or_null(struct statement *statement, uint64_t id) {
    if (id == 0)
        bind_null(statement);
    else
        bind_int(statement, id);
}

static int write_request_row(struct store_db *db, uint64_t id, const struct store_request *r) {
    enum { CLIENT, ENDPOINT, SERVED, PROVIDER, ACCOUNT, ERROR, COUNT };
    const struct span names[COUNT] = {r->client,   r->endpoint, r->served,
                                      r->provider, r->account,  r->error};
    uint64_t ids[COUNT];
    int err = ids_of(db, names, COUNT, ids);
    if (err < 0)
        return err;
    struct statement insert = db_kept(db, KEPT_REQUEST);
    bind_int(&insert, id);
    bind_text(&insert, r->id);
    bind_id_or_null(&insert, ids[CLIENT]);
    bind_int(&insert, ids[ENDPOINT]);
    bind_text_or_null(&insert, r->model);
    bind_id_or_null(&insert, ids[SERVED]);
    bind_id_or_null(&insert, ids[PROVIDER]);
    bind_int(&insert, ids[ACCOUNT]);
    bind_id_or_null(&insert, ids[ERROR]);
    bind_int(&insert, r->status);
    bind_int(&insert, r->stream);
    bind_int(&insert, r->at_ms);
    bind_int(&insert, r->queued_ms);
    if (r->has_first_token)
        bind_int(&insert, r->first_token_ms);
    else
        bind_null(&insert);
    bind_int(&insert, r->duration_ms);
    bind_int(&insert, r->input_tokens);
    bind_int(&insert, r->output_tokens);
    bind_int(&insert, r->attempts);
    return statement_run(&insert);
}

static int write_attempt_row(struct store_db *db, uint64_t id, uint32_t number,
                             const struct store_attempt *a) {
    enum { PROVIDER, ACCOUNT, MODEL, UPSTREAM, OUTCOME, COST_UNIT, COUNT };
    const struct store_charge *charge = &a->charge;
    const struct span names[COUNT] = {a->provider, a->account, a->model,
                                      a->upstream, a->outcome, charge->cost_unit};
    uint64_t ids[COUNT];
    int err = ids_of(db, names, COUNT, ids);
    if (err < 0)
        return err;
    const uint64_t values[] = {id,
                               number,
                               ids[PROVIDER],
                               ids[ACCOUNT],
                               ids[MODEL],
                               ids[UPSTREAM],
                               ids[OUTCOME],
                               a->status,
                               a->at_ms,
                               a->waited_ms,
                               a->duration_ms,
                               a->input_tokens,
                               a->output_tokens,
                               charge->input_tokens,
                               charge->output_tokens,
                               charge->input_up_front,
                               charge->output_up_front,
                               charge->inputs,
                               charge->audio_seconds,
                               charge->cost,
                               ids[COST_UNIT]};
    struct statement insert = db_kept(db, KEPT_ATTEMPT);
    for (size_t i = 0; i < array_length(values); i++)
        bind_int(&insert, values[i]);
    return statement_run(&insert);
}

static int write_rows(struct store_db *db, const struct store_request *request) {
    uint64_t id;
    int err = next_id(db, request, &id);
    if (err == 0)
        err = write_request_row(db, id, request);
    for (uint32_t i = 0; err == 0 && i < request->ladder_count; i++)
        err = write_attempt_row(db, id, i, &request->ladder[i]);
    return err;
}

/* --- totals ------------------------------------------------------------------------------------------------------- */

/* The id of a set of names in a table of such sets; it is added when it is not there. */
static int set_id(struct store_db *db, enum kept_statement find_it, const uint64_t *names,
                  int count, uint64_t *ret_id) {
    struct statement find = db_kept(db, find_it);
    for (int i = 0; i < count; i++)
        bind_int(&find, names[i]);
    int err = statement_step(&find);
    if (err > 0)
        *ret_id = column_int(&find, 0);
    statement_done(&find);
    if (err != 0)
        return err < 0 ? err : 0;
    struct statement add = db_kept(db, find_it == KEPT_LANE_FIND ? KEPT_LANE_ADD : KEPT_SERIES_ADD);
    for (int i = 0; i < count; i++)
        bind_int(&add, names[i]);
    err = statement_run(&add);
    *ret_id = (uint64_t)sqlite3_last_insert_rowid(db->sqlite);
    return err;
}

struct period {
    enum kept_statement add;
    uint64_t ms;
};

/* row[0] is when, row[1] who, then come the values. */
static int add_to(struct store_db *db, const struct period *period, uint64_t *row, size_t count,
                  uint64_t at_ms) {
    struct statement statement = db_kept(db, period->add);
    row[0] = at_ms - at_ms % period->ms;
    for (size_t i = 0; i < count; i++)
        bind_int(&statement, row[i]);
    return statement_run(&statement);
}

static int write_series(struct store_db *db, const struct total *total, const uint64_t *names) {
    static const struct period periods[] = {
        {KEPT_MINUTE, 1}, {KEPT_HOUR, MS_PER_HOUR}, {KEPT_DAY, MS_PER_DAY}};
    const uint64_t *v = total->values;
    uint64_t row[] = {0,
                      0,
                      v[TOTAL_REQUESTS],
                      v[TOTAL_ATTEMPTS],
                      v[TOTAL_INPUT_TOKENS],
                      v[TOTAL_OUTPUT_TOKENS],
                      v[TOTAL_WAITED_MS],
                      v[TOTAL_DURATION_MS],
                      v[TOTAL_COST]};
    int err = set_id(db, KEPT_SERIES_FIND, names, TOTAL_NAMES, &row[1]);
    for (size_t i = 0; err == 0 && i < array_length(periods); i++)
        err = add_to(db, &periods[i], row, array_length(row), total->key.minute_ms);
    return err;
}

static int write_lane(struct store_db *db, const struct total *total, const uint64_t *names) {
    static const struct period periods[] = {
        {KEPT_LANE_MINUTE, 1}, {KEPT_LANE_HOUR, MS_PER_HOUR}, {KEPT_LANE_DAY, MS_PER_DAY}};
    const uint64_t lane[] = {names[TOTAL_PROVIDER], names[TOTAL_ACCOUNT], names[TOTAL_UPSTREAM],
                             names[TOTAL_OUTCOME], names[TOTAL_COST_UNIT]};
    const uint64_t *v = total->values;
    uint64_t row[] = {0,
                      0,
                      v[TOTAL_ATTEMPTS],
                      v[TOTAL_CHARGED_INPUT],
                      v[TOTAL_CHARGED_OUTPUT],
                      v[TOTAL_UP_FRONT_INPUT],
                      v[TOTAL_UP_FRONT_OUTPUT],
                      v[TOTAL_INPUTS],
                      v[TOTAL_AUDIO_SECONDS],
                      v[TOTAL_COST]};
    int err = set_id(db, KEPT_LANE_FIND, lane, array_length(lane), &row[1]);
    for (size_t i = 0; err == 0 && i < array_length(periods); i++)
        err = add_to(db, &periods[i], row, array_length(row), total->key.minute_ms);
    return err;
}

static int write_client(struct store_db *db, const struct total *total, const uint64_t *names,
                        struct span client) {
    const uint64_t *v = total->values;
    struct statement used = db_kept(db, KEPT_CLIENT_USED);
    bind_int(&used, total->latest_ms);
    bind_text(&used, client);
    int err = statement_run(&used);
    if (err < 0 || names[TOTAL_PROVIDER] == 0)
        return err;
    struct statement day = db_kept(db, KEPT_CLIENT_DAY);
    bind_int(&day, total->key.minute_ms - total->key.minute_ms % MS_PER_DAY);
    bind_int(&day, names[TOTAL_CLIENT]);
    bind_int(&day, names[TOTAL_OUTCOME]);
    bind_int(&day, v[TOTAL_REQUESTS]);
    bind_int(&day, v[TOTAL_INPUT_TOKENS] + v[TOTAL_OUTPUT_TOKENS]);
    return statement_run(&day);
}

static int write_total(struct store_db *db, const struct total *total) {
    struct span names[TOTAL_NAMES];
    uint64_t ids[TOTAL_NAMES];
    total_key_names(&total->key, names);
    int err = ids_of(db, names, TOTAL_NAMES, ids);
    if (err == 0)
        err = write_series(db, total, ids);
    if (err == 0 && total->values[TOTAL_ATTEMPTS] > 0)
        err = write_lane(db, total, ids);
    if (err < 0 || ids[TOTAL_CLIENT] == 0)
        return err;
    return write_client(db, total, ids, names[TOTAL_CLIENT]);
}

static int flush_totals(struct store_db *db, struct totals *totals) {
    int err = 0;
    for (uint32_t i = 0; err == 0 && i < totals_count(totals); i++)
        err = write_total(db, totals_at(totals, i));
    totals_clear(totals);
    return err;
}

static int add_total(struct store_db *db, struct totals *totals, const struct total *total) {
    if (totals_add(totals, total))
        return 0;
    int err = flush_totals(db, totals);
    check(totals_add(totals, total) || err < 0);
    return err;
}

static int add_request(struct store_db *db, struct totals *totals,
                       const struct store_request *request) {
    int err = 0;
    struct total total;
    for (uint32_t part = 0; err == 0 && part < total_parts(request); part++) {
        total_of(request, part, &total);
        err = add_total(db, totals, &total);
    }
    return err;
}

/* --- the journal's positions -------------------------------------------------------------------------------------- */

static int read_cells(struct store *store, struct store_db *db) {
    struct statement cells =
        db_statement(db, "SELECT ring, cell, turn, sums FROM journal_cell WHERE journal=?");
    bind_int(&cells, journal_id(store->journal));
    int err = statement_step(&cells);
    for (; err > 0; err = statement_step(&cells)) {
        struct journal_sums sums = {.turn = column_int(&cells, 2)};
        struct span bytes = column_span(&cells, 3);
        uint64_t ring = column_int(&cells, 0), cell = column_int(&cells, 1);
        if (bytes.len != sizeof sums.values || ring >= journal_rings(store->journal) ||
            cell >= JOURNAL_CELLS)
            continue;
        memcpy(sums.values, bytes.ptr, bytes.len);
        journal_cell_recover(store->journal, (uint32_t)ring, (uint32_t)cell, &sums);
    }
    statement_done(&cells);
    return err;
}

int write_positions_read(struct store *store, struct store_db *db) {
    uint64_t taken[STORE_LOOPS_MAX];
    bool known[STORE_LOOPS_MAX] = {false};
    struct statement positions =
        db_statement(db, "SELECT ring, position FROM journal_position WHERE journal=?");
    bind_int(&positions, journal_id(store->journal));
    int err = statement_step(&positions);
    for (; err > 0; err = statement_step(&positions)) {
        uint64_t ring = column_int(&positions, 0);
        if (ring >= STORE_LOOPS_MAX)
            continue;
        taken[ring] = column_int(&positions, 1);
        known[ring] = true;
    }
    statement_done(&positions);
    if (err == 0)
        err = read_cells(store, db);
    if (err < 0)
        return err;
    for (uint32_t i = 0; i < journal_rings(store->journal); i++) {
        store->writer.positions[i] =
            journal_recover(store->journal, i, known[i] ? taken[i] : 0, known[i]);
        store->writer.cells_seen[i] = UINT64_MAX;
    }
    return 0;
}

static int write_position(struct store *store, struct store_db *db, uint32_t ring,
                          uint64_t position) {
    struct statement statement = db_kept(db, KEPT_POSITION);
    bind_int(&statement, journal_id(store->journal));
    bind_int(&statement, ring);
    bind_int(&statement, position);
    return statement_run(&statement);
}

/* --- a batch ------------------------------------------------------------------------------------------------------ */

struct taken_cell {
    struct journal_sums sums;
    uint8_t ring, cell;
};
#define CELLS_A_BATCH 32

struct batch {
    uint64_t positions[STORE_LOOPS_MAX];
    uint64_t seen[STORE_LOOPS_MAX];
    bool waiting[STORE_LOOPS_MAX]; /* writer.next of this ring is a record */
    struct taken_cell cells[CELLS_A_BATCH];
    uint32_t cell_count, records, most;
    bool cells_left; /* more than fit a batch */
};

/* Looks for the next record of a ring, past bytes that a disk did not keep. */
static void look_ahead(struct store *store, struct batch *batch, uint32_t ring) {
    struct journal_record *next = &store->writer.next[ring];
    for (;;) {
        int found = journal_read(store->journal, ring, batch->positions[ring], next);
        batch->waiting[ring] = found > 0;
        if (found >= 0)
            return;
        batch->positions[ring] = next->next;
        log_event(LOG_ERROR, "store.journal_damaged", "ring=%u", ring);
    }
}

static bool ended_before(const struct store_request *a, const struct store_request *b) {
    uint64_t a_ms = a->at_ms + a->duration_ms, b_ms = b->at_ms + b->duration_ms;
    return a_ms != b_ms ? a_ms < b_ms : a->at_ms < b->at_ms;
}

/* The ring whose next record ended first; STORE_LOOPS_MAX when nothing waits. */
static uint32_t earliest(const struct store *store, const struct batch *batch) {
    const struct journal_record *next = store->writer.next;
    uint32_t found = STORE_LOOPS_MAX;
    for (uint32_t ring = 0; ring < journal_rings(store->journal); ring++)
        if (batch->waiting[ring] &&
            (found == STORE_LOOPS_MAX || ended_before(&next[ring].request, &next[found].request)))
            found = ring;
    return found;
}

static void look_at_idle(struct store *store, struct batch *batch) {
    for (uint32_t ring = 0; ring < journal_rings(store->journal); ring++)
        if (!batch->waiting[ring])
            look_ahead(store, batch, ring);
}

/* Records of all rings in the order in which requests ended, so that lists tell what came after what whichever loop had it. Rings
 * that had nothing are looked at again once there is something to take: what was recorded before it is there by now. */
static int take_records(struct store *store, struct store_db *db, struct batch *batch) {
    look_at_idle(store, batch);
    while (batch->records < batch->most) {
        if (earliest(store, batch) == STORE_LOOPS_MAX)
            return 0;
        look_at_idle(store, batch);
        uint32_t ring = earliest(store, batch);
        const struct journal_record *record = &store->writer.next[ring];
        int err = write_rows(db, &record->request);
        if (err == 0)
            err = add_request(db, store->writer.totals, &record->request);
        if (err < 0)
            return err;
        batch->records++;
        batch->positions[ring] = record->next;
        look_ahead(store, batch, ring);
    }
    return 0;
}

static int take_cell(struct store *store, struct store_db *db, struct batch *batch, uint32_t ring,
                     uint32_t index) {
    struct total total;
    struct taken_cell *cell = &batch->cells[batch->cell_count];
    if (!journal_cell_read(store->journal, ring, index, &total, &cell->sums))
        return 0;
    cell->ring = (uint8_t)ring;
    cell->cell = (uint8_t)index;
    batch->cell_count++;
    struct statement keep = db_kept(db, KEPT_CELL);
    bind_int(&keep, journal_id(store->journal));
    bind_int(&keep, ring);
    bind_int(&keep, index);
    bind_int(&keep, cell->sums.turn);
    bind_blob(&keep, span_of((const char *)cell->sums.values, sizeof cell->sums.values));
    int err = statement_run(&keep);
    return err < 0 ? err : add_total(db, store->writer.totals, &total);
}

static int take_cells(struct store *store, struct store_db *db, struct batch *batch,
                      uint32_t ring) {
    if (!journal_cells_stir(store->journal, ring, &batch->seen[ring]))
        return 0;
    int err = 0;
    for (uint32_t cell = 0; err == 0 && cell < JOURNAL_CELLS; cell++) {
        if (batch->cell_count == CELLS_A_BATCH) {
            batch->cells_left = true;
            batch->seen[ring] = UINT64_MAX;
            return 0;
        }
        err = take_cell(store, db, batch, ring, cell);
    }
    return err;
}

/* Rows of attempts from before now are not complete: seeds take them from totals. */
static int note_dropped(struct store_db *db) {
    struct statement note = db_statement(db, "INSERT OR REPLACE INTO note(name, value) "
                                             "VALUES('rows_dropped_until_ms', CAST(? AS BLOB))");
    bind_int(&note, clock_wall_ms());
    return statement_run(&note);
}

static int take_all(struct store *store, struct store_db *db, struct batch *batch) {
    uint32_t rings = journal_rings(store->journal);
    uint32_t first =
        store->writer.first_ring++ % rings; /* so that one's cells do not keep others waiting */
    for (uint32_t ring = 0; ring < rings; ring++) {
        batch->waiting[ring] = false;
        batch->positions[ring] = store->writer.positions[ring];
        batch->seen[ring] = store->writer.cells_seen[ring];
    }
    int err = take_records(store, db, batch);
    for (uint32_t i = 0; err == 0 && i < rings; i++)
        err = take_cells(store, db, batch, (first + i) % rings);
    if (err == 0)
        err = flush_totals(db, store->writer.totals);
    for (uint32_t ring = 0; err == 0 && ring < rings; ring++)
        if (batch->positions[ring] != store->writer.positions[ring] || store->writer.prove)
            err = write_position(store, db, ring, batch->positions[ring]);
    return err == 0 && batch->cell_count > 0 ? note_dropped(db) : err;
}

/* The database has it: loops may use the room again. */
static void mark_all(struct store *store, const struct batch *batch) {
    for (uint32_t ring = 0; ring < journal_rings(store->journal); ring++) {
        if (batch->positions[ring] != store->writer.positions[ring])
            journal_mark(store->journal, ring, batch->positions[ring]);
        store->writer.positions[ring] = batch->positions[ring];
        store->writer.cells_seen[ring] = batch->seen[ring];
    }
    for (uint32_t i = 0; i < batch->cell_count; i++)
        journal_cell_mark(store->journal, batch->cells[i].ring, batch->cells[i].cell,
                          &batch->cells[i].sums);
    store->writer.rows_since_keep += batch->records;
    state_written(store, batch->records);
}

static bool anything(struct store *store) {
    struct journal_record record;
    for (uint32_t ring = 0; ring < journal_rings(store->journal); ring++) {
        uint64_t seen = store->writer.cells_seen[ring];
        if (journal_read(store->journal, ring, store->writer.positions[ring], &record) != 0 ||
            journal_cells_stir(store->journal, ring, &seen))
            return true;
    }
    return store->writer.prove;
}

int write_batch(struct store *store, struct store_db *db, uint32_t most, bool *ret_more) {
    struct batch batch;
    *ret_more = false;
    if (!anything(store))
        return 0;
    batch.cell_count = batch.records = 0;
    batch.most = most;
    batch.cells_left = false;
    totals_clear(store->writer.totals);
    int err = db_begin(db);
    if (err < 0)
        return err;
    db->last_request = 0; /* another process may have written: one that takes over, or hands over */
    err = take_all(store, db, &batch);
    if (err < 0) {
        db_rollback(db);
        return err;
    }
    err = db_commit(db);
    if (err < 0)
        return err;
    mark_all(store, &batch);
    *ret_more = batch.records == batch.most || batch.cells_left;
    return 0;
}
