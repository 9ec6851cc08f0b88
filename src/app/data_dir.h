// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The data directory: mode 0700, locked by the one process that serves it. */
#include "base/arena.h"

/* --data, else $PAPI_DATA, $XDG_DATA_HOME/papi, $HOME/.local/share/papi; NULL when none of them says. */
const char *data_dir_find(const char *option, struct arena *arena);
/* Creates it and takes the lock. ERR_BUSY: another process serves it; ERR_PERMISSION, ERR_SYSTEM. */
int data_dir_lock(const char *path, int *ret_lock_fd) WARN_UNUSED;
void data_dir_unlock(int lock_fd);
/* Whether a process holds the lock; makes nothing. */
bool data_dir_is_served(const char *path);
