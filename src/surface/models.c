// SPDX-License-Identifier: Apache-2.0
/*
 * The list of models, in one body that both OpenAI's and Anthropic's clients read.
 *
 * Why a superset: the two families ask the same path and differ only in the members they look at, so each entry has both
 * sets (object, created, owned_by; type, display_name, created_at), and the list has Anthropic's paging marks with all
 * models on one page. Context sizes come under the three names clients look for. Promises: valid JSON for any id. Leaves to
 * others: which models there are and in which order.
 */
#include "base/check.h"
#include "surface/surface.h"
#include "json/json.h"

#include <time.h>

static const struct {
    uint64_t bit;
    const char *word;
} capabilities[] = {
    {CAN_STREAM, "stream"},           {CAN_TOOLS, "tools"},
    {CAN_JSON_OBJECT, "json_object"}, {CAN_JSON_SCHEMA, "json_schema"},
    {CAN_VISION, "vision"},           {CAN_AUDIO_IN, "audio_input"},
    {CAN_FILE_IN, "file_input"},      {CAN_REASONING, "reasoning"},
};

/* RFC 3339 in UTC. */
static int write_time(struct dynbuf *out, uint64_t unix_s) {
    time_t seconds = (time_t)unix_s;
    struct tm parts;
    char text[64];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return dynbuf_append_text(out, "null");
    return dynbuf_append_format(out, "\"%s\"", text);
}

static int write_capabilities(struct dynbuf *out, uint64_t bits) {
    const char *comma = "";
    int err = dynbuf_append_text(out, ",\"capabilities\":[");
    for (size_t i = 0; i < array_length(capabilities) && err == 0; i++) {
        if ((bits & capabilities[i].bit) == 0)
            continue;
        err = dynbuf_append_format(out, "%s\"%s\"", comma, capabilities[i].word);
        comma = ",";
    }
    return err == 0 ? dynbuf_append_char(out, ']') : err;
}

/* What is unknown is left out, since a 0 would be taken for a size. */
static int write_sizes(struct dynbuf *out, const struct surface_model *model) {
    const struct {
        const char *name;
        uint64_t value;
    } sizes[] = {
        {"context_length", model->context_tokens},   {"context_window", model->context_tokens},
        {"max_input_tokens", model->context_tokens}, {"max_tokens", model->output_tokens_max},
        {"dimensions", model->dimensions},
    };
    int err = 0;
    for (size_t i = 0; i < array_length(sizes) && err == 0; i++)
        if (sizes[i].value > 0)
            err = dynbuf_append_format(out, ",\"%s\":%llu", sizes[i].name,
                                       (unsigned long long)sizes[i].value);
    return err;
}

int surface_models_one(const struct surface_model *model, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "{\"id\":");
    if (err == 0)
        err = json_write_string(out, model->id);
    if (err == 0)
        err = dynbuf_append_format(out, ",\"object\":\"model\",\"created\":%llu,\"owned_by\":",
                                   (unsigned long long)model->created_s);
    if (err == 0)
        err = json_write_string(out, model->owned_by);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"type\":\"model\",\"display_name\":");
    if (err == 0)
        err = json_write_string(out, model->id);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"created_at\":");
    if (err == 0)
        err = write_time(out, model->created_s);
    if (err == 0)
        err = dynbuf_append_format(out, ",\"kind\":\"%s\"", model->kind);
    if (err == 0)
        err = write_sizes(out, model);
    if (err == 0)
        err = write_capabilities(out, model->needs_served);
    return err == 0 ? dynbuf_append_format(out, ",\"providers\":%u}", model->providers) : err;
}

static int write_id(struct dynbuf *out, const char *name, const struct surface_model *model) {
    int err = dynbuf_append_format(out, ",\"%s\":", name);
    if (err < 0)
        return err;
    return model != NULL ? json_write_string(out, model->id) : dynbuf_append_text(out, "null");
}

int surface_models_list(const struct surface_model *models, size_t count, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < count && err == 0; i++) {
        err = i > 0 ? dynbuf_append_char(out, ',') : 0;
        if (err == 0)
            err = surface_models_one(&models[i], out);
    }
    if (err == 0)
        err = dynbuf_append_text(out, "],\"has_more\":false");
    if (err == 0)
        err = write_id(out, "first_id", count > 0 ? &models[0] : NULL);
    if (err == 0)
        err = write_id(out, "last_id", count > 0 ? &models[count - 1] : NULL);
    return err == 0 ? dynbuf_append_char(out, '}') : err;
}
