// SPDX-License-Identifier: Apache-2.0
/*
 * Models, capacity and explain as their owner sees them: the answers of the API, and with each model the routes that lead to it.
 *
 * Promises: what a client is told, told by the same functions. Leaves to others: those functions (gateway/list.c, answer_*.c).
 */
#include "admin/admin.h"

#include "base/check.h"
#include "gateway/desk.h"
#include "gateway/endpoint_docs.h"
#include "gateway/listing.h"

#define MODEL_MAX_BYTES ((size_t)65536)

struct showing {
    const struct catalog_snapshot *snapshot;
    const bool *open; /* of each route: could be asked now */
    struct json_writer *writer;
};

static void put_route(const struct showing *showing, uint32_t index) {
    const struct catalog_snapshot *snapshot = showing->snapshot;
    const struct catalog_route *route = &snapshot->routes[index];
    const struct catalog_account *account = &snapshot->accounts[route->account];
    struct json_writer *writer = showing->writer;
    json_open_object(writer, NULL);
    json_put_text(writer, "provider", snapshot->providers[account->provider].id);
    json_put_text(writer, "account", account->name);
    json_put_text(writer, "model", snapshot->models[route->model].id);
    json_put_text(writer, "upstream_model", route->upstream_model);
    json_put_flag(writer, "available", showing->open[index]);
    json_put_flag(writer, "automatic", route->automatic);
    json_close_object(writer);
}

/* The model's own members and those of the owner in one object. */
static void put_model(const struct showing *showing, const struct surface_model *model) {
    uint32_t routes[CATALOG_ROUTES_PER_MODEL_MAX];
    uint32_t count = catalog_resolve(showing->snapshot, model->id, routes);
    struct json_writer *writer = showing->writer;
    struct dynbuf own;
    dynbuf_init(&own, MODEL_MAX_BYTES);
    int err = surface_models_one(model, &own);
    if (err < 0 && writer->err == 0)
        writer->err = err;
    if (err == 0) /* all but its closing brace */
        json_put_raw(writer, NULL, span_of(dynbuf_span(&own).ptr, own.len - 1));
    dynbuf_done(&own);
    json_open_list(writer, "routes");
    for (uint32_t i = 0; i < count; i++)
        put_route(showing, routes[i]);
    json_close_list(writer);
    json_close_object(writer);
}

static bool begin(struct showing *showing, struct request *r, struct json_writer *writer) {
    bool *open = arena_try_alloc(&r->arena, r->snapshot->route_count + (size_t)1);
    if (open == NULL)
        return false;
    desk_open_routes(r->home->gateway->desk, r->snapshot, open);
    *showing = (struct showing){.snapshot = r->snapshot, .open = open, .writer = writer};
    return true;
}

static int answer_admin_models(struct request *r) {
    const struct surface_model *rows;
    struct json_writer writer;
    struct showing showing;
    struct dynbuf body;
    uint32_t count;
    int err = listing_all(r, &rows, &count);
    if (err == 0 && !begin(&showing, r, &writer))
        err = ERR_TOO_LARGE;
    if (err < 0)
        return err;
    admin_begin(&writer, &body);
    admin_open_page(&writer);
    for (uint32_t i = 0; i < count; i++)
        put_model(&showing, &rows[i]);
    admin_close_page(&writer, false, SPAN_NONE);
    return admin_end(r, 200, &writer);
}

static int answer_admin_model(struct request *r) {
    struct surface_model row;
    struct json_writer writer;
    struct showing showing;
    struct dynbuf body;
    int err = listing_one(r, endpoint_percent_decode(r->path_rest, &r->arena), &row);
    if (err == 0 && !begin(&showing, r, &writer))
        err = ERR_TOO_LARGE;
    if (err < 0)
        return err;
    admin_begin(&writer, &body);
    put_model(&showing, &row);
    return admin_end(r, 200, &writer);
}

static const struct schema_member route_members[] = {
    M_TEXT("provider", 0, "who serves it"),
    M_TEXT("account", 0, "with whose quota"),
    M_TEXT("model", 0, "unified id"),
    M_TEXT("upstream_model", 0, "the provider's name for it"),
    M_FLAG("available", 0, "could be asked at this moment"),
    M_FLAG("automatic", 0, "also without being named"),
    M_END,
};
static const struct schema route_schema = {"Route", "One way to serve a model", route_members,
                                           false};
static const struct schema_member admin_model_members[] = {
    MODEL_MEMBERS,
    M_OBJECT("routes", SCHEMA_LIST, &route_schema, "preferred first"),
    M_END,
};
static const struct schema admin_model_schema = {
    "AdminModel", "A name that can be asked for, and where it leads", admin_model_members, false};

static const struct endpoint_doc models_doc = {
    .operation = "listAdminModels", .gives = &admin_model_schema, .gives_list = true};
static const struct endpoint_doc model_doc = {
    .operation = "getAdminModel", .rest = "model", .gives = &admin_model_schema};
static const struct endpoint_doc capacity_doc = {.operation = "getAdminCapacity",
                                                 .gives = &schema_capacity};
static const struct endpoint_doc explain_doc = {
    .operation = "explainAdminModel", .query = explain_query, .gives = &schema_explain};
static const struct endpoint_doc explain_body_doc = {
    .operation = "explainAdminRequest", .takes = &schema_chat_request, .gives = &schema_explain};

static const struct endpoint rows[] = {
    {"/admin/v1/models", METHODS_READ, ACCESS_ADMIN, NULL, answer_admin_models,
     "what can be asked for, and where each leads", &models_doc},
    {"/admin/v1/models/*", METHODS_READ, ACCESS_ADMIN, NULL, answer_admin_model,
     "one model, and where it leads", &model_doc},
    {"/admin/v1/capacity", METHODS_READ, ACCESS_ADMIN, NULL, answer_papi_capacity,
     "what is left of every limit of every account, and in all", &capacity_doc},
    {"/admin/v1/explain", METHODS_READ, ACCESS_ADMIN, NULL, answer_papi_explain,
     "who would be asked for a short question, and why not the others", &explain_doc},
    {"/admin/v1/explain", METHOD_POST, ACCESS_ADMIN, NULL, answer_papi_explain,
     "who would be asked for a request, and why not the others", &explain_body_doc},
};
const struct endpoint_part admin_look_part = {rows, array_length(rows)};
