// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A file layer of SQLite that fails on purpose: from the n-th call on, for so many calls, each in the way its kind fails on a real
 * disk. Everything else goes through to the system's own.
 */
#include "base/check.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum fault_call {
    FAULT_OPEN,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_TRUNCATE,
    FAULT_LOCK,
    FAULT_SHARED_LOCK,
    FAULT_SHARED_MAP,
    FAULT_DELETE,
    FAULT_CALLS
};

static struct {
    _Atomic int64_t calls;    /* made since fault_set */
    _Atomic int64_t from, to; /* these fail */
    _Atomic int64_t failed;
    _Atomic uint32_t kinds; /* bits of enum fault_call that are counted */
    _Atomic int code;       /* 0 = by kind */
    sqlite3_vfs *real;
} fault;

static const int fault_codes[FAULT_CALLS] = {
    [FAULT_OPEN] = SQLITE_CANTOPEN,
    [FAULT_READ] = SQLITE_IOERR_READ,
    [FAULT_WRITE] = SQLITE_FULL,
    [FAULT_SYNC] = SQLITE_IOERR_FSYNC,
    [FAULT_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
    [FAULT_LOCK] = SQLITE_BUSY,
    [FAULT_SHARED_LOCK] = SQLITE_BUSY,
    [FAULT_SHARED_MAP] = SQLITE_IOERR_SHMMAP,
    [FAULT_DELETE] = SQLITE_IOERR_DELETE,
};

/* Calls `from`..`to` (from 1) of these kinds fail. */
static inline void fault_set(uint32_t kinds, int64_t from, int64_t to, int code) {
    fault.from = INT64_MAX;
    fault.calls = fault.failed = 0;
    fault.kinds = kinds;
    fault.code = code;
    fault.to = to;
    fault.from = from;
}
static inline void fault_clear(void) {
    fault.from = INT64_MAX;
}

/* SQLITE_OK, or what this call fails with. */
static int fault_next(enum fault_call kind) {
    if ((fault.kinds >> kind & 1) == 0)
        return SQLITE_OK;
    int64_t call = ++fault.calls;
    if (call < fault.from || call > fault.to)
        return SQLITE_OK;
    fault.failed++;
    return fault.code != 0 ? fault.code : fault_codes[kind];
}

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};
static sqlite3_file *fault_real(sqlite3_file *file) {
    return ((struct fault_file *)(void *)file)->real;
}
#define FAULT_PASS(file, method, ...) \
    fault_real(file)->pMethods->method(fault_real(file), ##__VA_ARGS__)
#define FAULT_TRY(kind)                    \
    do {                                   \
        int fault_code = fault_next(kind); \
        if (fault_code != SQLITE_OK)       \
            return fault_code;             \
    } while (0)

static int fault_close(sqlite3_file *f) {
    return fault_real(f)->pMethods != NULL ? FAULT_PASS(f, xClose) : SQLITE_OK;
}
static int fault_read(sqlite3_file *f, void *to, int count, sqlite3_int64 at) {
    FAULT_TRY(FAULT_READ);
    return FAULT_PASS(f, xRead, to, count, at);
}
/* A disk that is full takes a part first. */
static int fault_write(sqlite3_file *f, const void *from, int count, sqlite3_int64 at) {
    int code = fault_next(FAULT_WRITE);
    if (code == SQLITE_OK)
        return FAULT_PASS(f, xWrite, from, count, at);
    (void)FAULT_PASS(f, xWrite, from, count / 2, at);
    return code;
}
static int fault_truncate(sqlite3_file *f, sqlite3_int64 size) {
    FAULT_TRY(FAULT_TRUNCATE);
    return FAULT_PASS(f, xTruncate, size);
}
static int fault_sync(sqlite3_file *f, int flags) {
    FAULT_TRY(FAULT_SYNC);
    return FAULT_PASS(f, xSync, flags);
}
static int fault_size(sqlite3_file *f, sqlite3_int64 *size) {
    return FAULT_PASS(f, xFileSize, size);
}
static int fault_lock(sqlite3_file *f, int level) {
    FAULT_TRY(FAULT_LOCK);
    return FAULT_PASS(f, xLock, level);
}
static int fault_unlock(sqlite3_file *f, int level) {
    return FAULT_PASS(f, xUnlock, level);
}
static int fault_reserved(sqlite3_file *f, int *out) {
    return FAULT_PASS(f, xCheckReservedLock, out);
}
static int fault_control(sqlite3_file *f, int op, void *value) {
    return FAULT_PASS(f, xFileControl, op, value);
}
static int fault_sector(sqlite3_file *f) {
    return FAULT_PASS(f, xSectorSize);
}
static int fault_device(sqlite3_file *f) {
    return FAULT_PASS(f, xDeviceCharacteristics);
}
static int fault_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
    FAULT_TRY(FAULT_SHARED_MAP);
    return FAULT_PASS(f, xShmMap, page, size, extend, out);
}
static int fault_shm_lock(sqlite3_file *f, int offset, int count, int flags) {
    if ((flags & SQLITE_SHM_LOCK) != 0)
        FAULT_TRY(FAULT_SHARED_LOCK);
    return FAULT_PASS(f, xShmLock, offset, count, flags);
}
static void fault_shm_barrier(sqlite3_file *f) {
    FAULT_PASS(f, xShmBarrier);
}
static int fault_shm_unmap(sqlite3_file *f, int remove) {
    return FAULT_PASS(f, xShmUnmap, remove);
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_close,
    .xRead = fault_read,
    .xWrite = fault_write,
    .xTruncate = fault_truncate,
    .xSync = fault_sync,
    .xFileSize = fault_size,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_reserved,
    .xFileControl = fault_control,
    .xSectorSize = fault_sector,
    .xDeviceCharacteristics = fault_device,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    struct fault_file *ours = (struct fault_file *)(void *)file;
    (void)vfs;
    file->pMethods = NULL;
    FAULT_TRY(FAULT_OPEN);
    ours->real = (sqlite3_file *)(void *)(ours + 1);
    int code = fault.real->xOpen(fault.real, name, ours->real, flags, out);
    if (ours->real->pMethods != NULL)
        file->pMethods = &fault_methods;
    return code;
}
static int fault_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs;
    FAULT_TRY(FAULT_DELETE);
    return fault.real->xDelete(fault.real, name, sync);
}

static sqlite3_vfs fault_vfs;

static inline void fault_register(void) {
    check(sqlite3_initialize() == SQLITE_OK);
    fault.real = sqlite3_vfs_find(NULL);
    fault_vfs = *fault.real;
    fault_vfs.zName = "fault";
    fault_vfs.pNext = NULL;
    fault_vfs.szOsFile = (int)sizeof(struct fault_file) + fault.real->szOsFile;
    fault_vfs.xOpen = fault_open;
    fault_vfs.xDelete = fault_delete;
    check(sqlite3_vfs_register(&fault_vfs, 0) == SQLITE_OK);
    fault_clear();
}
