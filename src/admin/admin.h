// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The admin plane: what whoever runs this gateway can see and do, as endpoints beside those of the gateway (/admin/v1/...). Reached by
 * the Unix socket in the data directory, or over HTTP with an admin token; the gateway has judged that before a handler runs.
 *
 * To add an endpoint: a handler in a file of src/admin, a row with its doc (gateway/schema.h) in that file's table, and the table in
 * the list of router.c. Query and body have been checked by the doc's tables when the handler is called (gateway/take.h). Handlers run
 * on the loop of their request and must not wait: what takes longer is handed over (gateway/later.h).
 */
#include "admin/provider_board.h"
#include "gateway/request.h"
#include "gateway/schema.h"
#include "gateway/take.h"
#include "json/writer.h"

#define ADMIN_ANSWER_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define ADMIN_LISTEN_MAX       8
#define ADMIN_REPORT_MAX_BYTES ((size_t)256 * 1024)

struct store;
struct vault;

/* Reading everything anew. Owned by who asks, until `done` is called, once, on some loop's thread: err 0: in use; ERR_INVALID: all is as
 * it was, and `report` has the errors, a line each; ERR_CANCELLED: the gateway ends. */
struct admin_reload {
    void (*done)(struct admin_reload *reload, int err, uint64_t version, struct span report);
};

/* What app/ knows and does; all borrowed, and unchanged while loops run but for the atomics. */
struct admin {
    void *app;
    const char *data_dir;
    const char *config_file; /* NULL = none */
    const char *listen[ADMIN_LISTEN_MAX];
    uint32_t listen_count;
    _Atomic bool keys_mode;
    struct zone clients_zone; /* of the days and months of clients' limits */
    uint64_t started_ms;      /* the date */
    uint64_t started_ns;      /* CLOCK_BOOTTIME: the date may be set */
    _Atomic uint64_t config_loaded_ms;
    struct store *store;          /* NULL = nothing is kept */
    struct vault *vault;          /* what it holds is changed by jobs of the store */
    struct provider_board *board; /* all providers, used or not */
    const struct facts *facts;
    void (*reload)(void *app, struct admin_reload *wish); /* any thread */
};

/* The tables for gateway_config.more_endpoints; more_context is the struct admin. */
extern const struct endpoint_part *const admin_parts[];
extern const uint32_t admin_part_count;

struct admin *admin_of(const struct request *r);

/* A JSON answer: begin, write, end. admin_end frees the buffer; its result is the handler's. */
void admin_begin(struct json_writer *writer, struct dynbuf *body);
int admin_end(struct request *r, int status, struct json_writer *writer);
/* {"object":"list","data":[ ... ],"has_more":...,"next_cursor":...}: after admin_begin, and before admin_end. */
void admin_open_page(struct json_writer *writer);
void admin_close_page(struct json_writer *writer, bool has_more, struct span next_cursor);
/* A name that may be missing: null where it is empty. */
void admin_put_name(struct json_writer *writer, const char *member, struct span name);
/* 404 with the words given; returns what a handler returns. */
int admin_not_found(struct request *r, const char *format, ...) PRINTF_LIKE(2, 3);

/* Tables, one for each file of handlers. */
extern const struct endpoint_part admin_status_part, admin_look_part, admin_requests_part,
    admin_usage_part, admin_reload_part, admin_openapi_part, admin_providers_part,
    admin_clients_part;

/* Of every list that is told in pages. */
#define QUERY_PAGE                                                                               \
    M_BOUNDED("limit", SCHEMA_WHOLE, SCHEMA_OPTIONAL, 1, 1000, "rows a page; 100 when missing"), \
        M_BOUNDED("cursor", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, 64, "next_cursor of the page before")
