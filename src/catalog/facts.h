// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Facts about providers and models, as the files in catalog/facts tell them: one readable YAML file a provider, one for models,
 * one for providers that were dropped. They are checked against a schema and compiled into constant tables at build time
 * (tools/gen_catalog); the same reader serves tests and catalogs that come later from outside.
 *
 * Every row carries where it comes from and how sure that is. What nobody knows is unknown, never zero. Rows that code obeys and
 * rows that only inform (`note`) are told apart, so that what is obeyed can be counted and proved.
 *
 * Texts are NUL-terminated and never NULL unless said so; lists end in NULL. All of it lives as long as `struct facts`.
 */
#include "catalog/fact_quirk.h"
#include "catalog/fact_rows.h"
#include "catalog/fact_signal.h"

struct fact_provider {
    const char *id, *name;
    const char *short_id; /* two letters, unique */
    enum fact_kind kind;
    enum fact_status status;
    bool on; /* used when a key is there (keyless: by the setting `keyless`) without being named */
    bool keyless_safe; /* keyless, does not train, substitutes no model: on by `keyless: safe` */
    const char *const *
        env; /* variables that hold its key, first one preferred; the rest of what it needs in env_extra */
    const char *const
        *env_extra; /* variables that fill {braces} of base_url, such as CLOUDFLARE_ACCOUNT_ID */
    const char *dialect;                /* "openai"; "" = no wire of ours: listed, not usable */
    const char *unusable;               /* why no wire of ours fits; "" = usable */
    const char *base_url;               /* may hold {account_id} */
    const char *const *other_base_urls; /* each followed by " (for what)" where that is known */
    const char *native_api;             /* URL; "" = none */
    const char *native_about;           /* its style, its key, and what the compatible one loses */
    const char *auth_header,
        *auth_scheme; /* "Authorization", "bearer" | "header" | "iam_token" | "none_or_bearer" */
    const char *key_prefix;      /* "" = none known */
    enum fact_tri key_is_billed; /* a key itself means billing (OVHcloud) */
    const char *key_url, *key_note;
    const char *const *optional_headers; /* an owner may want to send */
    enum fact_charge charge;
    const char *default_plan; /* plan assumed; "" = none */
    const struct fact_plan *plans;
    uint32_t plan_count;
    struct fact_terms terms;
    const struct fact_limit *limits;
    const struct fact_header *headers;
    const struct fact_signal *signals;
    const struct fact_quirk *quirks;
    const struct fact_route *routes;
    uint32_t limit_count, header_count, signal_count, quirk_count, route_count;
    struct fact_stream stream;
    const char *error_shape;
    const char *const *accepts; /* request members that its documents name; empty = unknown */
    const char *const *endpoints;
    const char *const *native_endpoints;
    const char *const *not_told; /* what no head field tells */
    const char *key_probe;       /* "GET /models"; "" = none */
    enum fact_tri probe_proves_key, probe_costs_quota;
    const char *probe_note;
    const char *quota_endpoint; /* "GET /key"; "" = none */
    const char *const *quota_fields;
    uint64_t quota_cached_ms; /* its numbers are that old; 0 = unknown */
    enum fact_tri quota_costs_quota;
    const char *quota_note;
    struct fact_evidence evidence;
};

struct fact_model {
    const char *id;
    const char *
        kind; /* chat, chat_code, embedding, rerank, audio_transcription, audio_speech, image, router, moderation_chat */
    const char *family;
    const char *const *aliases;
    uint64_t context_tokens, output_tokens_max; /* 0 = unknown */
    bool text, image, audio, video;             /* what it reads */
    enum fact_tri tools, reasoning, json_object, json_schema;
    const char *reasoning_levels;            /* "low,medium,high"; "" = unknown */
    uint32_t dimensions;                     /* embeddings; 0 = unknown */
    uint16_t quality[FACT_TASK_CLASS_COUNT]; /* 0 = unknown */
    bool quality_estimated;                  /* derived from a band or a relative, not measured */
    const char *quality_source;
    struct fact_evidence evidence;
};

struct fact_dropped {
    const char *id, *name, *reason, *since;
    const struct fact_route *routes; /* what it once served */
    uint32_t route_count;
    struct fact_evidence evidence;
};

struct facts {
    const char *compiled; /* date of the newest change, "2026-11-22" */
    const struct fact_provider *providers;
    const struct fact_model *models;
    const struct fact_dropped *dropped;
    uint32_t provider_count, model_count, dropped_count;
};

/* The tables of this build. */
extern const struct facts facts_built_in;

const struct fact_provider *facts_provider(const struct facts *facts,
                                           struct span id); /* NULL = unknown */
/* By id, by its own name, or by what other tools call it ("gemini", "NVIDIA NIM"); NULL = unknown. */
const struct fact_provider *facts_provider_called(const struct facts *facts, struct span name);
const struct fact_model *facts_model(const struct facts *facts, struct span id);
/* Words of the tables above, for people and for JSON. */
const char *fact_kind_word(enum fact_kind kind);
const char *fact_status_word(enum fact_status status);
const char *fact_route_status_word(enum fact_route_status status);
bool fact_route_free(enum fact_route_status status);
bool fact_route_automatic(enum fact_route_status status);
const char *fact_class_word(enum fact_class class);
const char *fact_tri_word(enum fact_tri tri);
const char *limit_unit_word(enum limit_unit unit);
const char *limit_shape_word(enum limit_shape shape);
const char *limit_scope_word(enum limit_scope scope);
/* Whether an upstream id fits a list of ids and patterns; NULL fits all. */
bool facts_models_match(const char *const *patterns, struct span upstream);
