// SPDX-License-Identifier: Apache-2.0
/*
 * GET /admin/v1/status: what runs here, since when, how well. And the metrics.
 *
 * Promises: numbers of this moment, from memory; the one system call reads how much memory the process has. Leaves to others: what
 * the numbers mean.
 */
#include "admin/admin.h"

#include "base/check.h"
#include "gateway/desk.h"
#include "store/store.h"

#include <fcntl.h>
#include <unistd.h>

/* "12345 678 ...": pages in all, pages in memory (proc(5), statm); 0 where there is no such file. */
static uint64_t memory_rss_bytes(void) {
    char text[128];
    uint64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0)
        (void)close(fd);
    struct span rest = span_of(text, length > 0 ? (size_t)length : 0), total, resident;
    if (!span_split(&rest, ' ', &total) || !span_split(&rest, ' ', &resident) ||
        !span_to_u64(resident, &pages))
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t sum(const struct gateway *gateway, enum metric metric, uint32_t label_values) {
    int64_t all = 0;
    for (uint32_t i = 0; i < label_values; i++)
        all += metric_sum(gateway->metric_blocks, gateway->loop_count, metric, i);
    return all > 0 ? (uint64_t)all : 0;
}

static const char *audience_word(enum catalog_audience audience) {
    return audience == CATALOG_FOR_PUBLIC  ? "public"
           : audience == CATALOG_FOR_GROUP ? "group"
                                           : "self";
}

static void put_place(struct json_writer *writer, const struct admin *admin) {
    json_open_list(writer, "listen");
    for (uint32_t i = 0; i < admin->listen_count; i++)
        json_put_word(writer, NULL, admin->listen[i]);
    json_close_list(writer);
    json_put_word(writer, "data_dir", admin->data_dir);
    json_put_word(writer, "config_file", admin->config_file);
    json_put_time(writer, "config_loaded_at", (int64_t)atomic_load(&admin->config_loaded_ms));
}

static void put_requests(struct json_writer *writer, const struct gateway *gateway) {
    struct scheduler_counts counts;
    desk_counts(gateway->desk, &counts);
    json_open_object(writer, "requests");
    json_put_u64(writer, "open", sum(gateway, METRIC_REQUESTS_OPEN, 1));
    json_put_u64(writer, "total", sum(gateway, METRIC_REQUESTS, 6));
    json_put_u64(writer, "waiting", counts.waiting);
    json_close_object(writer);
}

/* Providers with a route that could be asked now. */
static bool put_providers(struct json_writer *writer, struct request *r) {
    const struct catalog_snapshot *snapshot = r->snapshot;
    bool *open = arena_try_alloc(&r->arena, snapshot->route_count + (size_t)1);
    bool *seen = arena_try_alloc(&r->arena, snapshot->provider_count + (size_t)1);
    uint64_t available = 0;
    if (open == NULL || seen == NULL)
        return false;
    memset(seen, 0, snapshot->provider_count);
    desk_open_routes(r->home->gateway->desk, r->snapshot, open);
    for (uint32_t i = 0; i < snapshot->route_count; i++)
        if (open[i])
            seen[snapshot->accounts[snapshot->routes[i].account].provider] = true;
    for (uint32_t i = 0; i < snapshot->provider_count; i++)
        available += seen[i];
    json_open_object(writer, "providers");
    json_put_u64(writer, "configured", snapshot->provider_count);
    json_put_u64(writer, "available", available);
    json_close_object(writer);
    json_put_u64(writer, "models", snapshot->model_count);
    return true;
}

static void put_store(struct json_writer *writer, struct store *store) {
    struct store_state state;
    store_state(store, &state);
    json_open_object(writer, "store");
    json_put_word(writer, "state", store_condition_word(state.condition));
    json_put_word(writer, "reason", state.reason[0] != '\0' ? state.reason : NULL);
    json_put_u64(writer, "bytes", state.bytes);
    json_put_u64(writer, "details_dropped", state.details_dropped);
    json_close_object(writer);
}

static int answer_status(struct request *r) {
    struct gateway *gateway = r->home->gateway;
    const struct admin *admin = admin_of(r);
    struct json_writer writer;
    struct dynbuf body;
    admin_begin(&writer, &body);
    json_open_object(&writer, NULL);
    json_put_word(&writer, "version", PAPI_VERSION);
    json_put_word(&writer, "instance", gateway->instance);
    json_put_i64(&writer, "pid", getpid());
    json_put_time(&writer, "started_at", (int64_t)admin->started_ms);
    json_put_u64(&writer, "uptime_s", (clock_boot_ns() - admin->started_ns) / NS_PER_S);
    put_place(&writer, admin);
    json_put_u64(&writer, "config_version", r->snapshot->version);
    json_put_word(&writer, "auth", admin->keys_mode ? "keys" : "open");
    json_put_word(&writer, "audience", audience_word(gateway_config_of(r->home)->audience));
    json_put_u64(&writer, "loops", gateway->loop_count);
    put_requests(&writer, gateway);
    if (!put_providers(&writer, r))
        writer.err = ERR_TOO_LARGE;
    put_store(&writer, admin->store);
    json_put_u64(&writer, "memory_rss_bytes", memory_rss_bytes());
    json_put_flag(&writer, "draining",
                  atomic_load_explicit(&gateway->draining, memory_order_relaxed));
    json_close_object(&writer);
    return admin_end(r, 200, &writer);
}

static const struct schema_member requests_members[] = {
    M_WHOLE("open", 0, "being worked on now, this one included"),
    M_WHOLE("total", 0, "answered since the start"),
    M_WHOLE("waiting", 0, "waiting for room at a provider"),
    M_END,
};
static const struct schema requests_schema = {"StatusRequests", "Requests of this process",
                                              requests_members, false};

static const struct schema_member providers_members[] = {
    M_WHOLE("configured", 0, "that may be asked"),
    M_WHOLE("available", 0, "that could be asked at this moment"),
    M_END,
};
static const struct schema providers_schema = {"StatusProviders", "Providers in use",
                                               providers_members, false};

static const struct schema_member store_members[] = {
    M_WORD("state", 0, "ok|degraded|off", "degraded: requests go on, but are not kept"),
    M_TEXT("reason", SCHEMA_NULLABLE, "why it is degraded"),
    M_WHOLE("bytes", 0, "on disk"),
    M_WHOLE("details_dropped", 0,
            "requests that are in the totals only, since the store could not keep up"),
    M_END,
};
static const struct schema store_schema = {"StatusStore", "Where requests are remembered",
                                           store_members, false};

static const struct schema_member status_members[] = {
    M_TEXT("version", 0, "of the program"),
    M_TEXT("instance", 0, "names this process to other gateways"),
    M_WHOLE("pid", 0, "process id"),
    M_TIME("started_at", 0, "when this process began"),
    M_WHOLE("uptime_s", 0, "since then"),
    M_TEXT("listen", SCHEMA_LIST, "addresses and ports"),
    M_TEXT("data_dir", 0, "the data directory"),
    M_TEXT("config_file", SCHEMA_NULLABLE, "null: none was found"),
    M_TIME("config_loaded_at", 0, "when it was last read"),
    M_WHOLE("config_version", 0, "grows with each reload"),
    M_WORD("auth", 0, "open|keys", "what clients need"),
    M_WORD("audience", 0, "self|group|public", "whom this gateway serves"),
    M_WHOLE("loops", 0, "threads that serve"),
    M_OBJECT("requests", 0, &requests_schema, "in numbers"),
    M_OBJECT("providers", 0, &providers_schema, "in numbers"),
    M_WHOLE("models", 0, "that can be asked for"),
    M_OBJECT("store", 0, &store_schema, "how it fares"),
    M_WHOLE("memory_rss_bytes", 0, "memory of this process"),
    M_FLAG("draining", 0, "it ends as soon as its requests have"),
    M_END,
};
static const struct schema status_schema = {"Status", "What runs where, since when, how well",
                                            status_members, false};

static const struct endpoint_doc status_doc = {.operation = "getStatus", .gives = &status_schema};
static const struct endpoint_doc metrics_doc = {.operation = "getAdminMetrics",
                                                .gives_type = "text/plain"};

static const struct endpoint rows[] = {
    {"/admin/v1/status", METHODS_READ, ACCESS_ADMIN, NULL, answer_status,
     "what runs where, since when, how well", &status_doc},
    {"/admin/v1/metrics", METHODS_READ, ACCESS_ADMIN, NULL, answer_metrics, "Prometheus text",
     &metrics_doc},
};
const struct endpoint_part admin_status_part = {rows, array_length(rows)};
