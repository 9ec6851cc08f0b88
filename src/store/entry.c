// SPDX-License-Identifier: Apache-2.0
/*
 * A record as flat bytes: numbers in a fixed part, then the names, one behind the other, then the same for each attempt.
 *
 * Why not the structs themselves: names are a tenth of their caps, and a ring of the same size then holds ten times as much.
 * Promises: reading trusts nothing, a length that leads out of the bytes is ERR_INVALID.
 */
#include "store/entry.h"

#include "base/check.h"
#include "store/totals.h"

enum { REQUEST_NAMES = 8, ATTEMPT_NAMES = 6 };
enum { FLAG_STREAM = 1, FLAG_FIRST_TOKEN = 2 };

struct flat_request {
    uint64_t at_ms, queued_ms, first_token_ms, duration_ms, input_tokens, output_tokens;
    uint32_t status, attempts;
    uint8_t flags, ladder_count;
    uint8_t lengths[REQUEST_NAMES];
    uint8_t unused[6];
};
struct flat_attempt {
    uint64_t at_ms, waited_ms, duration_ms, input_tokens, output_tokens;
    uint64_t charge[7];
    uint32_t status;
    uint8_t lengths[ATTEMPT_NAMES];
    uint8_t unused[6];
};

static uint32_t listed(const struct store_request *request) {
    return request->ladder_count < STORE_ATTEMPTS_MAX ? request->ladder_count : STORE_ATTEMPTS_MAX;
}

static void names_of_request(const struct store_request *r, struct span *names) {
    const struct span all[REQUEST_NAMES] = {r->id,     r->client,   r->endpoint, r->model,
                                            r->served, r->provider, r->account,  r->error};
    for (int i = 0; i < REQUEST_NAMES; i++)
        names[i] = total_name_cut(all[i]);
}

static void names_of_attempt(const struct store_attempt *a, struct span *names) {
    const struct span all[ATTEMPT_NAMES] = {a->provider, a->account, a->model,
                                            a->upstream, a->outcome, a->charge.cost_unit};
    for (int i = 0; i < ATTEMPT_NAMES; i++)
        names[i] = total_name_cut(all[i]);
}

static size_t sum_of(const struct span *names, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += names[i].len;
    return bytes;
}

size_t entry_bytes(const struct store_request *request) {
    struct span names[REQUEST_NAMES];
    names_of_request(request, names);
    size_t bytes = sizeof(struct flat_request) + sum_of(names, REQUEST_NAMES);
    for (uint32_t i = 0; i < listed(request); i++) {
        names_of_attempt(&request->ladder[i], names);
        bytes += sizeof(struct flat_attempt) + sum_of(names, ATTEMPT_NAMES);
    }
    return (bytes + 7) & ~(size_t)7;
}

/* Names behind a fixed part whose bytes are written too; returns where the next part begins. */
static char *write_part(char *to, const void *part, size_t size, const struct span *names,
                        int count) {
    memcpy(to, part, size);
    to += size;
    for (int i = 0; i < count; i++) {
        if (names[i].len > 0)
            memcpy(to, names[i].ptr, names[i].len);
        to += names[i].len;
    }
    return to;
}

static char *write_attempt(const struct store_attempt *a, char *to) {
    const struct store_charge *c = &a->charge;
    struct span names[ATTEMPT_NAMES];
    struct flat_attempt flat = {
        .at_ms = a->at_ms,
        .waited_ms = a->waited_ms,
        .duration_ms = a->duration_ms,
        .input_tokens = a->input_tokens,
        .output_tokens = a->output_tokens,
        .charge = {c->input_tokens, c->output_tokens, c->input_up_front, c->output_up_front,
                   c->inputs, c->audio_seconds, c->cost},
        .status = a->status,
    };
    names_of_attempt(a, names);
    for (int i = 0; i < ATTEMPT_NAMES; i++)
        flat.lengths[i] = (uint8_t)names[i].len;
    return write_part(to, &flat, sizeof flat, names, ATTEMPT_NAMES);
}

void entry_write(const struct store_request *request, char *to) {
    char *begin = to;
    struct span names[REQUEST_NAMES];
    struct flat_request flat = {
        .at_ms = request->at_ms,
        .queued_ms = request->queued_ms,
        .first_token_ms = request->first_token_ms,
        .duration_ms = request->duration_ms,
        .input_tokens = request->input_tokens,
        .output_tokens = request->output_tokens,
        .status = request->status,
        .attempts = request->attempts,
        .flags = (uint8_t)((request->stream ? FLAG_STREAM : 0) |
                           (request->has_first_token ? FLAG_FIRST_TOKEN : 0)),
        .ladder_count = (uint8_t)listed(request),
    };
    names_of_request(request, names);
    for (int i = 0; i < REQUEST_NAMES; i++)
        flat.lengths[i] = (uint8_t)names[i].len;
    to = write_part(to, &flat, sizeof flat, names, REQUEST_NAMES);
    for (uint32_t i = 0; i < flat.ladder_count; i++)
        to = write_attempt(&request->ladder[i], to);
    for (; (size_t)(to - begin) % 8 != 0; to++)
        *to = 0;
}

static int take_part(struct span *rest, void *part, size_t size) {
    if (rest->len < size)
        return ERR_INVALID;
    memcpy(part, rest->ptr, size);
    *rest = span_of(rest->ptr + size, rest->len - size);
    return 0;
}

/* Names of length 0 are absent. */
static int take_names(struct span *rest, const uint8_t *lengths, struct span **names, int count) {
    for (int i = 0; i < count; i++) {
        if (lengths[i] > rest->len || lengths[i] > STORE_NAME_MAX_BYTES)
            return ERR_INVALID;
        *names[i] = lengths[i] > 0 ? span_of(rest->ptr, lengths[i]) : SPAN_NONE;
        *rest = span_of(rest->ptr + lengths[i], rest->len - lengths[i]);
    }
    return 0;
}

static int read_attempt(struct span *rest, struct store_attempt *a) {
    struct flat_attempt flat;
    int err = take_part(rest, &flat, sizeof flat);
    if (err < 0)
        return err;
    *a = (struct store_attempt){
        .status = flat.status,
        .at_ms = flat.at_ms,
        .waited_ms = flat.waited_ms,
        .duration_ms = flat.duration_ms,
        .input_tokens = flat.input_tokens,
        .output_tokens = flat.output_tokens,
        .charge = {.input_tokens = flat.charge[0],
                   .output_tokens = flat.charge[1],
                   .input_up_front = flat.charge[2],
                   .output_up_front = flat.charge[3],
                   .inputs = flat.charge[4],
                   .audio_seconds = flat.charge[5],
                   .cost = flat.charge[6]},
    };
    struct span *names[ATTEMPT_NAMES] = {&a->provider, &a->account, &a->model,
                                         &a->upstream, &a->outcome, &a->charge.cost_unit};
    return take_names(rest, flat.lengths, names, ATTEMPT_NAMES);
}

int entry_read(struct span bytes, struct store_request *r, struct store_attempt *ret_ladder) {
    struct flat_request flat;
    int err = take_part(&bytes, &flat, sizeof flat);
    if (err < 0)
        return err;
    *r = (struct store_request){
        .status = flat.status,
        .stream = (flat.flags & FLAG_STREAM) != 0,
        .has_first_token = (flat.flags & FLAG_FIRST_TOKEN) != 0,
        .at_ms = flat.at_ms,
        .queued_ms = flat.queued_ms,
        .first_token_ms = flat.first_token_ms,
        .duration_ms = flat.duration_ms,
        .input_tokens = flat.input_tokens,
        .output_tokens = flat.output_tokens,
        .attempts = flat.attempts,
        .ladder = ret_ladder,
        .ladder_count = flat.ladder_count,
    };
    struct span *names[REQUEST_NAMES] = {&r->id,     &r->client,   &r->endpoint, &r->model,
                                         &r->served, &r->provider, &r->account,  &r->error};
    err = take_names(&bytes, flat.lengths, names, REQUEST_NAMES);
    if (err == 0 && flat.ladder_count > STORE_ATTEMPTS_MAX)
        err = ERR_INVALID;
    for (uint32_t i = 0; err == 0 && i < flat.ladder_count; i++)
        err = read_attempt(&bytes, &ret_ladder[i]);
    return err < 0 || bytes.len < 8 ? err : ERR_INVALID;
}

uint64_t entry_checksum(const char *bytes, size_t length, uint64_t seed) {
    uint64_t sum = seed ^ 0x9e3779b97f4a7c15u;
    check(length % 8 == 0);
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof word);
        sum = (sum ^ word) * 0xff51afd7ed558ccdu;
        sum ^= sum >> 32;
    }
    return sum;
}
