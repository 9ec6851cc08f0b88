// SPDX-License-Identifier: Apache-2.0
/*
 * The data directory and its lock.
 *
 * Why a lock of the kernel (flock): it goes with the process, however that dies, so there is never a stale one to delete.
 * Promises: made with mode 0700, parents too; nothing in it is touched without the lock. Leaves to others: what is kept there.
 */
#include "app/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *data_dir_find(const char *option, struct arena *arena) {
    const char *base;
    if (option != NULL)
        return option;
    if ((base = getenv("PAPI_DATA")) != NULL && *base != '\0')
        return base;
    if ((base = getenv("XDG_DATA_HOME")) != NULL && *base == '/')
        return arena_format(arena, "%s/papi", base);
    if ((base = getenv("HOME")) != NULL && *base == '/')
        return arena_format(arena, "%s/.local/share/papi", base);
    return NULL;
}

static int error_of_errno(void) {
    return errno == EACCES || errno == EPERM || errno == EROFS ? ERR_PERMISSION : ERR_SYSTEM;
}

static int make_parents(const char *path) {
    char copy[4096];
    size_t length = strlen(path);
    if (length >= sizeof copy)
        return ERR_TOO_LARGE;
    memcpy(copy, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (copy[i] != '/' && copy[i] != '\0')
            continue;
        char kept = copy[i];
        copy[i] = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST && errno != EISDIR)
            return error_of_errno();
        copy[i] = kept;
    }
    return 0;
}

int data_dir_lock(const char *path, int *ret_lock_fd) {
    char lock_path[4200];
    int err = make_parents(path);
    if (err < 0)
        return err;
    int length = snprintf(lock_path, sizeof lock_path, "%s/lock", path);
    if (length < 0 || (size_t)length >= sizeof lock_path)
        return ERR_TOO_LARGE;
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_of_errno();
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        err = errno == EWOULDBLOCK ? ERR_BUSY : ERR_SYSTEM;
        (void)close(fd);
        return err;
    }
    *ret_lock_fd = fd;
    return 0;
}

bool data_dir_is_served(const char *path) {
    char lock_path[4200];
    int length = snprintf(lock_path, sizeof lock_path, "%s/lock", path);
    int fd =
        length > 0 && (size_t)length < sizeof lock_path ? open(lock_path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    bool served = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    (void)close(fd);
    return served;
}

void data_dir_unlock(int lock_fd) {
    (void)close(lock_fd);
}
