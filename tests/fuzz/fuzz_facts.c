// SPDX-License-Identifier: Apache-2.0
/*
 * A file of the catalog: any bytes are one, since catalogs may come from outside.
 *
 * The first byte chooses which file it is (a provider's, models, dropped, sources); the others are good ones. The reader ends, each
 * complaint has a place inside the text and no control characters, and what is accepted is whole: no list and no text is missing.
 */
#include "base/check.h"
#include "catalog/facts_read.h"

#define SOURCES "compiled: 2026-11-22\nsources: {doc: {name: a document}}\n"
#define MODELS  "models:\n  - {id: m, kind: chat, reads: text, source: doc, confidence: low}\n"
#define PROVIDER                                                                                \
    "id: lab\nshort: la\nname: Lab\nkind: keyless\nstatus: usable\nenv: [L]\ndialect: openai\n" \
    "base_url: http://a\nkey: {scheme: bearer}\nsource: doc\nconfidence: low\n"

static void check_text(const char *text) {
    check(text != NULL && strlen(text) <= FACTS_TEXT_MAX_BYTES * 16);
}

static void check_list(const char *const *list) {
    check(list != NULL);
    for (; *list != NULL; list++)
        check_text(*list);
}

static void check_provider(const struct fact_provider *provider) {
    check_text(provider->id);
    check_text(provider->quota_note);
    check_text(provider->terms.note);
    check_list(provider->env);
    check_list(provider->stream.reasoning);
    for (uint32_t i = 0; i < provider->limit_count; i++) {
        check_text(provider->limits[i].evidence.source);
        check(provider->limits[i].shape < LIMIT_SHAPE_COUNT &&
              provider->limits[i].amount <= FACTS_AMOUNT_MAX);
    }
    for (uint32_t i = 0; i < provider->signal_count; i++) {
        const struct fact_signal *signal = &provider->signals[i];
        check(signal->statuses != NULL && signal->until < FACT_UNTIL_COUNT);
        for (uint32_t k = 0; k < signal->match_count; k++)
            check_text(signal->matches[k].path);
    }
    for (uint32_t i = 0; i < provider->quirk_count; i++) {
        check_text(provider->quirks[i].field);
        check_text(provider->quirks[i].value);
    }
    for (uint32_t i = 0; i < provider->route_count; i++)
        check_text(provider->routes[i].upstream);
}

static void check_complaints(const struct facts_report *report) {
    uint32_t kept = report->count < FACTS_COMPLAINTS_MAX ? report->count : FACTS_COMPLAINTS_MAX;
    for (uint32_t i = 0; i < kept; i++) {
        check((report->complaints[i].line == 0) == (report->complaints[i].column == 0));
        for (const char *c = report->complaints[i].text; *c != '\0'; c++)
            check((unsigned char)*c >= ' ' && *c != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct facts_report report;
    struct arena arena;
    struct facts facts;
    struct facts_file files[] = {
        {SPAN_LITERAL("lab.yaml"), SPAN_LITERAL(PROVIDER)},
        {SPAN_LITERAL("models.yaml"), SPAN_LITERAL(MODELS)},
        {SPAN_LITERAL("dropped.yaml"), SPAN_LITERAL("dropped: []\n")},
        {SPAN_LITERAL("sources.yaml"), SPAN_LITERAL(SOURCES)},
    };
    if (size == 0)
        return 0;
    files[data[0] % array_length(files)].bytes = span_of((const char *)data + 1, size - 1);
    arena_init(&arena, NULL, 0, (size_t)16 * 1024 * 1024);
    int err = facts_read(files, array_length(files), &arena, &facts, &report);
    check(err == 0 || err == ERR_INVALID || err == ERR_TOO_LARGE);
    check((err == 0) == (report.count == 0) || err == ERR_TOO_LARGE);
    check_complaints(&report);
    for (uint32_t i = 0; i < facts.provider_count && err == 0; i++)
        check_provider(&facts.providers[i]);
    for (uint32_t i = 0; i < facts.model_count && err == 0; i++)
        check_list(facts.models[i].aliases);
    arena_reset(&arena);
    return 0;
}
