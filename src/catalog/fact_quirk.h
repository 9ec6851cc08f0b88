// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Quirks: how a provider's wire deviates from the one it says it speaks, as rows that the dialect obeys.
 */
#include "catalog/fact_words.h"

/* Deviations of its wire. Kind, word, what it means for `field` and `value`. */
#define FACT_QUIRK_TABLE(X)                                                                       \
    X(FACT_QUIRK_DROP, "drop", "request member `field` is left out")                              \
    X(FACT_QUIRK_RENAME, "rename", "request member `field` is called `value`")                    \
    X(FACT_QUIRK_FORCE, "force", "request member `field` (dotted) is always the JSON `value`")    \
    X(FACT_QUIRK_FORCE_WITH_TOOLS, "force_with_tools", "the same, when tools are sent")           \
    X(FACT_QUIRK_DEFAULT, "default",                                                              \
      "request member `field` is `value` when the client gave none")                              \
    X(FACT_QUIRK_AT_LEAST, "at_least", "number `field` is raised to `value`")                     \
    X(FACT_QUIRK_NOT_ZERO, "not_zero", "number `field` 0 becomes `value`")                        \
    X(FACT_QUIRK_DROP_IN_MESSAGES, "drop_in_messages", "member `field` of messages is left out")  \
    X(FACT_QUIRK_CONTENT_STRING, "content_string", "parts of text are joined to one string")      \
    X(FACT_QUIRK_CONTENT_NOT_NULL, "content_not_null", "content null becomes \"\"")               \
    X(FACT_QUIRK_NO_NULLS, "no_nulls_in_messages", "null members of messages are left out")       \
    X(FACT_QUIRK_SYSTEM_TO_USER, "system_to_user",                                                \
      "system messages go into the first user message")                                           \
    X(FACT_QUIRK_DEVELOPER_ROLE, "developer_role",                                                \
      "role developer is known; else it becomes system")                                          \
    X(FACT_QUIRK_TOOL_IDS_9, "tool_ids_9", "ids of tool calls have exactly 9 letters or digits")  \
    X(FACT_QUIRK_TOOL_CHOICE_ANY, "tool_choice_any", "tool_choice required is spelled any")       \
    X(FACT_QUIRK_SCHEMA_DROP, "schema_drop",                                                      \
      "keyword `field` is left out of schemas of tools and answers")                              \
    X(FACT_QUIRK_KEEP_STRICT, "keep_strict",                                                      \
      "`strict` of tools and schemas is known; else left out")                                    \
    X(FACT_QUIRK_KEEP_EXTRAS, "keep_extras", "unknown request members are sent on")               \
    X(FACT_QUIRK_KEEP_REASONING, "keep_reasoning",                                                \
      "reasoning_content of earlier turns is sent on")                                            \
    X(FACT_QUIRK_NO_STREAM_OPTIONS, "no_stream_options", "stream_options is left out")            \
    X(FACT_QUIRK_STOP_ARRAY, "stop_array", "stop is always an array")                             \
    X(FACT_QUIRK_SIGNATURE, "signature",                                                          \
      "a foreign tool call carries `value` as extra_content.`field`")                             \
    X(FACT_QUIRK_INPUT_TYPE, "embed_input_type", "embeddings carry input_type `value`")           \
    X(FACT_QUIRK_TOTAL_HAS_REASONING, "total_has_reasoning",                                      \
      "reasoning tokens are only in total_tokens")                                                \
    X(FACT_QUIRK_GUARD_WORDS, "guard_words", "an answer that is only `value` (a|b) is a failure") \
    X(FACT_QUIRK_CANNOT, "cannot",                                                                \
      "capability `field` is missing: tools, stream, json_schema, json_object, vision, "          \
      "tool_choice_required")                                                                     \
    X(FACT_QUIRK_NO_KEY_HEADER, "no_key_header", "without a key no Authorization is sent")        \
    X(FACT_QUIRK_ANONYMOUS_KEY, "anonymous_key", "without a key `value` is sent")                 \
    X(FACT_QUIRK_USER_AGENT, "user_agent", "needs the User-Agent `value`")                        \
    X(FACT_QUIRK_MODEL_SUBSTITUTES, "substitutes_models",                                         \
      "may answer with another model: compare")                                                   \
    X(FACT_QUIRK_ROUTER, "router",                                                                \
      "upstream id `field` picks a model itself; the answer names it")                            \
    X(FACT_QUIRK_NOTE, "note", "informs only")

enum fact_quirk_kind {
#define FACT_QUIRK_ENUM(name, word, about) name,
    FACT_QUIRK_TABLE(FACT_QUIRK_ENUM)
#undef FACT_QUIRK_ENUM
        FACT_QUIRK_COUNT
};

struct fact_quirk {
    enum fact_quirk_kind kind;
    const char *field, *value;
    const char *const *models; /* upstream ids or patterns it holds for; NULL = all */
    struct fact_evidence evidence;
};
