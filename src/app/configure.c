// SPDX-License-Identifier: Apache-2.0
/*
 * From the neutral configuration to the modules' own.
 *
 * Why here: config knows no module and no module knows config, so that each can be tested alone; this file is the one place that
 * knows both sides. Promises: every setting that config accepts arrives somewhere. Leaves to others: checking (config/).
 */
#include "app/configure.h"

#include "base/clock.h"

#include <unistd.h>

#define LOOPS_DEFAULT_MAX 4

static uint32_t loops_of(const struct config *config) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->loops > 0)
        return config->loops < GATEWAY_LOOPS_MAX ? config->loops : GATEWAY_LOOPS_MAX;
    return cores < 1 ? 1 : cores > LOOPS_DEFAULT_MAX ? LOOPS_DEFAULT_MAX : (uint32_t)cores;
}

void configure_gateway(const struct config *config, struct gateway_config *ret_gateway) {
    uint32_t loops = loops_of(config);
    *ret_gateway = (struct gateway_config){
        .access = {.hosts = {config->hosts.items, config->hosts.count},
                   .cors = {config->cors.items, config->cors.count},
                   .trusted_proxies = {config->trusted_proxies.items,
                                       config->trusted_proxies.count},
                   .keys = config->auth == CONFIG_AUTH_KEYS,
                   .insecure_http = config->insecure_http},
        .data_use = config->data_use == CONFIG_DATA_NO_TRAINING ? CATALOG_DATA_NO_TRAINING
                                                                : CATALOG_DATA_ANY,
        .audience = config->audience == CONFIG_PUBLIC  ? CATALOG_FOR_PUBLIC
                    : config->audience == CONFIG_GROUP ? CATALOG_FOR_GROUP
                                                       : CATALOG_FOR_SELF,
        .queue_max_wait_ns = config->queue_max_wait_ms * NS_PER_MS,
        .queue_max_waiting = config->queue_max_waiting,
        .attempts_max = config->attempts_max,
        .loop_count = loops,
        .tickets_max =
            config->connections_max + loops, /* one request at a time on each connection */
    };
    http_server_limits_default(&ret_gateway->server);
    ret_gateway->server.body_max_bytes = config->body_max_bytes;
    ret_gateway->server.connections_max = config->connections_max / loops + 1;
    ret_gateway->server.header_timeout_ns = config->header_timeout_ms * NS_PER_MS;
    ret_gateway->server.body_gap_timeout_ns = config->body_timeout_ms * NS_PER_MS;
    ret_gateway->server.idle_timeout_ns = config->idle_timeout_ms * NS_PER_MS;
    http_bodies_set_cap(config->bodies_max_bytes);
}
