// SPDX-License-Identifier: Apache-2.0
/*
 * What the loader reads besides the text given: the file itself, files of keys, and where the file is looked for.
 */
#include "config_fixture.h"

#include "base/arena.h"

#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char path[64];
    struct arena arena;
};

static void folder_open(struct folder *folder) {
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/papi-config-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    arena_init(&folder->arena, NULL, 0, 65536);
}

static const char *folder_file(struct folder *folder, const char *name, const char *text) {
    const char *path = arena_format(&folder->arena, "%s/%s", folder->path, name);
    if (text != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
        assert_int_equal(fclose(file), 0);
    }
    return path;
}

static void folder_close(struct folder *folder, const char *const *names) {
    for (; *names != NULL; names++)
        (void)remove(folder_file(folder, *names, NULL));
    assert_int_equal(rmdir(folder->path), 0);
    arena_reset(&folder->arena);
}

static void reads_key_files(void **state) {
    static const char *const names[] = {"papi.yaml", "one.key", "empty.key", "two.key",
                                        "long.key",  "ca.pem",  NULL};
    struct config_environment environment = {.get = fixture_get};
    struct config_report report;
    struct config *config;
    struct folder folder;
    char wide[5001];
    (void)state;
    memset(wide, 'k', sizeof wide - 1);
    wide[5000] = '\0';
    folder_open(&folder);
    const char *path = folder_file(
        &folder, "papi.yaml",
        "providers:\n  p:\n    base_url: https://a.example\n    models: [m]\n    ca_file: ca.pem\n"
        "    keys:\n    - file:one.key\n    - file:empty.key\n    - file:two.key\n    - "
        "file:long.key\n    - file:.\n");
    (void)folder_file(&folder, "one.key", "sk-one\r\n\n");
    (void)folder_file(&folder, "empty.key", "\n");
    (void)folder_file(&folder, "two.key", "sk-one\nsk-two\n");
    (void)folder_file(&folder, "long.key", wide);
    (void)folder_file(&folder, "ca.pem", "x");
    assert_int_equal(config_load(path, &environment, &config, &report), ERR_INVALID);
    const char *expected =
        arena_format(&folder.arena,
                     "t:8:7: error: the key in file %s/empty.key is empty\n"
                     "t:9:7: error: the key in file %s/two.key holds spaces, line ends or other "
                     "characters that no key has\n"
                     "t:10:7: error: the key in file %s/long.key is longer than 4096 bytes\n"
                     "t:11:7: error: cannot read key file %s/.: it is not a regular file\n",
                     folder.path, folder.path, folder.path, folder.path);
    fixture_expect_report(&report, "(file)", expected);
    assert_true(secret_equal(config->providers[0].keys[0].key, SPAN_LITERAL("sk-one")));
    assert_true(span_ends_with(config->providers[0].ca_file, "/ca.pem"));
    config_free(config);
    folder_close(&folder, names);
}

static void refuses_unreadable_files(void **state) {
    static const char *const names[] = {"big.yaml", NULL};
    struct config_report report;
    struct config *config;
    struct folder folder;
    (void)state;
    folder_open(&folder);
    char *big = mem_alloc(CONFIG_FILE_MAX_BYTES + 2);
    memset(big, '#', CONFIG_FILE_MAX_BYTES + 1);
    big[CONFIG_FILE_MAX_BYTES + 1] = '\0';
    const char *path = folder_file(&folder, "big.yaml", big);
    mem_free(big);
    assert_int_equal(config_load(path, NULL, &config, &report), ERR_INVALID);
    fixture_expect_report(
        &report, path,
        arena_format(&folder.arena, "error: %s is larger than 1048576 bytes\n", path));
    config_free(config);
    assert_int_equal(config_load("/nowhere/papi.yaml", NULL, &config, &report), ERR_INVALID);
    fixture_expect_report(&report, path,
                          "error: cannot read /nowhere/papi.yaml: No such file or directory\n");
    config_free(config);
    folder_close(&folder, names);
}

static const char *find(struct folder *folder, const char *option, const char *const *variables,
                        bool *ret_named) {
    struct config_environment environment = {.get = fixture_get,
                                             .context = (void *)(uintptr_t)variables};
    return config_find(option, &environment, &folder->arena, ret_named);
}

static void finds_the_file(void **state) {
    static const char *const names[] = {"papi/papi.yaml", "papi",    ".config/papi/papi.yaml",
                                        ".config/papi",   ".config", NULL};
    struct folder folder;
    bool named;
    (void)state;
    folder_open(&folder);
    const char *all[] = {"PAPI_CONFIG", "/x/y.yaml", "XDG_CONFIG_HOME", folder.path, "HOME",
                         folder.path,   NULL};
    const char *home[] = {"HOME", folder.path, NULL};
    const char *system_file =
        access("/etc/papi/papi.yaml", F_OK) == 0 ? "/etc/papi/papi.yaml" : NULL;
    assert_string_equal(find(&folder, "z.yaml", all, &named), "z.yaml");
    assert_true(named);
    assert_string_equal(find(&folder, NULL, all, &named), "/x/y.yaml");
    assert_true(named);
    const char *found = find(&folder, NULL, all + 2, &named);
    assert_true(found == NULL ? system_file == NULL : strcmp(found, system_file) == 0);
    assert_false(named);
    assert_int_equal(mkdir(folder_file(&folder, "papi", NULL), 0700), 0);
    const char *own = folder_file(&folder, "papi/papi.yaml", "{}\n");
    assert_string_equal(find(&folder, NULL, all + 2, &named), own);
    assert_false(named);
    assert_int_equal(mkdir(folder_file(&folder, ".config", NULL), 0700), 0);
    assert_int_equal(mkdir(folder_file(&folder, ".config/papi", NULL), 0700), 0);
    own = folder_file(&folder, ".config/papi/papi.yaml", "{}\n");
    assert_string_equal(find(&folder, NULL, home, &named), own);
    folder_close(&folder, names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_key_files),
        cmocka_unit_test(refuses_unreadable_files),
        cmocka_unit_test(finds_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
