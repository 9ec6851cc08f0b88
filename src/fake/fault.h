// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Faults that a simulated provider can show: one row each. The list is what has hurt users of gateways, not what is easy to play.
 *
 * name, how it is played, HTTP status (0 = 200), body or words, what it shows
 */
#define FAULT_TABLE(X)                                                                             \
    X(FAULT_NONE, "none", PLAY_ANSWER, 0, NULL, "a good answer")                                   \
    X(FAULT_400, "400", PLAY_ERROR, 400, "invalid request",                                        \
      "a refusal that does not say whose fault it is")                                             \
    X(FAULT_400_CLIENT, "400_client", PLAY_ERROR, 400, "messages: invalid type",                   \
      "a refusal that is plainly the client's")                                                    \
    X(FAULT_CONTEXT, "context", PLAY_ERROR, 400,                                                   \
      "This model's maximum context length is 8192 tokens", "prompt too long")                     \
    X(FAULT_401, "401", PLAY_ERROR, 401, "Incorrect API key provided", "our key is refused")       \
    X(FAULT_402, "402", PLAY_ERROR, 402, "Insufficient balance", "no credit left")                 \
    X(FAULT_403, "403", PLAY_ERROR, 403, "Forbidden", "our key may not")                           \
    X(FAULT_404, "404", PLAY_ERROR, 404, "The model does not exist", "model gone")                 \
    X(FAULT_413, "413", PLAY_ERROR, 413, "Request too large", "larger than the provider takes")    \
    X(FAULT_429, "429", PLAY_ERROR, 429, "Rate limit reached, please slow down",                   \
      "rate limit; Retry-After as the setting says")                                               \
    X(FAULT_429_DAY, "429_day", PLAY_ERROR, 429, "Limit reached: requests per day",                \
      "quota of the day is gone")                                                                  \
    X(FAULT_500, "500", PLAY_ERROR, 500, "The server had an error", "server error")                \
    X(FAULT_502_HTML, "502_html", PLAY_HTML, 502, "<html><h1>502 Bad Gateway</h1></html>",         \
      "a proxy's page instead of JSON")                                                            \
    X(FAULT_503, "503", PLAY_ERROR, 503, "The model is overloaded", "overload")                    \
    X(FAULT_529, "529", PLAY_ERROR, 529, "Overloaded", "overload, Anthropic's number")             \
    X(FAULT_STALL_HEAD, "stall_before_head", PLAY_STALL, 0, NULL, "accepts and stays silent")      \
    X(FAULT_STALL_BODY, "stall_after_head", PLAY_STALL_BODY, 0, NULL, "a head, then silence")      \
    X(FAULT_STALL_MIDDLE, "stall_mid_stream", PLAY_STALL_MIDDLE, 0, NULL,                          \
      "half an answer, then silence")                                                              \
    X(FAULT_CUT_HEAD, "cut_before_head", PLAY_CUT_HEAD, 0, NULL, "closes without an answer")       \
    X(FAULT_CUT_BODY, "cut_after_head", PLAY_CUT_BODY, 0, NULL, "closes after the head")           \
    X(FAULT_CUT_EVENT, "cut_mid_event", PLAY_CUT_EVENT, 0, NULL,                                   \
      "closes inside an event, inside a UTF-8 character")                                          \
    X(FAULT_CUT_MIDDLE, "cut_mid_stream", PLAY_CUT_MIDDLE, 0, NULL, "closes between two events")   \
    X(FAULT_EMPTY, "empty_200", PLAY_EMPTY, 0, NULL, "200 with nothing in it")                     \
    X(FAULT_ROLE_ONLY, "role_only", PLAY_ROLE_ONLY, 0, NULL, "a role event, then the end")         \
    X(FAULT_ERROR_IN_200, "error_in_200", PLAY_ERROR_FIRST, 0, "upstream exploded",                \
      "an error object under a 200")                                                               \
    X(FAULT_ERROR_MIDDLE, "error_mid_stream", PLAY_ERROR_MIDDLE, 0, "upstream exploded",           \
      "an error event after some text")                                                            \
    X(FAULT_NO_DONE, "no_done", PLAY_NO_DONE, 0, NULL, "finish reason but no [DONE]")              \
    X(FAULT_NO_FINISH, "no_finish", PLAY_NO_FINISH, 0, NULL, "[DONE] but no finish reason")        \
    X(FAULT_NEITHER, "neither", PLAY_NEITHER, 0, NULL,                                             \
      "a clean end with neither finish reason nor [DONE]")                                         \
    X(FAULT_DOUBLE_DONE, "double_done", PLAY_DOUBLE_DONE, 0, NULL, "two [DONE]")                   \
    X(FAULT_DATA_AFTER_DONE, "data_after_done", PLAY_DATA_AFTER_DONE, 0, NULL,                     \
      "text after [DONE]")                                                                         \
    X(FAULT_NO_USAGE, "usage_missing", PLAY_NO_USAGE, 0, NULL, "no usage anywhere")                \
    X(FAULT_WRONG_USAGE, "usage_wrong", PLAY_WRONG_USAGE, 0, NULL,                                 \
      "usage with strings, nulls and negative numbers")                                            \
    X(FAULT_EOS, "finish_eos_token", PLAY_EOS, 0, NULL, "a finish reason that no client knows")    \
    X(FAULT_BAD_JSON, "bad_json", PLAY_BAD_JSON, 0, NULL, "an answer that is not JSON")            \
    X(FAULT_COMMENTS, "comments_only", PLAY_COMMENTS, 0, NULL, "keep-alive comments for ever")     \
    X(FAULT_429_IN_200, "429_in_200", PLAY_ERROR_FIRST, 0, "Rate limit reached, please slow down", \
      "a rate limit's error under a 200")                                                          \
    X(FAULT_400_CREDIT, "400_credit", PLAY_ERROR, 400, "Your credit balance is too low",           \
      "no credit left, told by a 400")                                                             \
    X(FAULT_403_QUOTA, "403_quota", PLAY_ERROR, 403,                                               \
      "The free quota of this model has been used up", "quota gone, told by a 403")                \
    X(FAULT_410, "410", PLAY_ERROR, 410, "The model has reached its end of life",                  \
      "model gone for ever")                                                                       \
    X(FAULT_451, "451", PLAY_ERROR, 451, "User location is not supported", "not in this region")   \
    X(FAULT_498, "498", PLAY_ERROR, 498, "Capacity exceeded", "overload, Groq's number")           \
    X(FAULT_504, "504", PLAY_HTML, 504, "<html><h1>504 Gateway Time-out</h1></html>",              \
      "a proxy's page after a time-out")                                                           \
    X(FAULT_WRONG_MODEL, "wrong_model", PLAY_WRONG_MODEL, 0, NULL,                                 \
      "another model than asked answers")                                                          \
    X(FAULT_GUARD, "guard_word", PLAY_GUARD, 0, "safe", "a guard model's one word")                \
    X(FAULT_FILTER, "content_filter", PLAY_FILTER, 0, NULL,                                        \
      "nothing said, finish reason content_filter")                                                \
    X(FAULT_LENGTH, "finish_length", PLAY_LENGTH, 0, NULL, "finish reason length")                 \
    X(FAULT_DRIP, "slow_drip", PLAY_DRIP, 0, NULL, "one byte at a time, 1 ms or gap_ms between")   \
    X(FAULT_CRLF, "crlf", PLAY_CRLF, 0, NULL, "events whose lines end in CR LF")                   \
    X(FAULT_BOM, "bom", PLAY_BOM, 0, NULL, "a byte order mark before the first event")             \
    X(FAULT_USAGE_NULL, "usage_null", PLAY_USAGE_NULL, 0, NULL, "usage is null")                   \
    X(FAULT_USAGE_FINISH, "usage_in_finish", PLAY_USAGE_FINISH, 0, NULL,                           \
      "usage in the event of the finish reason")                                                   \
    X(FAULT_USAGE_EVERY, "usage_every", PLAY_USAGE_EVERY, 0, NULL, "growing usage in every event") \
    X(FAULT_USAGE_DETAILS, "usage_details", PLAY_USAGE_DETAILS, 0, NULL,                           \
      "cached and reasoning tokens in usage")                                                      \
    X(FAULT_USAGE_GROQ, "usage_x_groq", PLAY_USAGE_GROQ, 0, NULL,                                  \
      "usage inside x_groq of the last event")                                                     \
    X(FAULT_GZIP, "gzip", PLAY_GZIP, 0, NULL, "gzip, though not asked for")                        \
    X(FAULT_GZIP_CUT, "gzip_truncated", PLAY_GZIP_CUT, 0, NULL, "gzip without its second half")    \
    X(FAULT_GZIP_SUM, "gzip_checksum", PLAY_GZIP_SUM, 0, NULL, "gzip with a wrong checksum")       \
    X(FAULT_GZIP_PLAIN, "gzip_plain", PLAY_GZIP_PLAIN, 0, NULL, "says gzip and sends plain text")  \
    X(FAULT_GZIP_BOMB, "gzip_bomb", PLAY_GZIP_BOMB, 0, NULL,                                       \
      "gzip of 256 KiB that becomes 39 MiB; nobody should get to its checksum")

enum fault_play {
    PLAY_ANSWER,
    PLAY_ERROR,
    PLAY_HTML,
    PLAY_STALL,
    PLAY_STALL_BODY,
    PLAY_STALL_MIDDLE,
    PLAY_CUT_HEAD,
    PLAY_CUT_BODY,
    PLAY_CUT_EVENT,
    PLAY_CUT_MIDDLE,
    PLAY_EMPTY,
    PLAY_ROLE_ONLY,
    PLAY_ERROR_FIRST,
    PLAY_ERROR_MIDDLE,
    PLAY_NO_DONE,
    PLAY_NO_FINISH,
    PLAY_NEITHER,
    PLAY_DOUBLE_DONE,
    PLAY_DATA_AFTER_DONE,
    PLAY_NO_USAGE,
    PLAY_WRONG_USAGE,
    PLAY_EOS,
    PLAY_BAD_JSON,
    PLAY_COMMENTS,
    PLAY_WRONG_MODEL,
    PLAY_GUARD,
    PLAY_FILTER,
    PLAY_LENGTH,
    PLAY_DRIP,
    PLAY_CRLF,
    PLAY_BOM,
    PLAY_USAGE_NULL,
    PLAY_USAGE_FINISH,
    PLAY_USAGE_EVERY,
    PLAY_USAGE_DETAILS,
    PLAY_USAGE_GROQ,
    PLAY_GZIP, /* coded ones are sent whole, streams too */
    PLAY_GZIP_CUT,
    PLAY_GZIP_SUM,
    PLAY_GZIP_PLAIN,
    PLAY_GZIP_BOMB
};

enum fault {
#define FAULT_ENUM(id, name, play, status, words, about) id,
    FAULT_TABLE(FAULT_ENUM)
#undef FAULT_ENUM
        FAULT_COUNT
};

/* What an error is about; each dialect has its own words for it. */
enum fake_kind {
    KIND_NONE,
    KIND_BAD,
    KIND_CLIENT,
    KIND_CONTEXT,
    KIND_KEY,
    KIND_CREDIT,
    KIND_OTHER, /* told in the words of the fault, under its status, whatever the dialect */
    KIND_FORBIDDEN,
    KIND_GONE,
    KIND_TOO_LARGE,
    KIND_RATE,
    KIND_DAY,
    KIND_SERVER,
    KIND_OVERLOADED,
    KIND_REGION,
    KIND_COUNT
};

struct fault_row {
    const char *name;
    enum fault_play play;
    int status;
    const char *words;
    const char *about;
};
const struct fault_row *fault_row(enum fault fault);
