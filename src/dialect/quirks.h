// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The quirks of one route in the form encoders and decoders use: what its rows of facts say, sorted out once when a snapshot
 * is built. A plain value: copied as bytes into the snapshot; its texts are the facts' own and live as long as those.
 *
 * All zero is a provider that nobody knows (a server named in papi.yaml): everything goes on as the client sent it.
 * dialect_quirks_compile is for providers with facts: there, what no row keeps (strict, signatures of another family) is
 * left out, since their wires refuse members they do not know.
 */
#include "catalog/fact_quirk.h"
#include "message/task.h"

#define DIALECT_RULES_MAX         32
#define DIALECT_SCHEMA_NAMES_MAX  24
#define DIALECT_MESSAGE_NAMES_MAX 8
#define DIALECT_GUARD_MAX_BYTES   48 /* one word of guard_words */
#define DIALECT_STEP_MAX_BYTES    64 /* one step of a dotted path, with its end */

/* Members of a request that the dialects write, as bits of `drop` and `ruled`. */
enum dialect_member {
    MEMBER_TOOLS,
    MEMBER_TOOL_CHOICE,
    MEMBER_RESPONSE_FORMAT,
    MEMBER_MAX_TOKENS, /* under either name */
    MEMBER_STREAM_OPTIONS,
    MEMBER_DIMENSIONS, /* embeddings */
    MEMBER_ENCODING_FORMAT,
    MEMBER_OPTIONS, /* enum chat_option follows */
    MEMBER_OTHER = MEMBER_OPTIONS + OPTION_COUNT
};
_Static_assert(MEMBER_OTHER < 32, "a bit for each member");

/* One row about one request member. Sorted by kind: default, not_zero, at_least, force, as they are to be applied. */
struct dialect_rule {
    uint8_t kind;        /* enum fact_quirk_kind */
    uint8_t member;      /* enum dialect_member */
    uint8_t head_length; /* of the first step of `field` */
    const char *field;   /* dotted */
    const char *value;
};

struct dialect_quirks {
    /* also settings of papi.yaml */
    bool max_tokens_legacy;   /* takes max_tokens, not max_completion_tokens */
    bool developer_role;      /* knows the role developer; else it becomes system */
    bool content_string_only; /* wants strings where the client sent text parts */
    bool content_never_null;  /* wants "" where the client sent null */
    bool no_stream_usage;     /* refuses stream_options */
    bool keep_extras;         /* takes unknown members */
    bool keep_reasoning;      /* takes reasoning_content in history */

    bool drop_strict;     /* does not know `strict` of tools and schemas */
    bool drop_signatures; /* of another family: extra_content of calls and messages is left out */
    bool no_nulls;        /* null members of messages are left out */
    bool system_to_user;  /* system messages go into the first user message */
    bool tool_ids_9;      /* ids of calls have 9 letters or digits */
    bool tool_choice_any; /* required is spelled any */
    bool stop_array;
    bool total_has_reasoning; /* decode: reasoning tokens are in total_tokens only */

    uint8_t rule_count, schema_name_count, message_name_count;
    uint8_t left_out; /* rows that could not be kept: beyond a cap, or not of their kind's form */
    uint32_t drop;    /* bits 1 << enum dialect_member */
    uint32_t ruled;   /* members that a rule speaks of, MEMBER_OTHER too */
    uint64_t cannot;  /* enum capability bits */
    struct dialect_rule rules[DIALECT_RULES_MAX];
    const char *schema_names[DIALECT_SCHEMA_NAMES_MAX];   /* keywords left out of schemas */
    const char *message_names[DIALECT_MESSAGE_NAMES_MAX]; /* members left out of messages */
    const char *signature_field; /* in extra_content of a call, dotted; NULL = not of this family */
    const char *signature_value; /* for calls of another family */
    const char *guard_words;     /* "safe|unsafe"; NULL = none */
    const char *input_type;      /* embeddings; NULL = none */
};

/* Rows whose `models` do not fit are left out, and kinds that are not a dialect's business. */
void dialect_quirks_compile(const struct fact_quirk *rows, size_t count, struct span upstream_model,
                            struct dialect_quirks *ret_quirks);
/* Whether a dialect acts on rows of this kind; the others are told to people, or obeyed by the gateway. */
bool dialect_quirks_obeys(enum fact_quirk_kind kind);
/* Capabilities to take from a route: said so by a row, or needing a member that is dropped. NULL = none. */
uint64_t dialect_quirks_cannot(const struct dialect_quirks *quirks);
/* OpenAI's name; of MEMBER_MAX_TOKENS the newer one. */
const char *dialect_member_name(enum dialect_member member);
