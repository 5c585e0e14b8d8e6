/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of user/webconfig.c and webconfig_tls.c: what is taken, and all that is not. */
#include "webconfig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>

/* The toolkit's own, of "fakepassword". */
#define HASH "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"

static struct webconfig config;
static char why[WEBCONFIG_WHY_MAX];

static void expect_refused(const char *text, const char *expected)
{
    why[0] = '\0';
    assert_int_equal(webconfig_parse(text, strlen(text), &config, why), -EINVAL);
    if (!strstr(why, expected))
        fail_msg("'%s' says '%s', not '%s'", text, why, expected);
}

static void expect_taken(const char *text)
{
    if (webconfig_parse(text, strlen(text), &config, why))
        fail_msg("'%s': %s", text, why);
    assert_true(webconfig_is_sound(&config));
}

static void takes_all_keys(void **state)
{
    (void)state;
    expect_taken("tls_server_config:\n"
                 "  cert_file: cert.pem\n"
                 "  key_file: /etc/key.pem\n"
                 "  client_ca_file: ca.pem\n"
                 "  client_auth_type: RequireAndVerifyClientCert\n"
                 "  min_version: TLS12\n"
                 "  max_version: TLS13\n"
                 "  prefer_server_cipher_suites: false\n"
                 "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n"
                 "  curve_preferences:\n"
                 "    - X25519\n"
                 "http_server_config:\n"
                 "  http2: true\n"
                 "  headers:\n"
                 "    strict-transport-security: max-age=1\n"
                 "    X-Frame-Options: deny\n"
                 "    X-XSS-Protection: ''\n"
                 "basic_auth_users:\n"
                 "  alice: '" HASH "'\n"
                 "  bob: " HASH "\n");
    assert_int_equal(config.has_tls, 1);
    assert_int_equal(config.client_auth, CLIENT_AUTH_VERIFY);
    assert_string_equal(config.files[WEBCONFIG_CERT], "cert.pem");
    assert_string_equal(config.files[WEBCONFIG_KEY], "/etc/key.pem");
    assert_string_equal(config.files[WEBCONFIG_CLIENT_CA], "ca.pem");
    assert_string_equal(config.priorities,
                        "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:-CIPHER-ALL:"
                        "-MAC-ALL:+AEAD:+ECDHE-RSA:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519");
    assert_int_equal(config.n_headers, 2);
    assert_string_equal(webconfig_header(&config, "Strict-Transport-Security"), "max-age=1");
    assert_string_equal(webconfig_header(&config, "X-Frame-Options"), "deny");
    assert_null(webconfig_header(&config, "X-XSS-Protection"));
    assert_int_equal(config.n_users, 2);
    assert_string_equal(config.users[1].name, "bob");
    assert_string_equal(config.users[1].hash, HASH);
}

static void takes_nothing(void **state)
{
    static const char *const texts[] = {"",
                                        "# nothing\n",
                                        "---\n",
                                        "basic_auth_users:\n",
                                        "tls_server_config: {}\n",
                                        "http_server_config: ~\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        expect_taken(texts[i]);
        assert_int_equal(config.has_tls + config.n_users + config.n_headers, 0);
    }
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    expect_refused("rate_limit: {}\n", "line 1: 'rate_limit' is not known");
    expect_refused("\ntls_server_config:\n  cert: x\n", "line 3: tls_server_config has no 'cert'");
    expect_refused("http_server_config: {h3: true}\n", "has no 'h3'");
    expect_refused("http_server_config: {headers: {Server: x}}\n", "'Server' cannot be set");
    expect_refused("http_server_config: {headers: {X-Frame-Options: allow}}\n", "this value");
    expect_refused("http_server_config: {headers: {Content-Security-Policy: \"a\\r\\nb: c\"}}\n",
                   "this value");
    expect_refused("http_server_config: {http2: maybe}\n", "neither true nor false");
    expect_refused("[]\n", "not a mapping");
    expect_refused("text\n", "not a mapping");
    expect_refused("{}\n---\n{}\n", "more than one document");
    expect_refused("basic_auth_users: [a]\n", "not a mapping");
    expect_refused("basic_auth_users: {[a]: b}\n", "not a string");
    expect_refused("\"a\\0b\": c\n", "NUL");
}

static void refuses_weak_tls(void **state)
{
#define PAIR "tls_server_config:\n  cert_file: c\n  key_file: k\n  "
    (void)state;
    expect_refused("tls_server_config: {cert_file: c}\n", "needs cert_file and key_file");
    expect_refused(PAIR "cert_file: d\n", "given twice");
    expect_refused(PAIR "min_version: TLS11\n", "'TLS11' is neither TLS12 nor TLS13");
    expect_refused(PAIR "max_version: TLS10\n", "'TLS10' is neither");
    expect_refused(PAIR "min_version: TLS13\n  max_version: TLS12\n", "above max_version");
    expect_refused(PAIR "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", "not known or not safe");
    expect_refused(PAIR "curve_preferences: [CurveP224]\n", "not known or not safe");
    expect_refused(PAIR "client_auth_type: Maybe\n", "'Maybe' is not known");
    expect_refused(PAIR "client_auth_type: RequireAndVerifyClientCert\n", "go together");
    expect_refused(PAIR "client_ca_file: ca\n", "go together");
    expect_taken(PAIR "max_version: TLS12\n");
    assert_null(strstr(config.priorities, "TLS1.3"));
    expect_taken(PAIR "min_version: TLS13\n");
    assert_null(strstr(config.priorities, "TLS1.2"));
#undef PAIR
}

static void refuses_bad_users(void **state)
{
    (void)state;
    expect_refused("basic_auth_users: {a: secret}\n", "not bcrypt");
    expect_refused("basic_auth_users: {a: $1$x$y}\n", "not bcrypt");
    expect_refused("basic_auth_users: {a: " HASH "x}\n", "not bcrypt");
    expect_refused("basic_auth_users: {a: " HASH HASH "}\n", "longer than");
    expect_refused("basic_auth_users: {a: "
                   "$2y$15$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}\n",
                   "cost above 14");
    expect_refused("basic_auth_users: {a: "
                   "$2y$03$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}\n",
                   "not bcrypt");
    expect_refused("basic_auth_users: {'a:b': " HASH "}\n", "not a user's name");
    expect_refused("basic_auth_users: {'': " HASH "}\n", "not a user's name");
    expect_refused("basic_auth_users: {a: " HASH ", a: " HASH "}\n", "a is given twice");
}

static void refuses_aliases_at_once(void **state)
{
    (void)state;
    expect_refused("a: &a [x]\nb: [*a, *a]\n", "'a' is not known");
    expect_refused("basic_auth_users: {a: *b}\n", "aliases");
    expect_refused("tls_server_config: &t\n  cert_file: *t\n", "aliases");
}

/* However deep or long the text is. */
static void ends_soon(void **state)
{
    char *text = malloc(WEBCONFIG_FILE_MAX + 1);
    size_t at = (size_t)sprintf(text, "basic_auth_users:\n");

    (void)state;
    for (int i = 0; i <= WEBCONFIG_USERS_MAX; i++)
        at += (size_t)sprintf(text + at, "  u%d: " HASH "\n", i);
    expect_refused(text, "more than 64 users");

    at = (size_t)sprintf(text, "tls_server_config:\n  curve_preferences: [X25519");
    for (int i = 0; i < 100; i++)
        at += (size_t)sprintf(text + at, ", X25519");
    sprintf(text + at, "]\n");
    expect_refused(text, "curve_preferences: too many");

    memset(text, '[', WEBCONFIG_FILE_MAX);
    text[WEBCONFIG_FILE_MAX] = '\0';
    expect_refused(text, "not a mapping");
    memset(text, '\xff', WEBCONFIG_FILE_MAX);
    expect_refused(text, "not YAML");
    free(text);
}

/* Cut anywhere, and with any one byte wrong, it is taken or refused, without harm. */
static void survives_damage(void **state)
{
    const char text[] = "tls_server_config:\n  cert_file: 'c'\n  key_file: \"k\"\n"
                        "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
                        "basic_auth_users:\n  a: " HASH "\n";
    char copy[sizeof(text)];

    (void)state;
    for (size_t size = 0; size < sizeof(text); size++)
        webconfig_parse(text, size, &config, why);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, text, sizeof(copy));
            copy[i] ^= (char)(1 << bit);
            if (!webconfig_parse(copy, sizeof(copy) - 1, &config, why))
                assert_true(webconfig_is_sound(&config));
        }
    }
}

/* A struct that was not made here. */
static void is_sound_only_with_what_may_be_used(void **state)
{
    static const char text[] = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
                               "    X-XSS-Protection: '0'\n"
                               "basic_auth_users:\n  alice: " HASH "\n";
    static const char *const hashes[] = {"", "$2y$31$", "$6$rounds=999999999$salt$hash"};

    (void)state;
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        expect_taken(text);
        strcpy(config.users[0].hash, hashes[i]);
        assert_false(webconfig_is_sound(&config));
    }
    expect_taken(text);
    memcpy(config.users[0].hash + 4, "31", 2); /* hours for each check */
    assert_false(webconfig_is_sound(&config));
    expect_taken(text);
    config.users[0].name[0] = '\0';
    assert_false(webconfig_is_sound(&config));
    expect_taken(text);
    strcpy(config.headers[1].value, "0\r\nSet-Cookie: a=b");
    assert_false(webconfig_is_sound(&config));
    expect_taken(text);
    strcpy(config.headers[1].name, "Set-Cookie");
    assert_false(webconfig_is_sound(&config));
    expect_taken(text);
    strcpy(config.headers[0].value, "allowall");
    assert_false(webconfig_is_sound(&config));
}

/* GnuTLS understands what is made of every name. */
static void writes_priorities(void **state)
{
    gnutls_priority_t priorities;

    (void)state;
    expect_taken("tls_server_config:\n  cert_file: c\n  key_file: k\n  cipher_suites:\n"
                 "    - TLS_AES_128_GCM_SHA256\n    - TLS_AES_256_GCM_SHA384\n"
                 "    - TLS_CHACHA20_POLY1305_SHA256\n"
                 "    - TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305\n"
                 "    - TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\n"
                 "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n");
    assert_int_equal(gnutls_priority_init(&priorities, config.priorities, NULL), 0);
    gnutls_priority_deinit(priorities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_keys),
        cmocka_unit_test(takes_nothing),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(refuses_weak_tls),
        cmocka_unit_test(refuses_bad_users),
        cmocka_unit_test(refuses_aliases_at_once),
        cmocka_unit_test(ends_soon),
        cmocka_unit_test(is_sound_only_with_what_may_be_used),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(writes_priorities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
