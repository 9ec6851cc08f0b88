// SPDX-License-Identifier: Apache-2.0
/* Which addresses may be reached, in every spelling; what counts as an address to listen on. */
#include "net/address.h"
#include "net_fixture.h"

struct verdict {
    const char *address;
    bool allow_loopback;
    const char *private_network;
    int err;
};

static const struct verdict verdicts[] = {
    {"1.1.1.1", false, NULL, 0},
    {"104.18.2.3", false, NULL, 0},
    {"2606:4700::1111", false, NULL, 0},
    /* this host */
    {"127.0.0.1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"127.0.0.1", true, NULL, 0},
    {"127.255.1.1", true, NULL, 0},
    {"::1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"::1", true, NULL, 0},
    {"0.0.0.0", true, "0.0.0.0/0", ERR_ADDRESS_FORBIDDEN},
    {"0.1.2.3", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"::", true, NULL, ERR_ADDRESS_FORBIDDEN},
    /* link local, metadata */
    {"169.254.169.254", true, "169.254.0.0/16", ERR_ADDRESS_FORBIDDEN},
    {"168.63.129.16", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"168.63.129.17", true, NULL, 0},
    {"fe80::1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"febf::1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"fd00:ec2::254", true, "fd00::/8", ERR_ADDRESS_FORBIDDEN},
    /* private */
    {"10.1.2.3", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"10.1.2.3", false, "10.1.2.0/24", 0},
    {"10.1.3.3", false, "10.1.2.0/24", ERR_ADDRESS_FORBIDDEN},
    {"10.1.2.3", false, "10.1.2.3", 0},
    {"10.1.2.3", false, "10.1.2.3/32", 0},
    {"10.1.2.3", false, "10.0.0.0/33", ERR_ADDRESS_FORBIDDEN},
    {"10.1.2.3", false, "10.0.0.0/-1", ERR_ADDRESS_FORBIDDEN},
    {"10.1.2.3", false, "ten", ERR_ADDRESS_FORBIDDEN},
    {"10.1.2.3", false, "::/0", ERR_ADDRESS_FORBIDDEN},
    {"172.15.0.1", false, NULL, 0},
    {"172.16.0.1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"172.31.255.255", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"172.32.0.1", false, NULL, 0},
    {"192.168.1.5", false, "192.168.0.0/16", 0},
    {"100.64.0.1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"100.128.0.1", false, NULL, 0},
    {"fd12:3456::1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"fd12:3456::1", false, "fd12::/16", 0},
    {"fc00::1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    /* nobody's */
    {"224.0.0.1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"255.255.255.255", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"192.0.2.1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"198.19.0.1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"ff02::1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"2001:db8::1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    /* IPv4 inside IPv6 */
    {"::ffff:169.254.169.254", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"::ffff:127.0.0.1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"::ffff:127.0.0.1", true, NULL, 0},
    {"::ffff:1.1.1.1", false, NULL, 0},
    {"::ffff:10.1.2.3", false, "10.1.2.0/24", 0},
    {"::127.0.0.1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"64:ff9b::a9fe:a9fe", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"64:ff9b::101:101", false, NULL, 0},
    {"64:ff9b:1::a9fe:a9fe", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"2002:a9fe:a9fe::1", true, NULL, ERR_ADDRESS_FORBIDDEN},
    {"2002:7f00:1::1", false, NULL, ERR_ADDRESS_FORBIDDEN},
    {"2002:101:101::1", false, NULL, 0},
    {"2001:0:1:2:3:4:5601:5601", true, NULL, ERR_ADDRESS_FORBIDDEN}, /* 169.254.169.254 */
};

static void test_verdicts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        const struct verdict *row = &verdicts[i];
        struct sockaddr_storage address;
        const struct address_rules rules = {.allow_loopback = row->allow_loopback,
                                            .private_network = span_text(row->private_network)};
        assert_int_equal(address_parse(span_text(row->address), 443, &address), 0);
        assert_int_equal(address_port(&address), 443);
        if (address_check(&address, &rules) != row->err)
            fail_msg("%s: not %s", row->address, err_name(row->err));
    }
}

static void test_what_is_no_address(void **state) {
    (void)state;
    static const char *const texts[] = {"",           "localhost", "1.2.3",      "1.2.3.4.5",
                                        "0x7f.0.0.1", "017.0.0.1", "127.1",      "[::1]",
                                        "::1%lo",     "1.2.3.4 ",  "2130706433", "::g"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sockaddr_storage address;
        if (address_parse(span_text(texts[i]), 1, &address) != ERR_ADDRESS_INVALID)
            fail_msg("'%s' was taken", texts[i]);
    }
    struct sockaddr_storage address;
    assert_int_equal(address_parse(SPAN_LITERAL("127.0.0.1\0.example"), 1, &address),
                     ERR_ADDRESS_INVALID);
}

struct listen_row {
    const char *text;
    const char *host; /* NULL: refused */
    uint16_t port;
    bool loopback;
};

static void test_listen_addresses(void **state) {
    (void)state;
    static const struct listen_row rows[] = {
        {"127.0.0.1:7274", "127.0.0.1", 7274, true},
        {"[::1]:0", "::1", 0, true},
        {"localhost:80", "127.0.0.1", 80, true},
        {"LOCALHOST:80", "127.0.0.1", 80, true},
        {"0.0.0.0:65535", "0.0.0.0", 65535, false},
        {"[::]:1", "::", 1, false},
        {"192.168.1.1:1", "192.168.1.1", 1, false},
        {"127.0.0.1", NULL, 0, false},
        {"127.0.0.1:", NULL, 0, false},
        {"127.0.0.1:65536", NULL, 0, false},
        {"127.0.0.1:-1", NULL, 0, false},
        {"127.0.0.1:80x", NULL, 0, false},
        {"::1:80", NULL, 0, false},
        {"[::1]", NULL, 0, false},
        {"example.org:80", NULL, 0, false},
        {":80", NULL, 0, false},
        {"", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct listen_row *row = &rows[i];
        struct listen_address address;
        int err = listen_address_parse(span_text(row->text), &address);
        if (err != (row->host != NULL ? 0 : ERR_ADDRESS_INVALID))
            fail_msg("'%s': %s", row->text, err_name(err));
        if (row->host == NULL)
            continue;
        assert_string_equal(address.host, row->host);
        assert_int_equal(address.port, row->port);
        assert_int_equal(listen_address_is_loopback(&address), row->loopback);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_listen_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
