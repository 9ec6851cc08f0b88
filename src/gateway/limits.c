// SPDX-License-Identifier: Apache-2.0
/*
 * A client's own limits, as it hears of them: head fields on every answer, the words of a refusal, and all of them on request.
 *
 * Of several limits of one kind (a minute, a day, a month) the head tells the one that is nearest to its end, since that is the
 * one that will refuse first. A refusal names the limit that refused, with the exact instant at which there is room: in the text,
 * and as a wait in x-ratelimit-reset-*; Retry-After only up to a minute (reject.c).
 * Promises: numbers of this client alone. Leaves to others: counting (scheduler), changing them (admin).
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/endpoint_docs.h"
#include "gateway/identify.h"
#include "json/writer.h"

#define RETRY_TOLD_MAX_MS 60000 /* as in reject.c */
#define BUSY_RETRY_MS     1000  /* when a request of its own ends, nobody knows */
#define ANSWER_MAX_BYTES  65536
#define TIME_BYTES        40

enum kind { KIND_REQUESTS, KIND_TOKENS, KIND_COUNT, KIND_AT_ONCE };

static const enum kind kinds[CLIENT_LIMIT_COUNT] = {
    [CLIENT_REQUESTS_PER_MINUTE] = KIND_REQUESTS, [CLIENT_REQUESTS_PER_DAY] = KIND_REQUESTS,
    [CLIENT_REQUESTS_PER_MONTH] = KIND_REQUESTS,  [CLIENT_TOKENS_PER_MINUTE] = KIND_TOKENS,
    [CLIENT_TOKENS_PER_DAY] = KIND_TOKENS,        [CLIENT_TOKENS_PER_MONTH] = KIND_TOKENS,
    [CLIENT_CONCURRENCY] = KIND_AT_ONCE,
};

static const struct {
    const char *limit, *remaining, *reset;
} fields[KIND_COUNT] = {
    [KIND_REQUESTS] = {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
                       "x-ratelimit-reset-requests"},
    [KIND_TOKENS] = {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
                     "x-ratelimit-reset-tokens"},
};

static bool refused_by_limit(const struct request *r) {
    return r->decision.kind == ACTION_REFUSE && r->decision.refusal == REFUSAL_CLIENT_LIMITED;
}

static char *write_number(char *out, uint64_t value, unsigned least_digits) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || count < least_digits);
    while (count > 0)
        *out++ = digits[--count];
    return out;
}

/* By hand, since every answer to a client with limits carries two of them. */
void limits_duration(int64_t wait_ms, char *text) {
    uint64_t left_ms = wait_ms > 0 ? (uint64_t)wait_ms : 0, rest_ms = left_ms % 60000;
    if (left_ms >= 60000) {
        text = write_number(text, left_ms / 60000, 1);
        *text++ = 'm';
    }
    text = write_number(text, rest_ms / 1000, 1);
    if (rest_ms % 1000 != 0) {
        *text++ = '.';
        text = write_number(text, rest_ms % 1000, 3);
    }
    *text++ = 's';
    *text = '\0';
}

/* Rounded up: not even a part of a millisecond too early. */
static int64_t wait_ms(uint64_t at_ns, uint64_t now_ns) {
    return at_ns > now_ns ? (int64_t)((at_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* The clock's own millisecond has begun: a day that ends at midnight is not said to end just before it. */
static uint64_t date_in_ms(int64_t in_ms) {
    return clock_wall_ms() + (uint64_t)in_ms + 1;
}

/* --- head fields --- */

struct told {
    uint64_t amount, remaining;
    int64_t reset_ms;
};

/* Whether a is nearer to its end than b: less is left, or it takes longer to come back. */
static bool is_tighter(const struct scheduler_client_limit *a,
                       const struct scheduler_client_limit *b) {
    if (a->remaining != b->remaining)
        return a->remaining < b->remaining;
    return a->resets_at_ns > b->resets_at_ns;
}

static bool choose_told(const struct request *r, enum kind kind, uint64_t now_ns,
                        const struct scheduler_client_limit *limits, struct told *ret_told) {
    const struct scheduler_client_limit *found = NULL;
    bool refused = refused_by_limit(r) && kinds[r->decision.client_limit] == kind;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        if (kinds[i] == kind && limits[i].amount > 0 &&
            (found == NULL || is_tighter(&limits[i], found)))
            found = &limits[i];
    if (found == NULL)
        return false;
    if (refused)
        found = &limits[r->decision.client_limit];
    uint64_t at_ns = refused ? r->decision.retry_at_ns : found->resets_at_ns;
    *ret_told = (struct told){found->amount, found->remaining,
                              at_ns == UINT64_MAX ? 0 : wait_ms(at_ns, now_ns)};
    return true;
}

static int write_told(struct dynbuf *head, enum kind kind, const struct told *told) {
    char text[LIMITS_DURATION_BYTES];
    limits_duration(told->reset_ms, text);
    int err = http_write_header_u64(head, fields[kind].limit, told->amount);
    if (err == 0)
        err = http_write_header_u64(head, fields[kind].remaining, told->remaining);
    return err == 0 ? http_write_header(head, fields[kind].reset, span_text(text)) : err;
}

int limits_fields(struct request *r, struct dynbuf *head) {
    struct scheduler_client_limit limits[CLIENT_LIMIT_COUNT];
    struct told told;
    uint64_t now_ns;
    int err = 0;
    if (r->client == NULL || !client_has_limits(r->client) ||
        !desk_client_limits(r->home->gateway->desk, r->client->number, limits, &now_ns))
        return 0;
    /* When providers have no room, reject.c tells their time in the field of requests. */
    bool others = r->has_error && api_error_status(r->error.kind) == 429 && !refused_by_limit(r);
    for (unsigned kind = others ? KIND_TOKENS : KIND_REQUESTS; kind < KIND_COUNT && err == 0;
         kind++)
        if (choose_told(r, (enum kind)kind, now_ns, limits, &told))
            err = write_told(head, (enum kind)kind, &told);
    return err;
}

/* --- a refusal --- */

static void say(struct request *r, char *text) {
    r->error.message =
        text != NULL ? span_text(text) : SPAN_LITERAL("A limit of this API key is used up.");
}

/* The words that make clients shorten a conversation (wire 1.6). */
static void explain_too_large(struct request *r, unsigned long long most) {
    r->error.kind = API_CONTEXT_TOO_LONG;
    say(r,
        arena_format(&r->arena,
                     "The request needs about %llu tokens, but this API key may use %llu at once "
                     "(its limit %s). Please reduce the length of the messages.",
                     (unsigned long long)r->input_tokens, most,
                     client_limit_word(r->decision.client_limit)));
    r->error.retry_after_ms = -1;
    r->error.no_client_retry = true;
}

void limits_explain(struct request *r) {
    const struct action *decision = &r->decision;
    const char *about = client_limit_about(decision->client_limit);
    unsigned long long amount = decision->limit_amount;
    char date[TIME_BYTES];
    r->error.kind = API_RATE_LIMITED;
    r->error.param = r->error.code = SPAN_NONE;
    r->error.no_client_retry = false;
    if (decision->retry_at_ns == UINT64_MAX) {
        explain_too_large(r, amount);
        return;
    }
    if (decision->retry_at_ns == 0) {
        say(r, arena_format(&r->arena,
                            "Rate limit reached for this API key: %llu %s. Please try again when "
                            "one of its requests has ended.",
                            amount, about));
        r->error.retry_after_ms = BUSY_RETRY_MS;
        return;
    }
    int64_t in_ms = wait_ms(decision->retry_at_ns, desk_clock_ns());
    clock_format_rfc3339(date_in_ms(in_ms), date, sizeof date);
    say(r, arena_format(&r->arena,
                        "Rate limit reached for this API key: %llu %s. Please try again in "
                        "%lld.%03llds (at %s). GET /v1/papi/limits tells all of its limits.",
                        amount, about, (long long)in_ms / 1000, (long long)in_ms % 1000, date));
    r->error.retry_after_ms = in_ms;
    r->error.no_client_retry = in_ms > RETRY_TOLD_MAX_MS;
}

/* --- all of them --- */

static void put_limit(struct json_writer *writer, enum client_limit limit,
                      const struct scheduler_client_limit *state, uint64_t now_ns) {
    int64_t in_ms = wait_ms(state->resets_at_ns, now_ns);
    json_open_object(writer, NULL);
    json_put_word(writer, "limit", client_limit_word(limit));
    json_put_u64(writer, "amount", state->amount);
    json_put_u64(writer, "used", state->used);
    json_put_u64(writer, "remaining", state->remaining);
    json_put_time(writer, "resets_at",
                  state->resets_at_ns > 0 ? (int64_t)clock_wall_ms() + in_ms : 0);
    if (state->resets_at_ns > 0)
        json_put_u64(writer, "resets_in_ms", (uint64_t)in_ms);
    else
        json_put_null(writer, "resets_in_ms");
    json_close_object(writer);
}

static void put_limits(struct json_writer *writer, const struct request *r) {
    struct scheduler_client_limit limits[CLIENT_LIMIT_COUNT];
    uint64_t now_ns;
    json_open_list(writer, "limits");
    if (r->client != NULL &&
        desk_client_limits(r->home->gateway->desk, r->client->number, limits, &now_ns))
        for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
            if (limits[i].amount > 0)
                put_limit(writer, (enum client_limit)i, &limits[i], now_ns);
    json_close_list(writer);
}

static void put_client(struct json_writer *writer, const struct request *r) {
    const struct client *client = r->client;
    struct span pattern;
    json_open_object(writer, "client");
    json_put_word(writer, "id", client->id);
    json_put_text(writer, "name", client_name(r->clients, client));
    json_put_word(writer, "role", client_role_word((enum client_role)client->role));
    json_put_time(writer, "expires_at", client->expires_ms);
    if (client->model_count == 0) {
        json_put_null(writer, "models");
    } else {
        json_open_list(writer, "models");
        for (uint32_t at = 0; client_model(r->clients, client, &at, &pattern);)
            json_put_text(writer, NULL, pattern);
        json_close_list(writer);
    }
    json_put_word(writer, "data_use", client->no_training ? "no-training" : NULL);
    json_put_word(writer, "priority", client_priority_word((enum client_priority)client->priority));
    json_close_object(writer);
}

static const char *note(const struct request *r) {
    if (r->client == NULL)
        return "This gateway counts nobody here: no key of one of its clients came with the "
               "request, so there are no limits but those of providers (GET /v1/papi/capacity).";
    return client_has_limits(r->client)
               ? NULL
               : "This API key has no limits of its own, only those of providers apply (GET "
                 "/v1/papi/capacity).";
}

int answer_papi_limits(struct request *r) {
    struct json_writer writer;
    struct dynbuf body;
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    json_writer_init(&writer, &body);
    json_open_object(&writer, NULL);
    json_put_word(&writer, "object", "limits");
    if (r->client != NULL)
        put_client(&writer, r);
    else
        json_put_null(&writer, "client");
    put_limits(&writer, r);
    json_put_word(&writer, "note", note(r));
    json_close_object(&writer);
    return respond_body(r, 200, "application/json", writer.err, &body);
}

static const struct schema_member limit_members[] = {
    M_WORD("limit", 0,
           "requests_per_minute|requests_per_day|requests_per_month|tokens_per_minute|"
           "tokens_per_day|tokens_per_month|concurrency",
           "which"),
    M_WHOLE("amount", 0, "what it allows"),
    M_WHOLE("used", 0, "of it; requests under way by their estimate"),
    M_WHOLE("remaining", 0, "what is left"),
    M_TIME("resets_at", SCHEMA_NULLABLE, "when more comes back; null: nothing is used"),
    M_WHOLE("resets_in_ms", SCHEMA_NULLABLE, "the same, from now"),
    {0},
};
static const struct schema limit_schema = {"ClientLimit", "One limit of a client", limit_members,
                                           false};

static const struct schema_member client_members[] = {
    M_TEXT("id", 0, "of the client"),
    M_TEXT("name", 0, "given by whoever runs this gateway"),
    M_WORD("role", 0, "client|admin", "what the key is for"),
    M_TIME("expires_at", SCHEMA_NULLABLE, "when its keys end"),
    M_TEXT("models", SCHEMA_NULLABLE | SCHEMA_LIST, "names and patterns; null: all"),
    M_WORD("data_use", SCHEMA_NULLABLE, "no-training", "holds for each of its requests"),
    M_WORD("priority", 0, "interactive|normal|batch", "class of its requests"),
    {0},
};
static const struct schema client_schema = {"LimitsClient", "Whose key was sent", client_members,
                                            false};

static const struct schema_member limits_members[] = {
    M_WORD("object", 0, "limits", "what this is"),
    M_OBJECT("client", SCHEMA_NULLABLE, &client_schema, "null: nobody is counted"),
    M_OBJECT("limits", SCHEMA_LIST, &limit_schema, "those it has"),
    M_TEXT("note", SCHEMA_NULLABLE, "why there are none"),
    {0},
};
static const struct schema schema_limits = {"Limits", "The caller's own limits and use",
                                            limits_members, false};

const struct endpoint_doc doc_limits = {.operation = "getLimits", .gives = &schema_limits};
