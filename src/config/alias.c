// SPDX-License-Identifier: Apache-2.0
/*
 * The section `models.aliases`: names for clients, each with what to try in order.
 *
 * Forms: a name, a list of names, {first: X, then: Y} with names or lists. A name with one '*' is a pattern; it is tried
 * last, the longest pattern first. A target may be an alias, auto or a variant of it, a model, provider/model, or what a
 * provider calls the model. An alias may name itself where a model has that name: then the model is meant, which is how a
 * fallback is put behind a model.
 * Promises: the place of each target is kept, so that whoever knows all models (app/configure.c) can say where a target stands
 * that leads nowhere. Leaves to others: which names exist and what they lead to (catalog).
 */
#include "base/check.h"
#include "config/parts.h"

#define ALIASES_MAX 1024
#define TARGETS_MAX 64

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
    entry->places[entry->target_count] = (struct config_place){node->line, node->column};
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
    alias->places = config__records(loader, node, sizeof *alias->places, TARGETS_MAX);
    if (alias->targets == NULL || alias->places == NULL)
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
    loader->alias_keys = config__records(loader, node, sizeof *loader->alias_keys, node->count);
    if (aliases == NULL || loader->alias_keys == NULL)
        return;
    loader->config->aliases = aliases;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
        read_alias(loader, loader->config->alias_count++, child);
}

/* --- the check that needs all models of the file --- */

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
    for (uint32_t i = 0; i < config->alias_count; i++) {
        const struct config_alias *alias = &config->aliases[i];
        bool itself = false;
        for (uint32_t j = 0; j < alias->target_count; j++)
            itself = itself || span_equal(alias->targets[j], alias->name);
        if (is_model_id(config, alias->name) && !itself)
            config__warn(loader, loader->alias_keys[i], "alias '%.*s' hides the model of that name",
                         SPAN_ARG(alias->name));
    }
}
