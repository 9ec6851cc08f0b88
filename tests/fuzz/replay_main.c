// SPDX-License-Identifier: Apache-2.0
/*
 * Replays fuzz inputs without libFuzzer.
 *
 * Fuzz targets are linked with this file in every build but the fuzz preset, so that `make test` runs all seeds (and
 * all inputs that once failed) under the sanitizers with any compiler. Arguments are files or folders; a folder stands
 * for the regular files in it. Each input is given to the target whole and, if short, at every length it could have been
 * cut to; a prefix is what a peer that dies has sent. The input is copied to a block of its
 * exact size, so that one byte read beyond it is seen. Prints how many inputs ran; leaves judging to the sanitizers
 * and to the target's own checks.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES_MAX = 4096, INPUT_BYTES_MAX = 16 << 20, PREFIX_BYTES_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs_run;

static void run_exact(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_input(const uint8_t *data, size_t size) {
    run_exact(data, size);
    if (size <= PREFIX_BYTES_MAX) {
        for (size_t cut = 0; cut < size; cut++)
            run_exact(data, cut);
    }
    inputs_run++;
}

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    uint8_t *data = malloc(INPUT_BYTES_MAX);
    if (data == NULL)
        abort();
    size_t size = fread(data, 1, INPUT_BYTES_MAX, file);
    int failed = ferror(file);
    fclose(file);
    if (!failed)
        run_input(data, size);
    free(data);
    return failed ? -1 : 0;
}

static int replay(const char *path);

static int replay_folder(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        perror(path);
        return -1;
    }
    int result = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char child[PATH_BYTES_MAX];
        if (entry->d_name[0] == '.')
            continue;
        int length = snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof(child) || replay(child) != 0)
            result = -1;
    }
    closedir(folder);
    return result;
}

static int replay(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        return -1;
    }
    return S_ISDIR(info.st_mode) ? replay_folder(path) : replay_file(path);
}

int main(int argc, char **argv) {
    int result = 0;
    for (int i = 1; i < argc; i++) {
        if (replay(argv[i]) != 0)
            result = 1;
    }
    printf("%lu inputs replayed\n", inputs_run);
    return result;
}
