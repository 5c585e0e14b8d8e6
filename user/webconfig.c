/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the file from libyaml's events, one after another: nothing is built of what is not known,
 * so that neither depth nor aliases of the text matter.
 */
#include "webconfig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <yaml.h>

#include "cleanup.h"
#include "webconfig_tls.h"

#define KEY_MAX 256

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one at hand */
    struct webconfig *config;
    struct webconfig_tls tls;
    char *why;
};

static void reader_close(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

static int refuse(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says what is wrong, and in which line. */
static int refuse(struct reader *reader, const char *format, ...)
{
    const size_t line = reader->event.start_mark.line + 1;
    va_list arguments;
    int n;

    n = snprintf(reader->why, WEBCONFIG_WHY_MAX, "line %zu: ", line);
    va_start(arguments, format);
    vsnprintf(reader->why + n, WEBCONFIG_WHY_MAX - (size_t)n, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

static int next(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event)) {
        if (reader->event.type == YAML_ALIAS_EVENT)
            return refuse(reader, "aliases are not taken");
        return 0;
    }
    if (reader->parser.error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    snprintf(reader->why, WEBCONFIG_WHY_MAX, "line %zu: not YAML: %s",
             reader->parser.problem_mark.line + 1, reader->parser.problem);
    return -EINVAL;
}

static const char *scalar(const struct reader *reader)
{
    return (const char *)reader->event.data.scalar.value;
}

/* The scalar at hand as a string. */
static int take_string(struct reader *reader, const char *key, char *ret_text, size_t size)
{
    if (reader->event.type != YAML_SCALAR_EVENT)
        return refuse(reader, "%.64s is not a string", key);
    if (reader->event.data.scalar.length != strlen(scalar(reader)) ||
        reader->event.data.scalar.length >= size)
        return refuse(reader, "%.64s is longer than %zu bytes, or has a NUL", key, size - 1);
    memcpy(ret_text, scalar(reader), reader->event.data.scalar.length + 1);
    return 0;
}

static int take_bool(struct reader *reader, const char *key, bool *ret_value)
{
    char text[8];
    int r = take_string(reader, key, text, sizeof(text));

    if (r)
        return r;
    if (strcmp(text, "true") && strcmp(text, "false"))
        return refuse(reader, "%.64s is neither true nor false", key);
    *ret_value = !strcmp(text, "true");
    return 0;
}

/* The value at hand is nothing: "key:". */
static bool is_null(const struct reader *reader)
{
    const yaml_event_t *event = &reader->event;

    return event->type == YAML_SCALAR_EVENT && event->data.scalar.plain_implicit &&
           (!strcmp(scalar(reader), "") || !strcmp(scalar(reader), "null") ||
            !strcmp(scalar(reader), "~"));
}

/* Takes each pair of the mapping at hand; `take` finds the value at hand. */
static int take_mapping(struct reader *reader, const char *what,
                        int (*take)(struct reader *reader, const char *key))
{
    char key[KEY_MAX];
    int r;

    if (is_null(reader))
        return 0;
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return refuse(reader, "%s is not a mapping", what);
    while (!(r = next(reader)) && reader->event.type != YAML_MAPPING_END_EVENT) {
        r = take_string(reader, "a key", key, sizeof(key));
        if (!r)
            r = next(reader);
        if (!r)
            r = take(reader, key);
        if (r)
            return r;
    }
    return r;
}

static int take_list(struct reader *reader, const char *key,
                     int (*add)(struct webconfig_tls *tls, const char *name))
{
    char name[KEY_MAX];
    int r;

    if (is_null(reader))
        return 0;
    if (reader->event.type != YAML_SEQUENCE_START_EVENT)
        return refuse(reader, "%s is not a list", key);
    while (!(r = next(reader)) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        r = take_string(reader, key, name, sizeof(name));
        if (r)
            return r;
        r = add(&reader->tls, name);
        if (r)
            return r == -E2BIG ? refuse(reader, "%s: too many", key)
                               : refuse(reader, "%s: '%.64s' is not known or not safe", key, name);
    }
    return r;
}

static int take_path(struct reader *reader, const char *key, enum webconfig_file file)
{
    char *path = reader->config->files[file];

    if (path[0])
        return refuse(reader, "%s is given twice", key);
    return take_string(reader, key, path, WEBCONFIG_PATH_MAX);
}

static int take_version(struct reader *reader, const char *key, enum tls_version *ret_version)
{
    char name[16];
    int r = take_string(reader, key, name, sizeof(name));

    if (r)
        return r;
    if (webconfig_tls_version(name, ret_version))
        return refuse(reader, "%s: '%s' is neither TLS12 nor TLS13", key, name);
    return 0;
}

static int take_client_auth(struct reader *reader, const char *key)
{
    static const struct {
        const char *name;
        enum client_auth value;
    } types[] = {
        {"NoClientCert", CLIENT_AUTH_NONE},
        {"RequestClientCert", CLIENT_AUTH_REQUEST},
        {"RequireClientCert", CLIENT_AUTH_REQUIRE},
        {"RequireAnyClientCert", CLIENT_AUTH_REQUIRE},
        {"VerifyClientCertIfGiven", CLIENT_AUTH_VERIFY_IF_GIVEN},
        {"RequireAndVerifyClientCert", CLIENT_AUTH_VERIFY},
        {"", CLIENT_AUTH_NONE},
    };
    char name[64];
    int r = take_string(reader, key, name, sizeof(name));

    if (r)
        return r;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!strcmp(name, types[i].name)) {
            reader->config->client_auth = types[i].value;
            return 0;
        }
    }
    return refuse(reader, "%s: '%s' is not known", key, name);
}

static int take_order(struct reader *reader, const char *key)
{
    bool by_server = true;
    int r = take_bool(reader, key, &by_server);

    reader->tls.client_order = !by_server;
    return r;
}

static int take_tls(struct reader *reader, const char *key)
{
    reader->config->has_tls = 1;
    if (!strcmp(key, "cert_file"))
        return take_path(reader, key, WEBCONFIG_CERT);
    if (!strcmp(key, "key_file"))
        return take_path(reader, key, WEBCONFIG_KEY);
    if (!strcmp(key, "client_ca_file"))
        return take_path(reader, key, WEBCONFIG_CLIENT_CA);
    if (!strcmp(key, "client_auth_type"))
        return take_client_auth(reader, key);
    if (!strcmp(key, "min_version"))
        return take_version(reader, key, &reader->tls.min);
    if (!strcmp(key, "max_version"))
        return take_version(reader, key, &reader->tls.max);
    if (!strcmp(key, "cipher_suites"))
        return take_list(reader, key, webconfig_tls_add_suite);
    if (!strcmp(key, "curve_preferences"))
        return take_list(reader, key, webconfig_tls_add_curve);
    if (!strcmp(key, "prefer_server_cipher_suites"))
        return take_order(reader, key);
    return refuse(reader, "tls_server_config has no '%.64s' here", key);
}

/* exporter-toolkit, web/handler.go: those headers, and of two of them those values. */
static const struct {
    const char *name;
    const char *values[2];
} known_headers[WEBCONFIG_HEADERS_MAX] = {
    {"Strict-Transport-Security", {NULL}},       {"X-Content-Type-Options", {"nosniff"}},
    {"X-Frame-Options", {"deny", "sameorigin"}}, {"X-XSS-Protection", {NULL}},
    {"Content-Security-Policy", {NULL}},
};

static bool is_header_value(size_t known, const char *value)
{
    const char *const *values = known_headers[known].values;

    for (const char *c = value; *c; c++)
        if (*c < ' ' || *c > '~')
            return false;
    return !values[0] || !strcasecmp(value, values[0]) ||
           (values[1] && !strcasecmp(value, values[1]));
}

static int take_header(struct reader *reader, const char *key)
{
    struct webconfig *config = reader->config;
    struct webconfig_value *header;
    size_t known = 0;
    int r;

    while (known < WEBCONFIG_HEADERS_MAX && strcasecmp(key, known_headers[known].name) != 0)
        known++;
    if (known == WEBCONFIG_HEADERS_MAX)
        return refuse(reader, "the header '%.64s' cannot be set", key);
    if (webconfig_header(config, known_headers[known].name))
        return refuse(reader, "%s is given twice", known_headers[known].name);
    header = &config->headers[config->n_headers];
    r = take_string(reader, key, header->value, sizeof(header->value));
    if (r || !header->value[0])
        return r;
    if (!is_header_value(known, header->value))
        return refuse(reader, "%s cannot have this value", known_headers[known].name);
    snprintf(header->name, sizeof(header->name), "%s", known_headers[known].name);
    config->n_headers++;
    return 0;
}

static int take_http(struct reader *reader, const char *key)
{
    bool ignored;

    /* HTTP/2 is not spoken, as a client of such a server has to be ready for. */
    if (!strcmp(key, "http2"))
        return take_bool(reader, key, &ignored);
    if (!strcmp(key, "headers"))
        return take_mapping(reader, key, take_header);
    return refuse(reader, "http_server_config has no '%.64s' here", key);
}

/* "$2y$10$" and 53 characters. */
bool webconfig_is_hash(const char *hash)
{
    const char *alphabet = "./0123456789"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned cost;
    char variant;

    if (strlen(hash) != 60 || sscanf(hash, "$2%c$%2u$", &variant, &cost) != 2 || hash[6] != '$' ||
        strspn(hash + 4, "0123456789") != 2)
        return false;
    return strchr("aby", variant) && cost >= 4 && cost <= WEBCONFIG_COST_MAX &&
           strspn(hash + 7, alphabet) == 53;
}

static int take_user(struct reader *reader, const char *name)
{
    struct webconfig *config = reader->config;
    struct webconfig_user *user = &config->users[config->n_users];
    int r;

    if (config->n_users == WEBCONFIG_USERS_MAX)
        return refuse(reader, "more than %d users", WEBCONFIG_USERS_MAX);
    if (!name[0] || strlen(name) >= sizeof(user->name) || strchr(name, ':'))
        return refuse(reader, "not a user's name: empty, with a colon or too long");
    for (size_t i = 0; i < config->n_users; i++)
        if (!strcmp(name, config->users[i].name))
            return refuse(reader, "user %.64s is given twice", name);
    r = take_string(reader, "a hash", user->hash, sizeof(user->hash));
    if (r)
        return r;
    if (!webconfig_is_hash(user->hash))
        return refuse(reader, "the hash of %.64s is not bcrypt, or of a cost above %d", name,
                      WEBCONFIG_COST_MAX);
    memcpy(user->name, name, strlen(name) + 1);
    config->n_users++;
    return 0;
}

static int take_section(struct reader *reader, const char *key)
{
    if (!strcmp(key, "tls_server_config"))
        return take_mapping(reader, key, take_tls);
    if (!strcmp(key, "http_server_config"))
        return take_mapping(reader, key, take_http);
    if (!strcmp(key, "basic_auth_users"))
        return take_mapping(reader, key, take_user);
    return refuse(reader, "'%.64s' is not known here", key);
}

/* What holds between the keys. */
static int check_tls(struct reader *reader)
{
    struct webconfig *config = reader->config;
    const bool verifies = config->client_auth == CLIENT_AUTH_VERIFY ||
                          config->client_auth == CLIENT_AUTH_VERIFY_IF_GIVEN;
    int r;

    if (!config->has_tls)
        return 0;
    if (!config->files[WEBCONFIG_CERT][0] || !config->files[WEBCONFIG_KEY][0])
        return refuse(reader, "tls_server_config needs cert_file and key_file");
    if (verifies != (config->files[WEBCONFIG_CLIENT_CA][0] != '\0'))
        return refuse(reader, "client_ca_file and a client_auth_type that verifies go together");
    r = webconfig_tls_priorities(&reader->tls, config->priorities, sizeof(config->priorities));
    if (r == -EINVAL)
        return refuse(reader, "min_version is above max_version");
    return r == -E2BIG ? refuse(reader, "too many cipher suites and curves") : r;
}

static int take_document(struct reader *reader)
{
    int r = next(reader); /* the stream's start */

    if (!r)
        r = next(reader);
    if (r || reader->event.type == YAML_STREAM_END_EVENT)
        return r;
    r = next(reader);
    if (!r)
        r = take_mapping(reader, "the file", take_section);
    if (!r)
        r = check_tls(reader);
    if (!r)
        r = next(reader); /* the document's end */
    if (!r)
        r = next(reader);
    if (!r && reader->event.type != YAML_STREAM_END_EVENT)
        return refuse(reader, "more than one document");
    return r;
}

int webconfig_parse(const char *text, size_t size, struct webconfig *ret_config,
                    char ret_why[static WEBCONFIG_WHY_MAX])
{
    CLEANUP(reader_close) struct reader reader = {.config = ret_config, .why = ret_why};

    memset(ret_config, 0, sizeof(*ret_config));
    if (!yaml_parser_initialize(&reader.parser))
        return -ENOMEM;
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
    return take_document(&reader);
}

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size);
}

static bool is_sound_user(const struct webconfig_user *user)
{
    return is_terminated(user->name, sizeof(user->name)) && user->name[0] &&
           !strchr(user->name, ':') && is_terminated(user->hash, sizeof(user->hash)) &&
           webconfig_is_hash(user->hash);
}

/* It goes into answers as it is. */
static bool is_sound_header(const struct webconfig_value *header)
{
    size_t known = 0;

    if (!is_terminated(header->name, sizeof(header->name)) ||
        !is_terminated(header->value, sizeof(header->value)))
        return false;
    while (known < WEBCONFIG_HEADERS_MAX && strcmp(header->name, known_headers[known].name) != 0)
        known++;
    return known < WEBCONFIG_HEADERS_MAX && is_header_value(known, header->value);
}

bool webconfig_is_sound(const struct webconfig *config)
{
    if (config->has_tls > 1 || config->client_auth >= CLIENT_AUTH_MAX ||
        config->n_users > WEBCONFIG_USERS_MAX || config->n_headers > WEBCONFIG_HEADERS_MAX ||
        !is_terminated(config->priorities, sizeof(config->priorities)))
        return false;
    for (size_t i = 0; i < WEBCONFIG_FILES; i++)
        if (!is_terminated(config->files[i], sizeof(config->files[i])))
            return false;
    for (size_t i = 0; i < config->n_users; i++)
        if (!is_sound_user(&config->users[i]))
            return false;
    for (size_t i = 0; i < config->n_headers; i++)
        if (!is_sound_header(&config->headers[i]))
            return false;
    return true;
}

unsigned webconfig_cost(const char *hash)
{
    return (unsigned)((hash[4] - '0') * 10 + hash[5] - '0');
}

const char *webconfig_header(const struct webconfig *config, const char *name)
{
    for (size_t i = 0; config && i < config->n_headers; i++)
        if (!strcmp(name, config->headers[i].name))
            return config->headers[i].value;
    return NULL;
}
