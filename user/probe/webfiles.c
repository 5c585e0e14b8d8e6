/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/webfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe/error.h"
#include "probe/judge.h"
#include "webbundle.h"

/* All of them and their frame are one message. */
static const size_t size_max[WEBCONFIG_FILES] = {
    [WEBCONFIG_CERT] = 64 * 1024,
    [WEBCONFIG_KEY] = 16 * 1024,
    [WEBCONFIG_CLIENT_CA] = 96 * 1024,
};
static_assert(sizeof(struct wire_web) + (64 + 16 + 96) * 1024 <= WIRE_PAYLOAD_MAX, "one message");

int webfiles_init(struct webfiles *webfiles, const char *path, bool is_exposed)
{
    *webfiles = (struct webfiles){.is_exposed = is_exposed};
    if (strlen(path) >= sizeof(webfiles->config.path))
        return -ENAMETOOLONG;
    memcpy(webfiles->config.path, path, strlen(path) + 1);
    return 0;
}

/* Reads up to `size` bytes. Their number, or -errno. */
static ssize_t read_up_to(int fd, char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        const ssize_t n = read(fd, bytes + at, size - at);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (!n)
            break;
        at += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)at;
}

static void look_at(const char *path, struct stat *ret_stat)
{
    if (stat(path, ret_stat))
        memset(ret_stat, 0, sizeof(*ret_stat));
}

/* Reads a regular file of at most `size` bytes, and notes which it was. Its length, or -errno. */
static ssize_t read_file(struct webfile *file, char *bytes, size_t size)
{
    AUTO_CLOSE int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const int error = errno;
    char more;
    ssize_t n;

    look_at(file->path, &file->stat);
    if (fd < 0)
        return -error;
    if (fstat(fd, &file->stat))
        return -errno;
    if (!S_ISREG(file->stat.st_mode))
        return -EINVAL;
    n = read_up_to(fd, bytes, size);
    if (n == (ssize_t)size && read(fd, &more, 1) == 1)
        return -EFBIG;
    return n;
}

static int explain(const struct webfile *file, int error, char ret_why[static WEBFILES_WHY_MAX])
{
    snprintf(ret_why, WEBFILES_WHY_MAX, "%s: %s", file->path,
             error == -EINVAL ? "not a regular file" : strerror(-error));
    return -EINVAL;
}

struct parsing {
    const char *text;
    size_t size;
};

struct parsed {
    int error;
    char why[WEBCONFIG_WHY_MAX];
    struct webconfig config;
};

static void parse(void *context, void *ret_result)
{
    const struct parsing *parsing = context;
    struct parsed *parsed = ret_result;

    parsed->error = webconfig_parse(parsing->text, parsing->size, &parsed->config, parsed->why);
}

/* An answer of a judge: an error, and a text that ends. */
static bool is_sound_answer(int error, const char *why, size_t size)
{
    return error_is_sound(error) && memchr(why, '\0', size);
}

/* The judge did not answer, or said no. */
static int explain_judge(const struct webfile *file, int r, int error, const char *why,
                         char ret_why[static WEBFILES_WHY_MAX])
{
    if (r || (error && error != -EINVAL))
        snprintf(ret_why, WEBFILES_WHY_MAX, "%s: cannot be checked: %s", file->path,
                 strerror(r ? -r : -error));
    else if (error)
        snprintf(ret_why, WEBFILES_WHY_MAX, "%s: %s", file->path, why);
    return r || error ? -EINVAL : 0;
}

static int load_config(struct webfiles *webfiles, struct webconfig *ret_config,
                       char ret_why[static WEBFILES_WHY_MAX])
{
    AUTO_FREE char *text = malloc(WEBCONFIG_FILE_MAX);
    AUTO_FREE struct parsed *parsed = calloc(1, sizeof(*parsed));
    struct parsing parsing = {.text = text};
    ssize_t n;
    int r;

    if (!text || !parsed)
        return -ENOMEM;
    n = read_file(&webfiles->config, text, WEBCONFIG_FILE_MAX);
    if (n < 0)
        return explain(&webfiles->config, (int)n, ret_why);
    parsing.size = (size_t)n;
    r = judge_ask(parse, &parsing, parsed, sizeof(*parsed));
    if (!r && (!is_sound_answer(parsed->error, parsed->why, sizeof(parsed->why)) ||
               (!parsed->error && !webconfig_is_sound(&parsed->config))))
        r = -EBADMSG;
    r = explain_judge(&webfiles->config, r, parsed->error, parsed->why, ret_why);
    if (!r)
        *ret_config = parsed->config;
    return r;
}

/* As the toolkit: what is not absolute is beside the configuration. */
static int place(const struct webfile *config, const char *name, struct webfile *ret_file)
{
    const char *slash = strrchr(config->path, '/');
    const int directory = slash && name[0] != '/' ? (int)(slash + 1 - config->path) : 0;
    int n;

    n = snprintf(ret_file->path, sizeof(ret_file->path), "%.*s%s", directory, config->path, name);
    return n < (int)sizeof(ret_file->path) ? 0 : -ENAMETOOLONG;
}

/* Reads the files that the configuration names behind it. */
static int load_files(struct webfiles *webfiles, struct wire_web *web, size_t *ret_size,
                      char ret_why[static WEBFILES_WHY_MAX])
{
    char *bytes = (char *)(web + 1);

    for (size_t i = 0; i < WEBCONFIG_FILES; i++) {
        struct webfile *file = &webfiles->files[i];
        ssize_t n = 0;

        file->path[0] = '\0';
        if (web->config.files[i][0]) {
            n = place(&webfiles->config, web->config.files[i], file);
            if (!n)
                n = read_file(file, bytes, size_max[i]);
        }
        if (n < 0)
            return explain(file, (int)n, ret_why);
        web->sizes[i] = (uint32_t)n;
        bytes += n;
    }
    *ret_size = (size_t)(bytes - (char *)web);
    return 0;
}

struct tried {
    int error;
    char why[TLS_WHY_MAX];
};

static void try_tls(void *context, void *ret_result)
{
    const struct wire_web *web = context;
    struct tls_bytes files[WEBCONFIG_FILES];
    struct tried *tried = ret_result;
    struct tls *tls = NULL;

    webbundle_files(web, files);
    tried->error = tls_new(&web->config, files, &tls, tried->why);
    tls_unref(&tls);
}

static int check_files(const struct webfiles *webfiles, struct wire_web *web,
                       char ret_why[static WEBFILES_WHY_MAX])
{
    struct tried tried = {};
    int r;

    if (webfiles->is_exposed && web->config.n_users && !web->config.has_tls) {
        snprintf(ret_why, WEBFILES_WHY_MAX,
                 "%s: passwords without TLS are for loopback addresses only",
                 webfiles->config.path);
        return -EINVAL;
    }
    if (!web->config.has_tls)
        return 0;
    r = judge_ask(try_tls, web, &tried, sizeof(tried));
    if (!r && !is_sound_answer(tried.error, tried.why, sizeof(tried.why)))
        r = -EBADMSG;
    return explain_judge(&webfiles->config, r, tried.error, tried.why, ret_why);
}

int webfiles_load(struct webfiles *webfiles, struct wire_web **ret_web, size_t *ret_size,
                  char ret_why[static WEBFILES_WHY_MAX])
{
    CLEANUP(webfiles_wipe) struct wire_web *web = calloc(1, WIRE_PAYLOAD_MAX);
    int r;

    if (!web)
        return -ENOMEM;
    r = load_config(webfiles, &web->config, ret_why);
    if (!r)
        r = load_files(webfiles, web, ret_size, ret_why);
    if (!r)
        r = check_files(webfiles, web, ret_why);
    if (!r)
        *ret_web = TAKE_PTR(web);
    return r;
}

void webfiles_wipe(struct wire_web **web)
{
    if (*web)
        explicit_bzero(*web, WIRE_PAYLOAD_MAX);
    free(*web);
    *web = NULL;
}

static bool is_changed(const struct webfile *file)
{
    struct stat now;

    if (!file->path[0])
        return false;
    look_at(file->path, &now);
    return now.st_dev != file->stat.st_dev || now.st_ino != file->stat.st_ino ||
           now.st_size != file->stat.st_size || now.st_mtim.tv_sec != file->stat.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != file->stat.st_mtim.tv_nsec ||
           now.st_ctim.tv_sec != file->stat.st_ctim.tv_sec ||
           now.st_ctim.tv_nsec != file->stat.st_ctim.tv_nsec;
}

bool webfiles_changed(const struct webfiles *webfiles)
{
    bool changed = is_changed(&webfiles->config);

    for (size_t i = 0; i < WEBCONFIG_FILES; i++)
        changed |= is_changed(&webfiles->files[i]);
    return changed;
}
