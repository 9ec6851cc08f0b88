// SPDX-License-Identifier: Apache-2.0
/*
 * Query and body of an admin endpoint, checked against its tables.
 *
 * Why before the handler and from tables: every endpoint refuses the same mistakes in the same words, a handler is left with what it
 * does, and the description that /openapi.json gives of an endpoint is what is checked, not beside it. What is not described is
 * refused, since a filter with a typing mistake that is passed over answers another question than was asked.
 * Promises: a refusal says what was wrong, where, and what would be right; it never repeats a value that is marked secret. Leaves to
 * others: what the values mean.
 */
#include "gateway/take.h"

#include "base/check.h"
#include "gateway/authenticate.h"
#include "provider/wait.h"

#define SHOWN_MAX_BYTES 60 /* of a value that is told back */
#define DEPTH_MAX       8

struct taken {
    struct json_doc body;
    bool has_body;
    uint32_t count;
    struct {
        const struct schema_member *member;
        struct span text;
    } query[TAKE_QUERY_MAX];
};

static struct span shown(struct span text) {
    return span_of(text.ptr, text.len < SHOWN_MAX_BYTES ? text.len : SHOWN_MAX_BYTES);
}

static bool refuse(struct request *r, const char *param, const char *text) {
    (void)request_fail(r, API_BAD_REQUEST, param, "%s", text != NULL ? text : "too much at once");
    return false;
}

/* --- single values, as the query and the body have them --- */

static bool is_word(const char *words, struct span text) {
    struct span rest = span_text(words), word;
    while (span_split(&rest, '|', &word))
        if (span_equal(word, text))
            return true;
    return false;
}

bool take_parse_time(struct span text, int64_t *ret_wall_ms) {
    bool zoned;
    return text.len >= 20 && text.len <= 40 && wait_stamp_ms(text, ret_wall_ms, &zoned) && zoned &&
           *ret_wall_ms >= 0;
}

static bool in_bounds(const struct schema_member *member, uint64_t number) {
    return number >= member->least && (member->most == 0 || number <= member->most);
}

static const char *expected(struct request *r, const struct schema_member *member) {
    struct arena *arena = &r->arena;
    unsigned long long least = member->least, most = member->most;
    switch (member->type) {
    case SCHEMA_WHOLE:
        return most == 0 ? arena_format(arena, "a whole number from %llu", least)
                         : arena_format(arena, "a whole number from %llu to %llu", least, most);
    case SCHEMA_TEXT:
        return most == 0 ? "a text"
                         : arena_format(arena, "a text of %llu to %llu bytes", least, most);
    case SCHEMA_WORD:
        return arena_format(arena, "one of %s", member->words);
    case SCHEMA_TIME:
        return "a time as 2026-11-24T10:11:12Z";
    case SCHEMA_NUMBER:
        return "a number";
    case SCHEMA_FLAG:
        return "true or false";
    case SCHEMA_OBJECT:
        return "an object";
    case SCHEMA_ANY:
        break;
    }
    return "any value";
}

static bool text_fits(const struct schema_member *member, struct span text) {
    int64_t wall_ms;
    switch (member->type) {
    case SCHEMA_TEXT:
        return in_bounds(member, text.len) && memchr(text.ptr, '\0', text.len) == NULL;
    case SCHEMA_WORD:
        return is_word(member->words, text);
    case SCHEMA_TIME:
        return take_parse_time(text, &wall_ms);
    default:
        return false;
    }
}

/* --- the query --- */

static bool query_fits(const struct schema_member *member, struct span text) {
    uint64_t number;
    if (member->type == SCHEMA_WHOLE)
        return span_to_u64(text, &number) && in_bounds(member, number);
    if (member->type == SCHEMA_FLAG)
        return span_is(text, "true") || span_is(text, "false");
    return text_fits(member, text);
}

static const struct schema_member *find_member(const struct schema_member *members,
                                               struct span name) {
    for (; members != NULL && members->name != NULL; members++)
        if (span_is(name, members->name))
            return members;
    return NULL;
}

/* ", of which there are: a, b" or nothing. */
static const char *known_names(struct request *r, const struct schema_member *members) {
    const char *text = "";
    for (const struct schema_member *member = members; member != NULL && member->name != NULL;
         member++) {
        text = arena_format(&r->arena, "%s%s%s", text, member == members ? "" : ", ", member->name);
        if (text == NULL)
            return "";
    }
    return text;
}

static bool take_pair(struct request *r, const struct schema_member *members, struct span pair) {
    struct taken *taken = r->taken;
    struct span rest = pair, name;
    if (!span_split(&rest, '=', &name))
        return true; /* "&&" */
    struct span text = span_absent(rest) ? SPAN_LITERAL("") : rest;
    name = endpoint_percent_decode(name, &r->arena);
    text = endpoint_percent_decode(text, &r->arena);
    const struct schema_member *member = find_member(members, name);
    if (member == NULL) {
        const char *known = known_names(r, members);
        return refuse(r, NULL,
                      arena_format(&r->arena, "There is no query parameter '%.*s' here. %s%s.",
                                   SPAN_ARG(shown(name)),
                                   *known != '\0' ? "Known are: " : "This takes none", known));
    }
    for (uint32_t i = 0; i < taken->count; i++)
        if (taken->query[i].member == member)
            return refuse(r, member->name,
                          arena_format(&r->arena,
                                       "The query parameter %s is given twice. Give it "
                                       "once.",
                                       member->name));
    if (!query_fits(member, text))
        return refuse(r, member->name,
                      arena_format(&r->arena, "The query parameter %s is '%.*s'. Give %s.",
                                   member->name, SPAN_ARG(shown(text)), expected(r, member)));
    check(taken->count < TAKE_QUERY_MAX);
    taken->query[taken->count].member = member;
    taken->query[taken->count++].text = text;
    return true;
}

static bool take_query(struct request *r, const struct schema_member *members) {
    struct span rest = http_exchange_request(r->exchange)->query, pair;
    if (!span_absent(rest) && rest.len > TAKE_QUERY_MAX_BYTES)
        return refuse(r, NULL, "The query is longer than 4096 bytes. Ask for less at once.");
    while (!span_absent(rest) && span_split(&rest, '&', &pair))
        if (pair.len > 0 && !take_pair(r, members, pair))
            return false;
    return true;
}

/* --- the body --- */

static bool body_object(struct request *r, struct json_value value, const struct schema *schema,
                        int depth);

static bool refuse_value(struct request *r, struct json_value value,
                         const struct schema_member *member) {
    const char *place = json_place(value, &r->arena);
    const char *end = (member->flags & SCHEMA_NULLABLE) != 0 ? ", or null" : "";
    bool told =
        json_is(value, JSON_STRING) && (member->type == SCHEMA_WORD || member->type == SCHEMA_TIME);
    bool fits = json_is(value, JSON_STRING) && member->type == SCHEMA_TEXT;
    if (told)
        return refuse(r, place,
                      arena_format(&r->arena, "%s is '%.*s'. Give %s%s.", place,
                                   SPAN_ARG(shown(json_escaped(value))), expected(r, member), end));
    return refuse(r, place,
                  arena_format(&r->arena, "%s is %s%s. Give %s%s.", place,
                               json_type_name(json_type(value)), fits ? " that does not fit" : "",
                               expected(r, member), end));
}

static bool body_one(struct request *r, struct json_value value, const struct schema_member *member,
                     int depth) {
    struct span text;
    int64_t number;
    double fraction;
    bool flag, fits;
    switch (member->type) {
    case SCHEMA_WHOLE:
        fits = json_i64(value, &number) == 0 && number >= 0 && in_bounds(member, (uint64_t)number);
        break;
    case SCHEMA_NUMBER:
        fits = json_double(value, &fraction) == 0;
        break;
    case SCHEMA_FLAG:
        fits = json_bool(value, &flag) == 0;
        break;
    case SCHEMA_OBJECT:
        if (json_is(value, JSON_OBJECT))
            return body_object(r, value, member->of, depth + 1);
        fits = false;
        break;
    case SCHEMA_ANY:
        fits = true;
        break;
    default:
        fits = json_string(value, &r->arena, &text) == 0 && text_fits(member, text);
        break;
    }
    return fits || refuse_value(r, value, member);
}

static bool body_member(struct request *r, struct json_value value,
                        const struct schema_member *member, int depth) {
    if (json_is(value, JSON_NULL) && (member->flags & SCHEMA_NULLABLE) != 0)
        return true;
    if ((member->flags & SCHEMA_LIST) == 0)
        return body_one(r, value, member, depth);
    if (!json_is(value, JSON_ARRAY)) {
        const char *place = json_place(value, &r->arena);
        return refuse(r, place,
                      arena_format(&r->arena, "%s is %s. Give a list, each of it %s.", place,
                                   json_type_name(json_type(value)), expected(r, member)));
    }
    for (struct json_iter it = json_each(value); json_next(&it);)
        if (!body_one(r, it.value, member, depth))
            return false;
    return true;
}

/* "limits.concurrency" for a member that need not be there. */
static const char *member_place(struct request *r, struct json_value object, const char *name) {
    const char *place = json_place(object, &r->arena);
    return *place == '\0' ? name : arena_format(&r->arena, "%s.%s", place, name);
}

/* What is missing, and what is there twice: which one would hold? */
static bool body_names(struct request *r, struct json_value value, const struct schema *schema) {
    for (const struct schema_member *member = schema->members; member->name != NULL; member++) {
        uint32_t found = 0;
        for (struct json_iter it = json_each(value); json_next(&it);)
            found += json_string_is(it.key, member->name);
        if (found == 1 || (found == 0 && (member->flags & SCHEMA_OPTIONAL) != 0))
            continue;
        const char *place = member_place(r, value, member->name);
        if (found > 1)
            return refuse(r, place,
                          arena_format(&r->arena, "%s is there twice. Give it once.", place));
        return refuse(
            r, place,
            arena_format(&r->arena, "%s is missing. Give %s.", place, expected(r, member)));
    }
    return true;
}

static bool body_object(struct request *r, struct json_value value, const struct schema *schema,
                        int depth) {
    check(depth < DEPTH_MAX);
    if (!body_names(r, value, schema))
        return false;
    for (struct json_iter it = json_each(value); json_next(&it);) {
        struct span name;
        if (json_string(it.key, &r->arena, &name) < 0)
            return refuse(r, NULL, NULL);
        const struct schema_member *member = find_member(schema->members, name);
        if (member != NULL && !body_member(r, it.value, member, depth))
            return false;
        if (member == NULL && !schema->open)
            return refuse(r, json_place(it.value, &r->arena),
                          arena_format(&r->arena, "There is no member '%.*s' here. Known are: %s.",
                                       SPAN_ARG(shown(name)), known_names(r, schema->members)));
    }
    return true;
}

static bool parse_body(struct request *r, struct span text) {
    struct json_error error;
    struct span type = http_header_get(http_exchange_request(r->exchange)->headers, "content-type");
    if (text.len > TAKE_BODY_MAX_BYTES) {
        (void)request_fail(r, API_TOO_LARGE, NULL,
                           "The body has %zu bytes; the admin API takes up to %zu. Send less at "
                           "once.",
                           text.len, TAKE_BODY_MAX_BYTES);
        return false;
    }
    if (!authenticate_json_type(type)) {
        (void)request_fail(r, API_UNSUPPORTED_MEDIA, NULL,
                           "The body's Content-Type is '%.*s'; send application/json.",
                           SPAN_ARG(shown(type)));
        return false;
    }
    if (json_parse(&r->taken->body, text, &r->arena, &error) < 0)
        return refuse(r, NULL,
                      arena_format(&r->arena, "The body is not JSON: line %u, column %u: %s.",
                                   error.line, error.column, error.what));
    r->taken->has_body = true;
    if (!json_is(json_top(&r->taken->body), JSON_OBJECT))
        return refuse(r, NULL,
                      arena_format(&r->arena, "The body is %s. Send an object.",
                                   json_type_name(json_type(json_top(&r->taken->body)))));
    return true;
}

static bool take_whole_body(struct request *r, const struct endpoint_doc *doc) {
    struct span text = r->body != NULL ? http_body_bytes(r->body) : SPAN_LITERAL("");
    if (doc->takes == NULL && text.len > 0)
        return refuse(r, NULL, "This takes no body. Leave it out.");
    if (text.len == 0) {
        if (doc->takes == NULL || doc->takes_optional)
            return true;
        return refuse(r, NULL,
                      arena_format(&r->arena, "The body is missing. Send a JSON object with: %s.",
                                   known_names(r, doc->takes->members)));
    }
    return parse_body(r, text) && body_object(r, json_top(&r->taken->body), doc->takes, 0);
}

bool take_check(struct request *r) {
    static const struct endpoint_doc nothing = {0};
    const struct endpoint_doc *doc = r->endpoint->doc != NULL ? r->endpoint->doc : &nothing;
    r->taken = arena_zalloc(&r->arena, sizeof *r->taken);
    return take_query(r, doc->query) && take_whole_body(r, doc);
}

/* --- reading --- */

struct span take_text(const struct request *r, const char *name) {
    for (uint32_t i = 0; i < r->taken->count; i++)
        if (strcmp(r->taken->query[i].member->name, name) == 0)
            return r->taken->query[i].text;
    return SPAN_NONE;
}

bool take_whole(const struct request *r, const char *name, uint64_t *ret_number) {
    struct span text = take_text(r, name);
    return !span_absent(text) && span_to_u64(text, ret_number);
}

bool take_time(const struct request *r, const char *name, int64_t *ret_wall_ms) {
    struct span text = take_text(r, name);
    return !span_absent(text) && take_parse_time(text, ret_wall_ms);
}

bool take_flag(const struct request *r, const char *name) {
    struct span text = take_text(r, name);
    return !span_absent(text) && span_is(text, "true");
}

struct json_value take_body(const struct request *r) {
    return r->taken->has_body ? json_top(&r->taken->body) : (struct json_value){NULL, 0};
}
