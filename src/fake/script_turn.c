// SPDX-License-Identifier: Apache-2.0
/*
 * Faults, replays, keys, accounts and models of a script.
 *
 * A turn is what one request meets: the name of a fault, or an object that is a captured answer. Promises: keys are kept as hashes only;
 * each reference to a replay that is read is owned by the state being built. Leaves to others: applying it (script.c).
 */
#include "fake/script.h"

#include "base/check.h"

#define REPEAT_MOST FAKE_FAULTS_QUEUED_MAX

static int needs_object(struct reader *reader, const struct member *member,
                        struct json_value value) {
    return json_is(value, JSON_OBJECT)
               ? 0
               : fake_complain(reader, value, "\"%s\": of the wrong type: an object is needed",
                               member->name);
}

static int unknown_fault(struct reader *reader, const struct member *member,
                         struct json_value value) {
    const char *names[FAULT_COUNT + 1] = {NULL};
    struct span said = json_is(value, JSON_STRING) ? json_escaped(value) : json_raw(value);
    said.len = said.len < 64 ? said.len : 64;
    for (uint32_t i = 0; i < FAULT_COUNT; i++)
        names[i] = fault_row((enum fault)i)->name;
    return fake_complain(reader, value, "\"%s\": not found: there is no fault `%.*s`%s",
                         member->name, SPAN_ARG(said), fake_nearest(reader, said, names));
}

static int read_turn(struct reader *reader, const struct member *member, struct json_value value,
                     struct fake_turn *ret_turn) {
    *ret_turn = (struct fake_turn){0};
    if (json_is(value, JSON_OBJECT)) {
        ret_turn->replay = fake_replay_new(reader->world, value, reader->arena, reader->problem);
        return ret_turn->replay != NULL ? 0 : ERR_INVALID;
    }
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        const char *name = fault_row((enum fault)i)->name;
        bool same_number = json_is(value, JSON_NUMBER) && span_is(json_raw(value), name);
        if (!json_string_is(value, name) && !same_number) /* 429 means "429" */
            continue;
        ret_turn->fault = (enum fault)i;
        return 0;
    }
    return unknown_fault(reader, member, value);
}

static int repeats_of(struct reader *reader, struct json_value value, int64_t *ret_repeats) {
    struct json_value repeat = json_get(value, "repeat");
    *ret_repeats = 1;
    if (!json_present(repeat))
        return 0;
    if (json_i64(repeat, ret_repeats) < 0 || *ret_repeats < 1 || *ret_repeats > REPEAT_MOST)
        return fake_complain(reader, repeat, "\"repeat\": out of range: 1 to %d are possible",
                             REPEAT_MOST);
    return 0;
}

int fake_read_faults(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    struct fake_script_state *state = place;
    if (!json_is(value, JSON_ARRAY))
        return fake_complain(reader, value, "\"%s\": of the wrong type: a list is needed",
                             member->name);
    for (struct json_iter it = json_each(value); json_next(&it);) {
        int64_t repeats;
        struct fake_turn turn;
        int err = repeats_of(reader, it.value, &repeats);
        if (err == 0 && state->queue_count + repeats > FAKE_FAULTS_QUEUED_MAX)
            err = fake_complain(reader, it.value, "\"%s\": larger than its cap of %d", member->name,
                                FAKE_FAULTS_QUEUED_MAX);
        if (err == 0)
            err = read_turn(reader, member, it.value, &turn);
        if (err < 0)
            return err;
        if (turn.replay != NULL)
            turn.replay->refs += (uint32_t)repeats - 1;
        for (int64_t i = 0; i < repeats; i++)
            state->queue[state->queue_count++] = turn;
    }
    return 0;
}

int fake_read_always(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    struct fake_script_state *state = place;
    struct fake_turn turn;
    int err = read_turn(reader, member, value, &turn);
    if (err < 0)
        return err;
    fake_replay_unref(state->always.replay);
    state->always = turn;
    return 0;
}

/* {"503": 0.08}: of a hundred requests about eight. */
int fake_read_failing(struct reader *reader, const struct member *member, struct json_value value,
                      void *place) {
    struct fake_script_state *state = place;
    double sum = 0;
    int err = needs_object(reader, member, value);
    state->failing_count = 0;
    for (struct json_iter it = json_each(value); err == 0 && json_next(&it);) {
        struct fake_turn turn;
        double share = -1;
        if (state->failing_count == FAKE_FAILING_MAX)
            return fake_complain(reader, it.value, "\"%s\": larger than its cap of %d",
                                 member->name, FAKE_FAILING_MAX);
        err = read_turn(reader, member, it.key, &turn);
        if (err == 0 && (json_double(it.value, &share) < 0 || share < 0 || sum + share > 1))
            err = fake_complain(reader, it.value,
                                "\"%s\": out of range: shares of 0 to 1, 1 in all", member->name);
        if (err < 0)
            return err;
        sum += share;
        state->failing[state->failing_count].fault = turn.fault;
        state->failing[state->failing_count++].share = share;
    }
    return err;
}

/* --- keys --- */

static struct fake_key *key_row(struct fake_script_state *state, struct span key) {
    bool any = span_is(key, "*");
    uint64_t hash = span_hash(key);
    for (uint32_t i = 0; i < state->key_count; i++)
        if (state->keys[i].any == any && state->keys[i].key == hash)
            return &state->keys[i];
    if (state->key_count == FAKE_KEYS_MAX)
        return NULL;
    struct fake_key *row = &state->keys[state->key_count++];
    *row = (struct fake_key){.key = hash, .any = any};
    return row;
}

static int find_key(struct reader *reader, const struct member *member, struct json_value name,
                    struct fake_key **ret_row) {
    struct span key;
    if (json_string(name, reader->arena, &key) < 0)
        return fake_complain(reader, name, "\"%s\": a key is needed", member->name);
    *ret_row = key_row(reader->state, key);
    return *ret_row != NULL ? 0
                            : fake_complain(reader, name, "\"%s\": larger than its cap of %d",
                                            member->name, FAKE_KEYS_MAX);
}

int fake_read_keys(struct reader *reader, const struct member *member, struct json_value value,
                   void *place) {
    struct fake_script_state *state = place;
    int err = needs_object(reader, member, value);
    for (uint32_t i = 0; err == 0 && i < state->key_count; i++) {
        fake_replay_unref(state->keys[i].turn.replay);
        state->keys[i].turn = (struct fake_turn){0};
        state->keys[i].has_turn = false;
    }
    for (struct json_iter it = json_each(value); err == 0 && json_next(&it);) {
        struct fake_key *row;
        struct fake_turn turn;
        err = find_key(reader, member, it.key, &row);
        if (err == 0)
            err = read_turn(reader, member, it.value, &turn);
        if (err < 0)
            return err;
        fake_replay_unref(row->turn.replay); /* a key named twice: the last one counts */
        row->turn = turn;
        row->has_turn = true;
    }
    return err;
}

int fake_read_accounts(struct reader *reader, const struct member *member, struct json_value value,
                       void *place) {
    struct fake_script_state *state = place;
    int err = needs_object(reader, member, value);
    for (uint32_t i = 0; err == 0 && i < state->key_count; i++)
        state->keys[i].account = 0;
    for (struct json_iter it = json_each(value); err == 0 && json_next(&it);) {
        struct fake_key *row;
        if (!json_is(it.value, JSON_STRING))
            return fake_complain(reader, it.value, "\"%s\": the name of an account is needed",
                                 member->name);
        err = find_key(reader, member, it.key, &row);
        if (err == 0)
            row->account = span_hash(json_escaped(it.value)) | 1;
    }
    return err;
}

/* --- models --- */

static int read_model(struct reader *reader, struct json_value value, struct fake_model *model) {
    struct json_value context = json_get(value, "context");
    struct span id =
        json_is(value, JSON_OBJECT) ? json_escaped(json_get(value, "id")) : json_escaped(value);
    int64_t tokens = 0;
    if (id.len == 0 || id.len >= sizeof model->id)
        return fake_complain(reader, value, "\"models\": an id of 1 to 127 bytes is needed");
    if (json_present(context) && (json_i64(context, &tokens) < 0 || tokens < 1))
        return fake_complain(reader, context, "\"context\": a number of tokens is needed");
    for (struct json_iter it = json_each(value); json_next(&it);)
        if (!json_string_is(it.key, "id") && !json_string_is(it.key, "context"))
            return fake_complain(reader, it.key, "\"models\": a model has an id and a context");
    memcpy(model->id, id.ptr, id.len);
    model->id[id.len] = '\0';
    model->context_tokens = (uint64_t)tokens;
    return 0;
}

int fake_read_models(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    struct fake_script_state *state = place;
    int err = 0;
    if (!json_is(value, JSON_ARRAY))
        return fake_complain(reader, value, "\"%s\": of the wrong type: a list is needed",
                             member->name);
    state->models_given = true;
    state->model_count = 0;
    for (struct json_iter it = json_each(value); err == 0 && json_next(&it);) {
        if (state->model_count == FAKE_MODELS_MAX)
            return fake_complain(reader, it.value, "\"%s\": larger than its cap of %d",
                                 member->name, FAKE_MODELS_MAX);
        err = read_model(reader, it.value, &state->models[state->model_count]);
        state->model_count += err == 0;
    }
    return err;
}
