// SPDX-License-Identifier: Apache-2.0
/*
 * Members of a request as a provider wants them: dropped, renamed, forced, given by default, raised.
 *
 * Why one way for all: a row of facts may speak of any member, known here or not, and several rows of one. So every member
 * passes here with what the client gave; one that no row speaks of costs two tests of a bit. A forced value beats the client's
 * and also a drop: that is how a row says "only this". A rule inside an object ("provider.max_price") leaves the client's other
 * members of it alone. Promises: each name once, whatever the client sent under it; escaped names are compared decoded, so that
 * no spelling passes by a rule. Leaves to others: the order of members.
 */
#include "base/check.h"
#include "dialect/openai.h"

#define DROPPED_NAME_MAX_BYTES 64

/* Whether a name, perhaps of somebody's making, can stand in a list in a head field. */
static bool can_be_told(const char *name) {
    size_t length = 0;
    for (; name[length] != '\0' && length <= DROPPED_NAME_MAX_BYTES; length++)
        if (name[length] <= ' ' || name[length] >= 0x7f || name[length] == ',')
            return false;
    return length <= DROPPED_NAME_MAX_BYTES;
}

void dialect__openai_dropped(struct openai_writer *writer, const char *name) {
    struct dialect_request *request = writer->request;
    if (!can_be_told(name))
        name = "a member";
    for (uint32_t i = 0; i < request->dropped_count; i++)
        if (strcmp(request->dropped[i], name) == 0)
            return;
    if (request->dropped_count < DIALECT_DROPPED_MAX)
        request->dropped[request->dropped_count++] = name;
}

void dialect__openai_no_room(struct stitch *out) {
    if (out->rope->err == 0)
        out->rope->err = ERR_TOO_LARGE;
}

/* Of a raw value that is known to be JSON. Absent when it is absent, or memory is. */
static struct json_value parse(struct span raw, struct arena *arena) {
    struct json_doc *doc = span_absent(raw) ? NULL : arena_try_alloc(arena, sizeof *doc);
    if (doc == NULL || json_parse(doc, raw, arena, NULL) < 0)
        return (struct json_value){NULL, 0};
    return json_top(doc);
}

struct span dialect__openai_set_path(struct json_value object, const char *path, struct span value,
                                     struct arena *arena) {
    char step[DIALECT_STEP_MAX_BYTES];
    size_t length = strcspn(path, ".");
    if (length >= sizeof step)
        return SPAN_NONE;
    memcpy(step, path, length);
    step[length] = '\0';
    if (path[length] == '.')
        value = dialect__openai_set_path(json_get(object, step), path + length + 1, value, arena);
    if (span_absent(value))
        return SPAN_NONE;
    if (!json_is(object, JSON_OBJECT))
        return span_text(arena_format(arena, "{\"%s\":%.*s}", step, SPAN_ARG(value)));
    char *kept = arena_format(arena, "%s", step);
    struct rope rope;
    rope_init(&rope, arena);
    if (kept != NULL)
        json_splice(object, &(struct json_edit){kept, value}, 1, &rope);
    return kept != NULL ? stitch_flatten(&rope) : SPAN_NONE;
}

/* --- what a rule makes of a value --- */

static struct span force(struct openai_writer *writer, const struct dialect_rule *rule,
                         struct span value) {
    struct arena *arena = writer->out.rope->arena;
    struct span forced = span_text(rule->value);
    if (rule->kind == FACT_QUIRK_FORCE_WITH_TOOLS && !writer->tools)
        return value;
    if (rule->field[rule->head_length] == '.')
        forced = dialect__openai_set_path(parse(value, arena), rule->field + rule->head_length + 1,
                                          forced, arena);
    if (span_absent(forced))
        dialect__openai_no_room(&writer->out);
    return forced;
}

static struct span at_least(struct openai_writer *writer, const struct dialect_rule *rule,
                            struct span value) {
    struct arena *arena = writer->out.rope->arena;
    double given, least;
    bool both = json_double(parse(value, arena), &given) == 0 &&
                json_double(parse(span_text(rule->value), arena), &least) == 0;
    if (!both)
        return value;
    bool raise = rule->kind == FACT_QUIRK_AT_LEAST ? given < least : given == 0;
    return raise ? span_text(rule->value) : value;
}

static struct span apply(struct openai_writer *writer, const struct dialect_rule *rule,
                         struct span value) {
    switch ((int)rule->kind) {
    case FACT_QUIRK_DROP:
        if (!span_absent(value))
            dialect__openai_dropped(writer, rule->field);
        return SPAN_NONE;
    case FACT_QUIRK_DEFAULT:
        return span_absent(value) ? span_text(rule->value) : value;
    case FACT_QUIRK_AT_LEAST:
    case FACT_QUIRK_NOT_ZERO:
        return at_least(writer, rule, value);
    case FACT_QUIRK_FORCE:
    case FACT_QUIRK_FORCE_WITH_TOOLS:
        return force(writer, rule, value);
    default:
        return value;
    }
}

static bool concerns(const struct dialect_rule *rule, enum dialect_member member,
                     struct span name) {
    return rule->member == member &&
           (member != MEMBER_OTHER || span_equal(span_of(rule->field, rule->head_length), name));
}

/* The value, and the name it goes under. */
static struct span apply_all(struct openai_writer *writer, enum dialect_member member,
                             struct span *name, struct span value) {
    struct span asked = *name;
    for (uint32_t i = 0; i < writer->quirks->rule_count; i++) {
        const struct dialect_rule *rule = &writer->quirks->rules[i];
        if (!concerns(rule, member, asked))
            continue;
        writer->done |= (uint32_t)1 << i;
        if (rule->kind == FACT_QUIRK_RENAME)
            *name = span_text(rule->value);
        else
            value = apply(writer, rule, value);
    }
    return value;
}
_Static_assert(DIALECT_RULES_MAX <= 32, "a bit of `done` for each rule");

/* --- writing --- */

/* How a member that no rule speaks of begins: one piece, since most members are such. */
#define HEAD(member, name) [member] = SPAN_LITERAL(",\"" name "\":")
static const struct span heads[MEMBER_OTHER] = {
    HEAD(MEMBER_TOOLS, "tools"),
    HEAD(MEMBER_TOOL_CHOICE, "tool_choice"),
    HEAD(MEMBER_RESPONSE_FORMAT, "response_format"),
    HEAD(MEMBER_DIMENSIONS, "dimensions"),
    HEAD(MEMBER_ENCODING_FORMAT, "encoding_format"),
    HEAD(MEMBER_OPTIONS + OPTION_TEMPERATURE, "temperature"),
    HEAD(MEMBER_OPTIONS + OPTION_TOP_P, "top_p"),
    HEAD(MEMBER_OPTIONS + OPTION_PRESENCE_PENALTY, "presence_penalty"),
    HEAD(MEMBER_OPTIONS + OPTION_FREQUENCY_PENALTY, "frequency_penalty"),
    HEAD(MEMBER_OPTIONS + OPTION_STOP, "stop"),
    HEAD(MEMBER_OPTIONS + OPTION_SEED, "seed"),
    HEAD(MEMBER_OPTIONS + OPTION_LOGIT_BIAS, "logit_bias"),
    HEAD(MEMBER_OPTIONS + OPTION_VERBOSITY, "verbosity"),
    HEAD(MEMBER_OPTIONS + OPTION_REASONING_EFFORT, "reasoning_effort"),
    HEAD(MEMBER_OPTIONS + OPTION_PARALLEL_TOOL_CALLS, "parallel_tool_calls"),
};

static void write_member(struct openai_writer *writer, struct span name, struct span value) {
    STITCH_LITERAL(&writer->out, ",\"");
    stitch_add(&writer->out, name);
    STITCH_LITERAL(&writer->out, "\":");
    stitch_add(&writer->out, value);
}

/* Digits between the least and the most that this provider takes. */
static struct span clamp(struct openai_writer *writer, struct span value) {
    uint64_t tokens, most = writer->target->output_tokens_max;
    if (most == 0 || !span_to_u64(value, &tokens) || tokens <= most)
        return value;
    char *digits = arena_format(writer->out.rope->arena, "%llu", (unsigned long long)most);
    if (digits == NULL)
        dialect__openai_no_room(&writer->out);
    return span_text(digits);
}

static struct span name_of(const struct openai_writer *writer, enum dialect_member member) {
    static const char *const limits[] = {"max_completion_tokens", "max_tokens"};
    if (member != MEMBER_MAX_TOKENS)
        return span_text(dialect_member_name(member));
    bool legacy = writer->quirks->max_tokens_legacy;
    bool strip = dialect__openai_strips(writer, span_text(limits[legacy]));
    return span_text(limits[strip ? !legacy : legacy]);
}

void dialect__openai_member(struct openai_writer *writer, enum dialect_member member,
                            struct span value) {
    uint32_t bit = (uint32_t)1 << member;
    bool plain = ((writer->quirks->drop | writer->quirks->ruled) & bit) == 0 &&
                 writer->target->strips.count == 0 && heads[member].len > 0;
    if (plain) {
        if (span_absent(value))
            return;
        stitch_add(&writer->out, heads[member]);
        stitch_add(&writer->out, value);
        return;
    }
    bool given = !span_absent(value);
    if (given && (writer->quirks->drop & bit) != 0) {
        dialect__openai_dropped(writer, dialect_member_name(member));
        value = SPAN_NONE;
    }
    if (span_absent(value) && (writer->quirks->ruled & bit) == 0)
        return;
    struct span name = name_of(writer, member);
    if ((writer->quirks->ruled & bit) != 0)
        value = apply_all(writer, member, &name, value);
    if (span_absent(value))
        return;
    if (member == MEMBER_MAX_TOKENS)
        value = clamp(writer, value);
    if (!dialect__openai_strips(writer, name))
        write_member(writer, name, value);
    else if (given)
        dialect__openai_dropped(writer, dialect_member_name(member));
}

/* A rule gives a member that we write the name of one that the client made up. */
static bool is_taken(const struct openai_writer *writer, struct span name) {
    for (uint32_t i = 0; i < writer->quirks->rule_count; i++)
        if (writer->quirks->rules[i].kind == FACT_QUIRK_RENAME &&
            span_is(name, writer->quirks->rules[i].value))
            return true;
    return false;
}

/* The name is the client's and becomes a text of ours. */
static void tell_extra(struct openai_writer *writer, struct span plain) {
    char *told = arena_format(writer->out.rope->arena, "%.*s", SPAN_ARG(plain));
    dialect__openai_dropped(writer, told != NULL ? told : "");
}

void dialect__openai_extra_left_out(struct openai_writer *writer, struct span name) {
    struct span plain = name;
    if (json_unescape(name, writer->out.rope->arena, &plain) == 0)
        tell_extra(writer, plain);
}

void dialect__openai_extra(struct openai_writer *writer, struct span name, struct span value) {
    struct span plain = name, renamed;
    if (json_unescape(name, writer->out.rope->arena, &plain) < 0) {
        dialect__openai_no_room(&writer->out);
        return;
    }
    renamed = plain;
    if ((writer->quirks->ruled >> MEMBER_OTHER & 1) != 0)
        value = apply_all(writer, MEMBER_OTHER, &renamed, value);
    if (span_absent(value))
        return;
    if (dialect__openai_strips(writer, renamed) || is_taken(writer, plain))
        tell_extra(writer, plain);
    else
        write_member(writer, span_equal(renamed, plain) ? name : renamed, value);
}

/* A member inside an object is the provider's own affair (whom it may ask, what it may charge) and holds for every task; a
 * flat one, such as n, is a chat's. */
static bool is_wanted(const struct openai_writer *writer, const struct dialect_rule *rule) {
    if (!writer->chat_task && rule->field[rule->head_length] != '.')
        return false;
    return rule->kind == FACT_QUIRK_DEFAULT || rule->kind == FACT_QUIRK_FORCE ||
           (rule->kind == FACT_QUIRK_FORCE_WITH_TOOLS && writer->tools);
}

void dialect__openai_rest(struct openai_writer *writer) {
    for (uint32_t i = 0; i < writer->quirks->rule_count; i++) {
        const struct dialect_rule *rule = &writer->quirks->rules[i];
        if (rule->member != MEMBER_OTHER || (writer->done >> i & 1) != 0 ||
            !is_wanted(writer, rule))
            continue;
        struct span name = span_of(rule->field, rule->head_length);
        struct span value = apply_all(writer, MEMBER_OTHER, &name, SPAN_NONE);
        if (!span_absent(value) && !dialect__openai_strips(writer, name))
            write_member(writer, name, value);
    }
}
