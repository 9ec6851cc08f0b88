// SPDX-License-Identifier: Apache-2.0
/*
 * What is said of the gateway's own endpoints: parameters, bodies, answers.
 *
 * The members of OpenAI's own objects are told as far as PAPI reads or writes them; what clients send beside them is passed on or
 * passed over by surface/, so those schemas are open. Promises: every answer that tests see fits what stands here. Leaves to others:
 * reading requests (surface/), writing the description (admin/openapi.c).
 */
#include "gateway/endpoint_docs.h"

#include <stddef.h>

/* --- errors --- */

static const struct schema_member error_detail_members[] = {
    M_TEXT("message", 0, "what was wrong, where, and what to do"),
    M_TEXT("type", 0, "the class of error"),
    M_TEXT("param", SCHEMA_NULLABLE, "the place in the request"),
    M_TEXT("code", SCHEMA_NULLABLE, "names the error for programs"),
    M_END,
};
static const struct schema error_detail = {"ErrorDetail", "What went wrong", error_detail_members,
                                           false};
static const struct schema_member error_members[] = {
    M_OBJECT("error", 0, &error_detail, "what went wrong"),
    M_END,
};
const struct schema schema_error = {"Error", "Every refusal, in OpenAI's form", error_members,
                                    false};

/* --- chat --- */

static const struct schema_member message_members[] = {
    M_TEXT("role", 0, "system, developer, user, assistant or tool"),
    M_ANY("content", SCHEMA_OPTIONAL, "a text, or a list of parts"),
    M_END,
};
static const struct schema message_schema = {"ChatMessage", "A message of a conversation",
                                             message_members, true};
static const struct schema_member chat_members[] = {
    M_TEXT("model", 0, "a name of /v1/models, or auto"),
    M_OBJECT("messages", SCHEMA_LIST, &message_schema, "the conversation so far"),
    M_FLAG("stream", SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "answer as server-sent events"),
    M_NUMBER("temperature", SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "0 to 2"),
    M_WHOLE("max_completion_tokens", SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "of the answer"),
    M_ANY("tools", SCHEMA_OPTIONAL, "functions the model may call"),
    M_END,
};
const struct schema schema_chat_request = {
    "ChatRequest",
    "A chat completions request of OpenAI's API; models and provider as OpenRouter "
    "has them",
    chat_members, true};

static const struct schema_member choice_members[] = {
    M_WHOLE("index", 0, "always 0"),
    M_ANY("message", 0, "role, content, tool_calls, refusal, reasoning_content"),
    M_WORD("finish_reason", 0, "stop|length|tool_calls|content_filter", "why it ended"),
    M_END,
};
static const struct schema choice_schema = {"ChatChoice", "An answer", choice_members, true};
static const struct schema_member usage_members[] = {
    M_WHOLE("prompt_tokens", 0, "of the question"),
    M_WHOLE("completion_tokens", 0, "of the answer"),
    M_WHOLE("total_tokens", 0, "of both"),
    M_END,
};
static const struct schema usage_schema = {"ChatUsage", "Tokens, as reported or estimated",
                                           usage_members, true};
static const struct schema_member completion_members[] = {
    M_TEXT("id", 0, "of the answer"),
    M_WORD("object", 0, "chat.completion", "what this is"),
    M_WHOLE("created", 0, "Unix time"),
    M_TEXT("model", 0, "that answered"),
    M_OBJECT("choices", SCHEMA_LIST, &choice_schema, "one answer"),
    M_OBJECT("usage", SCHEMA_NULLABLE, &usage_schema, "tokens"),
    M_END,
};
static const struct schema completion_schema = {"ChatCompletion", "A whole answer",
                                                completion_members, true};

const struct endpoint_doc doc_chat = {.operation = "createChatCompletion",
                                      .takes = &schema_chat_request,
                                      .gives = &completion_schema,
                                      .streams = true};

/* --- embeddings --- */

static const struct schema_member embeddings_request_members[] = {
    M_TEXT("model", 0, "a name of /v1/models whose kind is embedding"),
    M_ANY("input", 0, "a text, a list of texts, or tokens"),
    M_WORD("encoding_format", SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "float|base64", "of the vectors"),
    M_WHOLE("dimensions", SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "of the vectors"),
    M_END,
};
static const struct schema embeddings_request = {
    "EmbeddingsRequest", "An embeddings request of OpenAI's API", embeddings_request_members, true};
static const struct schema_member embedding_members[] = {
    M_WORD("object", 0, "embedding", "what this is"),
    M_WHOLE("index", 0, "of the text in the input"),
    M_ANY("embedding", 0, "numbers, or base64 of 32-bit floats"),
    M_END,
};
static const struct schema embedding_schema = {"Embedding", "A vector", embedding_members, false};
static const struct schema_member embeddings_usage_members[] = {
    M_WHOLE("prompt_tokens", 0, "of all texts"),
    M_WHOLE("total_tokens", 0, "the same"),
    M_END,
};
static const struct schema embeddings_usage = {"EmbeddingsUsage", "Tokens",
                                               embeddings_usage_members, false};
static const struct schema_member embeddings_members[] = {
    M_WORD("object", 0, "list", "what this is"),
    M_OBJECT("data", SCHEMA_LIST, &embedding_schema, "one for each text"),
    M_TEXT("model", 0, "that answered"),
    M_OBJECT("usage", 0, &embeddings_usage, "tokens"),
    M_END,
};
static const struct schema embeddings_schema = {"Embeddings", "Vectors of texts",
                                                embeddings_members, false};

const struct endpoint_doc doc_embeddings = {
    .operation = "createEmbeddings", .takes = &embeddings_request, .gives = &embeddings_schema};

/* --- models --- */

static const struct schema_member model_members[] = {MODEL_MEMBERS, M_END};
const struct schema schema_model = {"Model", "A name that can be asked for", model_members, false};
static const struct schema_member models_members[] = {
    M_WORD("object", 0, "list", "what this is"),
    M_OBJECT("data", SCHEMA_LIST, &schema_model, "all of them"),
    M_FLAG("has_more", 0, "always false"),
    M_TEXT("first_id", SCHEMA_NULLABLE, "for clients that page"),
    M_TEXT("last_id", SCHEMA_NULLABLE, "for clients that page"),
    M_END,
};
static const struct schema models_schema = {"Models", "What can be asked for", models_members,
                                            false};

const struct endpoint_doc doc_models = {.operation = "listModels", .gives = &models_schema};
const struct endpoint_doc doc_model = {
    .operation = "getModel", .rest = "model", .gives = &schema_model};

/* --- explain --- */

static const struct schema_member candidate_members[] = {
    M_TEXT("provider", 0, "who would be asked"),
    M_TEXT("account", SCHEMA_OPTIONAL, "with whose quota; shown to the owner"),
    M_TEXT("model", 0, "unified id"),
    M_TEXT("upstream_model", 0, "the provider's name for it"),
    M_WHOLE("quality", 0, "in thousandths"),
    M_WHOLE("context", 0, "tokens, 0 when unknown"),
    M_WHOLE("order", SCHEMA_OPTIONAL, "of candidates, 1 is preferred"),
    M_FLAG("in", 0, "could be asked now"),
    M_FLAG("chosen", 0, "would be asked now"),
    M_TEXT("why", SCHEMA_OPTIONAL, "why it is out"),
    M_TEXT("limit", SCHEMA_OPTIONAL, "that is used up"),
    M_WHOLE("available_in_ms", SCHEMA_NULLABLE, "when it is back; null: unknown or never"),
    M_END,
};
static const struct schema candidate_schema = {"Candidate", "One way to serve a request",
                                               candidate_members, false};
static const struct schema_member explain_refusal_members[] = {
    M_TEXT("limit", 0, "of this API key, that is used up"),
    M_TEXT("why", 0, "what the request would be told"),
    M_WHOLE("available_in_ms", SCHEMA_NULLABLE, "when there is room; null: unknown or never"),
    M_END,
};
static const struct schema explain_refusal_schema = {
    "ExplainRefusal", "Why the client itself would be refused", explain_refusal_members, false};
static const struct schema_member explain_members[] = {
    M_WORD("object", 0, "papi.explain", "what this is"),
    M_TEXT("model", 0, "that was named"),
    M_WHOLE("input_tokens", 0, "estimated"),
    M_OBJECT("refusal", SCHEMA_NULLABLE, &explain_refusal_schema,
             "by a limit of this API key, before anybody is asked; else null"),
    M_OBJECT("candidates", SCHEMA_LIST, &candidate_schema, "preferred first, then those left out"),
    M_END,
};
const struct schema schema_explain = {"Explain", "Who would be asked for a request, and why",
                                      explain_members, false};
const struct schema_member explain_query[] = {
    M_BOUNDED("model", SCHEMA_TEXT, SCHEMA_OPTIONAL, 0, 256, "to be asked for; auto when missing"),
    M_END,
};

const struct endpoint_doc doc_explain = {
    .operation = "explainModel", .query = explain_query, .gives = &schema_explain};
const struct endpoint_doc doc_explain_body = {
    .operation = "explainRequest", .takes = &schema_chat_request, .gives = &schema_explain};

/* --- capacity --- */

static const struct schema_member amount_members[] = {
    M_WHOLE("requests", SCHEMA_NULLABLE, "null: no limit is known"),
    M_WHOLE("tokens", SCHEMA_NULLABLE, "null: no limit is known"),
    M_END,
};
static const struct schema amount_schema = {"Amount", "What is left", amount_members, false};
static const struct schema_member left_members[] = {
    M_OBJECT("now", 0, &amount_schema, "at this moment"),
    M_OBJECT("today", 0, &amount_schema, "until the day ends, UTC"),
    M_OBJECT("month", 0, &amount_schema, "until the month ends, UTC"),
    M_END,
};
static const struct schema left_schema = {"Left", "What is left over three spans", left_members,
                                          false};
static const struct schema_member limit_members[] = {
    M_TEXT("limit", 0, "its name"),
    M_TEXT("unit", 0, "requests, tokens, ..."),
    M_TEXT("shape", 0, "how it comes back"),
    M_TEXT("scope", 0, "what it holds for"),
    M_WHOLE("amount", 0, "in all"),
    M_WHOLE("used", 0, "of it"),
    M_WHOLE("left", 0, "of it"),
    M_WHOLE("frees_in_ms", 0, "until more comes back; 0: unknown, or nothing is used"),
    M_FLAG("learned", 0, "the amount was seen and not published"),
    M_TEXT("model", SCHEMA_OPTIONAL, "that it is for"),
    M_END,
};
static const struct schema limit_schema = {"Limit", "A limit of a provider, as it is now",
                                           limit_members, false};
static const struct schema_member capacity_account_members[] = {
    M_TEXT("provider", 0, "whose"),
    M_TEXT("account", SCHEMA_OPTIONAL, "whose quota; shown to the owner"),
    M_WHOLE("keys", 0, "that share it"),
    M_OBJECT("now", 0, &amount_schema, "at this moment"),
    M_OBJECT("today", 0, &amount_schema, "until the day ends, UTC"),
    M_OBJECT("month", 0, &amount_schema, "until the month ends, UTC"),
    M_OBJECT("limits", SCHEMA_LIST, &limit_schema, "each of them"),
    M_END,
};
static const struct schema capacity_account = {"CapacityAccount", "What is left of an account",
                                               capacity_account_members, false};
static const struct schema_member capacity_members[] = {
    M_WORD("object", 0, "papi.capacity", "what this is"),
    M_OBJECT("pool", 0, &left_schema, "in all, shared accounts counted once"),
    M_OBJECT("accounts", SCHEMA_LIST, &capacity_account, "each of them"),
    M_END,
};
const struct schema schema_capacity = {"Capacity", "What is left of every limit, and in all",
                                       capacity_members, false};

const struct endpoint_doc doc_capacity = {.operation = "getCapacity", .gives = &schema_capacity};

/* --- a request's ladder --- */

static const struct schema_member rung_members[] = {
    M_TEXT("provider", 0, "that was asked"),
    M_TEXT("account", SCHEMA_OPTIONAL, "with whose quota; shown to the owner"),
    M_TEXT("model", 0, "unified id"),
    M_TEXT("upstream_model", 0, "the provider's name for it"),
    M_TEXT("outcome", 0, "how it ended"),
    M_WHOLE("status", 0, "of the provider's answer; 0: none"),
    M_WHOLE("waited_ms", 0, "for room, before it"),
    M_WHOLE("took_ms", 0, "from sending to its end"),
    M_END,
};
static const struct schema rung_schema = {"Rung", "One attempt", rung_members, false};
static const struct schema_member request_members[] = {
    M_WORD("object", 0, "papi.request", "what this is"),
    M_TEXT("id", 0, "x-request-id of the answer"),
    M_TEXT("model", SCHEMA_NULLABLE, "that was asked for; null: none was read"),
    M_FLAG("stream", 0, "it was asked for as a stream"),
    M_WHOLE("accepted_ms", 0, "Unix time in milliseconds"),
    M_WHOLE("status", 0, "told to the client; 499: it left"),
    M_TEXT("error", SCHEMA_NULLABLE, "code of the error"),
    M_WHOLE("total_ms", 0, "from its arrival to its end"),
    M_WHOLE("queued_ms", 0, "of it, for room"),
    M_WHOLE("input_tokens", 0, "as reported or estimated"),
    M_WHOLE("output_tokens", 0, "as reported or estimated"),
    M_WHOLE("attempts", 0, "made"),
    M_OBJECT("ladder", SCHEMA_LIST, &rung_schema, "each of them, the first ones"),
    M_END,
};
static const struct schema request_schema = {"RequestSeen", "What happened to a request",
                                             request_members, false};

const struct endpoint_doc doc_request = {
    .operation = "getRequest", .rest = "id", .gives = &request_schema};

/* --- texts --- */

const struct endpoint_doc doc_health = {.operation = "getHealth", .gives_type = "text/plain"};
const struct endpoint_doc doc_ready = {.operation = "getReadiness", .gives_type = "text/plain"};
const struct endpoint_doc doc_metrics = {.operation = "getMetrics", .gives_type = "text/plain"};
const struct endpoint_doc doc_root = {.operation = "getRoot", .gives_type = "text/plain"};
const struct endpoint_doc doc_hello = {.operation = "getHello", .gives_type = "text/plain"};
