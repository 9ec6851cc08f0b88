// SPDX-License-Identifier: Apache-2.0
/*
 * Limits of a script: the same words as `limits` of papi.yaml, and more shapes.
 *
 * {"requests": 30, "per": "minute"}, {"tokens": 200000, "per": "day", "shape": "refill"}, {"concurrent": 2}. A zone without a shape means a
 * calendar. Promises: a limit that could never work (no window, no room for its log) is refused with its place. Leaves to others: counting
 * (count.c).
 */
#include "fake/script.h"

#include "base/check.h"

#include <math.h>
#include <stddef.h>

#define WINDOW_MOST_MS (400.0 * 86400 * 1000)

#define WORD(name, word, about) word,
static const char *const shape_words[] = {FAKE_SHAPE_TABLE(WORD) NULL};
static const char *const scope_words[] = {FAKE_SCOPE_TABLE(WORD) NULL};
static const char *const charge_words[] = {FAKE_CHARGE_TABLE(WORD) NULL};
#undef WORD

enum per { PER_SECOND, PER_MINUTE, PER_HOUR, PER_DAY, PER_WEEK, PER_MONTH, PER_NOT_SAID };
static const char *const per_words[] = {"second", "minute", "hour", "day", "week", "month", NULL};
static const uint64_t per_ms[] = {
    1000, 60000, 3600000, 86400000, UINT64_C(7) * 86400000, UINT64_C(30) * 86400000, 0};

struct draft {
    struct fake_limit limit;
    bool has_unit, has_zone;
    enum fake_shape shape; /* FAKE_SHAPE_COUNT: not said */
    enum per per;
    double foreign;
};

static int read_amount(struct reader *reader, const struct member *member, struct json_value value,
                       void *place);
static int read_zone(struct reader *reader, const struct member *member, struct json_value value,
                     void *place);
static int read_model(struct reader *reader, const struct member *member, struct json_value value,
                      void *place);
static int read_share(struct reader *reader, const struct member *member, struct json_value value,
                      void *place);

#define AT(field)               offsetof(struct draft, field)
#define UNIT(name, word, about) {word, read_amount, name, 1, FAKE_AMOUNT_MAX, NULL, about},
const struct member fake_limit_members[] = {
    FAKE_UNIT_TABLE(UNIT){"concurrent", read_amount, FAKE_UNIT_COUNT, 1, 1000000, NULL,
                          "requests at once"},
    {"per", fake_read_word, AT(per), 0, 0, per_words,
     "the window: second, minute, hour, day, week, month"},
    {"window_ms", fake_read_u64, AT(limit.window_ms), 1, WINDOW_MOST_MS, NULL, "or any other"},
    {"shape", fake_read_word, AT(shape), 0, 0, shape_words, "how it comes back; rolling"},
    {"burst", fake_read_u64, AT(limit.burst), 1, FAKE_AMOUNT_MAX, NULL,
     "refill and spaced: most at once"},
    {"zone", read_zone, 0, 0, 0, NULL,
     "UTC, America/Los_Angeles, Asia/Shanghai or +05:30; makes `per` day or month a calendar"},
    {"scope", fake_read_word, AT(limit.scope), 0, 0, scope_words, "who shares it; account"},
    {"model", read_model, 0, 0, 0, NULL, "only requests for this model"},
    {"charge", fake_read_word, AT(limit.charge), 0, 0, charge_words,
     "when tokens are counted; usage"},
    {"refused_count", fake_read_bool, AT(limit.refused_count), 0, 0, NULL,
     "a refused request counts too"},
    {"foreign", read_share, AT(foreign), 0, 1, NULL, "share of it that somebody else uses, 0 to 1"},
    {0},
};
#undef AT

/* The unit is the member's name. */
static int read_amount(struct reader *reader, const struct member *member, struct json_value value,
                       void *place) {
    struct draft *draft = place;
    struct member amount = *member;
    if (draft->has_unit)
        return fake_complain(reader, value, "\"%s\": a limit has one unit", member->name);
    amount.offset = offsetof(struct draft, limit.amount);
    draft->has_unit = true;
    draft->limit.unit = (enum fake_unit)member->offset;
    if (member->offset == FAKE_UNIT_COUNT) {
        draft->limit.unit = FAKE_REQUESTS;
        draft->limit.shape = FAKE_CONCURRENT;
    }
    return fake_read_u64(reader, &amount, value, draft);
}

static int read_zone(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    struct draft *draft = place;
    struct span text;
    draft->has_zone = true;
    if (json_string(value, reader->arena, &text) == 0 && fake_zone_parse(text, &draft->limit.zone))
        return 0;
    return fake_complain(
        reader, value,
        "\"%s\": not found: UTC, America/Los_Angeles, Asia/Shanghai and +05:30 are "
        "known",
        member->name);
}

static int read_model(struct reader *reader, const struct member *member, struct json_value value,
                      void *place) {
    struct draft *draft = place;
    struct span text = json_escaped(value); /* as questions hold it */
    if (text.len == 0 || text.len >= sizeof draft->limit.model)
        return fake_complain(reader, value, "\"%s\": a text of 1 to 127 bytes is needed",
                             member->name);
    memcpy(draft->limit.model, text.ptr, text.len);
    draft->limit.model[text.len] = '\0';
    return 0;
}

static int read_share(struct reader *reader, const struct member *member, struct json_value value,
                      void *place) {
    double *share = (double *)(void *)((char *)place + member->offset);
    if (json_double(value, share) == 0 && *share >= 0 && *share <= 1)
        return 0;
    return fake_complain(reader, value, "\"%s\": out of range: 0 to 1 are possible", member->name);
}

static bool by_date(enum fake_shape shape) {
    return shape == FAKE_DAY || shape == FAKE_MONTH;
}

static void choose_shape(struct draft *draft) {
    struct fake_limit *limit = &draft->limit;
    if (limit->shape == FAKE_CONCURRENT)
        return;
    if (draft->shape != FAKE_SHAPE_COUNT)
        limit->shape = draft->shape;
    else if (draft->has_zone)
        limit->shape = draft->per == PER_MONTH ? FAKE_MONTH : FAKE_DAY;
    if (limit->window_ms == 0)
        limit->window_ms = per_ms[draft->per];
    if (by_date(limit->shape) || limit->shape == FAKE_ONCE)
        limit->window_ms = 0;
}

static int finish(struct reader *reader, struct draft *draft, struct json_value row) {
    struct fake_limit *limit = &draft->limit;
    bool windowless =
        by_date(limit->shape) || limit->shape == FAKE_ONCE || limit->shape == FAKE_CONCURRENT;
    bool refills = limit->shape == FAKE_REFILL || limit->shape == FAKE_SPACED;
    if (!draft->has_unit)
        return fake_complain(reader, row,
                             "a limit needs a unit with its amount, as in {\"requests\": 30, "
                             "\"per\": \"minute\"}");
    if (!windowless && limit->window_ms == 0)
        return fake_complain(reader, row, "a limit of this shape needs \"per\" or \"window_ms\"");
    if (draft->has_zone && !by_date(limit->shape))
        return fake_complain(reader, row, "\"zone\": only limits by day or month have one");
    if (limit->burst != 0 && !refills)
        return fake_complain(reader, row, "\"burst\": only refill and spaced have one");
    if (limit->shape == FAKE_ONCE && draft->foreign > 0)
        return fake_complain(reader, row, "\"foreign\": needs a window to be spread over");
    if (limit->shape == FAKE_ROLLING && limit->unit == FAKE_REQUESTS &&
        limit->amount > FAKE_LOG_MAX)
        return fake_complain(reader, row, "a rolling limit counts at most %u requests exactly",
                             FAKE_LOG_MAX);
    limit->foreign_permille = (uint32_t)lround(draft->foreign * 1000);
    return 0;
}

int fake_read_limits(struct reader *reader, const struct member *member, struct json_value value,
                     void *place) {
    struct fake_script_state *state = place;
    if (!json_is(value, JSON_ARRAY))
        return fake_complain(reader, value, "\"%s\": of the wrong type: a list is needed",
                             member->name);
    state->limit_count = 0;
    for (struct json_iter it = json_each(value); json_next(&it);) {
        struct draft draft = {
            .shape = FAKE_SHAPE_COUNT, .per = PER_NOT_SAID, .limit = {.scope = FAKE_BY_ACCOUNT}};
        if (state->limit_count == FAKE_LIMITS_MAX)
            return fake_complain(reader, it.value, "\"%s\": at most %d", member->name,
                                 FAKE_LIMITS_MAX);
        int err = fake_read_members(reader, fake_limit_members, it.value, &draft);
        if (err < 0)
            return err;
        choose_shape(&draft);
        err = finish(reader, &draft, it.value);
        if (err < 0)
            return err;
        state->limits[state->limit_count++] = draft.limit;
    }
    return 0;
}
