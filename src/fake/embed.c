// SPDX-License-Identifier: Apache-2.0
/*
 * Embeddings that can be checked: a vector follows from its text alone, so equal texts have equal vectors at any provider and place of
 * a list, and a mixed-up order is seen.
 *
 * Components are multiples of 1/32768, so that the decimal form and the base64 form (little-endian float32, as OpenAI's) are the same numbers.
 * Vectors are nearly of length one: components are scaled by the root of their number. Promises: shorter dimensions are the begin of
 * longer ones before scaling. Leaves to others: which dimensions are asked for (mock/).
 */
#include "fake/answer.h"

#include "base/check.h"

#include <math.h>

#define STEPS 32768

static struct span text_of(struct json_value input) {
    return json_is(input, JSON_STRING) ? json_escaped(input) : json_raw(input);
}

static bool is_numbers(struct json_value list) {
    return json_is(json_path(list, "0"), JSON_NUMBER);
}

uint32_t fake_embed_inputs(struct json_value inputs) {
    if (json_is(inputs, JSON_STRING))
        return 1;
    if (!json_is(inputs, JSON_ARRAY) || json_count(inputs) > FAKE_INPUTS_MAX)
        return 0;
    if (is_numbers(inputs))
        return 1;
    for (struct json_iter it = json_each(inputs); json_next(&it);)
        if (!json_is(it.value, JSON_STRING) && !is_numbers(it.value))
            return 0;
    return json_count(inputs);
}

static int16_t component(struct rand *rand, double scale) {
    return (int16_t)((rand_unit(rand) * 2 - 1) * scale * (STEPS - 1));
}

static int write_floats(struct rand *rand, uint32_t dimensions, double scale, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "[");
    for (uint32_t i = 0; i < dimensions && err == 0; i++)
        err = dynbuf_append_format(out, "%s%.15g", i > 0 ? "," : "",
                                   (double)component(rand, scale) / STEPS);
    return err == 0 ? dynbuf_append_text(out, "]") : err;
}

static int write_base64(struct span bytes, struct dynbuf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int err = dynbuf_append_text(out, "\"");
    for (size_t i = 0; i < bytes.len && err == 0; i += 3) {
        uint32_t three = 0;
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (i + k < bytes.len ? (unsigned char)bytes.ptr[i + k] : 0);
        char four[4];
        for (size_t k = 0; k < 4; k++)
            four[k] = i + k <= bytes.len ? digits[three >> (18 - 6 * k) & 63] : '=';
        err = dynbuf_append(out, four, sizeof four);
    }
    return err == 0 ? dynbuf_append_text(out, "\"") : err;
}

static int write_packed(struct rand *rand, uint32_t dimensions, double scale, struct dynbuf *out) {
    struct dynbuf bytes;
    int err = 0;
    dynbuf_init(&bytes, FAKE_DIMENSIONS_MAX * sizeof(float));
    for (uint32_t i = 0; i < dimensions && err == 0; i++) {
        union {
            float number;
            uint32_t bits;
        } value = {.number = (float)component(rand, scale) / STEPS};
        for (unsigned k = 0; k < 4 && err == 0; k++)
            err = dynbuf_append_char(&bytes, (char)(value.bits >> (8 * k) & 0xff));
    }
    if (err == 0)
        err = write_base64(dynbuf_span(&bytes), out);
    dynbuf_done(&bytes);
    return err;
}

static int write_one(const struct fake_plan *plan, struct json_value input, uint32_t index,
                     struct dynbuf *out) {
    uint32_t dimensions = plan->question.dimensions != 0
                              ? plan->question.dimensions
                              : plan->provider->script.settings.dimensions;
    double scale =
        1 / sqrt((double)dimensions / 3); /* a uniform component has a third in the mean square */
    struct rand rand;
    rand_seed(&rand, span_hash(text_of(input)));
    int err = dynbuf_append_format(out, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":",
                                   index > 0 ? "," : "", index);
    if (err == 0)
        err = plan->question.base64 ? write_packed(&rand, dimensions, fmin(scale, 1), out)
                                    : write_floats(&rand, dimensions, fmin(scale, 1), out);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

int fake_write_embeddings(struct fake_plan *plan, struct dynbuf *out) {
    struct json_value inputs = plan->question.inputs;
    uint32_t index = 0;
    int err = dynbuf_append_text(out, "{\"object\":\"list\",\"data\":[");
    if (err == 0 && (json_is(inputs, JSON_STRING) || is_numbers(inputs)))
        err = write_one(plan, inputs, 0, out);
    else
        for (struct json_iter it = json_each(inputs); err == 0 && json_next(&it);)
            err = write_one(plan, it.value, index++, out);
    if (err == 0)
        err = dynbuf_append_text(out, "],\"model\":");
    if (err == 0)
        err = json_write_escaped(out, fake_model_said(plan));
    if (err < 0 || plan->fault->play == PLAY_NO_USAGE)
        return err == 0 ? dynbuf_append_text(out, "}") : err;
    unsigned long long input = plan->work.input_tokens;
    return dynbuf_append_format(out, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}}",
                                input, input);
}
