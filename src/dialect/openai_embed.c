// SPDX-License-Identifier: Apache-2.0
/*
 * Embeddings in OpenAI's wire: the request, and a whole answer into one event for each vector.
 *
 * Why strict: a vector that is wrong is not seen to be wrong. It goes into an index, beside millions of others, and search
 * is quietly worse from then on. So an answer counts only when there is a vector for each input, each once, all of one length
 * (of the length that was asked for, if one was), all of finite numbers. Floats are asked for whatever the client wants,
 * since every provider knows them. An answer may be millions of numbers: it is skimmed, not indexed. Promises: events in
 * the order of the inputs, whatever order the provider chose; both forms are read. Leaves to others: the client's form.
 * Source: the OpenAI API reference, embeddings, 2026-08; input_type from the pages of providers of retrieval models.
 */
#include "base/check.h"
#include "dialect/openai.h"
#include "message/vector.h"
#include "json/skim.h"

#define EMBED_TAIL_MAX_BYTES \
    ((size_t)64 * 1024) /* usage and errors: what is indexed of an answer */

/* --- encode --- */

static void add_inputs(struct stitch *out, const struct task_embed *embed) {
    if (!span_absent(embed->inputs_raw)) {
        stitch_add(out, embed->inputs_raw);
        return;
    }
    for (uint32_t i = 0; i < embed->input_count; i++) {
        stitch_add(out, i == 0 ? SPAN_LITERAL("[\"") : SPAN_LITERAL(",\""));
        stitch_add(out, embed->inputs[i]);
        STITCH_LITERAL(out, "\"");
    }
    STITCH_LITERAL(out, "]");
}

/* What the vectors are for: the client's word, else the one the provider must have. */
static void add_input_type(struct openai_writer *writer, const struct task_embed *embed) {
    const struct dialect_quirks *quirks = writer->quirks;
    struct span word;
    bool wanted = quirks->input_type != NULL || quirks->keep_extras;
    if (!span_absent(embed->input_type) && wanted) {
        dialect__openai_extra(writer, SPAN_LITERAL("input_type"), embed->input_type);
    } else if (!span_absent(embed->input_type)) {
        dialect__openai_dropped(writer, "input_type");
    } else if (quirks->input_type != NULL) {
        if (json_escape(span_text(quirks->input_type), writer->out.rope->arena, &word) < 0)
            dialect__openai_no_room(&writer->out);
        else
            stitch_add_member_string(&writer->out, "input_type", word);
    }
}

void dialect__openai_embed(struct openai_writer *writer, const struct task *task,
                           struct span model) {
    const struct task_embed *embed = &task->embed;
    check(embed->input_count > 0);
    char *dimensions = NULL;
    if (embed->dimensions > 0) {
        dimensions =
            arena_format(writer->out.rope->arena, "%llu", (unsigned long long)embed->dimensions);
        if (dimensions == NULL)
            dialect__openai_no_room(&writer->out);
    }
    STITCH_LITERAL(&writer->out, "{\"model\":\"");
    stitch_add(&writer->out, model);
    STITCH_LITERAL(&writer->out, "\",\"input\":");
    add_inputs(&writer->out, embed);
    dialect__openai_member(writer, MEMBER_ENCODING_FORMAT, SPAN_LITERAL("\"float\""));
    dialect__openai_member(writer, MEMBER_DIMENSIONS, span_text(dimensions));
    add_input_type(writer, embed);
    dialect__openai_rest(writer);
    STITCH_LITERAL(&writer->out, "}");
    stitch_flush(&writer->out);
}

/* --- decode --- */

/* One vector of an answer: one of the two is present. */
struct embed_vector {
    struct span array;
    struct span base64; /* escaped */
};

/* Members of an answer that are looked at; raw, absent when not there. */
struct embed_answer {
    struct span data, usage, error, model;
};

static void read_members(struct span body, struct embed_answer *answer) {
    struct json_skim skim = json_skim(body);
    struct span key, value;
    *answer = (struct embed_answer){.data = SPAN_NONE};
    while (json_skim_next(&skim, &key, &value)) {
        if (span_is(key, "data"))
            answer->data = value;
        else if (span_is(key, "usage"))
            answer->usage = value;
        else if (span_is(key, "error"))
            answer->error = value;
        else if (span_is(key, "model") && json_skim_type(value) == '"')
            answer->model = span_of(value.ptr + 1, value.len - 2);
    }
}

/* A small part of the answer with its index, which lives until the next. */
static struct json_value index_part(struct dialect_decoder *decoder, struct json_doc *doc,
                                    struct span part) {
    arena_reset(&decoder->scratch);
    if (span_absent(part) || part.len > EMBED_TAIL_MAX_BYTES ||
        json_parse(doc, part, &decoder->scratch, NULL) < 0)
        return (struct json_value){NULL, 0};
    return json_top(doc);
}

/* An element of `data`. False: not one of ours. */
static bool read_element(struct span element, uint32_t position, struct embed_vector *vectors,
                         uint32_t count) {
    struct json_skim skim = json_skim(element);
    struct span key, value;
    struct embed_vector vector = {.array = SPAN_NONE};
    uint64_t index = position;
    if (json_skim_type(element) != '{')
        return false;
    while (json_skim_next(&skim, &key, &value)) {
        char type = json_skim_type(value);
        if (span_is(key, "index") && type != 'n' && !span_to_u64(value, &index))
            return false;
        if (!span_is(key, "embedding"))
            continue;
        if (type == '[')
            vector.array = value;
        else if (type == '"')
            vector.base64 = span_of(value.ptr + 1, value.len - 2);
    }
    bool taken =
        index >= count || !span_absent(vectors[index].array) || !span_absent(vectors[index].base64);
    if (taken)
        return false;
    vectors[index] = vector;
    return true;
}

static bool measure(const struct embed_vector *vector, uint32_t *ret_length) {
    if (!span_absent(vector->array))
        return vector_measure(vector->array, ret_length);
    return !span_absent(vector->base64) && vector_measure_base64(vector->base64, ret_length);
}

/* A vector for each input, all of one length. */
static bool are_sound(const struct task_embed *embed, const struct embed_vector *vectors) {
    uint32_t length, first = 0;
    for (uint32_t i = 0; i < embed->input_count; i++) {
        if (!measure(&vectors[i], &length))
            return false;
        first = i == 0 ? length : first;
        if (length != first || (embed->dimensions > 0 && length != embed->dimensions))
            return false;
    }
    return true;
}

static int read_vectors(struct dialect_decoder *decoder, struct span data,
                        struct embed_vector **ret_vectors) {
    const struct task_embed *embed = &decoder->task->embed;
    struct json_skim skim = json_skim(data);
    struct span key, element;
    uint32_t count = 0;
    size_t size = embed->input_count * sizeof **ret_vectors;
    struct embed_vector *vectors = arena_try_alloc(decoder->arena, size);
    if (vectors == NULL)
        return ERR_TOO_LARGE;
    memset(vectors, 0, size);
    for (; json_skim_next(&skim, &key, &element); count++)
        if (count == embed->input_count ||
            !read_element(element, count, vectors, embed->input_count))
            return ERR_INVALID;
    *ret_vectors = vectors;
    return count == embed->input_count && are_sound(embed, vectors) ? 0 : ERR_INVALID;
}

static int emit_vectors(struct dialect_decoder *decoder, const struct embed_vector *vectors,
                        struct span model) {
    const struct event start = {.kind = EVENT_START, .upstream_model = model};
    int err = dialect__openai_emit(decoder, &start);
    decoder->started = true;
    decoder->token_seen = true;
    for (uint32_t i = 0; err == 0 && i < decoder->task->embed.input_count; i++) {
        const struct event event = {.kind = EVENT_EMBEDDING,
                                    .choice = i,
                                    .raw = vectors[i].array,
                                    .text = vectors[i].base64};
        err = dialect__openai_emit(decoder, &event);
    }
    return err;
}

int dialect__openai_embed_body(struct dialect_decoder *decoder, struct span body) {
    struct embed_answer answer;
    struct embed_vector *vectors;
    struct json_doc doc;
    decoder->whole = true;
    if (json_validate(body) < 0 || json_skim_type(body) != '{')
        return ERR_INVALID;
    read_members(body, &answer);
    bool error = answer.error.len > 2 && json_skim_type(answer.error) != 'n'; /* no "", no {} */
    if (error || span_absent(answer.data) || json_skim_type(answer.data) != '[')
        return dialect__openai_other(decoder, index_part(decoder, &doc, body));
    int err = read_vectors(decoder, answer.data, &vectors);
    if (err == 0)
        err = emit_vectors(decoder, vectors, answer.model);
    if (err < 0)
        return err;
    dialect__openai_usage(decoder, index_part(decoder, &doc, answer.usage));
    decoder->finish_seen = decoder->over = true;
    return dialect__openai_close(decoder);
}
