// SPDX-License-Identifier: Apache-2.0
/*
 * Where a provider is: host, port, path and the proxy on the way.
 *
 * An address of the configuration comes before the server that was found on this machine, that before the catalog's. Braces of a
 * catalog's address are filled from the environment. A proxy never hides a loopback address. Promises: what cannot be used is told with
 * its place. Leaves to others: whether the address may be asked (net), everything else of the provider (assemble_provider.c).
 */
#include "app/assemble_parts.h"
#include "base/check.h"
#include "net/proxy.h"

#include <string.h>

struct config_place assemble_place(const struct offer *offer) {
    return (struct config_place){offer->config != NULL ? offer->config->line : 0, 1};
}

/* "https://host/{account_id}/v1" with its braces filled, in the order of env_extra. */
static struct span fill_braces(const struct assembling *assembling, const struct offer *offer,
                               const char *url) {
    const struct fact_provider *facts = offer->facts;
    struct arena *arena = assembling->arena;
    struct span filled = span_text(url);
    for (size_t i = 0; facts->env_extra != NULL && facts->env_extra[i] != NULL; i++) {
        const char *open = memchr(filled.ptr, '{', filled.len);
        const char *close = open != NULL ? strchr(open, '}') : NULL;
        struct span value = offer_extra(assembling->sources, facts, facts->env_extra[i]);
        if (close == NULL || span_absent(value))
            break;
        const char *text = arena_format(arena, "%.*s%.*s%s", (int)(open - filled.ptr), filled.ptr,
                                        SPAN_ARG(value), close + 1);
        if (text == NULL)
            break;
        filled = span_text(text);
    }
    return filled;
}

static struct span host_header(struct arena *arena, const struct catalog_provider *provider) {
    bool default_port = provider->port == (provider->tls ? 443 : 80);
    bool numeric_v6 = provider->host.len > 0 && memchr(provider->host.ptr, ':', provider->host.len);
    const char *text =
        arena_format(arena, numeric_v6 ? "[%.*s]" : "%.*s", SPAN_ARG(provider->host));
    if (text != NULL && !default_port)
        text = arena_format(arena, "%s:%u", text, provider->port);
    return text != NULL ? span_text(text) : provider->host;
}

static void take_config_address(const struct config_provider *config,
                                struct catalog_provider *provider) {
    provider->host = config->host;
    provider->base_path = config->base_path;
    provider->port = config->port;
    provider->tls = config->tls;
    provider->allow_loopback = config->host_is_loopback;
}

static bool take_facts_address(const struct assembling *assembling, const struct offer *offer,
                               struct catalog_provider *provider) {
    struct config_url url;
    struct span text = fill_braces(assembling, offer, offer->facts->base_url);
    if (config_url_parse(text, &url) != NULL)
        return false;
    provider->host = url.host;
    provider->base_path = url.path;
    provider->port = url.port;
    provider->tls = url.tls;
    provider->allow_loopback = url.host_is_loopback;
    return true;
}

static bool take_address(const struct assembling *assembling, const struct offer *offer,
                         struct catalog_provider *provider) {
    if (offer->config != NULL && !span_absent(offer->config->host)) {
        take_config_address(offer->config, provider);
    } else if (offer->server != NULL) {
        provider->host = SPAN_LITERAL("127.0.0.1");
        provider->base_path = SPAN_LITERAL("/v1");
        provider->port = offer->server->port;
        provider->allow_loopback = true;
    } else if (!take_facts_address(assembling, offer, provider)) {
        return false;
    }
    provider->host_header = host_header(assembling->arena, provider);
    return true;
}

/* The provider's own proxy, else the general one for its scheme, unless its host goes around it. */
static struct span proxy_of(const struct assembling *assembling, const struct offer *offer,
                            const struct catalog_provider *provider) {
    const struct config *config = assembling->config;
    const struct config_provider *own = offer->config;
    if (own != NULL && !span_absent(own->proxy))
        return span_is(own->proxy, "none") ? SPAN_NONE : own->proxy;
    if (provider->allow_loopback ||
        proxy_bypassed(config->no_proxy, provider->host, provider->port))
        return SPAN_NONE;
    return provider->tls ? config->proxy_https : config->proxy_http;
}

static bool refuse(struct assembling *assembling, const struct offer *offer, const char *what,
                   const char *why) {
    config_report_error(assembling->config, assembling->report, assemble_place(offer),
                        "the %s of '%.*s' cannot be used%s%s", what, SPAN_ARG(offer->id),
                        why[0] != '\0' ? ": its URL " : "", why);
    return false;
}

bool assemble_address(struct assembling *assembling, const struct offer *offer,
                      struct catalog_provider *provider) {
    struct proxy proxy;
    const char *why = "";
    if (!take_address(assembling, offer, provider))
        return refuse(assembling, offer, "address", "");
    provider->proxy = proxy_of(assembling, offer, provider);
    if (provider->proxy.len > 0 && proxy_parse(provider->proxy, &proxy, &why) < 0)
        return refuse(assembling, offer, "proxy", why);
    return true;
}
