// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that ask no provider: models, liveness, readiness, metrics, the root, and browsers' preflights.
 *
 * Promises: none of them waits for anything; the list of models is what the snapshot of this loop knows. Leaves to others: who
 * may read them (authenticate.c).
 */
#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/request.h"

#define ANSWER_MAX_BYTES ((size_t)8 * 1024 * 1024)

static int send_body(struct request *r, int status, const char *content_type, int err,
                     struct dynbuf *body) {
    if (err == 0)
        err = respond_whole(r, status, content_type, dynbuf_span(body));
    dynbuf_done(body);
    return err;
}

static uint64_t can_of(const struct catalog_snapshot *snapshot, const struct catalog_model *model,
                       uint64_t *ret_context_tokens) {
    uint64_t can = 0;
    *ret_context_tokens = 0;
    for (uint32_t i = 0; i < model->route_count; i++) {
        const struct catalog_route *route = &snapshot->routes[model->routes[i]];
        can |= route->can;
        if (route->context_tokens > *ret_context_tokens)
            *ret_context_tokens = route->context_tokens;
    }
    return can;
}

static uint32_t providers_of(const struct catalog_snapshot *snapshot,
                             const struct catalog_model *model) {
    uint32_t count = 0;
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < model->route_count; i++) {
        uint32_t provider = snapshot->accounts[snapshot->routes[model->routes[i]].account].provider;
        count += provider != last; /* routes of one provider stand together */
        last = provider;
    }
    return count;
}

static struct surface_model describe(const struct catalog_snapshot *snapshot,
                                     const struct catalog_model *model) {
    struct surface_model row = {
        .id = model->id, .owned_by = SPAN_LITERAL("papi"), .created_s = model->created_s};
    row.needs_served = can_of(snapshot, model, &row.context_tokens);
    row.providers = providers_of(snapshot, model);
    if (row.providers == 1)
        row.owned_by =
            snapshot
                ->providers[snapshot->accounts[snapshot->routes[model->routes[0]].account].provider]
                .id;
    return row;
}

/* A model as the list shows it; any other name: what its candidates can do together. */
static bool describe_name(const struct catalog_snapshot *snapshot, struct span name,
                          struct surface_model *ret_row) {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    const struct catalog_model *model = catalog_find_model(snapshot, name);
    struct catalog_model ladder = {.id = name, .routes = routes};
    if (model != NULL) {
        *ret_row = describe(snapshot, model);
        return true;
    }
    ladder.route_count = catalog_resolve(snapshot, name, routes);
    if (ladder.route_count == 0)
        return false;
    *ret_row = describe(snapshot, &ladder);
    ret_row->owned_by = SPAN_LITERAL("papi");
    return true;
}

int answer_models(struct request *r) {
    const struct catalog_snapshot *snapshot = r->snapshot;
    uint32_t aliases = catalog_alias_count(snapshot);
    struct dynbuf body;
    uint32_t count = 0;
    struct surface_model *rows =
        arena_try_alloc(&r->arena, (snapshot->model_count + aliases + 1) * sizeof *rows);
    if (rows == NULL)
        return ERR_TOO_LARGE;
    count += describe_name(snapshot, SPAN_LITERAL("auto"), &rows[count]);
    for (uint32_t i = 0; i < aliases; i++)
        if (!span_contains(catalog_alias_name(snapshot, i), "*"))
            count += describe_name(snapshot, catalog_alias_name(snapshot, i), &rows[count]);
    for (uint32_t i = 0; i < snapshot->model_count; i++)
        rows[count++] = describe(snapshot, &snapshot->models[i]);
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    return send_body(r, 200, "application/json", surface_models_list(rows, count, &body), &body);
}

static bool read_hex(char c, unsigned *value) {
    static const char digits[] = "0123456789abcdef";
    const char *found = memchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c, sizeof digits - 1);
    if (found != NULL)
        *value = *value * 16 + (unsigned)(found - digits);
    return found != NULL;
}

/* "a%2Fb" -> "a/b"; a broken escape stays as it is. */
static struct span percent_decode(struct span text, struct arena *arena) {
    char *copy = arena_try_alloc(arena, text.len + 1);
    size_t length = 0;
    if (copy == NULL)
        return text;
    for (size_t i = 0; i < text.len; i++) {
        unsigned value = 0;
        bool escape = text.ptr[i] == '%' && i + 2 < text.len && read_hex(text.ptr[i + 1], &value) &&
                      read_hex(text.ptr[i + 2], &value);
        copy[length++] = escape ? (char)value : text.ptr[i];
        i += escape ? 2 : 0;
    }
    return span_of(copy, length);
}

int answer_model(struct request *r) {
    struct surface_model row;
    struct dynbuf body;
    struct span name = percent_decode(r->path_rest, &r->arena);
    if (!describe_name(r->snapshot, name, &row)) {
        (void)request_fail(
            r, API_MODEL_NOT_FOUND, "model",
            "The model '%.*s' is not known. GET /v1/models lists what can be asked for.",
            (int)(name.len < 200 ? name.len : 200), name.ptr);
        return 0;
    }
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    return send_body(r, 200, "application/json", surface_models_one(&row, &body), &body);
}

int answer_health(struct request *r) {
    return respond_whole(r, 200, "text/plain; charset=utf-8", SPAN_LITERAL("ok\n"));
}

int answer_ready(struct request *r) {
    struct gateway *gateway = r->home->gateway;
    if (atomic_load_explicit(&gateway->draining, memory_order_relaxed))
        return respond_whole(r, 503, "text/plain; charset=utf-8", SPAN_LITERAL("draining\n"));
    if (!desk_any_open(gateway->desk, r->snapshot->route_count))
        return respond_whole(r, 503, "text/plain; charset=utf-8",
                             SPAN_LITERAL("no provider can be asked now\n"));
    return respond_whole(r, 200, "text/plain; charset=utf-8", SPAN_LITERAL("ready\n"));
}

int answer_metrics(struct request *r) {
    struct gateway *gateway = r->home->gateway;
    struct dynbuf body;
    for (uint32_t i = 0; i < gateway->loop_count; i++)
        metric_set(gateway->metric_blocks[i], METRIC_CONNECTIONS,
                   (int64_t)http_server_connections(gateway->loops[i]->server));
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    return send_body(r, 200, "text/plain; version=0.0.4; charset=utf-8",
                     metric_write(gateway->metric_blocks, gateway->loop_count, &body), &body);
}

int answer_root(struct request *r) {
    return respond_whole(r, 200, "text/plain; charset=utf-8",
                         SPAN_LITERAL("PAPI is running. Point an OpenAI client at /v1; GET "
                                      "/v1/models lists what can be asked for.\n"));
}

/* Preflight (Fetch standard): echo what is asked for, since a bare * does not cover Authorization. */
static int answer_options(struct request *r) {
    const struct http_request *http = http_exchange_request(r->exchange);
    struct span asked = http_header_get(http->headers, "access-control-request-headers");
    struct dynbuf head;
    char allow[64];
    endpoint_allow(r->endpoint, allow, sizeof allow);
    int err = respond_head(r, &head, NULL);
    if (err == 0)
        err = http_write_header(&head, "Allow", span_text(allow));
    if (err == 0)
        err = http_write_header(&head, "Access-Control-Allow-Methods",
                                SPAN_LITERAL("GET, POST, DELETE, OPTIONS"));
    if (!span_absent(asked) && http_write_header(&head, "Access-Control-Allow-Headers", asked) < 0)
        asked = SPAN_NONE; /* bytes that no field name has: the browser will refuse by itself */
    if (err == 0)
        err = http_write_header(&head, "Access-Control-Max-Age", SPAN_LITERAL("86400"));
    if (err == 0)
        err = http_exchange_respond(r->exchange, 204, dynbuf_span(&head), SPAN_NONE);
    dynbuf_done(&head);
    r->status = 204;
    r->answered = err == 0;
    return err;
}

enum step_verdict step_answer(struct request *r) {
    unsigned method = endpoint_method_of(http_exchange_request(r->exchange)->method);
    int err = method == METHOD_OPTIONS ? answer_options(r) : r->endpoint->answer(r);
    if (r->has_error)
        return STEP_NEXT; /* the endpoint went to REJECT */
    if (err < 0 && !r->answered)
        return request_fail(r, API_INTERNAL, NULL, "The answer could not be written: %s.",
                            err_text(err));
    return request_go(r, STEP_RECORD);
}
