// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Words of scripts, one table a member: name, word, about. The reader, its messages and the guide are made from the same rows. */

/* word, how a refusal says when to come back */
#define FAKE_RETRY_TABLE(X)                                       \
    X(RETRY_FORM_SECONDS, "seconds", "whole seconds, rounded up") \
    X(RETRY_FORM_FRACTION, "fraction", "seconds with a fraction") \
    X(RETRY_FORM_MS, "ms", "the field retry-after-ms")            \
    X(RETRY_FORM_DATE, "date", "an HTTP date")                    \
    X(RETRY_FORM_PAST, "past", "an HTTP date an hour ago")        \
    X(RETRY_FORM_HUGE, "huge", "4000000000 seconds")              \
    X(RETRY_FORM_NEGATIVE, "negative", "a negative number")       \
    X(RETRY_FORM_GARBAGE, "garbage", "a word")                    \
    X(RETRY_FORM_NONE, "none", "no field")

/* word, whose head fields */
#define FAKE_HEADERS_TABLE(X)                                                              \
    X(HEADERS_NONE, "none", "none")                                                        \
    X(HEADERS_GROQ, "groq", "requests of the day, tokens of the minute, Go durations")     \
    X(HEADERS_OPENROUTER, "openrouter", "on refusals only, epoch milliseconds")            \
    X(HEADERS_MISTRAL, "mistral", "the window in the name, no reset, cost in tokens")      \
    X(HEADERS_CLOUDFLARE, "cloudflare", "the cost in neurons")                             \
    X(HEADERS_COHERE, "cohere", "calls of the minute but on refusals, limit of the month") \
    X(HEADERS_MODELSCOPE, "modelscope", "requests of the day, in all and for the model")   \
    X(HEADERS_CEREBRAS, "cerebras", "unit and window in the name, float seconds")          \
    X(HEADERS_SAMBANOVA, "sambanova", "requests of minute and day, epoch seconds")         \
    X(HEADERS_ANTHROPIC, "anthropic", "requests and tokens of the minute, RFC 3339")       \
    X(HEADERS_IETF, "ietf", "RateLimit and RateLimit-Policy of the IETF draft")

/* word, how true the head fields are */
#define FAKE_TRUTH_TABLE(X)                                                  \
    X(TRUTH_RIGHT, "right", "as counted")                                    \
    X(TRUTH_ABSENT, "absent", "left out")                                    \
    X(TRUTH_STALE, "stale", "those of the answer before")                    \
    X(TRUTH_LYING, "lying", "remaining is any number up to twice the limit") \
    X(TRUTH_DAY_ONLY, "day_only", "windows shorter than a day are left out")

/* word, the form of errors */
#define FAKE_BODIES_TABLE(X)                                                     \
    X(BODIES_PLAIN, "plain", "OpenAI's shape, type mock_error")                  \
    X(BODIES_OPENAI, "openai", "OpenAI's shape and words")                       \
    X(BODIES_GROQ, "groq", "OpenAI's shape; limits with exact numbers in prose") \
    X(BODIES_GOOGLE, "google", "a list; QuotaFailure and RetryInfo")             \
    X(BODIES_OPENROUTER, "openrouter", "code is the status; metadata")           \
    X(BODIES_MISTRAL, "mistral", "object error, or detail")                      \
    X(BODIES_CLOUDFLARE, "cloudflare", "success false, errors with codes")       \
    X(BODIES_COHERE, "cohere", "id and message")                                 \
    X(BODIES_NVIDIA, "nvidia", "problem details of RFC 7807")                    \
    X(BODIES_ZAI, "zai", "codes of four digits")                                 \
    X(BODIES_OLLAMA, "ollama", "error is a text")                                \
    X(BODIES_HUGGINGFACE, "huggingface", "error is a text")                      \
    X(BODIES_OPENCODE, "opencode", "type error with a typed error inside")       \
    X(BODIES_SILICONFLOW, "siliconflow", "a numeric code, message and data")     \
    X(BODIES_CEREBRAS, "cerebras", "message, type, param and code at the top")   \
    X(BODIES_ANTHROPIC, "anthropic", "type error, error.type")                   \
    X(BODIES_LLAMACPP, "llamacpp", "numeric code and type")

#define FAKE_WORD_ENUM3(name, word, about) name,
enum fake_retry_form { FAKE_RETRY_TABLE(FAKE_WORD_ENUM3) RETRY_FORM_COUNT };
enum fake_headers { FAKE_HEADERS_TABLE(FAKE_WORD_ENUM3) HEADERS_COUNT };
enum fake_truth { FAKE_TRUTH_TABLE(FAKE_WORD_ENUM3) TRUTH_COUNT };
enum fake_bodies { FAKE_BODIES_TABLE(FAKE_WORD_ENUM3) BODIES_COUNT };
