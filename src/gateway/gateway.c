// SPDX-License-Identifier: Apache-2.0
/*
 * The gateway's parts: what is shared, and what each loop has for itself.
 *
 * Built in order, torn down in reverse. Promises: a loop is freed only when nothing runs on it. Leaves to others: threads,
 * signals and the start screen (app/), the story of requests (request.c).
 */
#include "gateway/gateway.h"

#include "base/check.h"
#include "base/mem.h"
#include "gateway/accept.h"
#include "gateway/desk.h"
#include "gateway/handover.h"
#include "gateway/ladder.h"
#include "gateway/publish.h"
#include "gateway/request.h"
#include "gateway/wrong_keys.h"

static const char *status_class_name(uint32_t value) {
    static const char *const names[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};
    return value < array_length(names) ? names[value] : "other";
}

static const char *error_name(uint32_t value) {
    const char *code = api_error_code((enum api_error_kind)value);
    return code != NULL ? code : "bad_request";
}

static const char *outcome_name(uint32_t value) {
    return outcome_row((enum outcome)value)->label;
}

static void make_instance(struct gateway *gateway, struct rand *rand) {
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = rand_u64(rand);
    for (size_t i = 0; i < GATEWAY_INSTANCE_BYTES - 1; i++, bits >>= 4)
        gateway->instance[i] = digits[bits & 15];
    gateway->instance[GATEWAY_INSTANCE_BYTES - 1] = '\0';
}

struct gateway *gateway_new(const struct gateway_config *config,
                            struct catalog_snapshot *snapshot) {
    struct gateway *gateway = mem_zalloc(sizeof *gateway);
    struct rand rand;
    rand_seed(&rand, rand_entropy());
    gateway->settings = gateway_settings_new(config);
    gateway->loop_count = config->loop_count;
    make_instance(gateway, &rand);
    gateway->desk = desk_new(gateway, config->tickets_max, rand_u64(&rand));
    desk_configure(gateway->desk, 0, snapshot, config, (struct desk_past){0});
    gateway->wrong_keys = wrong_keys_new(rand_u64(&rand));
    gateway->roster = roster_new();
    metric_label_names(METRIC_LABEL_STATUS, "class", 6, status_class_name);
    metric_label_names(METRIC_LABEL_ERROR, "error", API_ERROR_KIND_COUNT, error_name);
    metric_label_names(METRIC_LABEL_OUTCOME, "outcome", OUTCOME_COUNT, outcome_name);
    return gateway;
}

void gateway_free(struct gateway *gateway) {
    desk_free(gateway->desk);
    gateway_settings_unref(gateway->settings);
    wrong_keys_free(gateway->wrong_keys);
    roster_free(gateway->roster);
    mem_free(gateway);
}

static const struct http_server_handler server_handler = {
    .on_head = accept_on_head,
    .on_request = accept_on_request,
    .on_gone = accept_on_gone,
    .on_drain = accept_on_drain,
    .on_finished = accept_on_finished,
    .on_reject = accept_on_reject,
};

/* Memory for slots is small (12 bytes each); growing it on the way would be one more thing that can fail under load. */
static void make_slots(struct gateway_loop *home) {
    home->slot_count = GATEWAY_SLOTS_MAX;
    home->slots = mem_zalloc(home->slot_count * sizeof *home->slots);
    home->free_slots = mem_alloc(home->slot_count * sizeof *home->free_slots);
    for (uint32_t i = 0; i < home->slot_count; i++)
        home->free_slots[i] = home->slot_count - 1 - i;
    home->free_count = home->slot_count;
}

/* The C library keeps what a burst needed; a server that is quiet for hours should not. */
static void on_quiet(struct loop_timer *timer) {
    struct gateway_loop *home = container_of(timer, struct gateway_loop, quiet);
    if (home->requests_open * 4 > home->requests_peak)
        return; /* still busy: the next that leaves asks again */
    home->requests_peak = home->requests_open;
    shelf_clear(&home->request_shelf);
    shelf_clear(&home->attempt_shelf);
    http_server_give_back(home->server);
    if (home->owner_server != NULL)
        http_server_give_back(home->owner_server);
    loop_give_back(home->loop);
    desk_give_back(home->gateway->desk);
    mem_trim();
}

void gateway_loop_enter(struct gateway_loop *home) {
    home->requests_open++;
    metric_add(home->metrics, METRIC_REQUESTS_OPEN, 0, 1);
    if (home->requests_open > home->requests_peak)
        home->requests_peak = home->requests_open;
}

void gateway_loop_leave(struct gateway_loop *home) {
    home->requests_open--;
    metric_add(home->metrics, METRIC_REQUESTS_OPEN, 0, -1);
    if (home->requests_peak >= GATEWAY_BURST_REQUESTS && !loop_timer_armed(&home->quiet))
        loop_timer_set(home->loop, &home->quiet, loop_now_ns(home->loop) + GATEWAY_QUIET_NS);
}

/* Limits first: nobody is let in by a key before its requests are counted. */
void gateway_clients(struct gateway *gateway, struct client_table *clients,
                     const struct zone *zone) {
    desk_clients(gateway->desk, clients, zone);
    roster_publish(gateway->roster, clients);
}

struct gateway_loop *gateway_loop_new(struct gateway *gateway, struct loop *loop, uint32_t index,
                                      struct catalog_snapshot *snapshot) {
    struct gateway_loop *home = mem_zalloc(sizeof *home);
    struct http_client_limits client_limits;
    check(index < GATEWAY_LOOPS_MAX && gateway->loops[index] == NULL);
    home->gateway = gateway;
    home->loop = loop;
    home->index = index;
    home->snapshot = catalog_ref(snapshot);
    home->settings = gateway_settings_ref(gateway->settings);
    home->metrics = metric_block_new();
    home->ladders = ladder_ring_new();
    home->quiet.fire = on_quiet;
    home->net = net_context_new(loop);
    http_client_limits_default(&client_limits);
    home->client = http_client_new(home->net, loop, &client_limits);
    home->server = http_server_new(loop, &gateway_config_of(home)->server, &server_handler, home);
    rand_seed(&home->rand, rand_entropy());
    make_slots(home);
    shelf_init(&home->request_shelf, GATEWAY_SHELF_MAX);
    shelf_init(&home->attempt_shelf, GATEWAY_SHELF_MAX);
    gateway->loops[index] = home;
    gateway->metric_blocks[index] = home->metrics;
    if (index == 0)
        desk_attach(gateway->desk, loop);
    return home;
}

static void on_accept(void *context, struct stream *stream) {
    struct gateway_loop *home = context;
    http_server_accept(home->server, stream);
}

int gateway_loop_listen(struct gateway_loop *home, const struct listen_address *address) {
    int err = listener_open(home->loop, address, on_accept, home, &home->listener);
    if (err == 0)
        http_server_pause_at_cap(home->server, home->listener);
    return err;
}

int gateway_loop_adopt(struct gateway_loop *home, int fd) {
    int err = listener_adopt(home->loop, fd, on_accept, home, &home->listener);
    if (err == 0)
        http_server_pause_at_cap(home->server, home->listener);
    return err;
}

int gateway_loop_descriptor(const struct gateway_loop *home) {
    return home->listener != NULL ? listener_descriptor(home->listener) : -1;
}

int gateway_loop_owner_descriptor(const struct gateway_loop *home) {
    return home->owner_listener != NULL ? listener_descriptor(home->owner_listener) : -1;
}

static void suspend_server(struct http_server *server, struct listener *listener) {
    if (server == NULL)
        return;
    http_server_pause_at_cap(server, NULL);
    if (listener != NULL)
        listener_pause(listener);
    http_server_drain(server);
}

static void unsuspend_server(struct http_server *server, struct listener *listener) {
    if (server == NULL)
        return;
    if (listener != NULL) {
        http_server_pause_at_cap(server, listener);
        listener_resume(listener);
    }
    http_server_undrain(server);
}

void gateway_loop_suspend(struct gateway_loop *home) {
    home->suspended = true;
    suspend_server(home->server, home->listener);
    suspend_server(home->owner_server, home->owner_listener);
}

void gateway_loop_unsuspend(struct gateway_loop *home) {
    home->suspended = false;
    unsuspend_server(home->server, home->listener);
    unsuspend_server(home->owner_server, home->owner_listener);
}

static void on_accept_owner(void *context, struct stream *stream) {
    struct gateway_loop *home = context;
    http_server_accept(home->owner_server, stream);
}

static struct http_server_limits owner_limits(const struct gateway_loop *home) {
    struct http_server_limits limits = gateway_config_of(home)->server;
    limits.connections_max = GATEWAY_OWNER_CONNECTIONS_MAX;
    return limits;
}

void gateway_loop_limit(struct gateway_loop *home) {
    const struct http_server_limits of_owner = owner_limits(home);
    http_server_set_limits(home->server, &gateway_config_of(home)->server);
    if (home->owner_server != NULL)
        http_server_set_limits(home->owner_server, &of_owner);
}

static void make_owner_server(struct gateway_loop *home) {
    const struct http_server_limits limits = owner_limits(home);
    check(home->owner_listener == NULL);
    if (home->owner_server == NULL)
        home->owner_server = http_server_new(home->loop, &limits, &server_handler, home);
}

int gateway_loop_listen_owner(struct gateway_loop *home, const char *path) {
    make_owner_server(home);
    int err = listener_open_unix(home->loop, path, on_accept_owner, home, &home->owner_listener);
    if (err == 0)
        http_server_pause_at_cap(home->owner_server, home->owner_listener);
    return err;
}

int gateway_loop_adopt_owner(struct gateway_loop *home, int fd) {
    make_owner_server(home);
    int err = listener_adopt(home->loop, fd, on_accept_owner, home, &home->owner_listener);
    if (err == 0)
        http_server_pause_at_cap(home->owner_server, home->owner_listener);
    return err;
}

static void drain_server(struct http_server *server, struct listener **listener, bool leave) {
    if (server == NULL)
        return;
    http_server_pause_at_cap(server, NULL);
    if (*listener != NULL && leave)
        listener_leave(*listener);
    else if (*listener != NULL)
        listener_finish(*listener);
    *listener = NULL;
    http_server_drain(server);
}

void gateway_loop_drain(struct gateway_loop *home) {
    drain_server(home->server, &home->listener, home->suspended);
    drain_server(home->owner_server, &home->owner_listener, home->suspended);
}

void gateway_loop_refuse_waiting(struct gateway_loop *home) {
    home->stopping = true;
    for (uint32_t i = 0; i < home->slot_count; i++)
        if (home->slots[i] != NULL && home->slots[i]->parked == PARKED_FOR_GRANT)
            request_resume(home->slots[i]);
}

void gateway_loop_close(struct gateway_loop *home) {
    gateway_loop_drain(home);
    http_server_close_all(home->server);
    if (home->owner_server != NULL)
        http_server_close_all(home->owner_server);
    http_client_close_all(home->client);
    loop_timer_clear(home->loop, &home->quiet);
    if (home->index == 0)
        desk_detach(home->gateway->desk);
}

uint32_t gateway_loop_busy(const struct gateway_loop *home) {
    size_t connections = http_server_connections(home->server);
    if (home->owner_server != NULL)
        connections += http_server_connections(home->owner_server);
    return home->requests_open + home->attempts_open + home->laters_open + (uint32_t)connections;
}

void gateway_loop_free(struct gateway_loop *home) {
    check(home->requests_open == 0 && home->attempts_open == 0 && home->laters_open == 0);
    check(home->listener == NULL && home->owner_listener == NULL);
    http_server_free(home->server);
    if (home->owner_server != NULL)
        http_server_free(home->owner_server);
    http_client_free(home->client);
    net_context_free(home->net);
    catalog_unref(home->snapshot);
    roster_view_done(&home->clients);
    gateway_settings_unref(home->settings);
    home->gateway->loops[home->index] = NULL;
    metric_block_free(home->metrics);
    ladder_ring_free(home->ladders);
    shelf_clear(&home->request_shelf);
    shelf_clear(&home->attempt_shelf);
    left_out_done(&home->left_out);
    mem_free(home->slots);
    mem_free(home->free_slots);
    mem_free(home);
}

struct request *gateway_find(struct gateway_loop *home, uint64_t owner) {
    uint32_t slot = OWNER_SLOT(owner);
    if (OWNER_LOOP(owner) != home->index || slot >= home->slot_count)
        return NULL;
    struct request *r = home->slots[slot];
    return r != NULL && r->generation == OWNER_GENERATION(owner) ? r : NULL;
}
