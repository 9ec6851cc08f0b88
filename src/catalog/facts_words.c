// SPDX-License-Identifier: Apache-2.0
/*
 * The words of the catalog as lists, and the public functions that give one word.
 *
 * Why made from the tables that make the enums: a word that could exist in the reader and be missing in what people are shown
 * would be found by nobody. Words that stay texts in the tables (tasks, kinds of models, schemes) are lists of their own.
 * Promises: constant data; a value outside of its enum has the word "unknown". Leaves to others: what a word means (the tables'
 * headers say).
 */
#include "catalog/facts_words.h"

#include "base/check.h"

#define WORD(name, word, ...) [name] = (word),
#define LIST(list, what, table)                              \
    static const char *const list##_names[] = {table(WORD)}; \
    const struct word_list list = {what, list##_names, array_length(list##_names)}

LIST(words_kind, "kind of provider", FACT_KIND_TABLE);
LIST(words_status, "status of a provider", FACT_STATUS_TABLE);
LIST(words_route_status, "status of a route", FACT_ROUTE_STATUS_TABLE);
LIST(words_charge, "way of charging", FACT_CHARGE_TABLE);
LIST(words_tells, "meaning of a header", FACT_TELLS_TABLE);
LIST(words_form, "form of a header", FACT_FORM_TABLE);
LIST(words_task_class, "class of tasks", FACT_TASK_CLASS_TABLE);
LIST(words_unit, "unit", LIMIT_UNIT_TABLE);
LIST(words_shape, "shape", LIMIT_SHAPE_TABLE);
LIST(words_scope, "scope", LIMIT_SCOPE_TABLE);
LIST(words_class, "class of signals", FACT_CLASS_TABLE);
LIST(words_about, "subject of a signal", FACT_ABOUT_TABLE);
LIST(words_until, "end of a rest", FACT_UNTIL_TABLE);
LIST(words_match, "way of looking", FACT_MATCH_TABLE);
LIST(words_rule, "question to the request", FACT_RULE_TABLE);
LIST(words_quirk, "kind of quirk", FACT_QUIRK_TABLE);

#define TRI_TABLE(X) X(FACT_UNKNOWN, "unknown") X(FACT_NO, "no") X(FACT_YES, "yes")
LIST(words_tri, "answer", TRI_TABLE);
#define CONFIDENCE_TABLE(X) X(FACT_LOW, "low") X(FACT_MEDIUM, "medium") X(FACT_HIGH, "high")
LIST(words_confidence, "confidence", CONFIDENCE_TABLE);

#define TEXTS(list, what, ...)                               \
    static const char *const list##_names[] = {__VA_ARGS__}; \
    const struct word_list list = {what, list##_names, array_length(list##_names)}

/* The names of message/task.h, which policy folders beside this one own. */
TEXTS(words_task, "task", "chat", "embed", "rerank", "transcribe", "speak", "image", "moderate");
TEXTS(words_model_kind, "kind of model", "chat", "chat_code", "embedding", "rerank",
      "audio_transcription", "audio_speech", "image", "router", "moderation_chat");
TEXTS(words_scheme, "way to send a key", "bearer", "header", "iam_token", "none_or_bearer");
TEXTS(words_dialect, "dialect", "openai");
TEXTS(words_reads, "input of a model", "text", "image", "audio", "video");

uint32_t words_find(const struct word_list *list, struct span word) {
    uint32_t i = 0;
    while (i < list->count && !span_is(word, list->names[i]))
        i++;
    return i;
}

const char *words_nearest(const struct word_list *list, struct span word) {
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (uint32_t i = 0; i < list->count; i++) {
        size_t distance = span_distance(word, span_text(list->names[i]));
        if (distance < best_distance) {
            best = list->names[i];
            best_distance = distance;
        }
    }
    return best;
}

static const char *word_of(const struct word_list *list, unsigned value) {
    return value < list->count ? list->names[value] : "unknown";
}

const char *fact_kind_word(enum fact_kind kind) {
    return word_of(&words_kind, kind);
}

const char *fact_status_word(enum fact_status status) {
    return word_of(&words_status, status);
}

const char *fact_route_status_word(enum fact_route_status status) {
    return word_of(&words_route_status, status);
}

const char *fact_class_word(enum fact_class class) {
    return word_of(&words_class, class);
}

const char *fact_tri_word(enum fact_tri tri) {
    return word_of(&words_tri, tri);
}

const char *limit_unit_word(enum limit_unit unit) {
    return word_of(&words_unit, unit);
}

const char *limit_shape_word(enum limit_shape shape) {
    return word_of(&words_shape, shape);
}

const char *limit_scope_word(enum limit_scope scope) {
    return word_of(&words_scope, scope);
}
