// SPDX-License-Identifier: Apache-2.0
/*
 * Who may use the instance, as a file says it: lists of hosts, origins and networks, and the rules that join them.
 *
 * Why rules over several settings stand here: whether an address may be listened on depends on `auth`, and whether a key may
 * travel there unencrypted on `insecure_http` and `trusted_proxies`; each of them may come from the file, the environment or the
 * command line, so they are judged when all are known. Every refusal names its cure, since the nearest cure (any address, no
 * keys) would hand the operator's quota to whoever finds the port.
 * Promises: a configuration that is accepted never serves strangers without a key. No name is looked up: `listen` takes an
 * address, since a name may mean another one tomorrow.
 * Leaves to others: judging a request (gateway/access.c).
 */
#include "base/check.h"
#include "config/parts.h"

static const char needs_keys[] =
    "is not a loopback address: whoever reaches it could spend your quota. Set auth: keys, so that "
    "every client needs a key, or listen on 127.0.0.1:7274";
static const char needs_tls[] = "is not a loopback address, and keys would travel there "
                                "unencrypted. Name the proxy that speaks "
                                "TLS in front in trusted_proxies, or set insecure_http: true";

const char *config_listen_refused(const struct config *config, struct span address) {
    const char *why = config_listen_malformed(address);
    if (why != NULL || config_listen_is_loopback(address))
        return why;
    if (config->auth != CONFIG_AUTH_KEYS)
        return needs_keys;
    return config->insecure_http || config->trusted_proxies.count > 0 ? NULL : needs_tls;
}

void config__check_access(struct loader *loader) {
    struct config *config = loader->config;
    const char *why = config_listen_refused(config, config->listen);
    bool in_file = config->listen_place.line > 0;
    if (why != NULL)
        config_report_error(config, loader->report, config->listen_place, "'%s%.*s' %s",
                            in_file ? "listen: " : "PAPI_LISTEN=", SPAN_ARG(config->listen), why);
    if (config->trusted_proxies.count > 0 && config->auth == CONFIG_AUTH_OPEN)
        config_report_warning(config, loader->report, (struct config_place){0, 0},
                              "'trusted_proxies' has no effect with auth: open, which refuses "
                              "what comes through a proxy; set auth: keys");
}

/* --- lists of texts --- */

static const char *check_origin(struct span text) {
    struct config_url url;
    if (span_is(text, "*"))
        return "would let every page of the web in; list the origins that may call";
    if (config_url_parse(text, &url) != NULL || url.path.len > 0 || span_ends_with(text, "/"))
        return "must be an origin such as https://app.example, without a path";
    if (span_ends_with(text, url.tls ? ":443" : ":80"))
        return "has the usual port, which browsers leave out of an origin; leave it out too";
    return NULL;
}

static const char *check_proxy_network(struct span text) {
    const char *why = config__check_network(text);
    if (why == NULL && span_ends_with(text, "/0"))
        return "would believe whoever connects; name the proxies' own addresses";
    return why;
}

static const char *(*const checks[SETTING_TYPE_COUNT])(struct span) = {
    [SETTING_HOSTS] = config__check_host_name,
    [SETTING_ORIGINS] = check_origin,
    [SETTING_NETWORKS] = check_proxy_network,
};

static bool is_entry(struct loader *loader, const struct setting *setting,
                     const struct yaml_node *item) {
    const char *label = config__label(loader, setting);
    if (!config__is_single(loader, label, item))
        return false;
    const char *why = checks[setting->type](item->text);
    struct span shown = config__shown(item->text);
    if (why != NULL)
        config__error(loader, item, "'%s: %.*s' %s", label, SPAN_ARG(shown), why);
    return why == NULL;
}

void config__apply_texts(struct loader *loader, const struct setting *setting, void *record,
                         const struct yaml_node *node) {
    struct config_texts *target = (void *)((char *)record + setting->offset);
    bool list = node->type == YAML_SEQUENCE;
    check(checks[setting->type] != NULL);
    if (node->type == YAML_MAPPING) {
        config__error(loader, node, "'%s' must be a list, not a mapping",
                      config__label(loader, setting));
        return;
    }
    struct config_texts texts = {
        .items = config__records(loader, node, sizeof *texts.items, list ? node->count : 1)};
    if (texts.items == NULL)
        return;
    for (const struct yaml_node *item = list ? node->first : node; item != NULL;
         item = list ? item->next : NULL)
        if (is_entry(loader, setting, item))
            texts.items[texts.count++] = item->text;
    *target = texts;
}
