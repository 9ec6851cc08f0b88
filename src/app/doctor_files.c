// SPDX-License-Identifier: Apache-2.0
/*
 * Checks of what is read from files: configuration, authorities, proxies, the catalog's age, servers on this machine.
 *
 * Leaves to others: permissions of those files (doctor_machine.c), asking anybody outside (doctor_network.c).
 */
#include "app/doctor_parts.h"
#include "base/check.h"
#include "net/authorities.h"
#include "net/proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_MS          (24 * 3600 * (int64_t)1000)
#define FACTS_STALE_MS  (180 * DAY_MS)
#define BUNDLE_STALE_MS (3 * 365 * DAY_MS)

/* --- configuration --- */

static uint32_t tell_report(struct doctor *doctor, const struct config_report *report,
                            const char *name) {
    for (uint32_t i = 0; i < report->count; i++) {
        const struct config_message *message = &report->items[i];
        const char *place = message->line > 0 ? doctor__format(doctor, "%s:%u:%u", name,
                                                               message->line, message->column)
                                              : "";
        doctor__say(doctor, message->warning ? DOCTOR_WARN : DOCTOR_FAIL, place, "%s",
                    message->text);
    }
    return report->count;
}

void doctor__check_config(struct doctor *doctor) {
    const struct settings *settings = &doctor->settings;
    const char *name = settings->path != NULL ? settings->path : "environment";
    const char *why = doctor->wish->listen != NULL
                          ? config_listen_refused(settings->config, doctor->listen)
                          : NULL;
    uint32_t told = tell_report(doctor, &settings->report, name);
    told += tell_report(doctor, &settings->keys_report, SETTINGS_DOTENV);
    told += tell_report(doctor, &doctor->pool_report, name);
    if (why != NULL)
        doctor__say(doctor__cured(doctor, "Do as it says, or leave --listen out."), DOCTOR_FAIL,
                    "--listen", "%s %s", doctor->wish->listen, why);
    if (settings->path == NULL && access("papi.yaml", F_OK) == 0)
        doctor__say(doctor__cured(doctor, "Name it: --config papi.yaml."), DOCTOR_WARN, "papi.yaml",
                    "lies in this folder and is not read by itself");
    if (told == 0 && why == NULL)
        doctor__say(doctor, DOCTOR_OK, settings->path != NULL ? name : "", "%s",
                    settings->path != NULL ? "is fine"
                                           : "no file; defaults and environment are fine");
}

/* --- authorities --- */

static void say_bundle(struct doctor *doctor, const struct authorities *bundle) {
    if (bundle->expired == bundle->certificates)
        doctor__say(doctor, DOCTOR_FAIL, bundle->file,
                    "all of its %u certificates have expired by this machine's clock",
                    bundle->certificates);
    else if (doctor->wall_ms - bundle->newest_ms > BUNDLE_STALE_MS && bundle->certificates > 1)
        doctor__say(doctor, DOCTOR_WARN, bundle->file,
                    "%u certificates, the newest more than three years old", bundle->certificates);
    else
        doctor__say(doctor, DOCTOR_OK, bundle->file, "%u certificates", bundle->certificates);
}

/* Of the environment or of a provider: named, so it must be there. */
static bool check_named(struct doctor *doctor, const char *path, const char *who,
                        enum doctor_grade grade) {
    struct authorities bundle;
    int err = authorities_of_file(path, doctor->wall_ms, &bundle);
    if (err == 0) {
        say_bundle(doctor, &bundle);
        return true;
    }
    doctor__say(
        doctor__cured(doctor,
                      doctor__format(doctor,
                                     "Let %s name a file of PEM certificates that you may read, or "
                                     "take it away.",
                                     who)),
        grade, path, "%s names it, and %s", who,
        err == ERR_SYSTEM ? "it cannot be read" : "no certificate is in it");
    return false;
}

void doctor__check_authorities(struct doctor *doctor) {
    const struct config *config = doctor->settings.config;
    const char *named = getenv("SSL_CERT_FILE"), *folder = getenv("SSL_CERT_DIR");
    struct authorities system;
    authorities_of_system(doctor->wall_ms, &system);
    bool has_folder = folder != NULL && folder[0] != '\0';
    bool other = system.file != NULL || has_folder;
    bool found = named != NULL && named[0] != '\0' &&
                 check_named(doctor, named, "SSL_CERT_FILE", other ? DOCTOR_WARN : DOCTOR_FAIL);
    if (has_folder && access(folder, R_OK | X_OK) < 0)
        doctor__say(doctor__cured(doctor, "Let SSL_CERT_DIR name a folder that you may read."),
                    DOCTOR_WARN, folder, "SSL_CERT_DIR names it, and it cannot be read: %s",
                    strerror(errno));
    if (!found && system.file != NULL)
        say_bundle(doctor, &system);
    else if (!found && !has_folder)
        doctor__say(doctor, DOCTOR_FAIL, "",
                    "no bundle was found where systems keep it; every provider will be untrusted");
    for (uint32_t i = 0; i < config->provider_count; i++)
        if (!span_absent(config->providers[i].ca_file))
            (void)check_named(
                doctor, doctor__text(doctor, config->providers[i].ca_file),
                doctor__format(doctor, "ca_file of %.*s", SPAN_ARG(config->providers[i].id)),
                DOCTOR_FAIL);
}

/* --- proxies --- */

/* Without user and password. */
static void say_proxy(struct doctor *doctor, const char *what, struct span url) {
    struct proxy proxy;
    const char *why;
    if (proxy_parse(url, &proxy, &why) < 0)
        doctor__say(doctor__cured(doctor, "Write it as http://HOST:PORT or socks5://HOST:PORT."),
                    DOCTOR_FAIL, what, "%s", why);
    else
        doctor__say(doctor, DOCTOR_OK, what, "through %.*s port %u", SPAN_ARG(proxy.host),
                    proxy.port);
}

void doctor__check_proxy(struct doctor *doctor) {
    const struct config *config = doctor->settings.config;
    bool https = !span_absent(config->proxy_https), http = !span_absent(config->proxy_http);
    uint32_t own = 0;
    for (uint32_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        if (span_absent(provider->proxy) || span_is(provider->proxy, "none"))
            continue;
        say_proxy(doctor, doctor__text(doctor, provider->id), provider->proxy);
        own++;
    }
    if (https)
        say_proxy(doctor, "https", config->proxy_https);
    if (http && !https)
        doctor__say(doctor, DOCTOR_WARN, "http",
                    "HTTP_PROXY is set and HTTPS_PROXY is not: providers, which speak https, are "
                    "asked directly");
    if (!https && !http && own == 0)
        doctor__say(doctor, DOCTOR_OK, "", "none is set; providers are asked directly");
}

/* --- the catalog --- */

/* The newest "2026-11-22" of a text; 0 when there is none. */
static int64_t newest_date_ms(const char *text) {
    int64_t newest_ms = 0;
    for (; *text != '\0'; text++) {
        struct tm parts = {0};
        const char *end =
            text[0] == '2' && text[1] == '0' ? strptime(text, "%Y-%m-%d", &parts) : NULL;
        int64_t date_ms = end != NULL ? (int64_t)timegm(&parts) * 1000 : 0;
        if (date_ms > newest_ms)
            newest_ms = date_ms;
    }
    return newest_ms;
}

void doctor__check_catalog(struct doctor *doctor) {
    const struct offers *offers = &doctor->assembly.offers;
    uint32_t looked = 0, stale = 0;
    for (uint32_t i = 0; i < offers->count; i++) {
        const struct offer *offer = &offers->items[i];
        if (!discover_used(offer->verdict) || offer->facts == NULL || offer->server != NULL)
            continue;
        int64_t date_ms = newest_date_ms(offer->facts->evidence.source);
        looked++;
        if (date_ms == 0 || doctor->wall_ms - date_ms <= FACTS_STALE_MS)
            continue;
        stale++;
        doctor__say(doctor, DOCTOR_WARN, doctor__text(doctor, offer->id),
                    "its limits and models were last looked at %lld days ago",
                    (long long)((doctor->wall_ms - date_ms) / DAY_MS));
    }
    if (stale == 0)
        doctor__say(doctor, DOCTOR_OK, "",
                    "of %s; %u provider%s in use, none looked at too long ago",
                    doctor->facts->compiled, looked, looked == 1 ? "" : "s");
}

/* --- servers on this machine --- */

void doctor__check_local(struct doctor *doctor) {
    const struct local_servers *servers = &doctor->servers;
    if (doctor->settings.config->local_servers == CONFIG_LOCAL_OFF)
        doctor__say(doctor, DOCTOR_OK, "", "not looked for (local_servers: off)");
    else if (servers->count == 0)
        doctor__say(doctor, DOCTOR_OK, "", "none answers; none is needed");
    for (uint32_t i = 0; i < servers->count; i++) {
        const struct local_server *server = &servers->items[i];
        const char *name =
            doctor__format(doctor, "%.*s on port %u", SPAN_ARG(server->provider), server->port);
        if (server->loading)
            doctor__say(doctor, DOCTOR_WARN, name, "answers, but is still loading");
        else if (server->model_count == 0)
            doctor__say(doctor__cured(doctor, "Give it a model, such as `ollama pull qwen3`."),
                        DOCTOR_WARN, name, "answers, but has no model");
        else
            doctor__say(doctor, DOCTOR_OK, name, "%u model%s", server->model_count,
                        server->model_count == 1 ? "" : "s");
    }
}
