// SPDX-License-Identifier: Apache-2.0
/*
 * Starting the next process.
 *
 * It gets the options of this one and --upgrade; the program is found by the path it was started from, which by then may be a newer
 * one. The master key of the environment was taken out of it at the start, so it is put in again: without it the vault would stay locked
 * and no client would be known. Promises: at most one at a time; what it says goes where this one's words go. Leaves to others: taking over (heir.c, keeper.c).
 */
#include "app/successor.h"

#include "app/app_parts.h"
#include "app/master_key.h"
#include "base/check.h"
#include "base/dynbuf.h"
#include "base/mem.h"
#include "obs/log.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX       12
#define KEY_ENTRY_MAX_BYTES 128

extern char **environ;

/* "/usr/bin/papi (deleted)": a package manager has put another one there. */
static bool own_path(char *path, size_t size) {
    static const char deleted[] = " (deleted)";
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0 || (size_t)length >= size - 1)
        return false;
    path[length] = '\0';
    size_t end = (size_t)length - (sizeof deleted - 1);
    if ((size_t)length > sizeof deleted && strcmp(path + end, deleted) == 0)
        path[end] = '\0';
    return true;
}

static void list_arguments(const struct app_options *options, char *path, char **ret_arguments) {
    const struct {
        const char *name, *value;
    } given[] = {{"--config", options->config_path},
                 {"--data", options->data_dir},
                 {"--listen", options->listen}};
    size_t count = 0;
    ret_arguments[count++] = path;
    ret_arguments[count++] = (char *)(uintptr_t) "serve";
    for (size_t i = 0; i < array_length(given); i++) {
        if (given[i].value == NULL)
            continue;
        ret_arguments[count++] = (char *)(uintptr_t)given[i].name;
        ret_arguments[count++] = (char *)(uintptr_t)given[i].value;
    }
    if (options->demo)
        ret_arguments[count++] = (char *)(uintptr_t) "--demo";
    ret_arguments[count++] = (char *)(uintptr_t) "--upgrade";
    ret_arguments[count] = NULL;
}

/* Ours, and `more` unless it is empty. */
static char **environment_with(struct dynbuf *more) {
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **all = mem_zalloc((count + 2) * sizeof *all);
    memcpy(all, environ, count * sizeof *all);
    all[count] = more->len > 0 ? more->data : NULL;
    return all;
}

static int spawn(char *path, char **arguments, char **environment, pid_t *ret_pid) {
    posix_spawnattr_t attributes;
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawnattr_init(&attributes) != 0)
        return ENOMEM;
    int err = posix_spawnattr_setsigmask(&attributes, &none);
    if (err == 0)
        err = posix_spawnattr_setsigdefault(&attributes, &all);
    if (err == 0)
        err = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (err == 0)
        err = posix_spawn(ret_pid, path, NULL, &attributes, arguments, environment);
    (void)posix_spawnattr_destroy(&attributes);
    return err;
}

static int spawn_with_key(const struct app *app, char *path, char **arguments, pid_t *ret_pid) {
    struct dynbuf key;
    dynbuf_init(&key, KEY_ENTRY_MAX_BYTES);
    check(dynbuf_reserve(&key, KEY_ENTRY_MAX_BYTES) ==
          0); /* it never moves: nothing is left unwiped */
    if (app->vault_place.given != NULL)
        check(master_key_give_environment(app->vault_place.given, &key) == 0);
    char **environment = environment_with(&key);
    int err = spawn(path, arguments, environment, ret_pid);
    secret_wipe(key.data, key.capacity);
    dynbuf_done(&key);
    mem_free(environment);
    return err;
}

void successor_start(struct app *app) {
    char path[4096];
    char *arguments[ARGUMENTS_MAX];
    if (app->draining || app->successor > 0)
        return;
    int err = own_path(path, sizeof path) ? 0 : ENOENT;
    list_arguments(app->options, path, arguments);
    if (err == 0)
        err = spawn_with_key(app, path, arguments, &app->successor);
    if (err == 0) {
        log_event(LOG_INFO, "upgrade.started", "pid=%ld", (long)app->successor);
        return;
    }
    app->successor = 0;
    log_event(LOG_ERROR, "upgrade.not_started", "program=\"%s\" error=\"%s\"", path, strerror(err));
}

void successor_ended(struct app *app) {
    int status;
    if (app->successor <= 0 || waitpid(app->successor, &status, WNOHANG) != app->successor)
        return;
    log_event(LOG_ERROR, "upgrade.not_started", "pid=%ld status=%d", (long)app->successor,
              WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    app->successor = 0;
}
