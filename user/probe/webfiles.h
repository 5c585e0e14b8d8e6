/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of --web.config.file: the configuration and what it names. The probe reads them, since
 * keys are for root alone; a judge interprets them, and says which other files they name; the
 * monitor gets bytes that were found good. Nobody who faces the network has a say in what is read.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "webconfig.h"
#include "wire.h"

#define WEBFILES_WHY_MAX (WEBCONFIG_WHY_MAX + WEBCONFIG_PATH_MAX + 64)

/* By what a file that was replaced or written is known. */
struct webfile {
    char path[WEBCONFIG_PATH_MAX]; /* "": none */
    struct stat stat;              /* as it was before it was read; zeroes: it was not there */
};

struct webfiles {
    bool is_exposed; /* plain connections may come from other machines */
    struct webfile config;
    struct webfile files[WEBCONFIG_FILES]; /* as the last good configuration names them */
};

/* -ENAMETOOLONG. */
int webfiles_init(struct webfiles *webfiles, const char *path, bool is_exposed);

/* Reads all files. What is to be sent to the monitor, of *ret_size bytes, is the caller's, to end
 * with webfiles_wipe(). -EINVAL: something is wrong with them, which ret_why tells; -errno. */
int webfiles_load(struct webfiles *webfiles, struct wire_web **ret_web, size_t *ret_size,
                  char ret_why[static WEBFILES_WHY_MAX]);

/* Frees what webfiles_load() gave, keys in it first made unreadable. NULL-safe. */
void webfiles_wipe(struct wire_web **web);

/* True if a file is not the one that was read last. */
bool webfiles_changed(const struct webfiles *webfiles);
