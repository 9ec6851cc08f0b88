// SPDX-License-Identifier: Apache-2.0
/*
 * The section `models.aliases`: names for clients, each with what to try in order.
 *
 * Forms: a name, a list of names, {first: X, then: Y} with names or lists. A name with one '*' is a pattern; it is tried
 * last, the longest pattern first. A target may be an alias, auto, a model, provider/model, or what a provider calls
 * the model. An alias may name itself where a model has that name: then the model is meant, which is how a fallback is
 * put behind a model.
 * Why checked here: an alias that leads nowhere or in a circle would answer 404 at the first request; the file knows the line.
 * Leaves to others: turning names into routes (catalog), which follows the same order.
 */
#include "base/check.h"
#include "config/parts.h"

#define ALIASES_MAX 1024
#define TARGETS_MAX 64

/* The place of target t of alias a, kept for the checks that need all of the file. */
static const struct yaml_node *place_of(const struct loader *loader, uint32_t alias,
                                        uint32_t target) {
    return loader->alias_nodes[(size_t)alias * TARGETS_MAX + target];
}

static void add_target(struct loader *loader, uint32_t alias, const struct yaml_node *node) {
    struct config_alias *entry = &loader->config->aliases[alias];
    const char *why = node->type != YAML_SCALAR || yaml_is_null(node)
                          ? "must be the name of a model"
                          : config__check_name(node->text);
    if (why != NULL) {
        config__error(loader, node, "a target of alias '%.*s' %s", SPAN_ARG(entry->name), why);
        return;
    }
    if (entry->target_count == TARGETS_MAX) {
        config__error(loader, node, "alias '%.*s' has more than %d targets", SPAN_ARG(entry->name),
                      TARGETS_MAX);
        return;
    }
    loader->alias_nodes[(size_t)alias * TARGETS_MAX + entry->target_count] = node;
    entry->targets[entry->target_count++] = node->text;
}

static void add_targets(struct loader *loader, uint32_t alias, const struct yaml_node *node) {
    if (node->type != YAML_SEQUENCE) {
        add_target(loader, alias, node);
        return;
    }
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next)
        add_target(loader, alias, item);
}

static void add_ladder(struct loader *loader, uint32_t alias, const struct yaml_node *mapping) {
    const struct yaml_node *first = NULL, *then = NULL;
    for (const struct yaml_node *child = mapping->first; child != NULL; child = child->next) {
        if (span_is(child->key->text, "first"))
            first = child;
        else if (span_is(child->key->text, "then"))
            then = child;
        else
            config__error(loader, child->key,
                          "unknown setting '%.*s' in an alias; known are first and then",
                          SPAN_ARG(child->key->text));
    }
    if (first == NULL)
        config__error(loader, mapping, "alias '%.*s' has no 'first'",
                      SPAN_ARG(loader->config->aliases[alias].name));
    if (first != NULL)
        add_targets(loader, alias, first);
    if (then != NULL)
        add_targets(loader, alias, then);
}

static void check_alias_name(struct loader *loader, const struct yaml_node *key) {
    const char *why = config__check_name(key->text);
    const char *star = key->text.len > 0 ? memchr(key->text.ptr, '*', key->text.len) : NULL;
    size_t rest = star != NULL ? key->text.len - (size_t)(star - key->text.ptr) - 1 : 0;
    if (why == NULL && rest > 0 && memchr(star + 1, '*', rest) != NULL)
        why = "must not hold more than one '*'";
    struct span shown = config__shown(key->text);
    if (why != NULL)
        config__error(loader, key, "the name of an alias ('%.*s') %s", SPAN_ARG(shown), why);
}

static void read_alias(struct loader *loader, uint32_t index, const struct yaml_node *node) {
    struct config_alias *alias = &loader->config->aliases[index];
    *alias = (struct config_alias){.name = node->key->text, .line = node->key->line};
    loader->alias_keys[index] = node->key;
    check_alias_name(loader, node->key);
    alias->targets = config__records(loader, node, sizeof *alias->targets, TARGETS_MAX);
    if (alias->targets == NULL)
        return;
    if (node->type == YAML_MAPPING)
        add_ladder(loader, index, node);
    else
        add_targets(loader, index, node);
    if (node->type == YAML_SEQUENCE && node->count == 0)
        config__error(loader, node, "alias '%.*s' has no target", SPAN_ARG(alias->name));
}

void config__apply_aliases(struct loader *loader, const struct yaml_node *node) {
    if (yaml_is_null(node))
        return;
    if (node->type != YAML_MAPPING || node->count > ALIASES_MAX) {
        config__error(loader, node,
                      "'models.aliases' must be a mapping of at most %d names to models",
                      ALIASES_MAX);
        return;
    }
    struct config_alias *aliases = config__records(loader, node, sizeof *aliases, node->count);
    loader->alias_nodes =
        config__records(loader, node, sizeof *loader->alias_nodes * TARGETS_MAX, node->count);
    loader->alias_keys = config__records(loader, node, sizeof *loader->alias_keys, node->count);
    if (aliases == NULL || loader->alias_nodes == NULL || loader->alias_keys == NULL)
        return;
    loader->config->aliases = aliases;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
        read_alias(loader, loader->config->alias_count++, child);
}

/* --- the checks that need all names --- */

static struct span without_latest(struct span name) {
    return span_ends_with(name, ":latest") && name.len > 7 ? span_of(name.ptr, name.len - 7) : name;
}

static bool same_model(struct span a, struct span b) {
    return span_equal(without_latest(a), without_latest(b));
}

enum known { KNOWN_NOT, KNOWN_AMBIGUOUS, KNOWN_MODEL };

/* By its id or as provider/model. */
static bool lists_model(const struct config_provider *provider, struct span name) {
    struct span pin = SPAN_NONE;
    if (name.len > provider->id.len + 1 && name.ptr[provider->id.len] == '/' &&
        span_equal(span_of(name.ptr, provider->id.len), provider->id))
        pin = span_of(name.ptr + provider->id.len + 1, name.len - provider->id.len - 1);
    for (uint32_t i = 0; i < provider->model_count; i++) {
        const struct config_model *model = &provider->models[i];
        if (same_model(model->id, name))
            return true;
        if (!span_absent(pin) && (same_model(model->id, pin) || same_model(model->upstream, pin)))
            return true;
    }
    return false;
}

static bool has_model(const struct config_provider *provider, struct span name) {
    return !provider->disabled && lists_model(provider, name);
}

/* What providers call their models: ambiguous when the models differ. */
static enum known upstream_known(const struct config *config, struct span name) {
    struct span id = SPAN_NONE;
    for (uint32_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        for (uint32_t j = 0; j < provider->model_count; j++) {
            if (provider->disabled || !same_model(provider->models[j].upstream, name))
                continue;
            if (!span_absent(id) && !span_equal(id, provider->models[j].id))
                return KNOWN_AMBIGUOUS;
            id = provider->models[j].id;
        }
    }
    return span_absent(id) ? KNOWN_NOT : KNOWN_MODEL;
}

static enum known known_as(const struct config *config, struct span name) {
    for (uint32_t i = 0; i < config->provider_count; i++)
        if (has_model(&config->providers[i], name))
            return KNOWN_MODEL;
    enum known known = upstream_known(config, name);
    if (known == KNOWN_NOT && span_starts_with(name, "openai/"))
        return known_as(config, span_of(name.ptr + 7, name.len - 7));
    return known;
}

/* Served by a provider that is not enabled. */
static bool is_switched_off(const struct config *config, struct span name) {
    for (uint32_t i = 0; i < config->provider_count; i++)
        if (config->providers[i].disabled && lists_model(&config->providers[i], name))
            return true;
    return false;
}

/* A model that some provider of the catalog serves, whether there is a key for it or not. */
static bool in_catalog(const struct loader *loader, struct span name) {
    const struct config_catalog *catalog = config__catalog(loader);
    return catalog != NULL && catalog->knows_model(catalog->context, name);
}

static bool is_model(const struct config *config, struct span name) {
    return known_as(config, name) == KNOWN_MODEL;
}

static bool matches(struct span pattern, struct span name) {
    const char *star = pattern.len > 0 ? memchr(pattern.ptr, '*', pattern.len) : NULL;
    if (star == NULL || name.len + 1 < pattern.len)
        return false;
    size_t head = (size_t)(star - pattern.ptr), tail = pattern.len - head - 1;
    return memcmp(name.ptr, pattern.ptr, head) == 0 &&
           memcmp(name.ptr + name.len - tail, star + 1, tail) == 0;
}

/* The alias a target leads to, or alias_count: exact names, then models, then the longest pattern. */
static uint32_t alias_of(const struct loader *loader, struct span name) {
    const struct config *config = loader->config;
    uint32_t best = config->alias_count;
    for (uint32_t i = 0; i < config->alias_count; i++)
        if (span_equal(config->aliases[i].name, name))
            return i;
    if (span_is(name, "auto") || known_as(config, name) != KNOWN_NOT ||
        is_switched_off(config, name) || in_catalog(loader, name))
        return best;
    for (uint32_t i = 0; i < config->alias_count; i++)
        if (matches(config->aliases[i].name, name) &&
            (best == config->alias_count ||
             config->aliases[i].name.len > config->aliases[best].name.len))
            best = i;
    return best;
}

struct visit {
    struct loader *loader;
    uint8_t *state; /* of each alias: 0 unseen, 1 being followed, 2 done */
};

static void follow(struct visit *visit, uint32_t index);

/* Whether the target stays. */
static bool check_target(struct loader *loader, const struct config_alias *alias, struct span name,
                         const struct yaml_node *place) {
    enum known known = span_is(name, "auto") ? KNOWN_MODEL : known_as(loader->config, name);
    if (known == KNOWN_AMBIGUOUS)
        config__error(loader, place, "'%.*s' means several models; say which by provider/%.*s",
                      SPAN_ARG(name), SPAN_ARG(name));
    else if (known == KNOWN_NOT && span_starts_with(name, "auto:"))
        config__error(loader, place, "'%.*s' is not supported by this version yet; only auto is",
                      SPAN_ARG(name));
    else if (known == KNOWN_NOT && is_switched_off(loader->config, name))
        config__warn(loader, place, "alias '%.*s': '%.*s' is left out, its provider is not enabled",
                     SPAN_ARG(alias->name), SPAN_ARG(name));
    else if (known == KNOWN_NOT && !in_catalog(loader, name))
        config__error(loader, place, "alias '%.*s' names '%.*s', which no provider serves",
                      SPAN_ARG(alias->name), SPAN_ARG(name));
    return known != KNOWN_NOT || !is_switched_off(loader->config, name);
}

/* Whether the target stays. */
static bool follow_target(struct visit *visit, uint32_t index, uint32_t target) {
    struct loader *loader = visit->loader;
    const struct config *config = loader->config;
    const struct config_alias *alias = &config->aliases[index];
    struct span name = alias->targets[target];
    const struct yaml_node *place = place_of(loader, index, target);
    bool itself = span_equal(name, alias->name) && is_model(config, name);
    uint32_t next = itself ? config->alias_count : alias_of(loader, name);
    if (next < config->alias_count && visit->state[next] == 1)
        config__error(loader, place, "'%.*s' leads back to alias '%.*s'", SPAN_ARG(name),
                      SPAN_ARG(config->aliases[next].name));
    else if (next < config->alias_count)
        follow(visit, next);
    else
        return check_target(loader, alias, name, place);
    return true;
}

/* Depth first; an alias is entered once, so the depth is bounded by their number. */
static void follow(struct visit *visit, uint32_t index) {
    if (visit->state[index] != 0)
        return;
    struct config_alias *alias = &visit->loader->config->aliases[index];
    uint32_t kept = 0;
    visit->state[index] = 1;
    for (uint32_t i = 0; i < alias->target_count; i++)
        if (follow_target(visit, index, i))
            alias->targets[kept++] = alias->targets[i];
    if (kept == 0 && alias->target_count > 0)
        config__error(visit->loader, visit->loader->alias_keys[index],
                      "alias '%.*s' has no target at a provider that is enabled",
                      SPAN_ARG(alias->name));
    alias->target_count = kept;
    visit->state[index] = 2;
}

static bool is_model_id(const struct config *config, struct span name) {
    for (uint32_t i = 0; i < config->provider_count; i++)
        for (uint32_t j = 0; j < config->providers[i].model_count; j++)
            if (!config->providers[i].disabled &&
                span_equal(config->providers[i].models[j].id, name))
                return true;
    return false;
}

void config__check_aliases(struct loader *loader) {
    const struct config *config = loader->config;
    struct visit visit = {.loader = loader};
    if (config->alias_count == 0)
        return;
    visit.state = config__records(loader, NULL, 1, config->alias_count);
    if (visit.state == NULL)
        return;
    for (uint32_t i = 0; i < config->alias_count; i++) {
        const struct config_alias *alias = &config->aliases[i];
        bool itself = false;
        for (uint32_t j = 0; j < alias->target_count; j++)
            itself = itself || span_equal(alias->targets[j], alias->name);
        if (is_model_id(config, alias->name) && !itself)
            config__warn(loader, loader->alias_keys[i], "alias '%.*s' hides the model of that name",
                         SPAN_ARG(alias->name));
        follow(&visit, i);
    }
}
