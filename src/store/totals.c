// SPDX-License-Identifier: Apache-2.0
/*
 * Sums of what requests used.
 *
 * A request adds to one total for each of its attempts, in the minute the attempt was sent, and counts as a request in the last
 * one; a request that nobody was asked for counts in a total without a provider, under its error. So requests, attempts and
 * tokens of any group of totals can simply be added up.
 *
 * Promises: no allocation but of the table itself. Leaves to others: where totals are kept (journal.c, write.c).
 */
#include "store/totals.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define TABLE_SLOTS (2 * TOTALS_ROWS)

struct totals {
    struct total rows[TOTALS_ROWS];
    uint16_t slots[TABLE_SLOTS]; /* row + 1; 0 = empty */
    uint32_t count;
};

struct span total_name_cut(struct span name) {
    if (name.len <= STORE_NAME_MAX_BYTES)
        return name;
    size_t length = STORE_NAME_MAX_BYTES;
    while (length > 0 && ((unsigned char)name.ptr[length] & 0xc0) == 0x80)
        length--;
    return span_of(name.ptr, length);
}

void total_key_set(struct total_key *key, uint64_t minute_ms, const struct span *names) {
    uint32_t length = 0;
    for (int i = 0; i < TOTAL_NAMES; i++) {
        struct span name = total_name_cut(names[i]);
        key->bytes[length++] = (char)name.len;
        if (name.len > 0)
            memcpy(key->bytes + length, name.ptr, name.len);
        length += (uint32_t)name.len;
    }
    key->length = length;
    key->minute_ms = minute_ms;
    key->hash = span_hash(span_of(key->bytes, length));
}

void total_key_names(const struct total_key *key, struct span *ret_names) {
    uint32_t at = 0;
    for (int i = 0; i < TOTAL_NAMES; i++) {
        size_t length = at < key->length ? (unsigned char)key->bytes[at] : 0;
        at++;
        if (length > STORE_NAME_MAX_BYTES || at + length > key->length)
            length = 0; /* bytes of a disk that did not keep them */
        ret_names[i] = span_of(key->bytes + (length > 0 ? at : 0), length);
        at += (uint32_t)length;
    }
}

bool total_key_same_names(const struct total_key *a, const struct total_key *b) {
    return a->hash == b->hash && a->length == b->length &&
           memcmp(a->bytes, b->bytes, a->length) == 0;
}

uint32_t total_parts(const struct store_request *request) {
    uint32_t listed =
        request->ladder_count < STORE_ATTEMPTS_MAX ? request->ladder_count : STORE_ATTEMPTS_MAX;
    return listed > 0 ? listed : 1;
}

static void count_attempt(const struct store_attempt *attempt, uint64_t *values) {
    const struct store_charge *charge = &attempt->charge;
    values[TOTAL_ATTEMPTS] = 1;
    values[TOTAL_INPUT_TOKENS] = attempt->input_tokens;
    values[TOTAL_OUTPUT_TOKENS] = attempt->output_tokens;
    values[TOTAL_WAITED_MS] = attempt->waited_ms;
    values[TOTAL_DURATION_MS] = attempt->duration_ms;
    values[TOTAL_CHARGED_INPUT] = charge->input_tokens;
    values[TOTAL_CHARGED_OUTPUT] = charge->output_tokens;
    values[TOTAL_UP_FRONT_INPUT] = charge->input_up_front;
    values[TOTAL_UP_FRONT_OUTPUT] = charge->output_up_front;
    values[TOTAL_INPUTS] = charge->inputs;
    values[TOTAL_AUDIO_SECONDS] = charge->audio_seconds;
    values[TOTAL_COST] = charge->cost;
}

void total_of(const struct store_request *request, uint32_t part, struct total *ret_total) {
    struct span names[TOTAL_NAMES] = {[TOTAL_CLIENT] = request->client};
    uint64_t at_ms = request->at_ms;
    memset(ret_total->values, 0, sizeof ret_total->values);
    if (request->ladder_count == 0) {
        names[TOTAL_OUTCOME] = request->error;
        ret_total->values[TOTAL_WAITED_MS] = request->queued_ms;
    } else {
        const struct store_attempt *attempt = &request->ladder[part];
        names[TOTAL_PROVIDER] = attempt->provider;
        names[TOTAL_ACCOUNT] = attempt->account;
        names[TOTAL_MODEL] = attempt->model;
        names[TOTAL_UPSTREAM] = attempt->upstream;
        names[TOTAL_OUTCOME] = attempt->outcome;
        names[TOTAL_COST_UNIT] = attempt->charge.cost_unit;
        at_ms = attempt->at_ms;
        count_attempt(attempt, ret_total->values);
    }
    if (part + 1 == total_parts(request))
        ret_total->values[TOTAL_REQUESTS] = 1;
    ret_total->latest_ms = request->at_ms;
    total_key_set(&ret_total->key, at_ms - at_ms % MS_PER_MINUTE, names);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

struct totals *totals_new(void) {
    struct totals *totals = mem_alloc(sizeof *totals);
    totals_clear(totals);
    return totals;
}

void totals_free(struct totals *totals) {
    mem_free(totals);
}

void totals_clear(struct totals *totals) {
    totals->count = 0;
    memset(totals->slots, 0, sizeof totals->slots);
}

static uint32_t slot_of(const struct totals *totals, const struct total_key *key) {
    uint64_t minute = key->minute_ms / MS_PER_MINUTE;
    uint32_t slot = (uint32_t)((key->hash + minute) % TABLE_SLOTS);
    for (; totals->slots[slot] != 0; slot = (slot + 1) % TABLE_SLOTS) {
        const struct total_key *there = &totals->rows[totals->slots[slot] - 1].key;
        if (there->minute_ms == key->minute_ms && total_key_same_names(there, key))
            break;
    }
    return slot;
}

bool totals_add(struct totals *totals, const struct total *total) {
    uint32_t slot = slot_of(totals, &total->key);
    if (totals->slots[slot] == 0) {
        if (totals->count == TOTALS_ROWS)
            return false;
        struct total *row = &totals->rows[totals->count++];
        row->key = total->key;
        row->latest_ms = 0;
        memset(row->values, 0, sizeof row->values);
        totals->slots[slot] = (uint16_t)totals->count;
    }
    struct total *row = &totals->rows[totals->slots[slot] - 1];
    for (int i = 0; i < TOTAL_VALUES; i++)
        row->values[i] += total->values[i];
    if (row->latest_ms < total->latest_ms)
        row->latest_ms = total->latest_ms;
    return true;
}

uint32_t totals_count(const struct totals *totals) {
    return totals->count;
}

const struct total *totals_at(const struct totals *totals, uint32_t index) {
    check(index < totals->count);
    return &totals->rows[index];
}
