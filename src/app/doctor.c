// SPDX-License-Identifier: Apache-2.0
/*
 * The doctor: a table of checks, and the order in which they are made.
 *
 * Everything is read first, as a start reads it, then all providers are asked at once, then the rows look at what came. So the slow
 * part runs once and in parallel, and a row is a few lines that judge. A row that cannot look (no network wished, a configuration
 * that cannot be read) says that it was skipped: silence would look like health.
 * Promises: nothing is written, no quota is spent, no key is shown. Leaves to others: the checks (doctor_*.c), printing (cli/doctor.c).
 */
#include "app/doctor_parts.h"

#include "app/data_dir.h"
#include "base/check.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define TEXT_BYTES      1024

static const struct doctor_row rows[] = {
    {"config", "Configuration",
     "papi.yaml, the environment and .env can be read and mean something", false, false,
     doctor__check_config, "Mend the line named here; `papi check` shows it again."},
    {"data", "Data directory", "it is there or can be made, and can be written", false, false,
     doctor__check_data, "Give a directory that you may write with --data DIR or PAPI_DATA."},
    {"permissions", "Permissions",
     "the data directory, its files, .env and papi.yaml are yours and closed to others", false,
     false, doctor__check_permissions, "Close it to others with chmod."},
    {"disk", "Disk space", "the data directory's disk has room", false, false, doctor__check_disk,
     "Free some space there, or move the data directory with --data DIR."},
    {"store", "Store", "the database can be read and is whole", false, false, doctor__check_store,
     "Stop the gateway and look at the file; PAPI sets a damaged one aside by itself and begins "
     "anew."},
    {"descriptors", "Descriptors", "open files allowed, against limits.connections", false, false,
     doctor__check_descriptors,
     "Raise the hard limit (LimitNOFILE= of the service, ulimit -Hn) or lower limits.connections."},
    {"port", "Port", "the address to listen on is free, or served by this gateway", false, false,
     doctor__check_port, "Stop the program that has it, or choose another with `listen`."},
    {"ca", "CA certificates", "the bundle of authorities is found, readable and fresh", false,
     false, doctor__check_authorities,
     "Install or update your system's package ca-certificates, or name a bundle in SSL_CERT_FILE."},
    {"proxy", "Proxy", "proxies of the environment and the configuration make sense together",
     false, true, doctor__check_proxy, "Set HTTPS_PROXY too, or the setting `proxy`."},
    {"catalog", "Catalog", "what is known of the providers in use was looked at lately", false,
     true, doctor__check_catalog, "Install a newer PAPI: its catalog is newer too."},
    {"local", "Local servers", "servers of models on this machine answer", false, true,
     doctor__check_local, "Wait until it has loaded its model, or look at its own log."},
    {"dns", "DNS", "names of providers can be resolved", true, true, doctor__check_names,
     "Look at /etc/resolv.conf and the network; `getent hosts NAME` should answer."},
    {"clock", "Clock",
     "this machine's clock, against the answers of providers and the catalog's date", false, false,
     doctor__check_clock,
     "Set the clock, best by NTP: windows of quota and certificates depend on it."},
    {"providers", "Providers", "each one in use can be reached: name, connection, TLS, proxy", true,
     true, doctor__check_providers, "Look at the network and at the provider's status page."},
    {"keys", "Keys", "each key is taken by its provider, asked a question that costs no quota",
     true, true, doctor__check_keys,
     "Make a new key at the provider and put it where the old one stands."},
};

struct doctor *doctor__cured(struct doctor *doctor, const char *cure) {
    doctor->next_cure = cure;
    return doctor;
}

void doctor__say(struct doctor *doctor, enum doctor_grade grade, const char *subject,
                 const char *format, ...) {
    const char *cure = doctor->next_cure != NULL ? doctor->next_cure : doctor->row->cure;
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    doctor->next_cure = NULL;
    if (doctor->count == DOCTOR_FINDINGS_MAX)
        return;
    doctor->findings[doctor->count++] =
        (struct doctor_finding){.check = doctor->row->id,
                                .title = doctor->row->title,
                                .subject = subject,
                                .grade = grade,
                                .says = doctor__format(doctor, "%s", text),
                                .cure = grade >= DOCTOR_WARN ? cure : ""};
}

const char *doctor__format(struct doctor *doctor, const char *format, ...) {
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *kept = arena_format(&doctor->arena, "%s", text);
    return kept != NULL ? kept : "";
}

const char *doctor__text(struct doctor *doctor, struct span span) {
    return doctor__format(doctor, "%.*s", SPAN_ARG(span));
}

/* What `papi serve` would read. */
static void read_all(struct doctor *doctor) {
    const struct doctor_wish *wish = doctor->wish;
    int err = settings_read(&doctor->settings, wish->config_path, doctor->facts, &doctor->arena);
    struct config *config = doctor->settings.config;
    doctor->data_dir = data_dir_find(wish->data_dir, &doctor->arena);
    doctor->listen = wish->listen != NULL ? span_text(wish->listen) : config->listen;
    if (err < 0)
        return;
    if (config->local_servers == CONFIG_LOCAL_AUTO)
        local_servers_find(&doctor->servers, getenv("PAPI_LOCAL_PORTS"), 0);
    const struct offer_sources sources = {.facts = doctor->facts,
                                          .config = config,
                                          .credentials = doctor->settings.credentials,
                                          .servers = &doctor->servers,
                                          .test_keys = true};
    if (assemble(&sources, config, &doctor->pool_report, &doctor->arena, &doctor->assembly) < 0)
        doctor->assembly.snapshot = NULL;
}

static void run_row(struct doctor *doctor, const struct doctor_row *row) {
    doctor->row = row;
    if (row->network && doctor->wish->offline)
        doctor__say(doctor, DOCTOR_SKIPPED, "", "not looked at: --offline");
    else if (row->pool && doctor->assembly.snapshot == NULL)
        doctor__say(doctor, DOCTOR_SKIPPED, "", "not looked at: the configuration has errors");
    else
        row->run(doctor);
}

struct doctor *doctor_run(const struct doctor_wish *wish, const struct facts *facts,
                          int64_t wall_ms) {
    struct doctor *doctor = mem_zalloc(sizeof *doctor);
    doctor->wish = wish;
    doctor->facts = facts;
    doctor->wall_ms = wall_ms;
    arena_init(&doctor->arena, NULL, 0, ARENA_MAX_BYTES);
    read_all(doctor);
    if (!wish->offline && doctor->assembly.snapshot != NULL)
        doctor__ask(doctor);
    for (size_t i = 0; i < array_length(rows); i++)
        run_row(doctor, &rows[i]);
    return doctor;
}

void doctor_free(struct doctor *doctor) {
    catalog_unref(doctor->assembly.snapshot);
    local_servers_free(&doctor->servers);
    settings_free(&doctor->settings);
    arena_reset(&doctor->arena);
    mem_free(doctor);
}

uint32_t doctor_count(const struct doctor *doctor) {
    return doctor->count;
}

const struct doctor_finding *doctor_at(const struct doctor *doctor, uint32_t index) {
    check(index < doctor->count);
    return &doctor->findings[index];
}

const char *doctor_grade_word(enum doctor_grade grade) {
    static const char *const words[] = {[DOCTOR_OK] = "ok",
                                        [DOCTOR_SKIPPED] = "skipped",
                                        [DOCTOR_WARN] = "warn",
                                        [DOCTOR_FAIL] = "fail"};
    return words[grade];
}

const char *doctor_check_id(uint32_t index) {
    return index < array_length(rows) ? rows[index].id : NULL;
}

const char *doctor_check_about(uint32_t index) {
    return index < array_length(rows) ? rows[index].about : NULL;
}
