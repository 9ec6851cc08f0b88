// SPDX-License-Identifier: Apache-2.0
/*
 * The scanner: one strict pass over a JSON text (RFC 8259), leaving an index of nodes.
 *
 * Why own code: a gateway reads a few members of a body and sends the rest on as it came. So nothing is decoded or copied
 * here; a string costs the search for its end, a number the check of its form. The scanner is a loop, not a recursion: an
 * open container keeps the index of the one around it in its `next`, and one bit per level says whether it is an object.
 * Promises: accepts exactly the grammar, strict UTF-8 inside strings, at most JSON_DEPTH_MAX levels and JSON_NODES_MAX
 * nodes; never reads past the text; tells the first offending byte. Leaves to others: duplicate members (callers look
 * while iterating), lone surrogates (valid by the grammar; decoded to U+FFFD), the meaning of numbers.
 */
#include "json/bytes.h"
#include "json/json.h"

#define FIRST_NODES_MAX 1024u
#define BYTES_PER_NODE  12 /* estimate: chat bodies have fewer nodes, dense number lists more */

struct scan {
    const unsigned char *end;
    struct arena *arena;     /* borrowed; NULL: only check */
    struct json_node *nodes; /* borrowed: arena */
    uint32_t count;
    uint32_t capacity;
    uint32_t open; /* node of the innermost open container */
    unsigned depth;
    uint64_t objects[JSON_DEPTH_MAX / 64]; /* bit per open level: an object */
    const unsigned char *start;
    struct json_error *error;
};

static const unsigned char *fail(struct scan *scan, const unsigned char *at, int err,
                                 const char *what) {
    scan->error->err = err;
    scan->error->offset = (size_t)(at - scan->start);
    scan->error->what = what;
    return NULL;
}

static const unsigned char *invalid(struct scan *scan, const unsigned char *at, const char *what) {
    return fail(scan, at, ERR_INVALID, at == scan->end ? "the text ends too early" : what);
}

/* Doubles the index: in place when the arena's next bytes follow it, else by a copy. */
static __attribute__((noinline)) bool grow(struct scan *scan) {
    uint32_t more = scan->capacity;
    if (more > JSON_NODES_MAX - scan->capacity)
        more = JSON_NODES_MAX - scan->capacity;
    if (more == 0)
        return false;
    size_t more_bytes = more * sizeof *scan->nodes;
    char *behind = (char *)(scan->nodes + scan->capacity);
    struct arena *arena = scan->arena;
    if (behind == arena->next && (size_t)(arena->end - arena->next) >= more_bytes) {
        scan->capacity += more;
        return arena_try_alloc(arena, more_bytes) == behind;
    }
    size_t used_bytes = scan->capacity * sizeof *scan->nodes;
    struct json_node *moved = arena_try_alloc(arena, used_bytes + more_bytes);
    if (moved == NULL)
        return false;
    memcpy(moved, scan->nodes, used_bytes);
    scan->nodes = moved;
    scan->capacity += more;
    return true;
}

static inline bool add_node(struct scan *scan, enum json_type type, const unsigned char *at,
                            const unsigned char *after, bool escaped) {
    if (scan->arena == NULL)
        return true;
    if (scan->count == scan->capacity && !grow(scan)) {
        fail(scan, at, ERR_TOO_LARGE, "too many values");
        return false;
    }
    struct json_node *node = &scan->nodes[scan->count++];
    node->start = (uint32_t)(at - scan->start);
    node->end = (uint32_t)(after - scan->start);
    node->next = scan->count;
    node->type = (uint8_t)type;
    node->escaped = escaped;
    node->depth = (uint16_t)scan->depth;
    return true;
}

static inline bool is_space(unsigned char byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static inline const unsigned char *skip_space(const unsigned char *at, const unsigned char *end) {
    while (at < end && is_space(*at))
        at++;
    return at;
}

/* `at` is on a byte that is not plain and not the closing quote; past it and what belongs to it. */
static const unsigned char *skip_escape(struct scan *scan, const unsigned char *at) {
    uint32_t code;
    unsigned length = json__read_escape(at, scan->end, &code);
    if (length > 0)
        return at + length;
    if (scan->end - at < 2)
        return invalid(scan, scan->end, "");
    if (at[1] == 'u')
        return invalid(scan, at, "\\u needs four hexadecimal digits");
    return invalid(scan, at, "not an escape sequence");
}

/* From the first byte that is not plain to the closing quote: by blocks, and byte by byte to tell where a mistake is. */
static __attribute__((noinline)) const unsigned char *
scan_odd(struct scan *scan, const unsigned char *at, bool *ret_escaped) {
    const unsigned char *quote = json__find_quote(at, scan->end, ret_escaped);
    if (quote != NULL)
        return quote;
    while (at < scan->end && *at != '"') {
        if (*at == '\\') {
            *ret_escaped = true;
            at = skip_escape(scan, at);
        } else if (*at >= 0x80) {
            const unsigned char *after = json__skip_utf8(at, scan->end);
            at = after > at ? after : fail(scan, at, ERR_UTF8, "not valid UTF-8");
        } else {
            return invalid(scan, at, "a control character in a string must be escaped");
        }
        if (at == NULL)
            return NULL;
        at = json__skip_plain(at, scan->end);
    }
    return at < scan->end ? at : fail(scan, at, ERR_INVALID, "a string is not closed");
}

/* `at` is on the opening quote. */
static inline const unsigned char *scan_string(struct scan *scan, const unsigned char *at) {
    const unsigned char *opening = at;
    bool escaped = false;
    at = json__skip_plain(at + 1, scan->end);
    if (at == scan->end || *at != '"') {
        at = scan_odd(scan, at, &escaped);
        if (at == NULL)
            return NULL;
    }
    return add_node(scan, JSON_STRING, opening, at + 1, escaped) ? at + 1 : NULL;
}

/* At least one digit. */
static inline const unsigned char *skip_digits(struct scan *scan, const unsigned char *at) {
    if (at == scan->end || !json__digit(*at))
        return invalid(scan, at, "expected a digit");
    do
        at++;
    while (at < scan->end && json__digit(*at));
    return at;
}

static const unsigned char *scan_number(struct scan *scan, const unsigned char *at) {
    const unsigned char *first = at;
    const unsigned char *end = scan->end;
    if (*at == '-')
        at++;
    const unsigned char *digits = at;
    at = skip_digits(scan, at);
    if (at == NULL)
        return NULL;
    if (*digits == '0' && at - digits > 1)
        return invalid(scan, digits, "a number must not begin with 0");
    if (at < end && *at == '.') {
        at = skip_digits(scan, at + 1);
        if (at == NULL)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        at = skip_digits(scan, at);
        if (at == NULL)
            return NULL;
    }
    return add_node(scan, JSON_NUMBER, first, at, false) ? at : NULL;
}

static const struct {
    const char *text;
    unsigned char length;
    unsigned char type;
} words[256] = {
    ['t'] = {"true", 4, JSON_TRUE},
    ['f'] = {"false", 5, JSON_FALSE},
    ['n'] = {"null", 4, JSON_NULL},
};

/* A number or a word. */
static inline const unsigned char *scan_scalar(struct scan *scan, const unsigned char *at) {
    if (json__digit(*at) || *at == '-')
        return scan_number(scan, at);
    size_t length = words[*at].length;
    if (length == 0 || (size_t)(scan->end - at) < length ||
        memcmp(at, words[*at].text, length) != 0)
        return invalid(scan, at, "expected a value");
    return add_node(scan, (enum json_type)words[*at].type, at, at + length, false) ? at + length
                                                                                   : NULL;
}

static inline bool in_object(const struct scan *scan) {
    unsigned level = scan->depth - 1;
    return (scan->objects[level / 64] >> (level % 64) & 1) != 0;
}

static inline const unsigned char *open_container(struct scan *scan, const unsigned char *at) {
    unsigned level = scan->depth;
    uint32_t index = scan->count;
    if (level == JSON_DEPTH_MAX)
        return fail(scan, at, ERR_DEPTH, "nested too deeply");
    bool object = *at == '{';
    if (!add_node(scan, object ? JSON_OBJECT : JSON_ARRAY, at, at, false))
        return NULL;
    if (scan->arena != NULL)
        scan->nodes[index].next = scan->open;
    scan->open = index;
    scan->objects[level / 64] &= ~((uint64_t)1 << (level % 64));
    scan->objects[level / 64] |= (uint64_t)object << (level % 64);
    scan->depth = level + 1;
    return at + 1;
}

static inline const unsigned char *close_container(struct scan *scan, const unsigned char *at) {
    scan->depth--;
    if (scan->arena == NULL)
        return at + 1;
    struct json_node *node = &scan->nodes[scan->open];
    scan->open = node->next;
    node->next = scan->count;
    node->end = (uint32_t)(at + 1 - scan->start);
    return at + 1;
}

/* A member's name up to the first byte of its value. */
static inline const unsigned char *scan_name(struct scan *scan, const unsigned char *at) {
    if (at == scan->end || *at != '"')
        return invalid(scan, at, "expected a member name in double quotes");
    at = scan_string(scan, at);
    if (at == NULL)
        return NULL;
    at = skip_space(at, scan->end);
    if (at == scan->end || *at != ':')
        return invalid(scan, at, "expected ':' after a member name");
    return skip_space(at + 1, scan->end);
}

/* After a value: closes containers, and passes a comma (and a name) up to the next value. At depth 0 the text is done. */
static inline const unsigned char *scan_after(struct scan *scan, const unsigned char *at) {
    while (scan->depth > 0) {
        at = skip_space(at, scan->end);
        bool object = in_object(scan);
        if (at < scan->end && *at == ',') {
            at = skip_space(at + 1, scan->end);
            return object ? scan_name(scan, at) : at;
        }
        if (at == scan->end || *at != (object ? '}' : ']'))
            return invalid(scan, at,
                           object ? "expected ',' or '}' after a member"
                                  : "expected ',' or ']' after an element");
        at = close_container(scan, at);
    }
    return at;
}

static const unsigned char *scan_text(struct scan *scan) {
    const unsigned char *at = skip_space(scan->start, scan->end);
    do {
        if (at == scan->end)
            return invalid(scan, at, "");
        if (*at == '"') {
            at = scan_string(scan, at);
        } else if (*at == '{' || *at == '[') {
            unsigned char closing = *at == '{' ? '}' : ']';
            at = open_container(scan, at);
            if (at == NULL)
                return NULL;
            at = skip_space(at, scan->end);
            if (at == scan->end || *at != closing) {
                if (closing == '}')
                    at = scan_name(scan, at);
                continue;
            }
            at = close_container(scan, at);
        } else {
            at = scan_scalar(scan, at);
        }
        if (at != NULL)
            at = scan_after(scan, at);
    } while (at != NULL && scan->depth > 0);
    if (at == NULL)
        return NULL;
    at = skip_space(at, scan->end);
    return at == scan->end ? at : invalid(scan, at, "expected nothing after the value");
}

static void find_line(struct json_error *error, struct span text) {
    size_t line_start = 0;
    error->line = 1;
    for (size_t i = 0; i < error->offset; i++)
        if (text.ptr[i] == '\n') {
            error->line++;
            line_start = i + 1;
        }
    error->column = (unsigned)(error->offset - line_start + 1);
}

static int run(struct scan *scan, struct span text, struct json_error *error) {
    *error = (struct json_error){.line = 1, .column = 1};
    scan->error = error;
    scan->start = (const unsigned char *)text.ptr;
    scan->end = scan->start + text.len;
    return scan_text(scan) != NULL ? 0 : error->err;
}

static int refuse(struct json_error *ret_error, int err, const char *what) {
    if (ret_error != NULL)
        *ret_error = (struct json_error){.err = err, .line = 1, .column = 1, .what = what};
    return err;
}

int json_parse(struct json_doc *doc, struct span text, struct arena *arena,
               struct json_error *ret_error) {
    if (text.len == 0)
        return refuse(ret_error, ERR_INVALID, "the text is empty");
    if (text.len > UINT32_MAX)
        return refuse(ret_error, ERR_TOO_LARGE, "the text is longer than 4 GiB");
    size_t estimate = text.len / BYTES_PER_NODE + 8;
    struct scan scan = {.arena = arena};
    scan.capacity = estimate < FIRST_NODES_MAX ? (uint32_t)estimate : FIRST_NODES_MAX;
    scan.nodes = arena_try_alloc(arena, scan.capacity * sizeof *scan.nodes);
    if (scan.nodes == NULL)
        return refuse(ret_error, ERR_TOO_LARGE, "no memory left for values");
    struct json_error error;
    int err = run(&scan, text, &error);
    if (err == 0) {
        *doc = (struct json_doc){text, scan.nodes, scan.count};
    } else if (ret_error != NULL) {
        find_line(&error, text);
        *ret_error = error;
    }
    return err;
}

int json_validate(struct span text) {
    struct json_error error;
    struct scan scan = {0};
    if (text.len == 0)
        return ERR_INVALID;
    return run(&scan, text, &error);
}
