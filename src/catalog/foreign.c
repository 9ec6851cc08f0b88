// SPDX-License-Identifier: Apache-2.0
/*
 * What other tools call the providers.
 *
 * Why: people come with model names from a configuration of LiteLLM, OpenRouter or an agent, where the part in front of the
 * slash is that tool's word for the provider. A word that is also the id of a provider here needs no row: "groq/..." is a pin
 * already. Rows without a provider tell only which client library is to be used.
 * Promises: a prefix never makes a pin lead to another provider than the one it names. Leaves to others: what follows it.
 * Source: the providers pages of LiteLLM's and OpenRouter's documents, 2026-08.
 */
#include "catalog/internal.h"

const struct catalog_foreign catalog__foreign[] = {
    {"openai", NULL},
    {"litellm_proxy", NULL},
    {"papi", NULL},
    {"custom_openai", NULL},
    {"openai_like", NULL},
    {"gemini", "google"},
    {"google-ai-studio", "google"},
    {"cohere_chat", "cohere"},
    {"nvidia_nim", "nvidia"},
    {"codestral", "mistral"},
    {"ollama", "ollama_local"},
    {"ollama_chat", "ollama_local"},
    {"ollama", "ollama_cloud"},
    {"ollama_chat", "ollama_cloud"},
    {"lm_studio", "lmstudio"},
    {"hosted_vllm", "vllm"},
    {"llamafile", "llamacpp"},
    {"jina_ai", "jina"},
    {"dashscope", "dashscope_intl"},
    {"vercel_ai_gateway", "vercel"},
    {"workers-ai", "cloudflare"},
    {"z-ai", "zai"},
};
const size_t catalog__foreign_count = array_length(catalog__foreign);

static char folded(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c == '-' || c == '.' ? '_' : c;
}

/* "Ollama-Cloud" is "ollama_cloud". */
static bool same_provider(struct span a, struct span b) {
    size_t i = 0;
    while (a.len == b.len && i < a.len && folded(a.ptr[i]) == folded(b.ptr[i]))
        i++;
    return a.len == b.len && i == a.len;
}

static uint32_t provider_of_id(const struct catalog_snapshot *snapshot, struct span id) {
    for (uint32_t i = 0; i < snapshot->provider_count; i++)
        if (same_provider(snapshot->providers[i].id, id))
            return i;
    return UINT32_MAX;
}

uint32_t catalog_find_provider(const struct catalog_snapshot *snapshot, struct span name) {
    uint32_t found = provider_of_id(snapshot, name);
    for (size_t i = 0; found == UINT32_MAX && i < catalog__foreign_count; i++)
        if (catalog__foreign[i].provider != NULL &&
            same_provider(span_text(catalog__foreign[i].prefix), name))
            found = provider_of_id(snapshot, span_text(catalog__foreign[i].provider));
    return found;
}

static const struct fact_provider *by_id_or_name(const struct facts *facts, struct span name) {
    for (uint32_t i = 0; i < facts->provider_count; i++)
        if (same_provider(span_text(facts->providers[i].id), name))
            return &facts->providers[i];
    for (uint32_t i = 0; i < facts->provider_count; i++)
        if (same_provider(span_text(facts->providers[i].name), name))
            return &facts->providers[i];
    return NULL;
}

const struct fact_provider *facts_provider_called(const struct facts *facts, struct span name) {
    const struct fact_provider *found = by_id_or_name(facts, name);
    for (size_t i = 0; found == NULL && i < catalog__foreign_count; i++)
        if (catalog__foreign[i].provider != NULL &&
            same_provider(span_text(catalog__foreign[i].prefix), name))
            found = by_id_or_name(facts, span_text(catalog__foreign[i].provider));
    return found;
}
