// SPDX-License-Identifier: Apache-2.0
/*
 * /v1/papi/explain: who would be asked for a request, in which order, and why not the others.
 *
 * The same functions choose as for a real request (choose.c), and the scheduler is asked what it would do with the same demand, so
 * that what is told is what would happen at this moment. Nothing is sent, reserved or counted. A GET with ?model=NAME stands for a
 * short question to that model. Promises: accounts are named to the owner alone, keys to nobody. Leaves to others: words for
 * why a name leads nowhere (choose.c).
 */
#include "gateway/authenticate.h"
#include "gateway/choose.h"
#include "gateway/desk.h"
#include "gateway/identify.h"

#include "base/check.h"

#define ANSWER_MAX_BYTES     ((size_t)8 * 1024 * 1024)
#define SHORT_QUESTION_BYTES 64

static const char *const lacks[] = {
    [CATALOG_LACKS_KIND] = "it serves another kind of task",
    [CATALOG_LACKS_PROVIDER] = "the request leaves this provider out",
    [CATALOG_LACKS_AUDIENCE] = "its terms do not allow this audience",
    [CATALOG_LACKS_DATA_USE] = "it may train on prompts",
    [CATALOG_LACKS_CAPABILITY] = "it cannot do what the request needs",
    [CATALOG_LACKS_PARAMETER] = "it does not take all parameters",
    [CATALOG_LACKS_CONTEXT] = "its context is too small",
};

struct explaining {
    struct request *r;
    struct dynbuf *out;
    uint64_t now_ns;
    const struct scheduler_candidate *rows;
    struct span refusal; /* absent: the client's own limits have room */
    struct span refusal_limit;
    int64_t refusal_wait_ms; /* -1 = unknown or never */
};

static const char *state_words(enum candidate_state state) {
    static const char *const words[] = {
#define STATE_WORDS(name, word, about) [name] = about,
        CANDIDATE_TABLE(STATE_WORDS)
#undef STATE_WORDS
    };
    return words[state];
}

static int write_member(struct dynbuf *out, const char *name, struct span value) {
    int err = dynbuf_append_char(out, ',');
    return err == 0 ? json_write_member_string(out, name, value) : err;
}

static int write_route(const struct explaining *explaining, uint32_t index) {
    const struct catalog_snapshot *snapshot = explaining->r->snapshot;
    const struct catalog_route *route = &snapshot->routes[index];
    const struct catalog_account *account = &snapshot->accounts[route->account];
    int err = dynbuf_append_text(explaining->out, "{");
    if (err == 0)
        err = json_write_member_string(explaining->out, "provider",
                                       snapshot->providers[account->provider].id);
    if (err == 0 && authenticate_is_owner(explaining->r))
        err = write_member(explaining->out, "account", account->name);
    if (err == 0)
        err = write_member(explaining->out, "model", snapshot->models[route->model].id);
    if (err == 0)
        err = write_member(explaining->out, "upstream_model", route->upstream_model);
    return err < 0 ? err
                   : dynbuf_append_format(explaining->out, ",\"quality\":%u,\"context\":%llu",
                                          snapshot->models[route->model].quality[FACT_TASK_GENERAL],
                                          (unsigned long long)route->context_tokens);
}

static int write_state(const struct explaining *explaining, const struct scheduler_candidate *row) {
    const struct catalog_snapshot *snapshot = explaining->r->snapshot;
    bool open = row->state == CANDIDATE_OPEN;
    bool known = row->available_at_ns != 0 && row->available_at_ns != UINT64_MAX;
    uint64_t wait_ns =
        row->available_at_ns > explaining->now_ns ? row->available_at_ns - explaining->now_ns : 0;
    int err = dynbuf_append_format(explaining->out, ",\"in\":%s,\"chosen\":%s",
                                   open ? "true" : "false", row->picked ? "true" : "false");
    if (err == 0 && !open)
        err = write_member(explaining->out, "why", span_text(state_words(row->state)));
    if (err == 0 && row->limit != LIMIT_NONE && row->limit < snapshot->limit_count)
        err = write_member(explaining->out, "limit", snapshot->limits[row->limit].label);
    if (err == 0 && known)
        err = dynbuf_append_format(explaining->out, ",\"available_in_ms\":%llu",
                                   (unsigned long long)(wait_ns / NS_PER_MS));
    else if (err == 0)
        err = dynbuf_append_text(explaining->out, ",\"available_in_ms\":null");
    return err < 0 ? err : dynbuf_append_char(explaining->out, '}');
}

static int write_candidates(const struct explaining *explaining,
                            const struct catalog_choice *choice) {
    int err = 0;
    for (uint32_t i = 0; i < choice->route_count && err == 0; i++) {
        err = i > 0 ? dynbuf_append_char(explaining->out, ',') : 0;
        if (err == 0)
            err = write_route(explaining, choice->routes[i]);
        if (err == 0)
            err = dynbuf_append_format(explaining->out, ",\"order\":%u", i + 1);
        if (err == 0)
            err = write_state(explaining, &explaining->rows[i]);
    }
    return err;
}

static int write_left_out(const struct explaining *explaining, bool first) {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    enum catalog_lack why[CATALOG_ROUTES_PER_MODEL_MAX];
    const struct catalog_wish wish = choose_wish(explaining->r);
    uint32_t count = catalog_left_out(explaining->r->snapshot, &wish, routes, why);
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = first && i == 0 ? 0 : dynbuf_append_char(explaining->out, ',');
        if (err == 0)
            err = write_route(explaining, routes[i]);
        if (err == 0)
            err = dynbuf_append_text(explaining->out, ",\"in\":false,\"chosen\":false");
        if (err == 0)
            err = write_member(explaining->out, "why", span_text(lacks[why[i]]));
        if (err == 0)
            err = dynbuf_append_text(explaining->out, ",\"available_in_ms\":null}");
    }
    return err;
}

static int write_refusal(const struct explaining *explaining) {
    struct dynbuf *out = explaining->out;
    if (span_absent(explaining->refusal))
        return dynbuf_append_text(out, ",\"refusal\":null");
    int err = dynbuf_append_text(out, ",\"refusal\":{");
    if (err == 0)
        err = json_write_member_string(out, "limit", explaining->refusal_limit);
    if (err == 0)
        err = write_member(out, "why", explaining->refusal);
    if (err == 0 && explaining->refusal_wait_ms >= 0)
        err = dynbuf_append_format(out, ",\"available_in_ms\":%lld",
                                   (long long)explaining->refusal_wait_ms);
    else if (err == 0)
        err = dynbuf_append_text(out, ",\"available_in_ms\":null");
    return err < 0 ? err : dynbuf_append_char(out, '}');
}

static int write_answer(const struct explaining *explaining, const struct catalog_choice *choice) {
    const struct request *r = explaining->r;
    int err = dynbuf_append_text(explaining->out, "{\"object\":\"papi.explain\"");
    if (err == 0)
        err = write_member(explaining->out, "model", r->task.model);
    if (err == 0)
        err = dynbuf_append_format(explaining->out, ",\"input_tokens\":%llu",
                                   (unsigned long long)r->input_tokens);
    if (err == 0)
        err = write_refusal(explaining);
    if (err == 0)
        err = dynbuf_append_text(explaining->out, ",\"candidates\":[");
    if (err == 0)
        err = write_candidates(explaining, choice);
    if (err == 0)
        err = write_left_out(explaining, choice->route_count == 0);
    return err < 0 ? err : dynbuf_append_text(explaining->out, "]}\n");
}

/* "model=a%2Fb&x" -> the value of `model`, decoded; absent when it is not there. */
static struct span model_of_query(struct request *r, struct span query) {
    struct span rest = query, part;
    while (!span_absent(rest) && span_split(&rest, '&', &part))
        if (span_starts_with(part, "model="))
            return endpoint_percent_decode(span_of(part.ptr + 6, part.len - 6), &r->arena);
    return SPAN_NONE;
}

/* Fills r->task; false when the client was told why not. */
static bool read_question(struct request *r) {
    const struct http_request *http = http_exchange_request(r->exchange);
    r->error = (struct api_error){.retry_after_ms = -1};
    if (endpoint_method_of(http->method) == METHOD_POST) {
        struct span body = r->body != NULL ? http_body_bytes(r->body) : SPAN_LITERAL("");
        if (surface_openai_chat.decode(body, &r->arena, &r->task, &r->error) == 0)
            return true;
        r->has_error = true;
        (void)request_go(r, STEP_REJECT);
        return false;
    }
    struct span model = model_of_query(r, http->query);
    r->task = (struct task){.kind = TASK_CHAT,
                            .model = span_absent(model) ? SPAN_LITERAL("auto") : model,
                            .prompt_bytes = SHORT_QUESTION_BYTES};
    return true;
}

/* The client's own limits come before all candidates. The words are those of the refusal itself; nothing is refused here. */
static void look_at_client(struct explaining *explaining, const struct demand *demand) {
    struct request *r = explaining->r;
    const struct action before = r->decision;
    if (!desk_client_refuses(r->home->gateway->desk, r->snapshot, demand, &r->decision))
        return;
    limits_explain(r);
    explaining->refusal = r->error.message;
    explaining->refusal_limit = span_text(client_limit_word(r->decision.client_limit));
    explaining->refusal_wait_ms = r->decision.retry_at_ns == 0 ? -1 : r->error.retry_after_ms;
    r->decision = before;
    r->error = (struct api_error){.retry_after_ms = -1};
}

int answer_papi_explain(struct request *r) {
    struct scheduler_candidate rows[DEMAND_CANDIDATES_MAX];
    struct catalog_choice choice;
    struct demand demand;
    struct dynbuf body;
    struct explaining explaining = {
        .r = r, .out = &body, .rows = rows, .refusal = SPAN_NONE, .refusal_limit = SPAN_NONE};
    if (!read_question(r))
        return 0;
    choose_candidates(r, &choice);
    if (choice.route_count == 0 && choice.lack <= CATALOG_LACKS_ROUTES) {
        (void)choose_fail(r, &choice); /* the name itself leads nowhere */
        return 0;
    }
    if (choice.route_count > 0) {
        choose_demand(r, &choice, &demand);
        desk_explain(r->home->gateway->desk, r->snapshot, &demand, rows, &explaining.now_ns);
        look_at_client(&explaining, &demand);
    }
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    int err = write_answer(&explaining, &choice);
    if (err == 0)
        err = respond_whole(r, 200, "application/json", dynbuf_span(&body));
    dynbuf_done(&body);
    return err;
}
