/* SPDX-License-Identifier: Apache-2.0 */
#include "intern.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INTERNS_SLOTS_START 1024

struct intern {
    uint32_t hash;
    uint32_t length;
    char text[];
};

struct interns {
    struct intern **slots; /* open addressing, a power of two, at most half full */
    size_t n_slots;
    size_t n;
    size_t bytes;
};

/* FNV-1a. */
static uint32_t hash_text(const char *text, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return hash;
}

static struct intern **find_slot(struct intern **slots, size_t n_slots, uint32_t hash,
                                 const char *text, size_t length)
{
    size_t i = hash & (n_slots - 1);

    for (; slots[i]; i = (i + 1) & (n_slots - 1))
        if (slots[i]->hash == hash && slots[i]->length == length &&
            memcmp(slots[i]->text, text, length) == 0)
            break;
    return &slots[i];
}

static int grow(struct interns *interns)
{
    size_t n_slots = interns->n_slots * 2;
    struct intern **slots = calloc(n_slots, sizeof(struct intern *));

    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < interns->n_slots; i++) {
        struct intern *intern = interns->slots[i];

        if (intern)
            *find_slot(slots, n_slots, intern->hash, intern->text, intern->length) = intern;
    }
    free(interns->slots);
    interns->slots = slots;
    interns->n_slots = n_slots;
    return 0;
}

int interns_new(struct interns **ret_interns)
{
    struct interns *interns = calloc(1, sizeof(*interns));

    if (interns)
        interns->slots = calloc(INTERNS_SLOTS_START, sizeof(struct intern *));
    if (!interns || !interns->slots) {
        free(interns);
        return -ENOMEM;
    }
    interns->n_slots = INTERNS_SLOTS_START;
    *ret_interns = interns;
    return 0;
}

void interns_free(struct interns **interns)
{
    if (!*interns)
        return;
    for (size_t i = 0; i < (*interns)->n_slots; i++)
        free((*interns)->slots[i]);
    free((*interns)->slots);
    free(*interns);
    *interns = NULL;
}

const char *interns_keep(struct interns *interns, const char *text)
{
    size_t length = strnlen(text, INTERNS_LENGTH_MAX);
    uint32_t hash = hash_text(text, length);
    struct intern **slot, *intern;

    if (interns->n >= interns->n_slots / 2 && grow(interns) < 0)
        return NULL;
    slot = find_slot(interns->slots, interns->n_slots, hash, text, length);
    if (*slot)
        return (*slot)->text;
    if (interns->bytes + sizeof(*intern) + length + 1 > INTERNS_BYTES_MAX)
        return NULL;
    intern = malloc(sizeof(*intern) + length + 1);
    if (!intern)
        return NULL;
    intern->hash = hash;
    intern->length = (uint32_t)length;
    memcpy(intern->text, text, length);
    intern->text[length] = '\0';
    interns->bytes += sizeof(*intern) + length + 1;
    interns->n++;
    *slot = intern;
    return intern->text;
}
