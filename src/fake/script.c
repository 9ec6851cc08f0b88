// SPDX-License-Identifier: Apache-2.0
/*
 * Settings and scripts of simulated providers from JSON.
 *
 * One table of members, from which the reader, its messages and the guide are made. Promises: an unknown member or word is named with
 * its place and the nearest known one, and nothing of that object is applied. Leaves to others: limits (script_limit.c), faults, replays, keys and
 * models (script_turn.c), where the JSON comes from (mock/).
 */
#include "fake/script.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define COMPLAINT_MAX_BYTES 512
#define LATER_MAX_MS        (400.0 * 86400 * 1000)
#define MS_MOST             (400.0 * 86400 * 1000)

#define WORD(name, word, about) word,
static const char *const retry_words[] = {FAKE_RETRY_TABLE(WORD) NULL};
static const char *const headers_words[] = {FAKE_HEADERS_TABLE(WORD) NULL};
static const char *const truth_words[] = {FAKE_TRUTH_TABLE(WORD) NULL};
static const char *const bodies_words[] = {FAKE_BODIES_TABLE(WORD) NULL};
#undef WORD

static int read_text(struct reader *reader, const struct member *member, struct json_value value,
                     void *place);
static int read_after(struct reader *reader, const struct member *member, struct json_value value,
                      void *place);

#define AT(field) offsetof(struct fake_script_state, field)
const struct member fake_script_members[] = {
    {"provider", fake_read_ignore, 0, 0, 0, NULL,
     "name: 1 to 63 bytes; the only member that is needed"},
    {"after_ms", read_after, 0, 0, LATER_MAX_MS, NULL,
     "apply the rest so much later, by the provider's clock that never goes back"},
    {"faults", fake_read_faults, 0, 0, 0, NULL,
     "what the coming requests meet, one each: names of faults, or replays"},
    {"replay", fake_read_faults, 0, 0, 0, NULL, "the same list, under the name it reads well with"},
    {"always", fake_read_always, AT(always), 0, 0, NULL,
     "a fault or a replay for all requests after those"},
    {"failing", fake_read_failing, 0, 0, 0, NULL,
     "faults by chance where `always` is none: name and share of requests, 0 to 1"},
    {"keys", fake_read_keys, 0, 0, 0, NULL,
     "faults or replays for single keys, before any limit; `*`: all other keys"},
    {"accounts", fake_read_accounts, 0, 0, 0, NULL, "keys that share an account, by its name"},
    {"models", fake_read_models, 0, 0, 0, NULL,
     "ids, or {id, context}; others are then gone (404), longer prompts refused"},
    {"limits", fake_read_limits, 0, 0, 0, NULL, "true limits, at most 16; see below"},
    {"limit_requests", fake_read_u32, AT(settings.limit_requests), 0, FAKE_LOG_MAX, NULL,
     "short for a rolling limit of requests by ip; 0: none"},
    {"limit_window_ms", fake_read_u64, AT(settings.limit_window_ms), 1, MS_MOST, NULL,
     "its window; 60000"},
    {"concurrency", fake_read_u32, AT(settings.concurrency), 0, 1000000, NULL,
     "short for a limit of requests at once by ip; 0: none"},
    {"latency_ms", fake_read_spread, AT(settings.latency_ms), 0, MS_MOST, NULL,
     "until the head of an answer"},
    {"latency_per_1k_ms", fake_read_u64, AT(settings.latency_per_1k_ms), 0, MS_MOST, NULL,
     "more for each thousand tokens of the prompt"},
    {"gap_ms", fake_read_spread, AT(settings.gap_ms), 0, MS_MOST, NULL,
     "between words of a stream"},
    {"tokens", fake_read_spread, AT(settings.tokens), 0, FAKE_TOKENS_MAX, NULL,
     "words of an answer; 8"},
    {"text", read_text, AT(settings.text), 0, 0, NULL, "said instead of made-up words"},
    {"reasoning", fake_read_bool, AT(settings.reasoning), 0, 0, NULL,
     "some words of reasoning first"},
    {"dimensions", fake_read_u32, AT(settings.dimensions), 1, FAKE_DIMENSIONS_MAX, NULL,
     "of embeddings, where none are asked for; 64"},
    {"headers", fake_read_word, AT(settings.headers), 0, 0, headers_words,
     "dialect of head fields; none"},
    {"headers_are", fake_read_word, AT(settings.headers_are), 0, 0, truth_words,
     "how true they are; right"},
    {"errors", fake_read_word, AT(settings.errors), 0, 0, bodies_words, "dialect of errors; plain"},
    {"retry_form", fake_read_word, AT(settings.retry_form), 0, 0, retry_words,
     "how a refusal says when to come back; seconds"},
    {"retry_after_ms", fake_read_u64, AT(settings.retry_after_ms), 0, MS_MOST, NULL,
     "what scripted refusals say; limits say the truth; 1000"},
    {"clock_skew_ms", fake_read_i64, AT(settings.clock_skew_ms), -MS_MOST, MS_MOST, NULL,
     "how far the provider's clock is ahead, in Date, resets and calendars"},
    {"max_tokens_default", fake_read_u64, AT(settings.max_tokens_default), 0, 1e9, NULL,
     "output charged up front when the request names none; 1024"},
    {"neurons_per_token", fake_read_u64, AT(settings.neurons_per_token), 0, 1e9, NULL,
     "thousandths of neurons; 50"},
    {0},
};
#undef AT

/* --- complaints --- */

int fake_complain(struct reader *reader, struct json_value at, const char *format, ...) {
    char text[COMPLAINT_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *copy = arena_format(reader->arena, "%s", text);
    *reader->problem = (struct fake_problem){copy != NULL ? copy : "the script is too large", at};
    return ERR_INVALID;
}

const char *fake_nearest(struct reader *reader, struct span said, const char *const *words) {
    const char *best = NULL;
    size_t least = said.len / 3 + 2; /* further away it is a guess */
    for (size_t i = 0; words[i] != NULL && said.len <= 64; i++) {
        size_t distance = span_distance(said, span_text(words[i]));
        if (distance >= least)
            continue;
        least = distance;
        best = words[i];
    }
    const char *text =
        best != NULL ? arena_format(reader->arena, "; did you mean `%s`?", best) : "";
    return text != NULL ? text : "";
}

static struct span shown(struct json_value value) {
    struct span text = json_is(value, JSON_STRING) ? json_escaped(value) : json_raw(value);
    return span_of(text.ptr, text.len < 64 ? text.len : 64);
}

static int wrong_type(struct reader *reader, const struct member *member, struct json_value value,
                      const char *wanted) {
    return fake_complain(reader, value, "\"%s\": of the wrong type: %s is needed", member->name,
                         wanted);
}

int fake_read_members(struct reader *reader, const struct member *table, struct json_value object,
                      void *place) {
    const char *names[64];
    size_t count = 0;
    for (; table[count].name != NULL; count++)
        names[count] = table[count].name;
    check(count < array_length(names));
    names[count] = NULL;
    if (!json_is(object, JSON_OBJECT))
        return fake_complain(reader, object, "of the wrong type: an object is needed");
    for (struct json_iter it = json_each(object); json_next(&it);) {
        size_t row = 0;
        while (row < count && !json_string_is(it.key, names[row]))
            row++;
        if (row == count)
            return fake_complain(reader, it.key, "\"%.*s\": not found%s", SPAN_ARG(shown(it.key)),
                                 fake_nearest(reader, shown(it.key), names));
        int err = table[row].read(reader, &table[row], it.value, place);
        if (err < 0)
            return err;
    }
    return 0;
}

/* --- values --- */

static int read_number(struct reader *reader, const struct member *member, struct json_value value,
                       double *ret) {
    double number;
    if (!json_is(value, JSON_NUMBER) || json_double(value, &number) < 0)
        return wrong_type(reader, member, value, "a number");
    if (!(number >= member->least && number <= member->most))
        return fake_complain(reader, value, "\"%s\": out of range: %.15g to %.15g are possible",
                             member->name, member->least, member->most);
    *ret = number;
    return 0;
}

static int read_whole(struct reader *reader, const struct member *member, struct json_value value,
                      int64_t *ret) {
    double number;
    int err = read_number(reader, member, value, &number);
    if (err == 0 && json_i64(value, ret) < 0)
        err = fake_complain(reader, value, "\"%s\": a whole number is needed", member->name);
    return err;
}

int fake_read_u64(struct reader *reader, const struct member *member, struct json_value value,
                  void *place) {
    int64_t number = 0;
    int err = read_whole(reader, member, value, &number);
    if (err == 0)
        *(uint64_t *)(void *)((char *)place + member->offset) = (uint64_t)number;
    return err;
}

int fake_read_u32(struct reader *reader, const struct member *member, struct json_value value,
                  void *place) {
    int64_t number = 0;
    int err = read_whole(reader, member, value, &number);
    if (err == 0)
        *(uint32_t *)(void *)((char *)place + member->offset) = (uint32_t)number;
    return err;
}

int fake_read_i64(struct reader *reader, const struct member *member, struct json_value value,
                  void *place) {
    return read_whole(reader, member, value, (int64_t *)(void *)((char *)place + member->offset));
}

int fake_read_bool(struct reader *reader, const struct member *member, struct json_value value,
                   void *place) {
    if (json_bool(value, (bool *)place + member->offset) < 0)
        return wrong_type(reader, member, value, "true or false");
    return 0;
}

int fake_read_word(struct reader *reader, const struct member *member, struct json_value value,
                   void *place) {
    if (!json_is(value, JSON_STRING))
        return wrong_type(reader, member, value, "a word");
    for (int i = 0; member->words[i] != NULL; i++)
        if (json_string_is(value, member->words[i])) {
            *(int *)(void *)((char *)place + member->offset) = i;
            return 0;
        }
    return fake_complain(reader, value, "\"%s\": not found: `%.*s`%s", member->name,
                         SPAN_ARG(shown(value)), fake_nearest(reader, shown(value), member->words));
}

int fake_read_ignore(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    (void)reader;
    (void)member;
    (void)value;
    (void)place;
    return 0;
}

/* 5, {"uniform": [1, 9]} or {"lognormal": [median, sigma]} */
int fake_read_spread(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    struct fake_spread *spread = (struct fake_spread *)(void *)((char *)place + member->offset);
    struct json_value uniform = json_get(value, "uniform");
    struct json_value lognormal = json_get(value, "lognormal");
    struct json_value pair = json_present(uniform) ? uniform : lognormal;
    struct member sigma = *member;
    struct fake_spread read = {SPREAD_CONSTANT, 0, 0};
    if (json_is(value, JSON_NUMBER)) {
        int err = read_number(reader, member, value, &read.low);
        *spread = err == 0 ? read : *spread;
        return err;
    }
    if (json_count(value) != 1 || !json_is(pair, JSON_ARRAY) || json_count(pair) != 2)
        return wrong_type(reader, member, value,
                          "a number, {\"uniform\": [least, most]} or {\"lognormal\": [median, "
                          "sigma]}");
    read.kind = json_present(uniform) ? SPREAD_UNIFORM : SPREAD_LOGNORMAL;
    if (read.kind == SPREAD_LOGNORMAL)
        sigma.least = 0, sigma.most = 4;
    int err = read_number(reader, member, json_path(pair, "0"), &read.low);
    if (err == 0)
        err = read_number(reader, &sigma, json_path(pair, "1"), &read.high);
    if (err == 0 && read.kind == SPREAD_UNIFORM && read.high < read.low)
        err = fake_complain(reader, pair, "\"%s\": out of range: the least comes first",
                            member->name);
    if (err == 0)
        *spread = read;
    return err;
}

static int read_text(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    struct fake_script_state *state = place;
    struct span text;
    if (json_string(value, reader->arena, &text) < 0)
        return wrong_type(reader, member, value, "a text");
    if (text.len >= sizeof state->settings.text)
        return fake_complain(reader, value, "\"%s\": larger than its cap of %d bytes", member->name,
                             FAKE_TEXT_MAX_BYTES - 1);
    if (memchr(text.ptr, 0, text.len) != NULL)
        return fake_complain(reader, value, "\"%s\": a NUL cannot be said", member->name);
    memcpy(state->settings.text, text.ptr, text.len);
    state->settings.text[text.len] = '\0';
    return 0;
}

static int read_after(struct reader *reader, const struct member *member, struct json_value value,
                      void *place) {
    int64_t number = 0;
    (void)place;
    int err = read_whole(reader, member, value, &number);
    reader->after_ms = (uint64_t)number;
    return err;
}

/* --- states --- */

static void turn_hold(struct fake_turn *turn) {
    if (turn->replay != NULL)
        turn->replay->refs++;
}

static void turn_release(struct fake_turn *turn) {
    fake_replay_unref(turn->replay);
    turn->replay = NULL;
}

static void each_turn(struct fake_script_state *state, void (*visit)(struct fake_turn *turn)) {
    visit(&state->always);
    for (uint32_t i = 0; i < state->key_count; i++)
        visit(&state->keys[i].turn);
    for (uint32_t i = 0; i < state->queue_count; i++)
        visit(&state->queue[(state->queue_first + i) % FAKE_FAULTS_QUEUED_MAX]);
}

void fake_state_hold(struct fake_script_state *state) {
    each_turn(state, turn_hold);
}

void fake_state_release(struct fake_script_state *state) {
    each_turn(state, turn_release);
    state->queue_count = 0;
    state->key_count = 0;
}

/* The short forms come first, so that a provider with both says the same wait whichever refuses. */
static void set_limits(struct fake_provider *provider) {
    const struct fake_script_state *state = &provider->script;
    struct fake_limit limits[FAKE_LIMITS_MAX + 2];
    uint32_t count = 0;
    if (state->settings.limit_requests != 0)
        limits[count++] = (struct fake_limit){.amount = state->settings.limit_requests,
                                              .window_ms = state->settings.limit_window_ms};
    if (state->settings.concurrency != 0)
        limits[count++] =
            (struct fake_limit){.shape = FAKE_CONCURRENT, .amount = state->settings.concurrency};
    memcpy(limits + count, state->limits, state->limit_count * sizeof *limits);
    fake_rules_set(&provider->rules, limits, count + state->limit_count);
}

static void apply(struct fake_provider *provider, const struct fake_script_state *state) {
    fake_state_release(&provider->script);
    provider->script = *state; /* with its references */
    set_limits(provider);
}

static int keep_for_later(struct reader *reader, struct json_value object) {
    struct fake_world *world = reader->world;
    struct span raw = json_raw(object);
    if (world->later_count == FAKE_LATER_MAX)
        return fake_complain(reader, object, "\"after_ms\": at most %d scripts can wait",
                             FAKE_LATER_MAX);
    struct fake_later *later = &world->later[world->later_count++];
    later->at_ns = (world->begun ? world->now_ns : 0) + reader->after_ms * NS_PER_MS;
    later->length = raw.len;
    later->text = mem_strndup(raw.ptr, raw.len);
    return 0;
}

static int build(struct reader *reader, struct json_value object,
                 const struct fake_provider *provider) {
    struct fake_script_state *state = reader->state;
    *state = provider->script;
    state->queue_count = 0; /* before the references are taken: what waited is gone */
    state->queue_first = 0;
    fake_state_hold(state);
    int err = fake_read_members(reader, fake_script_members, object, state);
    uint32_t shorts = (state->settings.limit_requests != 0 ? 1u : 0) +
                      (state->settings.concurrency != 0 ? 1u : 0);
    if (err == 0 && state->limit_count + shorts > FAKE_LIMITS_MAX)
        err = fake_complain(reader, json_get(object, "limits"),
                            "\"limits\": at most %d, short forms among them", FAKE_LIMITS_MAX);
    return err;
}

static int run(struct reader *reader, struct json_value object, bool now) {
    struct span name = SPAN_NONE;
    struct json_value provider_value = json_get(object, "provider");
    if (json_string(provider_value, reader->arena, &name) < 0 || name.len == 0 ||
        name.len >= FAKE_NAME_MAX_BYTES || memchr(name.ptr, 0, name.len) != NULL)
        return fake_complain(reader, json_present(provider_value) ? provider_value : object,
                             "provider: a name of at most 63 bytes is needed");
    struct fake_provider *provider = fake_provider_get(reader->world, name);
    if (provider == NULL)
        return fake_complain(reader, provider_value, "provider: there are %d already",
                             FAKE_PROVIDERS_MAX);
    reader->state = arena_try_alloc(reader->arena, sizeof *reader->state);
    if (reader->state == NULL)
        return fake_complain(reader, object, "the scripts are too many at once");
    int err = build(reader, object, provider);
    bool later = err == 0 && reader->after_ms > 0 && !now;
    if (later)
        err = keep_for_later(reader, object);
    else if (err == 0)
        apply(provider, reader->state);
    if (err < 0 || later)
        fake_state_release(reader->state);
    return err;
}

int fake_script(struct fake_world *world, struct json_value object, struct arena *arena,
                struct fake_problem *ret_problem) {
    struct reader reader = {.world = world, .arena = arena, .problem = ret_problem};
    return run(&reader, object, false);
}

int fake_script_now(struct fake_world *world, struct json_value object, struct arena *arena,
                    struct fake_problem *ret_problem) {
    struct reader reader = {.world = world, .arena = arena, .problem = ret_problem};
    return run(&reader, object, true);
}
