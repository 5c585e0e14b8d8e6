/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --web.config.file says, in the format of Prometheus' exporter-toolkit: TLS, headers, users
 * and their passwords' hashes. A struct of fixed size without pointers, so that it can be sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBCONFIG_FILE_MAX       (64 * 1024)
#define WEBCONFIG_PATH_MAX       4096
#define WEBCONFIG_USERS_MAX      64
#define WEBCONFIG_USER_MAX       128
#define WEBCONFIG_HASH_MAX       64
#define WEBCONFIG_COST_MAX       14 /* of bcrypt: about a second for each check */
#define WEBCONFIG_HEADERS_MAX    5  /* there are no more that may be set */
#define WEBCONFIG_HEADER_MAX     32
#define WEBCONFIG_VALUE_MAX      4096
#define WEBCONFIG_PRIORITIES_MAX 1024
#define WEBCONFIG_WHY_MAX        512

/* tls.ConnectionState's names of Go, which the toolkit uses. */
enum client_auth {
    CLIENT_AUTH_NONE,            /* NoClientCert */
    CLIENT_AUTH_REQUEST,         /* RequestClientCert */
    CLIENT_AUTH_REQUIRE,         /* RequireAnyClientCert: any at all */
    CLIENT_AUTH_VERIFY_IF_GIVEN, /* VerifyClientCertIfGiven */
    CLIENT_AUTH_VERIFY,          /* RequireAndVerifyClientCert */
    CLIENT_AUTH_MAX
};

enum webconfig_file { WEBCONFIG_CERT, WEBCONFIG_KEY, WEBCONFIG_CLIENT_CA, WEBCONFIG_FILES };

struct webconfig_user {
    char name[WEBCONFIG_USER_MAX];
    char hash[WEBCONFIG_HASH_MAX]; /* bcrypt */
};

struct webconfig_value {
    char name[WEBCONFIG_HEADER_MAX];
    char value[WEBCONFIG_VALUE_MAX];
};

struct webconfig {
    uint32_t has_tls;     /* 1: serve TLS, and nothing else */
    uint32_t client_auth; /* enum client_auth */
    uint32_t n_users;     /* 0: no passwords */
    uint32_t n_headers;
    char files[WEBCONFIG_FILES][WEBCONFIG_PATH_MAX]; /* as written; "": none */
    char priorities[WEBCONFIG_PRIORITIES_MAX];       /* of GnuTLS */
    struct webconfig_user users[WEBCONFIG_USERS_MAX];
    struct webconfig_value headers[WEBCONFIG_HEADERS_MAX];
};

/* Reads the text of a file. -EINVAL: it is not in order, and ret_why says where and why; -ENOMEM.
 */
int webconfig_parse(const char *text, size_t size, struct webconfig *ret_config,
                    char ret_why[static WEBCONFIG_WHY_MAX]);

/* True if a struct that came from elsewhere has nothing that webconfig_parse() would not have taken
 * and that could harm who uses it: counts, strings, hashes, names and values of headers. */
bool webconfig_is_sound(const struct webconfig *config);

/* True if a string is a bcrypt hash, and not of a cost above WEBCONFIG_COST_MAX. */
bool webconfig_is_hash(const char *text);

/* The cost of a hash that webconfig_parse() took: its rounds are 2 to the power of that. */
unsigned webconfig_cost(const char *hash);

/* The value that the configuration gives a header, or NULL; `config` may be NULL. */
const char *webconfig_header(const struct webconfig *config, const char *name);
