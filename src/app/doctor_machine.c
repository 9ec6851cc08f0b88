// SPDX-License-Identifier: Apache-2.0
/*
 * Checks of the machine: data directory, permissions, disk, store, descriptors, port.
 *
 * Promises: looks and does not touch; the one socket that is bound for a moment never listens, and a lock that is free is given back at
 * once. Leaves to others: files' contents (doctor_files.c), the network (doctor_network.c).
 */
#include "app/data_dir.h"
#include "app/doctor_parts.h"
#include "app/master_key.h"
#include "base/check.h"
#include "base/clock.h"
#include "net/listener.h"
#include "net/probe.h"
#include "store/look.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB              ((uint64_t)1024 * 1024)
#define DISK_FAIL_BYTES  (64 * MIB)
#define DISK_WARN_BYTES  (512 * MIB)
#define DESCRIPTORS_REST 128 /* the store, the log, listeners, timers, queues */
#define DESCRIPTORS_MIN  256
#define PORT_WAIT_MS     500

/* --- the data directory --- */

void doctor__check_data(struct doctor *doctor) {
    const char *path = doctor->data_dir;
    struct stat status;
    if (path == NULL) {
        doctor__say(doctor, DOCTOR_FAIL, "", "without HOME nobody says where it is");
    } else if (stat(path, &status) < 0 && errno == ENOENT) {
        doctor__say(doctor, DOCTOR_OK, path, "is not there yet; the first start makes it");
    } else if (stat(path, &status) < 0) {
        doctor__say(doctor, DOCTOR_FAIL, path, "cannot be looked at: %s", strerror(errno));
    } else if (!S_ISDIR(status.st_mode)) {
        doctor__say(doctor, DOCTOR_FAIL, path, "is no directory");
    } else if (access(path, R_OK | W_OK | X_OK) < 0) {
        doctor__say(doctor, DOCTOR_FAIL, path, "cannot be written: %s", strerror(errno));
    } else {
        doctor__say(doctor, DOCTOR_OK, path, "%s",
                    data_dir_is_served(path) ? "a gateway serves it now"
                                             : "no gateway serves it now");
    }
}

/* --- permissions --- */

/* One file that others have no business in. Returns whether it is as it should be, or not there. */
static bool look(struct doctor *doctor, const char *path, unsigned forbidden,
                 const char *cure_mode) {
    struct stat status;
    if (path == NULL || lstat(path, &status) < 0)
        return true;
    unsigned mode = (unsigned)status.st_mode & 07777;
    /* Root looks after other users' services. */
    if (status.st_uid != geteuid() && status.st_uid != 0 && geteuid() != 0) {
        doctor__say(doctor__cured(doctor, doctor__format(doctor, "Run: chown %u %s",
                                                         (unsigned)geteuid(), path)),
                    DOCTOR_FAIL, path, "belongs to user %u, not to you (%u)",
                    (unsigned)status.st_uid, (unsigned)geteuid());
        return false;
    }
    if (S_ISLNK(status.st_mode) || (mode & forbidden) == 0)
        return true;
    doctor__say(doctor__cured(doctor, doctor__format(doctor, "Run: chmod %s %s", cure_mode, path)),
                DOCTOR_FAIL, path, "is open to others on this machine (mode %04o)", mode);
    return false;
}

/* Keys of providers, read from .env or written out in the file itself. */
static bool holds_keys(const struct doctor *doctor, bool dotenv) {
    const struct config_credentials *found = doctor->settings.credentials;
    const struct config *config = doctor->settings.config;
    for (uint32_t i = 0; dotenv && i < found->count; i++)
        if (found->items[i].key != NULL && span_starts_with(found->items[i].source, ".env:"))
            return true;
    for (uint32_t i = 0; !dotenv && i < config->provider_count; i++)
        for (uint32_t j = 0; j < config->providers[i].key_count; j++)
            if (config->providers[i].keys[j].literal)
                return true;
    return false;
}

void doctor__check_permissions(struct doctor *doctor) {
    static const struct {
        const char *name;
        const char *mode;
    } inside[] = {{"", "700"},         {"/" MASTER_KEY_FILE, "600"}, {"/papi.db", "600"},
                  {"/journal", "600"}, {"/ledger", "600"},           {"/papi.sock", "600"}};
    bool fine = true;
    for (size_t i = 0; doctor->data_dir != NULL && i < array_length(inside); i++)
        fine = look(doctor, doctor__format(doctor, "%s%s", doctor->data_dir, inside[i].name), 077,
                    inside[i].mode) &&
               fine;
    fine = look(doctor, SETTINGS_DOTENV, holds_keys(doctor, true) ? 066 : 0, "600") && fine;
    /* Whoever can change the configuration can send keys elsewhere. */
    fine = look(doctor, doctor->settings.path, holds_keys(doctor, false) ? 066 : 022,
                holds_keys(doctor, false) ? "600" : "go-w") &&
           fine;
    if (fine)
        doctor__say(doctor, DOCTOR_OK, "", "what holds keys is closed to others");
}

/* --- disk and descriptors --- */

/* The directory, or the nearest one above it that is there. */
static const char *nearest_there(struct doctor *doctor) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s", doctor->data_dir);
    if (length < 0 || (size_t)length >= sizeof path)
        return "/";
    while (access(path, F_OK) < 0) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path)
            return slash == NULL ? "." : "/";
        *slash = '\0';
    }
    return doctor__format(doctor, "%s", path);
}

void doctor__check_disk(struct doctor *doctor) {
    struct statvfs disk;
    if (doctor->data_dir == NULL) {
        doctor__say(doctor, DOCTOR_SKIPPED, "", "not looked at: there is no data directory");
        return;
    }
    const char *path = nearest_there(doctor);
    if (statvfs(path, &disk) < 0) {
        doctor__say(doctor, DOCTOR_WARN, path, "cannot be looked at: %s", strerror(errno));
        return;
    }
    uint64_t bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    bool no_files = disk.f_files > 0 && disk.f_favail < 16;
    enum doctor_grade grade = bytes < DISK_FAIL_BYTES || no_files ? DOCTOR_FAIL
                              : bytes < DISK_WARN_BYTES           ? DOCTOR_WARN
                                                                  : DOCTOR_OK;
    if ((disk.f_flag & ST_RDONLY) != 0)
        doctor__say(
            doctor__cured(doctor,
                          "Mount it for writing, or move the data directory with --data DIR."),
            DOCTOR_FAIL, path, "is on a disk that is mounted read-only");
    else if (no_files)
        doctor__say(doctor, grade, path, "its disk has no room for further files");
    else
        doctor__say(doctor, grade, path, "%llu MiB free", (unsigned long long)(bytes / MIB));
}

/* --- the store --- */

void doctor__check_store(struct doctor *doctor) {
    struct store_url url;
    struct store_look look;
    if (doctor->data_dir == NULL ||
        store_url_parse(doctor->settings.config->store_url, doctor->data_dir, &url) < 0) {
        doctor__say(doctor, DOCTOR_SKIPPED, "", "not looked at: nobody says where it is");
        return;
    }
    if (url.kind == STORE_OFF) {
        doctor__say(doctor, DOCTOR_OK, "", "is off: nothing is remembered");
        return;
    }
    const char *path = doctor__format(doctor, "%s", url.path);
    store_look(path, clock_mono_ns() + STORE_LOOK_SECONDS * NS_PER_S, &look);
    doctor->sealed_keys = look.sealed_keys;
    switch (look.sight) {
    case STORE_SIGHT_WHOLE:
        doctor__say(doctor, DOCTOR_OK, path, "is whole");
        break;
    case STORE_SIGHT_ABSENT:
        doctor__say(doctor, DOCTOR_OK, path, "is not there yet; the first start makes it");
        break;
    case STORE_SIGHT_PARTLY:
        doctor__say(doctor, DOCTOR_OK, path, "is large; what was looked at in %d s is whole",
                    STORE_LOOK_SECONDS);
        break;
    case STORE_SIGHT_DAMAGED:
        doctor__say(doctor, DOCTOR_FAIL, path, "is damaged: %s", look.says);
        break;
    case STORE_SIGHT_UNREADABLE:
        doctor__say(doctor, DOCTOR_FAIL, path, "cannot be read: %s", look.says);
        break;
    }
}

void doctor__check_descriptors(struct doctor *doctor) {
    struct rlimit limit;
    uint64_t connections = doctor->settings.config->connections_max;
    uint64_t wanted = 2 * connections + DESCRIPTORS_REST; /* a client's and a provider's */
    check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    uint64_t hard = limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_max;
    enum doctor_grade grade = hard < DESCRIPTORS_MIN ? DOCTOR_FAIL
                              : hard < wanted        ? DOCTOR_WARN
                                                     : DOCTOR_OK;
    if (hard == UINT64_MAX)
        doctor__say(doctor, grade, "", "no limit");
    else
        doctor__say(
            doctor, grade, "", "%llu may be open; %llu connections of clients want up to %llu",
            (unsigned long long)hard, (unsigned long long)connections, (unsigned long long)wanted);
}

/* --- the port --- */

static bool has_head(struct span answer) {
    return span_contains(answer, "\r\n\r\n");
}

/* Only a PAPI answers with its own hop. Whoever listens on another address than loopback's is not asked. */
static bool papi_answers(uint16_t port) {
    static const char question[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                   "x-papi-hop: doctor\r\nConnection: close\r\n\r\n";
    struct probe probe = {
        .port = port, .request = span_text(question), .cap_bytes = 16384, .is_complete = has_head};
    probe_all(&probe, 1, PORT_WAIT_MS);
    bool papi = span_contains_nocase(dynbuf_span(&probe.answer), "\r\nx-papi-hop:");
    probe_done(&probe);
    return papi;
}

static void say_taken(struct doctor *doctor, const struct listen_address *address,
                      const char *text) {
    bool served = doctor->data_dir != NULL && data_dir_is_served(doctor->data_dir);
    bool papi = papi_answers(address->port);
    if (papi && served)
        doctor__say(doctor, DOCTOR_OK, text, "this gateway serves it now");
    else if (papi)
        doctor__say(
            doctor__cured(doctor,
                          "Stop that one, or give this one its own `listen` and data directory."),
            DOCTOR_WARN, text, "another PAPI serves it, with another data directory");
    else
        doctor__say(doctor, DOCTOR_FAIL, text, "is taken by another program");
}

void doctor__check_port(struct doctor *doctor) {
    const char *text = doctor__text(doctor, doctor->listen);
    struct listen_address address;
    int probe_fd;
    if (listen_address_parse(doctor->listen, &address) < 0) {
        doctor__say(doctor__cured(doctor, "Write it as in listen: 127.0.0.1:7274."), DOCTOR_FAIL,
                    text, "is no address to listen on");
        return;
    }
    if (address.port == 0) {
        doctor__say(doctor, DOCTOR_OK, text, "any free one is taken");
        return;
    }
    int err = listener_probe(&address, &probe_fd);
    if (err == 0) {
        listener_probe_done(probe_fd);
        doctor__say(doctor, DOCTOR_OK, text, "is free");
    } else if (err == ERR_ADDRESS_IN_USE) {
        say_taken(doctor, &address, text);
    } else if (err == ERR_PERMISSION) {
        doctor__say(doctor__cured(doctor,
                                  "Choose a port above 1023, or allow it with AmbientCapabilities="
                                  "CAP_NET_BIND_SERVICE in the service."),
                    DOCTOR_FAIL, text, "you may not listen there");
    } else {
        doctor__say(doctor__cured(doctor, "Name an address of this machine in `listen`."),
                    DOCTOR_FAIL, text, "cannot be listened on: %s", err_text(err));
    }
}
