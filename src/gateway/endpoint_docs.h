// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What is said of the gateway's own endpoints, for endpoint.c and for those who serve the same under another path. */
#include "gateway/schema.h"

extern const struct endpoint_doc doc_chat, doc_embeddings, doc_models, doc_model;
extern const struct endpoint_doc doc_explain, doc_explain_body, doc_capacity, doc_request,
    doc_limits;
extern const struct endpoint_doc doc_health, doc_ready, doc_metrics, doc_root, doc_hello;

extern const struct schema schema_error, schema_model, schema_explain, schema_capacity,
    schema_chat_request;
extern const struct schema_member explain_query[];

/* Of schema_model, for those that add to it. */
#define MODEL_MEMBERS                                                                            \
    M_TEXT("id", 0, "what to ask for"), M_WORD("object", 0, "model", "what this is"),            \
        M_WHOLE("created", 0, "Unix time, 0 when unknown"),                                      \
        M_TEXT("owned_by", 0, "who runs it, papi when several do"),                              \
        M_TEXT("type", 0, "the same as object, for clients of Anthropic's API"),                 \
        M_TEXT("display_name", 0, "for people"), M_TIME("created_at", 0, "the same as created"), \
        M_TEXT("kind", 0, "chat, embedding, ..."),                                               \
        M_WHOLE("context_length", SCHEMA_OPTIONAL, "tokens, where known"),                       \
        M_WHOLE("context_window", SCHEMA_OPTIONAL, "the same"),                                  \
        M_WHOLE("max_input_tokens", SCHEMA_OPTIONAL, "the same"),                                \
        M_WHOLE("max_tokens", SCHEMA_OPTIONAL, "of an answer, where known"),                     \
        M_WHOLE("dimensions", SCHEMA_OPTIONAL, "of embeddings, where known"),                    \
        M_TEXT("capabilities", SCHEMA_LIST, "stream, tools, json_schema, vision, ..."),          \
        M_WHOLE("providers", 0, "that could serve it at this moment")
