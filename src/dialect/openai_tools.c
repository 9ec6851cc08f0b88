// SPDX-License-Identifier: Apache-2.0
/*
 * Tool calls as providers stream them, to calls with a contiguous index.
 *
 * Why so much care: clients use the index as a position in a list and join every repeated string, while providers leave the
 * index out, repeat id and name in each fragment, count from one, skip numbers, send all calls under index 0, send the
 * arguments as an object or the whole call at once. Which call a fragment belongs to is told by its index, else by its id,
 * else it is the last one; a name that comes with another id opens a new call. Promises: each call is opened once, with its
 * id and name; fragments keep their order within a call; ids are never empty and never shared by two calls; indexes are
 * 0, 1, 2 in order of opening. Leaves to others: whether the arguments are valid JSON.
 */
#include "base/check.h"
#include "dialect/openai.h"
#include "message/members.h"

#define TOOLS_FIRST 4

enum call_member { CALL_INDEX, CALL_ID, CALL_FUNCTION, CALL_EXTRA, CALL_MEMBER_COUNT };
enum function_member { FUNCTION_NAME, FUNCTION_ARGUMENTS, FUNCTION_MEMBER_COUNT };

static const struct span call_names[] = {
    [CALL_INDEX] = SPAN_LITERAL("index"),
    [CALL_ID] = SPAN_LITERAL("id"),
    [CALL_FUNCTION] = SPAN_LITERAL("function"),
    [CALL_EXTRA] = SPAN_LITERAL("extra_content"),
};

static const struct span function_names[] = {
    [FUNCTION_NAME] = SPAN_LITERAL("name"),
    [FUNCTION_ARGUMENTS] = SPAN_LITERAL("arguments"),
};

struct fragment {
    int64_t index;         /* -1: none */
    struct span id;        /* empty: none */
    struct span name;      /* empty: none */
    struct span arguments; /* escaped */
    struct span extra;     /* raw */
};

static int grow(struct dialect_decoder *decoder) {
    uint32_t capacity = decoder->tool_capacity > 0 ? decoder->tool_capacity * 2 : TOOLS_FIRST;
    if (decoder->tool_count == OPENAI_TOOLS_MAX)
        return ERR_TOO_LARGE;
    struct openai_tool *tools = arena_try_alloc(decoder->arena, capacity * sizeof *tools);
    if (tools == NULL)
        return ERR_TOO_LARGE;
    if (decoder->tool_count > 0)
        memcpy(tools, decoder->tools, decoder->tool_count * sizeof *tools);
    decoder->tools = tools;
    decoder->tool_capacity = capacity;
    return 0;
}

static int add_tool(struct dialect_decoder *decoder, int64_t upstream_index,
                    struct openai_tool **ret_tool) {
    int err = decoder->tool_count == decoder->tool_capacity ? grow(decoder) : 0;
    if (err < 0)
        return err;
    struct openai_tool *tool = &decoder->tools[decoder->tool_count++];
    *tool = (struct openai_tool){.upstream_index = upstream_index};
    dynbuf_init(&tool->pending, OPENAI_ARGUMENTS_MAX_BYTES);
    *ret_tool = tool;
    return 0;
}

static struct openai_tool *find_index(const struct dialect_decoder *decoder, int64_t index) {
    for (uint32_t i = decoder->tool_count; i > 0; i--)
        if (decoder->tools[i - 1].upstream_index == index)
            return &decoder->tools[i - 1];
    return NULL;
}

static struct openai_tool *find_id(const struct dialect_decoder *decoder, struct span id) {
    for (uint32_t i = decoder->tool_count; i > 0 && id.len > 0; i--)
        if (span_equal(decoder->tools[i - 1].upstream_id, id))
            return &decoder->tools[i - 1];
    return NULL;
}

/* NULL: the fragment begins a call. */
static struct openai_tool *find_tool(const struct dialect_decoder *decoder,
                                     const struct fragment *fragment) {
    struct openai_tool *tool;
    if (decoder->whole || decoder->tool_count == 0)
        return NULL;
    if (fragment->index >= 0) {
        tool = find_index(decoder, fragment->index);
        bool other_id = tool != NULL && tool->upstream_id.len > 0 && fragment->id.len > 0 &&
                        !span_equal(tool->upstream_id, fragment->id);
        return other_id && fragment->name.len > 0 ? find_id(decoder, fragment->id) : tool;
    }
    tool = find_id(decoder, fragment->id);
    if (tool != NULL || fragment->name.len > 0)
        return tool;
    return &decoder->tools[decoder->tool_count - 1];
}

static bool id_is_taken(const struct dialect_decoder *decoder, struct span id) {
    for (uint32_t i = 0; i < decoder->tool_count; i++)
        if (decoder->tools[i].opened && span_equal(decoder->tools[i].id, id))
            return true;
    return false;
}

/* The provider's id, or one that is unique within the conversation: the number of messages grows with each turn. */
static int choose_id(struct dialect_decoder *decoder, struct openai_tool *tool) {
    if (tool->upstream_id.len > 0 && !id_is_taken(decoder, tool->upstream_id)) {
        tool->id = tool->upstream_id;
        return 0;
    }
    tool->id = span_text(arena_format(decoder->arena, "call_papi_%u_%u",
                                      decoder->task->chat.message_count, decoder->tools_opened));
    return span_absent(tool->id) ? ERR_TOO_LARGE : 0;
}

static int open_tool(struct dialect_decoder *decoder, struct openai_tool *tool,
                     const struct fragment *fragment) {
    int err = choose_id(decoder, tool);
    if (err < 0)
        return err;
    struct event event = {.kind = EVENT_TOOL_OPEN, .id = tool->id, .name = fragment->name};
    event.raw = span_absent(fragment->extra) ? tool->extra : fragment->extra;
    event.tool_index = tool->index = decoder->tools_opened++;
    tool->opened = true;
    err = dialect__openai_let_go(decoder);
    decoder->token_seen = true;
    tokens_count(&decoder->counter, fragment->name);
    if (err == 0)
        err = dialect__openai_emit(decoder, &event);
    if (err == 0)
        err = dialect__openai_emit_text(decoder, EVENT_TOOL_ARGS, tool->index,
                                        dynbuf_span(&tool->pending));
    dynbuf_done(&tool->pending);
    return err;
}

static int remember(struct dialect_decoder *decoder, struct openai_tool *tool,
                    const struct fragment *fragment) {
    int err = 0;
    if (tool->upstream_id.len == 0 && fragment->id.len > 0)
        err = arena_copy(decoder->arena, fragment->id, &tool->upstream_id);
    if (err == 0 && !tool->opened && fragment->name.len == 0 && !span_absent(fragment->extra))
        err = arena_copy(decoder->arena, fragment->extra, &tool->extra);
    return err;
}

static int take_fragment(struct dialect_decoder *decoder, const struct fragment *fragment) {
    struct openai_tool *tool = find_tool(decoder, fragment);
    int err = tool == NULL ? add_tool(decoder, fragment->index, &tool) : 0;
    if (err == 0)
        err = remember(decoder, tool, fragment);
    if (err == 0 && !tool->opened && fragment->name.len > 0)
        err = open_tool(decoder, tool, fragment);
    if (err < 0)
        return err;
    if (!tool->opened)
        return dynbuf_append_span(&tool->pending, fragment->arguments);
    return dialect__openai_emit_text(decoder, EVENT_TOOL_ARGS, tool->index, fragment->arguments);
}

/* A string is escaped text already; an object becomes the text that should have been sent. An empty object says nothing:
 * more may follow as text, and a call that ends without arguments gets an empty object anyway. */
static int read_arguments(struct dialect_decoder *decoder, struct json_value value,
                          struct span *ret_arguments) {
    *ret_arguments = json_escaped(value);
    if (json_type(value) != JSON_OBJECT || json_count(value) == 0)
        return 0;
    return json_escape(json_raw(value), &decoder->scratch, ret_arguments);
}

static int read_function(struct dialect_decoder *decoder, struct json_value function,
                         struct fragment *fragment) {
    struct json_value found[FUNCTION_MEMBER_COUNT] UNINITIALIZED;
    (void)members_read(function, function_names, FUNCTION_MEMBER_COUNT, found);
    fragment->name = json_escaped(found[FUNCTION_NAME]);
    return read_arguments(decoder, found[FUNCTION_ARGUMENTS], &fragment->arguments);
}

static int read_call(struct dialect_decoder *decoder, struct json_value call) {
    struct json_value found[CALL_MEMBER_COUNT] UNINITIALIZED;
    struct fragment fragment = {.index = -1};
    (void)members_read(call, call_names, CALL_MEMBER_COUNT, found);
    if (json_i64(found[CALL_INDEX], &fragment.index) < 0 || fragment.index < 0)
        fragment.index = -1;
    fragment.id = json_escaped(found[CALL_ID]);
    if (json_is(found[CALL_EXTRA], JSON_OBJECT))
        fragment.extra = json_raw(found[CALL_EXTRA]);
    int err = read_function(decoder, found[CALL_FUNCTION], &fragment);
    bool says_nothing =
        fragment.id.len == 0 && fragment.name.len == 0 && fragment.arguments.len == 0;
    return err < 0 || says_nothing ? err : take_fragment(decoder, &fragment);
}

int dialect__openai_tool_calls(struct dialect_decoder *decoder, struct json_value calls) {
    int err = 0;
    for (struct json_iter it = json_each(calls); err == 0 && json_next(&it);)
        err = read_call(decoder, it.value);
    return err;
}

int dialect__openai_function_call(struct dialect_decoder *decoder, struct json_value function) {
    struct fragment fragment = {.index = -1};
    int err = read_function(decoder, function, &fragment);
    bool says_nothing = fragment.name.len == 0 && fragment.arguments.len == 0;
    return err < 0 || says_nothing ? err : take_fragment(decoder, &fragment);
}

bool dialect__openai_tools_complete(const struct dialect_decoder *decoder) {
    for (uint32_t i = 0; i < decoder->tool_count; i++)
        if (!decoder->tools[i].opened && decoder->tools[i].pending.len > 0)
            return false;
    return true;
}

void dialect__openai_tools_free(struct dialect_decoder *decoder) {
    for (uint32_t i = 0; i < decoder->tool_count; i++)
        dynbuf_done(&decoder->tools[i].pending);
}
