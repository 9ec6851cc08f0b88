// SPDX-License-Identifier: Apache-2.0
/*
 * The section `providers`: one record for each name, with its keys and models.
 *
 * Why so much is refused here: what is wrong in this section shows up at run time as a failing provider, hours later and
 * with another cause in the log. So a provider must be complete to be accepted: an address that may be reached, models that
 * can be asked for, keys that exist.
 * Promises: records stand in the order of the file, which is the order of preference.
 * Leaves to others: what is known about providers by name (catalog).
 */
#include "base/check.h"
#include "config/parts.h"

static void check_address(struct loader *loader, const struct config_provider *provider,
                          const struct yaml_node *at) {
    if (span_absent(provider->host))
        return;
    if (config__host_is_forbidden(provider->host))
        config__error(loader, at, "'%s.base_url' is an address that can never be a provider's",
                      loader->section);
    if (config__host_is_private(provider->host, provider->private_network))
        config__error(loader, at,
                      "'%s.base_url' is a private address; allow it by private_network: %.*s%s",
                      loader->section, SPAN_ARG(provider->host),
                      memchr(provider->host.ptr, ':', provider->host.len) != NULL ? "/128" : "/32");
    bool keyed = false;
    for (uint32_t i = 0; i < provider->key_count; i++)
        keyed = keyed || provider->keys[i].key != NULL;
    if (keyed && !provider->tls && !provider->host_is_loopback &&
        span_absent(provider->private_network))
        config__warn(loader, at, "'%s.base_url' is plain http: anyone on the way can read the key",
                     loader->section);
}

static const struct yaml_node *child_or_self(const struct yaml_node *mapping, const char *name) {
    const struct yaml_node *child = config__child(mapping, name);
    return child != NULL ? child : mapping;
}

/* A provider nobody knows says all itself; nearly the name of a known one is rather a typing error. */
static void complete(struct loader *loader, struct config_provider *provider,
                     const struct yaml_node *node) {
    const struct config_catalog *catalog = config__catalog(loader);
    const char *nearest = NULL;
    if (catalog != NULL && catalog->knows_provider(catalog->context, provider->id))
        return;
    if (catalog != NULL)
        nearest = catalog->nearest_provider(catalog->context, provider->id);
    if (nearest != NULL && config__child(node, "base_url") == NULL)
        config__error(loader, node->key,
                      "the catalog knows no provider '%.*s'; did you mean '%s'? Another one needs "
                      "base_url and models",
                      SPAN_ARG(provider->id), nearest);
    else
        config__require(loader, "providers.*", node);
    if (span_absent(provider->type))
        provider->type = SPAN_LITERAL("openai");
    if (provider->key_count > 0)
        return;
    provider->keys = config__records(loader, node, sizeof *provider->keys, 1);
    provider->key_count = provider->keys != NULL;
    if (provider->keys != NULL)
        provider->keys[0].account = SPAN_LITERAL("default");
}

static void check_plan(struct loader *loader, const struct config_provider *provider,
                       struct span plan, const struct yaml_node *at) {
    const struct config_catalog *catalog = config__catalog(loader);
    if (catalog == NULL || catalog->knows_plan == NULL || span_absent(plan) ||
        catalog->knows_plan(catalog->context, provider->id, plan))
        return;
    config__error(loader, at, "'%s' has no plan '%.*s' that the catalog knows", loader->section,
                  SPAN_ARG(plan));
}

static void check_plans(struct loader *loader, const struct config_provider *provider,
                        const struct yaml_node *node) {
    check_plan(loader, provider, provider->plan, child_or_self(node, "plan"));
    for (uint32_t i = 0; i < provider->key_count; i++)
        check_plan(loader, provider, provider->keys[i].plan, child_or_self(node, "keys"));
}

static void check_money(struct loader *loader, const struct config_provider *provider,
                        const struct yaml_node *node) {
    if (provider->tier == CONFIG_TIER_PAID && provider->billing == CONFIG_BILLING_FREE)
        config__error(loader, child_or_self(node, "tier"),
                      "'%s' is told tier: paid and billing: free; one of them is wrong",
                      loader->section);
}

static void read_provider(struct loader *loader, struct config_provider *provider,
                          const struct yaml_node *node) {
    provider->id = node->key->text;
    provider->line = node->key->line;
    config__set_initial(loader, "providers.*", provider);
    if (node->type != YAML_MAPPING) {
        config__error(loader, node,
                      "'%s' must be a mapping of settings, such as {base_url: ..., models: [...]}",
                      loader->section);
        return;
    }
    config__walk(loader, "providers.*", provider, node);
    check_plans(loader, provider, node);
    complete(loader, provider, node);
    config__settle_keys(loader, provider, child_or_self(node, "keys"));
    check_address(loader, provider, child_or_self(node, "base_url"));
    check_money(loader, provider, node);
}

void config__apply_providers(struct loader *loader, const struct yaml_node *node) {
    const char *outer = loader->section;
    if (yaml_is_null(node))
        return;
    if (node->type != YAML_MAPPING) {
        config__error(loader, node, "'providers' must be a mapping of names to providers, not %s",
                      yaml_type_name(node));
        return;
    }
    struct config_provider *providers =
        config__records(loader, node, sizeof *providers, node->count);
    if (providers == NULL)
        return;
    loader->config->providers = providers;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        struct span shown = config__shown(child->key->text);
        const char *why = config__check_provider_id(child->key->text);
        if (why != NULL)
            config__error(loader, child->key, "the name of a provider ('%.*s') %s", SPAN_ARG(shown),
                          why);
        char *section = arena_format(loader->arena, "providers.%.*s", SPAN_ARG(child->key->text));
        loader->section = section != NULL ? section : "providers";
        read_provider(loader, &providers[loader->config->provider_count++], child);
    }
    loader->section = outer;
}
