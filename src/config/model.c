// SPDX-License-Identifier: Apache-2.0
/*
 * The setting `models` of a provider: names or mappings.
 *
 * A bare name is a model whose limits are unknown and that is trusted with any chat task; a mapping says more. Names that
 * PAPI gives a meaning of its own (auto, patterns with '*') cannot be models.
 * Promises: each id at most once in a provider; order as in the file.
 * Leaves to others: joining the same id of several providers into one model (catalog).
 */
#include "config/parts.h"

#define MODELS_MAX 4096

static bool is_reserved(struct span name) {
    return span_is(name, "auto") || span_starts_with(name, "auto:");
}

static void check_model(struct loader *loader, const struct config_provider *provider,
                        const struct config_model *model, const struct yaml_node *node) {
    if (model->id.len == 0)
        return;
    if (is_reserved(model->id))
        config__error(loader, node, "'%.*s' cannot be the name of a model: 'auto' means any model",
                      SPAN_ARG(model->id));
    if (memchr(model->id.ptr, '*', model->id.len) != NULL)
        config__error(loader, node,
                      "'%.*s' cannot be the name of a model: patterns are for aliases",
                      SPAN_ARG(model->id));
    for (uint32_t i = 0; i < provider->model_count; i++)
        if (span_equal(provider->models[i].id, model->id))
            config__error(loader, node, "model '%.*s' is listed twice in '%s'", SPAN_ARG(model->id),
                          loader->section);
}

/* A bare name is read as if it were {id: NAME}. */
static void read_name(struct loader *loader, struct config_model *model,
                      const struct yaml_node *node) {
    config__apply(loader, config__find("providers.*.models[].id"), model, node);
}

static bool read_model(struct loader *loader, struct config_model *model,
                       const struct yaml_node *node) {
    config__set_initial(loader, "providers.*.models[]", model);
    if (node->type == YAML_SCALAR) {
        read_name(loader, model, node);
    } else if (node->type == YAML_MAPPING) {
        config__walk(loader, "providers.*.models[]", model, node);
        config__require(loader, "providers.*.models[]", node);
    } else {
        config__error(loader, node,
                      "a model must be a name or a mapping such as {id: NAME, context: 8192}");
    }
    if (span_absent(model->upstream))
        model->upstream = model->id;
    return !span_absent(model->id);
}

void config__apply_models(struct loader *loader, struct config_provider *provider,
                          const struct yaml_node *node) {
    const char *outer = loader->section;
    if (node->type != YAML_SEQUENCE || node->count == 0) {
        config__error(loader, node,
                      "'%s.models' must be a list with at least one model, such as [qwen3-8b]",
                      outer);
        return;
    }
    if (node->count > MODELS_MAX) {
        config__error(loader, node, "'%s.models' lists more than %d models", outer, MODELS_MAX);
        return;
    }
    provider->models = config__records(loader, node, sizeof *provider->models, node->count);
    if (provider->models == NULL)
        return;
    char *section = arena_format(loader->arena, "%s.models", outer);
    loader->section = section != NULL ? section : outer;
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        struct config_model *model = &provider->models[provider->model_count];
        if (!read_model(loader, model, item))
            continue;
        check_model(loader, provider, model, item);
        provider->model_count++;
    }
    loader->section = outer;
}
