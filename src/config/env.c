// SPDX-License-Identifier: Apache-2.0
/*
 * The environment: PAPI_<SETTING>, and where the file is.
 *
 * Every setting with a path of its own and a single value has a variable: its path in capitals with '_' for '.'
 * (queue.max_wait is PAPI_QUEUE_MAX_WAIT). Providers, keys, models and lists stand in files only, since a name chosen by the
 * user cannot be told from the rest of a variable's name. An empty variable counts as not set, as compose files
 * and unit files leave them.
 * HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY are read as other programs read them, where the setting `proxy` is not given.
 * A papi.yaml in the working directory is never looked for: a cloned repository must not redirect keys.
 */
#include "base/check.h"
#include "config/parts.h"

#include <stdio.h>
#include <unistd.h>

#define VARIABLE_MAX_BYTES 64

static const char *lookup(const struct config_environment *environment, const char *name) {
    const char *value = NULL;
    if (environment != NULL && environment->get != NULL)
        value = environment->get(environment->context, name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool config__variable(const struct setting *setting, char *name, size_t size) {
    bool own_path = strpbrk(setting->path, "*[") == NULL;
    if (!own_path || !config__is_scalar(setting->type))
        return false;
    (void)snprintf(name, size, "PAPI_%s", setting->path);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '.' ? '_' : (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    return true;
}

void config__apply_environment(struct loader *loader) {
    char name[VARIABLE_MAX_BYTES];
    for (size_t i = 0; i < config__setting_count; i++) {
        const struct setting *setting = &config__settings[i];
        const char *value =
            config__variable(setting, name, sizeof name) ? lookup(loader->environment, name) : NULL;
        struct yaml_node node = {.type = YAML_SCALAR};
        if (value == NULL)
            continue;
        loader->variable = name;
        if (arena_copy(loader->arena, span_text(value), &node.text) < 0)
            config__error(loader, NULL, "'%s' is too long", name);
        else
            config__apply(loader, setting, loader->config, &node);
        loader->variable = NULL;
    }
}

static const char *if_exists(const char *path) {
    return path != NULL && access(path, F_OK) == 0 ? path : NULL;
}

static const char *below(struct arena *arena, const char *folder, const char *rest) {
    return folder != NULL ? if_exists(arena_format(arena, "%s%s", folder, rest)) : NULL;
}

const char *config_find(const char *option, const struct config_environment *environment,
                        struct arena *arena, bool *ret_named) {
    const char *named = option != NULL ? option : lookup(environment, "PAPI_CONFIG");
    const char *xdg = lookup(environment, "XDG_CONFIG_HOME");
    *ret_named = named != NULL;
    if (named != NULL)
        return arena_format(arena, "%s", named);
    const char *own = xdg != NULL
                          ? below(arena, xdg, "/papi/papi.yaml")
                          : below(arena, lookup(environment, "HOME"), "/.config/papi/papi.yaml");
    return own != NULL ? own : if_exists("/etc/papi/papi.yaml");
}

/* Small letters win, as in other programs. */
static const char *lookup_either(const struct config_environment *environment, const char *name,
                                 const char **ret_name) {
    static const char *const both[][2] = {{"https_proxy", "HTTPS_PROXY"},
                                          {"http_proxy", "HTTP_PROXY"},
                                          {"all_proxy", "ALL_PROXY"},
                                          {"no_proxy", "NO_PROXY"}};
    for (size_t i = 0; i < array_length(both); i++) {
        if (strcmp(both[i][1], name) != 0)
            continue;
        const char *small = lookup(environment, both[i][0]);
        *ret_name = both[i][small == NULL];
        return small != NULL ? small : lookup(environment, name);
    }
    return NULL;
}

/* A proxy that cannot be used is an error, not left out: going around it could be seen by those it was set against. */
static void take_proxy(struct loader *loader, const char *variable, struct span *ret_proxy) {
    const char *name;
    const char *value = lookup_either(loader->environment, variable, &name);
    const char *why = value != NULL ? config_proxy_refused(span_text(value)) : NULL;
    if (value == NULL || !span_absent(*ret_proxy))
        return;
    if (why != NULL)
        config__error(loader, NULL, "environment variable %s %s; `proxy: none` ignores it", name,
                      why);
    else if (arena_copy(loader->arena, span_text(value), ret_proxy) < 0)
        config__error(loader, NULL, "environment variable %s is too long", name);
}

void config__apply_proxies(struct loader *loader) {
    struct config *config = loader->config;
    const char *name;
    const char *around = lookup_either(loader->environment, "NO_PROXY", &name);
    bool none = span_is(config->proxy_https, "none");
    config->proxy_http = config->proxy_https;
    if (none)
        config->proxy_http = config->proxy_https = SPAN_NONE;
    if (!none && span_absent(config->proxy_https)) {
        take_proxy(loader, "HTTPS_PROXY", &config->proxy_https);
        take_proxy(loader, "HTTP_PROXY", &config->proxy_http);
        take_proxy(loader, "ALL_PROXY", &config->proxy_https);
        take_proxy(loader, "ALL_PROXY", &config->proxy_http);
    }
    if (around != NULL && arena_copy(loader->arena, span_text(around), &config->no_proxy) < 0)
        config__error(loader, NULL, "environment variable %s is too long", name);
}
