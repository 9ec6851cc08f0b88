// SPDX-License-Identifier: Apache-2.0
/*
 * From the neutral configuration to the modules' own.
 *
 * Why here: config knows no module and no module knows config, so that each can be tested alone; this file is the one place that
 * knows both sides. Promises: every setting that config accepts arrives somewhere. Leaves to others: checking (config/).
 */
#include "app/configure.h"

#include "base/clock.h"
#include "dialect/dialect.h"
#include "message/task.h"
#include "net/proxy.h"

#include <unistd.h>

#define LOOPS_DEFAULT_MAX 4
#define LOCAL_CONNECT_MS  5000
#define LOCAL_ANSWER_MS   (300 * 1000)
#define LOCAL_GAP_MS      (60 * 1000)

static enum fact_tri trains_of(enum config_training training) {
    return training == CONFIG_TRAINS        ? FACT_YES
           : training == CONFIG_NO_TRAINING ? FACT_NO
                                            : FACT_UNKNOWN;
}

/* A provider's own proxy counts whatever its host; the general one leaves out this machine and what NO_PROXY names. */
static struct span proxy_of(const struct config *config, const struct config_provider *from) {
    if (!span_absent(from->proxy))
        return span_is(from->proxy, "none") ? SPAN_NONE : from->proxy;
    struct span general = from->tls ? config->proxy_https : config->proxy_http;
    if (span_absent(general) || proxy_bypassed(config->no_proxy, from->host, from->port))
        return SPAN_NONE;
    return general;
}

static struct catalog_provider map_provider(const struct config_provider *from,
                                            struct arena *arena) {
    bool default_port = from->port == (from->tls ? 443 : 80);
    const char *host_header =
        from->host.len > 0 && memchr(from->host.ptr, ':', from->host.len) != NULL
            ? arena_format(arena, default_port ? "[%.*s]" : "[%.*s]:%u", SPAN_ARG(from->host),
                           from->port)
            : arena_format(arena, default_port ? "%.*s" : "%.*s:%u", SPAN_ARG(from->host),
                           from->port);
    return (struct catalog_provider){
        .id = from->id,
        .dialect = from->type,
        .host = from->host,
        .host_header = span_text(host_header),
        .base_path = from->base_path,
        .private_network = from->private_network,
        .ca_file = from->ca_file,
        .port = from->port,
        .tls = from->tls,
        .allow_loopback = from->host_is_loopback,
        .paid = from->tier == CONFIG_TIER_PAID,
        .trains = trains_of(from->training),
        .timeouts = {from->timeouts.connect_ms, from->timeouts.tls_ms,
                     from->timeouts.first_token_ms, from->timeouts.first_byte_ms,
                     from->timeouts.gap_ms},
    };
}

static uint64_t can_of(const struct config_model *model) {
    uint64_t can = CAN_STREAM | CAN_TOOLS | CAN_JSON_OBJECT | CAN_JSON_SCHEMA | CAN_REASONING;
    if (model->vision)
        can |= CAN_VISION;
    if (model->no_tools)
        can &= ~(uint64_t)CAN_TOOLS;
    if (model->no_json_schema)
        can &= ~(uint64_t)CAN_JSON_SCHEMA;
    return can;
}

static const struct dialect_quirks *map_quirks(struct catalog_builder *builder,
                                               const struct config_provider *from) {
    const struct dialect_quirks quirks = {.max_tokens_legacy = from->quirks.max_tokens_legacy,
                                          .developer_role = from->quirks.developer_role,
                                          .content_string_only = from->quirks.content_string_only,
                                          .content_never_null = from->quirks.content_never_null,
                                          .no_stream_usage = from->quirks.no_stream_usage,
                                          .keep_extras = from->quirks.keep_extras,
                                          .keep_reasoning = from->quirks.keep_reasoning};
    return catalog_add_quirks(builder, &quirks, sizeof quirks);
}

static int map_account(struct catalog_builder *builder, const struct config_provider *from,
                       uint32_t provider, const struct config_key *key,
                       const struct dialect_quirks *quirks) {
    const struct catalog_group group = {.provider = provider, .name = key->account};
    const struct catalog_account account = {.provider = provider,
                                            .group = catalog_add_group(builder, &group),
                                            .name = key->account,
                                            .key = key->key,
                                            .concurrency_max = from->concurrency_max};
    uint32_t index = catalog_add_account(builder, &account);
    for (uint32_t i = 0; i < from->model_count; i++) {
        const struct config_model *model = &from->models[i];
        const struct catalog_route route = {.account = index,
                                            .upstream_model = model->upstream,
                                            .can = can_of(model),
                                            .quirks = quirks,
                                            .automatic = true,
                                            .context_tokens = model->context_tokens,
                                            .output_tokens_max = model->output_tokens_max};
        int err = catalog_add_route(builder, model->id, &route);
        if (err < 0)
            return err;
    }
    return 0;
}

/* A server that the configuration names itself is as it says there. */
static bool is_configured(const struct config *config, const struct local_server *server) {
    for (uint32_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        bool same_port = provider->host_is_loopback && provider->port == server->port;
        if (same_port || span_equal(provider->id, server->provider))
            return true;
    }
    return false;
}

static int map_server(struct catalog_builder *builder, const struct local_server *server,
                      struct arena *arena) {
    const struct catalog_provider provider = {
        .id = server->provider,
        .dialect = SPAN_LITERAL("openai"),
        .host = SPAN_LITERAL("127.0.0.1"),
        .host_header = span_text(arena_format(arena, "127.0.0.1:%u", server->port)),
        .base_path = SPAN_LITERAL("/v1"),
        .port = server->port,
        .allow_loopback = true,
        .local = true,
        .trains = FACT_NO,
        /* A model may have to be loaded first. */
        .timeouts = {LOCAL_CONNECT_MS, LOCAL_CONNECT_MS, LOCAL_ANSWER_MS, LOCAL_ANSWER_MS,
                     LOCAL_GAP_MS},
    };
    uint32_t index = catalog_add_provider(builder, &provider);
    const struct catalog_group group = {.provider = index, .name = SPAN_LITERAL("default")};
    const struct catalog_account account = {.provider = index,
                                            .group = catalog_add_group(builder, &group),
                                            .name = group.name,
                                            .concurrency_max = 1};
    struct catalog_route route = {.account = catalog_add_account(builder, &account),
                                  .automatic = true};
    int err = 0;
    for (uint32_t i = 0; i < server->model_count && err == 0; i++) {
        const struct local_model *model = &server->models[i];
        const struct config_model plain = {.vision = model->vision};
        route.upstream_model = model->id;
        route.context_tokens = model->context_tokens;
        route.can = can_of(&plain);
        if (!model->embeds)
            err = catalog_add_route(builder, model->id, &route);
    }
    return err;
}

static int map_all(const struct config *config, const struct local_servers *servers,
                   struct catalog_builder *builder, struct span *ret_problem) {
    int err = 0;
    for (uint32_t i = 0; i < config->provider_count && err == 0; i++) {
        const struct config_provider *from = &config->providers[i];
        if (from->disabled)
            continue;
        struct catalog_provider provider = map_provider(from, config->arena);
        struct proxy proxy;
        const char *why;
        provider.proxy = proxy_of(config, from);
        *ret_problem = from->id;
        if (provider.proxy.len > 0 && proxy_parse(provider.proxy, &proxy, &why) < 0)
            return ERR_PROXY_URL;
        uint32_t index = catalog_add_provider(builder, &provider);
        const struct dialect_quirks *quirks = map_quirks(builder, from);
        for (uint32_t key = 0; key < from->key_count && err == 0; key++)
            err = map_account(builder, from, index, &from->keys[key], quirks);
        *ret_problem = from->id;
    }
    for (uint32_t i = 0; servers != NULL && i < servers->count && err == 0; i++) {
        *ret_problem = servers->items[i].provider;
        if (!is_configured(config, &servers->items[i]))
            err = map_server(builder, &servers->items[i], config->arena);
    }
    for (uint32_t i = 0; i < config->alias_count && err == 0; i++) {
        *ret_problem = config->aliases[i].name;
        err = catalog_add_alias(builder, config->aliases[i].name, config->aliases[i].targets,
                                config->aliases[i].target_count);
    }
    return err;
}

int configure_catalog(const struct config *config, const struct local_servers *servers,
                      uint64_t version, struct catalog_snapshot **ret_snapshot,
                      struct span *ret_problem) {
    struct catalog_builder *builder = catalog_builder_new();
    *ret_problem = SPAN_NONE;
    int err = map_all(config, servers, builder, ret_problem);
    if (err == 0)
        err = catalog_build(builder, version, ret_snapshot, ret_problem);
    catalog_builder_free(builder);
    return err;
}

static uint32_t loops_of(const struct config *config) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->loops > 0)
        return config->loops < GATEWAY_LOOPS_MAX ? config->loops : GATEWAY_LOOPS_MAX;
    return cores < 1 ? 1 : cores > LOOPS_DEFAULT_MAX ? LOOPS_DEFAULT_MAX : (uint32_t)cores;
}

void configure_gateway(const struct config *config, struct gateway_config *ret_gateway) {
    uint32_t loops = loops_of(config);
    *ret_gateway = (struct gateway_config){
        .hosts = config->hosts,
        .host_count = config->host_count,
        .cors = config->cors,
        .cors_count = config->cors_count,
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
