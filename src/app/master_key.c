// SPDX-License-Identifier: Apache-2.0
/*
 * The master key's file and variable.
 *
 * Why a file of raw bytes beside the database and not a password: the gateway must start by itself. It protects backups, copies and
 * a stolen database, not a machine whose user is taken over; where that matters, the operator gives the key by the environment, from
 * a secret store of the system. Why a file that others can read is refused instead of repaired: it was readable already.
 * How it is made: written and synced under another name, linked to its own (which fails when there is one: a key is never
 * overwritten by accident), the directory synced. A crash leaves either no key or a whole one.
 * Promises: the key is a secret from its first byte on; PAPI_VAULT_KEY is wiped where it lay, so neither /proc/PID/environ nor a child
 * process shows it; only the process that takes over from this one gets it anew. Leaves to others: what is sealed with it (vault/), rotation as a whole (app/vault_open.c).
 */
#include "app/master_key.h"

#include "crypto/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4200
#define TEMPORARY_FILE "key.tmp"

struct path {
    char text[PATH_MAX_BYTES];
};

static struct path path_of(const char *data_dir, const char *name) {
    struct path path;
    int length = snprintf(path.text, sizeof path.text, "%s/%s", data_dir, name);
    if (length < 0 || (size_t)length >= sizeof path.text)
        path.text[0] = '\0'; /* no file has that name: the call that follows says so */
    return path;
}

static int say(struct master_key *key, int err, const char *format, ...) PRINTF_LIKE(3, 4);

static int say(struct master_key *key, int err, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(key->why, sizeof key->why, format, arguments);
    va_end(arguments);
    return err;
}

/* --- the environment --- */

int master_key_take_environment(struct secret **ret_key) {
    char *value = getenv(MASTER_KEY_VARIABLE);
    *ret_key = NULL;
    if (value == NULL)
        return 0;
    int err = *value != '\0' ? key_from_text(span_text(value), ret_key) : 0;
    secret_wipe(value, strlen(value)); /* what the kernel shows of our environment, too */
    (void)unsetenv(MASTER_KEY_VARIABLE);
    return err;
}

int master_key_give_environment(const struct secret *given, struct dynbuf *ret_entry) {
    struct span bytes = secret_reveal(given);
    int err = dynbuf_append_text(ret_entry, MASTER_KEY_VARIABLE "=");
    for (size_t i = 0; i < bytes.len && err == 0; i++)
        err = dynbuf_append_format(ret_entry, "%02x", (unsigned)(unsigned char)bytes.ptr[i]);
    return err == 0 ? dynbuf_append_char(ret_entry, '\0') : err;
}

/* --- files --- */

static int sync_directory(const char *data_dir) {
    int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_SYSTEM;
    int err = fsync(fd) == 0 ? 0 : ERR_SYSTEM;
    (void)close(fd);
    return err;
}

static int write_all(int fd, struct span bytes) {
    while (bytes.len > 0) {
        ssize_t count = write(fd, bytes.ptr, bytes.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return ERR_SYSTEM;
        bytes = span_of(bytes.ptr + count, bytes.len - (size_t)count);
    }
    return fsync(fd) == 0 ? 0 : ERR_SYSTEM;
}

/* Whole and synced under its name, or not there. */
static int write_file(const char *path, const struct secret *key) {
    if (unlink(path) < 0 && errno != ENOENT)
        return ERR_SYSTEM;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_SYSTEM;
    int err = write_all(fd, secret_reveal(key));
    if (close(fd) < 0)
        err = ERR_SYSTEM;
    if (err < 0)
        (void)unlink(path);
    return err;
}

static int read_all(int fd, struct secret **ret_key) {
    char bytes[KEY_BYTES + 1];
    size_t length = 0;
    while (length < sizeof bytes) {
        ssize_t count = read(fd, bytes + length, sizeof bytes - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    int err = length == KEY_BYTES ? secret_new(span_of(bytes, KEY_BYTES), ret_key) : ERR_INVALID;
    secret_wipe(bytes, sizeof bytes);
    return err;
}

static int check_file(struct master_key *key, const char *path, int fd) {
    struct stat about;
    if (fstat(fd, &about) < 0)
        return say(key, ERR_SYSTEM, "%s cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return say(key, ERR_INVALID, "%s is no regular file; put the key file back", path);
    if (about.st_uid != geteuid())
        return say(key, ERR_PERMISSION,
                   "%s belongs to another user (%u, not %u): chown it, or run papi as its owner",
                   path, (unsigned)about.st_uid, (unsigned)geteuid());
    if ((about.st_mode & 077) != 0)
        return say(key, ERR_PERMISSION,
                   "%s can be read or changed by others (mode %03o): chmod 600 %s, and if others "
                   "use this machine, replace the key: papi provider rekey",
                   path, (unsigned)about.st_mode & 0777, path);
    if (about.st_size != KEY_BYTES)
        return say(key, ERR_INVALID,
                   "%s has %lld bytes, a key has %d: put the right file back from your backup",
                   path, (long long)about.st_size, KEY_BYTES);
    return 0;
}

static int read_file(struct master_key *key, const char *path, struct secret **ret_key) {
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return say(key, ERR_NOT_FOUND, "%s is missing: put it back from your backup", path);
    if (fd < 0)
        return say(key, errno == EACCES ? ERR_PERMISSION : ERR_SYSTEM, "%s cannot be read: %s",
                   path, strerror(errno));
    int err = check_file(key, path, fd);
    if (err == 0 && (err = read_all(fd, ret_key)) < 0)
        (void)say(key, err, "%s cannot be read: %s", path, err_text(err));
    (void)close(fd);
    return err;
}

static int make_file(struct master_key *key, const char *data_dir, const char *path) {
    struct path temporary = path_of(data_dir, TEMPORARY_FILE);
    int err = key_new(&key->key);
    if (err == 0)
        err = write_file(temporary.text, key->key);
    if (err == 0 && link(temporary.text, path) < 0)
        err = ERR_SYSTEM;
    int failed = errno;
    (void)unlink(temporary.text);
    if (err == 0) {
        err = sync_directory(data_dir);
        failed = errno;
    }
    key->made = err == 0;
    if (err < 0)
        return say(key, err, "%s cannot be made: %s", path,
                   err == ERR_SYSTEM ? strerror(failed) : err_text(err));
    return 0;
}

static int open_file(struct master_key *key, const char *data_dir, bool may_make) {
    struct path path = path_of(data_dir, MASTER_KEY_FILE);
    struct path next = path_of(data_dir, MASTER_KEY_NEW_FILE);
    key->source = MASTER_KEY_OF_FILE;
    int err = read_file(key, path.text, &key->key);
    if (err == ERR_NOT_FOUND && may_make)
        err = make_file(key, data_dir, path.text);
    if (err < 0)
        return err;
    err = read_file(key, next.text, &key->next);
    /* What is staged is whole by construction; a torn one was never used. */
    return err == ERR_NOT_FOUND || err == ERR_INVALID ? 0 : err;
}

int master_key_open(const char *data_dir, struct secret *given, bool may_make,
                    struct master_key *ret) {
    *ret = (struct master_key){.source = MASTER_KEY_NONE};
    if (given != NULL) {
        ret->key = secret_ref(given);
        ret->source = MASTER_KEY_OF_ENVIRONMENT;
        return 0;
    }
    int err = open_file(ret, data_dir, may_make);
    if (err < 0) {
        secret_unref(ret->key);
        secret_unref(ret->next);
        ret->key = ret->next = NULL;
        ret->source = MASTER_KEY_NONE;
    } else {
        ret->why[0] = '\0';
    }
    return err;
}

void master_key_close(struct master_key *key) {
    secret_unref(key->key);
    secret_unref(key->next);
    *key = (struct master_key){.source = MASTER_KEY_NONE};
}

/* --- rotation --- */

int master_key_stage(const char *data_dir, const struct secret *next) {
    struct path temporary = path_of(data_dir, TEMPORARY_FILE);
    struct path path = path_of(data_dir, MASTER_KEY_NEW_FILE);
    int err = write_file(temporary.text, next);
    if (err == 0 && rename(temporary.text, path.text) < 0) {
        (void)unlink(temporary.text);
        err = ERR_SYSTEM;
    }
    return err == 0 ? sync_directory(data_dir) : err;
}

int master_key_commit(const char *data_dir) {
    struct path path = path_of(data_dir, MASTER_KEY_FILE);
    struct path next = path_of(data_dir, MASTER_KEY_NEW_FILE);
    return rename(next.text, path.text) == 0 ? sync_directory(data_dir) : ERR_SYSTEM;
}

int master_key_abandon(const char *data_dir) {
    struct path next = path_of(data_dir, MASTER_KEY_NEW_FILE);
    if (unlink(next.text) < 0 && errno != ENOENT)
        return ERR_SYSTEM;
    return sync_directory(data_dir);
}
