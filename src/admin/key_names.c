// SPDX-License-Identifier: Apache-2.0
/*
 * Names and shapes of keys.
 *
 * Everything comes from the catalog's columns: variables, ids, names, addresses, beginnings of keys. Beyond them only habits: a number
 * behind a variable's name, and <ID>_API_KEY for providers whose documents say another name.
 * Promises: the longest beginning that fits decides, and nothing when several providers share it.
 * Leaves to others: what to do when a name and a shape disagree (key_import.c).
 */
#include "admin/key_names.h"

#include "admin/key_import.h"
#include "base/check.h"
#include "config/url.h"

#include <stdio.h>

static bool is_named_by(const struct fact_provider *provider, struct span variable) {
    const char *const *name = provider->env;
    for (; name != NULL && *name != NULL; name++)
        if (span_is_nocase(variable, *name))
            return true;
    return false;
}

/* GROQ_API_KEY_2, GROQ_API_KEY2: one of several. */
static struct span without_number(struct span name) {
    size_t length = name.len;
    while (length > 0 && name.ptr[length - 1] >= '0' && name.ptr[length - 1] <= '9')
        length--;
    if (length == name.len || length == 0)
        return name;
    return span_of(name.ptr, name.ptr[length - 1] == '_' ? length - 1 : length);
}

static const struct fact_provider *of_variable(const struct facts *facts, struct span name) {
    static const char *const endings[] = {"_API_KEY", "_APIKEY", "_API_TOKEN", "_TOKEN", "_KEY"};
    for (uint32_t i = 0; i < facts->provider_count; i++)
        if (is_named_by(&facts->providers[i], name))
            return &facts->providers[i];
    for (size_t i = 0; i < array_length(endings); i++) {
        size_t length = strlen(endings[i]);
        if (name.len > length &&
            span_is_nocase(span_of(name.ptr + name.len - length, length), endings[i]))
            return facts_provider_called(facts, span_of(name.ptr, name.len - length));
    }
    return NULL;
}

/* "https://api.groq.com" of "https://api.groq.com/openai/v1": hosts with a {brace} are no URL, and tell nobody. */
static const struct fact_provider *of_url(const struct facts *facts, struct span text) {
    struct config_url url, own;
    if (config_url_parse(text, &url) != NULL)
        return NULL;
    for (uint32_t i = 0; i < facts->provider_count; i++)
        if (config_url_parse(span_text(facts->providers[i].base_url), &own) == NULL &&
            !own.host_is_loopback && span_equal_nocase(url.host, own.host))
            return &facts->providers[i];
    return NULL;
}

const struct fact_provider *key_hint_provider(const struct facts *facts, struct span hint) {
    struct span rest = hint, first;
    if (span_contains(hint, "://"))
        return of_url(facts, hint);
    const struct fact_provider *provider = of_variable(facts, hint);
    if (provider == NULL)
        provider = of_variable(facts, without_number(hint));
    if (provider == NULL)
        provider = facts_provider_called(facts, hint);
    if (provider == NULL && hint.len > 0 && span_split(&rest, '/', &first) && rest.len > 0)
        provider = facts_provider_called(facts, first);
    return provider;
}

const char *key_extra_variable(const struct facts *facts, struct span name) {
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const char *const *extra = facts->providers[i].env_extra;
        for (; extra != NULL && *extra != NULL; extra++)
            if (span_is(name, *extra))
                return *extra;
    }
    return NULL;
}

static size_t longest_prefix(const struct facts *facts, struct span key) {
    size_t longest = 0;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const char *prefix = facts->providers[i].key_prefix;
        if (strlen(prefix) > longest && key.len > strlen(prefix) && span_starts_with(key, prefix))
            longest = strlen(prefix);
    }
    return longest;
}

const struct fact_provider *key_shape_provider(const struct facts *facts, struct span key,
                                               char *ret_several, size_t size) {
    size_t longest = longest_prefix(facts, key), length = 0;
    const struct fact_provider *found = NULL;
    uint32_t count = 0;
    ret_several[0] = '\0';
    for (uint32_t i = 0; longest > 0 && i < facts->provider_count; i++) {
        const struct fact_provider *provider = &facts->providers[i];
        if (strlen(provider->key_prefix) != longest || !span_starts_with(key, provider->key_prefix))
            continue;
        found = provider;
        int written = snprintf(ret_several + length, size - length, "%s%s", count++ > 0 ? ", " : "",
                               provider->id);
        if (written > 0 && (size_t)written < size - length)
            length += (size_t)written;
    }
    if (count == 1)
        ret_several[0] = '\0';
    return count == 1 ? found : NULL;
}
